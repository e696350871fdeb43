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
	in     Inputs
	system *system // nil if the installed packages are unknown
	// shown lists the repositories that searches use. The field set combines the indexes of these repositories with the
	// AUR's index. compared lists the repositories with which installed packages are compared. comparedSet combines the
	// indexes of the compared repositories with the AUR's index.
	shown, compared  []IndexedSource
	set, comparedSet *pkgindex.Set

	// These functions compute their results once, at the first call, because the results are expensive and some programs
	// do not need them.
	comparison func() (*comparison, error)
	foreign    func() (*foreign, error)
	security   func() (*security, error)
	counted    func() (*counted, error)
}

// Build makes a snapshot from inputs. The snapshot computes expensive results at their first use, unless Prepare computes
// them earlier. The error of Build wraps pkgindex.ErrDamaged and means that an index is inconsistent.
func Build(in Inputs) (s *Snapshot, err error) {
	s = &Snapshot{in: in, shown: in.Repositories, compared: in.Repositories}
	if in.Local.Packages != nil {
		s.system = newSystem(in.Local.Packages, in.Correction)
	}
	if in.Downloaded != nil {
		s.compared = in.Downloaded
		if in.SearchDownloaded {
			s.shown = in.Downloaded
		}
	}
	if s.set, err = s.newSet(s.shown); err != nil {
		return nil, err
	}
	s.comparedSet = s.set
	if in.Downloaded != nil && !in.SearchDownloaded {
		if s.comparedSet, err = s.newSet(s.compared); err != nil {
			return nil, err
		}
	}
	s.computeOnce()
	return s, nil
}

// newSet combines the indexes of the repositories and of the AUR into one set.
func (s *Snapshot) newSet(repositories []IndexedSource) (*pkgindex.Set, error) {
	view := pkgindex.SetOptions{Repos: []string{}, AURTaken: !s.namesAUR()}
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
			view.NoSearch = append(view.NoSearch, src.Name)
		}
	}
	if s.in.AUR != nil && s.in.AUR.Index != nil {
		add(s.in.AUR.Index)
	}
	if s.system != nil {
		view.Installed = s.system.names()
	}
	return pkgindex.NewSet(files, view)
}

// Prepare computes all results that are otherwise computed at their first use, so that no request waits for them.
func (s *Snapshot) Prepare() error {
	_, err := s.counted() // counted computes all other results too, because the counts depend on them
	return err
}

// WithCheckTime returns a copy of the snapshot with the time of a later check, at which nothing had changed.
func (s *Snapshot) WithCheckTime(checked time.Time) *Snapshot {
	next := *s
	next.in.CheckedAt = checked
	return &next
}

// Inputs returns the inputs from which the snapshot was built. The caller must not change them.
func (s *Snapshot) Inputs() *Inputs { return &s.in }

// Generation returns the number of the snapshot. Each process numbers its snapshots separately.
func (s *Snapshot) Generation() uint64 { return s.in.Generation }

// Packages returns the number of packages that searches show.
func (s *Snapshot) Packages() int { return s.set.Packages() }

// Building reports whether the first index of a repository is being built.
func (s *Snapshot) Building() bool {
	return slices.ContainsFunc(s.in.Repositories, func(src IndexedSource) bool { return src.Building })
}

// Complete reports whether the present content of the local database and of all repositories could be read.
func (s *Snapshot) Complete() bool {
	return s.system != nil && s.in.Local.Why == "" && s.in.Local.UnreadablePackages == "" && len(s.in.Repositories) > 0 &&
		!slices.ContainsFunc(s.in.Repositories, func(src IndexedSource) bool { return src.Index == nil || src.Outdated })
}

// localBasis returns the basis of a result that depends only on the local database.
func (s *Snapshot) localBasis() wire.Basis {
	b := wire.Basis{
		Generation: s.in.Generation, At: s.checked(), Stale: s.in.Local.Why != "", Partial: s.in.Local.UnreadablePackages != "",
		Why: s.in.Local.Why,
	}
	if b.Why == "" {
		b.Why = s.in.Local.UnreadablePackages
	}
	return b
}

// comparedBasis returns the basis of a result that depends on the installed packages and the repositories.
func (s *Snapshot) comparedBasis() wire.Basis {
	b := s.localBasis()
	b.Sources = s.sourcesOf(s.compared)
	b.Partial = b.Partial || missing(s.compared, nil) != ""
	return b
}

// searchBasis returns the basis of a search in the wanted repositories, or in all repositories if wanted is nil.
func (s *Snapshot) searchBasis(wanted []string) wire.Basis {
	sources := s.sourcesOf(s.shown)
	if len(wanted) > 0 {
		sources = slices.DeleteFunc(sources, func(src wire.Source) bool { return !slices.Contains(wanted, src.Name) })
	}
	return wire.Basis{Generation: s.in.Generation, At: s.checked(), Sources: sources, Partial: missing(s.shown, wanted) != ""}
}

// SearchBasis returns the basis of a search in all repositories.
func (s *Snapshot) SearchBasis() wire.Basis { return s.searchBasis(nil) }

// checked returns the time at which the inputs were last found to be current, in Unix seconds, or 0 if never.
func (s *Snapshot) checked() int64 {
	if s.in.CheckedAt.IsZero() {
		return 0
	}
	return s.in.CheckedAt.Unix()
}

// sourcesOf returns the descriptions of the given repositories, and of the AUR if it is a source, for a reply.
func (s *Snapshot) sourcesOf(repositories []IndexedSource) []wire.Source {
	list := make([]wire.Source, 0, len(repositories)+1)
	for i := range repositories {
		list = append(list, repositories[i].Source)
	}
	if s.in.AUR != nil && s.in.AUR.Name != "" {
		list = append(list, s.in.AUR.Source)
	}
	return list
}

// missing returns a text that lists the wanted repositories without a usable index, and why each has none. If wanted is
// nil, all repositories are wanted. The text is empty if all wanted repositories have an index.
func missing(repositories []IndexedSource, wanted []string) string {
	var why []string
	for i := range repositories {
		src := &repositories[i]
		if src.Index == nil && (len(wanted) == 0 || slices.Contains(wanted, src.Name)) {
			why = append(why, src.Name+": "+src.Why)
		}
	}
	return strings.Join(why, "; ")
}

// answers reports whether at least one of the repositories has an index.
func answers(repositories []IndexedSource) bool {
	return slices.ContainsFunc(repositories, func(src IndexedSource) bool { return src.Index != nil })
}
