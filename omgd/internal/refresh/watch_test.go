package refresh

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/wire"
)

// limits is a fake of inotify with limits that a test can reach and raise.
type limits struct {
	instances, watches atomic.Bool // whether the limit of inotify instances, or of watches, is reached
	tried              atomic.Int64
}

func (l *limits) inotify() inotifyCalls {
	k := realInotifyCalls()
	return inotifyCalls{
		open: func() (*fsnotify.Watcher, error) {
			l.tried.Add(1)
			if l.instances.Load() {
				return nil, unix.EMFILE
			}
			return k.open()
		},
		add: func(w *fsnotify.Watcher, dir string) error {
			l.tried.Add(1)
			if l.watches.Load() {
				return unix.ENOSPC
			}
			return k.add(w, dir)
		},
	}
}

// watchedDir returns a watcher of a directory, and of one file in another directory.
func watchedDir(t *testing.T, in inotifyCalls) (w *watcher, dir, file string) {
	t.Helper()
	dir = t.TempDir()
	file = filepath.Join(t.TempDir(), "pacman.conf")
	require.NoError(t, os.WriteFile(file, []byte("a"), 0o644))
	w = newWatcher(slog.New(slog.DiscardHandler), in, func(string) bool { return false })
	t.Cleanup(w.Close)
	w.SetPaths(&watchedPaths{
		dirs: []string{dir, filepath.Dir(file)}, filteredDirs: map[string]bool{filepath.Dir(file): true}, relevantFiles: map[string]bool{file: true},
	})
	return w, dir, file
}

// old waits until the last change of a path is so long ago that any further change shows in the path's times.
func old(t *testing.T, path string) {
	t.Helper()
	await.Condition(t, func() bool {
		fi, err := os.Stat(path)
		return err == nil && !stampOf(t, path).MayStillChange(time.Now()) && fi != nil
	}, "the last change of %s is some ticks old", path)
}

// TestWatcher_Polls checks a watcher while an inotify limit is reached: by comparing, it finds changes of
// directories, and of the files that matter. The problem contains the reason. When the limit is raised,
// inotify is used again.
func TestWatcher_Polls(t *testing.T) {
	for name, c := range map[string]struct {
		limit func(*limits) *atomic.Bool
		why   string
	}{
		"instances": {func(l *limits) *atomic.Bool { return &l.instances }, "raise fs.inotify.max_user_instances"},
		"watches":   {func(l *limits) *atomic.Bool { return &l.watches }, "raise fs.inotify.max_user_watches"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var l limits
			c.limit(&l).Store(true)
			w, dir, file := watchedDir(t, l.inotify())
			require.Equal(t, "watch", w.Problem().Name)
			require.Equal(t, "polling", w.Problem().State)
			require.Contains(t, w.Problem().Why, c.why)
			for _, change := range []func() error{
				func() error { return os.WriteFile(filepath.Join(dir, "db.lck"), nil, 0o644) },
				func() error { return os.Remove(filepath.Join(dir, "db.lck")) },
				func() error { return os.WriteFile(file, []byte("b"), 0o644) },
				func() error { return os.Remove(file) },
			} {
				w.mu.Lock() // no comparison can happen before the change, because w.mu is locked
				select {
				case <-w.changed:
				default:
				}
				require.NoError(t, change())
				w.mu.Unlock()
				await.Receive(t, w.changed, "the change is seen")
			}
			tried := l.tried.Load()
			await.Condition(t, func() bool { return l.tried.Load() > tried }, "inotify is tried again")
			c.limit(&l).Store(false)
			await.Condition(t, func() bool { return w.Problem() == nil }, "inotify is used again")
			await.Receive(t, w.changed, "a change between the last comparison and the first event is seen")
			w.mu.Lock()
			require.ElementsMatch(t, []string{dir, filepath.Dir(file)}, w.fsWatcher.WatchList())
			require.Nil(t, w.pathStates)
			w.mu.Unlock()
			require.NoError(t, os.Mkdir(filepath.Join(dir, "new"), 0o755))
			await.Receive(t, w.changed, "an event is seen")
		})
	}
}

// TestWatcher_ComparesOnceASecond checks that a comparison happens once a second and compares only three
// paths, and that nothing is reported while nothing changes.
func TestWatcher_ComparesOnceASecond(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		var l limits
		l.instances.Store(true)
		w, dir, file := watchedDir(t, l.inotify())
		require.LessOrEqual(t, pollInterval, time.Second)
		time.Sleep(time.Minute)
		// The times of the files are real times, which are an hour before the virtual time. So the watcher
		// never finds a file that changed just before the comparison.
		require.InDelta(t, time.Minute/pollInterval, l.tried.Load(), 2)
		require.Empty(t, w.changed)
		w.mu.Lock()
		seen := len(w.pathStates)
		w.mu.Unlock()
		require.Equal(t, 3, seen, "%s, %s and its directory", dir, file)
		require.NoError(t, os.Mkdir(filepath.Join(dir, "new"), 0o755))
		time.Sleep(pollInterval + 1)
		require.Len(t, w.changed, 1)
	})
}

// TestWatcher_FreshIsComparedAgain checks a path that changed just before a comparison: the next comparison
// also reports a change, because a further change in the same clock tick would not show in the path's times.
func TestWatcher_FreshIsComparedAgain(t *testing.T) {
	var l limits
	l.instances.Store(true)
	w, dir, file := watchedDir(t, l.inotify())
	w.mu.Lock()
	defer w.mu.Unlock()
	dirs := []string{dir, filepath.Dir(file)}
	old(t, dir)
	old(t, filepath.Dir(file))
	old(t, file)
	w.compare(dirs)
	require.False(t, w.compare(dirs))
	s := w.pathStates[dir]
	s.changedRecently = true
	w.pathStates[dir] = s
	require.True(t, w.compare(dirs))
	require.False(t, w.compare(dirs))
}

// TestWatcher_Missing checks that a directory that does not exist is not reported as a problem.
func TestWatcher_Missing(t *testing.T) {
	w := newWatcher(slog.New(slog.DiscardHandler), realInotifyCalls(), func(string) bool { return false })
	defer w.Close()
	dir := t.TempDir()
	w.SetPaths(&watchedPaths{dirs: []string{dir, filepath.Join(dir, "local"), "/dev/null/local"}})
	require.Nil(t, w.Problem())
	w.inotify.add = func(*fsnotify.Watcher, string) error { return errors.New("a reason") }
	w.SetPaths(&watchedPaths{dirs: []string{dir, t.TempDir()}})
	require.Contains(t, w.Problem().Why, ": a reason")
}

// TestRun_Polls checks a refresher while an inotify limit is reached: it reports the problem, and sees a
// change of the installed packages. It uses inotify as soon as the limit is raised.
func TestRun_Polls(t *testing.T) {
	var l limits
	l.instances.Store(true)
	w := newTestSystem(t, func(c *Config) { c.Interval = 1000 * time.Hour })
	w.inotify = l.inotify()
	require.Empty(t, w.Problems(), "there are no problems before the first refresh")
	ctx, stop := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { w.Run(ctx) })
	defer run.Wait()
	defer stop()
	installed := func() int {
		st, release, err := w.config.SnapshotHolder.Acquire()
		if err != nil || st.HasBuildingIndex() {
			return 0
		}
		defer release()
		return len(st.Inputs().Local.Packages.Packages)
	}
	await.Condition(t, func() bool { return installed() > 0 }, "the databases are read")
	problem := func() (found *wire.Problem) {
		for _, p := range w.Problems() {
			if p.Name == "watch" {
				found = &p
			}
		}
		return found
	}
	require.Equal(t, &wire.Problem{
		Name: "watch", State: "polling", Why: "the limit of inotify instances is reached: raise fs.inotify.max_user_instances",
	}, problem())
	n := installed()
	p := w.state().Inputs().Local.Packages.Packages[0]
	require.NoError(t, os.RemoveAll(filepath.Join(w.db, "local", p.Name+"-"+p.Version)))
	await.Condition(t, func() bool { return installed() == n-1 }, "a removed package is seen")
	l.instances.Store(false)
	await.Condition(t, func() bool { return problem() == nil }, "the problem is over")
}
