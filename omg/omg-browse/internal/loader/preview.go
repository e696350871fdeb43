package loader

import (
	"bufio"
	"bytes"
	"context"
	"fmt"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/omg/omg-browse/internal/browser"
	"github.com/omg-arch/omg/omg/omg-browse/internal/styled"
	"github.com/omg-arch/omg/shared/wire"
)

// preview returns the content of a tab.
func (l *Loader) preview(ctx context.Context, q *browser.PreviewQuery) (browser.Page, error) {
	switch q.Tab {
	case browser.TabDepends, browser.TabRequiredBy:
		return l.tree(ctx, q)
	}
	return l.info(ctx, q)
}

// page returns what a function prints in a style for a width.
func page(width int, print func(show.Style, *bufio.Writer)) browser.Page {
	var b bytes.Buffer
	w := bufio.NewWriter(&b)
	print(show.Style{Color: true, Width: width}, w)
	_ = w.Flush()
	return browser.Page{Lines: styled.Parse(b.String())}
}

// info returns what omg info prints about a package: the block of its repository or, if it is in none, that of the installed package.
func (l *Loader) info(ctx context.Context, q *browser.PreviewQuery) (browser.Page, error) {
	name := q.Row.Name
	if q.Row.Repo != "" {
		name = q.Row.Repo + "/" + name
	}
	var found []wire.Package
	_, err := l.backend.Info(ctx, &wire.InfoRequest{Names: []string{name}, Offline: true}, func(p *wire.Package) error {
		found = append(found, *p)
		return nil
	}, func() {})
	if err != nil {
		return browser.Page{}, err
	}
	if len(found) == 0 && q.Row.Installed != "" {
		result, err := l.backend.Installed(ctx, &wire.InstalledRequest{Names: []string{q.Row.Name}, Details: true})
		if err != nil {
			return browser.Page{}, err
		}
		return page(q.Width, func(s show.Style, w *bufio.Writer) {
			for i := range result.Packages {
				s.PrintInstalled(w, &result.Packages[i])
			}
		}), nil
	}
	if len(found) == 0 {
		return browser.Page{}, fmt.Errorf("no source has the package %s", name)
	}
	return page(q.Width, func(s show.Style, w *bufio.Writer) {
		for i := range found[:1] {
			s.PrintInfo(w, &found[i])
		}
	}), nil
}

func (l *Loader) tree(ctx context.Context, q *browser.PreviewQuery) (browser.Page, error) {
	result, err := l.backend.Tree(ctx, &backend.TreeRequest{
		Name: q.Row.Name, Reverse: q.Tab == browser.TabRequiredBy, FromRepositories: q.Row.Installed == "", MaxDepth: 3,
	})
	if err != nil {
		return browser.Page{}, err
	}
	return page(0, func(s show.Style, w *bufio.Writer) {
		s.PrintTree(w, &show.Tree{TreeResult: result, Reverse: q.Tab == browser.TabRequiredBy}, true)
	}), nil
}
