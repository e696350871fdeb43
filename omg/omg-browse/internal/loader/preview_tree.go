package loader

import (
	"bufio"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/wire"
)

const (
	// treeDepth is the number of levels of a tree, and maxTreeLines the number of lines from which a tree has fewer levels. The user goes to
	// a package to see more.
	treeDepth    = 3
	maxTreeLines = 300
	// maxTreeEdges is the maximum number of lines of the first level.
	maxTreeEdges = 2000
	// maxProvided is the maximum number of names that a package provides for which packages are searched that need them.
	maxProvided = 20
)

// depends adds what a package needs: installed packages for an installed one, otherwise those that would be installed.
func (l *Loader) depends(ctx context.Context, p *page, s *subject) error {
	if s.installed == "" && !s.isInRepository() {
		return l.aurDepends(ctx, p, s)
	}
	tree, err := l.tree(ctx, &backend.TreeRequest{Name: s.name, FromRepositories: s.installed == "", MaxDepth: treeDepth})
	if err != nil {
		return err
	}
	return l.printTree(ctx, p, s, &show.Tree{TreeResult: tree, FromRepositories: s.installed == ""}, "needs no other package")
}

// requiredBy adds what needs a package: installed packages for an installed one, otherwise those of all sources.
func (l *Loader) requiredBy(ctx context.Context, p *page, s *subject) error {
	if s.installed == "" {
		return l.searchDependants(ctx, p, s)
	}
	tree, err := l.tree(ctx, &backend.TreeRequest{Name: s.name, Reverse: true, MaxDepth: treeDepth})
	if err != nil {
		return err
	}
	if err := l.printTree(ctx, p, s, &show.Tree{TreeResult: tree, Reverse: true}, "is needed by no installed package"); err != nil {
		return err
	}
	p.text("")
	p.text("depends:" + s.name + " in the view Search finds the packages of all sources that need it")
	return nil
}

// tree returns a tree with the optional dependencies of its first package. Those of the others would be too many.
func (l *Loader) tree(ctx context.Context, r *backend.TreeRequest) (*backend.TreeResult, error) {
	tree, err := l.backend.Tree(ctx, r)
	if err != nil || tree.Name == "" {
		return tree, err
	}
	first := *r
	first.Optional, first.MaxDepth = true, 1
	optional, err := l.backend.Tree(ctx, &first)
	if err != nil || len(optional.Packages) == 0 {
		return tree, err
	}
	for _, e := range optional.Packages[0].Edges {
		if e.Optional {
			tree.Packages[0].Edges = append(tree.Packages[0].Edges, e)
		}
	}
	return tree, nil
}

// printTree adds a tree with as many levels as fit. The text none is shown if it has only one package.
func (l *Loader) printTree(ctx context.Context, p *page, s *subject, t *show.Tree, none string) error {
	if t.Name == "" {
		if why := note(&t.Basis); why != "" {
			return fmt.Errorf("the package %s was not found: %s", s.name, why)
		}
		return fmt.Errorf("the package %s was not found", s.name)
	}
	if len(t.Packages[0].Edges) == 0 {
		p.text(s.name + " " + none)
		p.warn(note(&t.Basis))
		return nil
	}
	leftOut := limitTree(t.TreeResult)
	installed := map[string]bool{}
	if t.FromRepositories {
		installed = l.installedNames(ctx, p, t.TreeResult)
	}
	t.Mark = func(e *backend.TreeEdge, above []string) string {
		switch {
		case e.Name != "" && slices.Contains(above, e.Name):
			return "cycle"
		case installed[e.Name]:
			return "installed"
		}
		return ""
	}
	p.printTree(t)
	if leftOut > 0 {
		p.text(fmt.Sprintf("… and %d more", leftOut))
	}
	p.warn(note(&t.Basis))
	return nil
}

// printTree adds a tree whose lines lead to its packages.
func (p *page) printTree(t *show.Tree) {
	p.print(func(style show.Style, w *bufio.Writer) []string {
		names := style.PrintTree(w, t, true)
		names[0] = "" // the user is already there
		return names
	})
}

// limitTree removes levels of a tree until it has few enough lines, and returns the number of edges that it removed from the first package.
func limitTree(t *backend.TreeResult) (leftOut int) {
	for depth := treeDepth; ; depth-- {
		lines := 0
		for i := range t.Packages {
			if t.Packages[i].Distance >= depth {
				t.Packages[i].Edges = nil
			}
			lines += len(t.Packages[i].Edges)
		}
		if lines <= maxTreeLines || depth == 1 {
			break
		}
	}
	first := &t.Packages[0]
	leftOut = max(0, len(first.Edges)-maxTreeEdges)
	first.Edges = first.Edges[:len(first.Edges)-leftOut]
	return leftOut
}

// maxMarkedPackages is the maximum number of packages of a tree of which the installed ones are marked.
const maxMarkedPackages = 500

// installedNames returns which packages of a tree are installed. If that is unknown, the page says so.
func (l *Loader) installedNames(ctx context.Context, p *page, t *backend.TreeResult) map[string]bool {
	names := map[string]bool{}
	for i := range t.Packages {
		for _, e := range t.Packages[i].Edges {
			if e.Name != "" && len(names) < maxMarkedPackages {
				names[e.Name] = false
			}
		}
	}
	r := &wire.InstalledRequest{}
	for name := range names {
		r.Names = append(r.Names, name)
	}
	slices.Sort(r.Names)
	if len(r.Names) == 0 {
		return names
	}
	result, err := l.backend.Installed(ctx, r)
	if err != nil {
		p.warn("which of them are installed is unknown: " + message(err))
		return names
	}
	for i := range result.Packages {
		names[result.Packages[i].Name] = true
	}
	return names
}

// aurDepends adds the dependencies of a package of the AUR, and which source has them.
func (l *Loader) aurDepends(ctx context.Context, p *page, s *subject) error {
	kinds := []struct {
		mark         string
		dependencies []string
	}{{"", s.pkg.Depends}, {"make", s.pkg.MakeDepends}, {"check", s.pkg.CheckDepends}, {"optional", s.pkg.OptDepends}}
	root := backend.TreePackage{Name: s.name}
	marks := map[string]string{} // by dependency
	var names []string
	leftOut := 0
	for _, kind := range kinds {
		for _, d := range kind.dependencies {
			d, _, _ = strings.Cut(d, ": ")
			if _, isKnown := marks[d]; isKnown {
				continue
			}
			if len(names) == maxMarkedPackages {
				leftOut++
				continue
			}
			marks[d] = kind.mark
			names = append(names, nameOf(d))
			root.Edges = append(root.Edges, backend.TreeEdge{Name: nameOf(d), Dependency: d})
		}
	}
	if len(names) == 0 {
		p.text(s.name + " needs no other package")
		p.warn(s.note)
		return nil
	}
	found, warning, err := l.sourcesOf(ctx, names)
	if err != nil {
		return err
	}
	for i := range root.Edges {
		e := &root.Edges[i]
		e.Name = found[e.Name].name
	}
	t := &show.Tree{TreeResult: &backend.TreeResult{Name: s.name, Packages: []backend.TreePackage{root}}, FromRepositories: true}
	t.Mark = func(e *backend.TreeEdge, _ []string) string {
		f := found[nameOf(e.Dependency)]
		parts := []string{f.mark, marks[e.Dependency]}
		if e.Name == "" {
			parts[0] = "nor in the AUR"
		}
		return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
	}
	p.printTree(t)
	if leftOut > 0 {
		p.text(fmt.Sprintf("… and %d more", leftOut))
	}
	p.warn(warning)
	return nil
}

// nameOf returns the name in a dependency such as glibc>=2.36.
func nameOf(dependency string) string {
	if at := strings.IndexAny(dependency, "<>="); at >= 0 {
		return dependency[:at]
	}
	return dependency
}

// source is the package that has or provides a name, and whether it is installed or in the AUR.
type source struct{ name, mark string }

func sourceOf(p *wire.Package) source {
	switch {
	case p.InstalledVersion != "":
		return source{p.Name, "installed"}
	case p.AUR != nil:
		return source{p.Name, "AUR"}
	}
	return source{p.Name, ""}
}

// sourcesOf finds the packages that have or provide names. The warning says what is missing in the answers.
func (l *Loader) sourcesOf(ctx context.Context, names []string) (found map[string]source, warning string, err error) {
	found = map[string]source{}
	result, err := l.backend.Info(ctx, &wire.InfoRequest{Names: names, Offline: true}, func(p *wire.Package) error {
		if _, isKnown := found[p.Name]; !isKnown {
			found[p.Name] = sourceOf(p)
		}
		return nil
	}, func() {})
	if err != nil {
		return nil, "", err
	}
	for _, name := range names {
		if _, isKnown := found[name]; isKnown || name == "" {
			continue
		}
		r := &wire.SearchRequest{Words: []string{"provides:" + name}, Offline: true, Limit: maxTreeLines}
		var candidates []string
		_, err := l.backend.Search(ctx, r, func(p *wire.Package) error {
			candidates = append(candidates, p.Name)
			return nil
		}, func() {})
		if err != nil {
			return nil, "", err
		}
		if len(candidates) == 0 {
			continue
		}
		_, err = l.backend.Info(ctx, &wire.InfoRequest{Names: candidates, Offline: true}, func(p *wire.Package) error {
			_, isKnown := found[name]
			if !isKnown && slices.ContainsFunc(p.Provides, func(provided string) bool { return nameOf(provided) == name }) {
				found[name] = sourceOf(p)
			}
			return nil
		}, func() {})
		if err != nil {
			return nil, "", err
		}
	}
	return found, note(&result.Basis), nil
}

// searchDependants adds the packages of all sources that need a package, by its name or by a name that it provides.
func (l *Loader) searchDependants(ctx context.Context, p *page, s *subject) error {
	names := []string{s.name}
	for _, provided := range s.pkg.Provides {
		if name := nameOf(provided); len(names) <= maxProvided && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	root := backend.TreePackage{Name: s.name}
	seen := map[string]bool{}
	marks := map[string]string{}
	total, warning := 0, ""
	for _, name := range names {
		r := &wire.SearchRequest{Words: []string{"depends:" + name}, Sort: wire.SortRepo, Offline: true, Limit: maxTreeLines}
		result, err := l.backend.Search(ctx, r, func(d *wire.Package) error {
			if !seen[d.Name] {
				seen[d.Name] = true
				marks[d.Name] = sourceOf(d).mark
				root.Edges = append(root.Edges, backend.TreeEdge{Name: d.Name, Dependency: name})
			}
			return nil
		}, func() {})
		if err != nil {
			return err
		}
		total += max(0, int(result.Total)-maxTreeLines)
		warning = note(&result.Basis)
	}
	if len(root.Edges) == 0 {
		p.text("no package of the sources needs " + s.name + " to run")
		p.warn(warning)
		return nil
	}
	t := &show.Tree{TreeResult: &backend.TreeResult{Name: s.name, Packages: []backend.TreePackage{root}}, Reverse: true}
	t.Mark = func(e *backend.TreeEdge, _ []string) string { return marks[e.Name] }
	p.printTree(t)
	if total > 0 {
		p.text(fmt.Sprintf("… and %d more: depends:%s in the view Search finds all", total, s.name))
	}
	p.warn(warning)
	return nil
}
