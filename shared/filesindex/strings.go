package filesindex

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
)

// sortedStrings are the strings of an interner in their order in a dictionary.
type sortedStrings struct {
	interner *interner
	order    []uint32 // the interner's number of each string
}

func sortStrings(t *interner) *sortedStrings {
	t.slots = nil // no more strings are added
	// Comparing the first bytes as numbers avoids most accesses to the strings, which are spread over memory.
	type entry struct {
		head uint64
		n    uint32
	}
	entries := make([]entry, len(t.places))
	for i := range entries {
		var head [8]byte
		copy(head[:], t.get(uint32(i)))
		entries[i] = entry{binary.BigEndian.Uint64(head[:]), uint32(i)}
	}
	slices.SortFunc(entries, func(a, b entry) int {
		if a.head != b.head {
			return cmp.Compare(a.head, b.head)
		}
		return bytes.Compare(t.get(a.n), t.get(b.n))
	})
	s := &sortedStrings{interner: t, order: make([]uint32, len(entries))}
	for i, e := range entries {
		s.order[i] = e.n
	}
	return s
}

// rank returns the place in the order of each of the interner's numbers.
func (s *sortedStrings) rank() ranks {
	r := make(ranks, len(s.order))
	for i, n := range s.order {
		r[n] = uint32(i)
	}
	return r
}

func (s *sortedStrings) each(f func([]byte) error) error {
	for _, n := range s.order {
		if err := f(s.interner.get(n)); err != nil {
			return err
		}
	}
	return nil
}

func (s *sortedStrings) count() int { return len(s.order) }
