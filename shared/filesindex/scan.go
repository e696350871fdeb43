package filesindex

import (
	"bytes"
	"unicode/utf8"

	"github.com/omg-arch/omg/shared/fold"
)

// dictionaryScan finds the strings of a dictionary that contain literals.
type dictionaryScan struct {
	search   *search
	d        *dictionary
	literals [][]byte // case-folded
	// accept reports whether a string that contains all literals is wanted, from its text and its case-folded text; nil if
	// all are.
	accept func(text, folded []byte) (bool, error)

	accepted bitSet // the wanted strings are added to it
	packages bitSet // and the packages that use them to it

	reader foldedReader
	ends   []int // where the first match of each literal in the current string ends, or 0
}

// run reads the blocks that can have such strings: all blocks, if no literal has three bytes.
func (s *dictionaryScan) run() error {
	blocks, all, err := s.d.blocksWith(s.literals)
	if err != nil {
		return err
	}
	s.reader = foldedReader{stringReader: s.d.reader()}
	s.ends = make([]int, len(s.literals))
	pieces := len(blocks)
	if all {
		pieces = int(s.d.blockCount())
	}
	s.search.f.advise(s.d.strings, pieces)
	s.search.f.advise(s.d.packages, pieces)
	if all {
		for block := range s.d.blockCount() {
			if err := s.block(block); err != nil {
				return err
			}
		}
		return nil
	}
	for _, block := range blocks {
		if err := s.block(block); err != nil {
			return err
		}
	}
	return nil
}

func (s *dictionaryScan) block(block uint32) error {
	r := &s.reader
	if err := r.openBlock(block); err != nil {
		return err
	}
	if err := s.search.step(); err != nil {
		return err
	}
	clear(s.ends)
	var wanted uint64 // a bit for each string of the block
	for i := 0; r.next < r.end; i++ {
		if err := r.read(); err != nil {
			return err
		}
		if !s.hasLiterals() {
			continue
		}
		if s.accept != nil {
			if ok, err := s.accept(r.current, r.folded); err != nil {
				return err
			} else if !ok {
				continue
			}
		}
		wanted |= 1 << i
		s.accepted.add(r.next - 1)
	}
	if wanted == 0 || s.packages == nil {
		return nil
	}
	uses, err := s.d.useReader(block)
	if err != nil {
		return err
	}
	for ; wanted != 0; wanted >>= 1 {
		l, err := uses.next()
		if err != nil {
			return err
		}
		if wanted&1 != 0 {
			if err := l.addTo(s.packages); err != nil {
				return err
			}
		}
	}
	return nil
}

// hasLiterals reports whether the current string contains all literals. The matches within the bytes that the string
// shares with the one before it are known.
func (s *dictionaryScan) hasLiterals() bool {
	r, all := &s.reader, true
	for i, l := range s.literals {
		if s.ends[i] > 0 && s.ends[i] <= r.shared {
			continue
		}
		from := max(0, r.shared-len(l)+1)
		if at := bytes.Index(r.folded[from:], l); at >= 0 {
			s.ends[i] = from + at + len(l)
		} else {
			s.ends[i] = 0
			all = false
		}
	}
	return all
}

// foldedReader reads the strings of a dictionary together with their case-folded text.
type foldedReader struct {
	stringReader
	folded []byte // the current string, case-folded
	ascii  int    // the number of bytes at the start of the current string whose folding is as long
	shared int    // the number of bytes at the start of folded that are the same as for the string before
}

// openBlock goes to the first string of a block.
func (r *foldedReader) openBlock(block uint32) error {
	r.folded, r.ascii = r.folded[:0], 0
	return r.stringReader.openBlock(block)
}

// read reads the next string of the block, which must have one.
func (r *foldedReader) read() error {
	text, err := r.stringReader.read()
	if err != nil {
		return err
	}
	r.shared = min(r.stringReader.shared, r.ascii)
	r.folded = append(r.folded[:r.shared], text[r.shared:]...)
	r.ascii = r.shared
	for i, c := range r.folded[r.shared:] {
		if c >= utf8.RuneSelf || c == 0 {
			r.folded = fold.Append(r.folded[:r.shared+i], text[r.shared+i:])
			return nil
		}
		if 'A' <= c && c <= 'Z' {
			r.folded[r.shared+i] = c + 'a' - 'A'
		}
		r.ascii++
	}
	return nil
}
