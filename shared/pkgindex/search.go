package pkgindex

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"sync"

	"github.com/omg-arch/omg/shared/wire"
)

// Result is the result of a search.
type Result struct {
	Hits  []Hit
	Total int // the number of hits without a limit
}

// maxGrams is how many three-byte substrings of a word are used, at most, to find the packages that may contain the word.
// The text of each such package is searched for the word afterwards.
const maxGrams = 64

// scratch is memory that searches reuse.
type scratch struct {
	set          []uint32
	lists        []posting
	keys, sorted []uint64
	counts       []int
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// Search runs a query and returns the best hits, at most limit, or all if limit is 0.
func (s *Set) Search(q *Query, limit int) (r Result, err error) {
	if limit <= 0 {
		limit = math.MaxInt
	}
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
	err = guard(func() error {
		sc.keys = sc.keys[:0]
		for i := range s.files {
			if err := s.searchFile(i, q, sc); err != nil {
				return err
			}
		}
		r.Total = len(sc.keys)
		sc.order(len(s.parts))
		r.Hits = make([]Hit, 0, min(limit, r.Total))
		if by := q.sort; by == wire.SortName || by == wire.SortRepo {
			r.Hits, err = s.sortByName(appendHits(r.Hits, sc.sorted), by == wire.SortRepo)
			r.Hits = r.Hits[:min(limit, r.Total)]
			return err
		} else if by != "" && by != wire.SortRelevance {
			r.Hits, err = s.sortByAUR(appendHits(r.Hits, sc.sorted), by)
			r.Hits = r.Hits[:min(limit, r.Total)]
			return err
		}
		r.Hits = appendHits(r.Hits, sc.sorted[:min(limit, r.Total)])
		return nil
	})
	return r, err
}

// hitKey encodes a hit as a number for sorting: a hit with a smaller number comes earlier in the result. Hits are sorted
// by tier, then with installed packages first, then by the rank of the repository, then by doc.
func hitKey(t Tier, installed bool, rank uint16, doc uint32) uint64 {
	k := uint64(t)<<60 | uint64(rank)<<32 | uint64(doc)
	if !installed {
		k |= 1 << 59
	}
	return k
}

func appendHits(hits []Hit, keys []uint64) []Hit {
	for _, k := range keys {
		hits = append(hits, Hit{rank: uint16(k >> 32), doc: uint32(k)})
	}
	return hits
}

// order stores the elements of keys in the slice sorted, in ascending order. Keys that differ only in the doc are already
// in ascending order, so a stable counting sort by the upper bits is enough: one pass to count, and one to place.
func (sc *scratch) order(parts int) {
	bucket := func(k uint64) int { return int(k>>59)*parts + int(k>>32&0xffff) }
	buckets := int(numTiers) * 2 * parts
	sc.counts = slices.Grow(sc.counts[:0], buckets)[:buckets]
	clear(sc.counts)
	for _, k := range sc.keys {
		sc.counts[bucket(k)]++
	}
	at := 0
	for i, n := range sc.counts {
		sc.counts[i] = at
		at += n
	}
	sc.sorted = slices.Grow(sc.sorted[:0], at)[:at]
	for _, k := range sc.keys {
		b := bucket(k)
		sc.sorted[sc.counts[b]] = k
		sc.counts[b]++
	}
}

func (s *Set) sortByName(hits []Hit, byRepo bool) ([]Hit, error) {
	names := make(map[Hit][]byte, len(hits))
	for _, h := range hits {
		t, err := s.fileOf(h).docText(h.doc)
		if err != nil {
			return hits, err
		}
		names[h] = t.name
	}
	slices.SortFunc(hits, func(a, b Hit) int {
		if byRepo && a.rank != b.rank {
			return cmp.Compare(a.rank, b.rank)
		}
		return cmp.Or(bytes.Compare(names[a], names[b]), cmp.Compare(a.rank, b.rank), cmp.Compare(a.doc, b.doc))
	})
	return hits, nil
}

// searchFile appends the keys of one file's matches to sc.keys.
func (s *Set) searchFile(i int, q *Query, sc *scratch) error {
	f := &s.files[i]
	if !slices.ContainsFunc(f.parts, q.searches) {
		return nil // do not even read a file that the query does not need: it takes time, and the file may be damaged
	}
	m, err := newMatcher(f, q)
	if err != nil {
		return err
	}
	if tiers, ok, err := m.shortWord(sc); ok || err != nil {
		for t, docs := range tiers {
			s.addDocs(f, q, sc, docs, func(uint32) (Tier, bool, error) { return Tier(t), true, nil })
		}
		return err
	}
	docs, all, err := m.candidates(sc)
	if err != nil {
		return err
	}
	if all {
		docs = sc.set[:0]
		for d := range f.docs {
			docs = append(docs, d)
		}
		sc.set = docs
	}
	return s.addDocs(f, q, sc, docs, m.tier)
}

// searches reports whether the query searches a source.
func (q *Query) searches(p *sourceRange) bool {
	if q.aur {
		return p.kind == KindAUR
	}
	return !p.noSearch && !(q.noAUR && p.kind == KindAUR) && (len(q.repos) == 0 || slices.ContainsFunc(q.repos, p.called))
}

// pauseEvery returns the number of packages between two calls of the query's Pause. Comparing the texts of so many packages
// takes some microseconds for words, and can take much longer for expressions.
func (q *Query) pauseEvery() int {
	expressions := 0
	for i := range q.terms {
		if q.terms[i].expr != nil {
			expressions++
		}
	}
	if expressions == 0 {
		return 256
	}
	return max(1, 16/expressions)
}

// addDocs appends hits to sc.keys: those of the ascending slice docs that are in a source that the query searches, and
// that match. The function tier returns the tier of a doc, and whether the doc matches.
func (s *Set) addDocs(f *setFile, q *Query, sc *scratch, docs []uint32, tier func(uint32) (Tier, bool, error)) error {
	every := q.pauseEvery()
	for _, p := range f.parts {
		from, _ := slices.BinarySearch(docs, p.first)
		to, _ := slices.BinarySearch(docs, p.end)
		if !q.searches(p) {
			continue
		}
		for i, d := range docs[from:to] {
			if i%every == 0 && q.Pause != nil {
				if err := q.Pause(); err != nil {
					return err
				}
			}
			t, ok, err := tier(d)
			if err != nil {
				return err
			}
			if ok {
				sc.keys = append(sc.keys, hitKey(t, f.installed.has(d), p.rank, d))
			}
		}
	}
	return nil
}

// shortWord runs a query that consists of one plain word of one or two bytes. It reads the word's list of docs for each
// tier, and no text. It reports whether the query is of this kind.
func (m *matcher) shortWord(sc *scratch) (tiers [numTiers][]uint32, ok bool, err error) {
	if len(m.terms) != 1 {
		return tiers, false, nil
	}
	t := &m.terms[0]
	if t.expr != nil || t.field != fieldAny || len(t.word) == 0 || len(t.word) > 2 {
		return tiers, false, nil
	}
	sc.set = sc.set[:0]
	var ends [numTiers]int
	for tier := range numTiers {
		p, err := m.file.gram(tierKey(string(t.word), tier))
		if err != nil {
			return tiers, true, err
		}
		if sc.set, err = p.appendDocs(sc.set); err != nil {
			return tiers, true, err
		}
		ends[tier] = len(sc.set)
	}
	start := 0
	for tier, end := range ends {
		tiers[tier] = sc.set[start:end]
		start = end
	}
	return tiers, true, nil
}

// candidates returns docs that include all matches. If the lists of the index exclude no docs, the result all is true
// instead.
func (m *matcher) candidates(sc *scratch) (docs []uint32, all bool, err error) {
	sc.lists = sc.lists[:0]
	var unions [][]uint32
	for i := range m.terms {
		t := &m.terms[i]
		switch {
		case !t.text() && t.expr == nil:
			sc.lists = append(sc.lists, t.values)
		case !t.text():
		case t.expr != nil:
			u, narrow, err := m.exprCandidates(t, sc)
			if err != nil {
				return nil, false, err
			}
			if narrow {
				unions = append(unions, u)
			}
		default:
			if err := m.addGrams(t.word, sc); err != nil {
				return nil, false, err
			}
		}
	}
	if len(sc.lists) == 0 && len(unions) == 0 {
		return m.shortCandidates(sc)
	}
	docs, err = m.intersectLists(sc)
	if len(sc.lists) == 0 {
		docs, unions = append(sc.set[:0], unions[0]...), unions[1:]
	}
	for _, u := range unions {
		docs = intersectSorted(docs, u)
	}
	sc.set = docs
	return docs, false, err
}

// addGrams appends the lists of a word's three-byte substrings to sc.lists. For a word of fewer than three bytes, it
// appends nothing.
func (m *matcher) addGrams(word []byte, sc *scratch) error {
	n := len(word) - 2
	step := 1 + (n-1)/maxGrams
	for i := 0; i < n; i += step {
		p, err := m.file.gram(gramKey(string(word[i : i+3])))
		if err != nil {
			return err
		}
		sc.lists = append(sc.lists, p)
	}
	return nil
}

// intersectLists intersects sc.lists, starting with the shortest, and returns the docs. It skips a list if reading the
// list would take longer than checking the text of all docs found so far: checking one doc takes about as long as reading
// twenty entries of a list.
func (m *matcher) intersectLists(sc *scratch) ([]uint32, error) {
	if len(sc.lists) == 0 {
		return nil, nil
	}
	slices.SortFunc(sc.lists, func(a, b posting) int { return cmp.Compare(a.count, b.count) })
	set, err := sc.lists[0].appendDocs(sc.set[:0])
	for _, p := range sc.lists[1:] {
		if err != nil {
			return nil, err
		}
		if _, ok := p.bitmap(); !ok && int(p.count) > 20*len(set) {
			continue
		}
		set, err = p.intersect(set)
	}
	return set, err
}

// exprCandidates returns docs that include all matches of an expression: docs with all literals that the expression
// requires, and docs that contain the expression as plain text, because a name with that text matches too. If the
// literals exclude no docs, narrow is false.
func (m *matcher) exprCandidates(t *matchTerm, sc *scratch) (docs []uint32, narrow bool, err error) {
	saved := sc.lists
	sc.lists = nil
	defer func() { sc.lists = saved }()
	for _, lit := range t.expr.Required() {
		if err := m.addGrams([]byte(lit), sc); err != nil {
			return nil, false, err
		}
	}
	if len(sc.lists) == 0 {
		return nil, false, nil
	}
	byExpr, err := m.intersectLists(sc)
	if err != nil {
		return nil, false, err
	}
	docs = slices.Clone(byExpr)
	sc.set = byExpr[:0]
	if len(t.word) < 3 {
		return docs, true, nil
	}
	sc.lists = sc.lists[:0]
	if err := m.addGrams(t.word, sc); err != nil {
		return nil, false, err
	}
	plain, err := m.intersectLists(sc)
	sc.set = plain[:0]
	return unionSorted(docs, plain), true, err
}

// shortCandidates returns the docs that contain the rarest plain word of a query whose plain words all have fewer than
// three bytes. If the query has no such word, the result all is true instead.
func (m *matcher) shortCandidates(sc *scratch) (docs []uint32, all bool, err error) {
	var best []posting
	count := uint64(math.MaxUint64)
	for i := range m.terms {
		t := &m.terms[i]
		if t.expr != nil || !t.text() || len(t.word) == 0 {
			continue
		}
		var lists []posting
		n := uint64(0)
		for tier := range numTiers {
			p, err := m.file.gram(tierKey(string(t.word), tier))
			if err != nil {
				return nil, false, err
			}
			lists = append(lists, p)
			n += uint64(p.count)
		}
		if n < count {
			best, count = lists, n
		}
	}
	if best == nil {
		return nil, true, nil
	}
	sc.set = sc.set[:0]
	for _, p := range best {
		if sc.set, err = p.appendDocs(sc.set); err != nil {
			return nil, false, err
		}
	}
	slices.Sort(sc.set)
	return sc.set, false, nil
}
