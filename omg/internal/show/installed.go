package show

import (
	"bufio"
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/wire"
)

// Installed prints an installed package's block of fields like pacman -Qi, followed by a blank line.
func (s Style) Installed(w *bufio.Writer, pkg *wire.InstalledPackage) {
	p := printer{s, w}
	p.field("Name", pkg.Name)
	p.field("Version", pkg.Version)
	p.field("Description", pkg.Desc)
	p.field("Architecture", pkg.Arch)
	p.field("URL", pkg.URL)
	p.list("Licenses", pkg.Licenses)
	p.list("Groups", pkg.Groups)
	p.list("Provides", pkg.Provides)
	p.list("Depends On", pkg.Depends)
	p.lines("Optional Deps", optional(pkg))
	p.list("Required By", pkg.RequiredBy)
	p.list("Optional For", pkg.OptionalFor)
	p.list("Conflicts With", pkg.Conflicts)
	p.list("Replaces", pkg.Replaces)
	p.line("Installed Size", size(pkg.ISize, unit(pkg.ISize)))
	p.field("Packager", pkg.Packager)
	p.field("Build Date", date(pkg.BuildDate))
	p.field("Install Date", date(pkg.InstallDate))
	p.field("Install Reason", reason(pkg.Reason))
	script := "No"
	if pkg.Script {
		script = "Yes"
	}
	p.field("Install Script", script)
	p.list("Validated By", installedValidation(pkg.Validation))
	if len(pkg.Advisories) > 0 {
		p.lines("Advisories", pkg.Advisories)
	}
	p.raw("\n")
}

// optional returns the optional dependencies, with the installed ones marked.
func optional(pkg *wire.InstalledPackage) []string {
	out := slices.Clone(pkg.OptDepends)
	for i, d := range out {
		if slices.Contains(pkg.InstalledOpt, d) {
			out[i] += " [installed]"
		}
	}
	return out
}

func reason(r string) string {
	switch r {
	case "explicit":
		return "Explicitly installed"
	case "dependency":
		return "Installed as a dependency for another package"
	}
	return "Unknown"
}

// installedValidation returns how an installed package was validated. An empty list means unknown; for a package of a
// repository, it would mean that the package is not validated.
func installedValidation(names []string) []string {
	switch {
	case len(names) == 0:
		return []string{"Unknown"}
	case slices.Contains(names, "none"):
		return []string{"None"}
	}
	return validation(names)
}

// Line prints a package's name and version like pacman -Q.
func (s Style) Line(w *bufio.Writer, name, version string) {
	p := printer{s, w}
	p.nameVersion(name, version)
	p.raw("\n")
}

func (p printer) nameVersion(name, version string) {
	p.color(colorTitle)
	p.text(name)
	p.raw(" ")
	p.version(version)
}

func (p printer) version(version string) {
	p.color(colorVersion)
	p.text(version)
	p.color(colorNone)
}

// Update prints an update like pacman -Qu.
func (s Style) Update(w *bufio.Writer, u *wire.Update) {
	p := printer{s, w}
	p.nameVersion(u.Name, u.Installed)
	p.raw(" -> ")
	p.version(u.Version)
	if len(u.Fixes) > 0 {
		p.raw(" [fixes " + termtext.Clean(strings.Join(u.Fixes, " ")) + "]")
	}
	p.ignored(u.Ignored)
}

func (p printer) ignored(is bool) {
	if is {
		p.raw(" [ignored]")
	}
	p.raw("\n")
}

// Newer prints an installed package whose version is newer than its repository's.
func (s Style) Newer(w *bufio.Writer, u *wire.Update) {
	p := printer{s, w}
	p.nameVersion(u.Name, u.Installed)
	p.raw(" newer than ")
	p.text(u.Repo + "/")
	p.version(u.Version)
	p.ignored(u.Ignored)
}

// Replacement prints an installed package that an upgrade offers to replace.
func (s Style) Replacement(w *bufio.Writer, r *wire.Replacement) {
	p := printer{s, w}
	p.nameVersion(r.Name, r.Installed)
	p.raw(" replaced by ")
	p.color(colorTitle)
	p.text(r.Repo + "/" + r.By + " ")
	p.version(r.Version)
	p.ignored(r.Ignored)
}

// Owner prints the owner of a path like pacman -Qo.
func (s Style) Owner(w *bufio.Writer, path, name, version string) {
	p := printer{s, w}
	p.text(path)
	p.raw(" is owned by ")
	p.nameVersion(name, version)
	p.raw("\n")
}

// File prints a file of a package like pacman -Ql.
func (s Style) File(w *bufio.Writer, name, path string) {
	p := printer{s, w}
	p.color(colorTitle)
	p.text(name)
	p.color(colorNone)
	p.raw(" ")
	p.text(path)
	p.raw("\n")
}

// Chain prints a chain of packages, each of which needs the next. needs[i] is the dependency of names[i] on names[i+1];
// it is printed unless it equals names[i+1].
func (s Style) Chain(w *bufio.Writer, names, needs []string) {
	p := printer{s, w}
	for i, name := range names {
		if i > 0 {
			p.raw(" -> ")
		}
		p.color(colorTitle)
		p.text(name)
		p.color(colorNone)
		if i > 0 && needs[i-1] != name {
			p.raw(" (")
			p.text(needs[i-1])
			p.raw(")")
		}
	}
	if len(names) == 1 {
		p.mark("explicit")
	}
	p.raw("\n")
}
