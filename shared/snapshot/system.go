package snapshot

import (
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// system holds the installed packages, after libalpm's correction.
type system struct {
	local     *pacmandb.Local
	versions  map[string]string // the version of each installed package, by name
	relations func() *pacmandb.Relations
	needs     map[string]Need // how strongly each installed package is needed according to libalpm, by name; nil without a Correction
}

func newSystem(local *pacmandb.Local, c *Correction) *system {
	s := &system{local: local}
	if c != nil {
		s.local, s.needs = c.apply(local)
	}
	s.versions = make(map[string]string, len(s.local.Packages))
	for _, p := range s.local.Packages {
		s.versions[p.Name] = p.Version
	}
	s.relations = sync.OnceValue(func() *pacmandb.Relations { return pacmandb.Relate(s.local.Packages) })
	return s
}

// names returns the names of the installed packages, sorted.
func (s *system) names() []string {
	names := make([]string, len(s.local.Packages))
	for i, p := range s.local.Packages {
		names[i] = p.Name
	}
	return names
}

// orphans returns the packages that were installed as dependencies and that no installed package requires, neither strictly
// nor optionally, like pacman -Qdt. If optional is set, orphans also returns the packages that are required only
// optionally, like pacman -Qdtt.
func (s *system) orphans(optional bool) []*pacmandb.Installed {
	if s.needs == nil {
		return s.relations().Orphans(optional)
	}
	most := NeedNone
	if optional {
		most = NeedOptional
	}
	var out []*pacmandb.Installed
	for _, p := range s.local.Depends() {
		if s.needs[p.Name] <= most {
			out = append(out, p)
		}
	}
	return out
}

// apply returns the local database as libalpm reads it. It also returns how strongly each package is needed, by name.
func (c *Correction) apply(local *pacmandb.Local) (*pacmandb.Local, map[string]Need) {
	next, needs := *local, make(map[string]Need, len(c.Packages))
	next.Packages = make([]*pacmandb.Installed, len(c.Packages))
	for i := range c.Packages {
		p := &c.Packages[i]
		next.Packages[i] = p.correct(local.Find(p.Name))
		needs[p.Name] = p.Need
	}
	return &next, needs
}

// correct returns an installed package as libalpm reads it. The parameter p is the package as omg read it; nil if omg did
// not read it. If p is nil or has another version, the result has only a name, a version and a reason.
func (c *CorrectedPackage) correct(p *pacmandb.Installed) *pacmandb.Installed {
	if p != nil && p.Version == c.Version && p.Reason == c.Reason {
		return p
	}
	next := &pacmandb.Installed{}
	if p != nil && p.Version == c.Version {
		*next = *p
	}
	next.Name, next.Version, next.Reason = c.Name, c.Version, c.Reason
	return next
}

// comparison is the result of comparing the installed packages with the repositories: outdated and foreign packages.
type comparison struct {
	outdated pacmandb.Outdated
	foreign  []*pacmandb.Installed
}

// compare compares the installed packages with the repositories. It returns nil if the installed packages are unknown or
// no repository has an index.
func (s *Snapshot) compare() (*comparison, error) {
	if s.system == nil || !answers(s.compared) {
		return nil, nil
	}
	config, facts := s.facts(s.compared, s.comparedSet)
	c := &comparison{outdated: pacmandb.Updates(s.system.local.Packages, config, facts)}
	_, c.foreign = pacmandb.SplitForeign(s.system.local.Packages, config, facts)
	if facts.err != nil {
		return nil, facts.err
	}
	if s.in.Correction != nil && s.in.Correction.Repositories && s.in.Downloaded == nil {
		s.in.Correction.compare(c, s.system.local.Packages)
	}
	return c, nil
}

// compare replaces the result of omg's comparison by libalpm's result. Only omg's list of replacements is kept, because
// libalpm's result has no such list.
func (c *Correction) compare(out *comparison, packages []*pacmandb.Installed) {
	out.foreign = nil
	out.outdated = pacmandb.Outdated{Replacements: out.outdated.Replacements}
	for i, p := range c.Packages {
		u := pacmandb.Update{Name: p.Name, Installed: p.Version, Version: p.Offered, Repo: p.Repo, Ignored: p.Ignored}
		switch {
		case p.Repo == "":
			out.foreign = append(out.foreign, packages[i])
		case p.Order > 0:
			out.outdated.Updates = append(out.outdated.Updates, u)
		case p.Order < 0:
			out.outdated.Newer = append(out.outdated.Newer, u)
		}
	}
}

// Facts returns the facts with which installed packages can be compared: the configuration with the repositories that could
// be read, and the contents of these repositories. The facts come from pacman's databases, not from downloaded databases.
// The indexes must stay open while the facts are used.
func (s *Snapshot) Facts() (*pacmandb.Config, pacmandb.SyncFacts, error) {
	set := s.set
	if s.in.Downloaded != nil && s.in.SearchDownloaded {
		var err error
		if set, err = s.newSet(s.in.Repositories); err != nil {
			return nil, nil, err
		}
	}
	config, facts := s.facts(s.in.Repositories, set)
	return config, facts, nil
}

func (s *Snapshot) facts(repositories []IndexedSource, set *pkgindex.Set) (*pacmandb.Config, *setFacts) {
	config := &pacmandb.Config{}
	if s.in.Config != nil {
		*config = *s.in.Config
	}
	config.Repos = nil
	f := &setFacts{set: set}
	for i := range repositories {
		if src := &repositories[i]; src.Index != nil {
			config.Repos = append(config.Repos, pacmandb.Repo{Name: src.Name, Usage: src.Usage})
			f.repos = append(f.repos, src.Name)
		}
	}
	if s.system != nil {
		f.installed = s.system.local.Packages
	}
	return config, f
}

// setFacts implements pacmandb.SyncFacts with a set of indexes. It caches the last look-up, because callers look up the
// same package in several repositories, one after the other.
type setFacts struct {
	set       *pkgindex.Set
	repos     []string
	installed []*pacmandb.Installed
	err       error // the first error; the caller must check it, because results after an error are wrong

	name     string            // the package name that was looked up last
	versions map[string]string // the versions of this package, by repository
}

func (f *setFacts) record(err error) {
	if f.err == nil {
		f.err = err
	}
}

func (f *setFacts) Lookup(repo int, name string) (string, bool) {
	if f.name != name || f.versions == nil {
		f.lookUp(name)
	}
	v, ok := f.versions[f.repos[repo]]
	return v, ok
}

func (f *setFacts) Groups(repo int, name string) []string {
	hits, err := f.set.Lookup("", name)
	f.record(err)
	for _, h := range hits {
		if f.set.Kind(h) == pkgindex.KindRepo && f.set.Repo(h) == f.repos[repo] {
			p, err := f.set.Package(h)
			f.record(err)
			return p.Groups
		}
	}
	return nil
}

func (f *setFacts) lookUp(name string) {
	f.name, f.versions = name, make(map[string]string)
	f.record(eachInRepos(f.set, name, func(repo, version string) { f.versions[repo] = version }))
}

// eachInRepos calls the function visit once for each repository that has the named package. The argument version is the
// version of the package in this repository.
func eachInRepos(set *pkgindex.Set, name string, visit func(repo, version string)) error {
	hits, err := set.Lookup("", name)
	if err != nil {
		return err
	}
	return set.ReadAll(hits, false, func(h pkgindex.Hit, summary, _ pkgindex.Record) bool {
		if set.Kind(h) == pkgindex.KindRepo {
			visit(set.Repo(h), summary.Version())
		}
		return true
	})
}

// Replacers returns the packages of a repository that replace an installed package.
func (f *setFacts) Replacers(repo int) iter.Seq[pacmandb.Replacer] {
	found := map[string]pacmandb.Replacer{}
	for _, p := range f.installed {
		hits, err := f.set.WithRelation(pkgindex.Replaces, p.Name)
		f.record(err)
		for _, h := range hits {
			if f.set.Kind(h) != pkgindex.KindRepo || f.set.Repo(h) != f.repos[repo] {
				continue
			}
			r, err := f.set.Package(h)
			f.record(err)
			found[r.Name] = pacmandb.Replacer{Name: r.Name, Version: r.Version, Groups: r.Groups, Replaces: r.Replaces}
		}
	}
	return func(yield func(pacmandb.Replacer) bool) {
		for _, name := range slices.Sorted(maps.Keys(found)) {
			if !yield(found[name]) {
				return
			}
		}
	}
}

// PackagesOf returns the number of packages in a repository, and whether the repository could be read. It uses the database
// that pacman downloaded.
func (s *Snapshot) PackagesOf(repo string) (int, bool) {
	for i := range s.in.Repositories {
		if src := &s.in.Repositories[i]; src.Name == repo && src.Index != nil {
			if facts, ok := src.Index.BuildInfo().Source(pkgindex.KindRepo, repo); ok {
				return int(facts.Packages), true
			}
		}
	}
	return 0, false
}

// ForeignNames returns the names of the installed packages that are in no repository. The bool known is false if the
// installed packages or all repositories are unknown.
func (s *Snapshot) ForeignNames() (names []string, known bool) {
	c, err := s.comparison()
	if c == nil || err != nil {
		return nil, false
	}
	for _, p := range c.foreign {
		names = append(names, p.Name)
	}
	return names, true
}

// computeOnce sets the functions that compute expensive results at their first call.
func (s *Snapshot) computeOnce() {
	s.comparison = sync.OnceValues(s.compare)
	s.foreign = sync.OnceValues(s.compareForeign)
	s.security = sync.OnceValues(s.assess)
	s.counted = sync.OnceValues(s.countAll)
}

// installed returns the installed version of a package, or an empty string.
func (s *Snapshot) installed(name string) string {
	if s.system == nil {
		return ""
	}
	return s.system.versions[name]
}

// unknown returns the error for a request that needs the installed packages, if it is unknown which packages are installed.
func (s *Snapshot) unknown() error {
	if s.in.Local.Why == "" {
		return wire.Errorf(wire.CodeNotReady, "the installed packages are unknown")
	}
	return wire.Errorf(wire.CodeNotReady, "the installed packages are unknown: %s", s.in.Local.Why)
}
