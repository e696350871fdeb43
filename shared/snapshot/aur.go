package snapshot

import (
	"slices"
	"strings"
	"sync"

	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// AURResult is the AUR's reply to one query, new or from before.
type AURResult struct {
	// Packages is an index of the packages in the reply, nil if there is no reply.
	Packages *pkgindex.File
	// Source is the state and the age of the reply.
	Source wire.Source
}

// emptyAUR returns an index of the AUR without packages.
var emptyAUR = sync.OnceValues(func() (*pkgindex.File, error) {
	b := pkgindex.NewBuilder("none", 0)
	b.AddSource(wire.SourceAUR, pkgindex.KindAUR)
	data, err := b.Bytes()
	if err != nil {
		return nil, err
	}
	return pkgindex.OpenBytes(data)
})

// HasAUR reports whether there is an index of the AUR to answer from.
func (s *Snapshot) HasAUR() bool { return s.in.AUR != nil && s.in.AUR.Index != nil }

// NeedsAUR reports whether a search has to query the AUR: because the request wants it, or because the search includes
// the AUR and there is no index of it.
func (s *Snapshot) NeedsAUR(r *wire.SearchRequest) bool {
	if r.NoAUR || !r.Live && s.HasAUR() {
		return false
	}
	asked, _ := SplitRepositories(r)
	return r.OnlyAUR || len(asked) == 0 || s.namesAUR() && slices.Contains(asked, wire.SourceAUR)
}

// namesAUR reports whether the AUR is meant where a user names a repository aur: not
// where one is configured that is called so.
func (s *Snapshot) namesAUR() bool {
	return !slices.ContainsFunc(s.in.Repositories, func(src IndexedSource) bool { return src.Name == wire.SourceAUR })
}

// WithoutAUR returns the snapshot with an empty AUR that is not among the sources, so that aur stays a valid repository
// name.
func (s *Snapshot) WithoutAUR() (*Snapshot, error) {
	none, err := emptyAUR()
	if err != nil {
		return nil, err
	}
	next, err := s.withAUR(none)
	next.in.AUR.Source = wire.Source{}
	return next, err
}

// WithAUR returns the snapshot with the AUR's reply in place of its index. If the query failed, WithAUR returns the
// snapshot unchanged with a stale source, or nil if there is no index either. The source is the AUR's.
func (s *Snapshot) WithAUR(r AURResult) (*Snapshot, wire.Source, error) {
	if r.Packages != nil {
		next, err := s.withAUR(r.Packages)
		return next, r.Source, err
	}
	if !s.HasAUR() {
		return nil, r.Source, nil
	}
	source := r.Source
	source.State = wire.SourceStale
	source.AsOf, source.Changed = s.in.AUR.AsOf, s.in.AUR.Changed
	return s, source, nil
}

func (s *Snapshot) withAUR(f *pkgindex.File) (*Snapshot, error) {
	next := *s
	var err error
	next.in.AUR = &IndexedSource{Source: wire.Source{Name: wire.SourceAUR, Kind: wire.KindAUR, State: wire.SourceOK}, Index: f}
	next.set, err = s.set.WithAUR(f, func(name string) bool { return s.installed(name) != "" })
	return &next, err
}

// InAUR is the name in a target of a look-up that may be in the AUR.
func (s *Snapshot) InAUR(target string) (name string, ok bool) {
	repo, name, ok := strings.Cut(target, "/")
	if !ok {
		return target, true
	}
	return name, repo == wire.SourceAUR && s.namesAUR()
}

// LookupAUR looks up a package of the AUR.
func (s *Snapshot) LookupAUR(name string) ([]pkgindex.Hit, error) {
	return s.set.LookupAUR(name)
}

// aurUnknown returns the error for a request that needs the AUR when there is no data of it.
func (s *Snapshot) aurUnknown() error {
	if s.in.AUR == nil {
		return wire.Errorf(wire.CodeNetwork, "no data of the AUR: it is disabled (aur.enabled) and has no index")
	}
	return wire.Errorf(wire.CodeNetwork, "no data of the AUR: %s", s.in.AUR.Why)
}
