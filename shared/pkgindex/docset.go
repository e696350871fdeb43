package pkgindex

// docSet is a set of packages of a FileSet. Its element for each file has a bit for each doc.
type docSet [][]uint64

func (s *FileSet) newDocSet() docSet {
	d := make(docSet, len(s.files))
	for i := range s.files {
		d[i] = make([]uint64, (s.files[i].docCount+63)/64)
	}
	return d
}

// add adds a doc, which must be less than the number of docs in the file.
func (d docSet) add(file int, doc uint32) { d[file][doc/64] |= 1 << (doc % 64) }

// remove removes a doc.
func (d docSet) remove(file int, doc uint32) { d[file][doc/64] &^= 1 << (doc % 64) }

// has reports whether the set has a doc. A doc that the file does not have is not in the set.
func (d docSet) has(file int, doc uint32) bool {
	return int(doc/64) < len(d[file]) && d[file][doc/64]&(1<<(doc%64)) != 0
}
