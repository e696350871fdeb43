package show

import (
	"bufio"
	"strings"

	"github.com/omg-arch/omg/shared/wire"
)

// The functions in this file print exactly what pacman prints for an operation, with nothing added.

// RepoExtra holds the fields that pacman -Sii adds to those of a package.
type RepoExtra struct {
	RequiredBy, OptionalFor []string
	MD5                     string
	// Signatures lists the IDs of the keys with which the package is signed, or pacman's word for none.
	Signatures []string
}

// LocalExtra holds the fields that pacman -Qii adds.
type LocalExtra struct {
	Backups []Backup
	// XData are "key=value" lines.
	XData []string
	// OldFormat selects the format of pacman 6.0 for the backup files, which has no line for XData.
	OldFormat bool
}

// Backup is a configuration file of a package, with its state in capital letters, such as MODIFIED.
type Backup struct{ Path, State string }

// PrintPacmanRepo prints a package of a repository like pacman -Si or, with extra, like pacman -Sii.
func (s Style) PrintPacmanRepo(w *bufio.Writer, pkg *wire.Package, extra *RepoExtra) {
	p := printer{s, w}
	p.printField("Repository", pkg.Repo)
	p.printField("Name", pkg.Name)
	p.printField("Version", pkg.Version)
	p.printField("Description", pkg.Desc)
	p.printRepoInfo(pkg, extra)
	p.writeRaw("\n")
}

// PrintPacmanInstalled prints an installed package like pacman -Qi or, with extra, like pacman -Qii.
func (s Style) PrintPacmanInstalled(w *bufio.Writer, pkg *wire.InstalledPackage, extra *LocalExtra) {
	p := printer{s, w}
	p.printInstalledFields(pkg)
	p.printLocalExtra(extra)
	p.writeRaw("\n")
}

func (p printer) printLocalExtra(extra *LocalExtra) {
	switch {
	case extra == nil:
	case extra.OldFormat:
		p.setColor(titleColor)
		p.writeRaw("Backup Files    :\n")
		p.setColor(resetColor)
		for _, b := range extra.Backups {
			p.writeRaw(b.State + "\t")
			p.writeClean(b.Path)
			p.writeRaw("\n")
		}
		if len(extra.Backups) == 0 {
			p.writeRaw("(none)\n")
		}
	default:
		lines := make([]string, len(extra.Backups))
		for i, b := range extra.Backups {
			lines[i] = b.Path + " [" + strings.ToLower(b.State) + "]"
		}
		p.printMultilineField("Backup Files", lines)
		p.printMultilineField("Extended Data", extra.XData)
	}
}

// FilePackage is a package that was read from a package file.
type FilePackage struct {
	*wire.Package
	Size      int64 // of the file, in bytes
	HasScript bool
	Extra     *FileExtra // the fields of pacman -Qpii; nil for none
}

// FileExtra holds the fields that pacman -Qpii adds.
type FileExtra struct{ RequiredBy, OptionalFor, XData []string }

// PrintPacmanFile prints the package of a file without a signature like pacman -Qpi.
func (s Style) PrintPacmanFile(w *bufio.Writer, pkg *FilePackage) {
	p := printer{s, w}
	p.printField("Name", pkg.Name)
	p.printField("Version", pkg.Version)
	p.printField("Description", pkg.Desc)
	p.printField("Architecture", pkg.Arch)
	p.printField("URL", pkg.URL)
	p.printListField("Licenses", pkg.Licenses)
	p.printListField("Groups", pkg.Groups)
	p.printListField("Provides", pkg.Provides)
	p.printListField("Depends On", pkg.Depends)
	p.printMultilineField("Optional Deps", pkg.OptDepends)
	if pkg.Extra != nil {
		p.printListField("Required By", pkg.Extra.RequiredBy)
		p.printListField("Optional For", pkg.Extra.OptionalFor)
	}
	p.printListField("Conflicts With", pkg.Conflicts)
	p.printListField("Replaces", pkg.Replaces)
	unit := sizeUnit(uint64(pkg.Size)) // pacman prints both sizes in the unit of the first
	p.printUnwrappedField("Compressed Size", formatSize(uint64(pkg.Size), unit))
	p.printUnwrappedField("Installed Size", formatSize(pkg.ISize, unit))
	p.printField("Packager", pkg.Packager)
	p.printField("Build Date", formatDate(pkg.BuildDate))
	p.printField("Install Script", yesOrNo(pkg.HasScript))
	p.printField("Validated By", "None")
	p.printField("Signatures", "None")
	if pkg.Extra != nil {
		p.printMultilineField("Extended Data", pkg.Extra.XData)
	}
	p.writeRaw("\n")
}

// PrintPacmanGroup prints a package of a group like pacman -Sg and -Qg.
func (s Style) PrintPacmanGroup(w *bufio.Writer, group, name string) {
	p := printer{s, w}
	p.writeClean(group)
	p.writeRaw(" ")
	p.writeClean(name)
	p.writeRaw("\n")
}

// PrintPacmanListed prints a package like pacman -Sl.
func (s Style) PrintPacmanListed(w *bufio.Writer, pkg *wire.Package) {
	p := printer{s, w}
	p.setColor(repoColor)
	p.writeClean(pkg.Repo)
	p.writeRaw(" ")
	p.printNameVersion(pkg.Name, pkg.Version)
	p.printInstalledMark(pkg)
	p.writeRaw("\n")
}

// PrintPacmanBackup prints a change of a configuration file like pacman -Qkk.
func (s Style) PrintPacmanBackup(w *bufio.Writer, name, path, problem string) {
	p := printer{s, w}
	p.setColor(titleColor)
	p.writeRaw("backup file")
	p.setColor(resetColor)
	p.writeRaw(": ")
	p.writeClean(name + ": " + path)
	p.writeRaw(" (" + problem + ")\n")
}

// PrintText prints a line of text from a package or a file.
func (s Style) PrintText(w *bufio.Writer, text string) {
	p := printer{s, w}
	p.writeClean(text)
	p.writeRaw("\n")
}
