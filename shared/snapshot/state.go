package snapshot

import (
	"maps"
	"sync"

	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// packagesInStates returns, for each of the named states, the packages that searches show and whose names installed packages in this state
// have.
func (s *Snapshot) packagesInStates(states []string) (map[string]*pkgindex.DocSet, error) {
	if len(states) == 0 {
		return nil, nil
	}
	if s.installedSet == nil {
		return nil, s.installedUnknownError()
	}
	sets := map[string]*pkgindex.DocSet{}
	for _, state := range states {
		find := s.installedDocs
		if state == wire.StateExplicit {
			find = s.explicitDocs
		}
		var err error
		if sets[state], err = find(); err != nil {
			return nil, err
		}
	}
	return sets, nil
}

// initStates sets the functions that find installed packages in the indexes that searches use, at their first call.
func (s *Snapshot) initStates() {
	set, installed := s.searchFileSet, s.installedSet
	s.installedDocs = sync.OnceValues(func() (*pkgindex.DocSet, error) { return set.NamedDocs(maps.Keys(installed.versions)) })
	s.explicitDocs = sync.OnceValues(func() (*pkgindex.DocSet, error) { return set.NamedDocs(eachName(installed.local.ExplicitPackages())) })
}

// eachName iterates over the names of installed packages.
func eachName(packages []*pacmandb.Installed) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, p := range packages {
			if !yield(p.Name) {
				return
			}
		}
	}
}
