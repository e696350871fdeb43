package refresh

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/wire"
)

// running runs a refresher until the test ends, and counts the refreshes. The refresher watches no files, and does not
// compare with libalpm, because both can cause a refresh at any time. running returns as soon as no refresh is
// due within the next hour. Until then, the refresher reads some files a second time, because its first
// reading came right after they were written.
func running(t *testing.T) (*testSystem, *atomic.Int64) {
	t.Helper()
	var refreshes atomic.Int64
	quiet := make(chan struct{}, 1)
	var w *testSystem
	w = newTestSystem(t, func(c *Config) {
		c.Interval = time.Hour
		c.OnRefresh = func(time.Duration) { // only the goroutine that refreshes calls this function
			refreshes.Add(1)
			if w.nextPause == 0 && w.lastInputs != nil && len(w.kick) == 0 && !w.config.SnapshotHolder.IsStarting() {
				select {
				case quiet <- struct{}{}:
				default:
				}
			}
		}
	})
	w.userPause = time.Hour
	w.inotify.add = func(*fsnotify.Watcher, string) error { return nil }
	w.libAlpmComparison.comparisonRequested = nil
	ctx, stop := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { w.Run(ctx) })
	t.Cleanup(func() {
		stop()
		run.Wait()
	})
	await.Receive(t, quiet, "a refresh after which no other one is due")
	return w, &refreshes
}

// TestInterval_HoldsAtOnce checks that the databases are read once an interval even if nothing changes, and
// that a new interval takes effect immediately.
func TestInterval_HoldsAtOnce(t *testing.T) {
	w, refreshes := running(t)
	before, generation := refreshes.Load(), w.generation()
	w.SetInterval(20 * time.Millisecond)
	require.Equal(t, 20*time.Millisecond, w.Interval())
	await.Condition(t, func() bool { return refreshes.Load() > before+5 }, "five refreshes in less than an hour")
	require.Equal(t, generation, w.generation(), "nothing has changed")
}

// TestRefresh_IsShared checks that concurrent requests share a refresh, and that a request shortly after this
// refresh does not cause another one.
func TestRefresh_IsShared(t *testing.T) {
	w, refreshes := running(t)
	before, generation := refreshes.Load(), w.generation()
	var all sync.WaitGroup
	var done atomic.Int64
	for range 50 {
		all.Go(func() {
			if ok, err := w.Refresh(t.Context()); ok && err == nil {
				done.Add(1)
			}
		})
	}
	all.Wait()
	require.Positive(t, done.Load())
	ok, err := w.Refresh(t.Context())
	require.NoError(t, err)
	require.False(t, ok)
	require.LessOrEqual(t, refreshes.Load()-before, int64(2))
	require.Equal(t, generation, w.generation())
}

// TestRefresh_IsAskedForOnce checks that a single refresh is enough for all requests that wait for the next
// refresh.
func TestRefresh_IsAskedForOnce(t *testing.T) {
	w := newTestSystem(t, nil)
	for w.lastInputs == nil || w.config.SnapshotHolder.IsStarting() { // the end of a build also causes a refresh
		w.refresh(t.Context(), nil)
		w.builds.taskWaitGroup.Wait()
	}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { _, _ = w.Refresh(t.Context()) })
	}
	await.Condition(t, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.waiters) == 50
	}, "fifty requests that wait")
	w.refresh(t.Context(), nil)
	all.Wait()
	require.Empty(t, w.kick, "no refresh is pending")
}

// TestRefresh_UnchangedIsNotReadAgain checks that the local database is not read again, and no index is
// mapped again, until a desc file changes. A new desc file of the same size is a change, too.
func TestRefresh_UnchangedIsNotReadAgain(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		w := newTestSystem(t, nil)
		w.settle()
		require.Zero(t, w.nextPause)
		first, indexes, generation := w.lastInputs.Local.Packages, w.state().Indexes(), w.generation()
		require.Len(t, indexes, 3)
		w.builder.built()
		for range 3 {
			w.settle()
		}
		require.Same(t, first, w.lastInputs.Local.Packages)
		require.Equal(t, generation, w.generation())

		p := first.Packages[0]
		desc := filepath.Join(w.db, "local", p.Name+"-"+p.Version, "desc")
		text, err := os.ReadFile(desc)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(desc, text, 0o644))
		w.settle()
		require.NotSame(t, first, w.lastInputs.Local.Packages, "the times of the file have changed")
		require.Equal(t, generation, w.generation(), "the content is the same")

		require.NoError(t, os.WriteFile(desc, append(text, "%XDATA%\npkgtype=pkg\n\n"...), 0o644))
		w.settle()
		require.Equal(t, generation+1, w.generation())
		require.Equal(t, indexes, w.state().Indexes(), "the repositories are as they were")
		require.Empty(t, w.builder.built())
	})
}

// TestRefresh_GivesItsTime checks that a refresh without changes gives the snapshot a new time, and keeps the
// snapshot's generation.
func TestRefresh_GivesItsTime(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		w := newTestSystem(t, nil)
		w.settle()
		before := w.state()
		time.Sleep(10 * time.Minute)
		w.settle()
		after := w.state()
		require.Equal(t, before.Generation(), after.Generation())
		require.Equal(t, 10*time.Minute, after.Inputs().CheckedAt.Sub(before.Inputs().CheckedAt))
		require.Equal(t, before.Indexes(), after.Indexes())
	})
}

// TestRefresh_PanicOfOneSource checks that a panic while a source is read becomes the error of that source,
// and does not affect other sources.
func TestRefresh_PanicOfOneSource(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		w := newTestSystem(t, func(c *Config) {
			c.ReadRuntimes = func(map[string]string) ([]wire.Runtime, map[string]string) { panic("runtimes") }
			c.AURSource = func() wire.Source { panic("the AUR") }
		})
		w.settle()
		st := w.state()
		require.Equal(t, 100, st.PackageCount())
		status, err := st.Status()
		require.NoError(t, err)
		require.EqualValues(t, 10, *status.Counts.Installed)
		require.Equal(t, []string{"runtimes: failed"}, problemNames(status.Problems))
		require.Contains(t, status.Problems[0].Why, "internal error, see the log")
		aur := status.Sources[len(status.Sources)-1]
		require.Equal(t, wire.SourceAUR, aur.Name)
		require.Equal(t, wire.SourceFailed, aur.State)
		require.Empty(t, w.Problems())
		require.Equal(t, time.Now().Unix(), status.ConfirmedAt)
	})
}

// TestRefresh_Fails checks that the snapshot stays, with its time, if a refresh fails. The failure is a
// problem until a refresh succeeds.
func TestRefresh_Fails(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		w := newTestSystem(t, nil)
		conf := w.config.Pacman.PacmanConfig
		good, err := os.ReadFile(conf)
		require.NoError(t, err)
		w.settle()
		require.Empty(t, w.Problems())
		checked := time.Now()

		time.Sleep(time.Minute)
		require.NoError(t, os.WriteFile(conf, []byte("[options\n"), 0o644))
		w.settle()
		require.Equal(t, []string{"refresh: failed"}, problemNames(w.Problems()))
		require.Contains(t, w.Problems()[0].Why, "pacman.conf")
		require.Equal(t, checked, w.state().Inputs().CheckedAt, "no check has succeeded")
		require.Equal(t, 100, w.state().PackageCount())

		require.NoError(t, os.WriteFile(conf, good, 0o644))
		w.settle()
		require.Empty(t, w.Problems())
		require.Equal(t, time.Now(), w.state().Inputs().CheckedAt)
	})
}

// TestRefresh_NothingAtStart checks that omgd has no snapshot while there is no pacman.conf, and says why. As
// soon as pacman.conf exists, there is a snapshot.
func TestRefresh_NothingAtStart(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		w := newTestSystem(t, nil)
		conf := w.config.Pacman.PacmanConfig
		require.NoError(t, os.Rename(conf, conf+".away"))
		w.settle()
		_, _, err := w.config.SnapshotHolder.Acquire()
		require.Equal(t, wire.CodeNotReady, wire.CodeOf(err))
		require.ErrorContains(t, err, "pacman.conf")
		require.False(t, w.config.SnapshotHolder.IsStarting(), "the refresh has failed")
		require.Equal(t, []string{"refresh: failed"}, problemNames(w.Problems()))
		require.NoError(t, os.Rename(conf+".away", conf))
		w.settle()
		w.requireCurrent("core", "extra", "multilib")
		require.Empty(t, w.Problems())
	})
}

// TestRefresh_LocalUnreadable checks that the last reading of the local database stays, marked as stale and
// with its time, if the database cannot be read. If there is no earlier reading, the installed packages are
// unknown. The repositories are up to date in both cases.
func TestRefresh_LocalUnreadable(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		w := newTestSystem(t, nil)
		local := filepath.Join(w.db, "local")
		w.settle()
		checked := time.Now()
		time.Sleep(time.Minute)
		require.NoError(t, os.Rename(local, local+".away"))
		require.NoError(t, os.WriteFile(local, nil, 0o644))
		w.write("core", content(t, "core", 2))
		w.settle()
		status, err := w.state().Status()
		require.NoError(t, err)
		require.True(t, status.Stale)
		require.Contains(t, status.Why, "local")
		require.Equal(t, checked.Unix(), status.ConfirmedAt)
		require.EqualValues(t, 10, *status.Counts.Installed)
		require.Empty(t, w.Problems())
		w.requireCurrent("core", "extra", "multilib")

		w.restart(nil)
		w.settle()
		status, err = w.state().Status()
		require.NoError(t, err)
		require.Nil(t, status.Counts.Installed, "unknown, not 0")
		require.Nil(t, status.Counts.Updates)
		require.Zero(t, status.ConfirmedAt)
		require.True(t, status.Stale)
		w.requireCurrent("core", "extra", "multilib")

		require.NoError(t, os.Remove(local))
		require.NoError(t, os.Rename(local+".away", local))
		w.settle()
		status, err = w.state().Status()
		require.NoError(t, err)
		require.False(t, status.Stale)
		require.EqualValues(t, 10, *status.Counts.Installed)
		require.Equal(t, time.Now().Unix(), status.ConfirmedAt)
	})
}

// TestRefresh_WaitsForTransaction checks that no database is read while pacman holds its lock, except at the
// start. A lock that is too old is ignored.
func TestRefresh_WaitsForTransaction(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		w := newTestSystem(t, nil)
		lock := filepath.Join(w.db, "db.lck")
		begin := func() {
			t.Helper()
			require.NoError(t, os.WriteFile(lock, nil, 0o600))
			require.NoError(t, os.Chtimes(lock, time.Now(), time.Now()))
		}
		begin()
		w.settle()
		status, err := w.state().Status()
		require.NoError(t, err)
		require.Equal(t, []string{"db.lck: busy"}, problemNames(status.Problems))
		w.requireCurrent("core", "extra", "multilib")

		generation := w.generation()
		w.write("core", content(t, "core", 2))
		w.settle()
		require.Equal(t, generation, w.generation(), "the refresh waits for the end of the transaction")
		require.Equal(t, time.Minute, w.nextPause)
		require.NoError(t, os.Remove(lock))
		w.settle()
		status, err = w.state().Status()
		require.NoError(t, err)
		require.Empty(t, status.Problems)
		w.requireCurrent("core")

		begin()
		w.write("core", content(t, "core", 3))
		w.settle()
		require.Equal(t, time.Minute, w.elapse())
		status, err = w.state().Status()
		require.NoError(t, err)
		require.Equal(t, []string{"db.lck: failed"}, problemNames(status.Problems))
		w.requireCurrent("core")
	})
}

// TestRefresh_ReadsConfigOnce checks that exactly the repositories in pacman.conf are used, also after a
// change of pacman.conf.
func TestRefresh_ReadsConfigOnce(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		w := newTestSystem(t, nil)
		conf := w.config.Pacman.PacmanConfig
		w.settle()
		require.Equal(t, 100, w.found().Total)
		extra := int(w.docs("extra"))
		require.NoError(t, os.WriteFile(conf, []byte("[options]\nIgnorePkg = *\n[extra]\nServer = file:///nowhere\n"), 0o644))
		w.settle()
		require.Equal(t, extra, w.found().Total)
		require.Len(t, w.state().Indexes(), 1)
		status, err := w.state().Status()
		require.NoError(t, err)
		require.Zero(t, *status.Counts.Updates)
		w.builder.built()
		require.NoError(t, os.WriteFile(conf, []byte(fixture.PacmanConfig), 0o644))
		w.settle()
		require.Equal(t, 100, w.found().Total)
		require.Empty(t, w.builder.built(), "the indexes still exist")
	})
}
