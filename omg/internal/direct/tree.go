package direct

import (
	"context"
	"slices"
	"strings"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// Tree implements backend.Backend.
func (b *Backend) Tree(ctx context.Context, r *backend.TreeRequest) (*backend.TreeResult, error) {
	if r.FromRepositories {
		return withSnapshot(ctx, b, func(s *snapshot.Snapshot) (*backend.TreeResult, error) {
			tree := &repoTree{snapshot: s, packages: map[string]*wire.Package{}, satisfiers: map[string]*wire.Package{}}
			result, err := walkTree(r, tree)
			if err == nil {
				result.Basis = s.SearchBasis()
			}
			return result, err
		})
	}
	l, err := b.readLocalDatabase(ctx)
	if err != nil {
		return nil, err
	}
	result, err := walkTree(r, localTree{l.relations(), l.local})
	if err == nil {
		reading := localDBReading(l.local)
		result.Basis = wire.Basis{Partial: reading.Partial, Why: reading.WhyPartial}
	}
	return result, err
}

// treeSource provides the packages and edges of a tree.
type treeSource interface {
	// find returns the package that has or provides a name; ok is false if there is none. It sets no distance and no edges.
	find(name string) (p backend.TreePackage, ok bool, err error)
	// dependencies returns the edges to the packages that the package with the given name needs, and dependants those to the packages
	// that need it. The package was returned by find, or is at the end of an edge.
	dependencies(name string, optional bool) ([]backend.TreeEdge, error)
	dependants(name string, optional bool) ([]backend.TreeEdge, error)
	// describe returns a package at the end of an edge.
	describe(name string) backend.TreePackage
}

// walkTree walks from the requested package along all edges, breadth first.
func walkTree(r *backend.TreeRequest, source treeSource) (*backend.TreeResult, error) {
	result := &backend.TreeResult{Packages: []backend.TreePackage{}}
	root, ok, err := source.find(r.Name)
	if !ok || err != nil {
		return result, err
	}
	result.Name = root.Name
	edgesOf := source.dependencies
	if r.Reverse {
		edgesOf = source.dependants
	}
	seen := map[string]bool{root.Name: true}
	result.Packages = append(result.Packages, root)
	for i := 0; i < len(result.Packages); i++ {
		p := &result.Packages[i]
		p.Edges = []backend.TreeEdge{}
		if r.MaxDepth >= 0 && p.Distance >= r.MaxDepth {
			continue
		}
		if p.Edges, err = edgesOf(p.Name, r.Optional); err != nil {
			return nil, err
		}
		distance, edges := p.Distance+1, p.Edges // p is invalid after the slice has grown
		for _, e := range edges {
			if e.Name != "" && !seen[e.Name] {
				seen[e.Name] = true
				next := source.describe(e.Name)
				next.Distance = distance
				result.Packages = append(result.Packages, next)
			}
		}
	}
	return result, nil
}

// addEdge adds an edge, unless there already is one to the same package. An edge that is not optional replaces an optional one.
func addEdge(edges []backend.TreeEdge, e backend.TreeEdge) []backend.TreeEdge {
	if e.Name != "" && slices.ContainsFunc(edges, func(have backend.TreeEdge) bool { return have.Name == e.Name }) {
		return edges
	}
	return append(edges, e)
}

func withoutDescription(dependency string) string {
	text, _, _ := strings.Cut(dependency, ": ")
	return text
}

// localTree is the source for a tree of the installed packages. Each installed package that satisfies a dependency is needed, as for pacman's
// Required By.
type localTree struct {
	relations *pacmandb.Relations
	local     *pacmandb.Local
}

func (t localTree) find(name string) (backend.TreePackage, bool, error) {
	p := t.relations.Satisfier(name)
	if p == nil {
		return backend.TreePackage{}, false, nil
	}
	return backend.TreePackage{Name: p.Name, Version: p.Version}, true, nil
}

func (t localTree) describe(name string) backend.TreePackage {
	return backend.TreePackage{Name: name, Version: t.local.Find(name).Version}
}

func (t localTree) dependencies(name string, optional bool) ([]backend.TreeEdge, error) {
	p := t.local.Find(name)
	edges := t.addSatisfiers([]backend.TreeEdge{}, p.Depends, false)
	if optional {
		edges = t.addSatisfiers(edges, p.OptDepends, true)
	}
	return edges, nil
}

func (t localTree) addSatisfiers(edges []backend.TreeEdge, dependencies []string, optional bool) []backend.TreeEdge {
	for _, d := range dependencies {
		found := t.relations.Satisfiers(d)
		for _, p := range found {
			edges = addEdge(edges, backend.TreeEdge{Name: p.Name, Dependency: withoutDescription(d), Optional: optional})
		}
		if len(found) == 0 {
			edges = append(edges, backend.TreeEdge{Dependency: withoutDescription(d), Optional: optional})
		}
	}
	return edges
}

func (t localTree) dependants(name string, optional bool) ([]backend.TreeEdge, error) {
	edges := t.addDependants([]backend.TreeEdge{}, name, t.relations.RequiredBy(name), false)
	if optional {
		edges = t.addDependants(edges, name, t.relations.OptionalFor(name), true)
	}
	return edges, nil
}

func (t localTree) addDependants(edges []backend.TreeEdge, name string, dependants []string, optional bool) []backend.TreeEdge {
	for _, dependant := range dependants {
		dependencies := t.local.Find(dependant).Depends
		if optional {
			dependencies = t.local.Find(dependant).OptDepends
		}
		at := slices.IndexFunc(dependencies, func(d string) bool {
			return slices.ContainsFunc(t.relations.Satisfiers(d), func(p *pacmandb.Installed) bool { return p.Name == name })
		})
		edges = addEdge(edges, backend.TreeEdge{Name: dependant, Dependency: withoutDescription(dependencies[at]), Optional: optional})
	}
	return edges
}

// repoTree is the source for a tree of the packages in the repositories. A dependency leads to the package that pacman would install for it.
type repoTree struct {
	snapshot   *snapshot.Snapshot
	packages   map[string]*wire.Package // by name
	satisfiers map[string]*wire.Package // by dependency
}

func (t *repoTree) find(name string) (backend.TreePackage, bool, error) {
	p, err := t.satisfier(name)
	if p == nil || err != nil {
		return backend.TreePackage{}, false, err
	}
	return t.describe(p.Name), true, nil
}

func (t *repoTree) satisfier(dependency string) (*wire.Package, error) {
	if p, ok := t.satisfiers[dependency]; ok {
		return p, nil
	}
	p, err := t.snapshot.FindRepoSatisfier(dependency)
	if err != nil {
		return nil, err
	}
	if p != nil && t.packages[p.Name] == nil {
		t.packages[p.Name] = p
	}
	t.satisfiers[dependency] = p
	return p, nil
}

func (t *repoTree) describe(name string) backend.TreePackage {
	p := t.packages[name]
	return backend.TreePackage{Name: p.Name, Version: p.Version, Repo: p.Repo}
}

func (t *repoTree) dependencies(name string, optional bool) (edges []backend.TreeEdge, err error) {
	p := t.packages[name]
	if edges, err = t.addSatisfiers([]backend.TreeEdge{}, p.Depends, false); err == nil && optional {
		edges, err = t.addSatisfiers(edges, p.OptDepends, true)
	}
	return edges, err
}

func (t *repoTree) addSatisfiers(edges []backend.TreeEdge, dependencies []string, optional bool) ([]backend.TreeEdge, error) {
	for _, d := range dependencies {
		d = withoutDescription(d)
		p, err := t.satisfier(d)
		if err != nil {
			return nil, err
		}
		e := backend.TreeEdge{Dependency: d, Optional: optional}
		if p != nil {
			e.Name = p.Name
		}
		edges = addEdge(edges, e)
	}
	return edges, nil
}

func (t *repoTree) dependants(name string, optional bool) ([]backend.TreeEdge, error) {
	edges := []backend.TreeEdge{}
	for _, kind := range []bool{false, true} {
		if kind && !optional {
			break
		}
		list, err := t.snapshot.RepoDependants(t.packages[name], kind)
		if err != nil {
			return nil, err
		}
		for _, d := range list {
			if t.packages[d.Package.Name] == nil {
				t.packages[d.Package.Name] = d.Package
			}
			edges = addEdge(edges, backend.TreeEdge{Name: d.Package.Name, Dependency: withoutDescription(d.Dependency), Optional: kind})
		}
	}
	return edges, nil
}
