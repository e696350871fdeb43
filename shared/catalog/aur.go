package catalog

import (
	"cmp"
	"slices"
	"time"

	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// HoldsRepos says that an index has packages of repositories, and not of the AUR
// alone.
func HoldsRepos(f *pkgindex.File) bool {
	return slices.ContainsFunc(f.Facts().Sources, func(s pkgindex.SourceFacts) bool { return s.Kind == pkgindex.KindRepo })
}

// AURSource describes the AUR's part of an index by the dump that it was built
// from, which nobody here keeps; nil if it has none. It is stale after so long, 0
// for a day.
func AURSource(f *pkgindex.File, stale time.Duration) *wire.Source {
	facts := f.Facts()
	i := slices.IndexFunc(facts.Sources, func(s pkgindex.SourceFacts) bool { return s.Kind == pkgindex.KindAUR })
	if i < 0 {
		return nil
	}
	s := &wire.Source{Name: wire.SourceAUR, State: wire.SourceOK, AsOf: facts.Sources[i].AsOf, Changed: facts.Built}
	if age := time.Since(time.Unix(s.AsOf, 0)); age > cmp.Or(stale, day) {
		s.State, s.Why = wire.SourceStale, "not downloaded for "+roughly(age)
	}
	return s
}
