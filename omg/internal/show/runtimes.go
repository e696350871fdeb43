package show

import (
	"bufio"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/wire"
)

// Runtime prints a line about the version of a runtime that a command would run, and about the file or variable that
// selected this version.
func (s Style) Runtime(w *bufio.Writer, r *wire.Runtime) {
	p := printer{s, w}
	p.nameVersion(r.Runtime, r.Version)
	switch {
	case r.Missing:
		p.raw(" [not installed]")
	case r.Manager != "":
		p.raw(" (" + termtext.Clean(r.Manager) + ")")
	}
	if r.Source != "" {
		by := " by "
		if r.Differs {
			by = " and not as declared by "
		}
		p.raw(by + termtext.Clean(r.Source) + ": " + termtext.Clean(r.Wanted))
		if r.Kind != "pin" {
			p.raw(" (" + termtext.Clean(r.Kind) + ")")
		}
	}
	p.raw("\n")
}

// RuntimeVersion prints a line about an installed version.
func (s Style) RuntimeVersion(w *bufio.Writer, v *backend.RuntimeVersion) {
	p := printer{s, w}
	mark := "  "
	if v.Active {
		mark = "* "
	}
	p.raw(mark)
	p.nameVersion(v.Runtime, v.Version)
	if v.Alias != "" {
		p.raw(" " + termtext.Clean(v.Alias))
	}
	p.raw(" (" + termtext.Clean(v.Manager) + ")")
	if v.Path != "" {
		p.raw(" " + termtext.Clean(v.Path))
	}
	p.raw("\n")
}
