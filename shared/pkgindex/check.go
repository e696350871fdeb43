package pkgindex

import (
	"encoding/binary"
	"fmt"
	"iter"

	"github.com/omg-arch/omg/shared/sectionfile"
	"github.com/omg-arch/omg/shared/wire"
)

// Check finds damage anywhere in the file: it checks the checksum of every section, every record and text, and the
// bounds of every list and value. It allocates memory for one record and one list at a time. The error wraps ErrDamaged
// and describes the first fault. To find also a file that was built wrong, use Verify.
func (f *File) Check() error {
	if err := f.VerifyChecksums(); err != nil {
		return err
	}
	return sectionfile.GuardFaults(func() error {
		for doc := range f.docCount {
			if _, err := f.docText(doc); err != nil {
				return err
			}
			summary, details, err := f.record(doc, true)
			if err != nil {
				return err
			}
			if _, err := DecodePackage(summary, details); err != nil {
				return fmt.Errorf("record %d: %w", doc, err)
			}
			if d := f.docByNamePosition(int(doc)); d >= f.docCount {
				return damagedDocError(d)
			}
		}
		return f.checkPostingLists()
	})
}

// VerifyChecksums verifies the checksum of every section, which is about as fast as reading the file from memory. It detects
// damage, but not a file that was built wrong. The error wraps ErrDamaged.
func (f *File) VerifyChecksums() error { return f.file.VerifyChecksums() }

func (f *File) checkPostingLists() error {
	var docs []uint32
	var err error
	left := uint64(len(f.postingSection))
	check := func(where, count []byte) error {
		p, err := f.postingListAt(binary.LittleEndian.Uint32(where), binary.LittleEndian.Uint32(count))
		if err != nil {
			return err
		}
		// If lists could overlap, the time to read them all could grow with the square of the file's size.
		n := p.minEncodedSize()
		if n > left {
			return fmt.Errorf("%w: the lists together are longer than section %s", ErrDamaged, postingsSection)
		}
		left -= n
		docs, err = p.appendDocs(docs[:0])
		return err
	}
	last := uint32(0)
	for b := f.gramSection; len(b) >= gramEntrySize; b = b[gramEntrySize:] {
		if key := binary.LittleEndian.Uint32(b); key <= last {
			return fmt.Errorf("%w: section %s is not sorted", ErrDamaged, gramsSection)
		} else {
			last = key
		}
		if err = check(b[4:], b[8:]); err != nil {
			return err
		}
	}
	last = 0
	for b := f.termSection; len(b) >= termEntrySize; b = b[termEntrySize:] {
		if hash := binary.LittleEndian.Uint32(b); hash < last {
			return fmt.Errorf("%w: section %s is not sorted", ErrDamaged, termsSection)
		} else {
			last = hash
		}
		if _, _, err = f.valueAt(binary.LittleEndian.Uint32(b[4:])); err != nil {
			return err
		}
		if err = check(b[8:], b[12:]); err != nil {
			return err
		}
	}
	return nil
}

// Packages yields every package, decoded, in the order of docs. It stops after an error.
func (f *File) Packages() iter.Seq2[wire.Package, error] {
	return func(yield func(wire.Package, error) bool) {
		for doc := range f.docCount {
			var p wire.Package
			err := sectionfile.GuardFaults(func() error {
				summary, details, err := f.record(doc, true)
				if err != nil {
					return err
				}
				p, err = DecodePackage(summary, details)
				return err
			})
			if !yield(p, err) || err != nil {
				return
			}
		}
	}
}
