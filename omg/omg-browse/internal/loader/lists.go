package loader

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/omg/omg-browse/internal/browser"
	"github.com/omg-arch/omg/shared/posixre"
	"github.com/omg-arch/omg/shared/wire"
)

// errWrongPage is the error for an answer that the browser would request again and again, because rows of its page are missing.
var errWrongPage = errors.New("the answer has more or fewer packages than it says")

func (l *Loader) search(ctx context.Context, q *browser.SearchPage) (a browser.Answer, err error) {
	req := q.Request(q.Words)
	req.Sort, req.Offline, req.Skip, req.Limit = q.Sort, true, uint32(q.Page*browser.PageSize), browser.PageSize
	result, err := l.backend.Search(ctx, req, func(p *wire.Package) error {
		if len(a.Rows) == browser.PageSize {
			return errWrongPage
		}
		a.Rows = append(a.Rows, packageRow(p))
		return ctx.Err()
	}, func() {})
	if err != nil {
		return a, err
	}
	if rest := max(0, int(result.Total)-q.Page*browser.PageSize); len(a.Rows) != min(rest, browser.PageSize) {
		return a, errWrongPage
	}
	a.Total, a.Note, a.Repos = int(result.Total), note(&result.Basis), repositories(&result.Basis)
	isWord := func(name string) bool { return slices.Contains(q.Words, name) } // the package exists, but a filter leaves it out
	if names := slices.DeleteFunc(wire.SuggestedNames(result.Suggestions), isWord); result.Total == 0 && len(names) > 0 {
		a.Note = "did you mean: " + strings.Join(names, " ")
	}
	return a, nil
}

func packageRow(p *wire.Package) browser.Row {
	r := browser.Row{
		Key: browser.Key{Name: p.Name, AUR: p.AUR != nil}, Repo: p.Repo, Version: p.Version, Desc: p.Desc, Installed: p.InstalledVersion,
	}
	if p.AUR != nil {
		r.Note = fmt.Sprintf("%d votes", p.AUR.Votes)
		switch {
		case p.AUR.OutOfDate != 0:
			r.Note, r.Level = "out of date", browser.LevelWarn
		case p.AUR.Maintainer == "":
			r.Note, r.Level = "no maintainer", browser.LevelWarn
		}
	}
	return r
}

// note returns a text that says which data a result lacks, or which is not current; empty if there is none.
func note(b *wire.Basis) string {
	for i := range b.Sources {
		switch s := &b.Sources[i]; {
		case s.State == wire.SourceOK:
		case s.Kind == wire.KindAUR:
			return show.AURNote(s, "not searched")
		case s.State != wire.SourceMissing:
			return fmt.Sprintf("%s is %s: %s", s.Name, s.State, s.Why)
		}
	}
	if b.Partial || b.Stale {
		return b.Why
	}
	return ""
}

// repositories returns the names of the repositories among the sources of a result.
func repositories(b *wire.Basis) []string {
	names := []string{}
	for i := range b.Sources {
		if s := &b.Sources[i]; s.IsRepository() {
			names = append(names, s.Name)
		}
	}
	return names
}

// maxFileRows is the maximum number of packages in the view of files. More are of no use: the user types more.
const maxFileRows = 2000

// errEnough ends a request that has given enough rows.
var errEnough = errors.New("enough")

// files finds the packages of the repositories that have files with the words in their paths, in this order. Lists of files without an
// index are not searched: this would take seconds.
func (l *Loader) files(ctx context.Context, q *browser.FilesQuery) (a browser.Answer, err error) {
	if len(q.Words) == 0 {
		return a, errors.New("type the name of a file, or a part of its path")
	}
	words := make([]string, len(q.Words))
	for i, word := range q.Words {
		words[i] = posixre.Quote(word)
	}
	req := &backend.RepoOwnersRequest{IndexedOnly: true}
	req.Names, req.Regex = []string{strings.Join(words, ".*")}, true
	result, err := l.backend.RepoOwners(ctx, req, func(o *wire.FileOwner) error {
		for _, path := range o.Paths {
			if len(a.Rows) == maxFileRows {
				a.More = true
				return errEnough
			}
			a.Rows = append(a.Rows, browser.Row{Key: browser.Key{Name: o.Name}, Repo: o.Repo, Version: o.Version, Note: "/" + path})
		}
		return ctx.Err()
	})
	switch {
	case errors.Is(err, errEnough):
		return a, nil
	case err != nil:
		return a, err
	}
	a.Note, err = fileListsNote(&result.Basis)
	return a, err
}

// fileListsNote returns what a search of the files lacks, or an error if there is no list of files to search.
func fileListsNote(b *wire.Basis) (string, error) {
	var missing []string
	err := errNoFileLists
	for i := range b.Sources {
		switch s := &b.Sources[i]; s.State {
		case wire.SourceMissing:
			missing = append(missing, s.Name)
		case wire.SourceFailed:
			err = fmt.Errorf("the files of the repositories are unknown: %s: %s", s.Name, s.Why)
		}
	}
	switch text := note(b); {
	case !slices.ContainsFunc(b.Sources, func(s wire.Source) bool { return !s.Unavailable() }):
		return "", err
	case text != "" || missing == nil:
		return text, nil
	}
	return "the files of " + strings.Join(missing, ", ") + " are unknown", nil
}
