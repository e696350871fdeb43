package filesindex

import (
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"
)

// interner numbers different strings in the order in which they were first added. It stores the bytes of each string once,
// in blocks that never move.
type interner struct {
	blocks [][]byte
	places []uint32 // the place of each string: block << internBlockBits | offset
	slots  []uint32 // a hash table of numbers + 1; the length is a power of two
}

const (
	internBlockBits = 20
	internBlockSize = 1 << internBlockBits // in bytes; larger than the longest string
	maxInternBlocks = 1 << (32 - internBlockBits)
)

// number returns the number of a string, which it adds if it is new.
func (t *interner) number(s string) (uint32, error) {
	if len(t.places)*4 >= len(t.slots)*3 {
		t.grow()
	}
	mask := uint64(len(t.slots) - 1)
	i := xxhash.Sum64String(s) & mask
	for ; t.slots[i] != 0; i = (i + 1) & mask {
		if n := t.slots[i] - 1; string(t.get(n)) == s {
			return n, nil
		}
	}
	last := len(t.blocks) - 1
	if last < 0 || len(t.blocks[last])+len(s)+binary.MaxVarintLen32 > internBlockSize {
		if len(t.blocks) == maxInternBlocks {
			return 0, fmt.Errorf("%w: more than 4 GiB of different names", ErrTooLarge)
		}
		t.blocks = append(t.blocks, make([]byte, 0, internBlockSize))
		last++
	}
	b := t.blocks[last]
	place := uint32(last)<<internBlockBits | uint32(len(b))
	t.blocks[last] = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	t.places = append(t.places, place)
	t.slots[i] = uint32(len(t.places))
	return uint32(len(t.places) - 1), nil
}

func (t *interner) get(n uint32) []byte {
	place := t.places[n]
	b := t.blocks[place>>internBlockBits][place&(internBlockSize-1):]
	size, k := binary.Uvarint(b)
	return b[k:][:size:size]
}

func (t *interner) grow() {
	t.slots = make([]uint32, max(1<<10, 2*len(t.slots)))
	mask := uint64(len(t.slots) - 1)
	for n := range t.places {
		i := xxhash.Sum64(t.get(uint32(n))) & mask
		for t.slots[i] != 0 {
			i = (i + 1) & mask
		}
		t.slots[i] = uint32(n) + 1
	}
}
