package snapshot

import (
	"slices"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// Snapshot is a system at one moment. It is immutable and safe for concurrent use. It reads the indexes of its Inputs,
// which must stay open while it is used.
type Snapshot struct {
	in     Inputs
	system *system // nil if the installed packages are unknown
	// shown are the repositories that searches show, and set their indexes together with the AUR's. compared are the
	// repositories that installed packages are compared with, and comparedSet their indexes.
	shown, compared  []IndexedSource
	set, comparedSet *pkgindex.Set

	// Computed once, at the first use: they are expensive, and some programs do not need them.
	comparison func() (*comparison, error)
	foreign    func() (*foreign, error)
	security   func() (*security, error)
	counted    func() (*counted, error)
}

// Build makes a snapshot. Expensive results are computed at their first use, or earlier by Prepare. An error means that
// an index is inconsistent, and wraps pkgindex.ErrDamaged.
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

// newSet joins the indexes of the repositories and of the AUR.
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

// Prepare computes all results, so that no request waits for them.
func (s *Snapshot) Prepare() error {
	_, err := s.counted() // computes the others first
	return err
}

// WithCheckTime returns the snapshot with the time of a later check that found no change.
func (s *Snapshot) WithCheckTime(checked time.Time) *Snapshot {
	next := *s
	next.in.CheckedAt = checked
	return &next
}

// Inputs returns what the snapshot was built from. The caller must not change it.
func (s *Snapshot) Inputs() *Inputs { return &s.in }

// Generation returns the number of the snapshot, within its process.
func (s *Snapshot) Generation() uint64 { return s.in.Generation }

// Packages returns the number of packages that searches show.
func (s *Snapshot) Packages() int { return s.set.Packages() }

// Building reports whether the first index of a repository is being built.
func (s *Snapshot) Building() bool {
	return slices.ContainsFunc(s.in.Repositories, func(src IndexedSource) bool { return src.Building })
}

// Complete reports whether the local database and all repositories could be read in their present state.
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

// searchBasis returns the basis of a search of some repositories; nil for all.
func (s *Snapshot) searchBasis(wanted []string) wire.Basis {
	sources := s.sourcesOf(s.shown)
	if len(wanted) > 0 {
		sources = slices.DeleteFunc(sources, func(src wire.Source) bool { return !slices.Contains(wanted, src.Name) })
	}
	return wire.Basis{Generation: s.in.Generation, At: s.checked(), Sources: sources, Partial: missing(s.shown, wanted) != ""}
}

// SearchBasis returns the basis of a search of all repositories.
func (s *Snapshot) SearchBasis() wire.Basis { return s.searchBasis(nil) }

// checked returns the time of the last check in Unix seconds, 0 if there was none.
func (s *Snapshot) checked() int64 {
	if s.in.CheckedAt.IsZero() {
		return 0
	}
	return s.in.CheckedAt.Unix()
}

// sourcesOf returns the descriptions of repositories and of the AUR for a reply.
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

// missing returns which of the requested repositories, nil for all, have no index to answer from, and why. It is empty
// if all have one.
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

// answers reports whether one of the repositories has an index.
func answers(repositories []IndexedSource) bool {
	return slices.ContainsFunc(repositories, func(src IndexedSource) bool { return src.Index != nil })
}
