package show

import (
	"bufio"
	"strings"

	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/wire"
)

// Vulnerable prints a line about a package with advisories.
func (s Style) Vulnerable(w *bufio.Writer, pkg *wire.VulnerablePackage) {
	p := printer{s, w}
	p.nameVersion(pkg.Name, pkg.Installed)
	if pkg.Update != "" {
		p.raw(" -> ")
		p.version(pkg.Update)
	}
	words := make([]string, len(pkg.Advisories))
	for i, a := range pkg.Advisories {
		words[i] = a.Name + " " + a.Severity + ", " + a.Verdict
	}
	p.raw(" (" + termtext.Clean(strings.Join(words, "; ")) + ")")
	if pkg.Foreign {
		p.raw(" [in no repository]")
	}
	p.raw("\n")
}

// Issues prints the vulnerabilities of a package's advisories and the tickets about them, with links.
func (s Style) Issues(w *bufio.Writer, pkg *wire.VulnerablePackage) {
	p := printer{s, w}
	for _, a := range pkg.Advisories {
		for _, issue := range a.Issues {
			issue = termtext.Clean(issue)
			p.raw("    " + issue + " https://security.archlinux.org/" + issue + "\n")
		}
		if a.Ticket != "" {
			ticket := termtext.Clean(a.Ticket)
			p.raw("    ticket " + ticket + " https://bugs.archlinux.org/task/" + ticket + "\n")
		}
	}
}
