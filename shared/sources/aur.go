package sources

import (
	"cmp"
	"time"

	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// AUR describes the AUR by an index of its dump that omgd does not maintain; nil if the index does not contain the AUR.
// The source is stale after staleAfter, 0 for a day.
func AUR(f *pkgindex.File, staleAfter time.Duration) *snapshot.Source {
	facts, ok := f.Facts().Source(pkgindex.KindAUR, wire.SourceAUR)
	if !ok {
		return nil
	}
	s := &snapshot.Source{Index: f, Source: wire.Source{
		Name: wire.SourceAUR, Kind: wire.KindAUR, State: wire.SourceOK, AsOf: facts.AsOf, Changed: f.Facts().Built,
	}}
	if age := time.Since(time.Unix(s.AsOf, 0)); age > cmp.Or(staleAfter, day) {
		s.State, s.Why = wire.SourceStale, "not downloaded for "+formatAge(age)
	}
	return s
}

// MissingAUR describes an AUR without data, with the reason.
func MissingAUR(state wire.SourceState, why string) *snapshot.Source {
	return &snapshot.Source{Source: wire.Source{Name: wire.SourceAUR, Kind: wire.KindAUR, State: state, Why: why}}
}
