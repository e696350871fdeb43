package refresh

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// TestBuild_OnlyChangedSource checks that only the index of a changed database is built again.
func TestBuild_OnlyChangedSource(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		w := newTestSystem(t, nil)
		w.settle()
		require.Equal(t, map[string]int{"core": 1, "extra": 1, "multilib": 1}, w.builder.built())
		for _, name := range []string{"core", "extra", "multilib"} {
			require.FileExists(t, w.index(name))
			require.FileExists(t, w.index(name)+".origin")
		}
		before := map[string]*pkgindex.File{"core": w.source("core").Index, "multilib": w.source("multilib").Index}
		w.write("extra", content(t, "extra", 2))
		w.settle()
		w.requireCurrent("core", "extra", "multilib")
		require.Equal(t, map[string]int{"extra": 1}, w.builder.built())
		for name, f := range before {
			require.True(t, f == w.source(name).Index, name)
		}

		// A new time with the same content does not cause a build, and neither does a restart.
		require.NoError(t, os.Chtimes(w.database("core"), time.Now(), time.Now()))
		w.settle()
		w.restart(nil)
		w.settle()
		w.requireCurrent("core", "extra", "multilib")
		require.Empty(t, w.builder.built())

		// Only the index of the new repository is built.
		require.NoError(t, os.Rename(w.database("multilib"), w.database("my.dbx")))
		conf := "[core]\nServer = file:///nowhere\n[extra]\nServer = file:///nowhere\n[my.dbx]\nServer = file:///nowhere\n"
		require.NoError(t, os.WriteFile(w.config.Pacman.PacmanConfig, []byte(conf), 0o644))
		w.settle()
		w.requireCurrent("core", "extra", "my.dbx")
		require.Equal(t, map[string]int{"my.dbx": 1}, w.builder.built())
		require.FileExists(t, filepath.Join(w.config.IndexDir, "my%2edbx.omgidx"))
	})
}

// TestBuild_BacksOff checks the pauses before a failed build is tried again: the first is 5 s, and they
// double up to 5 min. Refreshes in between do not start the build. A change of the database starts a build
// immediately and resets the pause.
func TestBuild_BacksOff(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		w := newTestSystem(t, nil)
		refused := errors.New("no memory for core")
		w.builder.set(func(_ context.Context, repo string) error {
			if repo == "core" {
				return refused
			}
			return nil
		})
		w.settle()
		w.requireNoIndex(wire.SourceFailed, "no memory for core")
		require.Equal(t, 1, w.builder.built()["core"])
		for _, pause := range []time.Duration{5, 10, 20, 40, 80, 160, 300, 300} {
			for range 3 {
				w.settle() // a refresh for another reason
			}
			require.Empty(t, w.builder.built())
			require.Equal(t, pause*time.Second, w.elapse())
			require.Equal(t, map[string]int{"core": 1}, w.builder.built())
			w.requireNoIndex(wire.SourceFailed, "no memory for core")
		}

		w.write("core", content(t, "core", 2))
		w.settle()
		require.Equal(t, map[string]int{"core": 1}, w.builder.built(), "an index of other content is built immediately")
		require.Equal(t, 5*time.Second, w.nextPause, "the pauses start again")

		w.builder.set(nil)
		w.elapse()
		w.requireCurrent("core", "extra", "multilib")
		require.Equal(t, map[string]int{"core": 1}, w.builder.built())
		require.Zero(t, w.nextPause)
	})
}

// TestBuild_ErrorHolds checks that a source stays failed, and is not shown as building, while its failed
// build is tried again.
func TestBuild_ErrorHolds(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		w := newTestSystem(t, nil)
		w.builder.set(failing("core"))
		w.settle()
		release := make(chan struct{})
		w.builder.set(func(context.Context, string) error { <-release; return nil })
		w.elapse()
		for range 3 {
			w.requireNoIndex(wire.SourceFailed, "refused")
			w.settle()
		}
		close(release)
		synctest.Wait()
		w.settle()
		w.requireCurrent("core", "extra", "multilib")
	})
}

// TestBuild_MappedBeforeItsEnd has a refresh map the indexes before their builds have ended. The end of the builds then gives no other snapshot,
// which would empty the caches.
func TestBuild_MappedBeforeItsEnd(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		w := newTestSystem(t, nil)
		w.builds.slots = make(chan struct{}, 3)
		release, open := make(chan struct{}), w.builds.kind.open
		w.builds.kind.open = func(path string, trust func(uid uint32) bool) (*pkgindex.File, error) {
			<-release // the index is on disk
			return open(path, trust)
		}
		w.settle()
		w.settle()
		w.requireCurrent("core", "extra", "multilib")
		before := w.generation()
		close(release)
		synctest.Wait()
		w.settle()
		w.requireCurrent("core", "extra", "multilib")
		require.Equal(t, before, w.generation())
	})
}

// failing returns a function for builder.set that makes the builds of one repository fail.
func failing(name string) func(context.Context, string) error {
	return func(_ context.Context, repo string) error {
		if repo == name {
			return errRefused
		}
		return nil
	}
}

// TestBuild_First checks that the first snapshot does not wait for an index. The repositories in the snapshot
// are marked as building, and counts that depend on them are unknown.
func TestBuild_First(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		w := newTestSystem(t, nil)
		release := make(chan struct{})
		w.builder.set(func(context.Context, string) error { <-release; return nil })
		start := time.Now()
		w.refresh(t.Context(), nil)
		require.Zero(t, time.Since(start))
		st := w.state()
		require.True(t, st.HasBuildingIndex())
		require.True(t, w.config.SnapshotHolder.IsStarting())
		status, err := st.Status()
		require.NoError(t, err)
		require.EqualValues(t, 10, *status.Counts.Installed)
		require.Nil(t, status.Counts.Updates, "unknown, not 0")
		require.Nil(t, status.Counts.Foreign)
		require.True(t, status.Partial)
		for _, s := range status.Sources {
			require.Equal(t, wire.SourceFailed, s.State)
			require.Equal(t, "the database is being indexed", s.Why)
		}
		close(release)
		synctest.Wait()
		w.settle()
		require.False(t, w.config.SnapshotHolder.IsStarting())
		w.requireCurrent("core", "extra", "multilib")
	})
}

// TestBuild_Later checks that a refresh waits up to a second for the index of a changed database. After that
// the earlier index is used, marked as stale, until the new one is built.
func TestBuild_Later(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		w := newTestSystem(t, nil)
		w.settle()
		took := 100 * time.Millisecond
		w.builder.set(func(context.Context, string) error { time.Sleep(took); return nil })
		w.write("core", content(t, "core", 2))
		start := time.Now()
		w.refresh(t.Context(), nil)
		require.Equal(t, took, time.Since(start))
		w.requireCurrent("core", "extra", "multilib")
		w.settle()

		took = time.Minute
		packages, asOf := w.docs("core"), w.source("core").AsOf
		w.write("core", content(t, "core", 50))
		start = time.Now()
		w.refresh(t.Context(), nil)
		require.Equal(t, buildWait, time.Since(start))
		w.requireOutdated("the database has changed and is being indexed", int(packages))
		require.Equal(t, asOf, w.source("core").AsOf)
		require.False(t, w.config.SnapshotHolder.IsStarting(), "requests are answered")
		time.Sleep(took)
		w.settle()
		w.requireCurrent("core", "extra", "multilib")
		require.NotEqual(t, packages, w.docs("core"))
	})
}

// TestBuild_ChangedMeanwhile checks a database that changes during a build of its index: the index is not
// used for the new content, and another build begins immediately.
func TestBuild_ChangedMeanwhile(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		w := newTestSystem(t, nil)
		w.settle()
		w.builder.built()
		other := content(t, "core", 50)
		change := sync.OnceFunc(func() { w.write("core", other) })
		w.builder.set(func(_ context.Context, repo string) error { change(); return nil })
		w.write("core", content(t, "core", 2))
		w.settle()
		w.requireCurrent("core", "extra", "multilib")
		// The first build has read the changed content, so the digest of the content matches.
		require.Equal(t, map[string]int{"core": 1}, w.builder.built())

		w = newTestSystem(t, nil)
		w.settle()
		w.builder.built()
		begun, release := make(chan struct{}), make(chan struct{})
		w.config.Build = func(ctx context.Context, database, popularity string) (IndexImage[*pkgindex.File], error) {
			built, err := w.builder.build(ctx, database, popularity) // this build reads the database before the second change
			close(begun)
			<-release
			return built, err
		}
		w.write("core", content(t, "core", 2))
		refreshed := make(chan struct{})
		go func() { w.refresh(t.Context(), nil); close(refreshed) }()
		<-begun
		w.write("core", other)
		w.config.Build = w.builder.build
		close(release)
		<-refreshed
		w.settle()
		w.requireCurrent("core", "extra", "multilib")
		require.Equal(t, map[string]int{"core": 2}, w.builder.built())
	})
}

// TestBuild_AtOnce checks that no more than two builds run concurrently.
func TestBuild_AtOnce(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		w := newTestSystem(t, nil)
		running, most := 0, 0
		var mu sync.Mutex
		count := func(n int) {
			mu.Lock()
			defer mu.Unlock()
			running += n
			most = max(most, running)
		}
		w.builder.set(func(context.Context, string) error {
			count(1)
			defer count(-1)
			time.Sleep(time.Second)
			return nil
		})
		w.refresh(t.Context(), nil)
		w.builds.taskWaitGroup.Wait()
		require.Equal(t, maxBuilds, most)
		w.settle()
		w.requireCurrent("core", "extra", "multilib")
	})
}

// TestBuild_InMemory checks that indexes that cannot be written are kept in memory. That is a problem until
// every index has been written.
func TestBuild_InMemory(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		w := newTestSystem(t, nil)
		dir := w.config.IndexDir
		require.NoError(t, os.WriteFile(dir, nil, 0o644)) // a file is in the place of the directory
		w.settle()
		w.requireCurrent("core", "extra", "multilib")
		require.Equal(t, []string{"index: memory"}, problemNames(w.Problems()))
		require.Contains(t, w.Problems()[0].Why, "not a directory")
		status, err := w.state().Status()
		require.NoError(t, err)
		require.Empty(t, status.Index.Files)
		for range 3 {
			w.settle()
		}
		require.Equal(t, map[string]int{"core": 1, "extra": 1, "multilib": 1}, w.builder.built(), "the indexes are kept")

		// If a database is bad, its last index stays in memory, too.
		packages := w.docs("extra")
		w.write("extra", []byte("bad"))
		w.settle()
		require.Equal(t, wire.SourceStale, w.source("extra").State)
		require.EqualValues(t, packages, w.source("extra").Index.DocCount())

		require.NoError(t, os.Remove(dir))
		for i, name := range []string{"core", "extra", "multilib"} {
			require.NotEmpty(t, w.Problems(), "%s is not written yet", name)
			w.write(name, content(t, name, uint64(i+2)))
			w.settle()
			w.requireCurrent(name)
			require.FileExists(t, w.index(name))
		}
		require.Empty(t, w.Problems())
	})
}

// TestBuild_ReadOnly checks an index directory that is not writable: omgd uses its indexes as long as they
// are up to date, and builds all other indexes in memory.
func TestBuild_ReadOnly(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		w := newTestSystem(t, nil)
		w.settle()
		// Root may write to any directory. So put a directory in the place of the temporary file: writing the
		// file then fails for root as well.
		temporary := filepath.Join(w.config.IndexDir, fmt.Sprintf(".core.omgidx.%d.tmp", os.Getpid()))
		require.NoError(t, os.MkdirAll(filepath.Join(temporary, "x"), 0o755))
		w.restart(nil)
		w.builder.built()
		w.write("core", content(t, "core", 2))
		w.settle()
		w.requireCurrent("core", "extra", "multilib")
		require.Equal(t, map[string]int{"core": 1}, w.builder.built())
		require.Equal(t, []string{"index: memory"}, problemNames(w.Problems()))
		require.Empty(t, w.source("core").Index.Path())
		require.NotEmpty(t, w.source("extra").Index.Path())
	})
}

// TestBuild_Wrong checks that a build has failed if it panics, or if it returns something other than an index
// of the repository.
func TestBuild_Wrong(t *testing.T) {
	for name, c := range map[string]struct {
		build func(w *testSystem) (IndexImage[*pkgindex.File], error)
		why   string
	}{
		"a panic":      {func(*testSystem) (IndexImage[*pkgindex.File], error) { panic("on purpose") }, "internal error, see the log"},
		"not an index": {func(*testSystem) (IndexImage[*pkgindex.File], error) { return &image{[]byte("no index")}, nil }, "not"},
		"another repository": {func(w *testSystem) (IndexImage[*pkgindex.File], error) {
			return w.builder.build(w.t.Context(), w.database("multilib"), "")
		}, "has no repository core"},
	} {
		t.Run(name, func(t *testing.T) {
			inVirtualTime(t, func(t *testing.T) {
				var w *testSystem
				w = newTestSystem(t, func(c0 *Config) {
					build := c0.Build
					c0.Build = func(ctx context.Context, database, popularity string) (IndexImage[*pkgindex.File], error) {
						if database == w.database("core") {
							return c.build(w)
						}
						return build(ctx, database, popularity)
					}
				})
				w.settle()
				w.requireNoIndex(wire.SourceFailed, c.why)
				require.Equal(t, 5*time.Second, w.nextPause)
				require.NoFileExists(t, w.index("core"))
			})
		})
	}
}

// TestBuild_EndsWithRun checks that Run cancels its builds and drops their results when it ends.
func TestBuild_EndsWithRun(t *testing.T) {
	w := newTestSystem(t, nil)
	begun := make(chan struct{}, 3)
	w.builder.set(func(ctx context.Context, _ string) error {
		begun <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	})
	ctx, end := context.WithCancel(t.Context())
	ran := make(chan struct{})
	go func() { w.Run(ctx); close(ran) }()
	<-begun
	end()
	<-ran

	w = newTestSystem(t, nil)
	w.refresh(t.Context(), nil)
	w.builds.taskWaitGroup.Wait()
	untaken := w.builds.jobs[w.index("core")].result
	require.NotNil(t, untaken)
	require.Positive(t, untaken.index.Size())
	w.end()
	require.Zero(t, untaken.index.Size(), "the index is closed")
	_, _, err := w.config.SnapshotHolder.Acquire()
	require.ErrorContains(t, err, "shutting down")
}
