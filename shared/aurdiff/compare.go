package aurdiff

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/omg-arch/omg/shared/journal"
)

const (
	day = 24 * 60 * 60
	// minDormancy is the time without an update, in seconds, after which an update is an event.
	minDormancy = 365 * day
	// maxYoungAge is the maximum age of a package base, in seconds, at which a new dependency on this package base is an event.
	maxYoungAge = 90 * day
	// maxLostCoMaintained is the maximum number of packages with co-maintainers in one dump if no package has any in the other dump. If it is exceeded,
	// one of the dumps lacks this field: some forms in which the AUR publishes its packages did not always have it.
	maxLostCoMaintained = 20
)

// Errors for two dumps whose differences do not show what happened in the AUR.
var (
	// ErrPartial means that the later dump lacks at least a tenth of the packages of the earlier dump, or that one of the
	// dumps lacks fields.
	ErrPartial = errors.New("the dump is probably incomplete")
	// ErrOlder means that the later dump is older than the earlier dump.
	ErrOlder = errors.New("the dump is older than the previous dump")
)

// comparison compares two observations.
type comparison struct {
	old, later *Observation
	interval   journal.Interval
	onEvent    func(journal.Event) error
	// isYoung reports whether a package was submitted shortly before the later observation.
	isYoung func(name []byte) bool
	// known holds, by package base, the events after the earlier observation that are recorded already, the oldest first.
	known    map[string][]journal.Event
	baseName string // the package base that is compared
	err      error  // the error that onEvent returned; afterwards onEvent is not called again
}

// Compare calls the function visit with each event between two observations, sorted by package base. Two observations of
// the same dump have no events. If the dumps cannot be compared, the error wraps ErrPartial or ErrOlder, and visit was not
// called. An error of visit is returned unchanged.
func Compare(old, now *Observation, visit func(journal.Event) error) error {
	return compareBeyond(old, now, nil, visit)
}

// compareBeyond is like Compare, but leaves out what the events known already say: events by package base that happened after the earlier
// observation, the oldest first.
func compareBeyond(old, now *Observation, known map[string][]journal.Event, visit func(journal.Event) error) error {
	c := &comparison{old: old, later: now, onEvent: visit, interval: IntervalBetween(old, now), known: known}
	if old.SHA256 == now.SHA256 {
		return nil
	}
	if err := c.checkComparable(); err != nil {
		return err
	}
	youngPackages := c.later.submittedSince(c.later.At - maxYoungAge)
	c.isYoung = func(name []byte) bool { return contains(youngPackages, name) }
	for before, after := range basePairs(old, now) {
		switch {
		case after == nil:
			c.emitDeleted(before.decodeBase())
		case before == nil:
			c.emitFirstSeen(after.decodeBase())
		case !before.hasSameRecords(after) || len(known[string(after.name)]) > 0:
			c.compareBase(before.decodeBase(), after.decodeBase())
		}
		if c.err != nil {
			return c.err
		}
	}
	return nil
}

// IntervalBetween returns the interval between two observations. If the clock was wrong and the second observation has the earlier
// time, the interval still includes both times.
func IntervalBetween(old, now *Observation) journal.Interval {
	return journal.Interval{From: min(old.At, now.At), To: max(old.At, now.At)}
}

// checkComparable returns an error if the differences between the dumps do not show what happened in the AUR.
func (c *comparison) checkComparable() error {
	old, now := c.old, c.later
	switch lost := old.PackageCount - now.PackageCount; {
	case lost > 0 && lost*10 >= old.PackageCount:
		return fmt.Errorf("%w: it has %d packages, the previous dump had %d", ErrPartial, now.PackageCount, old.PackageCount)
	case !isSimilarRatio(old.maintainedCount, old.PackageCount, now.maintainedCount, now.PackageCount):
		return fmt.Errorf("%w: %d of %d packages have a maintainer, in the previous dump %d of %d", ErrPartial,
			now.maintainedCount, now.PackageCount, old.maintainedCount, old.PackageCount)
	case !isSimilarRatio(old.extendedCount, old.PackageCount, now.extendedCount, now.PackageCount):
		return fmt.Errorf("%w: %d of %d packages have licenses, keywords or dependencies, in the previous dump %d of %d: "+
			"compare two dumps named packages-meta-ext-v1.json", ErrPartial, now.extendedCount, now.PackageCount, old.extendedCount, old.PackageCount)
	}
	if old, now := old.coMaintainedCount, now.coMaintainedCount; min(old, now) == 0 && max(old, now) > maxLostCoMaintained {
		return fmt.Errorf("%w: %d packages have co-maintainers, in the previous dump %d", ErrPartial, now, old)
	}
	return c.checkNotOlder()
}

// isSimilarRatio compares how many packages have a certain field: a of the allA packages of one dump, and b of the allB packages
// of the other dump. It reports whether the two percentages differ by less than 50.
func isSimilarRatio(a, allA, b, allB int) bool {
	return math.Abs(float64(a)/float64(allA)-float64(b)/float64(allB)) < 0.5
}

// checkNotOlder returns an error if the second dump is older than the first one.
//
// The content of the dumps decides which one is older, because the time of a package base's last update never decreases.
// Only if the content does not decide, the modification times of the files are compared. Therefore a wrong clock or a
// copied file usually makes no difference.
func (c *comparison) checkNotOlder() error {
	later, earlier := 0, 0
	for before, after := range basePairs(c.old, c.later) {
		if before == nil || after == nil || before.hasSameRecords(after) {
			continue
		}
		old, now := before.decodeBase(), after.decodeBase()
		switch {
		case now.modified > old.modified:
			later++
		case now.modified < old.modified && now.modified > 0 && !isRecreated(old, now):
			earlier++
		}
	}
	if earlier > later || earlier == later && c.later.Stamp.MtimeNS < c.old.Stamp.MtimeNS {
		return fmt.Errorf("%w: compared with it, the last update is earlier for %d package bases and later for %d", ErrOlder, earlier, later)
	}
	return nil
}

// submittedSince returns the sorted names of the packages whose package bases were submitted at the time since or later.
func (o *Observation) submittedSince(since int64) [][]byte {
	var names [][]byte
	for _, e := range o.recordRefs {
		f := o.recordAt(e)
		f.nextText()
		name := f.nextText()
		f.nextText()
		f.nextNumber()
		if int64(f.nextNumber()) >= since {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, bytes.Compare)
	return names
}

// emitEvent calls onEvent with an event of the current package base.
func (c *comparison) emitEvent(kind journal.EventKind, from, to string) {
	if c.err == nil && !c.isKnown(kind, from, to) {
		c.err = c.onEvent(journal.Event{Base: c.baseName, Kind: kind, From: from, To: to, Between: c.interval})
	}
}

// emitDeleted adds an event for a package base that only the earlier dump has. There is no event if the later dump has more
// unusable entries than the earlier dump, because one of them may be this package base.
func (c *comparison) emitDeleted(old *base) {
	c.baseName = string(old.name)
	if c.later.LeftOutCount <= c.old.LeftOutCount {
		c.emitEvent(journal.EventDeleted, string(old.version), "")
	}
}

// emitFirstSeen adds an event for a package base that only the later dump has. There is no event if the earlier dump has more
// unusable entries than the later dump, because one of them may be this package base.
func (c *comparison) emitFirstSeen(now *base) {
	c.baseName = string(now.name)
	if c.old.LeftOutCount <= c.later.LeftOutCount {
		c.emitEvent(journal.EventFirstSeen, "", string(now.version))
	}
}

// compareBase adds events for the differences of a package base that both dumps have.
func (c *comparison) compareBase(old, now *base) {
	c.baseName = string(now.name)
	again := isRecreated(old, now)
	switch {
	case again && old.submitted != now.submitted:
		c.emitEvent(journal.EventRecreated, formatTime(old.submitted), formatTime(now.submitted))
	case again:
		c.emitEvent(journal.EventRecreated, strconv.FormatUint(old.id, 10), strconv.FormatUint(now.id, 10))
	}
	c.emitMaintainerChanges(old, now)
	if !again && old.modified > 0 && now.modified >= old.modified+minDormancy {
		c.emitEvent(journal.EventUpdatedAfterDormancy, formatTime(old.modified), formatTime(now.modified))
	}
	if before, after := joinHosts(old), joinHosts(now); before != after {
		c.emitEvent(journal.EventHostChanged, before, after)
	}
	for _, name := range now.depends {
		if !contains(old.depends, name) && c.isYoung(name) && !contains(now.pkgs, name) {
			c.emitEvent(journal.EventYoungDependencyAdded, "", string(name))
		}
	}
	if now.outOfDateSince > 0 && now.outOfDateSince != old.outOfDateSince {
		c.emitEvent(journal.EventFlaggedOutOfDate, formatTime(old.outOfDateSince), formatTime(now.outOfDateSince))
	}
}

// emitMaintainerChanges adds events for the changes of the maintainer and the co-maintainers. If some changes are known already, it adds
// events for the changes before and after these.
func (c *comparison) emitMaintainerChanges(old, now *base) {
	before, after := old.maintainers(), now.maintainers()
	if known := c.known[c.baseName]; len(known) > 0 {
		first, last := before.replay(known)
		c.emitMaintainers(before, first)
		before = last
	}
	c.emitMaintainers(before, after)
}

// emitMaintainers adds events for the differences between the maintainers of a package base at two times.
func (c *comparison) emitMaintainers(old, now maintainers) {
	switch {
	case bytes.Equal(old.maintainer, now.maintainer):
	case len(now.maintainer) == 0:
		c.emitEvent(journal.EventOrphaned, string(old.maintainer), "")
	case len(old.maintainer) == 0:
		c.emitEvent(journal.EventAdopted, "", string(now.maintainer))
	default:
		c.emitEvent(journal.EventMaintainerChanged, string(old.maintainer), string(now.maintainer))
	}
	for _, name := range now.coMaintainers {
		if !contains(old.coMaintainers, name) {
			c.emitEvent(journal.EventCoMaintainerAdded, "", string(name))
		}
	}
	for _, name := range old.coMaintainers {
		if !contains(now.coMaintainers, name) {
			c.emitEvent(journal.EventCoMaintainerRemoved, string(name), "")
		}
	}
}

// joinHosts returns the hosts of a package base in the form of an event's value.
func joinHosts(b *base) string { return clipText(string(bytes.Join(b.hosts, []byte(" ")))) }

// formatTime returns a time in the form of an event's value, or "" if there is no time.
func formatTime(unix uint64) string {
	if unix == 0 {
		return ""
	}
	return journal.FormatTime(int64(unix))
}
