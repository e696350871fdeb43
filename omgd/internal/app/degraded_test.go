package app

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/statusfile"
	"github.com/omg-arch/omg/shared/wire"
)

// awaitFile waits until the status file has a number of updates, and marks this number as partial if the parameter
// partial is true, or as complete if it is false.
func (r *running) awaitFile(partial bool) {
	r.t.Helper()
	await.Condition(r.t, func() bool {
		s, err := statusfile.Read(r.statusKeeper.path)
		return err == nil && s.Updates.Partial == partial && s.Updates != statusfile.Number{}
	}, "the status file says partial: %v", partial)
}

// TestServe_BadDatabase checks that a bad database makes only its own repository missing or stale, in every
// reply and in the status file. The database is bad at the start, becomes good, becomes bad while omgd runs,
// and is bad at the next start.
func TestServe_BadDatabase(t *testing.T) {
	w := newTestSystem(t)
	good, err := os.ReadFile(w.database("core"))
	require.NoError(t, err)
	all, others := 300, w.packages("extra")+w.packages("multilib")
	bad := []byte("<!DOCTYPE html>\n<html><body>Log in</body></html>\n")

	w.write("core", bad)
	d := w.serve()
	d.awaitStates(wire.SourceFailed, wire.SourceOK)
	n, result := d.found()
	require.Equal(t, others, n)
	require.True(t, result.Partial)
	_, _, err = d.search("core")
	require.Equal(t, wire.CodeNotReady, wire.CodeOf(err))
	n, result = d.found("extra")
	require.Equal(t, w.packages("extra"), n)
	require.False(t, result.Partial, "core could change nothing")
	status := d.queryStatus()
	require.True(t, status.Partial)
	require.Subset(t, status.PartialCounts, []string{"updates", "foreign"})
	d.awaitFile(true)

	w.write("core", good)
	d.awaitCurrent()
	n, result = d.found()
	require.Equal(t, all, n)
	require.False(t, result.Partial)
	d.awaitFile(false)

	before := tree(t, paths.IndexDir(w.data))
	for _, when := range []string{"while it runs", "at the start"} {
		w.write("core", bad)
		if when == "at the start" {
			d.stop()
			d = w.serve()
		}
		d.awaitStates(wire.SourceStale, wire.SourceOK)
		require.Contains(t, d.states()["core"].Why, "not a package database", when)
		require.True(t, d.states()["core"].Outdated, when)
		n, result = d.found()
		require.Equal(t, all, n, when)
		require.False(t, result.Partial, "%s: its last index answers", when)
		d.awaitFile(false)
		require.Equal(t, before, tree(t, paths.IndexDir(w.data)), "%s: no index was written", when)

		w.write("core", good)
		d.awaitCurrent()
		n, _ = d.found()
		require.Equal(t, all, n, when)
		require.Equal(t, before, tree(t, paths.IndexDir(w.data)), "%s: the index is of this content", when)
	}
}

// TestServe_MemoryOnly checks that omgd answers from memory if it cannot write anything. It then reports the
// problem and changes no file.
func TestServe_MemoryOnly(t *testing.T) {
	for name, c := range map[string]struct {
		prepare  func(w *testSystem)
		problems []string
	}{
		"a file in the place of the directory": {func(w *testSystem) {
			require.NoError(w.t, os.WriteFile(w.data, []byte("a file"), 0o644))
		}, []string{"data: memory", "index: memory", "store: memory"}},
		"no directory can be made": {func(w *testSystem) {
			require.NoError(w.t, os.WriteFile(w.data, []byte("a file"), 0o644))
			w.data = filepath.Join(w.data, "data")
		}, []string{"data: memory", "index: memory", "store: memory"}},
		"an empty directory that is read-only": {func(w *testSystem) {
			w.data = need.Tmpfs(w.t, "4m")
			require.NoError(w.t, unix.Mount("", w.data, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
		}, []string{"index: memory", "store: memory"}},
		"a read-only directory of an earlier run": {func(w *testSystem) {
			w.data = need.Tmpfs(w.t, "16m")
			d := w.serve()
			d.awaitCurrent()
			d.stop()
			require.NoError(w.t, unix.Mount("", w.data, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
			w.write("core", content(w.t, "core", 330))
		}, []string{"index: memory", "store: memory"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTestSystem(t)
			c.prepare(w)
			dir := w.data // the data directory, or its nearest parent that exists
			for _, err := os.Lstat(dir); err != nil; _, err = os.Lstat(dir) {
				dir = filepath.Dir(dir)
			}
			before := tree(t, dir)
			d := w.serve()
			d.awaitCurrent()
			for _, packages := range []int{0, 350} {
				if packages > 0 {
					w.write("core", content(t, "core", packages))
					await.Condition(t, func() bool {
						n, result, err := d.search()
						return err == nil && !result.Partial && n == w.packages("core")+w.packages("extra")+w.packages("multilib")
					}, "the new database is served")
					d.awaitCurrent()
				}
				n, _ := d.found()
				require.Equal(t, w.packages("core")+w.packages("extra")+w.packages("multilib"), n)
			}
			status := d.queryStatus()
			require.Equal(t, c.problems, problems(status))
			require.False(t, status.Partial || status.Stale)
			require.NotNil(t, status.Counts.Updates)
			d.awaitFile(false)
			history, err := d.dial().StatusHistory(t.Context(), &wire.HistoryRequest{})
			require.NoError(t, err)
			require.NotEmpty(t, history.Entries, "the history is in memory, too")
			health, err := d.dial().Health(t.Context())
			require.NoError(t, err)
			require.Equal(t, wire.HealthDegraded, health.State)
			require.Equal(t, before, tree(t, dir))
			d.stop()
			require.Equal(t, before, tree(t, dir))
		})
	}
}

// TestServe_TruncatedIndex checks that omgd replies with errors, and never with wrong results, if an index is truncated
// while requests and omgd's goroutines read it. omgd builds the index again, and meanwhile still answers from
// the indexes of the other repositories.
func TestServe_TruncatedIndex(t *testing.T) {
	w := newTestSystem(t)
	d := w.serve()
	d.awaitCurrent()
	extra := w.packages("extra")
	var done sync.WaitGroup
	stop := make(chan struct{})
	defer done.Wait()
	stopOnce := sync.OnceFunc(func() { close(stop) })
	defer stopOnce()
	for range 4 {
		conn := d.dial()
		done.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				for _, repos := range [][]string{nil, {"extra"}} {
					n := 0
					_, err := conn.Search(t.Context(), &wire.SearchRequest{Words: []string{""}, Repos: repos}, func(*wire.Package) error { n++; return nil }, func() {})
					switch want := map[bool]int{true: 300, false: extra}[repos == nil]; {
					case err != nil && strings.Contains(err.Error(), "the databases are being indexed"): // for longer than omgd holds a request
					case repos == nil && err != nil:
						if !strings.Contains(err.Error(), "damaged") && !strings.Contains(err.Error(), "internal error") {
							t.Error("another error: ", err)
							return
						}
					case err != nil || n != want:
						t.Error(repos, n, err)
						return
					}
				}
			}
		})
	}
	for _, size := range []int64{0, 4096, 0} {
		require.NoError(t, os.Truncate(w.index("core"), size))
		// Besides requests, these functions of omgd read the truncated index.
		_ = d.checkHealth()
		_, _ = d.metrics.Text()
		_, _ = d.foreignPackageNames()
		_ = d.statusLine()
		await.Condition(t, func() bool {
			fi, err := os.Stat(w.index("core"))
			if err != nil || fi.Size() <= 4096 {
				return false
			}
			n, _, err := d.search()
			return err == nil && n == 300
		}, "the index is built again, and answers")
	}
	stopOnce()
	done.Wait()
	d.awaitCurrent()
	require.False(t, t.Failed())
}

// TestServe_HoldsRequests checks that omgd holds and then refuses requests about repositories while the first
// indexes are built. omgd never answers such a request without an index. It answers all other requests
// immediately. Counts that depend on repositories are unknown, or they are the counts of the last run of omgd,
// marked as stale.
func TestServe_HoldsRequests(t *testing.T) {
	w := newTestSystem(t)
	require.NoError(t, unix.Mkfifo(pipeOf(w.dbpath), 0o600))
	var last *wire.StatusResult
	for _, run := range []string{"first", "second"} {
		require.NoError(t, os.RemoveAll(paths.IndexDir(w.data)))
		d := w.serve()
		await.Condition(t, func() bool { return d.states()["core"].State == "building" }, "the first snapshot, without indexes")
		explicit, err := d.dial().Explicit(t.Context())
		require.NoError(t, err)
		require.NotEmpty(t, explicit.Names)
		status := d.queryStatus()
		require.EqualValues(t, 30, *status.Counts.Installed)
		require.True(t, status.Partial)
		if run == "first" {
			require.Nil(t, status.Counts.Updates, "unknown, not 0")
			require.Nil(t, status.Counts.Foreign, "unknown, not 0")
		} else {
			require.True(t, status.Stale)
			require.Equal(t, last.Counts.Updates, status.Counts.Updates)
			require.Equal(t, last.Counts.Foreign, status.Counts.Foreign)
		}
		health, err := d.dial().Health(t.Context())
		require.NoError(t, err)
		require.Equal(t, wire.HealthStarting, health.State)

		held := make(chan error, 3)
		ctx := t.Context()
		for _, op := range []string{wire.OpSearch, wire.OpOutdated, wire.OpInfo} {
			conn := d.dial()
			go func() {
				held <- conn.CallForResult(ctx, op, &struct {
					Words []string `msgpack:"words"`
					Names []string `msgpack:"names"`
				}{[]string{""}, []string{"glibc"}}, &map[string]any{})
			}()
		}
		for range cap(held) {
			err := await.Receive(t, held, "a reply")
			require.Equal(t, wire.CodeNotReady, wire.CodeOf(err))
			require.ErrorContains(t, err, "the databases are being indexed")
			var werr *wire.Error
			require.ErrorAs(t, err, &werr)
			require.Equal(t, &wire.ServedPaths{DBPath: w.dbpath, PacmanConfig: w.pacmanConfig}, werr.ServedPaths, "the client reads these databases itself")
		}

		answered, conn := make(chan struct{}), d.dial()
		go func() {
			defer close(answered)
			for { // omgd holds a request for at most a second: then send it again
				n := 0
				result, err := conn.Search(ctx, &wire.SearchRequest{Words: []string{""}}, func(*wire.Package) error { n++; return nil }, func() {})
				if wire.CodeOf(err) == wire.CodeNotReady {
					continue
				}
				if err != nil || result.Partial || n != 300 {
					t.Error("a wrong reply: ", n, err)
				}
				return
			}
		}()
		pipe, err := os.OpenFile(pipeOf(w.dbpath), os.O_RDWR, 0) // the builds continue as soon as this pipe is open for writing
		require.NoError(t, err)
		await.Receive(t, answered, "the reply of a held request")
		d.awaitCurrent()
		last = d.queryStatus()
		require.False(t, last.Partial || last.Stale)
		require.NotNil(t, last.Counts.Updates)
		d.stop()
		require.NoError(t, pipe.Close())
	}
}
