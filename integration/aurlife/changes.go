package aurlife

import (
	"slices"

	"github.com/omg-arch/omg/shared/wire"
)

// Changes returns what the last call of Changes and the AUR of this moment have about the package bases that have changed between them. The
// first call returns nothing. Two dumps have the same differences, but reading both takes much longer.
func (w *World) Changes() (old, later []wire.Package) {
	isFirst := w.observed == nil
	if isFirst {
		w.observed = make(map[string]*Base, len(w.Bases))
	}
	for _, name := range w.removed {
		if before := w.observed[name]; before != nil && w.byName[name] == nil {
			old = before.appendPackages(old)
			delete(w.observed, name)
		}
	}
	w.removed = nil
	for _, b := range w.Bases {
		before := w.observed[b.Name]
		if before != nil && before.isSame(b) {
			continue
		}
		if before != nil {
			old = before.appendPackages(old)
		}
		if !isFirst {
			later = b.appendPackages(later)
		}
		seen := *b
		w.observed[b.Name] = &seen
	}
	return old, later
}

// ChangesOf is like Changes for one package base, and does not change what the next call of Changes returns.
func (w *World) ChangesOf(b *Base) (old, later []wire.Package) {
	if before := w.observed[b.Name]; before != nil {
		old = before.appendPackages(nil)
	}
	return old, b.appendPackages(nil)
}

// SubmittedAt returns when the package base with the given name was submitted; 0 if there is none.
func (w *World) SubmittedAt(name string) int64 {
	if b := w.byName[name]; b != nil {
		return b.Submitted
	}
	return 0
}

// Base returns the package base with the given name, or nil.
func (w *World) Base(name string) *Base { return w.byName[name] }

func (b *Base) appendPackages(packages []wire.Package) []wire.Package {
	for _, name := range b.Packages {
		packages = append(packages, *b.Package(name))
	}
	return packages
}

// isSame reports whether a dump has the same about a package base at two times, apart from its votes.
func (b *Base) isSame(o *Base) bool {
	return b.ID == o.ID && b.Version == o.Version && b.Modified == o.Modified && b.OutOfDate == o.OutOfDate && b.Host == o.Host &&
		b.maintainer == o.maintainer && len(b.Depends) == len(o.Depends) && slices.Equal(b.coMaintainers, o.coMaintainers)
}
