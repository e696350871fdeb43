// Package journal records what happened to the package bases of the AUR: who maintains them, and what appeared, changed
// and disappeared. The record is one append-only file with checksums, aur.omgjournal, beside the index files.
//
// An entry has the events that follow from comparing two observations of the AUR. An event has the old and the new value,
// and no judgement. Its exact time is unknown: it happened between the two observations.
package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// EventKind is what happened to a package base.
type EventKind uint8

// The kinds of events. The comment of each kind says what the fields From and To of the event contain. The numbers are
// written to files: a number never changes its meaning.
const (
	// EventMaintainerChanged: From is the old maintainer, and To is the new maintainer.
	EventMaintainerChanged EventKind = 1
	// EventOrphaned: From is the last maintainer, and To is empty.
	EventOrphaned EventKind = 2
	// EventAdopted: a package base without a maintainer got one. From is empty, and To is the new maintainer.
	EventAdopted EventKind = 3
	// EventCoMaintainerAdded: From is empty, and To is the name of the new co-maintainer.
	EventCoMaintainerAdded EventKind = 4
	// EventCoMaintainerRemoved: From is the name of the removed co-maintainer, and To is empty.
	EventCoMaintainerRemoved EventKind = 5
	// EventDeleted: From is the last version of the deleted package base, and To is empty.
	EventDeleted EventKind = 6
	// EventRecreated: the package base was deleted, and a new package base with the same name was created. From and To are the
	// times at which the old and the new package base were submitted. If these times are equal, From and To are the numbers
	// (IDs) of the two package bases in the AUR.
	EventRecreated EventKind = 7
	// EventFirstSeen: From is empty, and To is the first version of the new package base.
	EventFirstSeen EventKind = 8
	// EventUpdatedAfterDormancy: From is the time of the previous update. To is the time of the new update, which came at least
	// a year later.
	EventUpdatedAfterDormancy EventKind = 9
	// EventHostChanged: From lists the hosts of the packages' old URLs, and To those of the new URLs, separated by spaces.
	EventHostChanged EventKind = 10
	// EventYoungDependencyAdded: From is empty, and To is the name of a new dependency: a package that was submitted to the AUR
	// only shortly before.
	EventYoungDependencyAdded EventKind = 11
	// EventFlaggedOutOfDate: From is the time of the previous out-of-date flag, or empty. To is the time of the new flag.
	EventFlaggedOutOfDate EventKind = 12
)

// kindNames holds the name of each kind. The index is the number of the kind.
var kindNames = [...]string{
	EventMaintainerChanged: "maintainer-changed", EventOrphaned: "orphaned", EventAdopted: "adopted",
	EventCoMaintainerAdded: "comaintainer-added", EventCoMaintainerRemoved: "comaintainer-removed",
	EventDeleted: "deleted", EventRecreated: "recreated", EventFirstSeen: "first-seen", EventUpdatedAfterDormancy: "updated-after-dormancy",
	EventHostChanged: "host-changed", EventYoungDependencyAdded: "young-dependency-added", EventFlaggedOutOfDate: "flagged-out-of-date",
}

func (k EventKind) String() string {
	if !k.IsKnown() {
		return fmt.Sprintf("event-%d", uint8(k))
	}
	return kindNames[k]
}

// IsKnown reports whether this version knows the kind.
func (k EventKind) IsKnown() bool { return k > 0 && int(k) < len(kindNames) }

// IsAboutMaintainers reports whether the old and the new value of such an event are names of maintainers.
func (k EventKind) IsAboutMaintainers() bool {
	return k >= EventMaintainerChanged && k <= EventCoMaintainerRemoved
}

// IsWithoutName reports whether the event is about maintainers whose names were left out when the journal was published.
func (e *Event) IsWithoutName() bool {
	return e.Kind.IsAboutMaintainers() && e.From == "" && e.To == ""
}

// errKind means that a text is not the name of a kind of event.
var errKind = errors.New("not the name of an event")

// parseKind returns the kind with the given name.
func parseKind(name string) (EventKind, error) {
	if at := slices.Index(kindNames[:], name); at > 0 {
		return EventKind(at), nil
	}
	return 0, fmt.Errorf("%.40q is %w", name, errKind)
}

// Interval is the time between two observations, in Unix seconds. A difference between the two observations arose at an
// unknown moment of the interval.
type Interval struct{ From, To int64 }

// MarshalJSON writes the interval as a list of two times in UTC.
func (i Interval) MarshalJSON() ([]byte, error) {
	return json.Marshal([2]string{FormatTime(i.From), FormatTime(i.To)})
}

// UnmarshalJSON reads a list of two times.
func (i *Interval) UnmarshalJSON(text []byte) error {
	var times [2]time.Time
	if err := json.Unmarshal(text, &times); err != nil {
		return err
	}
	*i = Interval{From: times[0].Unix(), To: times[1].Unix()}
	return i.check()
}

// maxTime is the last second of the year 9999, the last year that a time in JSON can have.
const maxTime = 253402300799

// errInterval means that an interval ends before it begins, or has an impossible time.
var errInterval = errors.New("not an interval of time")

func (i Interval) check() error {
	if i.From < 0 || i.To > maxTime || i.From > i.To {
		return fmt.Errorf("%d to %d is %w", i.From, i.To, errInterval)
	}
	return nil
}

// FormatTime returns Unix seconds as text, for values of events that are times.
func FormatTime(unix int64) string { return time.Unix(unix, 0).UTC().Format(time.RFC3339) }

// Event is one event of a package base. From is the old value and To the new value, or empty if there is no such value.
type Event struct {
	Base     string
	Kind     EventKind
	From, To string
	Between  Interval
}

// EventJSON is an event in JSON. A value that does not exist is null.
type EventJSON struct {
	Base    string   `json:"pkgbase"`
	Event   string   `json:"event"`
	From    *string  `json:"from"`
	To      *string  `json:"to"`
	Between Interval `json:"between"`
}

// NewEvent returns an event. The parameter kind is the name of its kind.
func NewEvent(kind, base, from, to string, between Interval) (e Event, err error) {
	e = Event{Base: base, From: from, To: to, Between: between}
	if e.Kind, err = parseKind(kind); err != nil {
		return e, err
	}
	return e, e.check()
}

// JSON returns the event in the form that it has in JSON.
func (e Event) JSON() EventJSON {
	out := EventJSON{Base: e.Base, Event: e.Kind.String(), Between: e.Between}
	if e.From != "" {
		out.From = &e.From
	}
	if e.To != "" {
		out.To = &e.To
	}
	return out
}

// MarshalJSON writes the event with the keys pkgbase, event, from, to and between.
func (e Event) MarshalJSON() ([]byte, error) { return json.Marshal(e.JSON()) }

// UnmarshalJSON reads what MarshalJSON writes, and ignores other keys.
func (e *Event) UnmarshalJSON(text []byte) error {
	var in EventJSON
	if err := json.Unmarshal(text, &in); err != nil {
		return err
	}
	var from, to string
	if in.From != nil {
		from = *in.From
	}
	if in.To != nil {
		to = *in.To
	}
	var err error
	*e, err = NewEvent(in.Event, in.Base, from, to, in.Between)
	return err
}

// MaxText limits the length of a name and of a value, in bytes.
const MaxText = 255

// errEvent means that an event cannot be written to a journal.
var errEvent = errors.New("not an event of a package base")

// check returns an error if this version does not know the kind of the event, or if the texts of the event are invalid.
func (e *Event) check() error {
	if !e.Kind.IsKnown() {
		return fmt.Errorf("%s is %w", e.Kind, errKind)
	}
	return e.checkTexts()
}

// checkTexts returns an error if the texts of the event cannot be written to a journal.
func (e *Event) checkTexts() error {
	switch {
	case e.Base == "":
		return fmt.Errorf("%w: its name is empty", errEvent)
	case len(e.Base) > MaxText, len(e.From) > MaxText, len(e.To) > MaxText:
		return fmt.Errorf("%w: its name or a value is longer than %d bytes", errEvent, MaxText)
	}
	return nil
}
