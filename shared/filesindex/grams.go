package filesindex

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sort"

	"github.com/omg-arch/omg/shared/fold"
	"github.com/omg-arch/omg/shared/sectionfile"
)

const gramEntrySize = 8

// gramCollector collects the three-byte substrings of the case-folded strings of a dictionary, and the blocks that have
// them.
type gramCollector struct {
	block  uint32
	folded []byte
	seen   []uint64     // the substrings of the current block, as a set
	found  []uint32     // the same as a list
	pages  [][]gramList // by the upper half of the key, then by the lower half
}

const gramPageBits = 12

type gramList struct {
	after  uint32 // the last block + 1
	blocks []byte // encoded
}

// beginBlock begins the next block.
func (g *gramCollector) beginBlock(block uint32) {
	if g.seen == nil {
		g.seen = make([]uint64, 1<<24/64)
		g.pages = make([][]gramList, 1<<gramPageBits)
	}
	g.endBlock()
	g.block = block
}

// add adds the substrings of a string to the current block.
func (g *gramCollector) add(text []byte) {
	g.folded = fold.Append(g.folded[:0], text)
	for i := 2; i < len(g.folded); i++ {
		k := gramKey(g.folded[i-2:])
		if g.seen[k/64]>>(k%64)&1 == 0 {
			g.seen[k/64] |= 1 << (k % 64)
			g.found = append(g.found, k)
		}
	}
}

func (g *gramCollector) endBlock() {
	for _, k := range g.found {
		g.seen[k/64] = 0
		page := &g.pages[k>>gramPageBits]
		if *page == nil {
			*page = make([]gramList, 1<<gramPageBits)
		}
		l := &(*page)[k&(1<<gramPageBits-1)]
		l.blocks = binary.AppendUvarint(l.blocks, uint64(g.block-l.after))
		l.after = g.block + 1
	}
	g.found = g.found[:0]
}

// write writes the sections of the substrings.
func (g *gramCollector) write(out *sectionfile.Writer, names dictionarySections) {
	g.endBlock()
	var table []byte
	end := uint64(0)
	out.Begin(names.gramBlocks)
	for hi, page := range g.pages {
		for lo, l := range page {
			if l.after > 0 {
				table = binary.LittleEndian.AppendUint32(table, uint32(hi<<gramPageBits|lo))
				table = binary.LittleEndian.AppendUint32(table, uint32(end))
				out.Write(l.blocks)
				end += uint64(len(l.blocks))
			}
		}
	}
	out.End()
	table = binary.LittleEndian.AppendUint32(table, 1<<24)
	table = binary.LittleEndian.AppendUint32(table, uint32(end))
	out.WriteSection(names.grams, table)
}

// gramKey returns the key of the first three bytes of b.
func gramKey(b []byte) uint32 { return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]) }

// blocksWith returns the blocks whose strings can contain a case-folded literal of at least three bytes: those that have
// all its three-byte substrings.
func (d *dictionary) blocksWith(literal []byte) ([]uint32, error) {
	lists := make([][]byte, 0, len(literal)-2)
	for i := 2; i < len(literal); i++ {
		l, err := d.gramList(gramKey(literal[i-2:]))
		if err != nil || len(l) == 0 {
			return nil, err
		}
		lists = append(lists, l)
	}
	slices.SortFunc(lists, func(a, b []byte) int { return len(a) - len(b) })
	var blocks []uint32
	for i, l := range lists {
		kept, after := blocks[:0], uint32(0)
		rest := blocks
		for len(l) > 0 && (i == 0 || len(rest) > 0) {
			n, k := binary.Uvarint(l)
			if k <= 0 || n >= uint64(d.blockCount()) || n+uint64(after) >= uint64(d.blockCount()) {
				return nil, fmt.Errorf("%w: section %s", ErrDamaged, d.sections.gramBlocks)
			}
			l = l[k:]
			block := uint32(n) + after
			after = block + 1
			if i == 0 {
				kept = append(kept, block)
				continue
			}
			for len(rest) > 0 && rest[0] < block {
				rest = rest[1:]
			}
			if len(rest) > 0 && rest[0] == block {
				kept = append(kept, block)
			}
		}
		blocks = kept
	}
	return blocks, nil
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
