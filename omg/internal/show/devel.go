package show

import (
	"bufio"
	"strings"

	"github.com/omg-arch/omg/omg/internal/backend"
)

const (
	// develIndent is the column in which the sources of a package begin.
	develIndent = 4
	// shortCommit is the number of digits of a commit that are printed.
	shortCommit = 12
)

// PrintDevelPackage prints a package that is built from a VCS, and a line for each of its sources. The parameter asked is whether the servers
// of the sources were asked for their latest commits.
func (s Style) PrintDevelPackage(w *bufio.Writer, d *backend.DevelPackage, asked bool) {
	p := printer{s, w}
	p.printNameVersion(d.Name, d.Installed)
	switch {
	case len(d.Sources) == 0:
		p.printMark("unknown: " + d.Why)
	case asked:
		p.printMark(string(d.State))
	}
	p.writeRaw("\n")
	for i := range d.Sources {
		p.printDevelSource(&d.Sources[i], asked)
	}
}

func (p printer) printDevelSource(s *backend.DevelSource, asked bool) {
	words := []string{s.URL, s.Branch}
	for i := range s.Recorded {
		words = append(words, cutCommit(s.Recorded[i].Commit), "("+s.Recorded[i].By+")")
	}
	switch {
	case s.State == backend.DevelUpdate:
		words = append(words, "-> "+cutCommit(s.Latest))
	case asked && s.State == backend.DevelUnknown:
		words = append(words, "["+string(s.State)+": "+s.Why+"]")
	}
	p.writeRaw(strings.Repeat(" ", develIndent))
	p.wrap(strings.Join(words, " "), develIndent)
	p.writeRaw("\n")
}

// cutCommit returns the first digits of a commit.
func cutCommit(commit string) string { return commit[:min(len(commit), shortCommit)] }
