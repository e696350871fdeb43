package aurdiff

import (
	"slices"

	"github.com/omg-arch/omg/shared/journal"
)

// maintainers holds who maintains a package base at one time.
type maintainers struct {
	maintainer    []byte
	coMaintainers [][]byte // sorted, without duplicates
}

func (b *base) maintainers() maintainers { return maintainers{b.maintainer, b.coMaintainers} }

// replay returns who maintained a package base before the first of the known events, and after the last one. The receiver is who
// maintained it at an earlier time. Users whom the events do not mention stay what they were at that time.
func (m maintainers) replay(known []journal.Event) (first, last maintainers) {
	first = m.withCoMaintainers(nil)
	for _, e := range slices.Backward(known) {
		switch e.Kind {
		case journal.EventMaintainerChanged, journal.EventOrphaned, journal.EventAdopted:
			first.maintainer = []byte(e.From)
		case journal.EventCoMaintainerAdded:
			first = first.withoutCoMaintainer(e.To)
		case journal.EventCoMaintainerRemoved:
			first = first.withCoMaintainers([]byte(e.From))
		}
	}
	last = first.withCoMaintainers(nil)
	for _, e := range known {
		switch e.Kind {
		case journal.EventMaintainerChanged, journal.EventOrphaned, journal.EventAdopted:
			last.maintainer = []byte(e.To)
		case journal.EventCoMaintainerAdded:
			last = last.withCoMaintainers([]byte(e.To))
		case journal.EventCoMaintainerRemoved:
			last = last.withoutCoMaintainer(e.From)
		}
	}
	return first, last
}

// withCoMaintainers returns a copy with another co-maintainer, unless name is nil.
func (m maintainers) withCoMaintainers(name []byte) maintainers {
	m.coMaintainers = slices.Clone(m.coMaintainers)
	if name != nil {
		m.coMaintainers = sortUnique(append(m.coMaintainers, name))
	}
	return m
}

func (m maintainers) withoutCoMaintainer(name string) maintainers {
	m.coMaintainers = slices.DeleteFunc(slices.Clone(m.coMaintainers), func(b []byte) bool { return string(b) == name })
	return m
}

// isKnown reports whether an event of the current package base is recorded already. The changes of maintainers are never known here: for them,
// emitMaintainerChanges uses the known events. The version of a deleted package base does not matter, because the package base can have been
// updated between the earlier observation and the one that noticed the deletion.
func (c *comparison) isKnown(kind journal.EventKind, from, to string) bool {
	if kind <= journal.EventCoMaintainerRemoved {
		return false
	}
	return slices.ContainsFunc(c.known[c.baseName], func(e journal.Event) bool {
		return e.Kind == kind && (e.From == from && e.To == to || kind == journal.EventDeleted)
	})
}
