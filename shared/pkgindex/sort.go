package pkgindex

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/omg-arch/omg/shared/wire"
)

// sortOrders lists the sort orders that a query may request. The first one is the default.
var sortOrders = []string{
	wire.SortRelevance, wire.SortName, wire.SortRepo, wire.SortVotes, wire.SortPopularity, wire.SortModified,
}

// sortByAURField sorts the packages of the AUR by one of their numbers, such as their votes, the highest number first. The
// packages of repositories have no such number. They come after the packages of the AUR, in their previous order.
func (s *FileSet) sortByAURField(hits []Hit, by string) ([]Hit, error) {
	values := make(map[Hit]float64, len(hits))
	for _, h := range hits {
		if s.SourceKindOf(h) != KindAUR {
			continue
		}
		summary, _, err := s.fileOf(h).record(h.doc, false)
		if err != nil {
			return hits, err
		}
		a, err := decodeAURFields(summary)
		if err != nil {
			return hits, err
		}
		switch by {
		case wire.SortVotes:
			values[h] = float64(a.Votes)
		case wire.SortPopularity:
			values[h] = a.Popularity
		case wire.SortModified:
			values[h] = float64(a.Modified)
		}
	}
	slices.SortStableFunc(hits, func(a, b Hit) int {
		x, isX := values[a]
		y, isY := values[b]
		return cmp.Or(compareBool(isY, isX), cmp.Compare(y, x))
	})
	return hits, nil
}

// decodeAURFields decodes a summary of a package of the AUR. It returns the fields that only such packages have, for example the
// votes.
func decodeAURFields(summary Record) (a wire.AUR, err error) {
	p, err := DecodePackage(summary, Record{})
	if err == nil && p.AUR == nil {
		err = fmt.Errorf("%w: a package of the AUR has no AUR fields", ErrDamaged)
	}
	if err != nil {
		return a, err
	}
	return *p.AUR, nil
}
