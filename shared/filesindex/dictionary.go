package filesindex

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sort"

	"github.com/omg-arch/omg/shared/sectionfile"
)

// blockStrings is the number of strings in a block of a dictionary.
const blockStrings = 64

const blockEntrySize = 8

// dictionary is a sorted list of different strings, and the packages that use each of them. A string is known by its
// number in the list.
type dictionary struct {
	sections                                     dictionarySections
	strings, packages, blocks, grams, gramBlocks []byte
	count                                        uint32 // strings
	packageCount                                 uint32 // packages in the index
}

func openDictionary(file *sectionfile.File, names dictionarySections, packageCount uint32) (*dictionary, error) {
	d := &dictionary{
		sections: names, packageCount: packageCount,
		strings: file.Section(names.strings), packages: file.Section(names.packages), blocks: file.Section(names.blocks),
		grams: file.Section(names.grams), gramBlocks: file.Section(names.gramBlocks),
	}
	if len(d.blocks) < blockEntrySize {
		return nil, fmt.Errorf("%w: section %s has the wrong length", ErrDamaged, names.blocks)
	}
	d.count, d.blocks = binary.LittleEndian.Uint32(d.blocks), d.blocks[blockEntrySize:]
	if uint64(len(d.blocks)) != (uint64(d.blockCount())+1)*blockEntrySize {
		return nil, fmt.Errorf("%w: section %s has the wrong length", ErrDamaged, names.blocks)
	}
	if len(d.grams) < gramEntrySize || len(d.grams)%gramEntrySize != 0 {
		return nil, fmt.Errorf("%w: section %s has the wrong length", ErrDamaged, names.grams)
	}
	return d, nil
}

func (d *dictionary) blockCount() uint32 {
	return uint32((uint64(d.count) + blockStrings - 1) / blockStrings)
}

// block returns the bytes of a block's strings and of the lists of their packages. The block must be less than
// blockCount.
func (d *dictionary) block(i uint32) (strings, packages []byte, err error) {
	e := d.blocks[uint64(i)*blockEntrySize:][: 2*blockEntrySize : 2*blockEntrySize]
	start, end := binary.LittleEndian.Uint32(e), binary.LittleEndian.Uint32(e[8:])
	from, to := binary.LittleEndian.Uint32(e[4:]), binary.LittleEndian.Uint32(e[12:])
	if start > end || uint64(end) > uint64(len(d.strings)) || from > to || uint64(to) > uint64(len(d.packages)) {
		return nil, nil, d.damaged(i)
	}
	return d.strings[start:end:end], d.packages[from:to:to], nil
}

func (d *dictionary) damaged(block uint32) error {
	return fmt.Errorf("%w: block %d of section %s", ErrDamaged, block, d.sections.strings)
}

// stringsInBlock returns the number of strings in a block.
func (d *dictionary) stringsInBlock(block uint32) uint32 {
	return min(blockStrings, d.count-block*blockStrings)
}

// stringReader reads strings of a dictionary one after the other.
type stringReader struct {
	d       *dictionary
	rest    []byte
	started bool
	next    uint32 // the number of the next string
	end     uint32 // the number after the last string of the block
	current []byte // the string before next
}

func (d *dictionary) reader() stringReader { return stringReader{d: d} }

// openBlock goes to the first string of a block, which must be less than blockCount.
func (r *stringReader) openBlock(block uint32) error {
	strings, _, err := r.d.block(block)
	if err != nil {
		return err
	}
	r.rest, r.started = strings, true
	r.next = block * blockStrings
	r.end = r.next + r.d.stringsInBlock(block)
	r.current = r.current[:0]
	return nil
}

// read reads the next string of the block, which must have one. The string is valid until the next call.
func (r *stringReader) read() ([]byte, error) {
	shared := uint64(0)
	if r.next%blockStrings != 0 {
		shared = r.length()
	}
	n := r.length()
	if shared > uint64(len(r.current)) || n > uint64(len(r.rest)) || shared+n > MaxPathLen {
		return nil, r.d.damaged(r.next / blockStrings)
	}
	r.current = append(r.current[:shared], r.rest[:n]...)
	r.rest = r.rest[n:]
	r.next++
	return r.current, nil
}

// length reads a length. If there is none, it returns a number that is larger than any length.
func (r *stringReader) length() uint64 {
	if len(r.rest) > 0 && r.rest[0] < 0x80 {
		n := uint64(r.rest[0])
		r.rest = r.rest[1:]
		return n
	}
	n, k := binary.Uvarint(r.rest)
	if k <= 0 || n > MaxPathLen {
		return MaxPathLen + 1
	}
	r.rest = r.rest[k:]
	return n
}

// get returns the string with a number, which must be less than d.count. It is fast if the string follows the last one
// closely. The string is valid until the next call.
func (r *stringReader) get(i uint32) ([]byte, error) {
	if r.started && r.next == i+1 {
		return r.current, nil
	}
	if !r.started || i < r.next || i >= r.end {
		if err := r.openBlock(i / blockStrings); err != nil {
			return nil, err
		}
	}
	for r.next < i {
		if _, err := r.read(); err != nil {
			return nil, err
		}
	}
	return r.read()
}

// find returns the number of a string, and whether the dictionary has it.
func (d *dictionary) find(s []byte) (uint32, bool, error) {
	var bad error
	r := d.reader()
	// The block before the first one that begins with a larger string.
	after := sort.Search(int(d.blockCount()), func(i int) bool {
		if bad != nil {
			return true
		}
		if bad = r.openBlock(uint32(i)); bad != nil {
			return true
		}
		var first []byte
		if first, bad = r.read(); bad != nil {
			return true
		}
		return bytes.Compare(first, s) > 0
	})
	if bad != nil || after == 0 {
		return 0, false, bad
	}
	if err := r.openBlock(uint32(after - 1)); err != nil {
		return 0, false, err
	}
	for r.next < r.end {
		have, err := r.read()
		if err != nil {
			return 0, false, err
		}
		if c := bytes.Compare(have, s); c >= 0 {
			return r.next - 1, c == 0, nil
		}
	}
	return 0, false, nil
}

// useReader reads the lists of packages of a block's strings one after the other.
type useReader struct {
	d     *dictionary
	block uint32
	rest  []byte
	last  uint32 // the package of the last string that only one package uses
}

func (d *dictionary) useReader(block uint32) (useReader, error) {
	_, packages, err := d.block(block)
	return useReader{d: d, block: block, rest: packages}, err
}

// next returns the packages of the next string.
func (r *useReader) next() (packageList, error) {
	bad := fmt.Errorf("%w: block %d of section %s", ErrDamaged, r.block, r.d.sections.packages)
	h, k := binary.Uvarint(r.rest)
	if k <= 0 {
		return packageList{}, bad
	}
	r.rest = r.rest[k:]
	if h&1 == 0 {
		only := int64(r.last) + unzigzag(h>>1)
		if only < 0 || only >= int64(r.d.packageCount) {
			return packageList{}, bad
		}
		r.last = uint32(only)
		return packageList{only: r.last, isOne: true}, nil
	}
	n := h >> 1
	if n > uint64(len(r.rest)) {
		return packageList{}, bad
	}
	l := packageList{rest: r.rest[:n:n], packageCount: r.d.packageCount, damaged: bad}
	r.rest = r.rest[n:]
	return l, nil
}

// packagesOf returns the packages that use a string, whose number must be less than d.count.
func (d *dictionary) packagesOf(i uint32) (l packageList, err error) {
	r, err := d.useReader(i / blockStrings)
	for n := i / blockStrings * blockStrings; n <= i && err == nil; n++ {
		l, err = r.next()
	}
	return l, err
}

// packageList is a list of packages in ascending order.
type packageList struct {
	isOne        bool
	only         uint32
	rest         []byte
	after        uint32 // the last package + 1
	packageCount uint32
	damaged      error
	err          error
}

// next returns the next package, and whether there is one. After the last package, the caller must check err.
func (l *packageList) next() (uint32, bool) {
	if l.isOne {
		l.isOne = false
		return l.only, true
	}
	if len(l.rest) == 0 {
		return 0, false
	}
	n, k := binary.Uvarint(l.rest)
	if k <= 0 || n >= uint64(l.packageCount) || n+uint64(l.after) >= uint64(l.packageCount) {
		l.rest, l.err = nil, l.damaged
		return 0, false
	}
	l.rest = l.rest[k:]
	pkg := uint32(n) + l.after
	l.after = pkg + 1
	return pkg, true
}

// addTo adds the packages to a set.
func (l *packageList) addTo(set bitSet) error {
	for {
		pkg, ok := l.next()
		if !ok {
			return l.err
		}
		set.add(pkg)
	}
}

// bitSet is a set of numbers.
type bitSet []uint64

func newBitSet(n uint32) bitSet { return make(bitSet, (uint64(n)+63)/64) }

func (s bitSet) add(i uint32) { s[i/64] |= 1 << (i % 64) }

func (s bitSet) has(i uint32) bool { return s[i/64]>>(i%64)&1 != 0 }
