package filesindex

import (
	"errors"
	"math/bits"
	"strings"

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
// other. Find calls the function pause regularly, unless it is nil: an error of this function ends the search.
func (f *File) Find(q *Query, pause func() error, yield func(Match) bool) error {
	s := search{pause: pause, f: f, q: q, yield: yield}
	err := s.guard(s.run)
	if s.stopped {
		return nil
	}
	return err
}

// search is a running Find.
type search struct {
	pause   func() error // may be nil
	f       *File
	q       *Query
	yield   func(Match) bool
	stopped bool

	match   Match
	size    int  // bytes in match
	yielded bool // a part of the package was yielded
	steps   int

	comparisons int // with the expression
}

// guard calls a function that reads the mapped file.
func (s *search) guard(f func() error) error { return sectionfile.GuardFaults(f) }

// stepsPerPause is how many steps are taken between two calls of pause. A step takes less than a microsecond for paths of
// usual lengths.
const stepsPerPause = 4096

func (s *search) step() error {
	if s.steps++; s.steps%stepsPerPause == 0 {
		return s.callPause()
	}
	return nil
}

// comparisonsPerPause is how many texts are compared with an expression between two calls of pause. The comparison of a path with a
// large expression can take milliseconds.
const comparisonsPerPause = 16

// matchesExpr reports whether a text matches the expression of the query.
func (s *search) matchesExpr(text []byte) (bool, error) {
	if s.comparisons++; s.comparisons%comparisonsPerPause == 0 {
		if err := s.callPause(); err != nil {
			return false, err
		}
	}
	return s.q.expr.Match(text), nil
}

func (s *search) callPause() error {
	if s.pause == nil {
		return nil
	}
	return s.pause()
}

func (s *search) run() error {
	if err := s.callPause(); err != nil {
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
	return s.callPause()
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
	if isSelf {
		s.f.advise(s.f.lists, len(dirPackages.rest))
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
	for r.nextRun() {
		if err := s.step(); err != nil {
			return false, err
		}
		if r.dir != dir || isSelf {
			if r.dir == dir && r.hasSelf {
				return true, nil
			}
			r.skipNames()
			continue
		}
		for r.nextName() {
			if r.name == name {
				return true, nil
			}
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
	s.f.advise(s.f.lists, len(packages.rest))
	s.f.advise(s.f.dirs.strings, len(packages.rest))
	text := s.f.pathStrings()
	for {
		pkg, ok := packages.next()
		if !ok {
			return packages.err
		}
		if err := s.addPaths(pkg, text, &selection{name: name}); err != nil {
			return err
		}
	}
}

// findNameExpr finds the paths whose name matches an expression.
func (s *search) findNameExpr() error {
	names, packages := newBitSet(s.f.names.count), newBitSet(s.f.info.PackageCount)
	literals, suffice := s.q.literals()
	scan := dictionaryScan{search: s, d: s.f.names, literals: literals, accepted: names, packages: packages}
	if !suffice {
		scan.accept = func(text, _ []byte) (bool, error) { return s.matchesExpr(text) }
	}
	if err := scan.run(); err != nil {
		return err
	}
	text := s.f.pathStrings()
	return s.eachIn(packages, func(pkg uint32) error { return s.addPaths(pkg, text, &selection{names: names}) })
}

// selection says which paths of a package are wanted.
type selection struct {
	wholePaths  bool   // directories and paths without a slash are wanted, too
	name        uint32 // the wanted name, if the following sets are nil
	dirs, names bitSet // the directories all of whose paths are wanted; the wanted names
	nameDirs    bitSet // if not nil, the directories in which the names are wanted
	// matches reports whether a path that the sets select is wanted; nil if all are.
	matches func(path []byte) (bool, error)
}

// addPaths adds the wanted paths of a package to the match, and ends the match.
func (s *search) addPaths(pkg uint32, text *pathStrings, want *selection) error {
	r, err := s.f.pathReader(pkg)
	if err != nil {
		return err
	}
	var path []byte
	add := func(isSelf bool) error {
		err := s.step()
		if err != nil {
			return err
		}
		if path, err = text.append(path[:0], r.dir, r.name, isSelf); err != nil {
			return err
		}
		if want.matches != nil {
			if ok, err := want.matches(path); !ok {
				return err
			}
		}
		return s.add(pkg, path)
	}
	for r.nextRun() {
		if err := s.step(); err != nil {
			return err
		}
		all := want.dirs.has(r.dir)
		if r.hasSelf && all {
			if err := add(true); err != nil {
				return err
			}
		}
		if !all && want.nameDirs != nil && !want.nameDirs.has(r.dir) || !want.wholePaths && s.f.isNoDir(r.dir) {
			r.skipNames()
			continue
		}
		next := r.nextName
		switch {
		case all:
		case want.names != nil:
			next = func() bool { return r.nextNameIn(want.names) }
		case want.dirs != nil:
			r.skipNames()
		default:
			next = func() bool { return r.nextNameEqual(want.name) }
		}
		for next() {
			if err := add(false); err != nil {
				return err
			}
		}
	}
	if err := r.err(pkg); err != nil {
		return err
	}
	return s.endPackage()
}

// eachIn calls f for the packages in a set.
func (s *search) eachIn(packages bitSet, f func(pkg uint32) error) error {
	n := packages.count()
	s.f.advise(s.f.lists, n)
	s.f.advise(s.f.dirs.strings, n)
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
