package filesindex

import (
	"bytes"
	"unicode"

	"github.com/omg-arch/omg/shared/fold"
)

// findPathExpr finds the whole paths that match an expression. It finds the directories and names from which a path with
// one literal of the expression can be made, and then compares the paths of the packages that have them.
func (s *search) findPathExpr() error {
	literals, suffice := s.q.literals()
	var folded []byte
	want := selection{wholePaths: true, matches: func(path []byte) (bool, error) {
		if len(literals) > 0 {
			folded = fold.Append(folded[:0], path)
			for _, l := range literals {
				if !bytes.Contains(folded, l) {
					return false, nil
				}
			}
		}
		if suffice {
			return true, nil
		}
		return s.matchesExpr(path)
	}}
	packages := newBitSet(s.f.info.PackageCount)
	literal, err := s.rarest(literals)
	switch {
	case err != nil:
		return err
	case literal == nil:
		want.dirs = newBitSet(s.f.dirs.count)
		want.dirs.fill()
		packages.fill()
	default:
		if err := s.selectWith(literal, &want, packages); err != nil {
			return err
		}
	}
	text := s.f.pathStrings()
	return s.eachIn(packages, func(pkg uint32) error { return s.addPaths(pkg, text, &want) })
}

// rarest returns the literal that the fewest blocks of the dictionaries can have, or nil if there is none.
func (s *search) rarest(literals [][]byte) (rarest []byte, err error) {
	least := 0
	for _, l := range literals {
		_, tail := splitLiteral(l)
		cost := 0
		for _, part := range []struct {
			d      *dictionary
			text   []byte
			weight int
		}{{s.f.dirs, l, 8}, {s.f.names, tail, 1}} { // a directory has more paths than a name
			if len(part.text) == 0 {
				continue
			}
			blocks, all, err := part.d.blocksWith([][]byte{part.text})
			if err != nil {
				return nil, err
			}
			n := len(blocks)
			if all {
				n = int(part.d.blockCount())
			}
			cost += part.weight * n
		}
		if rarest == nil || cost < least {
			rarest, least = l, cost
		}
	}
	return rarest, nil
}

// splitLiteral splits a literal after its last slash. Where a path contains the literal across its own last slash, the
// directory ends with the head and the name begins with the tail.
func splitLiteral(literal []byte) (head, tail []byte) {
	slash := bytes.LastIndexByte(literal, '/') + 1
	return literal[:slash], literal[slash:]
}

// selectWith selects the paths that can contain a case-folded literal: in the directory, in the name, or across the slash
// between the two. It adds the packages that can have them to a set.
func (s *search) selectWith(literal []byte, want *selection, packages bitSet) error {
	f := s.f
	want.dirs = newBitSet(f.dirs.count)
	inDir := dictionaryScan{search: s, d: f.dirs, literals: [][]byte{literal}, accepted: want.dirs, packages: packages}
	if err := inDir.run(); err != nil {
		return err
	}
	head, tail := splitLiteral(literal)
	if len(tail) == 0 {
		return nil
	}
	want.names = newBitSet(f.names.count)
	if len(head) == 0 {
		inName := dictionaryScan{search: s, d: f.names, literals: [][]byte{tail}, accepted: want.names, packages: packages}
		return inName.run()
	}
	withTail := newBitSet(f.info.PackageCount)
	if err := s.addNamesWithPrefix(tail, want.names, withTail); err != nil {
		return err
	}
	if len(head) < minLiteral { // too many directories end with it
		packages.addAll(withTail)
		return nil
	}
	want.nameDirs = newBitSet(f.dirs.count)
	withHead := newBitSet(f.info.PackageCount)
	endsWith := dictionaryScan{
		search: s, d: f.dirs, literals: [][]byte{head}, accepted: want.nameDirs, packages: withHead,
		accept: func(_, folded []byte) (bool, error) { return bytes.HasSuffix(folded, head), nil },
	}
	if err := endsWith.run(); err != nil {
		return err
	}
	for i := range packages {
		packages[i] |= withHead[i] & withTail[i]
	}
	return nil
}

// addNamesWithPrefix adds the names that begin with a case-folded text to a set, and the packages that use them to another.
func (s *search) addNamesWithPrefix(prefix []byte, names, packages bitSet) error {
	if len(prefix) >= minLiteral {
		scan := dictionaryScan{
			search: s, d: s.f.names, literals: [][]byte{prefix}, accepted: names, packages: packages,
			accept: func(_, folded []byte) (bool, error) { return bytes.HasPrefix(folded, prefix), nil },
		}
		return scan.run()
	}
	for _, p := range caseVariants(prefix) {
		if err := s.addRange(p, names, packages); err != nil {
			return err
		}
	}
	return nil
}

// caseVariants returns the texts that differ from a text only in case.
func caseVariants(text []byte) (all []string) {
	all = []string{""}
	for _, r := range string(text) {
		var next []string
		for _, begin := range all {
			next = append(next, begin+string(r))
			for v := unicode.SimpleFold(r); v != r; v = unicode.SimpleFold(v) {
				next = append(next, begin+string(v))
			}
		}
		all = next
	}
	return all
}

// addRange adds the names that begin with a prefix to a set, and the packages that use them to another.
func (s *search) addRange(prefix string, names, packages bitSet) error {
	d := s.f.names
	first, _, err := d.find([]byte(prefix))
	if err != nil {
		return err
	}
	r := d.reader()
	for i := first; i < d.count; i++ {
		text, err := r.get(i)
		if err != nil {
			return err
		}
		if !bytes.HasPrefix(text, []byte(prefix)) {
			break
		}
		names.add(i)
		if err := s.step(); err != nil {
			return err
		}
	}
	// The lists of the packages are read by block, since those of a block follow each other.
	for i := first; i < d.count && names.has(i); {
		uses, err := d.useReader(i / blockStrings)
		if err == nil {
			err = uses.skip(i % blockStrings)
		}
		if err != nil {
			return err
		}
		for end := (i/blockStrings + 1) * blockStrings; i < min(end, d.count) && names.has(i); i++ {
			l, err := uses.next()
			if err == nil {
				err = l.addTo(packages)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}
