package refresh

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/wire"
)

// TestRun_SeesChanges checks that changes of three kinds of files cause a refresh: a database, even if it is
// a link and the target changes; the local database; and a file that pacman.conf includes.
func TestRun_SeesChanges(t *testing.T) {
	elsewhere := t.TempDir()
	w := newTestSystem(t, func(c *Config) { c.Interval = 1000 * time.Hour })
	link := func(path string) string {
		target := filepath.Join(elsewhere, filepath.Base(path))
		require.NoError(t, os.Rename(path, target))
		require.NoError(t, os.Symlink(target, path))
		return target
	}
	core := link(w.database("core"))
	included := filepath.Join(elsewhere, "more.conf")
	conf := w.config.Pacman.PacmanConfig
	text, err := os.ReadFile(conf)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(conf, []byte("Include = "+included+"\n"+string(text)), 0o644))
	require.NoError(t, os.WriteFile(included, []byte("[options]\n"), 0o644))

	ctx, stop := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { w.Run(ctx) })
	defer run.Wait()
	defer stop()
	state := func(name string) wire.SourceState {
		st, release, err := w.config.SnapshotHolder.Acquire()
		if err != nil {
			return ""
		}
		defer release()
		for _, s := range st.Inputs().Repositories {
			if s.Name == name && !s.Building {
				return s.State
			}
		}
		return ""
	}
	current := func(name string) func() bool { return func() bool { return state(name) == wire.SourceOK } }
	for _, name := range []string{"core", "extra", "multilib"} {
		await.Condition(t, current(name), "%s is served", name)
	}

	good := w.original("extra")
	w.write("extra", []byte("bad"))
	await.Condition(t, func() bool { return state("extra") == wire.SourceStale }, "a bad database is seen")
	w.write("extra", good)
	await.Condition(t, current("extra"), "the return of the good database is seen")

	require.NoError(t, os.WriteFile(core, []byte("bad"), 0o644))
	await.Condition(t, func() bool { return state("core") == wire.SourceStale }, "a bad database at a link's target is seen")
	require.NoError(t, os.WriteFile(core, content(t, "core", 50), 0o644))
	await.Condition(t, current("core"), "a new database at a link's target is seen")
	w.requireCurrent("core", "extra", "multilib")

	require.NoError(t, os.Remove(w.index("core")))
	await.Condition(t, func() bool { _, err := os.Stat(w.index("core")); return err == nil }, "an index that was removed is built again")
	await.Condition(t, current("core"), "the new index is served")

	st := w.state()
	p := st.Inputs().Local.Packages.Packages[0]
	require.NoError(t, os.RemoveAll(filepath.Join(w.db, "local", p.Name+"-"+p.Version)))
	installed := func() int {
		status, err := w.state().Status()
		require.NoError(t, err)
		return int(*status.Counts.Installed)
	}
	await.Condition(t, func() bool { return installed() == 9 }, "a removed package is seen")

	require.NoError(t, os.WriteFile(included, []byte("[options]\nIgnorePkg = *\n"), 0o644))
	await.Condition(t, func() bool {
		status, err := w.state().Status()
		require.NoError(t, err)
		return status.Counts.Updates != nil && *status.Counts.Updates == 0 // nil: a snapshot without the removed index may only just follow
	}, "a change of the configuration is seen")
}

// TestRun_Irrelevant checks which changes in watched directories are ignored. In a directory that is watched
// for one file, changes of all other files are ignored. In the directories of databases, no change is
// ignored.
func TestRun_Irrelevant(t *testing.T) {
	w := newTestSystem(t, func(c *Config) { c.StaticIndexes = []string{"/srv/index/static.omgidx"} })
	require.False(t, w.irrelevant("/anything"), "nothing is watched yet")
	watch := newWatcher(w.config.Log, realInotifyCalls(), w.irrelevant)
	defer watch.Close()
	_, err := w.readPacman(watch)
	require.NoError(t, err)
	conf := w.config.Pacman.PacmanConfig
	require.False(t, w.irrelevant(conf))
	require.True(t, w.irrelevant(conf+".swp"))
	require.True(t, w.irrelevant(filepath.Join(filepath.Dir(conf), "other")))
	require.False(t, w.irrelevant("/srv/index/static.omgidx"))
	require.True(t, w.irrelevant("/srv/index/another.omgidx"))
	require.False(t, w.irrelevant(w.index("core")))
	require.False(t, w.irrelevant(filepath.Join(w.config.IndexDir, "aur.omgidx")))
	require.True(t, w.irrelevant(w.index("another")))
	require.False(t, w.irrelevant(filepath.Join(w.db, "local", "new")))
	require.False(t, w.irrelevant(filepath.Join(w.db, "sync", "core.db.part")))
	require.ElementsMatch(t, []string{w.db, filepath.Join(w.db, "local"), filepath.Join(w.db, "sync"), filepath.Dir(conf)}, watch.fsWatcher.WatchList())
}

// TestRun_SurvivesPanic checks that a panic makes one refresh fail, and that the next refresh runs.
func TestRun_SurvivesPanic(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		panics := true
		w := newTestSystem(t, func(c *Config) {
			c.OnSuccess = func() {
				if panics {
					panic("on purpose")
				}
			}
		})
		w.settle()
		require.Equal(t, []string{"refresh: failed"}, problemNames(w.Problems()))
		require.Contains(t, w.Problems()[0].Why, "internal error")
		panics = false
		w.settle()
		require.Empty(t, w.Problems())
		w.requireCurrent("core", "extra", "multilib")
	})
}
