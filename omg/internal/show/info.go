package show

import (
	"bufio"
	"strconv"
	"strings"

	"github.com/omg-arch/omg/shared/wire"
)

// label is how wide labels are, with the colon behind them.
const label = 17

// Info prints a package as a block of fields, with a blank line behind it.
func (s Style) Info(w *bufio.Writer, pkg *wire.Package) {
	p := printer{s, w}
	p.field("Repository", pkg.Repo)
	p.field("Name", pkg.Name)
	p.field("Version", pkg.Version)
	p.field("Description", pkg.Desc)
	if pkg.AUR != nil {
		p.aurInfo(pkg)
	} else {
		p.repoInfo(pkg)
	}
	p.raw("\n")
}

// repoInfo prints what pacman -Si shows of a repository's package.
func (p printer) repoInfo(pkg *wire.Package) {
	p.field("Architecture", pkg.Arch)
	p.field("URL", pkg.URL)
	p.list("Licenses", pkg.Licenses)
	p.list("Groups", pkg.Groups)
	p.list("Provides", pkg.Provides)
	p.list("Depends On", pkg.Depends)
	p.lines("Optional Deps", pkg.OptDepends)
	p.list("Conflicts With", pkg.Conflicts)
	p.list("Replaces", pkg.Replaces)
	// pacman takes the unit of the first for both.
	u := unit(pkg.CSize)
	p.line("Download Size", size(pkg.CSize, u))
	p.line("Installed Size", size(pkg.ISize, u))
	p.field("Packager", pkg.Packager)
	p.field("Build Date", date(pkg.BuildDate))
	p.list("Validated By", validation(pkg.Validation))
}

// aurInfo prints what yay -Si shows of an AUR package.
func (p printer) aurInfo(pkg *wire.Package) {
	a := pkg.AUR
	p.field("URL", pkg.URL)
	p.field("AUR URL", "https://aur.archlinux.org/packages/"+pkg.Name)
	p.list("Licenses", pkg.Licenses)
	p.list("Groups", pkg.Groups)
	p.list("Provides", pkg.Provides)
	p.list("Depends On", pkg.Depends)
	p.list("Make Deps", pkg.MakeDepends)
	p.list("Check Deps", pkg.CheckDepends)
	p.lines("Optional Deps", pkg.OptDepends)
	p.list("Conflicts With", pkg.Conflicts)
	p.list("Replaces", pkg.Replaces)
	maintainer := a.Maintainer
	if maintainer == "" {
		maintainer = "Orphan"
	}
	p.field("Maintainer", maintainer)
	p.line("Votes", strconv.FormatUint(uint64(a.Votes), 10))
	p.line("Popularity", strconv.FormatFloat(a.Popularity, 'f', 6, 64))
	p.field("First Submitted", date(a.Submitted))
	p.field("Last Modified", date(a.Modified))
	outOfDate := "No"
	if a.OutOfDate != 0 {
		outOfDate = date(a.OutOfDate)
	}
	p.field("Out-of-date", outOfDate)
	if pkg.Shadowed {
		p.line("Shadowed By", "a repository's package of this name")
	}
}

func validation(names []string) []string {
	out := make([]string, 0, len(names))
	for _, n := range names {
		switch n {
		case "md5":
			n = "MD5 Sum"
		case "sha256":
			n = "SHA-256 Sum"
		case "pgp":
			n = "Signature"
		}
		out = append(out, n)
	}
	return out
}

func (p printer) title(name string) {
	p.color(colorTitle)
	p.raw(name)
	p.raw(strings.Repeat(" ", label-1-len(name)))
	p.raw(":")
	p.color(colorNone)
	p.raw(" ")
}

// line prints a value that is never wrapped.
func (p printer) line(name, value string) {
	p.title(name)
	p.text(value)
	p.raw("\n")
}

// field prints a text, or None.
func (p printer) field(name, value string) {
	p.title(name)
	if value == "" {
		value = "None"
	}
	p.wrap(value, label+1)
	p.raw("\n")
}

// lines prints a value a line, or None.
func (p printer) lines(name string, values []string) {
	p.title(name)
	if len(values) == 0 {
		p.raw("None")
	}
	for i, v := range values {
		if i > 0 {
			p.indent(label + 1)
		}
		p.wrap(v, label+1)
	}
	p.raw("\n")
}

// list prints values side by side, or None.
func (p printer) list(name string, values []string) {
	p.title(name)
	if len(values) == 0 {
		p.raw("None")
	}
	const start = label + 1
	column := start
	for i, v := range values {
		w := width(v)
		switch {
		case i == 0:
		case p.Width > start && column+w+2 >= p.Width:
			p.indent(start)
			column = start
		default:
			p.raw("  ")
			column += 2
		}
		p.text(v)
		column += w
	}
	p.raw("\n")
}
