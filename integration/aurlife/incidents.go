package aurlife

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Shape is how an incident looks in the AUR.
type Shape uint8

// The shapes of incidents.
const (
	// Adoption: new accounts adopt orphans and update them. Dumps show it.
	Adoption Shape = iota + 1
	// NewName: a new account submits package bases under new names. Dumps show only that they are young.
	NewName
	// LookAlike: a new account submits package bases whose names differ from popular ones by one edit.
	LookAlike
	// YoungDependency: a new account submits two package bases, of which one needs the other.
	YoungDependency
)

// Incident is a publicly documented attack on the users of the AUR, as it is woven into a year.
type Incident struct {
	Name   string
	Source string // where it was documented
	Shape  Shape
	// Begin and End are the first and the last day, of any year: the replayed year has its own number.
	Begin, End time.Time
	// Bases is the number of package bases.
	Bases int
	// PerAccount is about how many of these one account changes.
	PerAccount int
	// Removed is how long after the end of the last day the last harmful package base was removed, in hours. Each is removed
	// at the earliest one hour after it appeared.
	Removed int
}

func on(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// Documented returns the publicly documented incidents in the order of their dates.
//
// Published are the dates, the numbers of package bases, and that accounts were new and adopted 13 to 16 package bases each in June 2026.
// Assumptions are: the number for each account in the other incidents, that accounts update a package base within hours of its adoption, and
// how long harmful package bases stayed where no date is published.
func Documented() []Incident {
	return []Incident{
		{
			Name: "acroread", Source: "https://lists.archlinux.org/pipermail/aur-general/2018-July/034151.html", Shape: Adoption,
			Begin: on(2018, time.June, 7), End: on(2018, time.June, 7), Bases: 3, PerAccount: 3, Removed: 31 * 24,
		},
		{
			Name: "chaos-rat", Source: "https://itsfoss.com/news/arch-linux-chaos-rat/", Shape: NewName,
			Begin: on(2025, time.July, 16), End: on(2025, time.July, 17), Bases: 7, PerAccount: 4, Removed: 18,
		},
		{
			Name: "google-chrome-stable", Source: "https://lwn.net/Articles/1032193/", Shape: NewName,
			Begin: on(2025, time.July, 31), End: on(2025, time.July, 31), Bases: 1, PerAccount: 1, Removed: 12,
		},
		{
			Name: "atomic", Source: "https://archlinux.org/news/active-aur-malicious-packages-incident/", Shape: Adoption,
			Begin: on(2026, time.June, 9), End: on(2026, time.June, 12), Bases: 1885, PerAccount: 14, Removed: 48,
		},
		{
			Name: "split-string", Source: "https://itsfoss.com/news/arch-linux-aur-malware-flood/", Shape: Adoption,
			Begin: on(2026, time.June, 13), End: on(2026, time.June, 13), Bases: 50, PerAccount: 14, Removed: 24,
		},
		{
			Name: "spam", Source: "https://lists.archlinux.org/archives/list/aur-general@lists.archlinux.org/message/2YQSHTC27MOKDDKHZTH2BJGTEN2CYC7W/",
			Shape: Adoption, Begin: on(2026, time.June, 14), End: on(2026, time.June, 14), Bases: 76, PerAccount: 14, Removed: 48,
		},
		{
			Name: "july-adoptions", Source: "https://github.com/musqz/archcanary/pull/133", Shape: Adoption,
			Begin: on(2026, time.July, 29), End: on(2026, time.July, 30), Bases: 200, PerAccount: 14, Removed: 48,
		},
		{
			Name: "look-alikes", Source: "https://github.com/musqz/archcanary", Shape: LookAlike,
			Begin: on(2026, time.August, 2), End: on(2026, time.August, 2), Bases: 45, PerAccount: 15, Removed: 24,
		},
		{
			Name: "gentor", Source: "https://github.com/manticore-projects/aurscan/issues/71", Shape: YoungDependency,
			Begin: on(2026, time.September, 8), End: on(2026, time.September, 8), Bases: 2, PerAccount: 2, Removed: 48,
		},
	}
}

// FirstSet and SecondSet split the documented incidents by a rule that knows nothing about them: in the order of their first days, the
// first, third, fifth … incident belong to the first set, and the others to the second. Rules and levels are chosen with the first set. They
// meet the second set only when they no longer change.
func FirstSet() []Incident { return everySecond(0) }

// SecondSet is described with FirstSet.
func SecondSet() []Incident { return everySecond(1) }

func everySecond(from int) (set []Incident) {
	sorted := slices.SortedStableFunc(slices.Values(Documented()), func(a, b Incident) int { return a.Begin.Compare(b.Begin) })
	for i := from; i < len(sorted); i += 2 {
		set = append(set, sorted[i])
	}
	return set
}

// Resized returns incidents in the size of an AUR that has factor times 100,000 packages, so that they are as large a part of it. At least three
// package bases are left of each, or all.
func Resized(incidents []Incident, factor float64) []Incident {
	resized := slices.Clone(incidents)
	for i := range resized {
		bases := int(math.Round(float64(resized[i].Bases) * factor))
		resized[i].Bases = max(bases, min(resized[i].Bases, 3))
	}
	return resized
}

// plan plans an incident in the replayed year.
func (w *World) plan(i *Incident, year int) {
	shift := func(t time.Time) int64 { return on(year, t.Month(), t.Day()).Unix() }
	begin, end := shift(i.Begin), shift(i.End)+day
	removed := end + int64(i.Removed)*3600
	accounts := (i.Bases + i.PerAccount - 1) / i.PerAccount
	for account := range accounts {
		bases := min(i.PerAccount, i.Bases-account*i.PerAccount)
		// An account acts within six hours.
		from := begin + w.harm.Int64N(max(end-begin-6*3600, 1))
		user := nobody
		for n := range bases {
			at := from + w.harm.Int64N(6*3600)
			until := max(at+3600, removed-w.harm.Int64N(max(removed-end, 1)))
			w.at(at, func() {
				if user == nobody {
					user = w.newUser()
				}
				w.attack(i, user, n, until)
			})
		}
	}
}

// attack changes one package base, and plans its removal at the time until.
func (w *World) attack(i *Incident, user, n int, until int64) {
	switch i.Shape {
	case Adoption:
		b := w.harmOrphan()
		if b == nil {
			return
		}
		b.maintainer, b.Incident, b.AttackedAt = user, i, w.Now
		w.at(w.Now+300+w.harm.Int64N(2*3600), func() {
			b.Version++
			b.Modified, b.OutOfDate = w.Now, 0
			w.setHarmful(b)
			w.at(max(until, w.Now+3600), func() { w.restore(b) })
		})
	case NewName, YoungDependency:
		b := w.addHarmful(w.names.next(), user, i, until)
		if i.Shape == YoungDependency && n > 0 {
			for _, other := range w.Bases {
				if other.Incident == i && other != b && !other.isDeleted {
					b.Depends = []string{other.Name}
				}
			}
		}
	case LookAlike:
		popular := w.harmPopular()
		if popular != nil {
			w.addHarmful(w.lookAlikeName(popular.Name), user, i, until)
		}
	}
}

// lookAlikeName returns a name that ends with -bin and differs from a popular one, apart from this suffix, by one edit.
func (w *World) lookAlikeName(name string) string {
	const bin = "-bin"
	r := w.names.r
	w.names.r = w.harm
	defer func() { w.names.r = r }()
	stem := name
	if len(stem) > len(bin)+2 && stem[len(stem)-len(bin):] == bin {
		stem = stem[:len(stem)-len(bin)]
	}
	for {
		edited := w.names.oneEdit(stem) + bin
		if !w.names.used[edited] {
			w.names.used[edited] = true
			return edited
		}
	}
}

func (w *World) addHarmful(name string, user int, i *Incident, until int64) *Base {
	b := w.newBase(name, user, w.Now)
	b.Incident, b.AttackedAt = i, w.Now
	w.setHarmful(b)
	w.at(until, func() {
		w.setRestored(b)
		w.remove(b)
	})
	return b
}

func (w *World) setHarmful(b *Base) {
	b.HarmfulSince = w.Now
	if w.OnHarm != nil {
		w.OnHarm(b)
	}
}

func (w *World) setRestored(b *Base) {
	if w.OnRestored != nil {
		w.OnRestored(b)
	}
	b.HarmfulSince = 0
}

// restore takes a package base back: it is an orphan again, and its harmful update is reverted.
func (w *World) restore(b *Base) {
	if b.isDeleted {
		return
	}
	b.Version++
	b.Modified = w.Now
	w.setRestored(b)
	b.maintainer = nobody
}

// harmOrphan returns a random orphan for an incident.
func (w *World) harmOrphan() *Base {
	r := w.r
	w.r = w.harm
	defer func() { w.r = r }()
	return w.pick(maxPopular, func(b *Base) float64 {
		if isMaintained(b) || b.Incident != nil {
			return 0
		}
		return popular(b)
	})
}

// harmPopular returns one of the most popular package bases, which are worth imitating.
func (w *World) harmPopular() *Base {
	sorted := slices.SortedFunc(slices.Values(w.Bases), func(a, b *Base) int {
		return cmp.Or(cmp.Compare(b.Votes, a.Votes), cmp.Compare(a.ID, b.ID))
	})
	return sorted[w.harm.IntN(min(len(sorted), 200))]
}
