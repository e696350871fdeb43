package show

import (
	"bufio"
	"strings"

	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/wire"
)

// PrintVulnerable prints a line about a package with advisories.
func (s Style) PrintVulnerable(w *bufio.Writer, pkg *wire.VulnerablePackage) {
	p := printer{s, w}
	p.printNameVersion(pkg.Name, pkg.Installed)
	if pkg.Update != "" {
		p.writeRaw(" -> ")
		p.printVersion(pkg.Update)
	}
	words := make([]string, len(pkg.Advisories))
	for i, a := range pkg.Advisories {
		words[i] = a.Name + " " + a.Severity + ", " + a.Verdict
	}
	p.writeRaw(" (" + termtext.Clean(strings.Join(words, "; ")) + ")")
	if pkg.Foreign {
		p.writeRaw(" [in no repository]")
	}
	p.writeRaw("\n")
}

// PrintIssues prints the vulnerabilities of a package's advisories and the tickets about them, with links.
func (s Style) PrintIssues(w *bufio.Writer, pkg *wire.VulnerablePackage) {
	p := printer{s, w}
	for _, a := range pkg.Advisories {
		for _, issue := range a.Issues {
			issue = termtext.Clean(issue)
			p.writeRaw("    " + issue + " ")
			p.printLink("https://security.archlinux.org/"+issue, "https://security.archlinux.org/"+issue)
			p.writeRaw("\n")
		}
		if a.Ticket != "" {
			ticket := termtext.Clean(a.Ticket)
			p.writeRaw("    ticket " + ticket + " ")
			p.printLink("https://bugs.archlinux.org/task/"+ticket, "https://bugs.archlinux.org/task/"+ticket)
			p.writeRaw("\n")
		}
	}
}

// PrintAdvisories prints the advisories of a package as blocks of fields, each followed by a blank line.
func (s Style) PrintAdvisories(w *bufio.Writer, pkg *wire.VulnerablePackage) {
	p := printer{s, w}
	for i := range pkg.Advisories {
		a := &pkg.Advisories[i]
		p.printField("Advisory", a.Name)
		p.printField("Severity", a.Severity)
		p.printField("Verdict", a.Verdict)
		p.printField("Status", a.Status)
		p.printField("Type", a.Type)
		p.printField("Affected", a.AffectedVersion)
		p.printField("Fixed In", a.FixedVersion)
		p.printListField("Issues", a.Issues)
		p.printListField("Announced As", a.AnnouncementIDs)
		if a.Ticket != "" {
			p.printField("Ticket", "https://bugs.archlinux.org/task/"+a.Ticket)
		}
		p.printAddressField("URL", "https://security.archlinux.org/"+a.Name)
		p.writeRaw("\n")
	}
}
