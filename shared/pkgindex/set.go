package pkgindex

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/omg-arch/omg/shared/fold"
	"github.com/omg-arch/omg/shared/sectionfile"
	"github.com/omg-arch/omg/shared/wire"
)

// FileSetOptions selects the sources that a FileSet shows, and their order.
type FileSetOptions struct {
	// Repos lists the repositories to show, in order. If it is nil, the set shows all repositories in the order of the
	// files. The AUR always comes last.
	Repos []string
	// UnsearchedRepos lists the repositories whose Usage in pacman.conf lacks Search. Their packages are found by name, but
	// not by a search.
	UnsearchedRepos []string
	// HasRepoNamedAUR means that a repository is called aur, like the AUR. In requests, the name aur then means this
	// repository, even if the set does not show the repository.
	HasRepoNamedAUR bool
}

// FileSet combines one or more indexes. The caller must close their files.
type FileSet struct {
	files           []fileInSet
	sources         []sourceRange // the sources that the set shows, in order; the rank of a source is its index here
	hasRepoNamedAUR bool
}

// fileInSet is an index file of a set, with the sources that the set shows.
type fileInSet struct {
	*File
	sources []*sourceRange // those sources of the file that the set shows, in the order of their docs
}

// sourceRange is a source that a set shows, and the range of the source's docs in one file of the set.
type sourceRange struct {
	fileIndex    int
	rank         uint16
	name         string
	kind         SourceKind
	firstDoc     uint32 // the first doc of the source
	endDoc       uint32 // the last doc of the source plus 1
	noSearch     bool
	aurNameTaken bool // the source is the AUR, but a repository is also called aur: see FileSetOptions.HasRepoNamedAUR
}

// isSourceNamed reports whether a name in a request means this source.
func (p *sourceRange) isSourceNamed(name string) bool { return p.name == name && !p.aurNameTaken }

// Hit identifies a package that a FileSet has found. It is small, because a server keeps all hits of a search until it has
// sent them.
type Hit struct {
	sourceRank uint16 // the rank of the source that contains the package
	doc        uint32
}

// fileOf returns the index file that contains a hit.
func (s *FileSet) fileOf(h Hit) *fileInSet { return &s.files[s.sources[h.sourceRank].fileIndex] }

// NewFileSet combines files. If two files have the same source, the set shows the source of the first file.
func NewFileSet(files []*File, v FileSetOptions) *FileSet {
	s := &FileSet{files: make([]fileInSet, len(files)), hasRepoNamedAUR: v.HasRepoNamedAUR}
	var found []sourceRange
	for i, f := range files {
		s.files[i].File = f
		for _, src := range f.indexInfo.Sources {
			known := slices.ContainsFunc(found, func(p sourceRange) bool { return p.name == src.Name && p.kind == src.Kind })
			if known || src.Kind == KindRepo && v.Repos != nil && !slices.Contains(v.Repos, src.Name) {
				continue
			}
			found = append(found, sourceRange{
				fileIndex: i, name: src.Name, kind: src.Kind,
				firstDoc: src.FirstDoc, endDoc: src.FirstDoc + src.PackageCount,
				noSearch:     src.Kind == KindRepo && slices.Contains(v.UnsearchedRepos, src.Name),
				aurNameTaken: src.Kind == KindAUR && v.HasRepoNamedAUR,
			})
		}
	}
	slices.SortStableFunc(found, func(a, b sourceRange) int {
		return cmp.Or(
			compareBool(a.kind == KindAUR, b.kind == KindAUR),
			cmp.Compare(slices.Index(v.Repos, a.name), slices.Index(v.Repos, b.name)),
		)
	})
	s.sources = found
	for i := range s.sources {
		p := &s.sources[i]
		p.rank = uint16(i)
		f := &s.files[p.fileIndex]
		f.sources = append(f.sources, p)
	}
	for i := range s.files {
		f := &s.files[i]
		slices.SortFunc(f.sources, func(a, b *sourceRange) int { return cmp.Compare(a.firstDoc, b.firstDoc) })
	}
	return s
}

// eachDocNamed calls the function visit for each package with exactly the given name. folded is the case-folded name.
// position is the first position in the file's sorted names whose name is not less than folded.
func (f *fileInSet) eachDocNamed(position int, folded, name string, visit func(doc uint32, p *sourceRange)) error {
	for ; position < int(f.docCount); position++ {
		doc := f.docByNamePosition(position)
		t, err := f.docText(doc)
		if err != nil {
			return err
		}
		if string(t.name) != folded {
			return nil
		}
		p := f.sourceOf(doc)
		if p == nil {
			continue
		}
		summary, _, err := f.record(doc, false)
		if err != nil {
			return err
		}
		if real, ok := nthSummaryString(summary.Bytes, 1); ok && string(real) == name {
			visit(doc, p)
		}
	}
	return nil
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}

// sourceOf returns the source of a doc, or nil if the set does not show that source.
func (f *fileInSet) sourceOf(doc uint32) *sourceRange {
	for _, p := range f.sources {
		if doc < p.endDoc {
			if doc >= p.firstDoc {
				return p
			}
			return nil
		}
	}
	return nil
}

// SourceNames returns the names of all sources of the set, in order. The AUR is the last.
func (s *FileSet) SourceNames() []string {
	names := make([]string, len(s.sources))
	for i, p := range s.sources {
		names[i] = p.name
	}
	return names
}

// PackageCount returns the number of packages in all sources of the set.
func (s *FileSet) PackageCount() int {
	n := 0
	for _, p := range s.sources {
		n += int(p.endDoc - p.firstDoc)
	}
	return n
}

// RepoPackageCount returns the number of packages in all repositories of the set. It does not count packages of the AUR.
func (s *FileSet) RepoPackageCount() int {
	n := 0
	for _, p := range s.sources {
		if p.kind == KindRepo {
			n += int(p.endDoc - p.firstDoc)
		}
	}
	return n
}

// PackageCountIn returns the number of packages in one repository, and reports whether the set has that repository.
func (s *FileSet) PackageCountIn(repo string) (int, bool) {
	for _, p := range s.sources {
		if p.name == repo && p.kind == KindRepo {
			return int(p.endDoc - p.firstDoc), true
		}
	}
	return 0, false
}

// HitsOfRepo returns all packages of one repository, in no particular order.
func (s *FileSet) HitsOfRepo(repo string) (hits []Hit) {
	for _, p := range s.sources {
		if p.name == repo && p.kind == KindRepo {
			for doc := p.firstDoc; doc < p.endDoc; doc++ {
				hits = append(hits, Hit{p.rank, doc})
			}
		}
	}
	return hits
}

// ReadRecord calls the function visit with the summary and the details of a package. The records are parts of the mapped file:
// visit must copy the bytes that it needs later. If withDetails is false, the details are empty.
func (s *FileSet) ReadRecord(h Hit, withDetails bool, visit func(summary, details Record)) error {
	return sectionfile.GuardFaults(func() error {
		summary, details, err := s.fileOf(h).record(h.doc, withDetails)
		if err == nil {
			visit(summary, details)
		}
		return err
	})
}

// ReadRecords calls the function visit for each hit, with the same records as ReadRecord, until visit returns false.
func (s *FileSet) ReadRecords(hits []Hit, withDetails bool, visit func(h Hit, summary, details Record) bool) error {
	return sectionfile.GuardFaults(func() error {
		for _, h := range hits {
			summary, details, err := s.fileOf(h).record(h.doc, withDetails)
			if err != nil {
				return err
			}
			if !visit(h, summary, details) {
				return nil
			}
		}
		return nil
	})
}

// Name returns the name of a package, from its summary r.
func (r Record) Name() string {
	name, _ := nthSummaryString(r.Bytes, 1)
	return string(name)
}

// Version returns the version of a package, from its summary r.
func (r Record) Version() string {
	version, _ := nthSummaryString(r.Bytes, 2)
	return string(version)
}

// ReadPackage reads and decodes the package of a hit.
func (s *FileSet) ReadPackage(h Hit) (p wire.Package, err error) {
	err = sectionfile.GuardFaults(func() error {
		summary, details, err := s.fileOf(h).record(h.doc, true)
		if err != nil {
			return err
		}
		p, err = DecodePackage(summary, details)
		return err
	})
	return p, err
}

// SourceKindOf returns the kind of a hit's source: a repository or the AUR.
func (s *FileSet) SourceKindOf(h Hit) SourceKind { return s.sources[h.sourceRank].kind }

// RepoOf returns the name of a hit's source: of the repository, or of the AUR.
func (s *FileSet) RepoOf(h Hit) string { return s.sources[h.sourceRank].name }

// Lookup returns the packages with exactly the given name, in the order of the repositories. If repo is not empty,
// Lookup searches only the source that is called repo.
func (s *FileSet) Lookup(repo, name string) (hits []Hit, err error) {
	return s.lookup(name, func(p *sourceRange) bool { return repo == "" || p.isSourceNamed(repo) })
}

// LookupAUR returns the AUR's package with exactly the given name, or no hits if the AUR has no such package.
func (s *FileSet) LookupAUR(name string) (hits []Hit, err error) {
	return s.lookup(name, func(p *sourceRange) bool { return p.kind == KindAUR })
}

func (s *FileSet) lookup(name string, includes func(*sourceRange) bool) (hits []Hit, err error) {
	err = sectionfile.GuardFaults(func() error {
		hits, err = s.lookupUnguarded(name, includes)
		return err
	})
	return hits, err
}

func (s *FileSet) lookupUnguarded(name string, includes func(*sourceRange) bool) (hits []Hit, err error) {
	folded := fold.String(name)
	for i := range s.files {
		f := &s.files[i]
		if !slices.ContainsFunc(f.sources, includes) {
			continue
		}
		at, err := f.nameLowerBound(folded)
		if err == nil {
			err = f.eachDocNamed(at, folded, name, func(doc uint32, p *sourceRange) {
				if includes(p) {
					hits = append(hits, Hit{p.rank, doc})
				}
			})
		}
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(hits, func(a, b Hit) int { return cmp.Compare(a.sourceRank, b.sourceRank) })
	return hits, nil
}

// HasRepoPackage reports whether any repository has a package with exactly the given name. It ignores the AUR, and does not
// read files that contain only the AUR.
func (s *FileSet) HasRepoPackage(name string) (found bool, err error) {
	folded := fold.String(name)
	err = sectionfile.GuardFaults(func() error {
		for i := range s.files {
			f := &s.files[i]
			if !slices.ContainsFunc(f.sources, func(p *sourceRange) bool { return p.kind == KindRepo }) {
				continue
			}
			at, err := f.nameLowerBound(folded)
			if err == nil {
				err = f.eachDocNamed(at, folded, name, func(_ uint32, p *sourceRange) { found = found || p.kind == KindRepo })
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return found, err
}

// Prominence returns the prominence of the package with exactly the given name in a repository, and whether there is such a package. A
// larger number means that more people use it.
func (s *FileSet) Prominence(repo, name string) (prominence uint8, found bool, err error) {
	err = sectionfile.GuardFaults(func() error {
		hits, err := s.lookupUnguarded(name, func(p *sourceRange) bool { return p.isSourceNamed(repo) })
		if found = len(hits) > 0; found {
			prominence = s.fileOf(hits[0]).rank(hits[0].doc).prominence
		}
		return err
	})
	return prominence, found, err
}

// NamesWithPrefix returns the package names that begin with prefix, ignoring case, in alphabetical order and without duplicates.
// It returns at most limit names.
func (s *FileSet) NamesWithPrefix(prefix string, limit int) (names []string, err error) {
	folded := []byte(fold.String(prefix))
	err = sectionfile.GuardFaults(func() error {
		for i := range s.files {
			f := &s.files[i]
			at, err := f.nameLowerBound(string(folded))
			if err != nil {
				return err
			}
			for n := 0; at < int(f.docCount) && n < limit; at++ {
				doc := f.docByNamePosition(at)
				t, err := f.docText(doc)
				if err != nil {
					return err
				}
				if !bytes.HasPrefix(t.name, folded) {
					break
				}
				if f.sourceOf(doc) == nil || len(names) > 0 && names[len(names)-1] == string(t.name) {
					continue
				}
				names = append(names, string(t.name))
				n++
			}
		}
		return nil
	})
	slices.Sort(names)
	names = slices.Compact(names)
	return names[:min(len(names), limit)], err
}

// Relation is a relation between a package and a value, such as "the package depends on the value": see LookupByRelation.
type Relation byte

// The relations that LookupByRelation supports.
const (
	RelationProvides     Relation = termProvides
	RelationGroups       Relation = termGroup
	RelationDepends      Relation = termDepends
	RelationOptDepends   Relation = termOptDepends
	RelationMakeDepends  Relation = termMakeDepends
	RelationCheckDepends Relation = termCheckDepends
	RelationReplaces     Relation = termReplaces
	RelationMaintainer   Relation = termMaintainer
	RelationKeyword      Relation = termKeyword
)

// LookupByRelation returns the packages that have the given relation to a value, in the order of the repositories. It
// ignores case. For Provides, it returns the packages that provide the name; for Groups, the packages in the group; for
// Depends, the packages that depend on any version of the name.
func (s *FileSet) LookupByRelation(rel Relation, value string) (hits []Hit, err error) {
	folded := fold.String(value)
	err = sectionfile.GuardFaults(func() error {
		for i := range s.files {
			f := &s.files[i]
			p, err := f.postingListOfTerm(byte(rel), folded)
			if err != nil {
				return err
			}
			docs, err := p.appendDocs(nil)
			if err != nil {
				return err
			}
			for _, doc := range docs {
				if p := f.sourceOf(doc); p != nil {
					hits = append(hits, Hit{p.rank, doc})
				}
			}
		}
		return nil
	})
	slices.SortFunc(hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(a.sourceRank, b.sourceRank), cmp.Compare(a.doc, b.doc))
	})
	return hits, err
}

// ErrQuery means that a query is invalid.
var ErrQuery = errors.New("invalid query")

// queryError describes why a query is invalid. errors.Is(err, ErrQuery) is true for a queryError.
type queryError struct{ error }

func (queryError) Is(target error) bool { return target == ErrQuery }
func (e queryError) Unwrap() error      { return e.error }

func queryErrorf(format string, args ...any) error { return queryError{fmt.Errorf(format, args...)} }
