package pkgindex

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
)

const (
	maxSuggestions  = 5  // the maximum number of names that Suggest returns
	maxEditDistance = 2  // the maximum number of edits between the given name and a suggested name
	maxSuggestLen   = 64 // in bytes; Suggest returns nothing for a longer name, because no package has such a name
)

// Suggest returns up to five names that differ from name by at most two edits (insertions, deletions, replacements), the
// most similar first.
func (s *FileSet) Suggest(name string) (names []string, err error) {
	word := []byte(Fold(name))
	if len(word) < 2 || len(word) > maxSuggestLen {
		return nil, nil
	}
	type near struct {
		name     string
		distance int
	}
	var found []near
	set := nameCharBits(word)
	// A word of two or three letters would be within two edits of too many names.
	limit := min(maxEditDistance, len(word)/2)
	err = guardFaults(func() error {
		for i := range s.files {
			f := &s.files[i]
			for doc := range f.docCount {
				e := f.docTable[int(doc)*docEntrySize:][:docEntrySize]
				if bits.OnesCount32(set^binary.LittleEndian.Uint32(e[20:])) > 2*limit {
					continue
				}
				n := int(binary.LittleEndian.Uint32(e[8:]))
				if n < len(word)-limit || n > len(word)+limit || f.sourceOf(doc) == nil {
					continue
				}
				t, err := f.docText(doc)
				if err != nil {
					return err
				}
				if d := editDistance(word, t.name, limit); d <= limit {
					found = append(found, near{string(t.name), d})
				}
			}
		}
		return nil
	})
	slices.SortFunc(found, func(a, b near) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.name, b.name))
	})
	for _, n := range found {
		if len(names) < maxSuggestions && !slices.Contains(names, n.name) {
			names = append(names, n.name)
		}
	}
	return names, err
}

// editDistance returns the edit distance of a and b if it is at most limit, and otherwise any number above limit. a must not
// be longer than maxSuggestLen bytes.
func editDistance(a, b []byte, limit int) int {
	var rows [2][maxSuggestLen + 1]int
	last, row := &rows[0], &rows[1]
	for i := range len(a) + 1 {
		last[i] = i
	}
	for j, c := range b {
		row[0] = j + 1
		least := row[0]
		for i, d := range a {
			cost := last[i]
			if c != d {
				cost = 1 + min(cost, last[i+1], row[i])
			}
			row[i+1] = cost
			least = min(least, cost)
		}
		if least > limit {
			return least
		}
		last, row = row, last
	}
	return last[len(a)]
}
