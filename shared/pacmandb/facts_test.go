package pacmandb

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/wire"
)

// facts implements SyncPackageFacts from the packages of the repositories. It keeps only facts about installed packages: a few
// KiB for a whole distribution.
type facts struct {
	installed map[string]struct{}
	versions  []map[string]string // for each repository, the versions of packages by name
	groups    map[string][]string // the key is the position of the repository, followed by the name of the package
	replacers [][]Replacer
}

var _ SyncPackageFacts = (*facts)(nil)

// newFacts returns facts for the installed packages pkgs and the given number of repositories. The repositories have no
// packages yet: the method Add adds them.
func newFacts(pkgs []*Installed, repos int) *facts {
	f := &facts{
		installed: make(map[string]struct{}, len(pkgs)),
		groups:    map[string][]string{},
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

// Add adds a package of a repository. It keeps no part of p, because ReadSync reuses p. If it is called for
// several packages of the same name, only the first counts.
func (f *facts) Add(repo int, p *wire.Package) {
	if _, ok := f.installed[p.Name]; ok {
		if _, again := f.versions[repo][p.Name]; !again {
			f.versions[repo][strings.Clone(p.Name)] = strings.Clone(p.Version)
			f.groups[fmt.Sprint(repo, p.Name)] = cloneAll(p.Groups)
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

// Lookup implements SyncPackageFacts; it finds only packages with the name of an installed package.
func (f *facts) Lookup(repo int, name string) (version string, ok bool) {
	version, ok = f.versions[repo][name]
	return version, ok
}

// Groups implements SyncPackageFacts.
func (f *facts) Groups(repo int, name string) []string { return f.groups[fmt.Sprint(repo, name)] }

// Replacers implements SyncPackageFacts; it yields only packages that replace an installed package.
func (f *facts) Replacers(repo int) iter.Seq[Replacer] {
	sorted := slices.SortedStableFunc(slices.Values(f.replacers[repo]), func(a, b Replacer) int { return cmp.Compare(a.Name, b.Name) })
	return slices.Values(sorted)
}
