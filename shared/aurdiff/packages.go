package aurdiff

import (
	"cmp"
	"iter"
	"maps"
	"slices"

	"github.com/omg-arch/omg/shared/aurdump"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/wire"
)

// PackageComparison compares two observations of a few packages of the AUR, such as two replies to info requests, or a dump and a reply.
type PackageComparison struct {
	// Old and Later hold what the two observations have about the same names. A package that one of them lacks was not in the AUR then.
	Old, Later []wire.Package
	// Between holds the times of the two observations.
	Between journal.Interval
	// Known holds the events after the earlier observation that are recorded already, the oldest first.
	Known []journal.Event
	// IsYoung reports whether the AUR has a package that was submitted at the time since or later.
	IsYoung func(name string, since int64) bool
	// HasOtherPackages reports whether a package base may have other packages than those with the given names. If it has, it is unknown whether
	// the package base was deleted with these.
	HasOtherPackages func(base string, names []string) bool
}

// Events returns what happened to the package bases, sorted by package base.
func (p PackageComparison) Events() (events []journal.Event) {
	c := &comparison{interval: p.Between, known: groupByBase(p.Known), onEvent: func(e journal.Event) error {
		events = append(events, e)
		return nil
	}}
	c.isYoung = func(name []byte) bool { return p.IsYoung(string(name), p.Between.To-maxYoungAge) }
	old, later := newCursors(p.Old), newCursors(p.Later)
	present := map[string]bool{}
	for i := range p.Later {
		present[p.Later[i].Name] = true
	}
	names := slices.AppendSeq(slices.Collect(maps.Keys(old)), maps.Keys(later))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		before, after := old[name], later[name]
		switch {
		case after == nil:
			b := before.decodeBase()
			// A package that moved to another package base does not show what happened to the one that it has left.
			moved := slices.ContainsFunc(b.pkgs, func(pkg []byte) bool { return present[string(pkg)] })
			if c.baseName = name; !moved && !p.HasOtherPackages(name, textsOf(b.pkgs)) {
				c.emitEvent(journal.EventDeleted, string(b.version), "")
			}
		case before == nil:
			c.baseName = name
			c.emitEvent(journal.EventFirstSeen, "", string(after.decodeBase().version))
		default:
			c.compareBase(before.decodeBase(), after.decodeBase())
		}
	}
	return events
}

func textsOf(list [][]byte) []string {
	texts := make([]string, len(list))
	for i, text := range list {
		texts[i] = string(text)
	}
	return texts
}

// groupByBase returns events by package base.
func groupByBase(events []journal.Event) map[string][]journal.Event {
	byBase := map[string][]journal.Event{}
	for _, e := range events {
		byBase[e.Base] = append(byBase[e.Base], e)
	}
	return byBase
}

// newCursors returns a cursor for each package base. The cursors cannot be moved.
func newCursors(packages []wire.Package) map[string]*cursor {
	cursors := map[string]*cursor{}
	for i := range packages {
		p := &packages[i]
		if p.AUR == nil {
			continue
		}
		base := BaseName(p)
		c := cursors[base]
		if c == nil {
			c = &cursor{name: []byte(base)}
			cursors[base] = c
		}
		const lengthSize = 4
		c.records = append(c.records, encodedFields(appendRecord(nil, base, aurdump.Entry{Package: p})[lengthSize:]))
	}
	return cursors
}

// HasOtherPackages reports whether packages, which can be all of a dump, has a package of a package base other than those with the given
// names. It can have to read all packages, so it is called only for a package base that has lost one.
func HasOtherPackages(packages iter.Seq2[wire.Package, error], base string, names []string) (bool, error) {
	for p, err := range packages {
		if err != nil {
			return false, err
		}
		if BaseName(&p) == base && !slices.Contains(names, p.Name) {
			return true, nil
		}
	}
	return false, nil
}

// BaseName returns the name of the package base of a package. If this name is impossible, it returns the name of the package.
func BaseName(p *wire.Package) string {
	base := cmp.Or(p.Base, p.Name)
	if len(base) > journal.MaxText || !wire.IsPossibleName(base) {
		return p.Name
	}
	return base
}
