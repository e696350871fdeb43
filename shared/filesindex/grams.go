package filesindex

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"sort"
	"unicode/utf8"

	"github.com/omg-arch/omg/shared/fold"
	"github.com/omg-arch/omg/shared/sectionfile"
)

const gramEntrySize = 8

// gramCollector collects the three-byte substrings of the case-folded strings of a dictionary, and the blocks that have
// them.
type gramCollector struct {
	block  uint32
	folded []byte
	byKey  map[uint32]uint32 // the place in lists
	lists  []gramList
}

type gramList struct {
	key    uint32
	after  uint32 // the last block + 1
	blocks []byte // encoded
}

// beginBlock begins the next block.
func (g *gramCollector) beginBlock(block uint32) {
	if g.byKey == nil {
		g.byKey = make(map[uint32]uint32)
	}
	g.block = block
}

// add adds the substrings of a string to the current block, which has those of the first bytes that the string shares
// with the one before it.
func (g *gramCollector) add(text []byte, shared int) {
	// The two bytes before the other bytes belong to new substrings, too. They come from at most two characters.
	from := max(0, shared-2*utf8.UTFMax)
	for from > 0 && !utf8.RuneStart(text[from]) {
		from--
	}
	g.folded = fold.Append(g.folded[:0], text[from:])
	for i := minLiteral; i <= len(g.folded); i++ {
		key := gramKey(g.folded[i-minLiteral:])
		n, ok := g.byKey[key]
		if !ok {
			n = uint32(len(g.lists))
			g.byKey[key] = n
			g.lists = append(g.lists, gramList{key: key})
		}
		if l := &g.lists[n]; l.after != g.block+1 {
			l.blocks = binary.AppendUvarint(l.blocks, uint64(g.block-l.after))
			l.after = g.block + 1
		}
	}
}

// write writes the sections of the substrings.
func (g *gramCollector) write(out *sectionfile.Writer, names dictionarySections) {
	slices.SortFunc(g.lists, func(a, b gramList) int { return cmp.Compare(a.key, b.key) })
	table := make([]byte, 0, (len(g.lists)+1)*gramEntrySize)
	end := uint64(0)
	out.Begin(names.gramBlocks)
	for _, l := range g.lists {
		table = binary.LittleEndian.AppendUint32(table, l.key)
		table = binary.LittleEndian.AppendUint32(table, uint32(end))
		out.Write(l.blocks)
		end += uint64(len(l.blocks))
	}
	out.End()
	table = binary.LittleEndian.AppendUint32(table, 1<<24)
	table = binary.LittleEndian.AppendUint32(table, uint32(end))
	out.WriteSection(names.grams, table)
}

// gramKey returns the key of the first three bytes of b.
func gramKey(b []byte) uint32 { return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]) }

// minLiteral is the length in bytes of the substrings that the index knows.
const minLiteral = 3

// blocksWith returns the blocks whose strings can contain all of the case-folded literals: those that have all their
// three-byte substrings. If no literal has three bytes, all is true: every block can.
func (d *dictionary) blocksWith(literals [][]byte) (blocks []uint32, all bool, err error) {
	var keys []uint32
	for _, l := range literals {
		for i := minLiteral; i <= len(l); i++ {
			keys = append(keys, gramKey(l[i-minLiteral:]))
		}
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	lists := make([][]byte, len(keys))
	for i, k := range keys {
		if lists[i], err = d.gramList(k); err != nil || len(lists[i]) == 0 {
			return nil, false, err
		}
	}
	slices.SortFunc(lists, func(a, b []byte) int { return len(a) - len(b) })
	for i, l := range lists {
		if i == 0 {
			blocks, err = d.appendBlocks(make([]uint32, 0, len(l)), l)
		} else {
			blocks, err = d.intersect(blocks, l)
		}
		if err != nil || len(blocks) == 0 {
			return nil, false, err
		}
	}
	return blocks, len(lists) == 0, nil
}

func (d *dictionary) appendBlocks(dst []uint32, list []byte) ([]uint32, error) {
	g := gramReader{d: d, rest: list}
	for block, ok := g.next(); ok; block, ok = g.next() {
		dst = append(dst, block)
	}
	return dst, g.err
}

// intersect returns those of the blocks that are in the list, too. It overwrites blocks.
func (d *dictionary) intersect(blocks []uint32, list []byte) ([]uint32, error) {
	g := gramReader{d: d, rest: list}
	kept := blocks[:0]
	block, ok := g.next()
	for _, b := range blocks {
		for ok && block < b {
			block, ok = g.next()
		}
		if !ok {
			break
		}
		if block == b {
			kept = append(kept, b)
		}
	}
	return kept, g.err
}

// gramReader reads the list of the blocks that have a substring.
type gramReader struct {
	d     *dictionary
	rest  []byte
	after uint32 // the last block + 1
	err   error
}

// next returns the next block, and whether there is one. After the last block, the caller must check err.
func (g *gramReader) next() (uint32, bool) {
	if len(g.rest) == 0 {
		return 0, false
	}
	n, k := uint64(g.rest[0]), 1
	if n >= 0x80 {
		n, k = binary.Uvarint(g.rest)
	}
	if count := uint64(g.d.blockCount()); k <= 0 || n >= count || n+uint64(g.after) >= count {
		g.rest, g.err = nil, fmt.Errorf("%w: section %s", ErrDamaged, g.d.sections.gramBlocks)
		return 0, false
	}
	g.rest = g.rest[k:]
	block := uint32(n) + g.after
	g.after = block + 1
	return block, true
}

// gramList returns the encoded list of the blocks that have a substring.
func (d *dictionary) gramList(key uint32) ([]byte, error) {
	n := len(d.grams)/gramEntrySize - 1
	i := sort.Search(n, func(i int) bool { return binary.LittleEndian.Uint32(d.grams[i*gramEntrySize:]) >= key })
	if i == n {
		return nil, nil
	}
	e := d.grams[i*gramEntrySize:][: 2*gramEntrySize : 2*gramEntrySize]
	if binary.LittleEndian.Uint32(e) != key {
		return nil, nil
	}
	start, end := binary.LittleEndian.Uint32(e[4:]), binary.LittleEndian.Uint32(e[12:])
	if start > end || uint64(end) > uint64(len(d.gramBlocks)) {
		return nil, fmt.Errorf("%w: section %s", ErrDamaged, d.sections.grams)
	}
	return d.gramBlocks[start:end:end], nil
}
