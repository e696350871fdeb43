package snapshot

import (
	"fmt"
	"slices"

	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// Status returns the result of OpStatus. Unknown counts are nil. An error means that an index is inconsistent.
func (s *Snapshot) Status() (*wire.StatusResult, error) {
	r := &wire.StatusResult{Basis: s.comparedBasis(), Problems: slices.Clone(s.inputs.Problems), Runtimes: s.inputs.Runtimes}
	r.Sources = s.describeSources(s.searchedRepos)
	if s.inputs.DownloadedRepositories != nil && !s.inputs.SearchDownloaded {
		r.ComparedSources = s.describeSources(s.comparedRepos)[:len(s.comparedRepos)]
	}
	r.FileLists, r.Pulled = s.existingFileLists(), s.inputs.Pulled
	r.Index.Packages = uint32(s.searchFileSet.PackageCount())
	s.eachIndexFile(func(path string, built int64) {
		r.Index.Files = append(r.Index.Files, path)
		r.Index.BuiltAt = max(r.Index.BuiltAt, built)
	})
	r.Problems = append(r.Problems, s.incompleteProblems()...)
	counted, err := s.counts()
	if err != nil {
		return nil, err
	}
	r.Counts, r.PartialCounts = counted.counts, slices.Clone(counted.partialNames)
	r.RepositoryUpdates = slices.Clone(counted.repositoryUpdates)
	security, err := s.security()
	if security != nil {
		r.Sources = append(r.Sources, security.source())
	}
	if s.inputs.News != nil {
		r.Sources = append(r.Sources, s.inputs.News.source(clock.Now()))
		r.News = s.newsSinceUpgrade()
	}
	if s.inputs.Popularity != nil {
		r.Sources = append(r.Sources, s.inputs.Popularity.source(clock.Now()))
	}
	return r, err
}

// incompleteProblems returns a problem for each source whose index is incomplete: packages are missing from the index, or are in
// the index without a part of their data.
func (s *Snapshot) incompleteProblems() (list []wire.Problem) {
	add := func(src *IndexedSource, kind pkgindex.SourceKind) {
		if src.Index == nil {
			return
		}
		facts, _ := src.Index.IndexInfo().FindSource(kind, src.Name)
		if facts.LeftOutCount == 0 {
			return
		}
		why := facts.LeftOutReason
		if facts.LeftOutCount > 1 {
			why += fmt.Sprintf(", and %d more", facts.LeftOutCount-1)
		}
		name := "repository " + src.Name // the prefix distinguishes a repository called libalpm from the libalpm worker
		if kind == pkgindex.KindAUR {
			name = "AUR"
		}
		list = append(list, wire.Problem{Name: name, State: "incomplete", Why: why})
	}
	for i := range s.searchedRepos {
		add(&s.searchedRepos[i], pkgindex.KindRepo)
	}
	if s.inputs.AUR != nil {
		add(s.inputs.AUR, pkgindex.KindAUR)
	}
	return list
}

// countsAndPartialNames holds the counts, and the JSON names of the counts that may be wrong because a source could not be read.
type countsAndPartialNames struct {
	counts            wire.Counts
	partialNames      []string
	repositoryUpdates []wire.RepositoryCount
}

func (s *Snapshot) countAll() (*countsAndPartialNames, error) {
	c := &countsAndPartialNames{}
	if err := s.countPackages(&c.counts); err != nil {
		return nil, err
	}
	security, err := s.security()
	if err != nil {
		return nil, err
	}
	if security != nil && security.hasReplied() && s.installedSet != nil {
		c.counts.Security = &security.counts
	}
	findings, err := s.countFindings()
	if err != nil {
		return nil, err
	}
	c.counts.AURFindings = findings.counts
	c.partialNames = s.partialCountNames(&c.counts, findings.isPartial)
	c.repositoryUpdates, err = s.countRepositoryUpdates()
	return c, err
}

// countRepositoryUpdates counts the updates of each repository that has some.
func (s *Snapshot) countRepositoryUpdates() (counts []wire.RepositoryCount, err error) {
	compared, err := s.comparison()
	if compared == nil || err != nil {
		return nil, err
	}
	for i := range s.comparedRepos {
		n := wire.RepositoryCount{Repo: s.comparedRepos[i].Name}
		for _, u := range compared.outdated.Updates {
			if u.Repo == n.Repo && !u.Ignored {
				n.Count++
			}
		}
		if n.Count > 0 {
			counts = append(counts, n)
		}
	}
	return counts, nil
}

// eachIndexFile calls the function visit once for each index file that searches use.
func (s *Snapshot) eachIndexFile(visit func(path string, built int64)) {
	seen := map[string]bool{"": true} // an index in memory has no path
	sources := slices.Clone(s.searchedRepos)
	if s.inputs.AUR != nil {
		sources = append(sources, *s.inputs.AUR)
	}
	for i := range sources {
		if f := sources[i].Index; f != nil && !seen[f.Path()] {
			seen[f.Path()] = true
			visit(f.Path(), f.IndexInfo().BuiltAt)
		}
	}
}

// countPackages sets the counts of installed packages.
func (s *Snapshot) countPackages(c *wire.Counts) error {
	if s.installedSet == nil {
		return nil
	}
	number := func(n int) *uint32 {
		u := uint32(n)
		return &u
	}
	c.Installed = number(len(s.installedSet.local.Packages))
	c.Explicit = number(len(s.installedSet.local.ExplicitPackages()))
	c.Orphans = number(len(s.installedSet.orphans(false)))
	c.OrphansOrOptional = number(len(s.installedSet.orphans(true)))
	compared, err := s.comparison()
	if compared == nil || err != nil {
		return err
	}
	ignored := 0
	for _, u := range compared.outdated.Updates {
		if u.Ignored {
			ignored++
		}
	}
	c.Foreign = number(len(compared.foreign))
	c.Updates = number(len(compared.outdated.Updates) - ignored)
	c.Ignored = number(ignored)
	c.Replacements = number(len(compared.outdated.Replacements))
	foreign, err := s.foreignPackages()
	if err == nil {
		foreign.addCounts(c)
	}
	return err
}

// The JSON names of counts. StatusResult.PartialCounts lists those names whose counts may be wrong.
const (
	countNameInstalled       = "installed"
	countNameExplicit        = "explicit"
	countNameOrphans         = "orphans"
	countNameOrphansRequired = "orphans_required"
	countNameForeign         = "foreign"
	countNameUpdates         = "updates"
	countNameIgnored         = "ignored"
	countNameReplacements    = "replacements"
	countNameAURUpdates      = "aur_updates"
	countNameAURFindings     = "aur_findings"
	countNameSecurity        = "security"
)

// partialCountNames returns the JSON names of the counts that may be wrong because a source could not be read. It leaves out
// counts that are unknown. The parameter isFindingsPartial reports whether this is so for the counts of findings.
func (s *Snapshot) partialCountNames(c *wire.Counts, isFindingsPartial bool) (names []string) {
	add := func(known bool, name string) {
		if known {
			names = append(names, name)
		}
	}
	unread := s.inputs.Local.UnreadablePackages != ""
	if unread {
		// A package whose description could not be read is counted as installed, as by pacman, but its reason and
		// requirements are unknown.
		add(c.Explicit != nil, countNameExplicit)
		add(c.Orphans != nil, countNameOrphans)
		add(c.OrphansOrOptional != nil, countNameOrphansRequired)
	}
	if missingReposText(s.comparedRepos, nil) != "" {
		add(c.Foreign != nil, countNameForeign)
		add(c.Updates != nil, countNameUpdates)
		add(c.Ignored != nil, countNameIgnored)
		add(c.Replacements != nil, countNameReplacements)
		add(c.AURUpdates != nil, countNameAURUpdates)
		add(c.Security != nil, countNameSecurity)
	}
	if isFindingsPartial {
		add(c.AURFindings != nil, countNameAURFindings)
	}
	return names
}
