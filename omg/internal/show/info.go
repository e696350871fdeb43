package show

import (
	"bufio"
	"strconv"

	"github.com/omg-arch/omg/shared/wire"
)

// Info prints a package as a block of fields, followed by a blank line.
func (s Style) Info(w *bufio.Writer, pkg *wire.Package) {
	p := printer{s, w}
	p.field("Repository", pkg.Repo)
	p.field("Name", pkg.Name)
	if pkg.AUR != nil {
		p.list("Keywords", pkg.AUR.Keywords)
	}
	p.field("Version", pkg.Version)
	p.field("Description", pkg.Desc)
	if pkg.AUR != nil {
		p.aurInfo(pkg)
	} else {
		p.repoInfo(pkg)
	}
	if pkg.Installed != "" {
		p.field("Installed", pkg.Installed)
	}
	if len(pkg.Advisories) > 0 {
		p.lines("Advisories", pkg.Advisories)
	}
	p.raw("\n")
}

// repoInfo prints a repository's package like pacman -Si. It does not mark installed optional dependencies: pacman does
// that only in -Qi.
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
	// pacman prints the installed size in the unit of the download size.
	u := unit(pkg.CSize)
	p.line("Download Size", size(pkg.CSize, u))
	p.line("Installed Size", size(pkg.ISize, u))
	p.field("Packager", pkg.Packager)
	// If a package has no build date, pacman prints a date in 1970.
	p.field("Build Date", date(pkg.BuildDate))
	p.list("Validated By", validation(pkg.Validation))
}

// aurInfo prints an AUR package in the order of yay -Si.
func (p printer) aurInfo(pkg *wire.Package) {
	a := pkg.AUR
	p.field("URL", pkg.URL)
	p.field("AUR URL", "https://aur.archlinux.org/packages/"+pkg.Name)
	p.list("Groups", pkg.Groups)
	p.list("Licenses", pkg.Licenses)
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
	p.field("First Submitted", dateOr(a.Submitted, ""))
	p.field("Last Modified", dateOr(a.Modified, ""))
	p.field("Out-of-date", dateOr(a.OutOfDate, "No"))
	if pkg.Shadowed {
		p.field("Shadowed By", "a repository package with the same name")
	}
}

// dateOr formats a date. If unix is 0, there is no date, and dateOr returns the text none.
func dateOr(unix int64, none string) string {
	if unix == 0 {
		return none
	}
	return date(unix)
}

// validation returns pacman's names for the ways to validate a package.
func validation(ways []string) []string {
	names := make([]string, len(ways))
	for i, way := range ways {
		switch way {
		case "md5":
			way = "MD5 Sum"
		case "sha256":
			way = "SHA-256 Sum"
		case "pgp":
			way = "Signature"
		}
		names[i] = way
	}
	return names
}
