package app

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/omgd/internal/store"
	"github.com/omg-arch/omg/shared/advisories"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/statusfile"
	"github.com/omg-arch/omg/shared/wire"
)

// keeperSystem has a status keeper, the inputs of its snapshots, and the status file that the keeper writes.
type keeperSystem struct {
	*statusKeeper
	t    *testing.T
	in   snapshot.Inputs
	file *statusfile.Status // the status that the last refresh wrote; nil if it wrote none
	data string
}

func newKeeperSystem(t *testing.T) *keeperSystem {
	t.Helper()
	db := t.TempDir()
	require.NoError(t, fixture.WriteDatabases(db, fixture.Options{Packages: 50, Installed: 10, Seed: 1}))
	k := &keeperSystem{t: t, data: t.TempDir(), in: snapshot.Inputs{DBPath: db, CheckedAt: time.Now()}}
	require.NoError(t, os.WriteFile(filepath.Join(db, "pacman.conf"), []byte(fixture.PacmanConfig), 0o644))
	pacman, err := sources.Config{DBPath: db, PacmanConfig: filepath.Join(db, "pacman.conf")}.ReadPacmanSetup()
	require.NoError(t, err)
	k.in.PacmanConfig = pacman.Config
	for i := range pacman.Repositories {
		repo := &pacman.Repositories[i]
		f, err := repo.BuildInMemory(t.Context(), nil)
		require.NoError(t, err)
		k.in.Repositories = append(k.in.Repositories, snapshot.IndexedSource{Index: f, Usage: repo.Usage, Source: wire.Source{
			Name: repo.Name, Kind: wire.KindRepository, State: wire.SourceOK, AsOf: 1_790_000_000, ChangedAt: 1_790_000_000,
		}})
	}
	k.readLocal()
	k.start()
	return k
}

// start opens the store, as omgd does.
func (k *keeperSystem) start() {
	k.t.Helper()
	o := options{data: k.data, log: slog.New(slog.DiscardHandler), store: store.Limits{OpenTimeout: await.Timeout, OperationTimeout: await.Timeout, CloseTimeout: await.Timeout}}
	k.statusKeeper = newStatusKeeper(o, filepath.Join(k.data, "omg.sock"), state.NewHolder())
	k.otherProblems = func() []wire.Problem { return nil }
	k.refreshInterval = func() time.Duration { return time.Minute }
	k.write = func(_ string, s statusfile.Status) error { k.file = &s; return nil }
	k.t.Cleanup(k.close)
}

// restart closes the store and opens it again.
func (k *keeperSystem) restart() {
	k.t.Helper()
	k.close()
	k.snapshotHolder.SetError("the end")
	k.start()
}

// readLocal reads the local database.
func (k *keeperSystem) readLocal() {
	k.t.Helper()
	var err error
	k.in.Local.Packages, err = pacmandb.ReadLocal(k.t.Context(), k.in.DBPath)
	require.NoError(k.t, err)
}

// remove removes a package from the local database.
func (k *keeperSystem) remove() {
	k.t.Helper()
	p := k.in.Local.Packages.Packages[0]
	require.NoError(k.t, os.RemoveAll(filepath.Join(k.in.DBPath, "local", p.Name+"-"+p.Version)))
	k.readLocal()
}

// refresh publishes a snapshot of the inputs, saves the snapshot's status and returns it.
func (k *keeperSystem) refresh() *wire.StatusResult {
	k.t.Helper()
	k.in.Generation++
	s := snapshot.Build(k.in)
	k.snapshotHolder.Swap(state.New(s, nil))
	k.file = nil
	k.onRefresh()
	r, err := s.Status()
	require.NoError(k.t, err)
	return r
}

// installed returns the number of installed packages in each entry of the history.
func (k *keeperSystem) installed() (list []uint32) {
	for _, e := range k.history(100) {
		list = append(list, *e.Counts.Installed)
	}
	return list
}

// TestStatusKeeper_History checks that the history has an entry for each change of the counts, except for
// changes caused by a source that could not be read. The history survives a restart.
func TestStatusKeeper_History(t *testing.T) {
	k := newKeeperSystem(t)
	require.Nil(t, k.previousStatus())
	require.Empty(t, k.history(100))
	k.refresh()
	require.Equal(t, []uint32{10}, k.installed())
	k.refresh()
	require.Equal(t, []uint32{10}, k.installed(), "nothing has changed")

	core := k.in.Repositories[0]
	k.in.Repositories[0].Index, k.in.Repositories[0].State, k.in.Repositories[0].Why = nil, wire.SourceFailed, "damaged"
	require.True(t, k.refresh().Partial)
	k.in.Repositories[0] = core
	k.in.Local.FailureReason = "cannot be read"
	require.True(t, k.refresh().Stale)
	k.in.Local.FailureReason = ""
	last := k.refresh()
	require.Len(t, k.history(100), 1, "a source that could not be read is not a change")

	k.restart()
	require.Equal(t, last, k.previousStatus())
	require.Equal(t, []uint32{10}, k.installed())
	k.refresh()
	require.Equal(t, []uint32{10}, k.installed(), "nothing has changed since the last run")
	k.remove()
	k.refresh()
	k.remove()
	last = k.refresh()
	require.Equal(t, []uint32{10, 9, 8}, k.installed())
	require.Len(t, k.history(2), 2)
	require.EqualValues(t, 8, *k.history(1)[0].Counts.Installed)

	k.restart()
	require.Equal(t, []uint32{10, 9, 8}, k.installed())
	require.Equal(t, last, k.previousStatus())
	changed := k.previousStatus()
	changed.Stale, changed.Why = true, "by a request"
	require.Equal(t, last, k.previousStatus(), "each caller has its own copy")
}

// TestStatusKeeper_Building checks that a status that is saved while an index is being built does not replace
// the status of the last omgd.
func TestStatusKeeper_Building(t *testing.T) {
	k := newKeeperSystem(t)
	last := k.refresh()
	k.restart()
	indexes := k.in.Repositories
	k.in.Repositories = nil
	for _, s := range indexes {
		s.Index, s.Building, s.State, s.Why = nil, true, wire.SourceFailed, "the database is being indexed"
		k.in.Repositories = append(k.in.Repositories, s)
	}
	require.Nil(t, k.refresh().Counts.Updates)
	require.NotNil(t, k.file, "prompts show the number of installed packages")
	require.Equal(t, statusfile.Number{}, k.file.Updates)
	require.Equal(t, statusfile.NewNumber(10), k.file.Installed)
	require.Len(t, k.history(100), 1)
	k.restart()
	require.Equal(t, last, k.previousStatus())
}

// TestStatusKeeper_NeverRight checks that there is no status file before the first successful check.
func TestStatusKeeper_NeverRight(t *testing.T) {
	k := newKeeperSystem(t)
	k.in.CheckedAt, k.in.Local = time.Time{}, snapshot.LocalInput{FailureReason: "cannot be read"}
	k.refresh()
	require.Nil(t, k.file)
	k.snapshotHolder.SetError("pacman.conf: no such file")
	k.onRefresh()
	require.Nil(t, k.file)
}

// TestStatusKeeper_File checks two rules for numbers in the status file: a number that an unreadable source
// could change is partial, and all numbers of a stale status are unknown.
func TestStatusKeeper_File(t *testing.T) {
	k := newKeeperSystem(t)
	r := k.refresh()
	require.Equal(t, statusfile.NewNumber(int(*r.Counts.Updates)), k.file.Updates)
	require.Equal(t, time.Minute, k.file.Interval)
	require.EqualValues(t, 1_790_000_000, k.file.UpdatesAsOf.Unix())
	require.Equal(t, statusfile.Number{}, k.file.AURUpdates, "the AUR was not queried")

	k.in.Repositories[0].Index, k.in.Repositories[0].State, k.in.Repositories[0].Why = nil, wire.SourceFailed, "damaged"
	k.refresh()
	require.True(t, k.file.Updates.Partial)
	require.False(t, k.file.Installed.Partial)
	k.in.Local.FailureReason = "cannot be read"
	k.refresh()
	require.Equal(t, statusfile.Number{}, k.file.Updates)
	require.Equal(t, statusfile.Number{}, k.file.Installed)
}

// TestStatusKeeper_Degraded checks that the status file lists the parts of omgd and of the system that do not
// work. The status that is stored for the next omgd does not have the problems of this omgd.
func TestStatusKeeper_Degraded(t *testing.T) {
	k := newKeeperSystem(t)
	k.refresh()
	require.Zero(t, k.file.Degraded)
	k.otherProblems = func() []wire.Problem {
		return []wire.Problem{{Name: "watch", State: "polling"}, {Name: "store", State: "new"}, {Name: "libalpm", State: "missing"}}
	}
	k.in.Problems = []wire.Problem{{Name: "local", State: "incomplete"}}
	k.refresh()
	require.Equal(t, []string{"watch", "local"}, k.file.Degraded.Names())
	k.restart()
	require.Equal(t, []wire.Problem{{Name: "local", State: "incomplete"}}, k.previousStatus().Problems)
}

// TestStatusKeeper_Vulnerabilities checks that the status, the history and the status file have the numbers
// of vulnerabilities. An unknown number is never 0.
func TestStatusKeeper_Vulnerabilities(t *testing.T) {
	k := newKeeperSystem(t)
	p := k.in.Local.Packages.Packages[0]
	record := advisories.Record{Name: "AVG-1", Packages: []string{p.Name}, Status: advisories.StatusVulnerable, Severity: advisories.SeverityHigh, AffectedVersion: p.Version}
	now := time.Now().Unix()
	for i, c := range []struct {
		tracker snapshot.TrackerData
		counts  *wire.SecurityCounts
		file    string
	}{
		{snapshot.TrackerData{LastError: "refused"}, nil, "?"},
		{snapshot.TrackerData{RepliedAt: now}, &wire.SecurityCounts{}, "0"},
		{snapshot.TrackerData{RepliedAt: now, Records: []advisories.Record{record}}, &wire.SecurityCounts{Vulnerabilities: 1, High: 1, Affected: 1}, "1"},
		{snapshot.TrackerData{RepliedAt: 5, Records: []advisories.Record{record, record}, StaleAfter: time.Hour}, &wire.SecurityCounts{Vulnerabilities: 2, High: 2, Affected: 2}, "?"},
	} {
		k.in.Tracker = &c.tracker
		k.refresh()
		require.Equal(t, c.file, k.file.Vulnerabilities.String())
		require.Equal(t, c.file, k.file.Security.High.String())
		require.Equal(t, c.file, k.file.Security.Affected.String())
		require.Equal(t, c.file == "?", k.file.Security.Unconfirmed == statusfile.Number{})
		history := k.store.History(10)
		require.Len(t, history, i+1, "each change of the counts adds an entry")
		last, ok := k.store.LastStatus()
		require.True(t, ok)
		for _, entry := range []store.StatusEntry{history[i], last} {
			var r wire.StatusResult
			require.NoError(t, msgpack.Unmarshal(entry.Status, &r))
			require.Equal(t, c.counts, r.Counts.Security)
		}
	}
}

// TestServe_History checks that the history that omgd reports survives a restart.
func TestServe_History(t *testing.T) {
	w := newTestSystem(t)
	history := func(d *running) (installed []uint32) {
		h, err := d.dial().StatusHistory(t.Context(), &wire.HistoryRequest{})
		require.NoError(t, err)
		for _, e := range h.Entries {
			require.NotZero(t, e.At)
			installed = append(installed, *e.Counts.Installed)
		}
		return installed
	}
	d := w.serve()
	d.awaitCurrent()
	await.Condition(t, func() bool { return len(history(d)) == 1 }, "the first entry")
	st, release, err := d.snapshotHolder.Acquire()
	require.NoError(t, err)
	p := st.Inputs().Local.Packages.Packages[0]
	release()
	require.NoError(t, os.RemoveAll(filepath.Join(w.dbpath, "local", p.Name+"-"+p.Version)))
	await.Condition(t, func() bool { return len(history(d)) == 2 }, "an entry for the change")
	require.Equal(t, []uint32{30, 29}, history(d))
	d.stop()

	d = w.serve()
	require.Equal(t, []uint32{30, 29}, history(d), "before anything is read")
	d.awaitCurrent()
	_, err = d.dial().Refresh(t.Context())
	require.NoError(t, err)
	require.Equal(t, []uint32{30, 29}, history(d))
}
