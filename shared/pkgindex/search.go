package pkgindex

import (
	"cmp"
	"math"
	"slices"
	"sync"

	"github.com/omg-arch/omg/shared/sectionfile"
	"github.com/omg-arch/omg/shared/wire"
)

// Result is the result of a search.
type Result struct {
	Hits  []Hit
	Total int // the number of all matching packages, including those beyond the limit
}

// maxGramsPerWord is the maximum number of three-byte substrings of a word that are looked up in the index. The lookups find
// the packages that may contain the word. The texts of these packages are then searched for the whole word.
const maxGramsPerWord = 64

// searchBuffers contains buffers. A search takes them from a pool and puts them back at its end.
type searchBuffers struct {
	docs                []uint32
	postingLists        []postingList
	hitKeys, sortedKeys []uint64
	bucketEnds          []int // for each bucket of sortKeys, where its keys end
	uncollected         int   // how many packages match, but have no key, because they cannot be among the requested hits
}

var searchBufferPool = sync.Pool{New: func() any { return new(searchBuffers) }}

// Search runs a query. It returns the hits without the first skip ones, at most limit hits, the best first. If limit is 0, it returns all
// of them.
func (s *FileSet) Search(q *Query, skip, limit int) (r Result, err error) {
	if limit <= 0 || limit > math.MaxInt-skip {
		limit = math.MaxInt - skip
	}
	sc := searchBufferPool.Get().(*searchBuffers)
	defer searchBufferPool.Put(sc)
	for _, state := range q.States() {
		if q.InState[state] == nil {
			return r, queryErrorf("%s%s: the packages of this state are unknown here", wire.StatePrefix, state)
		}
	}
	isRelevance := q.sortBy == "" || q.sortBy == wire.SortRelevance
	needed := skip + limit // how many of the best hits must have a key
	if !isRelevance {
		needed = math.MaxInt
	}
	err = sectionfile.GuardFaults(func() error {
		sc.hitKeys, sc.uncollected = sc.hitKeys[:0], 0
		for i := range s.files {
			if err := s.searchFile(i, q, sc, needed); err != nil {
				return err
			}
		}
		r.Total = len(sc.hitKeys) + sc.uncollected
		from, to := min(skip, r.Total), min(skip+limit, r.Total)
		switch by := q.sortBy; {
		case isRelevance:
			sc.sortKeys(from, to)
			r.Hits = appendHits(make([]Hit, 0, to-from), sc.sortedKeys[from:to])
		case by == wire.SortName || by == wire.SortRepo:
			r.Hits, err = s.sortByName(sc.hitKeys, by == wire.SortRepo, from, to)
		default:
			sc.sortKeys(0, r.Total)
			hits, err := s.sortByAURField(appendHits(make([]Hit, 0, r.Total), sc.sortedKeys), by)
			r.Hits = slices.Clone(hits[from:to])
			return err
		}
		return err
	})
	return r, err
}

// A sort key encodes a hit. Hits with smaller keys come first in the result: those with a better tier, in a tier the packages of
// repositories before those of the AUR, then by score, by source, and by doc. The bits, from the highest: 3 of the tier, 1 for the AUR,
// 16 of the score, 16 of the source's rank, 28 of the doc.
func hitSortKey(q quality, r docRank, p *sourceRange, doc uint32) uint64 {
	k := uint64(q.tier)<<61 | uint64(1<<scoreBits-1-score(q, r))<<44 | uint64(p.rank)<<28 | uint64(doc)
	if p.kind == KindAUR {
		k |= 1 << 60
	}
	return k
}

func appendHits(hits []Hit, keys []uint64) []Hit {
	for _, k := range keys {
		hits = append(hits, hitOfKey(k))
	}
	return hits
}

func hitOfKey(k uint64) Hit { return Hit{sourceRank: uint16(k >> 28), doc: uint32(k & (1<<28 - 1))} }

// sortBits is the number of upper bits of a sort key by which sortKeys distributes keys: the tier, the AUR, and half of the score.
const sortBits = 12

// sortKeys copies sc.hitKeys to sc.sortedKeys, so that the keys from the place from up to the place to are those that are there in ascending
// order. It distributes the keys by their upper bits, and then sorts only the keys that are needed: most searches have a limit.
func (sc *searchBuffers) sortKeys(from, to int) {
	if len(sc.hitKeys) < 1<<sortBits/4 { // clearing the buckets would take longer
		sc.sortedKeys = append(sc.sortedKeys[:0], sc.hitKeys...)
		slices.Sort(sc.sortedKeys)
		return
	}
	bucket := func(k uint64) int { return int(k >> (64 - sortBits)) }
	sc.bucketEnds = slices.Grow(sc.bucketEnds[:0], 1<<sortBits)[:1<<sortBits]
	clear(sc.bucketEnds)
	for _, k := range sc.hitKeys {
		sc.bucketEnds[bucket(k)]++
	}
	total := 0
	for i, n := range sc.bucketEnds {
		sc.bucketEnds[i] = total
		total += n
	}
	sc.sortedKeys = slices.Grow(sc.sortedKeys[:0], total)[:total]
	for _, k := range sc.hitKeys {
		b := bucket(k)
		sc.sortedKeys[sc.bucketEnds[b]] = k
		sc.bucketEnds[b]++
	}
	start := 0
	for _, end := range sc.bucketEnds {
		if start >= to {
			return
		}
		if end > max(from, start+1) {
			slices.Sort(sc.sortedKeys[start:end])
		}
		start = end
	}
}

// searchFile searches one file, and appends the keys of the hits to sc.hitKeys. It may leave out hits that are not among the first needed
// ones of the file.
func (s *FileSet) searchFile(i int, q *Query, sc *searchBuffers, needed int) error {
	f := &s.files[i]
	if !slices.ContainsFunc(f.sources, q.includesSource) {
		return nil // the query does not need this file: reading it would take time, and it may be damaged
	}
	m, err := newMatcher(f, q)
	if err != nil {
		return err
	}
	if m.isShortWord() {
		return s.searchShortWord(f, m, q, sc, needed)
	}
	docs, all, err := m.candidates(sc)
	if err != nil {
		return err
	}
	if all {
		docs = sc.docs[:0]
		for d := range f.docCount {
			docs = append(docs, d)
		}
		sc.docs = docs
	}
	return s.appendHitKeys(f, q, sc, docs, m.match)
}

// includesSource reports whether the query searches the given source.
func (q *Query) includesSource(p *sourceRange) bool {
	if q.onlyAUR {
		return p.kind == KindAUR
	}
	return (q.allRepos || !p.noSearch) && !(q.noAUR && p.kind == KindAUR) && (len(q.repos) == 0 || slices.ContainsFunc(q.repos, p.isSourceNamed))
}

// docsPerPause returns how many packages are compared between two calls of PauseFunc. For words, the comparison of 256
// packages takes only microseconds. For expressions it can take much longer, so PauseFunc is called after fewer packages.
func (q *Query) docsPerPause() int {
	expressions := 0
	for _, t := range [...][]term{q.terms, q.unwanted} {
		for i := range t {
			if t[i].expr != nil {
				expressions++
			}
		}
	}
	if expressions == 0 {
		return max(1, 256/max(1, len(q.terms)+len(q.unwanted)))
	}
	return max(1, 16/expressions)
}

// appendHitKeys checks the packages in the slice docs, which is in ascending order. It appends the keys of matching packages
// to sc.hitKeys, but only for sources that the query searches. The function match returns the quality of a match, and
// reports whether the package matches.
func (s *FileSet) appendHitKeys(f *fileInSet, q *Query, sc *searchBuffers, docs []uint32, match func(doc uint32, inAUR bool) (quality, bool, error)) error {
	every := q.docsPerPause()
	for _, p := range f.sources {
		from, _ := slices.BinarySearch(docs, p.firstDoc)
		to, _ := slices.BinarySearch(docs, p.endDoc)
		if !q.includesSource(p) {
			continue
		}
		inAUR := p.kind == KindAUR
		for i, d := range docs[from:to] {
			if i%every == 0 && q.PauseFunc != nil {
				if err := q.PauseFunc(); err != nil {
					return err
				}
			}
			if !q.isInStates(p.fileIndex, d) {
				continue
			}
			m, ok, err := match(d, inAUR)
			if err != nil {
				return err
			}
			if ok {
				sc.hitKeys = append(sc.hitKeys, hitSortKey(m, f.rank(d), p, d))
			}
		}
	}
	return nil
}

// isShortWord reports whether the query is one plain word of one or two bytes.
func (m *matcher) isShortWord() bool {
	if len(m.terms) != 1 || len(m.unwanted) > 0 {
		return false
	}
	t := &m.terms[0]
	return t.expr == nil && t.field == fieldAny && (len(t.word) == 1 || len(t.word) == 2)
}

// searchShortWord runs a query that consists of one plain word of one or two bytes. For such a word, the index has a list of
// the matching packages in each tier, so no text has to be searched. As soon as better tiers have as many hits as are needed, the packages of
// the other tiers are only counted.
func (s *FileSet) searchShortWord(f *fileInSet, m *matcher, q *Query, sc *searchBuffers, needed int) error {
	word, before := string(m.terms[0].word), len(sc.hitKeys)
	searched := uint32(0) // how many packages belong to sources that the query searches
	for _, p := range f.sources {
		if q.includesSource(p) {
			searched += p.endDoc - p.firstDoc
		}
	}
	for tier := range numTiers {
		p, err := m.file.postingListOfGram(tierGramKey(word, tier))
		if err != nil {
			return err
		}
		if searched == f.docCount && len(q.states) == 0 && len(sc.hitKeys)-before >= needed {
			sc.uncollected += int(p.count)
			continue
		}
		if sc.docs, err = p.appendDocs(sc.docs[:0]); err != nil {
			return err
		}
		err = s.appendHitKeys(f, q, sc, sc.docs, func(doc uint32, _ bool) (quality, bool, error) {
			found, err := m.shortWordQuality(doc, tier)
			return found, true, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// shortWordQuality returns the quality of a match of a short word in a tier, as qualityOf does, but reads the text of a package only if its
// name begins with the word.
func (m *matcher) shortWordQuality(doc uint32, tier Tier) (quality, error) {
	q := quality{tier: tier}
	if tier >= TierProvidesOrGroup {
		return q, nil
	}
	word := len(m.terms[0].word)
	next, err := m.file.nextNameByte(doc, word, tier)
	q.closeness = nameCloseness(m.file.nameLen(doc), word, next, m.file.rank(doc))
	return q, err
}

// candidates returns a superset of the matching packages, which it finds by the lists of the index. If the lists do not
// exclude any package, it returns all = true and no docs.
func (m *matcher) candidates(sc *searchBuffers) (docs []uint32, all bool, err error) {
	sc.postingLists = sc.postingLists[:0]
	var unions [][]uint32
	for i := range m.terms {
		t := &m.terms[i]
		switch {
		case !t.searchesDocText() && t.expr == nil:
			sc.postingLists = append(sc.postingLists, t.valuePostings)
		case !t.searchesDocText():
		case t.expr != nil:
			u, narrow, err := m.exprCandidates(t, sc)
			if err != nil {
				return nil, false, err
			}
			if narrow {
				unions = append(unions, u)
			}
		default:
			if err := m.appendGramLists(t.word, sc); err != nil {
				return nil, false, err
			}
		}
	}
	if len(sc.postingLists) == 0 && len(unions) == 0 {
		return m.shortWordCandidates(sc)
	}
	docs, err = m.intersectLists(sc)
	if len(sc.postingLists) == 0 {
		docs, unions = append(sc.docs[:0], unions[0]...), unions[1:]
	}
	for _, u := range unions {
		docs = intersectSorted(docs, u)
	}
	sc.docs = docs
	return docs, false, err
}

// appendGramLists looks up the three-byte substrings of a word, and appends their lists of packages to sc.lists. If the word
// has fewer than three bytes, it appends nothing.
func (m *matcher) appendGramLists(word []byte, sc *searchBuffers) error {
	n := len(word) - 2
	step := 1 + (n-1)/maxGramsPerWord
	for i := 0; i < n; i += step {
		p, err := m.file.postingListOfGram(gramKey(string(word[i : i+3])))
		if err != nil {
			return err
		}
		sc.postingLists = append(sc.postingLists, p)
	}
	return nil
}

// intersectLists intersects sc.lists, starting with the shortest list, and returns the packages that remain. The texts of
// these packages are searched later anyway. So intersectLists skips a list if reading the list would take longer than
// searching the texts: searching one text takes about as long as reading twenty entries of a list.
func (m *matcher) intersectLists(sc *searchBuffers) ([]uint32, error) {
	if len(sc.postingLists) == 0 {
		return nil, nil
	}
	slices.SortFunc(sc.postingLists, func(a, b postingList) int { return cmp.Compare(a.count, b.count) })
	set, err := sc.postingLists[0].appendDocs(sc.docs[:0])
	for _, p := range sc.postingLists[1:] {
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

// exprCandidates returns a superset of the packages that match an expression. It consists of the packages with all
// literals that the expression requires, and of the packages that contain the expression as plain text: see exprTier.
// If the literals do not exclude any package, narrow is false.
func (m *matcher) exprCandidates(t *matcherTerm, sc *searchBuffers) (docs []uint32, narrow bool, err error) {
	saved := sc.postingLists
	sc.postingLists = nil
	defer func() { sc.postingLists = saved }()
	for _, lit := range t.expr.RequiredLiterals() {
		if err := m.appendGramLists([]byte(lit), sc); err != nil {
			return nil, false, err
		}
	}
	if len(sc.postingLists) == 0 {
		return nil, false, nil
	}
	byExpr, err := m.intersectLists(sc)
	if err != nil {
		return nil, false, err
	}
	docs = slices.Clone(byExpr)
	sc.docs = byExpr[:0]
	if len(t.word) < 3 {
		return docs, true, nil
	}
	sc.postingLists = sc.postingLists[:0]
	if err := m.appendGramLists(t.word, sc); err != nil {
		return nil, false, err
	}
	plain, err := m.intersectLists(sc)
	sc.docs = plain[:0]
	return unionSorted(docs, plain), true, err
}

// shortWordCandidates returns the packages that contain the rarest plain word of a query. All plain words of the query have
// fewer than three bytes. If the query has no plain word, shortWordCandidates returns all = true and no docs.
func (m *matcher) shortWordCandidates(sc *searchBuffers) (docs []uint32, all bool, err error) {
	var best []postingList
	count := uint64(math.MaxUint64)
	for i := range m.terms {
		t := &m.terms[i]
		if t.expr != nil || !t.searchesDocText() || len(t.word) == 0 {
			continue
		}
		var lists []postingList
		n := uint64(0)
		for tier := range numTiers {
			p, err := m.file.postingListOfGram(tierGramKey(string(t.word), tier))
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
	sc.docs = sc.docs[:0]
	for _, p := range best {
		if sc.docs, err = p.appendDocs(sc.docs); err != nil {
			return nil, false, err
		}
	}
	slices.Sort(sc.docs)
	return sc.docs, false, nil
}
