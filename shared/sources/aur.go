package sources

import (
	"cmp"
	"time"

	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// NewAURSource returns the AUR as a source that uses the index f, which omgd does not maintain. It returns nil if the index does not
// contain the AUR. The source is stale if the dump from which the index was built is older than staleAfter; 0 means a day.
func NewAURSource(f *pkgindex.File, staleAfter time.Duration) *snapshot.IndexedSource {
	facts, ok := f.IndexInfo().FindSource(pkgindex.KindAUR, wire.SourceAUR)
	if !ok {
		return nil
	}
	s := &snapshot.IndexedSource{Index: f, Source: wire.Source{
		Name: wire.SourceAUR, Kind: wire.KindAUR, State: wire.SourceOK, AsOf: facts.AsOf, ChangedAt: f.IndexInfo().BuiltAt,
	}}
	if age := clock.Since(time.Unix(s.AsOf, 0)); age > cmp.Or(staleAfter, day) {
		s.State, s.Why = wire.SourceStale, "the dump is "+formatAge(age)+" old"
	}
	return s
}

// NewMissingAURSource returns the AUR as a source without an index, with the given state and reason.
func NewMissingAURSource(state wire.SourceState, why string) *snapshot.IndexedSource {
	return &snapshot.IndexedSource{Source: wire.Source{Name: wire.SourceAUR, Kind: wire.KindAUR, State: state, Why: why}}
}
