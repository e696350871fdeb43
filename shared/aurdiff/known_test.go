package aurdiff

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/wire"
)

// seen returns an event of the package demo that a reply of the AUR has shown an hour after monday's dump.
func seen(kind journal.EventKind, from, to string) journal.Event {
	return journal.Event{Base: "demo", Kind: kind, From: from, To: to, Between: journal.Interval{From: monday, To: monday + 3600}}
}

// recordPartial adds an entry with events that the AUR's replies have shown.
func recordPartial(t *testing.T, path string, at int64, events ...journal.Event) {
	t.Helper()
	w, err := journal.OpenWriter(path, func(*journal.Entry) error { return nil })
	require.NoError(t, err)
	require.NoError(t, w.Append(&journal.Entry{Events: events, Observation: journal.Observation{
		Outcome: journal.OutcomePartial, Source: journal.SourceRPC, Between: journal.Interval{From: monday, To: at}, PackageCount: 1,
	}}))
	require.NoError(t, w.Close())
}

// TestRecord_Known checks that the comparison of two dumps adds only what replies of the AUR between them have not shown already, whatever the
// package was before the first and after the last reply.
func TestRecord_Known(t *testing.T) {
	const changed, orphaned, adopted = journal.EventMaintainerChanged, journal.EventOrphaned, journal.EventAdopted
	const coAdded, coRemoved = journal.EventCoMaintainerAdded, journal.EventCoMaintainerRemoved
	for name, c := range map[string]struct {
		known    []journal.Event
		old, now pkg
		want     []string
	}{
		"the same change":                 {[]journal.Event{seen(orphaned, "alice", "")}, pkg{}, pkg{"Maintainer": nil}, nil},
		"two steps":                       {[]journal.Event{seen(orphaned, "alice", ""), seen(adopted, "", "bob")}, pkg{}, pkg{"Maintainer": "bob"}, nil},
		"there and back":                  {[]journal.Event{seen(orphaned, "alice", ""), seen(adopted, "", "alice")}, pkg{}, pkg{}, nil},
		"undone after the last reply":     {[]journal.Event{seen(changed, "alice", "bob")}, pkg{}, pkg{}, []string{`demo maintainer-changed "bob" "alice"`}},
		"another step after it":           {[]journal.Event{seen(orphaned, "alice", "")}, pkg{}, pkg{"Maintainer": "bob"}, []string{`demo adopted "" "bob"`}},
		"another step before it":          {[]journal.Event{seen(adopted, "", "bob")}, pkg{}, pkg{"Maintainer": "bob"}, []string{`demo orphaned "alice" ""`}},
		"a co-maintainer":                 {[]journal.Event{seen(coAdded, "", "eve")}, pkg{}, pkg{"CoMaintainers": []string{"eve", "zoe"}}, []string{`demo comaintainer-added "" "zoe"`}},
		"a co-maintainer who left":        {[]journal.Event{seen(coAdded, "", "eve")}, pkg{}, pkg{}, []string{`demo comaintainer-removed "eve" ""`}},
		"a co-maintainer, and back":       {[]journal.Event{seen(coAdded, "", "eve"), seen(coRemoved, "eve", "")}, pkg{}, pkg{}, nil},
		"a co-maintainer before it":       {[]journal.Event{seen(coRemoved, "eve", "")}, pkg{}, pkg{}, []string{`demo comaintainer-added "" "eve"`}},
		"a flag":                          {[]journal.Event{seen(journal.EventFlaggedOutOfDate, "", journal.FormatTime(monday))}, pkg{}, pkg{"OutOfDate": monday}, nil},
		"another flag":                    {[]journal.Event{seen(journal.EventFlaggedOutOfDate, "", journal.FormatTime(monday))}, pkg{}, pkg{"OutOfDate": monday + 9}, []string{`demo flagged-out-of-date "" "` + journal.FormatTime(monday+9) + `"`}},
		"recreated":                       {[]journal.Event{seen(journal.EventRecreated, journal.FormatTime(1_500_000_000), journal.FormatTime(monday))}, pkg{}, pkg{"FirstSubmitted": monday}, nil},
		"a change of another kind":        {[]journal.Event{seen(coAdded, "", "eve")}, pkg{}, pkg{"Maintainer": "bob", "CoMaintainers": []string{"eve"}}, []string{`demo maintainer-changed "alice" "bob"`}},
		"deleted, with an update between": {[]journal.Event{seen(journal.EventDeleted, "2-1", "")}, pkg{}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), journal.FileName)
			first, second := observe(t, monday, example(c.old)), observe(t, tuesday)
			if c.now != nil {
				c.now["LastModified"] = tuesday - 5
				second = observe(t, tuesday, example(c.now))
			}
			record(t, path, nil, first)
			recordPartial(t, path, monday+3600, c.known...)
			r := record(t, path, first, second)
			list := entries(t, path)
			require.Equal(t, c.want, short(list[2].Events))
			require.Equal(t, len(c.want), r.EventCount)
			require.Equal(t, journal.OutcomeCompared, r.Outcome)
			require.True(t, record(t, path, first, second).AlreadyRecorded)
		})
	}
}

// TestRecord_KnownOfAnEarlierDump checks that events up to the earlier dump do not count: the earlier dump shows them, too. An event that was
// seen after the later dump was made is not recorded again with the dump after it.
func TestRecord_KnownOfAnEarlierDump(t *testing.T) {
	path := filepath.Join(t.TempDir(), journal.FileName)
	first, second, third := held(t, monday, "alice"), held(t, tuesday, "bob"), held(t, tuesday+day, nil)
	record(t, path, nil, first)
	recordPartial(t, path, monday, seen(journal.EventMaintainerChanged, "bob", "alice"))
	require.Equal(t, 1, record(t, path, first, second).EventCount)
	orphaned := journal.Event{Base: "demo", Kind: journal.EventOrphaned, From: "bob"}
	recordPartial(t, path, tuesday+60, orphaned)
	require.Zero(t, record(t, path, second, third).EventCount)
}

// demo returns the package demo as alice maintains it.
func demo(change ...func(*wire.Package)) wire.Package {
	p := wire.Package{Name: "demo", Version: "1-1", URL: "https://demo.example", AUR: &wire.AUR{Maintainer: "alice", Submitted: 1_500_000_000, Modified: monday - 50}}
	for _, change := range change {
		change(&p)
	}
	return p
}

// TestPackageComparison checks the events between two observations of a few packages. The AUR has a young package "young".
func TestPackageComparison(t *testing.T) {
	part := func(name, base string) wire.Package {
		return demo(func(p *wire.Package) { p.Name, p.Base = name, base })
	}
	for name, c := range map[string]struct {
		old, later []wire.Package
		known      []journal.Event
		want       []string
	}{
		"nothing":                          {[]wire.Package{demo()}, []wire.Package{demo()}, nil, nil},
		"orphaned":                         {[]wire.Package{demo()}, []wire.Package{demo(func(p *wire.Package) { p.AUR.Maintainer = "" })}, nil, []string{`demo orphaned "alice" ""`}},
		"known":                            {[]wire.Package{demo()}, []wire.Package{demo(func(p *wire.Package) { p.AUR.Maintainer = "" })}, []journal.Event{seen(journal.EventOrphaned, "alice", "")}, nil},
		"deleted":                          {[]wire.Package{demo()}, nil, nil, []string{`demo deleted "1-1" ""`}},
		"first seen":                       {nil, []wire.Package{demo()}, nil, []string{`demo first-seen "" "1-1"`}},
		"a package that its base has lost": {[]wire.Package{part("a", "split"), part("b", "split")}, []wire.Package{part("a", "split")}, nil, nil},
		"a base with other packages":       {[]wire.Package{part("a", "whole")}, nil, nil, nil},
		"a package that moved":             {[]wire.Package{part("a", "old")}, []wire.Package{part("a", "new")}, nil, []string{`new first-seen "" "1-1"`}},
		"a young dependency": {[]wire.Package{demo()}, []wire.Package{demo(func(p *wire.Package) { p.CheckDepends = []string{"young>1", "aged"} })}, nil, []string{
			`demo young-dependency-added "" "young"`,
		}},
		"an impossible package base": {[]wire.Package{part("a", "/etc")}, nil, nil, []string{`a deleted "1-1" ""`}},
		"not from the AUR":           {[]wire.Package{{Name: "demo"}}, nil, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			between := journal.Interval{From: monday, To: tuesday}
			got := PackageComparison{
				Old: c.old, Later: c.later, Known: c.known, Between: between,
				IsYoung: func(name string, since int64) bool {
					require.EqualValues(t, tuesday-maxYoungAge, since)
					return name == "young"
				},
				HasOtherPackages: func(base string, names []string) bool {
					require.Equal(t, c.old[0].Name, names[0])
					return base == "whole"
				},
			}.Events()
			require.Equal(t, c.want, short(got))
			for _, e := range got {
				require.Equal(t, between, e.Between)
			}
		})
	}
}
