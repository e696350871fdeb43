package show

import (
	"bufio"
	"strconv"

	"github.com/omg-arch/omg/shared/wire"
)

// PrintInfo prints a package as a block of fields, followed by a blank line.
func (s Style) PrintInfo(w *bufio.Writer, pkg *wire.Package) {
	p := printer{s, w}
	p.printField("Repository", pkg.Repo)
	p.printField("Name", pkg.Name)
	if pkg.AUR != nil {
		p.printListField("Keywords", pkg.AUR.Keywords)
	}
	p.printField("Version", pkg.Version)
	p.printField("Description", pkg.Desc)
	if pkg.AUR != nil {
		p.printAURInfo(pkg)
	} else {
		p.printRepoInfo(pkg, nil)
	}
	if pkg.InstalledVersion != "" {
		p.printField("Installed", pkg.InstalledVersion)
	}
	if len(pkg.Advisories) > 0 {
		p.printMultilineField("Advisories", pkg.Advisories)
	}
	p.printMarkField(pkg.AURFindings)
	p.writeRaw("\n")
}

// printRepoInfo prints a repository's package like pacman -Si. It does not mark installed optional dependencies: pacman does
// that only in -Qi. If extra is not nil, it prints the fields of pacman -Sii.
func (p printer) printRepoInfo(pkg *wire.Package, extra *RepoExtra) {
	p.printField("Architecture", pkg.Arch)
	p.printAddressField("URL", pkg.URL)
	p.printListField("Licenses", pkg.Licenses)
	p.printListField("Groups", pkg.Groups)
	p.printListField("Provides", pkg.Provides)
	p.printListField("Depends On", pkg.Depends)
	p.printMultilineField("Optional Deps", pkg.OptDepends)
	if extra != nil {
		p.printListField("Required By", extra.RequiredBy)
		p.printListField("Optional For", extra.OptionalFor)
	}
	p.printListField("Conflicts With", pkg.Conflicts)
	p.printListField("Replaces", pkg.Replaces)
	// pacman prints the installed size in the unit of the download size.
	u := sizeUnit(pkg.CSize)
	p.printUnwrappedField("Download Size", formatSize(pkg.CSize, u))
	p.printUnwrappedField("Installed Size", formatSize(pkg.ISize, u))
	p.printField("Packager", pkg.Packager)
	// If a package has no build date, pacman prints a date in 1970.
	p.printField("Build Date", formatDate(pkg.BuildDate))
	if extra != nil {
		p.printField("MD5 Sum", extra.MD5)
		p.printField("SHA-256 Sum", pkg.SHA256)
		p.printListField("Signatures", extra.Signatures)
		return
	}
	p.printListField("Validated By", validationNames(pkg.Validation))
}

// printAURInfo prints an AUR package in the order of yay -Si.
func (p printer) printAURInfo(pkg *wire.Package) {
	a := pkg.AUR
	p.printAddressField("URL", pkg.URL)
	p.printField("AUR URL", "https://aur.archlinux.org/packages/"+pkg.Name)
	p.printListField("Groups", pkg.Groups)
	p.printListField("Licenses", pkg.Licenses)
	p.printListField("Provides", pkg.Provides)
	p.printListField("Depends On", pkg.Depends)
	p.printListField("Make Deps", pkg.MakeDepends)
	p.printListField("Check Deps", pkg.CheckDepends)
	p.printMultilineField("Optional Deps", pkg.OptDepends)
	p.printListField("Conflicts With", pkg.Conflicts)
	p.printListField("Replaces", pkg.Replaces)
	maintainer := a.Maintainer
	if maintainer == "" {
		maintainer = "Orphan"
	}
	p.printField("Maintainer", maintainer)
	p.printUnwrappedField("Votes", strconv.FormatUint(uint64(a.Votes), 10))
	p.printUnwrappedField("Popularity", strconv.FormatFloat(a.Popularity, 'f', 6, 64))
	p.printField("First Submitted", formatDateOr(a.Submitted, ""))
	p.printField("Last Modified", formatDateOr(a.Modified, ""))
	p.printField("Out-of-date", formatDateOr(a.OutOfDate, "No"))
	if a.PendingRequests != nil {
		p.printUnwrappedField("Open Requests", strconv.FormatUint(uint64(*a.PendingRequests), 10))
	}
	if pkg.Shadowed {
		p.printField("Shadowed By", "a repository package with the same name")
	}
}

// formatDateOr formats a date. If unix is 0, there is no date, and formatDateOr returns the text none.
func formatDateOr(unix int64, none string) string {
	if unix == 0 {
		return none
	}
	return formatDate(unix)
}

// validationNames returns pacman's names for the ways to validate a package.
func validationNames(ways []string) []string {
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
