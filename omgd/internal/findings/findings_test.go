package findings

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/incidents"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

func TestMain(m *testing.M) { await.RunTestMain(m) }

// world is a daemon's state with a journal, and the Keeper of its findings.
type world struct {
	*Keeper
	t       *testing.T
	log     bytes.Buffer
	changes int // how often the findings have changed
	// observedAt is the time of the last observation in the journal, in Unix seconds; 0 if it has none.
	observedAt int64
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t}
	w.Keeper = New(Config{
		JournalPath: filepath.Join(t.TempDir(), journal.FileName), IsTrustedOwner: func(uid uint32) bool { return int(uid) == os.Getuid() },
		SnapshotHolder: state.NewHolder(), Log: slog.New(slog.NewTextHandler(&w.log, nil)), OnChange: func() { w.changes++ },
	})
	return w
}

// index returns an index of the given packages of a source.
func (w *world) index(source string, kind pkgindex.SourceKind, packages []*wire.Package) *pkgindex.File {
	w.t.Helper()
	b := pkgindex.NewBuilder("test", 1)
	into := b.AddSource(source, kind)
	for _, p := range packages {
		require.NoError(w.t, into.Add(p))
	}
	data, err := b.Bytes()
	require.NoError(w.t, err)
	f, err := pkgindex.OpenBytes(data)
	require.NoError(w.t, err)
	return f
}

// publish makes a snapshot in which the given packages are installed and in the AUR.
func (w *world) publish(change func(*snapshot.Inputs), packages ...*wire.Package) {
	w.t.Helper()
	local := &pacmandb.Local{}
	for _, p := range packages {
		local.Packages = append(local.Packages, &pacmandb.Installed{Package: wire.Package{Name: p.Name, Version: p.Version}})
	}
	in := snapshot.Inputs{
		Local: snapshot.LocalInput{Packages: local},
		Repositories: []snapshot.IndexedSource{{
			Source: wire.Source{Name: "core", Kind: wire.KindRepository, State: wire.SourceOK}, Usage: pacmandb.UsageAll, Index: w.index("core", pkgindex.KindRepo, nil),
		}},
		AUR: &snapshot.IndexedSource{
			Source: wire.Source{Name: wire.SourceAUR, Kind: wire.KindAUR, State: wire.SourceOK}, Index: w.index(wire.SourceAUR, pkgindex.KindAUR, packages),
		},
	}
	if change != nil {
		change(&in)
	}
	s := snapshot.Build(in)
	w.SnapshotHolder.Swap(state.New(s, nil))
}

// observe adds an observation with the given events to the journal. The first one is the baseline.
func (w *world) observe(events ...journal.Event) {
	w.t.Helper()
	now := time.Now().Unix()
	writer, err := journal.OpenWriter(w.JournalPath, func(*journal.Entry) error { return nil })
	require.NoError(w.t, err)
	outcome, before := journal.OutcomeCompared, w.observedAt
	if before == 0 {
		outcome, before = journal.OutcomeBaseline, now
	}
	w.observedAt = now
	require.NoError(w.t, writer.Append(&journal.Entry{Events: events, Observation: journal.Observation{
		Outcome: outcome, Source: journal.SourceDump, Between: journal.Interval{From: before, To: now},
	}}))
	require.NoError(w.t, writer.Close())
}

func maintained(name string) *wire.Package {
	return &wire.Package{Name: name, Version: "1-1", AUR: &wire.AUR{Maintainer: "eva"}}
}

func orphan(name string) *wire.Package {
	return &wire.Package{Name: name, Version: "1-1", AUR: &wire.AUR{}}
}

// TestKeeper_Changes checks that each change of an input is noticed, and that findings are unknown without a journal or a dump.
func TestKeeper_Changes(t *testing.T) {
	w := newWorld(t)
	update := func() *snapshot.AURFindings {
		w.update(t.Context())
		return w.Latest()
	}
	require.Nil(t, update(), "no snapshot")
	w.publish(nil, orphan("a"), maintained("b"))
	require.Nil(t, update(), "no journal")
	require.Zero(t, w.changes)

	w.observe()
	orphaned := &wire.AURMark{Level: wire.FindingLevelNote, Reasons: []string{"orphaned"}}
	require.Equal(t, map[string]*wire.AURMark{"a": orphaned, "b": nil}, update().Marks)
	require.Equal(t, 1, w.changes)

	w.observe(journal.Event{Base: "b", Kind: journal.EventRecreated, From: "1", To: "2"}, journal.Event{Base: "c", Kind: journal.EventRecreated, From: "1", To: "2"})
	recreated := &wire.AURMark{Level: wire.FindingLevelLook, Reasons: []string{"recreated"}}
	require.Equal(t, map[string]*wire.AURMark{"a": orphaned, "b": recreated}, update().Marks)

	w.publish(nil, maintained("b"), maintained("c"))
	require.Equal(t, map[string]*wire.AURMark{"b": recreated, "c": recreated}, update().Marks, "other packages are installed")
	require.Equal(t, 3, w.changes)

	w.publish(func(in *snapshot.Inputs) { in.Repositories[0].Building = true }, maintained("b"))
	require.Len(t, update().Marks, 2, "the foreign packages are not known while an index is being built")
	w.publish(func(in *snapshot.Inputs) { in.AUR = nil }, maintained("b"))
	require.Nil(t, update(), "no dump")
	require.Equal(t, 4, w.changes)
	require.Empty(t, w.log.String())
}

// TestKeeper_Unchanged checks that findings are not computed again while no input changes: then the next snapshot has the same
// findings, and is not replaced.
func TestKeeper_Unchanged(t *testing.T) {
	w := newWorld(t)
	w.observe()
	w.publish(nil, orphan("a"))
	w.update(t.Context())
	first := w.Latest()
	require.NotNil(t, first)
	w.publish(nil, orphan("a"))
	w.update(t.Context())
	require.Same(t, first, w.Latest())
	w.observe() // without events, so that the findings are computed again and are the same
	w.update(t.Context())
	require.Same(t, first, w.Latest())
	require.Equal(t, 1, w.changes)
}

// TestKeeper_Age checks that findings are computed again after a day, because they end with time.
func TestKeeper_Age(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.observe(journal.Event{Base: "a", Kind: journal.EventRecreated, From: "1", To: "2"})
		w.publish(nil, maintained("a"))
		w.update(t.Context())
		require.NotNil(t, w.Latest().Marks["a"])
		require.False(t, w.Latest().Incomplete)
		time.Sleep(3 * 24 * time.Hour)
		w.update(t.Context())
		require.NotNil(t, w.Latest().Marks["a"])
		require.True(t, w.Latest().Incomplete, "the journal is old")
		time.Sleep(100 * 24 * time.Hour)
		w.update(t.Context())
		require.Nil(t, w.Latest().Marks["a"])
		require.Equal(t, 3, w.changes)

		// The clock was ahead when the findings were computed: their age is unknown.
		w.computedAt = time.Now().Add(10 * 24 * time.Hour)
		w.update(t.Context())
		require.Equal(t, time.Now(), w.computedAt)
	})
}

// TestKeeper_Damaged checks that a journal that cannot be read makes the findings unknown, that this is logged once, and that the
// findings return with the journal.
func TestKeeper_Damaged(t *testing.T) {
	w := newWorld(t)
	w.observe()
	w.publish(nil, orphan("a"))
	w.update(t.Context())
	good, err := os.ReadFile(w.JournalPath)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(w.JournalPath, []byte("precious"), 0o644))
	for range 3 {
		w.update(t.Context())
		require.Nil(t, w.Latest())
	}
	require.Equal(t, 1, strings.Count(w.log.String(), "findings about packages of the AUR not computed"), w.log.String())
	require.NoError(t, os.WriteFile(w.JournalPath, good, 0o644))
	w.update(t.Context())
	require.NotNil(t, w.Latest())
	require.Equal(t, 3, w.changes)
}

// TestKeeper_Incidents checks that installed packages that match a known incident are marked, also those of a repository and also
// without a journal, and that a change of the list or of a build date is noticed.
func TestKeeper_Incidents(t *testing.T) {
	w := newWorld(t)
	path := filepath.Join(t.TempDir(), "list.toml")
	w.Keeper.Incidents = incidents.Sources{Elements: incidents.ParseElements([]string{path}), IsTrusted: w.IsTrustedOwner}
	update := func() *snapshot.AURFindings {
		w.update(t.Context())
		return w.Latest()
	}
	installed := func(builtAt time.Time) func(in *snapshot.Inputs) {
		return func(in *snapshot.Inputs) {
			in.Local.Packages.Packages[0].BuildDate = builtAt.Unix()
			in.Local.Packages.Packages[0].InstallDate = builtAt.Unix()
		}
	}
	require.NoError(t, os.WriteFile(path, []byte(fixture.IncidentList(1, "9999-12-31", "bad")), 0o644))
	harmful := time.Date(2026, 6, 12, 0, 0, 0, 0, time.UTC)
	w.publish(installed(harmful), orphan("bad"))
	require.Equal(t, map[string]*wire.AURMark{"bad": {Level: wire.FindingLevelAct, Reasons: []string{"known-incident"}}}, update().Marks)
	require.True(t, update().Incomplete, "there is no journal")

	w.observe()
	require.Equal(t, map[string]*wire.AURMark{"bad": {Level: wire.FindingLevelAct, Reasons: []string{"known-incident", "orphaned"}}}, update().Marks)
	require.False(t, update().Incomplete)

	w.publish(installed(harmful.AddDate(0, 1, 0)), orphan("bad"))
	require.Equal(t, map[string]*wire.AURMark{"bad": {Level: wire.FindingLevelNote, Reasons: []string{"orphaned"}}}, update().Marks)

	require.NoError(t, os.Remove(path))
	require.True(t, update().Incomplete, "the list cannot be read")
}

// TestKeeper_Scriptlets checks that the findings about scriptlets are among the others, and that an upgrade changes them.
func TestKeeper_Scriptlets(t *testing.T) {
	w := newWorld(t)
	db := t.TempDir()
	write := func(script string) {
		require.NoError(t, os.MkdirAll(filepath.Join(db, "local", "a-1-1"), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(db, "local", "a-1-1", "install"), []byte(script), 0o644))
	}
	publish := func() *snapshot.AURFindings {
		w.publish(func(in *snapshot.Inputs) { in.DBPath = db }, orphan("a"))
		w.update(t.Context())
		return w.Latest()
	}
	write("post_install() {\n\tcurl x\n}\n")
	require.Equal(t, map[string]*wire.AURMark{"a": {Level: wire.FindingLevelLook, Reasons: []string{"scriptlet-downloads"}}}, publish().Marks)
	require.True(t, w.Latest().Incomplete, "there is no journal")
	w.observe()
	require.Equal(t, map[string]*wire.AURMark{"a": {Level: wire.FindingLevelLook, Reasons: []string{"scriptlet-downloads", "orphaned"}}}, publish().Marks)
	require.False(t, w.Latest().Incomplete)
	write("post_install() {\n\techo curl x\n}\n")
	require.Equal(t, map[string]*wire.AURMark{"a": {Level: wire.FindingLevelNote, Reasons: []string{"orphaned"}}}, publish().Marks)
}

// TestKeeper_Run checks that a Keeper that is woken computes findings, and that Run ends with its context.
func TestKeeper_Run(t *testing.T) {
	w := newWorld(t)
	changed := make(chan struct{})
	w.OnChange = func() { close(changed) }
	w.observe()
	w.publish(nil, orphan("a"))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.Run(ctx)
	}()
	w.Wake()
	w.Wake()
	await.Receive(t, changed, "the findings")
	stop()
	await.Receive(t, ended, "the end of Run")
	require.Len(t, w.Latest().Marks, 1)
}

// TestKeeper_Check checks that the result of a check is given only for a snapshot with the inputs from which it was computed, and only for a
// day.
func TestKeeper_Check(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		check := func() (*wire.AURCheckResult, error) {
			t.Helper()
			st, release, err := w.SnapshotHolder.Acquire()
			require.NoError(t, err)
			defer release()
			return w.Check(st.Snapshot)
		}
		requireNone := func(why string) {
			t.Helper()
			_, err := check()
			require.Equal(t, wire.CodeNotReady, wire.CodeOf(err), why)
			select {
			case <-w.awake: // the findings are computed again
			default:
				require.Nil(t, w.answer.Load(), why)
			}
		}
		a, b := orphan("a"), maintained("b")
		w.publish(nil, a, b)
		requireNone("never computed")
		w.update(t.Context())
		requireNone("no journal")
		w.observe()
		requireNone("not computed since the journal exists")
		w.update(t.Context())
		found, err := check()
		require.NoError(t, err)
		require.EqualValues(t, 2, found.CheckedCount)
		require.Equal(t, []string{"a", "b"}, found.Bases)
		require.Equal(t, []wire.CheckedPackage{{
			Name: "a", Base: "a", Installed: "1-1", Findings: []wire.AURFinding{{Level: wire.FindingLevelNote, Reason: "orphaned"}}, Evidence: &wire.InstallEvidence{},
		}}, found.Packages)
		require.NotNil(t, wire.FindSourceByKind(found.Sources, wire.KindAUR))

		w.observe(journal.Event{Base: "b", Kind: journal.EventRecreated, From: "1", To: "2"})
		requireNone("another journal")
		w.update(t.Context())
		found, err = check()
		require.NoError(t, err)
		require.Len(t, found.Packages, 2)

		w.publish(nil, b)
		requireNone("other installed packages")
		w.update(t.Context())
		w.publish(func(in *snapshot.Inputs) { in.Local.FailureReason = "gone"; in.Local.Packages = nil }, b)
		_, err = check()
		require.Error(t, err)

		w.publish(nil, b)
		w.update(t.Context())
		_, err = check()
		require.NoError(t, err)
		time.Sleep(maxAge)
		requireNone("a day old")
		w.update(t.Context())
		_, err = check()
		require.NoError(t, err)
	})
}
