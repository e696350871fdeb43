package snapshot

import "github.com/omg-arch/omg/shared/wire"

// AURFindings holds the marks of the installed packages about which there are findings. They are computed after the snapshot whose
// packages were checked, and belong to the snapshots that are built later.
type AURFindings struct {
	// Marks maps each package that was checked to its mark, or to nil if there are no findings about it.
	Marks map[string]*wire.AURMark
	// Incomplete means that findings may be missing, because the data of the AUR or the journal is incomplete or old.
	Incomplete bool
}

// mark returns the mark of a package, or nil if it has none or if the findings are unknown.
func (f *AURFindings) mark(name string) *wire.AURMark {
	if f == nil {
		return nil
	}
	return f.Marks[name]
}

// findingCounts holds the counts of packages about which there are findings.
type findingCounts struct {
	counts *wire.FindingCounts // nil if they are unknown
	// isPartial means that the counts may be wrong, because findings may be missing, or because packages of a repository that could
	// not be read count as foreign.
	isPartial bool
}

// countFindings counts the foreign packages with findings. Without foreign packages there are no findings, whether the journal is
// known or not: a repository that could not be read can only add foreign packages.
func (s *Snapshot) countFindings() (findingCounts, error) {
	c, err := s.comparison()
	if c == nil || err != nil {
		return findingCounts{}, err
	}
	found := s.inputs.AURFindings
	if found == nil && len(c.foreign) > 0 {
		return findingCounts{}, nil
	}
	n := findingCounts{counts: &wire.FindingCounts{}}
	for _, p := range c.foreign {
		mark, checked := found.Marks[p.Name]
		n.isPartial = n.isPartial || !checked
		if mark != nil {
			n.counts.Add(mark.Level)
		}
	}
	if len(c.foreign) > 0 {
		aur := s.inputs.AUR
		n.isPartial = n.isPartial || found.Incomplete || aur == nil || aur.State != wire.SourceOK || missingReposText(s.comparedRepos, nil) != ""
	}
	return n, nil
}
