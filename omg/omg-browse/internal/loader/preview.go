package loader

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/omg-arch/omg/omg/internal/acks"
	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/omg/omg-browse/internal/browser"
	"github.com/omg-arch/omg/omg/omg-browse/internal/styled"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/wire"
)

// preview returns the content of a tab.
func (l *Loader) preview(ctx context.Context, q *browser.PreviewQuery) (browser.Page, error) {
	s, err := l.find(ctx, &q.Row)
	if err != nil {
		return browser.Page{}, err
	}
	p := &page{width: q.Width}
	switch q.Tab {
	case browser.TabDepends:
		err = l.depends(ctx, p, s)
	case browser.TabRequiredBy:
		err = l.requiredBy(ctx, p, s)
	case browser.TabFiles:
		err = l.packageFiles(ctx, p, s)
	case browser.TabHistory:
		err = l.history(ctx, p, s)
	case browser.TabNews:
		err = l.news(ctx, p, s, q.View == browser.ViewUpdates)
	case browser.TabBuild:
		err = l.buildFiles(ctx, p, s, q.Fetch)
	default:
		err = l.info(ctx, p, s, q.View)
	}
	if err == nil {
		err = ctx.Err()
	}
	return p.content, err
}

// subject is the package that a preview is about.
type subject struct {
	name string
	// pkg is the package in the first source that has it, and here the installed package if its repository is unknown; nil otherwise.
	pkg  *wire.Package
	here *wire.InstalledPackage
	// installed is the installed version; empty if the package is not installed.
	installed string
	// note says what is missing in the data about the package.
	note string
}

// find looks up a package among the sources and, if no repository has it, among the installed packages.
func (l *Loader) find(ctx context.Context, row *browser.Row) (*subject, error) {
	s := &subject{name: row.Name}
	name := row.Name
	if row.Repo != "" {
		name = row.Repo + "/" + name
	}
	result, err := l.backend.Info(ctx, &wire.InfoRequest{Names: []string{name}, Offline: true}, func(p *wire.Package) error {
		if s.pkg == nil {
			found := *p
			s.pkg, s.installed = &found, p.InstalledVersion
		}
		return nil
	}, func() {})
	if err != nil {
		return nil, err
	}
	s.note = note(&result.Basis)
	if s.isInRepository() {
		return s, nil
	}
	local, err := l.backend.Installed(ctx, &wire.InstalledRequest{Names: []string{row.Name}, Details: true})
	switch {
	case err == nil:
		for i := range local.Packages {
			if p := &local.Packages[i]; p.Name == row.Name { // not another one that provides the name
				s.here, s.installed = p, p.Version
			}
		}
		if s.note == "" {
			s.note = note(&local.Basis)
		}
	case !errors.Is(err, backend.ErrNoLocal):
		s.note = "the installed packages are unknown: " + message(err)
	}
	switch {
	case s.pkg != nil || s.here != nil:
		return s, nil
	case s.note != "":
		return nil, fmt.Errorf("the package %s was not found: %s", name, s.note)
	}
	return nil, fmt.Errorf("no source has the package %s", name)
}

func (s *subject) isInRepository() bool { return s.pkg != nil && s.pkg.AUR == nil }

// base returns the name of the package base.
func (s *subject) base() string {
	switch {
	case s.here != nil && s.here.Base != "":
		return s.here.Base
	case s.pkg != nil && s.pkg.Base != "":
		return s.pkg.Base
	}
	return s.name
}

// page is the content of a tab while it is made.
type page struct {
	width   int
	content browser.Page
}

// print adds what a function prints in a style for the width of the preview. The package at the beginning of each line is in names, if
// this is not nil.
func (p *page) print(print func(show.Style, *bufio.Writer) (names []string)) {
	var b bytes.Buffer
	w := bufio.NewWriter(&b)
	names := print(show.Style{Color: true, Width: p.width}, w)
	_ = w.Flush()
	if b.Len() == 0 {
		return
	}
	for i, line := range styled.Parse(b.String()) {
		name := ""
		if i < len(names) {
			name = names[i]
		}
		p.add(line, name)
	}
}

// add adds a line, which leads to a package if the name is not empty. Such a line is cut if it is too long, other lines are folded.
func (p *page) add(line styled.Line, name string) {
	c := &p.content
	lines := styled.Fold(line, p.width)
	c.Lines = append(c.Lines, lines...)
	if name != "" && c.Targets == nil {
		c.Targets = make([]string, 0, len(c.Lines))
	}
	if c.Targets != nil {
		for len(c.Targets) < len(c.Lines) {
			c.Targets = append(c.Targets, "")
		}
		c.Targets[len(c.Targets)-len(lines)] = name
	}
}

// heading adds a heading, with an empty line before it unless it is the first line.
func (p *page) heading(text string) {
	if len(p.content.Lines) > 0 {
		p.text("")
	}
	p.add(styled.Plain(termtext.Clean(text), styled.Style{Bold: true}), "")
}

// text adds a text.
func (p *page) text(text string) { p.add(styled.Plain(termtext.Clean(text), styled.Style{}), "") }

// warn adds a text about something that is missing; it may be empty.
func (p *page) warn(text string) {
	if text != "" {
		p.add(styled.Plain(termtext.Clean(text), styled.Style{Color: 3}), "")
	}
}

// info prints what omg info prints about a package. In the views of advisories and of the AUR, what these are about is first.
func (l *Loader) info(ctx context.Context, p *page, s *subject, view browser.View) error {
	if view == browser.ViewAUR {
		l.findings(ctx, p, s)
		p.text("")
	}
	if view == browser.ViewSecurity {
		l.advisories(ctx, p, s)
	}
	if s.pkg != nil {
		p.print(func(style show.Style, w *bufio.Writer) []string { style.PrintInfo(w, s.pkg); return nil })
	}
	if s.here != nil {
		if s.pkg != nil {
			p.heading("Installed")
		}
		p.print(func(style show.Style, w *bufio.Writer) []string { style.PrintInstalled(w, s.here); return nil })
	}
	if view != browser.ViewSecurity && s.hasAdvisories() {
		l.advisories(ctx, p, s)
	}
	p.warn(s.note)
	return nil
}

func (s *subject) hasAdvisories() bool {
	return s.pkg != nil && len(s.pkg.Advisories) > 0 || s.here != nil && len(s.here.Advisories) > 0
}

// advisories adds the advisories for an installed package.
func (l *Loader) advisories(ctx context.Context, p *page, s *subject) {
	result, err := l.backend.Security(ctx, &wire.SecurityRequest{Packages: []string{s.name}})
	if err != nil {
		p.warn("the advisories are unknown: " + message(err))
		return
	}
	p.warn(note(&result.Basis))
	for i := range result.Packages {
		if v := &result.Packages[i]; v.Name == s.name {
			p.print(func(style show.Style, w *bufio.Writer) []string { style.PrintAdvisories(w, v); return nil })
			if v.Foreign {
				p.warn("the package is in no repository: the advisories may be about another package with this name")
			}
		}
	}
}

// findings adds the findings about a package of the AUR. No build files are copied for them. Those about all installed packages are requested
// together, because omgd has computed them.
func (l *Loader) findings(ctx context.Context, p *page, s *subject) {
	r := &backend.AURCheckRequest{Offline: true, NoCopies: true}
	if s.installed == "" {
		r.Names = []string{s.name}
	}
	result, err := l.backend.AURCheck(ctx, r)
	if err != nil {
		p.warn("the findings are unknown: " + message(err))
		return
	}
	if file, err := acks.Open(paths.ProcessEnv()); err == nil {
		if list, err := file.Read(); err == nil {
			acks.Mark(list, result.Packages)
		} else {
			p.warn("your acknowledgements are not used: " + err.Error())
		}
	}
	found := false
	for i := range result.Packages {
		if c := &result.Packages[i]; c.Name == s.name {
			found = true
			p.print(func(style show.Style, w *bufio.Writer) []string { style.PrintChecked(w, c); return nil })
		}
	}
	switch {
	case slices.Contains(result.NotInAUR, s.name):
		p.warn("not checked: the package is neither in the AUR nor in its journal")
	case result.Unavailable != "":
		p.warn("other findings are unknown: " + result.Unavailable)
	case !result.Certain:
		p.warn("findings may be missing: omg aur check says why")
	case !found:
		p.text("no findings")
	}
}
