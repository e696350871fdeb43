package pacmandb

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/wire"
)

// facts are SyncFacts gathered from the packages of the repositories. It keeps
// what concerns installed packages only, some KiB for a whole distribution.
type facts struct {
	installed map[string]struct{}
	versions  []map[string]string // by repository, then by name
	replacers [][]Replacer
}

var _ SyncFacts = (*facts)(nil)

// newFacts prepares facts on pkgs in so many repositories.
func newFacts(pkgs []*Installed, repos int) *facts {
	f := &facts{
		installed: make(map[string]struct{}, len(pkgs)),
		versions:  make([]map[string]string, repos),
		replacers: make([][]Replacer, repos),
	}
	for _, p := range pkgs {
		f.installed[p.Name] = struct{}{}
	}
	for i := range f.versions {
		f.versions[i] = map[string]string{}
	}
	return f
}

// Add takes note of a package of a repository, and keeps nothing of p itself:
// it may be what ReadSync hands out. Only the first of a name counts.
func (f *facts) Add(repo int, p *wire.Package) {
	if _, ok := f.installed[p.Name]; ok {
		if _, again := f.versions[repo][p.Name]; !again {
			f.versions[repo][strings.Clone(p.Name)] = strings.Clone(p.Version)
		}
	}
	for _, s := range p.Replaces {
		if _, ok := f.installed[ParseDepend(s).Name]; ok {
			f.replacers[repo] = append(f.replacers[repo], Replacer{
				Name: strings.Clone(p.Name), Version: strings.Clone(p.Version),
				Groups: cloneAll(p.Groups), Replaces: cloneAll(p.Replaces),
			})
			return
		}
	}
}

func cloneAll(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = strings.Clone(s)
	}
	return out
}

// Lookup implements SyncFacts for installed packages.
func (f *facts) Lookup(repo int, name string) (version string, ok bool) {
	version, ok = f.versions[repo][name]
	return version, ok
}

// Replacers implements SyncFacts; it yields those that concern an installed
// package.
func (f *facts) Replacers(repo int) iter.Seq[Replacer] {
	sorted := slices.SortedStableFunc(slices.Values(f.replacers[repo]), func(a, b Replacer) int { return cmp.Compare(a.Name, b.Name) })
	return slices.Values(sorted)
}
