package aurlevel

import (
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/journal"
)

// Limits for what is known about the users of the AUR.
const (
	// minKnown is for how long, in seconds, a user must have had a package base before an event so that the user is not new.
	minKnown = 30 * day
	// minSeries is how many package bases a new user must have taken over within maxSeriesTime, in seconds, for a series.
	minSeries     = 3
	maxSeriesTime = 14 * day
	// maxTakeovers limits the events of the journal that are kept. The AUR has about 25 such events a day.
	maxTakeovers = 200_000
)

// Users is what the journal and the latest dump show about the users of the AUR: since when each of them has had a package base. The zero
// value knows nobody, so that every user is new.
type Users struct {
	// MaintainerOf returns the maintainer of a package in the latest dump; empty if there is none, or if the dump does not have the package.
	MaintainerOf func(name string) string

	takeovers []takeover
	byUser    map[string][]takeover
	since     map[string]int64
}

// takeover says that a user became the maintainer or a co-maintainer of a package base, at the time at or before.
type takeover struct {
	user, base string
	at         int64
	asOwner    bool
}

// AddEvent adds an event of any package base. All events must be added before the first package.
func (u *Users) AddEvent(e *journal.Event) {
	switch e.Kind {
	case journal.EventAdopted, journal.EventMaintainerChanged, journal.EventCoMaintainerAdded:
	default:
		return
	}
	if e.IsWithoutName() {
		return // these would all be takeovers of one user
	}
	if len(u.takeovers) == maxTakeovers {
		u.takeovers = slices.Delete(u.takeovers, 0, maxTakeovers/2)
	}
	u.takeovers = append(u.takeovers, takeover{e.To, e.Base, e.Between.To, e.Kind != journal.EventCoMaintainerAdded})
}

// Holding is what the latest dump has about the users of one package.
type Holding struct {
	Base, Submitter, Maintainer string
	CoMaintainers               []string
	SubmittedAt                 int64 // in Unix seconds
}

// AddPackage adds a package of the latest dump. The parameter completeSince is the time of an observation after which the journal has no
// gap. Who had a package base before this time is only known of those who have submitted one.
func (u *Users) AddPackage(h Holding, completeSince int64) {
	if u.byUser == nil {
		u.byUser, u.since = map[string][]takeover{}, map[string]int64{}
		for _, t := range u.takeovers {
			u.byUser[t.user] = append(u.byUser[t.user], t)
		}
		u.takeovers = nil // the map has all of them
	}
	u.addHolder(h.Maintainer, h, completeSince)
	for _, user := range h.CoMaintainers {
		u.addHolder(user, h, completeSince)
	}
}

func (u *Users) addHolder(user string, h Holding, completeSince int64) {
	if user == "" {
		return
	}
	since := h.SubmittedAt
	if user != h.Submitter {
		since = max(since, completeSince)
	}
	for _, t := range u.byUser[user] {
		if t.base == h.Base {
			since = max(since, t.at)
		}
	}
	switch before, known := u.since[user]; {
	case !known:
		u.since[strings.Clone(user)] = since // otherwise the name keeps all strings of its package in memory
	case since < before:
		u.since[user] = since
	}
}

// isNew reports whether a user is not known to have had a package base for at least minKnown before an event.
func (u *Users) isNew(user string, at journal.Interval) bool {
	since, known := u.since[user]
	return !known || since > at.From-minKnown
}

// hasSeries reports whether a user became the maintainer of at least minSeries package bases, by adoption or otherwise, in a time of
// maxSeriesTime that contains an event.
func (u *Users) hasSeries(user string, at journal.Interval) bool {
	count := 0
	for _, t := range u.byUser[user] {
		if t.asOwner && t.at >= at.To-maxSeriesTime && t.at <= at.To+maxSeriesTime {
			count++
		}
	}
	return count >= minSeries
}

// dependsOnNewUser reports whether the package name, a new dependency, has no maintainer or a new one.
func (u *Users) dependsOnNewUser(name string, at journal.Interval) bool {
	return u.MaintainerOf == nil || u.isNew(u.MaintainerOf(name), at)
}

// DependOnUsers reports whether the level of a finding that follows from the events can depend on what is known about users.
func DependOnUsers(events []Event, now int64) bool {
	return slices.ContainsFunc(events, func(e Event) bool {
		switch e.Kind {
		case journal.EventAdopted, journal.EventMaintainerChanged, journal.EventCoMaintainerAdded, journal.EventRecreated,
			journal.EventFirstSeen, journal.EventYoungDependencyAdded:
			return e.Between.To >= now-MaxEventAge
		}
		return false
	})
}
