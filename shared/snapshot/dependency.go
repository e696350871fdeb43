package snapshot

import (
	"slices"

	"github.com/omg-arch/omg/shared/pkgindex"
)

// Dependency says where a dependency of a package of the AUR is found.
type Dependency struct {
	// InRepository means that a repository has a package that has or provides the name. InAUR means that the AUR's data contains a package with
	// the name.
	InRepository, InAUR bool
	// IsUnknown means that no package of the repositories and of the AUR has or provides the name. It is false if a repository could not be read.
	IsUnknown bool
}

// FindDependency finds the packages that have or provide a name.
func (s *Snapshot) FindDependency(name string) (d Dependency, err error) {
	hits, err := s.searchFileSet.Lookup("", name)
	if err != nil {
		return d, err
	}
	isRepo := func(h pkgindex.Hit) bool { return s.searchFileSet.SourceKindOf(h) == pkgindex.KindRepo }
	d.InRepository = slices.ContainsFunc(hits, isRepo)
	providers, err := s.searchFileSet.LookupByRelation(pkgindex.RelationProvides, name)
	if err != nil {
		return d, err
	}
	d.InRepository = d.InRepository || slices.ContainsFunc(providers, isRepo)
	inAUR, err := s.LookupAUR(name)
	d.InAUR = len(inAUR) > 0
	d.IsUnknown = !d.InRepository && !d.InAUR && len(providers) == 0 && s.hasAllRepositories()
	return d, err
}

// hasAllRepositories reports whether there are repositories, and each of them has an index.
func (s *Snapshot) hasAllRepositories() bool {
	return len(s.searchedRepos) > 0 && !slices.ContainsFunc(s.searchedRepos, func(src IndexedSource) bool { return src.Index == nil })
}
