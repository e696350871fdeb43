package show

import (
	"bufio"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/wire"
)

// PrintRuntime prints a line about the version of a runtime that a command would run, and about the file or variable that
// selected this version.
func (s Style) PrintRuntime(w *bufio.Writer, r *wire.Runtime) {
	p := printer{s, w}
	p.printNameVersion(r.Runtime, r.Version)
	switch {
	case r.Missing:
		p.writeRaw(" [not installed]")
	case r.Manager != "":
		p.writeRaw(" (" + termtext.Clean(r.Manager) + ")")
	}
	if r.WantedSource != "" {
		by := " by "
		if r.Differs {
			by = " and not as declared by "
		}
		p.writeRaw(by + termtext.Clean(r.WantedSource) + ": " + termtext.Clean(r.Wanted))
		if r.WantedKind != "pin" {
			p.writeRaw(" (" + termtext.Clean(r.WantedKind) + ")")
		}
	}
	p.writeRaw("\n")
}

// PrintRuntimeVersion prints a line about an installed version.
func (s Style) PrintRuntimeVersion(w *bufio.Writer, v *backend.RuntimeVersion) {
	p := printer{s, w}
	mark := "  "
	if v.Active {
		mark = "* "
	}
	p.writeRaw(mark)
	p.printNameVersion(v.Runtime, v.Version)
	if v.Alias != "" {
		p.writeRaw(" " + termtext.Clean(v.Alias))
	}
	p.writeRaw(" (" + termtext.Clean(v.Manager) + ")")
	if v.Path != "" {
		p.writeRaw(" " + termtext.Clean(v.Path))
	}
	p.writeRaw("\n")
}
