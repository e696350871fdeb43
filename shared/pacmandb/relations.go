package pacmandb

import (
	"slices"
	"strings"
)

// Relations tells which installed packages need which others. As in libalpm, this depends on names, provides and
// versions, and every package that satisfies a dependency is regarded as required, even if other packages also satisfy
// the dependency. It is immutable and safe for concurrent use.
type Relations struct {
	pkgs []*Installed
	// satisfiers contains a linked list for each name on which packages can depend. firstSatisfierByName maps the name to the index of
	// the first element of the list.
	firstSatisfierByName map[string]int32
	satisfiers           []satisfier

	dependants, optionalDependants dependantLists
}

// satisfier is a package that can satisfy a dependency on a name: the package of that name, or one that provides it.
type satisfier struct {
	pkg        int32
	next       int32 // index of the next satisfier of the same name; -1 at the end
	isProvide  bool
	comparison Comparison
	version    string
}

// dependantLists lists, for each package, the packages that depend on it. For package i the slice expression
// `indexes[offsets[i]:offsets[i+1]]` gives their indexes.
type dependantLists struct {
	offsets, packageIndexes []int32
}

func (r dependantLists) dependantsOf(i int32) []int32 {
	return r.packageIndexes[r.offsets[i]:r.offsets[i+1]]
}

// ComputeRelations computes the relations of the packages pkgs, which must be in the order of Local.Packages and must not change
// afterwards.
func ComputeRelations(pkgs []*Installed) *Relations {
	r := &Relations{pkgs: pkgs, firstSatisfierByName: make(map[string]int32, 2*len(pkgs))}
	r.satisfiers = make([]satisfier, 0, 2*len(pkgs))
	for i, p := range pkgs {
		r.addSatisfier(p.Name, satisfier{pkg: int32(i), version: p.Version})
		for _, s := range p.Provides {
			d := ParseDepend(s)
			r.addSatisfier(d.Name, satisfier{pkg: int32(i), isProvide: true, comparison: d.Comparison, version: d.Version})
		}
	}
	r.dependants = r.invert(func(p *Installed) []string { return p.Depends })
	r.optionalDependants = r.invert(func(p *Installed) []string { return p.OptDepends })
	return r
}

func (r *Relations) addSatisfier(name string, s satisfier) {
	s.next = -1
	if first, ok := r.firstSatisfierByName[name]; ok {
		s.next = first
	}
	r.firstSatisfierByName[name] = int32(len(r.satisfiers))
	r.satisfiers = append(r.satisfiers, s)
}

// visitSatisfiers calls visit for every package that satisfies the dependency d, the last package first. For a package
// that satisfies d in two ways, it calls visit twice.
func (r *Relations) visitSatisfiers(d Depend, visit func(pkg int32)) {
	at, ok := r.firstSatisfierByName[d.Name]
	if !ok {
		return
	}
	for ; at >= 0; at = r.satisfiers[at].next {
		s := &r.satisfiers[at]
		met := false
		if s.isProvide {
			met = d.isSatisfiedBy(Depend{Name: d.Name, Comparison: s.comparison, Version: s.version})
		} else {
			met = d.Allows(s.version)
		}
		if met {
			visit(s.pkg)
		}
	}
}

// invert turns the packages' lists of dependencies into lists of dependants. The function dependencies returns the
// dependencies of a package.
func (r *Relations) invert(dependencies func(*Installed) []string) dependantLists {
	type edge struct{ to, from int32 }
	edges := make([]edge, 0, 8*len(r.pkgs))
	last := make([]int32, len(r.pkgs)) // for each package: the index of the last dependant that was added, plus one
	start := make([]int32, len(r.pkgs)+1)
	for i, p := range r.pkgs {
		from := int32(i)
		for _, s := range dependencies(p) {
			r.visitSatisfiers(ParseDepend(s), func(to int32) {
				if last[to] != from+1 {
					last[to] = from + 1
					start[to+1]++
					edges = append(edges, edge{to, from})
				}
			})
		}
	}
	for i := range r.pkgs {
		start[i+1] += start[i]
	}
	out := make([]int32, len(edges))
	fill := slices.Clone(start)
	for _, e := range edges { // the edges are in order of e.from, so the list of each package is sorted
		out[fill[e.to]] = e.from
		fill[e.to]++
	}
	return dependantLists{start, out}
}

// indexOf returns the index of the package with the given name, or -1.
func (r *Relations) indexOf(name string) int32 {
	i, ok := slices.BinarySearchFunc(r.pkgs, name, func(p *Installed, name string) int {
		return strings.Compare(p.Name, name)
	})
	if !ok {
		return -1
	}
	return int32(i)
}

// RequiredBy returns the sorted names of the installed packages that depend on the installed package with the given
// name: pacman's "Required By".
func (r *Relations) RequiredBy(name string) []string { return r.dependantNames(r.dependants, name) }

// OptionalFor is like RequiredBy, for optional dependencies: pacman's "Optional For".
func (r *Relations) OptionalFor(name string) []string {
	return r.dependantNames(r.optionalDependants, name)
}

func (r *Relations) dependantNames(of dependantLists, name string) []string {
	i := r.indexOf(name)
	if i < 0 {
		return nil
	}
	list := of.dependantsOf(i)
	names := make([]string, len(list))
	for k, from := range list {
		names[k] = r.pkgs[from].Name
	}
	return names
}

// Orphans returns the packages that were installed as a dependency and that no package requires. Unless onlyRequired is
// true, it leaves out packages that another package uses optionally. The result is that of pacman -Qdt or, with
// onlyRequired, of pacman -Qdtt.
func (r *Relations) Orphans(onlyRequired bool) []*Installed {
	var out []*Installed
	for i, p := range r.pkgs {
		if p.Reason == ReasonDepend && r.isUnneeded(int32(i), onlyRequired) {
			out = append(out, p)
		}
	}
	return out
}

// IsUnneeded reports whether no package requires the package with the given name and, unless onlyRequired is true, no
// package optionally uses it: pacman -Qt or, with onlyRequired, pacman -Qtt.
func (r *Relations) IsUnneeded(name string, onlyRequired bool) bool {
	i := r.indexOf(name)
	return i >= 0 && r.isUnneeded(i, onlyRequired)
}

func (r *Relations) isUnneeded(i int32, onlyRequired bool) bool {
	return len(r.dependants.dependantsOf(i)) == 0 && (onlyRequired || len(r.optionalDependants.dependantsOf(i)) == 0)
}

// Satisfiers returns all installed packages that satisfy a dependency, in order of name.
func (r *Relations) Satisfiers(dependency string) []*Installed {
	var indexes []int32
	r.visitSatisfiers(ParseDepend(dependency), func(i int32) { indexes = append(indexes, i) })
	slices.Sort(indexes)
	indexes = slices.Compact(indexes)
	found := make([]*Installed, len(indexes))
	for k, i := range indexes {
		found[k] = r.pkgs[i]
	}
	return found
}

// Satisfier returns the package that a target of pacman -Q means: the package of that name, otherwise the first package
// that satisfies the target as a dependency ("sh", "glibc>=2.30"), otherwise nil. A prefix "local/" is ignored.
func (r *Relations) Satisfier(target string) *Installed {
	target = strings.TrimPrefix(target, "local/")
	if i := r.indexOf(target); i >= 0 {
		return r.pkgs[i]
	}
	first := int32(-1)
	r.visitSatisfiers(ParseDepend(target), func(i int32) {
		if first < 0 || i < first {
			first = i
		}
	})
	if first < 0 {
		return nil
	}
	return r.pkgs[first]
}
