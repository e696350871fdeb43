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
	p.printRepoPackage(pkg.Repo, pkg.Name, pkg.Version)
	p.writeRaw("\n")
}

// PrintRepoFinds prints a package of a repository as a heading for its files, like pacman -F with a name. PrintFoundFile prints the files.
func (s Style) PrintRepoFinds(w *bufio.Writer, pkg *wire.RepositoryPackage) {
	p := printer{s, w}
	p.printRepoPackage(pkg.Repo, pkg.Name, pkg.Version)
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

// printRepoPackage prints a package of a repository with its version. In the results of a search, the words in the name are marked.
func (p printer) printRepoPackage(repo, name, version string) {
	p.setColor(repoColor)
	p.writeClean(repo)
	p.writeRaw("/")
	p.setColor(titleColor)
	p.writeMatches(name)
	p.writeRaw(" ")
	p.setColor(versionColor)
	p.writeClean(version)
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
