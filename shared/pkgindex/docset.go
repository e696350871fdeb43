package pkgindex

import (
	"iter"

	"github.com/omg-arch/omg/shared/fold"
	"github.com/omg-arch/omg/shared/sectionfile"
)

// DocSet is a set of packages of one FileSet.
type DocSet struct {
	bits [][]uint64 // for each file, a bit for each doc
}

func (s *FileSet) newDocSet() *DocSet {
	d := &DocSet{make([][]uint64, len(s.files))}
	for i := range s.files {
		d.bits[i] = make([]uint64, (s.files[i].docCount+63)/64)
	}
	return d
}

// NamedDocs returns the packages of all sources that have exactly one of the given names.
func (s *FileSet) NamedDocs(names iter.Seq[string]) (*DocSet, error) {
	d := s.newDocSet()
	err := sectionfile.GuardFaults(func() error {
		for name := range names {
			folded := fold.String(name)
			for i := range s.files {
				f := &s.files[i]
				at, err := f.nameLowerBound(folded)
				if err == nil {
					err = f.eachDocNamed(at, folded, name, func(doc uint32, _ *sourceRange) { d.add(i, doc) })
				}
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	return d, err
}

// add adds a doc, which must be less than the number of docs in the file.
func (d *DocSet) add(file int, doc uint32) { d.bits[file][doc/64] |= 1 << (doc % 64) }

// remove removes a doc.
func (d *DocSet) remove(file int, doc uint32) { d.bits[file][doc/64] &^= 1 << (doc % 64) }

// has reports whether the set has a doc. A doc that the file does not have is not in the set.
func (d *DocSet) has(file int, doc uint32) bool {
	return int(doc/64) < len(d.bits[file]) && d.bits[file][doc/64]&(1<<(doc%64)) != 0
}
