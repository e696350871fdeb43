package pkgindex

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"sort"
)

// namedHit is a hit with its folded name.
type namedHit struct {
	Hit
	name []byte
}

// compare compares hits by name, then by source, then by doc.
func (a namedHit) compare(b namedHit) int {
	return cmp.Or(bytes.Compare(a.name, b.name), cmp.Compare(a.sourceRank, b.sourceRank), cmp.Compare(a.doc, b.doc))
}

// fewHits is the part of the packages, as a divisor, up to which sorting the hits takes less time than reading all names in their order.
const fewHits = 32

// sortByName returns the hits of sort keys by name or, if byRepo is true, by source and then by name: those from the place from up to the
// place to.
func (s *FileSet) sortByName(keys []uint64, byRepo bool, from, to int) ([]Hit, error) {
	if len(keys) > s.PackageCount()/fewHits {
		lists, err := s.listByName(keys)
		if err != nil {
			return nil, err
		}
		if byRepo {
			return slices.Clone(slices.Concat(lists...)[from:to]), nil
		}
		return s.mergeByName(lists, from, to)
	}
	hits := make([]namedHit, len(keys))
	for i, k := range keys {
		h := hitOfKey(k)
		text, err := s.fileOf(h).docText(h.doc)
		if err != nil {
			return nil, err
		}
		hits[i] = namedHit{h, text.name}
	}
	slices.SortFunc(hits, func(a, b namedHit) int {
		if byRepo && a.sourceRank != b.sourceRank {
			return cmp.Compare(a.sourceRank, b.sourceRank)
		}
		return a.compare(b)
	})
	page := make([]Hit, 0, to-from)
	for _, h := range hits[from:to] {
		page = append(page, h.Hit)
	}
	return page, nil
}

// listByName returns the hits of sort keys in a list for each source, in the order of their names. It reads the names of all packages in
// the order in which the index has them.
func (s *FileSet) listByName(keys []uint64) ([][]Hit, error) {
	found, counts := s.newDocSet(), make([]int, len(s.sources))
	for _, k := range keys {
		h := hitOfKey(k)
		found.add(s.sources[h.sourceRank].fileIndex, h.doc)
		counts[h.sourceRank]++
	}
	lists, n := make([][]Hit, len(s.sources)), 0
	for i, count := range counts {
		lists[i] = make([]Hit, 0, count)
	}
	for i := range s.files {
		f := &s.files[i]
		for position := range int(f.docCount) {
			doc := f.docByNamePosition(position)
			if !found.has(i, doc) {
				continue
			}
			found.remove(i, doc)
			p := f.sourceOf(doc)
			lists[p.rank] = append(lists[p.rank], Hit{p.rank, doc})
			n++
		}
	}
	if n != len(keys) {
		return nil, fmt.Errorf("%w: section %s lacks a package", ErrDamaged, namesSection)
	}
	return lists, nil
}

// mergeByName merges lists that are sorted by name, and returns the hits from the place from up to the place to.
func (s *FileSet) mergeByName(lists [][]Hit, from, to int) ([]Hit, error) {
	m := nameMerger{set: s, lists: lists}
	heads := m.startAt(from)
	page := make([]Hit, 0, to-from)
	for range to - from {
		first := -1
		for i, h := range heads {
			if h.name != nil && (first < 0 || h.compare(heads[first]) < 0) {
				first = i
			}
		}
		if first < 0 {
			break // a name could not be read
		}
		page = append(page, heads[first].Hit)
		m.lists[first] = m.lists[first][1:]
		heads[first] = m.first(first)
	}
	return page, m.err
}

// nameMerger merges lists that are sorted by name.
type nameMerger struct {
	set   *FileSet
	lists [][]Hit
	err   error // the first error of named
}

// named returns a hit with its name.
func (m *nameMerger) named(h Hit) namedHit {
	text, err := m.set.fileOf(h).docText(h.doc)
	m.err = cmp.Or(m.err, err)
	return namedHit{h, text.name}
}

// first returns the first hit of a list. Its name is nil if the list is empty.
func (m *nameMerger) first(list int) namedHit {
	if len(m.lists[list]) == 0 {
		return namedHit{}
	}
	return m.named(m.lists[list][0])
}

// startAt removes the hits before a place of the merged list from all lists, and returns the first remaining hit of each list.
func (m *nameMerger) startAt(place int) []namedHit {
	starts, heads := make([]int, len(m.lists)), make([]namedHit, len(m.lists))
	for i, list := range m.lists {
		starts[i] = sort.Search(len(list), func(at int) bool {
			h, before := m.named(list[at]), at
			for j, other := range m.lists {
				if j != i {
					before += sort.Search(len(other), func(k int) bool { return m.named(other[k]).compare(h) > 0 })
				}
			}
			return before >= place
		})
	}
	for i := range m.lists {
		m.lists[i] = m.lists[i][starts[i]:]
		heads[i] = m.first(i)
	}
	return heads
}
