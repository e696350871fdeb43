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
	// dormant is the time without an update, in seconds, after which an update is an event.
	dormant = 365 * day
	// young is the maximum age of a package base, in seconds, at which a new dependency on this package base is an event.
	young = 90 * day
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
	old, now *Observation
	between  journal.Interval
	visit    func(journal.Event) error
	young    [][]byte // the names of the packages that were submitted shortly before now, sorted
	name     string   // the package base that is compared
	err      error    // the error that visit returned; afterwards visit is not called again
}

// Compare calls the function visit with each event between two observations, sorted by package base. Two observations of
// the same dump have no events. If the dumps cannot be compared, the error wraps ErrPartial or ErrOlder, and visit was not
// called. An error of visit is returned unchanged.
func Compare(old, now *Observation, visit func(journal.Event) error) error {
	c := &comparison{old: old, now: now, visit: visit, between: Between(old, now)}
	if old.SHA256 == now.SHA256 {
		return nil
	}
	if err := c.check(); err != nil {
		return err
	}
	c.young = c.now.submittedSince(c.now.At - young)
	for before, after := range bases(old, now) {
		switch {
		case after == nil:
			c.deleted(before.read())
		case before == nil:
			c.firstSeen(after.read())
		case !before.same(after):
			c.compare(before.read(), after.read())
		}
		if c.err != nil {
			return c.err
		}
	}
	return nil
}

// Between returns the interval between two observations. If the clock was wrong and the second observation has the earlier
// time, the interval still includes both times.
func Between(old, now *Observation) journal.Interval {
	return journal.Interval{From: min(old.At, now.At), To: max(old.At, now.At)}
}

// check returns an error if the differences between the dumps do not show what happened in the AUR.
func (c *comparison) check() error {
	old, now := c.old, c.now
	switch lost := old.Packages - now.Packages; {
	case lost > 0 && lost*10 >= old.Packages:
		return fmt.Errorf("%w: it has %d packages, the previous dump had %d", ErrPartial, now.Packages, old.Packages)
	case !similar(old.maintained, old.Packages, now.maintained, now.Packages):
		return fmt.Errorf("%w: %d of %d packages have a maintainer, in the previous dump %d of %d", ErrPartial,
			now.maintained, now.Packages, old.maintained, old.Packages)
	case !similar(old.extended, old.Packages, now.extended, now.Packages):
		return fmt.Errorf("%w: %d of %d packages have licenses, keywords or dependencies, in the previous dump %d of %d: "+
			"compare two dumps named packages-meta-ext-v1.json", ErrPartial, now.extended, now.Packages, old.extended, old.Packages)
	}
	return c.checkOrder()
}

// similar compares how many packages have a certain field: a of the allA packages of one dump, and b of the allB packages
// of the other dump. It reports whether the two percentages differ by less than 50.
func similar(a, allA, b, allB int) bool {
	return math.Abs(float64(a)/float64(allA)-float64(b)/float64(allB)) < 0.5
}

// checkOrder returns an error if the second dump is older than the first one.
//
// The content of the dumps decides which one is older, because the time of a package base's last update never decreases.
// Only if the content does not decide, the modification times of the files are compared. Therefore a wrong clock or a
// copied file usually makes no difference.
func (c *comparison) checkOrder() error {
	later, earlier := 0, 0
	for before, after := range bases(c.old, c.now) {
		if before == nil || after == nil || before.same(after) {
			continue
		}
		old, now := before.read(), after.read()
		switch {
		case now.modified > old.modified:
			later++
		case now.modified < old.modified && now.modified > 0 && !recreated(old, now):
			earlier++
		}
	}
	if earlier > later || earlier == later && c.now.Stamp.MtimeNS < c.old.Stamp.MtimeNS {
		return fmt.Errorf("%w: compared with it, the last update is earlier for %d package bases and later for %d", ErrOlder, earlier, later)
	}
	return nil
}

// submittedSince returns the sorted names of the packages whose package bases were submitted at the time since or later.
func (o *Observation) submittedSince(since int64) [][]byte {
	var names [][]byte
	for _, e := range o.entries {
		f := o.record(e)
		f.text()
		name := f.text()
		f.text()
		f.number()
		if int64(f.number()) >= since {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, bytes.Compare)
	return names
}

// event calls visit with an event of the current package base.
func (c *comparison) event(kind journal.Kind, from, to string) {
	if c.err == nil {
		c.err = c.visit(journal.Event{Base: c.name, Kind: kind, From: from, To: to, Between: c.between})
	}
}

// deleted adds an event for a package base that only the earlier dump has. There is no event if the later dump has more
// unusable entries than the earlier dump, because one of them may be this package base.
func (c *comparison) deleted(old *base) {
	c.name = string(old.name)
	if c.now.LeftOut <= c.old.LeftOut {
		c.event(journal.Deleted, string(old.version), "")
	}
}

// firstSeen adds an event for a package base that only the later dump has. There is no event if the earlier dump has more
// unusable entries than the later dump, because one of them may be this package base.
func (c *comparison) firstSeen(now *base) {
	c.name = string(now.name)
	if c.old.LeftOut <= c.now.LeftOut {
		c.event(journal.FirstSeen, "", string(now.version))
	}
}

// compare adds events for the differences of a package base that both dumps have.
func (c *comparison) compare(old, now *base) {
	c.name = string(now.name)
	again := recreated(old, now)
	switch {
	case again && old.submitted != now.submitted:
		c.event(journal.Recreated, timeOf(old.submitted), timeOf(now.submitted))
	case again:
		c.event(journal.Recreated, strconv.FormatUint(old.id, 10), strconv.FormatUint(now.id, 10))
	}
	c.maintainers(old, now)
	if !again && old.modified > 0 && now.modified >= old.modified+dormant {
		c.event(journal.UpdatedAfterDormancy, timeOf(old.modified), timeOf(now.modified))
	}
	if before, after := hosts(old), hosts(now); before != after {
		c.event(journal.HostChanged, before, after)
	}
	for _, name := range now.depends {
		if !contains(old.depends, name) && contains(c.young, name) && !contains(now.pkgs, name) {
			c.event(journal.YoungDependencyAdded, "", string(name))
		}
	}
	if now.outOfDate > 0 && now.outOfDate != old.outOfDate {
		c.event(journal.FlaggedOutOfDate, timeOf(old.outOfDate), timeOf(now.outOfDate))
	}
}

// maintainers adds events for the changes of the maintainer and the co-maintainers.
func (c *comparison) maintainers(old, now *base) {
	switch {
	case bytes.Equal(old.maintainer, now.maintainer):
	case len(now.maintainer) == 0:
		c.event(journal.Orphaned, string(old.maintainer), "")
	case len(old.maintainer) == 0:
		c.event(journal.Adopted, "", string(now.maintainer))
	default:
		c.event(journal.MaintainerChanged, string(old.maintainer), string(now.maintainer))
	}
	for _, name := range now.coMaintainers {
		if !contains(old.coMaintainers, name) {
			c.event(journal.CoMaintainerAdded, "", string(name))
		}
	}
	for _, name := range old.coMaintainers {
		if !contains(now.coMaintainers, name) {
			c.event(journal.CoMaintainerRemoved, string(name), "")
		}
	}
}

// hosts returns the hosts of a package base in the form of an event's value.
func hosts(b *base) string { return clipped(string(bytes.Join(b.hosts, []byte(" ")))) }

// timeOf returns a time in the form of an event's value, or "" if there is no time.
func timeOf(unix uint64) string {
	if unix == 0 {
		return ""
	}
	return journal.Time(int64(unix))
}
