package show

import (
	"bufio"
	"strings"

	"github.com/omg-arch/omg/shared/wire"
)

// PrintRepoOwner prints that a package of a repository has a file, like pacman -F with a path.
func (s Style) PrintRepoOwner(w *bufio.Writer, pkg *wire.RepositoryPackage, path string) {
	p := printer{s, w}
	p.writeClean(path)
	p.writeRaw(" is owned by ")
	p.printRepoPackage(pkg)
	p.writeRaw("\n")
}

// PrintRepoFinds prints a package of a repository as a heading for its files, like pacman -F with a name. PrintFoundFile prints the files.
func (s Style) PrintRepoFinds(w *bufio.Writer, pkg *wire.RepositoryPackage) {
	p := printer{s, w}
	p.printRepoPackage(pkg)
	p.printGroups(pkg.Groups)
	p.printInstalledVersion(pkg.InstalledVersion, pkg.Version)
	p.writeRaw("\n")
}

// PrintFoundFile prints a file below the heading of its package.
func (s Style) PrintFoundFile(w *bufio.Writer, path string) {
	p := printer{s, w}
	p.writeRaw("    ")
	p.writeClean(path)
	p.writeRaw("\n")
}

func (p printer) printRepoPackage(pkg *wire.RepositoryPackage) {
	p.setColor(repoColor)
	p.writeClean(pkg.Repo)
	p.writeRaw("/")
	p.setColor(titleColor)
	p.writeClean(pkg.Name)
	p.writeRaw(" ")
	p.setColor(versionColor)
	p.writeClean(pkg.Version)
	p.setColor(resetColor)
}

func (p printer) printGroups(groups []string) {
	if len(groups) == 0 {
		return
	}
	p.writeRaw(" ")
	p.setColor(groupsColor)
	p.writeRaw("(")
	p.writeClean(strings.Join(groups, " "))
	p.writeRaw(")")
	p.setColor(resetColor)
}
