package snapshot

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// AURQueryResult is the result of one query to the AUR. It may come from a cache of earlier replies.
type AURQueryResult struct {
	// Packages is an index of the packages in the AUR's reply; nil if the query failed.
	Packages *pkgindex.File
	// IsIncomplete means that the AUR's reply contained packages that cannot be used. A package that Packages lacks may be one of them.
	IsIncomplete bool
	// Source describes the AUR in the reply to a client: its state, and the times of its data.
	Source wire.Source
}

// emptyAURIndex returns an index of the AUR without packages.
var emptyAURIndex = sync.OnceValues(func() (*pkgindex.File, error) {
	b := pkgindex.NewBuilder("none", 0)
	b.AddSource(wire.SourceAUR, pkgindex.KindAUR)
	data, err := b.Bytes()
	if err != nil {
		return nil, err
	}
	return pkgindex.OpenBytes(data)
})

// HasAUR reports whether the snapshot has an index of the AUR.
func (s *Snapshot) HasAUR() bool { return s.inputs.AUR != nil && s.inputs.AUR.Index != nil }

// NeedsAURQuery reports whether the AUR must be queried for a search that includes the AUR: because the request is Live, or
// because the snapshot has no index of the AUR.
func (s *Snapshot) NeedsAURQuery(r *wire.SearchRequest) bool {
	if r.NoAUR || !r.Live && s.HasAUR() {
		return false
	}
	asked, _ := SplitReposFromWords(r)
	return r.OnlyAUR || len(asked) == 0 || s.hasNoRepoNamedAUR() && slices.Contains(asked, wire.SourceAUR)
}

// hasNoRepoNamedAUR reports whether no configured repository is called aur. A user who types aur as the name of a repository
// then means the AUR.
func (s *Snapshot) hasNoRepoNamedAUR() bool {
	return !slices.ContainsFunc(s.inputs.Repositories, func(src IndexedSource) bool { return src.Name == wire.SourceAUR })
}

// WithoutAUR returns a copy of the snapshot without the AUR: no package is from the AUR, and results do not list the AUR as
// a source. A request may still name the source aur.
func (s *Snapshot) WithoutAUR() (*Snapshot, error) {
	none, err := emptyAURIndex()
	if err != nil {
		return nil, err
	}
	next := s.withAURIndex(none)
	next.inputs.AUR.Source = wire.Source{}
	return next, nil
}

// WithAUR returns a copy of the snapshot in which the AUR's reply replaces the index of the AUR. It also returns the
// description of the AUR as a source. If the query failed, WithAUR returns the unchanged snapshot and describes the AUR as
// stale. If the query failed and the snapshot has no index of the AUR, the returned snapshot is nil.
func (s *Snapshot) WithAUR(r AURQueryResult) (*Snapshot, wire.Source) {
	if r.Packages != nil {
		return s.withAURIndex(r.Packages), r.Source
	}
	if !s.HasAUR() {
		return nil, r.Source
	}
	source := r.Source
	source.State = wire.SourceStale
	source.AsOf, source.ChangedAt = s.inputs.AUR.AsOf, s.inputs.AUR.ChangedAt
	return s, source
}

func (s *Snapshot) withAURIndex(f *pkgindex.File) *Snapshot {
	next := *s
	next.inputs.AUR = &IndexedSource{Source: wire.Source{Name: wire.SourceAUR, Kind: wire.KindAUR, State: wire.SourceOK}, Index: f}
	next.searchFileSet = s.searchFileSet.WithAUR(f)
	next.initStates()
	return &next
}

// ParseAURTarget returns the package's name from a requested name, "name" or "repository/name", and reports whether the AUR may have
// the package: the repository must be omitted or be the AUR.
func (s *Snapshot) ParseAURTarget(target string) (name string, ok bool) {
	repo, name, ok := strings.Cut(target, "/")
	if !ok {
		return target, true
	}
	return name, repo == wire.SourceAUR && s.hasNoRepoNamedAUR()
}

// LookupAUR returns a hit for the AUR's package with this name. If the AUR's data does not contain the package, it
// returns no hit.
func (s *Snapshot) LookupAUR(name string) ([]pkgindex.Hit, error) {
	return s.searchFileSet.LookupAUR(name)
}

// AURBase returns the package base of the AUR's package with this name, or "" if the AUR's data does not contain the package.
func (s *Snapshot) AURBase(name string) (string, error) {
	hits, err := s.LookupAUR(name)
	if err != nil || len(hits) == 0 {
		return "", err
	}
	p, err := s.searchFileSet.ReadPackage(hits[0])
	return cmp.Or(p.Base, p.Name), err
}

// NoAURDataError returns the error for a request that needs data of the AUR while the snapshot has none (see HasAUR).
func (s *Snapshot) NoAURDataError() error {
	if s.inputs.AUR == nil {
		return wire.Errorf(wire.CodeNetwork, "no data of the AUR: it is disabled (aur.enabled) and has no index")
	}
	return wire.Errorf(wire.CodeNetwork, "no data of the AUR: %s", s.inputs.AUR.Why)
}
