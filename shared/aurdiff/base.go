package aurdiff

import (
	"bytes"
	"iter"
	"slices"
)

// base is a package base with the fields of all its packages. Its byte slices refer to the records and are not copies.
type base struct {
	name, version, maintainer           []byte
	id, submitted, modified, outOfDate  uint64
	hosts, coMaintainers, depends, pkgs [][]byte // sorted, without duplicates
}

// cursor walks over the package bases of an observation, in the order of their names.
type cursor struct {
	o       *Observation
	next    int
	name    []byte   // the name of the current package base; nil at the end
	records []fields // the records of the packages of the current package base
	base    base
}

func newCursor(o *Observation) *cursor {
	c := &cursor{o: o}
	c.advance()
	return c
}

// advance moves the cursor to the next package base.
func (c *cursor) advance() {
	c.name, c.records = nil, c.records[:0]
	for ; c.next < len(c.o.entries); c.next++ {
		record := c.o.record(c.o.entries[c.next])
		rest := record
		name := rest.text()
		if c.name != nil && !bytes.Equal(c.name, name) {
			return
		}
		c.name, c.records = name, append(c.records, record)
	}
}

// bases walks over the package bases of two observations, in the order of their names. If only one of the observations has a
// package base, the cursor of the other one is nil.
func bases(old, now *Observation) iter.Seq2[*cursor, *cursor] {
	return func(yield func(before, after *cursor) bool) {
		inOld, inNow := newCursor(old), newCursor(now)
		for inOld.name != nil || inNow.name != nil {
			before, after := inOld, inNow
			switch order := orderOf(inOld, inNow); {
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

// orderOf compares the names of the current package bases of two cursors. At most one cursor has reached its end; it counts
// as the larger one.
func orderOf(before, after *cursor) int {
	switch {
	case before.name == nil:
		return 1
	case after.name == nil:
		return -1
	}
	return bytes.Compare(before.name, after.name)
}

// same reports whether the current package bases of two cursors have the same records.
func (c *cursor) same(other *cursor) bool {
	return slices.EqualFunc(c.records, other.records, func(a, b fields) bool { return bytes.Equal(a, b) })
}

// read decodes the current package base. The result is valid until the next call of read. A dump repeats the fields of a
// package base for each of its packages; read uses the fields of the first package.
func (c *cursor) read() *base {
	b := &c.base
	*b = base{hosts: b.hosts[:0], coMaintainers: b.coMaintainers[:0], depends: b.depends[:0], pkgs: b.pkgs[:0]}
	for i, f := range c.records {
		b.name = f.text()
		b.pkgs = append(b.pkgs, f.text())
		version := f.text()
		id, submitted, modified, outOfDate := f.number(), f.number(), f.number(), f.number()
		maintainer := f.text()
		if i == 0 {
			b.version, b.maintainer = version, maintainer
			b.id, b.submitted, b.modified, b.outOfDate = id, submitted, modified, outOfDate
		}
		if host := f.text(); len(host) > 0 {
			b.hosts = append(b.hosts, host)
		}
		for range f.number() {
			b.coMaintainers = append(b.coMaintainers, f.text())
		}
		for len(f) > 0 {
			b.depends = append(b.depends, f.text())
		}
	}
	for _, list := range [...]*[][]byte{&b.hosts, &b.coMaintainers, &b.depends, &b.pkgs} {
		*list = sorted(*list)
	}
	return b
}

// sorted sorts a list and removes duplicates.
func sorted(list [][]byte) [][]byte {
	slices.SortFunc(list, bytes.Compare)
	return slices.CompactFunc(list, bytes.Equal)
}

// contains reports whether a sorted list contains a text.
func contains(list [][]byte, text []byte) bool {
	_, found := slices.BinarySearchFunc(list, text, bytes.Compare)
	return found
}

// recreated reports whether old and later are different package bases with the same name: old was deleted before later
// was created. A number or time that is missing in one of the two is not compared.
func recreated(old, later *base) bool {
	return old.id != later.id && old.id != 0 && later.id != 0 ||
		old.submitted != later.submitted && old.submitted != 0 && later.submitted != 0
}
