package snapshot

import (
	"slices"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// Snapshot is the state of a system at one moment. It is immutable and safe for concurrent use. It reads the indexes of its
// Inputs, so these indexes must stay open as long as the snapshot is used.
type Snapshot struct {
	inputs       Inputs
	installedSet *installedSet // nil if the installed packages are unknown
	// searchedRepos lists the repositories that searches use. The field set combines the indexes of these repositories with the
	// AUR's index. compared lists the repositories with which installed packages are compared. comparedFileSet combines the
	// indexes of the compared repositories with the AUR's index.
	searchedRepos, comparedRepos   []IndexedSource
	searchFileSet, comparedFileSet *pkgindex.FileSet

	// These functions compute their results once, at the first call, because the results are expensive and some programs
	// do not need them.
	comparison      func() (*comparison, error)
	foreignPackages func() (*foreignComparison, error)
	security        func() (*installedAdvisories, error)
	counts          func() (*countsAndPartialNames, error)
	installedDocs   func() (*pkgindex.DocSet, error)
	explicitDocs    func() (*pkgindex.DocSet, error)
}

// Build makes a snapshot from inputs. The snapshot computes expensive results at their first use, unless ComputeAll computes
// them earlier.
func Build(in Inputs) *Snapshot {
	s := &Snapshot{inputs: in, searchedRepos: in.Repositories, comparedRepos: in.Repositories}
	if in.Local.Packages != nil {
		s.installedSet = newInstalledSet(in.Local.Packages, in.LibalpmResult)
	}
	if in.DownloadedRepositories != nil {
		s.comparedRepos = in.DownloadedRepositories
		if in.SearchDownloaded {
			s.searchedRepos = in.DownloadedRepositories
		}
	}
	s.searchFileSet = s.newFileSet(s.searchedRepos)
	s.comparedFileSet = s.searchFileSet
	if in.DownloadedRepositories != nil && !in.SearchDownloaded {
		s.comparedFileSet = s.newFileSet(s.comparedRepos)
	}
	s.initLazyResults()
	return s
}

// newFileSet combines the indexes of the repositories and of the AUR into one set.
func (s *Snapshot) newFileSet(repositories []IndexedSource) *pkgindex.FileSet {
	view := pkgindex.FileSetOptions{Repos: []string{}, HasRepoNamedAUR: !s.hasNoRepoNamedAUR()}
	var files []*pkgindex.File
	add := func(f *pkgindex.File) {
		if !slices.Contains(files, f) {
			files = append(files, f)
		}
	}
	for i := range repositories {
		src := &repositories[i]
		if src.Index == nil {
			continue
		}
		add(src.Index)
		view.Repos = append(view.Repos, src.Name)
		if src.Usage&pacmandb.UsageSearch == 0 {
			view.UnsearchedRepos = append(view.UnsearchedRepos, src.Name)
		}
	}
	if s.inputs.AUR != nil && s.inputs.AUR.Index != nil {
		add(s.inputs.AUR.Index)
	}
	return pkgindex.NewFileSet(files, view)
}

// ComputeAll computes all results that are otherwise computed at their first use, so that no request waits for them.
func (s *Snapshot) ComputeAll() error {
	_, err := s.counts() // counted computes all other results too, because the counts depend on them
	return err
}

// WithCheckTime returns a copy of the snapshot with the time of a later check, at which nothing had changed.
func (s *Snapshot) WithCheckTime(checked time.Time) *Snapshot {
	next := *s
	next.inputs.CheckedAt = checked
	return &next
}

// Inputs returns the inputs from which the snapshot was built. The caller must not change them.
func (s *Snapshot) Inputs() *Inputs { return &s.inputs }

// Generation returns the number of the snapshot. Each process numbers its snapshots separately.
func (s *Snapshot) Generation() uint64 { return s.inputs.Generation }

// PackageCount returns the number of packages that searches show.
func (s *Snapshot) PackageCount() int { return s.searchFileSet.PackageCount() }

// HasBuildingIndex reports whether the first index of a repository is being built.
func (s *Snapshot) HasBuildingIndex() bool {
	return slices.ContainsFunc(s.inputs.Repositories, func(src IndexedSource) bool { return src.Building })
}

// IsComplete reports whether the present content of the local database and of all repositories could be read.
func (s *Snapshot) IsComplete() bool {
	return s.installedSet != nil && s.inputs.Local.FailureReason == "" && s.inputs.Local.UnreadablePackages == "" && len(s.inputs.Repositories) > 0 &&
		!slices.ContainsFunc(s.inputs.Repositories, func(src IndexedSource) bool { return src.Index == nil || src.Outdated })
}

// localBasis returns the basis of a result that depends only on the local database.
func (s *Snapshot) localBasis() wire.Basis {
	b := wire.Basis{
		Generation: s.inputs.Generation, ConfirmedAt: s.checkedAtUnix(), Stale: s.inputs.Local.FailureReason != "", Partial: s.inputs.Local.UnreadablePackages != "",
		Why: s.inputs.Local.FailureReason,
	}
	if b.Why == "" {
		b.Why = s.inputs.Local.UnreadablePackages
	}
	return b
}

// comparedBasis returns the basis of a result that depends on the installed packages and the repositories.
func (s *Snapshot) comparedBasis() wire.Basis {
	b := s.localBasis()
	b.Sources = s.describeSources(s.comparedRepos)
	b.Partial = b.Partial || missingReposText(s.comparedRepos, nil) != ""
	return b
}

// searchBasis returns the basis of a search in the wanted repositories, or in all repositories if wanted is nil.
func (s *Snapshot) searchBasis(wanted []string) wire.Basis {
	sources := s.describeSources(s.searchedRepos)
	if len(wanted) > 0 {
		sources = slices.DeleteFunc(sources, func(src wire.Source) bool { return !slices.Contains(wanted, src.Name) })
	}
	return wire.Basis{Generation: s.inputs.Generation, ConfirmedAt: s.checkedAtUnix(), Sources: sources, Partial: missingReposText(s.searchedRepos, wanted) != ""}
}

// SearchBasis returns the basis of a search in all repositories.
func (s *Snapshot) SearchBasis() wire.Basis { return s.searchBasis(nil) }

// checkedAtUnix returns the time at which the inputs were last found to be current, in Unix seconds, or 0 if never.
func (s *Snapshot) checkedAtUnix() int64 {
	if s.inputs.CheckedAt.IsZero() {
		return 0
	}
	return s.inputs.CheckedAt.Unix()
}

// describeSources returns the descriptions of the given repositories, and of the AUR if it is a source, for a reply.
func (s *Snapshot) describeSources(repositories []IndexedSource) []wire.Source {
	list := make([]wire.Source, 0, len(repositories)+1)
	for i := range repositories {
		list = append(list, repositories[i].Source)
	}
	if s.inputs.AUR != nil && s.inputs.AUR.Name != "" {
		list = append(list, s.inputs.AUR.Source)
	}
	return list
}

// missingReposText returns a text that lists the wanted repositories without a usable index, and why each has none. If wanted is
// nil, all repositories are wanted. The text is empty if all wanted repositories have an index.
func missingReposText(repositories []IndexedSource, wanted []string) string {
	var why []string
	for i := range repositories {
		src := &repositories[i]
		if src.Index == nil && (len(wanted) == 0 || slices.Contains(wanted, src.Name)) {
			why = append(why, src.Name+": "+src.Why)
		}
	}
	return strings.Join(why, "; ")
}

// hasAnyIndex reports whether at least one of the repositories has an index.
func hasAnyIndex(repositories []IndexedSource) bool {
	return slices.ContainsFunc(repositories, func(src IndexedSource) bool { return src.Index != nil })
}
