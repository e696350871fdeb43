package aurdiff

import (
	"bytes"
	"iter"
	"slices"
)

// base is a package base with the fields of all its packages. Its byte slices refer to the records and are not copies.
type base struct {
	name, version, maintainer               []byte
	id, submitted, modified, outOfDateSince uint64
	hosts, coMaintainers, depends, pkgs     [][]byte // sorted, without duplicates
}

// cursor walks over the package bases of an observation, in the order of their names.
type cursor struct {
	o         *Observation
	nextIndex int
	name      []byte          // the name of the current package base; nil at the end
	records   []encodedFields // the records of the packages of the current package base
	base      base
}

func newCursor(o *Observation) *cursor {
	c := &cursor{o: o}
	c.advance()
	return c
}

// advance moves the cursor to the next package base.
func (c *cursor) advance() {
	c.name, c.records = nil, c.records[:0]
	for ; c.nextIndex < len(c.o.recordRefs); c.nextIndex++ {
		record := c.o.recordAt(c.o.recordRefs[c.nextIndex])
		rest := record
		name := rest.nextText()
		if c.name != nil && !bytes.Equal(c.name, name) {
			return
		}
		c.name, c.records = name, append(c.records, record)
	}
}

// basePairs walks over the package bases of two observations, in the order of their names. If only one of the observations has a
// package base, the cursor of the other one is nil.
func basePairs(old, now *Observation) iter.Seq2[*cursor, *cursor] {
	return func(yield func(before, after *cursor) bool) {
		inOld, inNow := newCursor(old), newCursor(now)
		for inOld.name != nil || inNow.name != nil {
			before, after := inOld, inNow
			switch order := compareNames(inOld, inNow); {
			case order < 0:
				after = nil
			case order > 0:
				before = nil
			}
			if !yield(before, after) {
				return
			}
			if before != nil {
				before.advance()
			}
			if after != nil {
				after.advance()
			}
		}
	}
}

// compareNames compares the names of the current package bases of two cursors. At most one cursor has reached its end; it counts
// as the larger one.
func compareNames(before, after *cursor) int {
	switch {
	case before.name == nil:
		return 1
	case after.name == nil:
		return -1
	}
	return bytes.Compare(before.name, after.name)
}

// hasSameRecords reports whether the current package bases of two cursors have the same records.
func (c *cursor) hasSameRecords(other *cursor) bool {
	return slices.EqualFunc(c.records, other.records, func(a, b encodedFields) bool { return bytes.Equal(a, b) })
}

// decodeBase decodes the current package base. The result is valid until the next call of decodeBase. A dump repeats the fields of a
// package base for each of its packages; decodeBase uses the fields of the first package.
func (c *cursor) decodeBase() *base {
	b := &c.base
	*b = base{hosts: b.hosts[:0], coMaintainers: b.coMaintainers[:0], depends: b.depends[:0], pkgs: b.pkgs[:0]}
	for i, f := range c.records {
		b.name = f.nextText()
		b.pkgs = append(b.pkgs, f.nextText())
		version := f.nextText()
		id, submitted, modified, outOfDate := f.nextNumber(), f.nextNumber(), f.nextNumber(), f.nextNumber()
		maintainer := f.nextText()
		if i == 0 {
			b.version, b.maintainer = version, maintainer
			b.id, b.submitted, b.modified, b.outOfDateSince = id, submitted, modified, outOfDate
		}
		if host := f.nextText(); len(host) > 0 {
			b.hosts = append(b.hosts, host)
		}
		for range f.nextNumber() {
			b.coMaintainers = append(b.coMaintainers, f.nextText())
		}
		for len(f) > 0 {
			b.depends = append(b.depends, f.nextText())
		}
	}
	for _, list := range [...]*[][]byte{&b.hosts, &b.coMaintainers, &b.depends, &b.pkgs} {
		*list = sortUnique(*list)
	}
	return b
}

// sortUnique sorts a list and removes duplicates.
func sortUnique(list [][]byte) [][]byte {
	slices.SortFunc(list, bytes.Compare)
	return slices.CompactFunc(list, bytes.Equal)
}

// contains reports whether a sorted list contains a text.
func contains(list [][]byte, text []byte) bool {
	_, found := slices.BinarySearchFunc(list, text, bytes.Compare)
	return found
}

// isRecreated reports whether old and later are different package bases with the same name: old was deleted before later
// was created. A number or time that is missing in one of the two is not compared.
func isRecreated(old, later *base) bool {
	return old.id != later.id && old.id != 0 && later.id != 0 ||
		old.submitted != later.submitted && old.submitted != 0 && later.submitted != 0
}
