package filesindex

import (
	"bytes"
	"context"
	"errors"
	"math/bits"
	"strings"

	"github.com/omg-arch/omg/shared/fold"
	"github.com/omg-arch/omg/shared/sectionfile"
)

var errStopped = errors.New("stopped")

// Match is a package and its paths that match a query, in the order of the package's list.
type Match struct {
	Package int
	Paths   []string
	// Continued means that the match has further paths of the package of the match before it.
	Continued bool
}

// A match has at most maxBatch paths, and its last path begins before maxBatchSize bytes.
const (
	maxBatch     = 1024
	maxBatchSize = 256 << 10
)

// Find yields the packages with paths that match a query, in the order of the packages, until yield returns false. It
// holds the paths of one Match in memory at a time. If a package has very many matching paths, several matches follow each
// other.
func (f *File) Find(ctx context.Context, q *Query, yield func(Match) bool) error {
	s := search{ctx: ctx, f: f, q: q, yield: yield}
	err := s.guard(s.run)
	if s.stopped {
		return nil
	}
	return err
}

// search is a running Find.
type search struct {
	ctx     context.Context
	f       *File
	q       *Query
	yield   func(Match) bool
	stopped bool

	match   Match
	size    int  // bytes in match
	yielded bool // a part of the package was yielded
	steps   int
}

// guard calls a function that reads the mapped file.
func (s *search) guard(f func() error) error { return sectionfile.GuardFaults(f) }

// stepsPerCheck is how many steps are taken between two checks of the context. A step takes less than a microsecond for
// paths of usual lengths.
const stepsPerCheck = 4096

func (s *search) step() error {
	if s.steps++; s.steps%stepsPerCheck == 0 {
		return s.ctx.Err()
	}
	return nil
}

func (s *search) run() error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	switch {
	case s.q.expr == nil && s.q.wholePath:
		return s.findPath()
	case s.q.expr == nil:
		return s.findName()
	case s.q.wholePath:
		return s.findPathExpr()
	}
	return s.findNameExpr()
}

// add adds a path to the match of a package.
func (s *search) add(pkg uint32, path []byte) error {
	s.match.Package = int(pkg)
	s.match.Paths = append(s.match.Paths, string(path))
	if s.size += len(path); len(s.match.Paths) == maxBatch || s.size >= maxBatchSize {
		return s.flush()
	}
	return nil
}

// flush yields the match, if it has paths.
func (s *search) flush() error {
	if len(s.match.Paths) == 0 {
		return nil
	}
	m := s.match
	m.Continued = s.yielded
	s.match, s.size, s.yielded = Match{}, 0, true
	if !s.yield(m) {
		s.stopped = true
		return errStopped
	}
	return s.ctx.Err()
}

// endPackage ends the match of a package.
func (s *search) endPackage() error {
	err := s.flush()
	s.yielded = false
	return err
}

// findPath finds a whole path.
func (s *search) findPath() error {
	target := s.q.target
	slash := strings.LastIndexByte(target, '/') + 1
	dir, ok, err := s.f.dirs.find([]byte(target[:slash]))
	if err != nil || !ok {
		return err
	}
	dirPackages, err := s.f.dirs.packagesOf(dir)
	if err != nil {
		return err
	}
	isSelf := slash == len(target)
	name, namePackages := uint32(0), packageList{}
	if !isSelf {
		if name, ok, err = s.f.names.find([]byte(target[slash:])); err != nil || !ok {
			return err
		}
		if namePackages, err = s.f.names.packagesOf(name); err != nil {
			return err
		}
	}
	other, hasOther := uint32(0), !isSelf
	if hasOther {
		other, hasOther = namePackages.next()
	}
	for {
		pkg, ok := dirPackages.next()
		if !ok {
			return dirPackages.err
		}
		if err := s.step(); err != nil {
			return err
		}
		if !isSelf {
			for hasOther && other < pkg {
				other, hasOther = namePackages.next()
			}
			if !hasOther {
				return namePackages.err
			}
			if other != pkg {
				continue
			}
		}
		found, err := s.hasPath(pkg, dir, name, isSelf)
		if err != nil {
			return err
		}
		if found {
			if err := s.add(pkg, []byte(target)); err != nil {
				return err
			}
			if err := s.endPackage(); err != nil {
				return err
			}
		}
	}
}

// hasPath reports whether a package has a path.
func (s *search) hasPath(pkg, dir, name uint32, isSelf bool) (bool, error) {
	r, err := s.f.pathReader(pkg)
	if err != nil {
		return false, err
	}
	for r.next() {
		if r.dir == dir && r.isSelf == isSelf && (isSelf || r.name == name) {
			return true, nil
		}
		if err := s.step(); err != nil {
			return false, err
		}
	}
	return false, r.err(pkg)
}

// findName finds the paths with a name.
func (s *search) findName() error {
	name, ok, err := s.f.names.find([]byte(s.q.target))
	if err != nil || !ok {
		return err
	}
	packages, err := s.f.names.packagesOf(name)
	if err != nil {
		return err
	}
	text := s.f.pathStrings()
	for {
		pkg, ok := packages.next()
		if !ok {
			return packages.err
		}
		if err := s.addPaths(pkg, text, func(r *pathReader) bool { return !r.isSelf && r.name == name }, hasDir); err != nil {
			return err
		}
	}
}

// hasDir reports whether a path has a slash.
func hasDir(path []byte) bool { return bytes.IndexByte(path, '/') >= 0 }

// addPaths adds the paths of a package that two functions accept: the first by the numbers, the second by the text.
func (s *search) addPaths(pkg uint32, text *pathStrings, first func(*pathReader) bool, second func([]byte) bool) error {
	r, err := s.f.pathReader(pkg)
	if err != nil {
		return err
	}
	var path []byte
	for r.next() {
		if err := s.step(); err != nil {
			return err
		}
		if !first(&r) {
			continue
		}
		if path, err = text.append(path[:0], &r); err != nil {
			return err
		}
		if second(path) {
			if err := s.add(pkg, path); err != nil {
				return err
			}
		}
	}
	if err := r.err(pkg); err != nil {
		return err
	}
	return s.endPackage()
}

// matcher matches text with the expression of a query.
type matcher struct {
	q       *Query
	literal []byte
	folded  []byte
}

// hasLiteral reports whether a text contains the literal that every match contains.
func (m *matcher) hasLiteral(text []byte) bool {
	if len(m.literal) == 0 {
		return true
	}
	m.folded = fold.Append(m.folded[:0], text)
	return bytes.Contains(m.folded, m.literal)
}

func (m *matcher) matches(text []byte) bool { return m.q.expr.MatchString(string(text)) }

// findNameExpr finds the paths whose name matches an expression.
func (s *search) findNameExpr() error {
	m := matcher{q: s.q, literal: s.q.literal()}
	names, packages := newBitSet(s.f.names.count), newBitSet(s.f.info.PackageCount)
	err := s.eachString(s.f.names, m.literal, func(n uint32, text []byte) bool {
		if m.hasLiteral(text) && m.matches(text) {
			names.add(n)
			return true
		}
		return false
	}, packages)
	if err != nil {
		return err
	}
	text := s.f.pathStrings()
	return s.eachIn(packages, func(pkg uint32) error {
		return s.addPaths(pkg, text, func(r *pathReader) bool { return !r.isSelf && names.has(r.name) }, hasDir)
	})
}

// findPathExpr finds the whole paths that match an expression.
func (s *search) findPathExpr() error {
	m := matcher{q: s.q, literal: s.q.literal()}
	text := s.f.pathStrings()
	packages := newBitSet(s.f.info.PackageCount)
	if len(m.literal) == 0 {
		for i := range packages {
			packages[i] = 1<<64 - 1
		}
		return s.eachIn(packages, func(pkg uint32) error {
			return s.addPaths(pkg, text, func(*pathReader) bool { return true }, m.matches)
		})
	}
	// A path contains the literal in its directory, in its name, or across the slash between the two.
	dirs, heads, names := newBitSet(s.f.dirs.count), newBitSet(s.f.dirs.count), newBitSet(s.f.names.count)
	slash := bytes.LastIndexByte(m.literal, '/') + 1
	head, tail := m.literal[:slash], m.literal[slash:]
	err := s.eachString(s.f.dirs, m.literal, func(n uint32, text []byte) bool {
		if m.hasLiteral(text) {
			dirs.add(n)
			return true
		}
		return false
	}, packages)
	if err != nil {
		return err
	}
	if slash == 0 {
		err = s.eachString(s.f.names, m.literal, func(n uint32, text []byte) bool {
			if m.hasLiteral(text) {
				names.add(n)
				return true
			}
			return false
		}, packages)
	} else if len(tail) > 0 {
		withHead, withTail := newBitSet(s.f.info.PackageCount), newBitSet(s.f.info.PackageCount)
		var folded []byte
		err = s.eachString(s.f.dirs, head, func(n uint32, text []byte) bool {
			folded = fold.Append(folded[:0], text)
			if bytes.HasSuffix(folded, head) {
				heads.add(n)
				return true
			}
			return false
		}, withHead)
		if err == nil {
			err = s.eachString(s.f.names, tail, func(n uint32, text []byte) bool {
				folded = fold.Append(folded[:0], text)
				if bytes.HasPrefix(folded, tail) {
					names.add(n)
					return true
				}
				return false
			}, withTail)
		}
		for i := range packages {
			packages[i] |= withHead[i] & withTail[i]
		}
	}
	if err != nil {
		return err
	}
	return s.eachIn(packages, func(pkg uint32) error {
		return s.addPaths(pkg, text, func(r *pathReader) bool {
			if dirs.has(r.dir) {
				return true
			}
			return !r.isSelf && names.has(r.name) && (slash == 0 || heads.has(r.dir))
		}, m.matches)
	})
}

// eachString calls accept for the strings of a dictionary that can contain a case-folded literal, and adds the packages
// that use the accepted strings to a set.
func (s *search) eachString(d *dictionary, literal []byte, accept func(n uint32, text []byte) bool, packages bitSet) error {
	if len(literal) < 3 {
		for block := range d.blockCount() {
			if err := s.eachInBlock(d, block, accept, packages); err != nil {
				return err
			}
		}
		return nil
	}
	blocks, err := d.blocksWith(literal)
	if err != nil {
		return err
	}
	for _, block := range blocks {
		if err := s.eachInBlock(d, block, accept, packages); err != nil {
			return err
		}
	}
	return nil
}

func (s *search) eachInBlock(d *dictionary, block uint32, accept func(n uint32, text []byte) bool, packages bitSet) error {
	r := d.reader()
	if err := r.openBlock(block); err != nil {
		return err
	}
	var accepted uint64 // a bit for each string of the block
	for i := uint32(0); r.next < r.end; i++ {
		text, err := r.read()
		if err != nil {
			return err
		}
		if accept(r.next-1, text) {
			accepted |= 1 << i
		}
		if err := s.step(); err != nil {
			return err
		}
	}
	if accepted == 0 {
		return nil
	}
	uses, err := d.useReader(block)
	if err != nil {
		return err
	}
	for ; accepted != 0; accepted >>= 1 {
		l, err := uses.next()
		if err != nil {
			return err
		}
		if accepted&1 != 0 {
			if err := l.addTo(packages); err != nil {
				return err
			}
		}
	}
	return nil
}

// eachIn calls f for the packages in a set.
func (s *search) eachIn(packages bitSet, f func(pkg uint32) error) error {
	for i, word := range packages {
		for ; word != 0; word &= word - 1 {
			pkg := uint32(i*64 + bits.TrailingZeros64(word))
			if pkg >= s.f.info.PackageCount {
				return nil
			}
			if err := f(pkg); err != nil {
				return err
			}
		}
	}
	return nil
}
