package snapshot

import (
	"fmt"
	"slices"

	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// Status returns the result of OpStatus. Unknown counts are nil. An error means that an index is inconsistent.
func (s *Snapshot) Status() (*wire.StatusResult, error) {
	r := &wire.StatusResult{Basis: s.comparedBasis(), Problems: slices.Clone(s.in.Problems), Runtimes: s.in.Runtimes}
	r.Sources = s.sourcesOf(s.shown)
	if s.in.Downloaded != nil && !s.in.SearchDownloaded {
		r.Compared = s.sourcesOf(s.compared)[:len(s.compared)]
	}
	r.Index.Packages = uint32(s.set.Packages())
	s.eachIndex(func(path string, built int64) {
		r.Index.Files = append(r.Index.Files, path)
		r.Index.Built = max(r.Index.Built, built)
	})
	r.Problems = append(r.Problems, s.incomplete()...)
	counted, err := s.counted()
	if err != nil {
		return nil, err
	}
	r.Counts, r.PartialCounts = counted.counts, slices.Clone(counted.partial)
	security, err := s.security()
	if security != nil {
		r.Sources = append(r.Sources, security.source())
	}
	return r, err
}

// incomplete returns a problem for each source whose index is incomplete: packages are missing from the index, or are in
// the index without a part of their data.
func (s *Snapshot) incomplete() (list []wire.Problem) {
	add := func(src *IndexedSource, kind pkgindex.Kind) {
		if src.Index == nil {
			return
		}
		facts, _ := src.Index.BuildInfo().Source(kind, src.Name)
		if facts.LeftOut == 0 {
			return
		}
		why := facts.Why
		if facts.LeftOut > 1 {
			why += fmt.Sprintf(", and %d more", facts.LeftOut-1)
		}
		name := "repository " + src.Name // the prefix distinguishes a repository called libalpm from the libalpm worker
		if kind == pkgindex.KindAUR {
			name = "AUR"
		}
		list = append(list, wire.Problem{Name: name, State: "incomplete", Why: why})
	}
	for i := range s.shown {
		add(&s.shown[i], pkgindex.KindRepo)
	}
	if s.in.AUR != nil {
		add(s.in.AUR, pkgindex.KindAUR)
	}
	return list
}

// counted holds the counts, and the JSON names of the counts that may be wrong because a source could not be read.
type counted struct {
	counts  wire.Counts
	partial []string
}

func (s *Snapshot) countAll() (*counted, error) {
	c := &counted{}
	if err := s.count(&c.counts); err != nil {
		return nil, err
	}
	security, err := s.security()
	if err != nil {
		return nil, err
	}
	if security != nil && security.loaded() && s.system != nil {
		c.counts.Security = &security.counts
	}
	c.partial = s.partialCounts(&c.counts)
	return c, nil
}

// eachIndex calls the function visit once for each index file that searches use.
func (s *Snapshot) eachIndex(visit func(path string, built int64)) {
	seen := map[string]bool{"": true} // an index in memory has no path
	sources := slices.Clone(s.shown)
	if s.in.AUR != nil {
		sources = append(sources, *s.in.AUR)
	}
	for i := range sources {
		if f := sources[i].Index; f != nil && !seen[f.Path()] {
			seen[f.Path()] = true
			visit(f.Path(), f.BuildInfo().Built)
		}
	}
}

// count sets the counts of installed packages.
func (s *Snapshot) count(c *wire.Counts) error {
	if s.system == nil {
		return nil
	}
	number := func(n int) *uint32 {
		u := uint32(n)
		return &u
	}
	c.Installed = number(len(s.system.local.Packages))
	c.Explicit = number(len(s.system.local.Explicit()))
	c.Orphans = number(len(s.system.orphans(false)))
	c.OrphansRequired = number(len(s.system.orphans(true)))
	compared, err := s.comparison()
	if compared == nil || err != nil {
		return err
	}
	ignored := 0
	for _, u := range compared.outdated.Updates {
		if u.Ignored {
			ignored++
		}
	}
	c.Foreign = number(len(compared.foreign))
	c.Updates = number(len(compared.outdated.Updates) - ignored)
	c.Ignored = number(ignored)
	c.Replacements = number(len(compared.outdated.Replacements))
	foreign, err := s.foreign()
	if err == nil {
		foreign.count(c)
	}
	return err
}

// The JSON names of counts. StatusResult.PartialCounts lists those names whose counts may be wrong.
const (
	countInstalled       = "installed"
	countExplicit        = "explicit"
	countOrphans         = "orphans"
	countOrphansRequired = "orphans_required"
	countForeign         = "foreign"
	countUpdates         = "updates"
	countIgnored         = "ignored"
	countReplacements    = "replacements"
	countAURUpdates      = "aur_updates"
	countSecurity        = "security"
)

// partialCounts returns the JSON names of the counts that may be wrong because a source could not be read. It leaves out
// counts that are unknown.
func (s *Snapshot) partialCounts(c *wire.Counts) (names []string) {
	add := func(known bool, name string) {
		if known {
			names = append(names, name)
		}
	}
	unread := s.in.Local.UnreadablePackages != ""
	if unread {
		// A package whose description could not be read is counted as installed, as by pacman, but its reason and
		// requirements are unknown.
		add(c.Explicit != nil, countExplicit)
		add(c.Orphans != nil, countOrphans)
		add(c.OrphansRequired != nil, countOrphansRequired)
	}
	if missing(s.compared, nil) != "" {
		add(c.Foreign != nil, countForeign)
		add(c.Updates != nil, countUpdates)
		add(c.Ignored != nil, countIgnored)
		add(c.Replacements != nil, countReplacements)
		add(c.AURUpdates != nil, countAURUpdates)
		add(c.Security != nil, countSecurity)
	}
	return names
}
