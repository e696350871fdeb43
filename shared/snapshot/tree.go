package snapshot

import (
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// FindRepoSatisfier returns the package of the repositories that pacman would install for a dependency, or nil if there is none: the package
// with its name in the first repository that has a suitable version, otherwise an installed package that provides it, otherwise the
// first one that provides it (libalpm's resolvedep, with the default answer to its question).
func (s *Snapshot) FindRepoSatisfier(dependency string) (*wire.Package, error) {
	d := pacmandb.ParseDepend(dependency)
	named, err := s.searchFileSet.Lookup("", d.Name)
	if err != nil {
		return nil, err
	}
	found, err := s.firstRepoPackage(named, func(p *wire.Package) bool { return d.Allows(p.Version) })
	if found != nil || err != nil {
		return found, err
	}
	providing, err := s.searchFileSet.LookupByRelation(pkgindex.RelationProvides, d.Name)
	if err != nil {
		return nil, err
	}
	provides := func(p *wire.Package) bool { return p.Name != d.Name && slices.ContainsFunc(p.Provides, d.IsProvidedBy) }
	found, err = s.firstRepoPackage(providing, func(p *wire.Package) bool {
		return s.installedSet != nil && s.installedSet.local.Find(p.Name) != nil && provides(p)
	})
	if found != nil || err != nil {
		return found, err
	}
	return s.firstRepoPackage(providing, provides)
}

// firstRepoPackage returns the first of the hits that is in a repository and is accepted, or nil.
func (s *Snapshot) firstRepoPackage(hits []pkgindex.Hit, isAccepted func(*wire.Package) bool) (*wire.Package, error) {
	for _, h := range hits {
		if s.searchFileSet.SourceKindOf(h) != pkgindex.KindRepo {
			continue
		}
		p, err := s.searchFileSet.ReadPackage(h)
		if err != nil {
			return nil, err
		}
		if isAccepted(&p) {
			return &p, nil
		}
	}
	return nil, nil
}

// RepoDependant is a package of the repositories that needs another package, with the dependency that the other package satisfies.
type RepoDependant struct {
	Package    *wire.Package
	Dependency string
}

// RepoDependants returns the packages of the repositories with a dependency, or an optional one, that a package satisfies, in order of name:
// what pacman -Sii shows.
func (s *Snapshot) RepoDependants(p *wire.Package, optional bool) (list []RepoDependant, err error) {
	relation, dependencies := pkgindex.RelationDepends, func(d *wire.Package) []string { return d.Depends }
	if optional {
		relation, dependencies = pkgindex.RelationOptDepends, func(d *wire.Package) []string { return d.OptDepends }
	}
	names := []string{p.Name}
	for _, provision := range p.Provides {
		names = append(names, pacmandb.ParseDepend(provision).Name)
	}
	slices.Sort(names)
	seen := map[string]bool{}
	for _, name := range slices.Compact(names) {
		hits, err := s.searchFileSet.LookupByRelation(relation, name)
		if err != nil {
			return nil, err
		}
		for _, h := range hits {
			if s.searchFileSet.SourceKindOf(h) != pkgindex.KindRepo {
				continue
			}
			dependant, err := s.searchFileSet.ReadPackage(h)
			if err != nil {
				return nil, err
			}
			at := slices.IndexFunc(dependencies(&dependant), func(text string) bool { return isSatisfiedByPackage(pacmandb.ParseDepend(text), p) })
			if at >= 0 && !seen[dependant.Name] {
				seen[dependant.Name] = true
				list = append(list, RepoDependant{&dependant, dependencies(&dependant)[at]})
			}
		}
	}
	slices.SortFunc(list, func(a, b RepoDependant) int { return strings.Compare(a.Package.Name, b.Package.Name) })
	return list, nil
}

func isSatisfiedByPackage(d pacmandb.Depend, p *wire.Package) bool {
	return d.Name == p.Name && d.Allows(p.Version) || slices.ContainsFunc(p.Provides, d.IsProvidedBy)
}
