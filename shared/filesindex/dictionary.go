package filesindex

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
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
	// Each string has at least a byte in both sections.
	if uint64(d.count) > uint64(len(d.strings)) || uint64(d.count) > uint64(len(d.packages)) {
		return nil, fmt.Errorf("%w: section %s is too short", ErrDamaged, names.strings)
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
	block   []byte
	at      int // the offset in block of the next string
	started bool
	next    uint32 // the number of the next string
	end     uint32 // the number after the last string of the block
	current []byte // the string before next
	shared  int    // the number of bytes that it shares with the string before it
}

func (d *dictionary) reader() stringReader { return stringReader{d: d} }

// openBlock goes to the first string of a block, which must be less than blockCount.
func (r *stringReader) openBlock(block uint32) error {
	strings, _, err := r.d.block(block)
	if err != nil {
		return err
	}
	r.block, r.at, r.started = strings, 0, true
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
	if shared > uint64(len(r.current)) || n > uint64(len(r.block)-r.at) || shared+n > MaxPathLen {
		return nil, r.d.damaged(r.next / blockStrings)
	}
	r.shared = int(shared)
	r.current = append(r.current[:shared], r.block[r.at:][:n]...)
	r.at += int(n)
	r.next++
	return r.current, nil
}

// length reads a length. If there is none, it returns a number that is larger than any length.
func (r *stringReader) length() uint64 {
	if r.at < len(r.block) && r.block[r.at] < 0x80 {
		r.at++
		return uint64(r.block[r.at-1])
	}
	return r.longLength()
}

func (r *stringReader) longLength() uint64 {
	n, k := binary.Uvarint(r.block[r.at:])
	if k <= 0 || n > MaxPathLen {
		return MaxPathLen + 1
	}
	r.at += k
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
	return r.skipTo(i)
}

// skipTo reads the string with a number that is not before the next one, in the same block. It does not put together the
// strings between them, but copies from each what the string shares with it.
func (r *stringReader) skipTo(i uint32) ([]byte, error) {
	var parts [blockStrings]struct{ shared, at int } // of the strings from next to i: what follows the shared bytes, in block
	count := int(i-r.next) + 1
	size, damaged := len(r.current), false
	for n := range parts[:count] {
		shared := uint64(0)
		if r.next%blockStrings != 0 {
			shared = r.length()
		}
		length := r.length()
		if shared > uint64(size) || length > uint64(len(r.block)-r.at) || shared+length > MaxPathLen {
			damaged = true
			break
		}
		parts[n].shared, parts[n].at = int(shared), r.at
		size = int(shared + length)
		r.at += int(length)
		r.next++
	}
	if damaged {
		r.started = false
		return nil, r.d.damaged(r.next / blockStrings)
	}
	r.shared = parts[count-1].shared
	r.current = slices.Grow(r.current, max(0, size-len(r.current)))[:size]
	for n := count - 1; n >= 0 && size > 0; n-- {
		if p := parts[n]; p.shared < size {
			copy(r.current[p.shared:size], r.block[p.at:])
			size = p.shared
		}
	}
	return r.current, nil
}

// find returns the number of the first string that is not less than s, or d.count, and whether it equals s.
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
	return r.end, false, nil
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
	h, k := binary.Uvarint(r.rest)
	if k <= 0 {
		return packageList{}, r.damaged()
	}
	r.rest = r.rest[k:]
	if h&1 == 0 {
		only := int64(r.last) + unzigzag(h>>1)
		if only < 0 || only >= int64(r.d.packageCount) {
			return packageList{}, r.damaged()
		}
		r.last = uint32(only)
		return packageList{only: r.last, isOne: true}, nil
	}
	n := h >> 1
	if n > uint64(len(r.rest)) {
		return packageList{}, r.damaged()
	}
	l := packageList{rest: r.rest[:n:n], d: r.d}
	r.rest = r.rest[n:]
	return l, nil
}

func (r *useReader) damaged() error {
	return fmt.Errorf("%w: block %d of section %s", ErrDamaged, r.block, r.d.sections.packages)
}

// skip skips the packages of n strings.
func (r *useReader) skip(n uint32) error {
	for ; n > 0; n-- {
		if _, err := r.next(); err != nil {
			return err
		}
	}
	return nil
}

// packagesOf returns the packages that use a string, whose number must be less than d.count.
func (d *dictionary) packagesOf(i uint32) (l packageList, err error) {
	r, err := d.useReader(i / blockStrings)
	if err == nil {
		err = r.skip(i % blockStrings)
	}
	if err != nil {
		return l, err
	}
	return r.next()
}

// packageList is a list of packages in ascending order.
type packageList struct {
	d     *dictionary
	isOne bool
	only  uint32
	rest  []byte
	after uint32 // the last package + 1
	err   error
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
	if count := uint64(l.d.packageCount); k <= 0 || n >= count || n+uint64(l.after) >= count {
		l.rest, l.err = nil, fmt.Errorf("%w: section %s", ErrDamaged, l.d.sections.packages)
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

// has reports whether a number is in the set. A nil set has none.
func (s bitSet) has(i uint32) bool { return s != nil && s[i/64]>>(i%64)&1 != 0 }

// addAll adds the numbers of another set of the same size.
func (s bitSet) addAll(other bitSet) {
	for i, word := range other {
		s[i] |= word
	}
}

// count returns how many numbers are in the set.
func (s bitSet) count() (n int) {
	for _, word := range s {
		n += bits.OnesCount64(word)
	}
	return n
}

// fill adds all numbers.
func (s bitSet) fill() {
	for i := range s {
		s[i] = 1<<64 - 1
	}
}
