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

// installedSet holds the installed packages, after libalpm's correction.
type installedSet struct {
	local      *pacmandb.Local
	versions   map[string]string // the version of each installed package, by name
	relations  func() *pacmandb.Relations
	needByName map[string]NeedLevel // how strongly each installed package is needed according to libalpm, by name; nil without a LibalpmResult
}

func newInstalledSet(local *pacmandb.Local, c *LibalpmResult) *installedSet {
	s := &installedSet{local: local}
	if c != nil {
		s.local, s.needByName = c.applyToLocal(local)
	}
	s.versions = make(map[string]string, len(s.local.Packages))
	for _, p := range s.local.Packages {
		s.versions[p.Name] = p.Version
	}
	s.relations = sync.OnceValue(func() *pacmandb.Relations { return pacmandb.ComputeRelations(s.local.Packages) })
	return s
}

// orphans returns the packages that were installed as dependencies and that no installed package requires, neither strictly
// nor optionally, like pacman -Qdt. If optional is set, orphans also returns the packages that are required only
// optionally, like pacman -Qdtt.
func (s *installedSet) orphans(optional bool) []*pacmandb.Installed {
	if s.needByName == nil {
		return s.relations().Orphans(optional)
	}
	most := NeedNone
	if optional {
		most = NeedOptional
	}
	var out []*pacmandb.Installed
	for _, p := range s.local.DependPackages() {
		if s.needByName[p.Name] <= most {
			out = append(out, p)
		}
	}
	return out
}

// applyToLocal returns the local database as libalpm reads it. It also returns how strongly each package is needed, by name.
func (c *LibalpmResult) applyToLocal(local *pacmandb.Local) (*pacmandb.Local, map[string]NeedLevel) {
	next, needs := *local, make(map[string]NeedLevel, len(c.Packages))
	next.Packages = make([]*pacmandb.Installed, len(c.Packages))
	for i := range c.Packages {
		p := &c.Packages[i]
		next.Packages[i] = p.applyTo(local.Find(p.Name))
		needs[p.Name] = p.NeedLevel
	}
	return &next, needs
}

// applyTo returns an installed package as libalpm reads it. The parameter p is the package as omg read it; nil if omg did
// not read it. If p is nil or has another version, the result has only a name, a version and a reason.
func (c *LibalpmPackage) applyTo(p *pacmandb.Installed) *pacmandb.Installed {
	if p != nil && p.Version == c.Version && p.Reason == c.InstallReason {
		return p
	}
	next := &pacmandb.Installed{}
	if p != nil && p.Version == c.Version {
		*next = *p
	}
	next.Name, next.Version, next.Reason = c.Name, c.Version, c.InstallReason
	return next
}

// comparison is the result of comparing the installed packages with the repositories: outdated and foreign packages.
type comparison struct {
	outdated pacmandb.Outdated
	foreign  []*pacmandb.Installed
}

// compareInstalled compares the installed packages with the repositories. It returns nil if the installed packages are unknown or
// no repository has an index.
func (s *Snapshot) compareInstalled() (*comparison, error) {
	if s.installedSet == nil || !hasAnyIndex(s.comparedRepos) {
		return nil, nil
	}
	config, facts := s.newIndexSyncFacts(s.comparedRepos, s.comparedFileSet)
	c := &comparison{outdated: pacmandb.FindOutdated(s.installedSet.local.Packages, config, facts)}
	_, c.foreign = pacmandb.SplitForeign(s.installedSet.local.Packages, config, facts)
	if facts.err != nil {
		return nil, facts.err
	}
	if s.inputs.LibalpmResult != nil && s.inputs.LibalpmResult.AllRepositoriesRead && s.inputs.DownloadedRepositories == nil {
		s.inputs.LibalpmResult.replaceOmgComparison(c, s.installedSet.local.Packages)
	}
	return c, nil
}

// replaceOmgComparison replaces the result of omg's comparison by libalpm's result. Only omg's list of replacements is kept, because
// libalpm's result has no such list.
func (c *LibalpmResult) replaceOmgComparison(out *comparison, packages []*pacmandb.Installed) {
	out.foreign = nil
	out.outdated = pacmandb.Outdated{Replacements: out.outdated.Replacements}
	for i, p := range c.Packages {
		u := pacmandb.Update{Name: p.Name, Installed: p.Version, Version: p.OfferedVersion, Repo: p.Repo, Ignored: p.Ignored}
		switch {
		case p.Repo == "":
			out.foreign = append(out.foreign, packages[i])
		case p.VersionOrder > 0:
			out.outdated.Updates = append(out.outdated.Updates, u)
		case p.VersionOrder < 0:
			out.outdated.LocalNewer = append(out.outdated.LocalNewer, u)
		}
	}
}

// ComparisonFacts returns the facts with which installed packages can be compared: the configuration with the repositories that could
// be read, and the contents of these repositories. The facts come from pacman's databases, not from downloaded databases.
// The indexes must stay open while the facts are used.
func (s *Snapshot) ComparisonFacts() (*pacmandb.Config, pacmandb.SyncPackageFacts) {
	set := s.searchFileSet
	if s.inputs.DownloadedRepositories != nil && s.inputs.SearchDownloaded {
		set = s.newFileSet(s.inputs.Repositories)
	}
	return s.newIndexSyncFacts(s.inputs.Repositories, set)
}

func (s *Snapshot) newIndexSyncFacts(repositories []IndexedSource, set *pkgindex.FileSet) (*pacmandb.Config, *indexSyncFacts) {
	config := &pacmandb.Config{}
	if s.inputs.PacmanConfig != nil {
		*config = *s.inputs.PacmanConfig
	}
	config.Repos = nil
	f := &indexSyncFacts{fileSet: set}
	for i := range repositories {
		if src := &repositories[i]; src.Index != nil {
			config.Repos = append(config.Repos, pacmandb.Repo{Name: src.Name, Usage: src.Usage})
			f.repos = append(f.repos, src.Name)
		}
	}
	if s.installedSet != nil {
		f.installed = s.installedSet.local.Packages
	}
	return config, f
}

// indexSyncFacts implements pacmandb.SyncPackageFacts with a set of indexes. It caches the last look-up, because callers look up the
// same package in several repositories, one after the other.
type indexSyncFacts struct {
	fileSet   *pkgindex.FileSet
	repos     []string
	installed []*pacmandb.Installed
	err       error // the first error; the caller must check it, because results after an error are wrong

	cachedName     string            // the package name that was looked up last
	cachedVersions map[string]string // the versions of this package, by repository
}

func (f *indexSyncFacts) recordError(err error) {
	if f.err == nil {
		f.err = err
	}
}

func (f *indexSyncFacts) Lookup(repo int, name string) (string, bool) {
	if f.cachedName != name || f.cachedVersions == nil {
		f.cacheVersions(name)
	}
	v, ok := f.cachedVersions[f.repos[repo]]
	return v, ok
}

func (f *indexSyncFacts) Groups(repo int, name string) []string {
	hits, err := f.fileSet.Lookup("", name)
	f.recordError(err)
	for _, h := range hits {
		if f.fileSet.SourceKindOf(h) == pkgindex.KindRepo && f.fileSet.RepoOf(h) == f.repos[repo] {
			p, err := f.fileSet.ReadPackage(h)
			f.recordError(err)
			return p.Groups
		}
	}
	return nil
}

func (f *indexSyncFacts) cacheVersions(name string) {
	f.cachedName, f.cachedVersions = name, make(map[string]string)
	f.recordError(eachRepoVersion(f.fileSet, name, func(repo, version string) { f.cachedVersions[repo] = version }))
}

// eachRepoVersion calls the function visit once for each repository that has the named package. The argument version is the
// version of the package in this repository.
func eachRepoVersion(set *pkgindex.FileSet, name string, visit func(repo, version string)) error {
	hits, err := set.Lookup("", name)
	if err != nil {
		return err
	}
	return set.ReadRecords(hits, false, func(h pkgindex.Hit, summary, _ pkgindex.Record) bool {
		if set.SourceKindOf(h) == pkgindex.KindRepo {
			visit(set.RepoOf(h), summary.Version())
		}
		return true
	})
}

// Replacers returns the packages of a repository that replace an installed package.
func (f *indexSyncFacts) Replacers(repo int) iter.Seq[pacmandb.Replacer] {
	found := map[string]pacmandb.Replacer{}
	for _, p := range f.installed {
		hits, err := f.fileSet.LookupByRelation(pkgindex.RelationReplaces, p.Name)
		f.recordError(err)
		for _, h := range hits {
			if f.fileSet.SourceKindOf(h) != pkgindex.KindRepo || f.fileSet.RepoOf(h) != f.repos[repo] {
				continue
			}
			r, err := f.fileSet.ReadPackage(h)
			f.recordError(err)
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

// RepoPackageCount returns the number of packages in a repository, and whether the repository could be read. It uses the database
// that pacman downloaded.
func (s *Snapshot) RepoPackageCount(repo string) (int, bool) {
	for i := range s.inputs.Repositories {
		if src := &s.inputs.Repositories[i]; src.Name == repo && src.Index != nil {
			if facts, ok := src.Index.IndexInfo().FindSource(pkgindex.KindRepo, repo); ok {
				return int(facts.PackageCount), true
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

// initLazyResults sets the functions that compute expensive results at their first call.
func (s *Snapshot) initLazyResults() {
	s.comparison = sync.OnceValues(s.compareInstalled)
	s.foreignPackages = sync.OnceValues(s.compareForeign)
	s.security = sync.OnceValues(s.assessSecurity)
	s.counts = sync.OnceValues(s.countAll)
	s.initStates()
}

// installedVersion returns the installed version of a package, or an empty string.
func (s *Snapshot) installedVersion(name string) string {
	if s.installedSet == nil {
		return ""
	}
	return s.installedSet.versions[name]
}

// installedUnknownError returns the error for a request that needs the installed packages, if it is unknown which packages are installed.
func (s *Snapshot) installedUnknownError() error {
	if s.inputs.Local.FailureReason == "" {
		return wire.Errorf(wire.CodeNotReady, "the installed packages are unknown")
	}
	return wire.Errorf(wire.CodeNotReady, "the installed packages are unknown: %s", s.inputs.Local.FailureReason)
}
