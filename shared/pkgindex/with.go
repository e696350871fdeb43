package pkgindex

import "slices"

// WithAUR returns a copy of the set with another AUR: the AUR of the index f replaces that of the set. The function
// installed, which may be nil, reports whether a package is installed. Among equally good matches, a search returns
// installed packages first. The caller must still close the files of the set and f.
func (s *Set) WithAUR(f *File, installed func(name string) bool) (*Set, error) {
	next := &Set{aurTaken: s.aurTaken, files: append(slices.Clone(s.files), setFile{File: f, installed: make(bitset, (f.docs+63)/64)})}
	for _, p := range s.parts {
		if p.kind != KindAUR {
			next.parts = append(next.parts, p)
		}
	}
	for _, src := range f.facts.Sources {
		if src.Kind == KindAUR {
			next.parts = append(next.parts, sourceRange{
				file: len(s.files), name: src.Name, kind: src.Kind, first: src.First, end: src.First + src.Packages,
				unnamed: s.aurTaken,
			})
		}
	}
	for i := range next.files {
		next.files[i].parts = nil
	}
	for i := range next.parts {
		p := &next.parts[i]
		p.rank = uint16(i)
		file := &next.files[p.file]
		file.parts = append(file.parts, p)
	}
	for i := range next.files {
		slices.SortFunc(next.files[i].parts, func(a, b *sourceRange) int { return int(a.first) - int(b.first) })
	}
	if installed == nil {
		return next, nil
	}
	return next, guard(func() error {
		for doc := range f.docs {
			summary, err := f.Summary(doc)
			if err != nil {
				return err
			}
			if installed(summary.Name()) {
				next.files[len(s.files)].installed.set(doc)
			}
		}
		return nil
	})
}
