package aurlevel

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/journal"
)

// now is the time of the latest dump in these tests.
const now = 1_790_000_000

// on returns an event between the observation of a day and that of the day before. Day 0 is now, day -1 the day before.
func on(n int64, kind journal.EventKind, from, to string) Event {
	return between(n-1, n, kind, from, to)
}

// between returns an event between the observations of two days.
func between(first, last int64, kind journal.EventKind, from, to string) Event {
	return Event{
		Source: journal.SourceDump,
		Event:  journal.Event{Base: "base", Kind: kind, From: from, To: to, Between: journal.Interval{From: now + first*day, To: now + last*day}},
	}
}

// listed returns the listing of a maintained package base that was last updated on a day.
func listed(updated int64) *Listing { return &Listing{Maintainer: "bob", UpdatedAt: now + updated*day} }

const (
	adopted     = journal.EventAdopted
	orphaned    = journal.EventOrphaned
	changed     = journal.EventMaintainerChanged
	coAdded     = journal.EventCoMaintainerAdded
	deleted     = journal.EventDeleted
	recreated   = journal.EventRecreated
	firstSeen   = journal.EventFirstSeen
	afterYear   = journal.EventUpdatedAfterDormancy
	hostChanged = journal.EventHostChanged
)

// TestFind checks each rule, just within and just beyond its limits. A finding is written as its level, its reason, and the
// number of its events.
func TestFind(t *testing.T) {
	for name, c := range map[string]struct {
		events  []Event
		listing *Listing
		want    string
	}{
		"a baseline is no news":                {nil, listed(-3), ""},
		"never in the AUR":                     {nil, nil, ""},
		"other events":                         {[]Event{on(0, hostChanged, "a", "b"), on(0, journal.EventCoMaintainerRemoved, "eve", "")}, listed(0), ""},
		"adopted and updated":                  {[]Event{on(-3, adopted, "", "bob")}, listed(-2), "look adopted-and-updated 1"},
		"updated 14 days after the adoption":   {[]Event{on(-20, adopted, "", "bob")}, listed(-6), "look adopted-and-updated 1"},
		"updated 15 days after the adoption":   {[]Event{on(-20, adopted, "", "bob")}, listed(-5), "note adopted 1"},
		"updated before the adoption":          {[]Event{on(-20, adopted, "", "bob")}, listed(-22), "note adopted 1"},
		"updated in the interval":              {[]Event{on(-20, adopted, "", "bob")}, listed(-21), "look adopted-and-updated 1"},
		"a gap widens the interval":            {[]Event{between(-60, -20, adopted, "", "bob")}, listed(-50), "look adopted-and-updated 1"},
		"updated before the gap":               {[]Event{between(-60, -20, adopted, "", "bob")}, listed(-61), "note adopted 1"},
		"adopted 90 days ago":                  {[]Event{on(-90, adopted, "", "bob")}, listed(-90), "look adopted-and-updated 1"},
		"adopted 91 days ago":                  {[]Event{on(-91, adopted, "", "bob")}, listed(-91), ""},
		"adopted again by the last maintainer": {[]Event{on(-9, orphaned, "bob", ""), on(-3, adopted, "", "bob")}, listed(-2), "note adopted 1"},
		"adopted again after 89 days":          {[]Event{on(-10, orphaned, "bob", ""), on(-3, adopted, "", "bob")}, listed(-2), "look adopted-and-updated 1"},
		"adopted again soon": {
			[]Event{on(-40, adopted, "", "eve"), on(-9, orphaned, "eve", ""), on(-3, adopted, "", "eve")},
			listed(-2), "look adopted-and-updated 1, note adopted 1",
		},
		"updated just before the dump": {
			[]Event{on(-20, adopted, "", "bob")}, &Listing{Maintainer: "bob", UpdatedAt: now - 21*day - maxDumpDelay}, "look adopted-and-updated 1",
		},
		"handed over to a new maintainer": {
			[]Event{on(-3, changed, "bob", "eve"), on(-3, coAdded, "", "bob")}, listed(-2), "note maintainer-changed 1",
		},
		"a new dependency":        {[]Event{on(-3, journal.EventYoungDependencyAdded, "", "x")}, listed(-2), "look young-dependency-added 1"},
		"adopted by another user": {[]Event{on(-9, orphaned, "eve", ""), on(-3, adopted, "", "bob")}, listed(-2), "look adopted-and-updated 1"},
		"adopted by an earlier maintainer": {
			[]Event{on(-9, orphaned, "bob", ""), on(-8, adopted, "", "eve"), on(-7, orphaned, "eve", ""), on(-6, adopted, "", "bob")},
			listed(-30),
			"note adopted 1, note adopted 1",
		},
		"maintainer changed":                 {[]Event{on(-3, changed, "eve", "bob")}, listed(-2), "note maintainer-changed 1"},
		"maintainer changed 91 days ago":     {[]Event{on(-91, changed, "eve", "bob")}, listed(-91), ""},
		"co-maintainer and update":           {[]Event{on(-3, coAdded, "", "eve")}, listed(-2), "look comaintainer-added-and-updated 1"},
		"co-maintainer without update":       {[]Event{on(-3, coAdded, "", "eve")}, listed(-5), ""},
		"co-maintainer and a later update":   {[]Event{on(-20, coAdded, "", "eve")}, listed(0), ""},
		"recreated":                          {[]Event{on(-3, recreated, "1", "2")}, listed(-3), "look recreated 1"},
		"recreated 91 days ago":              {[]Event{on(-91, recreated, "1", "2")}, listed(-91), ""},
		"deleted, and seen again":            {[]Event{on(-200, deleted, "1-1", ""), on(-3, firstSeen, "", "2-1")}, listed(-3), "look recreated 2"},
		"first seen after the installation":  {[]Event{on(-3, firstSeen, "", "2-1")}, listed(-3), "look appeared-after-installation 1"},
		"first seen before the installation": {[]Event{on(-5, firstSeen, "", "2-1")}, listed(-3), ""},
		"recreated, and deleted again": {
			[]Event{on(-9, deleted, "1-1", ""), on(-6, firstSeen, "", "2-1"), on(-3, deleted, "2-1", "")}, nil, "look recreated 2, note deleted 1",
		},
		"updated after a year":           {[]Event{on(-3, afterYear, "2024-01-01T00:00:00Z", "2026-09-01T00:00:00Z")}, listed(-3), "note updated-after-dormancy 1"},
		"not updated for years":          {nil, listed(-2000), ""},
		"orphaned":                       {[]Event{on(-3, orphaned, "eve", "")}, &Listing{}, "note orphaned 1"},
		"orphaned 91 days ago":           {[]Event{on(-91, orphaned, "eve", "")}, &Listing{}, "note orphaned 1"},
		"orphaned before the baseline":   {nil, &Listing{}, "note orphaned 0"},
		"orphaned in a dump without one": {[]Event{on(-9, orphaned, "eve", ""), on(-3, adopted, "", "bob")}, &Listing{}, "note adopted 1, note orphaned 0"},
		"orphaned, then adopted":         {[]Event{on(-9, orphaned, "eve", "")}, listed(-30), ""},
		"out of date":                    {[]Event{on(-3, journal.EventFlaggedOutOfDate, "", "2026-09-01T00:00:00Z")}, &Listing{Maintainer: "bob", FlaggedAt: 5}, "note out-of-date 0"},
		"no longer out of date":          {[]Event{on(-3, journal.EventFlaggedOutOfDate, "", "2026-09-01T00:00:00Z")}, listed(-2), ""},
		"deleted":                        {[]Event{on(-200, deleted, "1-1", "")}, nil, "note deleted 1"},
		"adopted, then deleted":          {[]Event{on(-9, adopted, "", "bob"), on(-3, deleted, "1-1", "")}, nil, "note adopted 1, note deleted 1"},
		"an event of a later version":    {[]Event{on(-3, journal.EventKind(99), "", "x")}, listed(-3), ""},
		"the highest level first": {
			[]Event{on(-9, changed, "a", "b"), on(-6, coAdded, "", "eve"), on(-3, adopted, "", "bob")},
			&Listing{UpdatedAt: now - 3*day, FlaggedAt: 5}, // a dump after the journal's last observation
			"look comaintainer-added-and-updated 1, look adopted-and-updated 1, note maintainer-changed 1, note orphaned 0, note out-of-date 0",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var texts []string
			for _, f := range Find(c.events, now-100*day, c.listing, Installation{At: now - 5*day}, nil, now) {
				texts = append(texts, fmt.Sprintf("%s %s %d", f.Level, f.Reason, len(f.Events)))
			}
			require.Equal(t, c.want, strings.Join(texts, ", "))
		})
	}
}

// TestFind_OrphanUpdate checks when an update of a package base without a maintainer is a finding. The journal begins with the
// observation of a day, and the package base was last updated on another day.
func TestFind_OrphanUpdate(t *testing.T) {
	for name, c := range map[string]struct {
		events         []Event
		begins, update int64
		want           bool
	}{
		"updated after the baseline":                {nil, -30, -29, true},
		"updated before the baseline":               {nil, -30, -30, false},
		"updated 90 days ago":                       {nil, -200, -90, true},
		"updated 91 days ago":                       {nil, -200, -91, false},
		"updated after it was orphaned":             {[]Event{on(-9, orphaned, "eve", "")}, -30, -8, true},
		"updated, then orphaned":                    {[]Event{on(-9, orphaned, "eve", "")}, -30, -9, false},
		"orphaned before a gap":                     {[]Event{on(-29, adopted, "", "bob"), on(-20, orphaned, "eve", "")}, -10, -15, false},
		"orphaned before a gap, and updated later":  {[]Event{on(-29, adopted, "", "bob"), on(-20, orphaned, "eve", "")}, -10, -5, true},
		"orphaned in a gap, and updated later":      {[]Event{on(-29, afterYear, "a", "b"), on(-20, changed, "eve", "bob")}, -10, -5, true},
		"submitted without a maintainer":            {[]Event{on(-9, firstSeen, "", "1-1")}, -30, -9, false},
		"updated after that":                        {[]Event{on(-9, firstSeen, "", "1-1")}, -30, -8, true},
		"adopted in the journal, but not in a dump": {[]Event{on(-9, adopted, "", "bob")}, -30, -8, false},
	} {
		t.Run(name, func(t *testing.T) {
			listing := &Listing{UpdatedAt: now + c.update*day}
			got := false
			for _, f := range Find(c.events, now+c.begins*day, listing, Installation{}, nil, now) {
				if f.Reason == ReasonUpdatedWithoutMaintainer {
					got = true
					require.Equal(t, LevelLook, f.Level)
					require.Equal(t, listing.UpdatedAt, f.UpdatedAt)
				}
			}
			require.Equal(t, c.want, got)
			for _, f := range Find(c.events, 0, listing, Installation{}, nil, now) {
				require.NotEqual(t, ReasonUpdatedWithoutMaintainer, f.Reason, "a journal without an observation")
			}
			listing.Maintainer = "bob"
			for _, f := range Find(c.events, now+c.begins*day, listing, Installation{}, nil, now) {
				require.NotEqual(t, ReasonUpdatedWithoutMaintainer, f.Reason, "a package base with a maintainer")
			}
		})
	}
}

// TestFind_OtherBase checks that there is always a finding if the installed package was built from another package base.
func TestFind_OtherBase(t *testing.T) {
	require.Equal(t, []Finding{{Level: LevelLook, Reason: ReasonMoved}}, Find(nil, now, listed(-3), Installation{FromOtherBase: true}, nil, now))
}

// TestFind_Documented checks that the table in docs/journal.md contains each reason with the right level, and nothing else.
func TestFind_Documented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/journal.md")
	require.NoError(t, err)
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| `([\\w-]+)` \\|").FindAllStringSubmatch(string(doc), -1) {
		documented = append(documented, row[1]+" "+row[2])
	}
	want := []string{}
	for level, reasons := range map[Level][]Reason{
		LevelAct: {ReasonKnownIncident},
		LevelLook: {
			ReasonPossibleIncident, ReasonCurrentIncident, ReasonMoved, ReasonAppeared, ReasonYoungDependency, ReasonAdoptedAndUpdated, ReasonCoMaintainerAndUpdated, ReasonMaintainerAndUpdated, ReasonRecreated, ReasonUpdatedWithoutMaintainer, ReasonYoung, ReasonUnknownDependency, ReasonLookAlike,
			ReasonChecksumSkipped, ReasonSourceHostChanged, ReasonInstallScriptAdded, ReasonInstallScriptChanged,
			ReasonScriptletDownloads, ReasonScriptletPackageManager, ReasonScriptletEvaluates, ReasonScriptletUnreadable,
		},
		LevelNote: {
			ReasonAdopted, ReasonMaintainerChanged, ReasonUpdatedAfterDormancy, ReasonOrphaned, ReasonOutOfDate, ReasonDeleted, ReasonUpdatedSinceDump, ReasonPendingRequests,
			ReasonScriptletEnablesService, ReasonScriptletWritesOutside,
		},
	} {
		for _, reason := range reasons {
			want = append(want, level.String()+" "+string(reason))
		}
	}
	require.ElementsMatch(t, want, documented)
	require.Len(t, allReasons(), len(want))
}

// TestFind_Evidence checks that a finding has its events and times, and that it does not depend on anything else.
func TestFind_Evidence(t *testing.T) {
	adoption := on(-3, adopted, "", "mallory")
	listing := &Listing{Maintainer: "mallory", UpdatedAt: now - 2*day, FlaggedAt: now - day}
	require.Equal(t, []Finding{
		{Level: LevelLook, Reason: ReasonAdoptedAndUpdated, Events: []Event{adoption}, UpdatedAt: now - 2*day},
		{Level: LevelNote, Reason: ReasonOutOfDate, FlaggedAt: now - day},
	}, Find([]Event{adoption}, now-100*day, listing, Installation{}, nil, now))
	gone, again := on(-9, deleted, "1-1", ""), on(-3, firstSeen, "", "2-1")
	require.Equal(t, []Finding{{Level: LevelLook, Reason: ReasonRecreated, Events: []Event{gone, again}}},
		Find([]Event{gone, on(-6, hostChanged, "a", "b"), again}, now-100*day, listed(-20), Installation{}, nil, now))
}
