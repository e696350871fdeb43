// Package aurreplay replays a simulated year of the AUR, and measures what omg's rules find in it.
//
// Every day it compares the AUR with that of the day before, as omgd compares two dumps, and derives the findings about all package bases with
// the rules of package aurlevel. Both are the functions that omgd and omg call.
package aurreplay

import (
	"cmp"
	"slices"
	"time"

	"github.com/omg-arch/omg/integration/aurlife"
	"github.com/omg-arch/omg/shared/aurdiff"
	"github.com/omg-arch/omg/shared/aurlevel"
	"github.com/omg-arch/omg/shared/journal"
)

const (
	day = 24 * 60 * 60
	// fullCheckDays is how often, in days, package bases that have not changed are checked as well.
	fullCheckDays = 10
)

// Options describes a replay.
type Options struct {
	aurlife.Options
	Days int
	// Machines is the number of machines, each of which has Foreign packages of the AUR, which are chosen by votes.
	Machines, Foreign int
}

// Result is what a replay has measured.
type Result struct {
	Packages, Days int
	Events         map[string]int
	// Reasons has the findings of the level look by their reason, and Notes those of the level note.
	Reasons, Notes map[string]*Count
	Incidents      []*Detection
	// MachineMonths is the number of machines, multiplied by the number of months.
	MachineMonths float64
}

// Count counts findings. The same finding on several days counts once.
type Count struct {
	// OfIncidents is the number of findings that follow from an incident, and Other that of the others.
	OfIncidents, Other int
	// OnMachines and OtherOnMachines are the numbers of times that a machine has such a finding.
	OnMachines, OtherOnMachines int
}

// Detection is how an incident was found.
type Detection struct {
	*aurlife.Incident
	// Bases is the number of harmful package bases. FirstDump is for how many of them the first dump after the harmful update
	// led to a finding of the level look, and LaterDump for how many a later one.
	Bases, FirstDump, LaterDump int
	// Live is for how many a check with a reply of the AUR leads to such a finding as soon as the package base is harmful.
	Live int
	// LookAlikes is how many have a name like that of a popular package, and were in a dump.
	LookAlikes int
	// HarmfulHours is for how long the package bases were harmful altogether, and FoundHours how much of this was after the dump with the finding.
	HarmfulHours, FoundHours float64
}

// replay is a running replay.
type replay struct {
	world    *aurlife.World
	o        Options
	begin    int64
	events   map[string][]aurlevel.Event // by package base
	recent   map[string]int64            // the time of the last event of a package base
	found    map[string]bool             // findings that were counted
	installs map[string]int              // on how many machines a package base is installed
	harmed   map[*aurlife.Base]*harm
	all      []journal.Event // in the order in which they were observed
	users    *aurlevel.Users // by the latest dump
	popular  []aurlevel.Popular
	result   *Result
}

// harm is a package base that is or was harmful.
type harm struct {
	*aurlife.Base
	of           *Detection
	since, until int64 // until is 0 while it is harmful
	foundAt      int64 // when a dump led to a finding of the level look
}

// Run replays a year.
func Run(o Options) *Result {
	r := newReplay(o)
	for n := range o.Days {
		r.observe(r.begin + int64(n+1)*day)
	}
	r.finish()
	return r.result
}

// newReplay returns a replay that has observed the first dump.
func newReplay(o Options) *replay {
	r := &replay{
		world: aurlife.New(o.Options), o: o, begin: o.Start.Unix(), events: map[string][]aurlevel.Event{}, recent: map[string]int64{},
		found: map[string]bool{}, installs: map[string]int{}, harmed: map[*aurlife.Base]*harm{},
		result: &Result{
			Packages: o.Packages, Days: o.Days, Events: map[string]int{}, Reasons: map[string]*Count{}, Notes: map[string]*Count{},
			MachineMonths: float64(o.Machines) * float64(o.Days) * 12 / 365,
		},
	}
	detections := map[*aurlife.Incident]*Detection{}
	for i := range o.Incidents {
		d := &Detection{Incident: &o.Incidents[i]}
		detections[&o.Incidents[i]], r.result.Incidents = d, append(r.result.Incidents, d)
	}
	r.world.OnHarm = func(b *aurlife.Base) { r.addHarm(b, detections[b.Incident]) }
	r.world.OnRestored = func(b *aurlife.Base) { r.harmed[b].until = r.world.Now }
	r.install()
	r.world.Changes()
	r.readUsers()
	return r
}

// observe continues until the next dump, and counts the findings that follow from it.
func (r *replay) observe(now int64) {
	before := r.world.Now
	r.world.Advance(now)
	old, later := r.world.Changes()
	changed := map[string]bool{}
	for i := range later {
		changed[later[i].Base] = true
	}
	for _, e := range r.compare(journal.Interval{From: before, To: now}, &aurdiff.PackageComparison{Old: old, Later: later}) {
		r.result.Events[e.Kind.String()]++
		r.events[e.Base] = append(r.events[e.Base], aurlevel.Event{Event: e, Source: journal.SourceDump})
		r.all = append(r.all, e)
		r.recent[e.Base] = now
		changed[e.Base] = true
	}
	// Findings begin when a package base changes, and seldom when only others change.
	if (now-r.begin)/day%fullCheckDays == 0 {
		for base, at := range r.recent {
			changed[base] = true
			if at < now-aurlevel.MaxEventAge {
				delete(r.recent, base)
			}
		}
	}
	r.readUsers()
	for base := range changed {
		r.check(base, now)
		if b := r.world.Base(base); b != nil && b.Submitted >= before {
			r.checkLookAlike(b, now)
		}
	}
	r.checkNames(now)
}

// readUsers reads what the latest dump and all events show about users.
func (r *replay) readUsers() {
	r.users = &aurlevel.Users{MaintainerOf: func(name string) string {
		if b := r.world.Base(name); b != nil {
			return b.Maintainer()
		}
		return ""
	}}
	for i := range r.all {
		r.users.AddEvent(&r.all[i])
	}
	r.popular = r.popular[:0]
	for _, b := range r.world.Bases {
		r.users.AddPackage(b.Holding(), r.begin)
		if b.Votes >= aurlevel.MinPopularVotes {
			r.popular = append(r.popular, aurlevel.Popular{
				Name: b.Name, Base: b.Name, Maintainer: b.Maintainer(), Votes: uint32(b.Votes), SubmittedAt: b.Submitted,
			})
		}
	}
}

// checkNames checks the harmful package bases with new names as if a user named them: the dump has them now.
func (r *replay) checkNames(now int64) {
	for _, h := range r.harmed {
		if h.of.Shape == aurlife.Adoption || h.foundAt > 0 || h.until > 0 {
			continue
		}
		for _, f := range aurlevel.FindLive(&aurlevel.Live{RepliedAt: now, SubmittedAt: h.Submitted}) {
			if f.Level >= aurlevel.LevelLook {
				h.foundAt = now
			}
		}
	}
}

// checkLookAlike counts the finding that a new package base is a look-alike.
func (r *replay) checkLookAlike(b *aurlife.Base, now int64) {
	f := aurlevel.FindLookAlike(b.Name, b.Name, listing(b), r.popular, now)
	if f.Level == 0 {
		return
	}
	if h := r.harmed[b]; h != nil {
		h.of.LookAlikes++
	}
	r.count(&f, b.Name, b.AttackedAt > 0)
}

// compare returns the events between two observations.
func (r *replay) compare(between journal.Interval, c *aurdiff.PackageComparison) []journal.Event {
	c.Between = between
	c.IsYoung = func(name string, since int64) bool {
		at := r.world.SubmittedAt(name)
		return at > 0 && at >= since
	}
	c.HasOtherPackages = func(string, []string) bool { return false }
	return c.Events()
}

// listing returns what a dump of this moment has about a package base.
func listing(b *aurlife.Base) *aurlevel.Listing {
	if b == nil {
		return nil
	}
	return &aurlevel.Listing{Maintainer: b.Maintainer(), FlaggedAt: b.OutOfDate, UpdatedAt: b.Modified, SubmittedAt: b.Submitted, Votes: uint32(b.Votes)}
}

// check counts the findings about a package base that are new.
func (r *replay) check(name string, now int64) {
	b := r.world.Base(name)
	for _, f := range aurlevel.Find(r.events[name], r.begin, listing(b), aurlevel.Installation{}, r.users, now) {
		isHarm := b != nil && b.AttackedAt > 0 && happenedAt(&f) >= b.AttackedAt
		if h := r.harmed[b]; isHarm && h != nil && f.Level >= aurlevel.LevelLook && h.foundAt == 0 {
			h.foundAt = now
		}
		if key := name + " " + identify(&f); !r.found[key] {
			r.found[key] = true
			r.count(&f, name, isHarm)
		}
	}
}

// happenedAt returns the time of the last event of a finding or, without events, of the update.
func happenedAt(f *aurlevel.Finding) int64 {
	at := f.UpdatedAt
	for _, e := range f.Events {
		at = max(at, e.Between.To)
	}
	return at
}

// identify returns a text that is the same for the same finding on several days.
func identify(f *aurlevel.Finding) string {
	text := string(f.Reason)
	for _, e := range f.Events {
		text += " " + journal.FormatTime(e.Between.To) + e.Kind.String() + e.To
	}
	if len(f.Events) == 0 {
		text += journal.FormatTime(f.UpdatedAt)
	}
	return text
}

// count counts a finding.
func (r *replay) count(f *aurlevel.Finding, base string, isHarm bool) {
	counts := r.result.Notes
	if f.Level >= aurlevel.LevelLook {
		counts = r.result.Reasons
	}
	c := counts[string(f.Reason)]
	if c == nil {
		c = &Count{}
		counts[string(f.Reason)] = c
	}
	if isHarm {
		c.OfIncidents++
		c.OnMachines += r.installs[base]
	} else {
		c.Other++
		c.OtherOnMachines += r.installs[base]
	}
}

// addHarm records that a package base has become harmful, and what a check with a reply of the AUR finds at this moment.
func (r *replay) addHarm(b *aurlife.Base, d *Detection) {
	r.harmed[b] = &harm{Base: b, of: d, since: r.world.Now}
	d.Bases++
	dumpAt := r.begin + (r.world.Now-r.begin)/day*day
	old, later := r.world.ChangesOf(b)
	if len(old) == 0 {
		return // the last dump does not have it: omg does not ask about it
	}
	events := r.events[b.Name]
	for _, e := range r.compare(journal.Interval{From: dumpAt, To: r.world.Now}, &aurdiff.PackageComparison{Old: old, Later: later}) {
		events = append(slices.Clone(events), aurlevel.Event{Event: e, Source: journal.SourceRPC})
	}
	found := aurlevel.Find(events, r.begin, listing(b), aurlevel.Installation{}, r.users, r.world.Now)
	if len(found) > 0 && found[0].Level >= aurlevel.LevelLook {
		d.Live++
	}
}

// finish sums up how the incidents were found.
func (r *replay) finish() {
	for _, h := range r.harmed {
		if h.until == 0 {
			h.until = r.world.Now
		}
		firstDump := r.begin + ((h.since-r.begin)/day+1)*day
		switch {
		case h.foundAt == firstDump:
			h.of.FirstDump++
		case h.foundAt > 0:
			h.of.LaterDump++
		}
		h.of.HarmfulHours += float64(h.until-h.since) / 3600
		if h.foundAt > 0 {
			h.of.FoundHours += float64(max(h.until-h.foundAt, 0)) / 3600
		}
	}
}

// install chooses the packages of the machines by their votes, as installations would be.
func (r *replay) install() {
	pick := newVotePicker(r.world.Bases, r.o.Seed)
	for range r.o.Machines {
		has := map[string]bool{}
		for len(has) < min(r.o.Foreign, len(r.world.Bases)) {
			if name := pick.next(); !has[name] {
				has[name] = true
				r.installs[name]++
			}
		}
	}
}

// Precision returns the share of findings of the level look that follow from an incident.
func (r *Result) Precision() float64 {
	of, other := 0, 0
	for _, c := range r.Reasons {
		of, other = of+c.OfIncidents, other+c.Other
	}
	return float64(of) / float64(max(of+other, 1))
}

// PerMachineMonth returns the numbers of findings of the level look for each machine and month: those of incidents, and the others.
func (r *Result) PerMachineMonth() (of, other float64) {
	for _, c := range r.Reasons {
		of, other = of+float64(c.OnMachines), other+float64(c.OtherOnMachines)
	}
	months := cmp.Or(r.MachineMonths, 1)
	return of / months, other / months
}

// start is the first day of the replayed year.
var start = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// UsualYear returns the options of a year with 100,000 packages and machines with 40 packages of the AUR.
func UsualYear(seed uint64, scale float64, incidents []aurlife.Incident) Options {
	return Options{
		Options: aurlife.Options{Seed: seed, Packages: 100_000, Rates: aurlife.UsualRates().Scaled(scale), Start: start, Incidents: incidents},
		Days:    365, Machines: 2000, Foreign: 40,
	}
}
