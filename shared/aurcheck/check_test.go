package aurcheck

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/aurlevel"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// now is the time of the tests, in Unix seconds, and day a number of seconds.
const (
	day = 24 * 60 * 60
	now = 20_000 * day
)

// index returns an index of the given packages of a source.
func index(t *testing.T, source string, kind pkgindex.SourceKind, packages ...*wire.Package) *pkgindex.File {
	t.Helper()
	b := pkgindex.NewBuilder("test", 1)
	into := b.AddSource(source, kind)
	for _, p := range packages {
		require.NoError(t, into.Add(p))
	}
	data, err := b.Bytes()
	require.NoError(t, err)
	f, err := pkgindex.OpenBytes(data)
	require.NoError(t, err)
	return f
}

// newSnapshot returns a snapshot with an AUR of the given packages, all of which are installed, and an empty repository.
func newSnapshot(t *testing.T, packages ...*wire.Package) *snapshot.Snapshot {
	t.Helper()
	local := &pacmandb.Local{}
	for _, p := range packages {
		local.Packages = append(local.Packages, &pacmandb.Installed{Package: wire.Package{Name: p.Name, Base: p.Base, Version: p.Version}})
	}
	s := snapshot.Build(snapshot.Inputs{
		Local: snapshot.LocalInput{Packages: local},
		Repositories: []snapshot.IndexedSource{{
			Source: wire.Source{Name: "core", Kind: wire.KindRepository, State: wire.SourceOK}, Usage: pacmandb.UsageAll,
			Index: index(t, "core", pkgindex.KindRepo),
		}},
		AUR: &snapshot.IndexedSource{
			Source: wire.Source{Name: wire.SourceAUR, Kind: wire.KindAUR, State: wire.SourceOK}, Index: index(t, wire.SourceAUR, pkgindex.KindAUR, packages...),
		},
	})
	return s
}

// entry returns an entry of the journal for the last day, with the given events.
func entry(events ...journal.Event) *journal.Entry {
	e := &journal.Entry{Observation: journal.Observation{
		Outcome: journal.OutcomeCompared, Source: journal.SourceDump, Between: journal.Interval{From: now - day, To: now},
	}}
	for _, event := range events {
		event.Between = e.Between
		e.Events = append(e.Events, event)
	}
	return e
}

// checkAll returns the result for all foreign packages of a snapshot, with the given entries of the journal.
func checkAll(t *testing.T, s *snapshot.Snapshot, entries ...*journal.Entry) *Result {
	t.Helper()
	c, err := New(s)
	require.NoError(t, err)
	_, err = c.AddPackages(nil)
	require.NoError(t, err)
	reading := JournalReading{Observed: journal.Interval{From: now - day, To: now}, CompleteSince: now - day}
	for _, e := range entries {
		require.NoError(t, c.AddEvents(e))
	}
	return c.Finish(&reading, now)
}

// TestCheck_ManyEvents checks that the number of events of one package base is limited, and that the newest ones are used.
func TestCheck_ManyEvents(t *testing.T) {
	events := make([]journal.Event, 2*maxEventsOfBase+1)
	for i := range events {
		events[i] = journal.Event{Base: "busy", Kind: journal.EventFirstSeen, To: "1-1"}
	}
	events[len(events)-1] = journal.Event{Base: "busy", Kind: journal.EventAdopted, To: "bob"}
	result := checkAll(t, newSnapshot(t, &wire.Package{Name: "busy", Version: "1-1", AUR: &wire.AUR{Maintainer: "bob"}}), entry(events...))
	require.Equal(t, []string{"busy"}, result.Shortened)
	require.Len(t, result.Packages, 1)
	require.Equal(t, aurlevel.ReasonAdopted, result.Packages[0].Findings[0].Reason)
}

// TestCheck_Order checks that a package with more findings of the highest level comes first, however many others another has.
func TestCheck_Order(t *testing.T) {
	maintained := func() *wire.AUR { return &wire.AUR{Maintainer: "bob"} }
	result := checkAll(t, newSnapshot(t,
		&wire.Package{Name: "a", Version: "1-1", AUR: &wire.AUR{OutOfDate: 1}},
		&wire.Package{Name: "b", Version: "1-1", AUR: maintained()},
		&wire.Package{Name: "c", Version: "1-1", AUR: maintained()},
		&wire.Package{Name: "d", Version: "1-1", AUR: maintained()},
	), entry(
		journal.Event{Base: "b", Kind: journal.EventRecreated, From: "1", To: "2"},
		journal.Event{Base: "c", Kind: journal.EventRecreated, From: "1", To: "2"},
		journal.Event{Base: "c", Kind: journal.EventYoungDependencyAdded, To: "new"},
	))
	require.Equal(t, 4, result.CheckedCount)
	var names []string
	for _, p := range result.Packages {
		names = append(names, p.Name)
	}
	require.Equal(t, []string{"c", "b", "a"}, names)
}

// TestCheck_PackageBase checks that the name of a package base stands for its packages, unless it is also the name of a package.
func TestCheck_PackageBase(t *testing.T) {
	s := newSnapshot(t,
		&wire.Package{Name: "tool", Base: "tool-base", Version: "1-1", AUR: &wire.AUR{}},
		&wire.Package{Name: "tool-docs", Base: "tool-base", Version: "1-1", AUR: &wire.AUR{}},
		&wire.Package{Name: "both", Version: "1-1", AUR: &wire.AUR{}},
		&wire.Package{Name: "both-docs", Base: "both", Version: "1-1", AUR: &wire.AUR{}},
	)
	for _, c := range []struct{ names, want, missing []string }{
		{[]string{"tool-base"}, []string{"tool", "tool-docs"}, nil},
		{[]string{"tool-base", "tool", "nosuch"}, []string{"tool", "tool-docs"}, []string{"nosuch"}},
		{[]string{"both"}, []string{"both"}, nil},
		{[]string{"removed"}, []string{"removed"}, nil}, // only the journal knows it
	} {
		check, err := New(s)
		require.NoError(t, err)
		_, err = check.AddPackages(c.names)
		require.NoError(t, err)
		require.NoError(t, check.AddEvents(entry(journal.Event{Base: "removed", Kind: journal.EventDeleted, From: "1-1"})))
		result := check.Finish(&JournalReading{}, now)
		var names []string
		for _, p := range result.Packages {
			names = append(names, p.Name)
		}
		require.Equal(t, c.want, names)
		require.Equal(t, c.missing, result.Missing)
	}
}

// TestReadJournal_WithoutNames checks that a journal says so if names of maintainers were left out of it, and only then.
func TestReadJournal_WithoutNames(t *testing.T) {
	const observation = `{"observation":"compared","source":"dump","between":["2026-01-01T00:00:00Z","2026-01-02T00:00:00Z"],"packages":8,"sha256":"` +
		`0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}` + "\n"
	read := func(event, from, to string) JournalReading {
		path := filepath.Join(t.TempDir(), journal.FileName)
		line := fmt.Sprintf(`{"pkgbase":"a","event":%q,"from":%s,"to":%s,"between":["2026-01-01T00:00:00Z","2026-01-02T00:00:00Z"]}`+"\n", event, from, to)
		_, err := journal.Import(path, strings.NewReader(observation+line))
		require.NoError(t, err)
		reading, err := ReadJournal(path, nil, func(*journal.Entry) error { return nil })
		require.NoError(t, err)
		return reading
	}
	for _, event := range []string{"adopted", "orphaned", "maintainer-changed", "comaintainer-added", "comaintainer-removed"} {
		reading := read(event, "null", "null")
		require.Equal(t, "the names of maintainers are left out: what follows from them is unknown", reading.Problem, event)
		require.True(t, LacksEvents(&reading, &Result{}, reading.Observed.To))
	}
	for _, reading := range []JournalReading{read("adopted", "null", `"who"`), read("orphaned", `"who"`, "null"), read("flagged-out-of-date", "null", "null")} {
		require.Empty(t, reading.Problem)
		require.False(t, LacksEvents(&reading, &Result{}, reading.Observed.To))
	}
}
