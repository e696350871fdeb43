// Package choice is what the user does with the chosen packages: printing and copying their names, opening their pages, and seeing the
// commands for them.
package choice

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/flags"
	"github.com/omg-arch/omg/omg/internal/output"
	"github.com/omg-arch/omg/omg/omg-browse/internal/browser"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// Print prints the chosen packages in the form that the flags select. The notes say which packages are not printed. If nothing is printed,
// Print returns an error with the exit code for nothing found.
func Print(ctx context.Context, w io.Writer, b backend.Backend, o *flags.Browse, choices []browser.Choice) (notes []string, err error) {
	end := byte('\n')
	if o.Print0 {
		end = 0
	}
	find := func(*browser.Choice) *wire.Package { return nil }
	if o.Template != nil || o.RepoOnly {
		if find, err = findAll(ctx, b, choices); err != nil {
			return nil, err
		}
	}
	var text bytes.Buffer
	var unsafe, elsewhere []string
	for i := range choices {
		c := &choices[i]
		name, ok := output.SafeName(c.Repo, c.Name)
		p := find(c)
		switch {
		case !ok || o.Template != nil && !wire.IsSafeName(c.Name):
			unsafe = append(unsafe, c.Name)
			continue
		case o.RepoOnly && !isInRepository(c, p):
			elsewhere = append(elsewhere, c.Name)
			continue
		case o.Template == nil:
			text.WriteString(name)
		case p == nil:
			return nil, fmt.Errorf("no source has the package %s any more", c.Name)
		default:
			if err := o.Template.Print(&text, p); err != nil {
				return nil, err
			}
		}
		text.WriteByte(end)
	}
	if unsafe != nil {
		notes = append(notes, output.LeftOutNote("package", unsafe))
	}
	if elsewhere != nil {
		notes = append(notes, "left out what is in no repository that could be read: "+output.QuoteWords(elsewhere))
	}
	if text.Len() == 0 {
		return notes, exit.QuietError(exit.NotFound)
	}
	if _, err := w.Write(text.Bytes()); err != nil {
		return notes, fmt.Errorf("the names cannot be written: %w", err)
	}
	return notes, nil
}

// isInRepository reports whether a package is in a repository. The parameter p is its data.
func isInRepository(c *browser.Choice, p *wire.Package) bool {
	return !c.AUR && (c.Repo != "" || p != nil && p.AUR == nil && p.Repo != "")
}

// source is where the data of a package comes from.
type source struct {
	browser.Key
	repo string // empty for the first source that has the package
}

func sourceOf(c *browser.Choice) source { return source{c.Key, c.Repo} }

// infoBatch is the maximum number of packages in one request.
const infoBatch = 500

// findAll requests the data of packages. The function find returns that of a package, or nil if neither a source has it nor is it
// installed.
func findAll(ctx context.Context, b backend.Backend, choices []browser.Choice) (find func(*browser.Choice) *wire.Package, err error) {
	found := map[source]*wire.Package{}
	find = func(c *browser.Choice) *wire.Package { return found[sourceOf(c)] }
	// Names with and without a source are requested apart, so that it is known for which of them a package was found.
	qualified, plain := []string{}, []string{}
	for i := range choices {
		if name := qualifiedName(&choices[i]); name != choices[i].Name {
			qualified = append(qualified, name)
		} else {
			plain = append(plain, name)
		}
	}
	request := func(names []string, repo func(*wire.Package) string) error {
		for batch := range slices.Chunk(names, infoBatch) {
			_, err := b.Info(ctx, &wire.InfoRequest{Names: batch, Offline: true}, func(p *wire.Package) error {
				if s := (source{browser.Key{Name: p.Name, AUR: p.AUR != nil}, repo(p)}); found[s] == nil {
					kept := *p
					found[s] = &kept
				}
				return nil
			}, func() {})
			if err != nil {
				return err
			}
		}
		return nil
	}
	if err := request(plain, func(*wire.Package) string { return "" }); err != nil {
		return nil, err
	}
	if err := request(qualified, func(p *wire.Package) string { return p.Repo }); err != nil {
		return nil, err
	}
	return find, findInstalled(ctx, b, choices, found)
}

// findInstalled adds the data of the packages that are only installed.
func findInstalled(ctx context.Context, b backend.Backend, choices []browser.Choice, found map[source]*wire.Package) error {
	missing := map[string][]source{}
	var names []string
	for i := range choices {
		s := sourceOf(&choices[i])
		if p := found[source{s.Key, wire.SourceAUR}]; s.AUR && s.repo == "" && p != nil {
			found[s] = p
		}
		if found[s] == nil {
			missing[s.Name] = append(missing[s.Name], s)
			names = append(names, s.Name)
		}
	}
	if names == nil {
		return nil
	}
	result, err := b.Installed(ctx, &wire.InstalledRequest{Names: names, Details: true})
	if err != nil {
		return err
	}
	for i := range result.Packages {
		p := &result.Packages[i].Package
		for _, s := range missing[p.Name] {
			found[s] = p
		}
	}
	return nil
}

// qualifiedName returns the name for a request: REPO/NAME if the source is known.
func qualifiedName(c *browser.Choice) string {
	switch {
	case c.AUR:
		return wire.SourceAUR + "/" + c.Name
	case c.Repo != "":
		return c.Repo + "/" + c.Name
	}
	return c.Name
}

// maxClipboard is the maximum length of a copied text, in bytes. Many terminals ignore an OSC 52 sequence of more than 100,000 bytes, and
// its text is encoded in base64, which makes it a third longer.
const maxClipboard = 74_000

// Names returns the names of packages as one line for the clipboard, and how many there are. Names that could be taken for something else
// on a command line are left out.
func Names(choices []browser.Choice) (text string, count int) {
	var names []string
	for i := range choices {
		if name, ok := output.SafeName(choices[i].Repo, choices[i].Name); ok && isPrintable(name) {
			names = append(names, quote(name))
		}
	}
	return strings.Join(names, " "), len(names)
}

// CheckClipboard returns an error if a text is too long for the clipboard.
func CheckClipboard(text string) error {
	if len(text) > maxClipboard {
		return fmt.Errorf("not copied: the text has %d bytes, and terminals take %d", len(text), maxClipboard)
	}
	return nil
}
