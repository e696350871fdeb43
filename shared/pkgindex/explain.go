package pkgindex

import "github.com/omg-arch/omg/shared/wire"

// Explainer says why packages that a query found stand where they do among the results.
type Explainer struct {
	set      *FileSet
	query    *Query
	matchers map[*fileInSet]*matcher
	count    int // of the hits that were explained
}

// NewExplainer returns an Explainer for the results of a query.
func (s *FileSet) NewExplainer(q *Query) *Explainer {
	return &Explainer{set: s, query: q, matchers: map[*fileInSet]*matcher{}}
}

// Explain returns the rank of a hit of the query. It must be called where a fault in a mapped file is caught, as in the function that
// ReadRecords calls.
func (e *Explainer) Explain(h Hit) (rank wire.SearchRank, err error) {
	if e.count++; e.count%e.query.docsPerPause() == 0 && e.query.PauseFunc != nil {
		if err := e.query.PauseFunc(); err != nil {
			return rank, err
		}
	}
	f := e.set.fileOf(h)
	m := e.matchers[f]
	if m == nil {
		if m, err = newMatcher(f, e.query); err != nil {
			return rank, err
		}
		e.matchers[f] = m
	}
	found, _, err := m.match(h.doc, e.set.SourceKindOf(h) == KindAUR)
	rank = wire.SearchRank{Place: placeNames[found.tier], Closeness: uint8(found.closeness), Prominence: f.rank(h.doc).prominence}
	if found.isKind {
		rank.Place = wire.PlaceKind
	}
	if share, known := f.share(h.doc).value(); known {
		percent, points := share.Percent(), uint8(f.share(h.doc).prominence())
		rank.Share, rank.SharePoints = &percent, &points
	}
	return rank, err
}

// placeNames has the name of each tier.
var placeNames = [numTiers]string{
	TierExact: wire.PlaceName, TierProvides: wire.PlaceProvides, TierPrefix: wire.PlaceNamePrefix, TierWordStart: wire.PlaceNameWord,
	TierNameContains: wire.PlaceInName, TierProvidesOrGroup: wire.PlaceGroup, TierDesc: wire.PlaceDesc,
}
