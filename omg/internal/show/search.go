package show

import (
	"bufio"
	"strconv"
	"strings"

	"github.com/omg-arch/omg/shared/wire"
)

// Search prints a package as a search result: a line with name and version, and the description below.
func (s Style) Search(w *bufio.Writer, pkg *wire.Package) {
	p := printer{s, w}
	p.color(colorRepo)
	p.text(pkg.Repo)
	p.raw("/")
	p.color(colorTitle)
	p.text(pkg.Name)
	p.raw(" ")
	p.color(colorVersion)
	p.text(pkg.Version)
	p.color(colorNone)
	if len(pkg.Groups) > 0 {
		p.raw(" ")
		p.color(colorGroups)
		p.raw("(")
		p.text(strings.Join(pkg.Groups, " "))
		p.raw(")")
		p.color(colorNone)
	}
	p.aurMarks(pkg)
	p.installedMark(pkg)
	p.newline(4)
	p.wrap(pkg.Desc, 4)
	p.raw("\n")
}

func (p printer) aurMarks(pkg *wire.Package) {
	if pkg.AUR == nil {
		return
	}
	p.raw(" (+")
	p.raw(strconv.FormatUint(uint64(pkg.AUR.Votes), 10))
	p.raw(" ")
	p.raw(strconv.FormatFloat(pkg.AUR.Popularity, 'f', 2, 64))
	p.raw(")")
	if pkg.AUR.OutOfDate != 0 {
		p.mark("out of date")
	}
	if pkg.Shadowed {
		p.mark("shadowed")
	}
}

func (p printer) installedMark(pkg *wire.Package) {
	switch pkg.Installed {
	case "":
	case pkg.Version:
		p.mark("installed")
	default:
		p.mark("installed: " + pkg.Installed)
	}
}

func (p printer) mark(s string) {
	p.raw(" ")
	p.color(colorMeta)
	p.raw("[")
	p.text(s)
	p.raw("]")
	p.color(colorNone)
}
