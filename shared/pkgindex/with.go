package pkgindex

import "slices"

// WithAUR returns a copy of the set with another AUR: the AUR of the index f replaces that of the set. The
// caller must still close the files of the set and f.
func (s *FileSet) WithAUR(f *File) *FileSet {
	next := &FileSet{hasRepoNamedAUR: s.hasRepoNamedAUR, files: append(slices.Clone(s.files), fileInSet{File: f})}
	for _, p := range s.sources {
		if p.kind != KindAUR {
			next.sources = append(next.sources, p)
		}
	}
	for _, src := range f.indexInfo.Sources {
		if src.Kind == KindAUR {
			next.sources = append(next.sources, sourceRange{
				fileIndex: len(s.files), name: src.Name, kind: src.Kind, firstDoc: src.FirstDoc, endDoc: src.FirstDoc + src.PackageCount,
				aurNameTaken: s.hasRepoNamedAUR,
			})
		}
	}
	for i := range next.files {
		next.files[i].sources = nil
	}
	for i := range next.sources {
		p := &next.sources[i]
		p.rank = uint16(i)
		file := &next.files[p.fileIndex]
		file.sources = append(file.sources, p)
	}
	for i := range next.files {
		slices.SortFunc(next.files[i].sources, func(a, b *sourceRange) int { return int(a.firstDoc) - int(b.firstDoc) })
	}
	return next
}
