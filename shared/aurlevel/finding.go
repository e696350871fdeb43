// Package aurlevel derives findings about a package base of the AUR from the journal's events and from the latest dump.
//
// A finding states facts with dates, and has a level: how important it is to look at the package base before the next build. It
// is not a verdict. docs/journal.md contains the table of all findings, with the reason for the level of each.
package aurlevel

import (
	"slices"
	"time"

	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/scriptlet"
	"github.com/omg-arch/omg/shared/wire"
)

// Level is the importance of a finding.
type Level uint8

// The levels, in ascending order.
const (
	// LevelNote: the fact is worth knowing, and common.
	LevelNote Level = 1
	// LevelLook: look at the package base before the next build, because an attack can begin like this.
	LevelLook Level = 2
	// LevelAct: the installed package is known to be harmful.
	LevelAct Level = 3
)

func (l Level) String() string {
	switch l {
	case LevelAct:
		return "act"
	case LevelLook:
		return "look"
	}
	return "note"
}

// Reason is the rule from which a finding follows.
type Reason string

// The reasons for findings. The comment of each reason says which events and times the finding has.
const (
	// ReasonAdoptedAndUpdated: the adoption and the last update.
	ReasonAdoptedAndUpdated Reason = "adopted-and-updated"
	// ReasonRecreated: the event that the package base was recreated. If one dump did not have the package base, there are two
	// events instead: the deletion, and that the package base was seen again.
	ReasonRecreated Reason = "recreated"
	// ReasonCoMaintainerAndUpdated: the addition of a co-maintainer and the last update.
	ReasonCoMaintainerAndUpdated Reason = "comaintainer-added-and-updated"
	// ReasonUpdatedWithoutMaintainer: the event that the package base was orphaned, if there is one, and the last update.
	ReasonUpdatedWithoutMaintainer Reason = "updated-without-maintainer"
	// ReasonMoved: none. The installed package was built from another package base.
	ReasonMoved Reason = "moved-to-another-base"
	// ReasonAppeared: the event that the package base was seen first, after the package was installed.
	ReasonAppeared Reason = "appeared-after-installation"
	// ReasonYoungDependency: the event.
	ReasonYoungDependency Reason = "young-dependency-added"
	// ReasonAdopted: the adoption.
	ReasonAdopted Reason = "adopted"
	// ReasonMaintainerAndUpdated: the change of the maintainer and the last update.
	ReasonMaintainerAndUpdated Reason = "maintainer-changed-and-updated"
	// ReasonMaintainerChanged: the change.
	ReasonMaintainerChanged Reason = "maintainer-changed"
	// ReasonUpdatedAfterDormancy: the update.
	ReasonUpdatedAfterDormancy Reason = "updated-after-dormancy"
	// ReasonOrphaned: the event, if the journal contains it.
	ReasonOrphaned Reason = "orphaned"
	// ReasonOutOfDate: the time of the flag.
	ReasonOutOfDate Reason = "out-of-date"
	// ReasonDeleted: the deletion.
	ReasonDeleted Reason = "deleted"
)

const day = 24 * 60 * 60

const (
	// maxUpdateDelay is the maximum time, in seconds, from a change of the maintainers to an update that is regarded as a
	// consequence of the change.
	maxUpdateDelay = 14 * day
	// maxDumpDelay is how much earlier, in seconds, an update can be than the time of a dump that does not contain it: making the
	// dump takes time.
	maxDumpDelay = 60 * 60
	// minTenure is for how long, in seconds, a user must have been the maintainer so that an adoption counts as a return.
	minTenure = 90 * day
)

// MaxEventAge is the age of an event, in seconds, after which it is no longer the reason for a finding.
const MaxEventAge = int64(wire.MaxEventAge / time.Second)

// Event is an event of the journal with the source of its observation.
type Event struct {
	journal.Event
	Source string
}

// Listing is what the latest dump of the AUR contains about a package base. Times are in Unix seconds.
type Listing struct {
	Maintainer string // empty for an orphan
	// FlaggedAt is when the package base was flagged out of date; 0 if it is not flagged. UpdatedAt is when it was last updated, and
	// SubmittedAt when it was submitted.
	FlaggedAt, UpdatedAt, SubmittedAt int64
	Votes                             uint32
}

// Installation describes the installed package. It is empty if the package is not installed.
type Installation struct {
	// At is when the package was installed, in Unix seconds; 0 if this is unknown.
	At int64
	// FromOtherBase means that the package was built from another package base than the one in which the AUR now has it.
	FromOtherBase bool
}

// Finding is a fact about a package base.
type Finding struct {
	Level  Level
	Reason Reason
	// Events holds the events from which the finding follows, the oldest first. It is empty if the finding follows from the
	// latest dump alone.
	Events []Event
	// UpdatedAt and FlaggedAt are times from the latest dump, in Unix seconds; 0 if the finding does not depend on them.
	UpdatedAt, FlaggedAt int64
	// SubmittedAt, PendingRequests and Dependencies are what a reply of the AUR contains. They are empty if the finding does not depend on them.
	SubmittedAt     int64
	PendingRequests uint32
	Dependencies    []string
	// LookAlikeOf is the popular package with a name like that of this one; nil if the finding does not depend on it.
	LookAlikeOf *Popular
	// Incident is the known incident from which the finding follows; nil if it follows from something else.
	Incident *Incident
	// Scriptlet holds the lines of the install scriptlet from which the finding follows; empty if it follows from something else.
	Scriptlet []scriptlet.Fact
	// Build is the difference between two copies of build files from which the finding follows; nil if it follows from something else.
	Build *BuildChange
}

// Find returns the findings about a package base, the highest level first. The parameter events holds its events in the
// journal, the oldest first, and completeSince is the time of an observation after which the journal has no gap; 0 if it has no
// observation. The parameter listing is nil if the latest dump does not contain the package base. The parameter users says which users
// are new; nil if nothing is known about users.
//
// The exact time of an event is unknown. Find returns a finding if the event may have happened at a time for which the rule
// holds, except for ReasonAppeared, for which the whole interval must lie after the installation. However, changes that cancel
// each other out in one interval are no events, and an orphan that was adopted in the same interval has only a new maintainer.
func Find(events []Event, completeSince int64, listing *Listing, installed Installation, users *Users, now int64) []Finding {
	var found []Finding
	if users == nil {
		users = &Users{}
	}
	if installed.FromOtherBase {
		found = append(found, Finding{Level: LevelLook, Reason: ReasonMoved})
	}
	for i := range events {
		if events[i].Between.To < now-MaxEventAge {
			continue
		}
		if f := findByEvent(events, i, completeSince, listing, installed.At, users); f.Level != 0 {
			found = append(found, f)
		}
	}
	if f := findOrphanUpdate(events, completeSince, listing); f.UpdatedAt >= now-MaxEventAge && f.Level != 0 {
		found = append(found, f)
	}
	found = append(found, findByState(events, listing)...)
	Sort(found)
	return found
}

// findByEvent returns the finding that follows from the event events[at], or a finding without a level if none follows.
func findByEvent(events []Event, at int, completeSince int64, listing *Listing, installedAt int64, users *Users) Finding {
	e := events[at]
	f := Finding{Level: LevelNote, Events: events[at : at+1]}
	updated := listing != nil && mayFollow(e.Between, listing.UpdatedAt)
	lookIf := func(condition bool) Level {
		if condition {
			return LevelLook
		}
		return LevelNote
	}
	switch e.Kind {
	case journal.EventAdopted:
		f.Reason = ReasonAdopted
		if updated && !isReturn(events[:at], completeSince, e.To) {
			f.Level, f.Reason, f.UpdatedAt = lookIf(users.isNew(e.To, e.Between)), ReasonAdoptedAndUpdated, listing.UpdatedAt
		}
	case journal.EventMaintainerChanged:
		f.Reason = ReasonMaintainerChanged
		if updated && users.isNew(e.To, e.Between) && users.hasSeries(e.To, e.Between) {
			f.Level, f.Reason, f.UpdatedAt = LevelLook, ReasonMaintainerAndUpdated, listing.UpdatedAt
		}
	case journal.EventCoMaintainerAdded:
		if !updated || wasMaintainer(events, &e) {
			return Finding{}
		}
		f.Level, f.Reason, f.UpdatedAt = lookIf(users.isNew(e.To, e.Between)), ReasonCoMaintainerAndUpdated, listing.UpdatedAt
	case journal.EventRecreated:
		f.Level, f.Reason = lookIf(listing == nil || users.isNew(listing.Maintainer, e.Between)), ReasonRecreated
	case journal.EventFirstSeen:
		switch deleted := findLast(events[:at], journal.EventDeleted); {
		case deleted != nil:
			f.Level, f.Reason, f.Events = lookIf(listing == nil || users.isNew(listing.Maintainer, e.Between)), ReasonRecreated, []Event{*deleted, e}
		case installedAt > 0 && e.Between.From >= installedAt:
			f.Level, f.Reason = LevelLook, ReasonAppeared
		default:
			return Finding{}
		}
	case journal.EventYoungDependencyAdded:
		f.Level, f.Reason = lookIf(users.dependsOnNewUser(e.To, e.Between)), ReasonYoungDependency
	case journal.EventUpdatedAfterDormancy:
		f.Reason = ReasonUpdatedAfterDormancy
	default:
		return Finding{}
	}
	return f
}

// mayFollow reports whether an update may have followed an event of the interval within maxUpdateDelay. If the update is in the
// interval, it is unknown which of the two came first.
func mayFollow(interval journal.Interval, updatedAt int64) bool {
	return updatedAt >= interval.From-maxDumpDelay && updatedAt <= interval.To+maxUpdateDelay
}

// isReturn reports whether a user who adopted a package base was also its last maintainer, and is known to have been it for at
// least minTenure. The parameter before holds the events before the adoption. A user without a name is not known to have been anything.
func isReturn(before []Event, completeSince int64, adopter string) bool {
	orphaned := findLast(before, journal.EventOrphaned)
	if orphaned == nil || adopter == "" || orphaned.From != adopter || completeSince == 0 {
		return false
	}
	since := completeSince
	if e := findLast(before, journal.EventAdopted, journal.EventMaintainerChanged, journal.EventFirstSeen, journal.EventRecreated); e != nil {
		since = max(since, e.Between.To)
	}
	return orphaned.Between.From-since >= minTenure
}

// wasMaintainer reports whether the user who became a co-maintainer was the maintainer in the same interval, and handed the package
// base over.
func wasMaintainer(events []Event, added *Event) bool {
	return slices.ContainsFunc(events, func(e Event) bool {
		return e.Kind == journal.EventMaintainerChanged && e.Between == added.Between && e.From == added.To && !added.IsWithoutName()
	})
}

// findOrphanUpdate returns the finding that a package base was updated although the dumps before and after the update show no
// maintainer, or a finding without a level. The AUR accepts no update without a maintainer: between two dumps, somebody adopted the
// package base, updated it and left it.
func findOrphanUpdate(events []Event, completeSince int64, listing *Listing) Finding {
	if listing == nil || listing.Maintainer != "" || completeSince == 0 {
		return Finding{}
	}
	f := Finding{Level: LevelLook, Reason: ReasonUpdatedWithoutMaintainer, UpdatedAt: listing.UpdatedAt}
	// Without later events, the package base was an orphan at the time completeSince already.
	orphanSince := completeSince
	e := findLast(events, journal.EventOrphaned, journal.EventFirstSeen, journal.EventRecreated,
		journal.EventAdopted, journal.EventMaintainerChanged, journal.EventDeleted)
	if e != nil && e.Between.To > completeSince {
		switch e.Kind {
		case journal.EventOrphaned:
			f.Events = []Event{*e}
		case journal.EventFirstSeen, journal.EventRecreated:
		default:
			return Finding{} // the latest dump is not the one of the journal's last observation
		}
		orphanSince = e.Between.To
	}
	if listing.UpdatedAt <= orphanSince {
		return Finding{}
	}
	return f
}

// findByState returns the findings that follow from the latest dump. Their age does not matter, because they still hold.
func findByState(events []Event, listing *Listing) (found []Finding) {
	if listing == nil {
		// A package base without a deletion in the journal may never have been in the AUR.
		if e := findLast(events, journal.EventDeleted, journal.EventFirstSeen); e != nil && e.Kind == journal.EventDeleted {
			found = append(found, Finding{Level: LevelNote, Reason: ReasonDeleted, Events: []Event{*e}})
		}
		return found
	}
	if listing.Maintainer == "" {
		f := Finding{Level: LevelNote, Reason: ReasonOrphaned}
		e := findLast(events, journal.EventOrphaned, journal.EventAdopted, journal.EventMaintainerChanged, journal.EventDeleted)
		if e != nil && e.Kind == journal.EventOrphaned {
			f.Events = []Event{*e}
		}
		found = append(found, f)
	}
	if listing.FlaggedAt > 0 {
		found = append(found, Finding{Level: LevelNote, Reason: ReasonOutOfDate, FlaggedAt: listing.FlaggedAt})
	}
	return found
}

// findLast returns the last event of one of the given kinds, or nil.
func findLast(events []Event, kinds ...journal.EventKind) *Event {
	for i := len(events) - 1; i >= 0; i-- {
		if slices.Contains(kinds, events[i].Kind) {
			return &events[i]
		}
	}
	return nil
}
