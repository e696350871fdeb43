package show

import (
	"bufio"
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/wire"
)

// PrintInstalled prints an installed package's block of fields like pacman -Qi, followed by a blank line.
func (s Style) PrintInstalled(w *bufio.Writer, pkg *wire.InstalledPackage) {
	p := printer{s, w}
	p.printInstalledFields(pkg)
	if len(pkg.Advisories) > 0 {
		p.printMultilineField("Advisories", pkg.Advisories)
	}
	p.printMarkField(pkg.AURFindings)
	p.writeRaw("\n")
}

// printInstalledFields prints the fields of pacman -Qi.
func (p printer) printInstalledFields(pkg *wire.InstalledPackage) {
	p.printField("Name", pkg.Name)
	p.printField("Version", pkg.Version)
	p.printField("Description", pkg.Desc)
	p.printField("Architecture", pkg.Arch)
	p.printAddressField("URL", pkg.URL)
	p.printListField("Licenses", pkg.Licenses)
	p.printListField("Groups", pkg.Groups)
	p.printListField("Provides", pkg.Provides)
	p.printListField("Depends On", pkg.Depends)
	p.printMultilineField("Optional Deps", optionalDependencies(pkg))
	p.printListField("Required By", pkg.RequiredBy)
	p.printListField("Optional For", pkg.OptionalFor)
	p.printListField("Conflicts With", pkg.Conflicts)
	p.printListField("Replaces", pkg.Replaces)
	p.printUnwrappedField("Installed Size", formatSize(pkg.ISize, sizeUnit(pkg.ISize)))
	p.printField("Packager", pkg.Packager)
	p.printField("Build Date", formatDate(pkg.BuildDate))
	p.printField("Install Date", formatDate(pkg.InstallDate))
	p.printField("Install Reason", installReason(pkg.Reason))
	p.printField("Install Script", yesOrNo(pkg.HasScript))
	p.printListField("Validated By", installedValidation(pkg.Validation))
}

// optionalDependencies returns the optional dependencies, with the installed ones marked.
func optionalDependencies(pkg *wire.InstalledPackage) []string {
	out := slices.Clone(pkg.OptDepends)
	for i, d := range out {
		if slices.Contains(pkg.InstalledOptDepends, d) {
			out[i] += " [installed]"
		}
	}
	return out
}

func yesOrNo(is bool) string {
	if is {
		return "Yes"
	}
	return "No"
}

func installReason(r string) string {
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
	return validationNames(names)
}

// PrintNameVersion prints a package's name and version like pacman -Q.
func (s Style) PrintNameVersion(w *bufio.Writer, name, version string) {
	p := printer{s, w}
	p.printNameVersion(name, version)
	p.writeRaw("\n")
}

func (p printer) printNameVersion(name, version string) {
	p.setColor(titleColor)
	p.writeClean(name)
	p.writeRaw(" ")
	p.printVersion(version)
}

func (p printer) printVersion(version string) {
	p.setColor(versionColor)
	p.writeClean(version)
	p.setColor(resetColor)
}

// PrintUpdate prints an update like pacman -Qu.
func (s Style) PrintUpdate(w *bufio.Writer, u *wire.Update) {
	p := printer{s, w}
	p.printNameVersion(u.Name, u.Installed)
	p.writeRaw(" -> ")
	p.printVersion(u.Version)
	if len(u.Fixes) > 0 {
		p.writeRaw(" [fixes " + termtext.Clean(strings.Join(u.Fixes, " ")) + "]")
	}
	p.printIgnored(u.Ignored)
}

func (p printer) printIgnored(is bool) {
	if is {
		p.writeRaw(" [ignored]")
	}
	p.writeRaw("\n")
}

// PrintNewer prints an installed package whose version is newer than its repository's.
func (s Style) PrintNewer(w *bufio.Writer, u *wire.Update) {
	p := printer{s, w}
	p.printNameVersion(u.Name, u.Installed)
	p.writeRaw(" newer than ")
	p.writeClean(u.Repo + "/")
	p.printVersion(u.Version)
	p.printIgnored(u.Ignored)
}

// PrintReplacement prints an installed package that an upgrade offers to replace.
func (s Style) PrintReplacement(w *bufio.Writer, r *wire.Replacement) {
	p := printer{s, w}
	p.printNameVersion(r.ReplacedName, r.Installed)
	p.writeRaw(" replaced by ")
	p.setColor(titleColor)
	p.writeClean(r.Repo + "/" + r.By + " ")
	p.printVersion(r.Version)
	p.printIgnored(r.Ignored)
}

// PrintOwner prints the owner of a path like pacman -Qo.
func (s Style) PrintOwner(w *bufio.Writer, path, name, version string) {
	p := printer{s, w}
	p.writeClean(path)
	p.writeRaw(" is owned by ")
	p.printNameVersion(name, version)
	p.writeRaw("\n")
}

// PrintPackageFile prints a file of a package like pacman -Ql.
func (s Style) PrintPackageFile(w *bufio.Writer, name, path string) {
	p := printer{s, w}
	p.setColor(titleColor)
	p.writeClean(name)
	p.setColor(resetColor)
	p.writeRaw(" ")
	p.writeClean(path)
	p.writeRaw("\n")
}

// PrintChain prints a chain of packages, each of which needs the next. needs[i] is the dependency of names[i] on names[i+1];
// it is printed unless it equals names[i+1].
func (s Style) PrintChain(w *bufio.Writer, names, needs []string) {
	p := printer{s, w}
	for i, name := range names {
		if i > 0 {
			p.writeRaw(" -> ")
		}
		p.setColor(titleColor)
		p.writeClean(name)
		p.setColor(resetColor)
		if i > 0 && needs[i-1] != name {
			p.writeRaw(" (")
			p.writeClean(needs[i-1])
			p.writeRaw(")")
		}
	}
	if len(names) == 1 {
		p.printMark("explicit")
	}
	p.writeRaw("\n")
}
