package pkgindex

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/wire"
)

// SetOptions selects which packages a Set shows, and how it sorts them.
type SetOptions struct {
	// Repos lists the repositories to show, in order. If it is nil, the set shows all repositories in the order of the
	// files. The AUR always comes last.
	Repos []string
	// NoSearch lists the repositories in which packages are found by name, but not by a search: those whose Usage in
	// pacman.conf lacks Search.
	NoSearch []string
	// Installed lists the names of installed packages, which a search sorts first among equally good matches.
	Installed []string
	// AURTaken means that a repository has the same name as the AUR. The name then means this repository, even if the
	// set does not show it.
	AURTaken bool
}

// Set combines one or more indexes. The caller must close their files.
type Set struct {
	files    []setFile
	parts    []sourceRange // by rank
	aurTaken bool
}

// setFile is a file of a set, with what the set knows about the file's docs.
type setFile struct {
	*File
	parts     []*sourceRange // the sources that the set shows, in the order of their docs
	installed bitset         // the docs of installed packages
}

// sourceRange is one source of a file that a set shows.
type sourceRange struct {
	file     int
	rank     uint16
	name     string
	kind     Kind
	first    uint32
	end      uint32
	noSearch bool
	unnamed  bool // the name means another source, see SetOptions.AURTaken
}

// called reports whether a user who types this name means this source.
func (p *sourceRange) called(name string) bool { return p.name == name && !p.unnamed }

// Hit is a package that a Set found. It is small, because a server keeps all hits of a search until they are sent.
type Hit struct {
	rank uint16 // the rank of the source that contains the package
	doc  uint32
}

// fileOf returns the file that contains the package of a hit.
func (s *Set) fileOf(h Hit) *setFile { return &s.files[s.parts[h.rank].file] }

// NewSet combines files. If two files have the same source, the set shows the source of the first file.
func NewSet(files []*File, v SetOptions) (*Set, error) {
	s := &Set{files: make([]setFile, len(files)), aurTaken: v.AURTaken}
	var found []sourceRange
	for i, f := range files {
		s.files[i].File = f
		for _, src := range f.facts.Sources {
			known := slices.ContainsFunc(found, func(p sourceRange) bool { return p.name == src.Name && p.kind == src.Kind })
			if known || src.Kind == KindRepo && v.Repos != nil && !slices.Contains(v.Repos, src.Name) {
				continue
			}
			found = append(found, sourceRange{
				file: i, name: src.Name, kind: src.Kind,
				first: src.First, end: src.First + src.Packages,
				noSearch: src.Kind == KindRepo && slices.Contains(v.NoSearch, src.Name),
				unnamed:  src.Kind == KindAUR && v.AURTaken,
			})
		}
	}
	slices.SortStableFunc(found, func(a, b sourceRange) int {
		return cmp.Or(
			compareBool(a.kind == KindAUR, b.kind == KindAUR),
			cmp.Compare(slices.Index(v.Repos, a.name), slices.Index(v.Repos, b.name)),
		)
	})
	s.parts = found
	for i := range s.parts {
		p := &s.parts[i]
		p.rank = uint16(i)
		f := &s.files[p.file]
		f.parts = append(f.parts, p)
	}
	for i := range s.files {
		f := &s.files[i]
		slices.SortFunc(f.parts, func(a, b *sourceRange) int { return cmp.Compare(a.first, b.first) })
		f.installed = make(bitset, (f.docs+63)/64)
	}
	return s, guard(func() error { return s.markInstalled(v.Installed) })
}

// markInstalled marks the packages with the given names in each file. It sorts names and walks through them and the
// file's names together: a binary search in several files for each name would take as long as starting a process.
func (s *Set) markInstalled(names []string) error {
	type installed struct{ folded, name string }
	sorted := make([]installed, len(names))
	for i, name := range names {
		sorted[i] = installed{Fold(name), name}
	}
	slices.SortFunc(sorted, func(a, b installed) int { return strings.Compare(a.folded, b.folded) })
	for i := range s.files {
		f, at := &s.files[i], 0
		for _, p := range sorted {
			var err error
			if at, err = f.lowerBoundAfter(at, p.folded); err == nil {
				err = f.named(at, p.folded, p.name, func(doc uint32, _ *sourceRange) { f.installed.set(doc) })
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// named calls the function each for the docs with exactly this name. folded is the folded name, and at is the first
// position in the order of names whose name is not less than folded.
func (f *setFile) named(at int, folded, name string, each func(doc uint32, p *sourceRange)) error {
	for ; at < int(f.docs); at++ {
		doc := f.nameDoc(at)
		t, err := f.docText(doc)
		if err != nil {
			return err
		}
		if string(t.name) != folded {
			return nil
		}
		p := f.partOf(doc)
		if p == nil {
			continue
		}
		summary, _, err := f.record(doc, false)
		if err != nil {
			return err
		}
		if real, ok := stringAt(summary.Bytes, 1); ok && string(real) == name {
			each(doc, p)
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

// bitset is a set of docs.
type bitset []uint64

func (b bitset) set(doc uint32)      { b[doc/64] |= 1 << (doc % 64) }
func (b bitset) has(doc uint32) bool { return b[doc/64]&(1<<(doc%64)) != 0 }

// partOf returns the source of a doc, or nil if the set does not show the source.
func (f *setFile) partOf(doc uint32) *sourceRange {
	for _, p := range f.parts {
		if doc < p.end {
			if doc >= p.first {
				return p
			}
			return nil
		}
	}
	return nil
}

// Repos returns the names of the set's sources in order.
func (s *Set) Repos() []string {
	names := make([]string, len(s.parts))
	for i, p := range s.parts {
		names[i] = p.name
	}
	return names
}

// Packages returns the number of packages that the set shows.
func (s *Set) Packages() int {
	n := 0
	for _, p := range s.parts {
		n += int(p.end - p.first)
	}
	return n
}

// RepoPackages returns the number of packages that the set shows of all repositories, without the AUR.
func (s *Set) RepoPackages() int {
	n := 0
	for _, p := range s.parts {
		if p.kind == KindRepo {
			n += int(p.end - p.first)
		}
	}
	return n
}

// PackagesOf returns the number of packages of one repository, and whether the set has the repository.
func (s *Set) PackagesOf(repo string) (int, bool) {
	for _, p := range s.parts {
		if p.name == repo && p.kind == KindRepo {
			return int(p.end - p.first), true
		}
	}
	return 0, false
}

// Read calls the function f with the summary and the details of a package. The records are parts of the mapped file, so f
// must copy what it keeps. If withDetails is false, the details are empty.
func (s *Set) Read(h Hit, withDetails bool, f func(summary, details Record)) error {
	return guard(func() error {
		summary, details, err := s.fileOf(h).record(h.doc, withDetails)
		if err == nil {
			f(summary, details)
		}
		return err
	})
}

// ReadAll calls the function f for each hit, with the records that Read would pass, until f returns false.
func (s *Set) ReadAll(hits []Hit, withDetails bool, f func(h Hit, summary, details Record) bool) error {
	return guard(func() error {
		for _, h := range hits {
			summary, details, err := s.fileOf(h).record(h.doc, withDetails)
			if err != nil {
				return err
			}
			if !f(h, summary, details) {
				return nil
			}
		}
		return nil
	})
}

// Name returns the name in a summary.
func (r Record) Name() string {
	name, _ := stringAt(r.Bytes, 1)
	return string(name)
}

// Version returns the version in a summary.
func (r Record) Version() string {
	version, _ := stringAt(r.Bytes, 2)
	return string(version)
}

// Package returns the decoded package of a hit.
func (s *Set) Package(h Hit) (p wire.Package, err error) {
	err = guard(func() error {
		summary, details, err := s.fileOf(h).record(h.doc, true)
		if err != nil {
			return err
		}
		p, err = Decode(summary, details)
		return err
	})
	return p, err
}

// Kind returns the kind of a package's source: a repository or the AUR.
func (s *Set) Kind(h Hit) Kind { return s.parts[h.rank].kind }

// Repo returns the name of the repository of a package, or the AUR's name.
func (s *Set) Repo(h Hit) string { return s.parts[h.rank].name }

// Lookup returns the packages with exactly this name, in the order of the repositories. If repo is not empty, Lookup
// returns only packages of the source with that name.
func (s *Set) Lookup(repo, name string) (hits []Hit, err error) {
	return s.lookup(name, func(p *sourceRange) bool { return repo == "" || p.called(repo) })
}

// LookupAUR returns the AUR's package with exactly this name, or no hits if the AUR has no such package.
func (s *Set) LookupAUR(name string) (hits []Hit, err error) {
	return s.lookup(name, func(p *sourceRange) bool { return p.kind == KindAUR })
}

func (s *Set) lookup(name string, in func(*sourceRange) bool) (hits []Hit, err error) {
	err = guard(func() error {
		hits, err = s.lookupIn(name, in)
		return err
	})
	return hits, err
}

func (s *Set) lookupIn(name string, in func(*sourceRange) bool) (hits []Hit, err error) {
	folded := Fold(name)
	for i := range s.files {
		f := &s.files[i]
		if !slices.ContainsFunc(f.parts, in) {
			continue
		}
		at, err := f.lowerBound(folded)
		if err == nil {
			err = f.named(at, folded, name, func(doc uint32, p *sourceRange) {
				if in(p) {
					hits = append(hits, Hit{p.rank, doc})
				}
			})
		}
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(hits, func(a, b Hit) int { return cmp.Compare(a.rank, b.rank) })
	return hits, nil
}

// InRepos reports whether a repository has a package with exactly this name; the AUR is not a repository. InRepos does
// not read files that contain only the AUR.
func (s *Set) InRepos(name string) (found bool, err error) {
	folded := Fold(name)
	err = guard(func() error {
		for i := range s.files {
			f := &s.files[i]
			if !slices.ContainsFunc(f.parts, func(p *sourceRange) bool { return p.kind == KindRepo }) {
				continue
			}
			at, err := f.lowerBound(folded)
			if err == nil {
				err = f.named(at, folded, name, func(_ uint32, p *sourceRange) { found = found || p.kind == KindRepo })
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return found, err
}

// Names returns up to limit different names that begin with prefix, ignoring case, in alphabetical order.
func (s *Set) Names(prefix string, limit int) (names []string, err error) {
	folded := []byte(Fold(prefix))
	err = guard(func() error {
		for i := range s.files {
			f := &s.files[i]
			at, err := f.lowerBound(string(folded))
			if err != nil {
				return err
			}
			for n := 0; at < int(f.docs) && n < limit; at++ {
				doc := f.nameDoc(at)
				t, err := f.docText(doc)
				if err != nil {
					return err
				}
				if !bytes.HasPrefix(t.name, folded) {
					break
				}
				if f.partOf(doc) == nil || len(names) > 0 && names[len(names)-1] == string(t.name) {
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

// Relation is a kind of value that WithRelation searches.
type Relation byte

// The relations that WithRelation supports.
const (
	Provides     Relation = termProvides
	Groups       Relation = termGroup
	Depends      Relation = termDepends
	OptDepends   Relation = termOptDepends
	MakeDepends  Relation = termMakeDepends
	CheckDepends Relation = termCheckDepends
	Replaces     Relation = termReplaces
	Maintainer   Relation = termMaintainer
	Keyword      Relation = termKeyword
)

// WithRelation returns the packages with exactly this value, ignoring case, in the given relation, in the order of the
// repositories. For Provides, these are the packages that provide the name; for Groups, the packages in the group; for
// Depends, the packages that depend on the name, in any version.
func (s *Set) WithRelation(rel Relation, value string) (hits []Hit, err error) {
	folded := Fold(value)
	err = guard(func() error {
		for i := range s.files {
			f := &s.files[i]
			p, err := f.term(byte(rel), folded)
			if err != nil {
				return err
			}
			docs, err := p.appendDocs(nil)
			if err != nil {
				return err
			}
			for _, doc := range docs {
				if p := f.partOf(doc); p != nil {
					hits = append(hits, Hit{p.rank, doc})
				}
			}
		}
		return nil
	})
	slices.SortFunc(hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.doc, b.doc))
	})
	return hits, err
}

// ErrQuery means that a query is invalid.
var ErrQuery = errors.New("invalid query")

// queryError describes why a query is invalid. errors.Is reports that it is ErrQuery.
type queryError struct{ error }

func (queryError) Is(target error) bool { return target == ErrQuery }
func (e queryError) Unwrap() error      { return e.error }

func invalidQuery(format string, args ...any) error { return queryError{fmt.Errorf(format, args...)} }
