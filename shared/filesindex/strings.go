package filesindex

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/omg-arch/omg/shared/sectionfile"
)

// sortedStrings are the strings of an interner in their order in a dictionary.
type sortedStrings struct {
	interner *interner
	order    []uint32 // the interner's number of each string
	rank     []uint32 // the place in order of each number
}

func newSortedStrings(t *interner) *sortedStrings {
	t.slots = nil // no string is added any more
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
	s := &sortedStrings{interner: t, order: make([]uint32, len(entries)), rank: make([]uint32, len(entries))}
	for i, e := range entries {
		s.order[i], s.rank[e.n] = e.n, uint32(i)
	}
	return s
}

func (s *sortedStrings) count() int { return len(s.order) }

// write writes the sections of a dictionary.
func (s *sortedStrings) write(out *sectionfile.Writer, names dictionarySections, uses *uses) {
	var (
		b     []byte
		last  []byte
		table []uint32
		grams gramCollector
		end   uint64
	)
	out.Begin(names.strings)
	for i, n := range s.order {
		text := s.interner.get(n)
		b = b[:0]
		if i%blockStrings == 0 {
			table = append(table, uint32(end))
			grams.beginBlock(uint32(i / blockStrings))
			b = binary.AppendUvarint(b, uint64(len(text)))
			b = append(b, text...)
		} else {
			shared := commonPrefix(last, text)
			b = binary.AppendUvarint(b, uint64(shared))
			b = binary.AppendUvarint(b, uint64(len(text)-shared))
			b = append(b, text[shared:]...)
		}
		grams.add(text)
		out.Write(b)
		end += uint64(len(b))
		last = text
	}
	table = append(table, uint32(end))
	out.End()
	s.interner = nil

	out.Begin(names.packages)
	blocks := binary.LittleEndian.AppendUint64(nil, uint64(len(s.order)))
	end = 0
	only := uint32(0)
	for i := range s.order {
		if i%blockStrings == 0 {
			blocks = binary.LittleEndian.AppendUint32(blocks, table[i/blockStrings])
			blocks = binary.LittleEndian.AppendUint32(blocks, uint32(end))
			only = 0
		}
		b, only = appendUses(b[:0], uses.of(i), only)
		out.Write(b)
		end += uint64(len(b))
	}
	out.End()
	blocks = binary.LittleEndian.AppendUint32(blocks, table[len(table)-1])
	blocks = binary.LittleEndian.AppendUint32(blocks, uint32(end))
	out.WriteSection(names.blocks, blocks)
	grams.write(out, names)
}

// appendUses appends the list of the packages that use a string. The parameter only is the package of the last string of
// the block that only one package uses; appendUses returns the next such package.
func appendUses(dst []byte, packages []uint32, only uint32) ([]byte, uint32) {
	if len(packages) == 1 {
		return binary.AppendUvarint(dst, zigzag(int64(packages[0])-int64(only))<<1), packages[0]
	}
	size, after := 0, uint32(0)
	for _, p := range packages {
		size += uvarintLen(uint64(p - after))
		after = p + 1
	}
	dst = binary.AppendUvarint(dst, uint64(size)<<1|1)
	after = 0
	for _, p := range packages {
		dst = binary.AppendUvarint(dst, uint64(p-after))
		after = p + 1
	}
	return dst, only
}

func commonPrefix(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
