package direct

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/wire"
)

const dayLength = 24 * 60 * 60

// writeJournal writes a journal into a data directory. Its first observation was three days before the time end. Each further
// argument has the events between the observation of one day and that of the next day, the last one at the time end.
func writeJournal(t *testing.T, data string, end int64, days ...[]journal.Event) (path string) {
	t.Helper()
	path = filepath.Join(paths.IndexDir(data), journal.FileName)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	w, err := journal.OpenWriter(path, func(*journal.Entry) error { return nil })
	require.NoError(t, err)
	at := end - int64(len(days))*dayLength
	require.NoError(t, w.Append(&journal.Entry{Observation: journal.Observation{
		Outcome: journal.OutcomeBaseline, Source: journal.SourceDump, Between: journal.Interval{From: at, To: at},
	}}))
	for _, events := range days {
		next := at + dayLength
		require.NoError(t, w.Append(&journal.Entry{Events: events, Observation: journal.Observation{
			Outcome: journal.OutcomeCompared, Source: journal.SourceDump, Between: journal.Interval{From: at, To: next},
		}}))
		at = next
	}
	require.NoError(t, w.Close())
	return path
}

// logged returns what AURLog passes to visit, as "BASE EVENT", and its result.
func (w *testSystem) logged(r backend.AURLogRequest) (events []string, log *backend.AURLogResult, err error) {
	log, err = w.backend().AURLog(w.t.Context(), &r, func(e *backend.AUREvent) error {
		events = append(events, e.Base+" "+e.Event)
		return nil
	})
	return events, log, err
}

// monday is the time of the last observation in the journals of these tests.
var monday = time.Date(2026, 9, 21, 12, 0, 0, 0, time.UTC).Unix()

// testDays returns the events of two days: one of a package base that is not installed, and one of each given package base.
func testDays(bases ...string) [][]journal.Event {
	days := [][]journal.Event{{{Base: "other", Kind: journal.EventMaintainerChanged, From: "alice", To: "bob"}}, nil}
	for _, base := range bases {
		days[1] = append(days[1], journal.Event{Base: base, Kind: journal.EventOrphaned, From: "carol"})
	}
	return days
}

func TestAURLog(t *testing.T) {
	w := newTestSystem(t)
	w.buildOwn()
	foreign, err := w.backend().Installed(t.Context(), &wire.InstalledRequest{Filter: wire.FilterForeign, Details: true})
	require.NoError(t, err)
	require.NotEmpty(t, foreign.Packages)
	name := foreign.Packages[0].Name
	writeJournal(t, w.path("share/omg"), monday, testDays(name)...)
	for _, c := range []struct {
		request backend.AURLogRequest
		want    []string
	}{
		{backend.AURLogRequest{}, []string{name + " orphaned"}},
		{backend.AURLogRequest{All: true}, []string{"other maintainer-changed", name + " orphaned"}},
		{backend.AURLogRequest{Names: []string{"other"}}, []string{"other maintainer-changed"}},
		{backend.AURLogRequest{Names: []string{name, "other"}}, []string{"other maintainer-changed", name + " orphaned"}},
		{backend.AURLogRequest{All: true, Since: monday - dayLength}, []string{"other maintainer-changed", name + " orphaned"}},
		{backend.AURLogRequest{All: true, Since: monday - dayLength + 1}, []string{name + " orphaned"}},
		{backend.AURLogRequest{All: true, Since: monday + 1}, nil},
	} {
		events, log, err := w.logged(c.request)
		require.NoError(t, err)
		require.Equal(t, c.want, events)
		require.Equal(t, backend.NewInterval(monday-2*dayLength, monday), *log.Observed)
	}
}

// TestAURLog_PackageBase checks that the events of a package's package base are found by the name of the package, if the
// package is in the AUR but not installed.
func TestAURLog_PackageBase(t *testing.T) {
	w := newTestSystem(t)
	w.buildOwn()
	w.writeAUR(monday, &wire.Package{Name: "part", Version: "1-1", Base: "base", AUR: &wire.AUR{}})
	writeJournal(t, w.path("share/omg"), monday, testDays("base")...)
	events, _, err := w.logged(backend.AURLogRequest{Names: []string{"part"}})
	require.NoError(t, err)
	require.Equal(t, []string{"base orphaned"}, events)
}

// TestAURLog_MovedToAnotherBase checks that the events of both package bases are listed for an installed package that was built from another package base
// than the one in which the AUR has it.
func TestAURLog_MovedToAnotherBase(t *testing.T) {
	w := newTestSystem(t)
	w.buildOwn()
	w.write("db/local/part-1-1/desc", "%NAME%\npart\n\n%VERSION%\n1-1\n\n%BASE%\nbuilt\n\n")
	w.writeAUR(monday, &wire.Package{Name: "part", Version: "1-1", Base: "base", AUR: &wire.AUR{}})
	writeJournal(t, w.path("share/omg"), monday, testDays("base", "built")...)
	for _, names := range [][]string{nil, {"part"}} {
		events, _, err := w.logged(backend.AURLogRequest{Names: names})
		require.NoError(t, err)
		require.Equal(t, []string{"base orphaned", "built orphaned"}, events)
	}
	require.Empty(t, w.notes)
}

// TestAURLog_Provides checks that a name that an installed package provides does not stand for this package.
func TestAURLog_Provides(t *testing.T) {
	w := newTestSystem(t)
	w.buildOwn()
	w.write("db/local/base-1-1/desc", "%NAME%\nbase\n\n%VERSION%\n1-1\n\n%PROVIDES%\nother\n\n")
	writeJournal(t, w.path("share/omg"), monday, testDays("base")...)
	events, _, err := w.logged(backend.AURLogRequest{Names: []string{"other"}})
	require.NoError(t, err)
	require.Equal(t, []string{"other maintainer-changed"}, events)
}

// TestAURLog_NoDatabases checks that the events of a package base can be listed on a machine without pacman.
func TestAURLog_NoDatabases(t *testing.T) {
	w := newTestSystem(t)
	require.NoError(t, os.RemoveAll(w.path("db")))
	_, _, err := w.logged(backend.AURLogRequest{All: true})
	require.ErrorContains(t, err, "no journal of the AUR in "+w.path("share/omg/index"))
	writeJournal(t, w.path("share/omg"), monday, testDays()...)
	events, _, err := w.logged(backend.AURLogRequest{Names: []string{"other"}})
	require.NoError(t, err)
	require.Equal(t, []string{"other maintainer-changed"}, events)
	require.Contains(t, strings.Join(w.notes, "\n"), "the package bases of other are unknown: ")
	_, _, err = w.logged(backend.AURLogRequest{})
	require.ErrorContains(t, err, "no local database at "+w.path("db/local"))
}

// TestAURLog_Damaged checks that the readable entries of a damaged journal are used, and that the result describes the damage.
func TestAURLog_Damaged(t *testing.T) {
	w := newTestSystem(t)
	path := writeJournal(t, w.path("share/omg"), monday, testDays("base")...)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		content    string
		want       []string
		problem    string
		incomplete bool
	}{
		"cut off":  {string(content[:len(content)-3]), []string{"other maintainer-changed"}, "the last entry of the journal is incomplete", false},
		"an entry": {strings.Replace(string(content), "alice", "alicE", 1), []string{"base orphaned"}, "1 entry cannot be read", true},
	} {
		require.NoError(t, os.WriteFile(path, []byte(c.content), 0o644))
		events, log, err := w.logged(backend.AURLogRequest{All: true})
		require.NoError(t, err, name)
		require.Equal(t, c.want, events, name)
		require.Contains(t, log.Problem, c.problem, name)
		require.Equal(t, c.incomplete, log.Incomplete, name)
	}
	require.NoError(t, os.WriteFile(path, []byte("precious"), 0o644))
	_, _, err = w.logged(backend.AURLogRequest{All: true})
	require.ErrorIs(t, err, journal.ErrNotJournal)
	require.ErrorContains(t, err, path)
}

// TestAURLog_Refused checks that an observation that was refused is reported, and that a journal that has no other observation
// has no interval.
func TestAURLog_Refused(t *testing.T) {
	w := newTestSystem(t)
	path := writeJournal(t, w.path("share/omg"), monday, testDays()...)
	refused := &journal.Entry{Observation: journal.Observation{
		Outcome: journal.OutcomeRefused, Source: journal.SourceDump, Between: journal.Interval{From: monday, To: monday + dayLength},
	}}
	observed := backend.NewInterval(monday-2*dayLength, monday)
	for _, want := range []*backend.Interval{&observed, nil} {
		if want == nil {
			require.NoError(t, os.Remove(path))
		}
		journalWriter, err := journal.OpenWriter(path, func(*journal.Entry) error { return nil })
		require.NoError(t, err)
		require.NoError(t, journalWriter.Append(refused))
		require.NoError(t, journalWriter.Close())
		_, log, err := w.logged(backend.AURLogRequest{All: true})
		require.NoError(t, err)
		require.True(t, log.LastRefused)
		require.Equal(t, want, log.Observed)
	}
}

// TestAURLog_Gap checks that a journal with a gap is complete only since the end of the gap. A refused observation is not a gap.
func TestAURLog_Gap(t *testing.T) {
	w := newTestSystem(t)
	path := writeJournal(t, w.path("share/omg"), monday, testDays()...)
	completeSince := func() int64 {
		t.Helper()
		_, log, err := w.logged(backend.AURLogRequest{All: true})
		require.NoError(t, err)
		require.Equal(t, monday-2*dayLength, log.Observed[0].Unix())
		return log.CompleteSince.Unix()
	}
	require.Equal(t, monday-2*dayLength, completeSince())
	for _, c := range []struct {
		outcome        journal.Outcome
		from, to, want int64
	}{
		{journal.OutcomeRefused, 0, 1, -2},
		{journal.OutcomeCompared, 0, 2, -2},
		{journal.OutcomeBaseline, 9, 9, 9},
		{journal.OutcomeCompared, 9, 10, 9},
		{journal.OutcomeBaseline, 10, 10, 10},
	} {
		journalWriter, err := journal.OpenWriter(path, func(*journal.Entry) error { return nil })
		require.NoError(t, err)
		require.NoError(t, journalWriter.Append(&journal.Entry{Observation: journal.Observation{
			Outcome: c.outcome, Source: journal.SourceDump, Between: journal.Interval{From: monday + c.from*dayLength, To: monday + c.to*dayLength},
		}}))
		require.NoError(t, journalWriter.Close())
		require.Equal(t, monday+c.want*dayLength, completeSince())
	}
}

// TestAURLog_SeveralJournals checks which journal is read if several journals exist.
func TestAURLog_SeveralJournals(t *testing.T) {
	w := newTestSystem(t)
	own := writeJournal(t, w.path("share/omg"), monday, testDays()...)
	there := writeJournal(t, w.path("named"), monday, testDays()...)
	read := func() string {
		t.Helper()
		_, log, err := w.logged(backend.AURLogRequest{All: true})
		require.NoError(t, err)
		return log.Path
	}
	require.Equal(t, own, read())
	w.o.DataDir = w.path("named")
	require.Equal(t, there, read())
	w.o.DataDir = ""
	for _, named := range []string{filepath.Dir(there), filepath.Join(filepath.Dir(there), "aur.omgidx")} {
		w.o.IndexPaths = []string{named}
		require.Equal(t, there, read())
	}
	w.o.IndexPaths = []string{filepath.Dir(own), filepath.Dir(there)}
	require.NoError(t, os.Chtimes(own, time.Time{}, time.Unix(monday, 0)))
	require.Equal(t, there, read(), "the most recently written journal")
	require.NoError(t, os.Chmod(there, 0o666))
	_, _, err := w.logged(backend.AURLogRequest{All: true})
	require.ErrorContains(t, err, "other users can write it")
}
