package refresh

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/wire"
)

// faults are ways in which a database can be bad. Tests of package sources cover more of these ways; the
// tests in this file cover the times at which a database becomes bad.
var faults = map[string]struct {
	corrupt func(t *testing.T, path string)
	why     string
	// missing means that there is no database file, so that no build is tried.
	missing bool
	// unbuilt means that omgd finds the fault before it starts a build.
	unbuilt bool
}{
	"a page of a login portal": {corrupt: overwrite("<!DOCTYPE html>\n<html><body>Log in</body></html>\n"), why: "not a package database"},
	"empty":                    {corrupt: overwrite(""), why: "the file is empty"},
	"cut off": {corrupt: func(t *testing.T, path string) {
		require.NoError(t, os.Truncate(path, stampOf(t, path).Size/2))
	}, why: "the file is truncated"},
	"a directory": {corrupt: func(t *testing.T, path string) {
		require.NoError(t, os.Remove(path))
		require.NoError(t, os.Mkdir(path, 0o755))
	}, why: "not a regular file", unbuilt: true},
	"a link to nowhere": {corrupt: func(t *testing.T, path string) {
		require.NoError(t, os.Remove(path))
		require.NoError(t, os.Symlink("/none/core.db", path))
	}, why: "no such file or directory", unbuilt: true},
	"missing": {corrupt: func(t *testing.T, path string) {
		require.NoError(t, os.Remove(path))
	}, why: "no database", missing: true, unbuilt: true},
}

func overwrite(content string) func(*testing.T, string) {
	return func(t *testing.T, path string) { require.NoError(t, os.WriteFile(path, []byte(content), 0o644)) }
}

// requireNoIndex requires that the repository core has this state and no index, and that its reason contains
// the given text. All other repositories must be up to date.
func (w *testSystem) requireNoIndex(state wire.SourceState, text string) {
	w.t.Helper()
	s := w.source("core")
	require.Equal(w.t, state, s.State, s.Why)
	require.Contains(w.t, s.Why, text)
	require.Nil(w.t, s.Index)
	require.False(w.t, s.Building, "the source has failed")
	w.requireCurrent("extra", "multilib")
	found := w.found()
	require.True(w.t, found.Partial)
	require.EqualValues(w.t, w.docs("extra")+w.docs("multilib"), found.Total)
	status, err := w.state().Status()
	require.NoError(w.t, err)
	require.True(w.t, status.Partial)
	require.Subset(w.t, status.PartialCounts, []string{"updates", "foreign"})
	require.NotNil(w.t, status.Counts.Updates)
	require.False(w.t, w.config.SnapshotHolder.IsStarting())
}

// requireOutdated requires that the repository core is answered from its last index and is stale, and that its
// reason contains the given text. All other repositories must be up to date.
func (w *testSystem) requireOutdated(text string, packages int) {
	w.t.Helper()
	s := w.source("core")
	require.Equal(w.t, wire.SourceStale, s.State, s.Why)
	require.Contains(w.t, s.Why, text)
	require.True(w.t, s.Outdated)
	require.NotNil(w.t, s.Index)
	require.EqualValues(w.t, packages, s.Index.DocCount())
	w.requireCurrent("extra", "multilib")
	found := w.found()
	require.False(w.t, found.Partial, "all repositories answer")
	require.EqualValues(w.t, packages+int(w.docs("extra")+w.docs("multilib")), found.Total)
}

// TestBadDatabase_AtStart checks that the packages of a database that is bad at the start are missing, and
// that all other repositories are up to date. When the database is good again, only its index is built.
func TestBadDatabase_AtStart(t *testing.T) {
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			inVirtualTime(t, func(t *testing.T) {
				w := newTestSystem(t, nil)
				good := w.original("core")
				f.corrupt(t, w.database("core"))
				w.settle()
				state := wire.SourceFailed
				if f.missing {
					state = wire.SourceMissing
				}
				w.requireNoIndex(state, f.why)
				want := map[string]int{"core": 1, "extra": 1, "multilib": 1}
				if f.unbuilt {
					delete(want, "core")
				}
				require.Equal(t, want, w.builder.built())

				require.NoError(t, os.RemoveAll(w.database("core")))
				w.write("core", good)
				w.settle()
				w.requireCurrent("core", "extra", "multilib")
				require.Equal(t, map[string]int{"core": 1}, w.builder.built())
				require.Zero(t, w.nextPause)
			})
		})
	}
}

// TestBadDatabase_OfTheLastRun checks that omgd uses the index of its last run if a database is bad at the
// start. If the database then comes back unchanged, no index is built again.
func TestBadDatabase_OfTheLastRun(t *testing.T) {
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			inVirtualTime(t, func(t *testing.T) {
				w := newTestSystem(t, nil)
				w.settle()
				w.requireCurrent("core", "extra", "multilib")
				packages, good := int(w.docs("core")), w.original("core")
				w.builder.built()
				f.corrupt(t, w.database("core"))
				w.restart(nil)
				w.settle()
				w.requireOutdated(f.why, packages)
				want := map[string]int{"core": 1}
				if f.unbuilt {
					delete(want, "core")
				}
				require.Equal(t, want, w.builder.built())

				require.NoError(t, os.RemoveAll(w.database("core")))
				w.write("core", good)
				w.settle()
				w.requireCurrent("core", "extra", "multilib")
				require.Empty(t, w.builder.built(), "the index is of this content")
			})
		})
	}
}

// TestBadDatabase_WhileRunning checks that omgd still uses the last index if a database becomes bad while
// omgd runs. If the database comes back with different content, its index is built again.
func TestBadDatabase_WhileRunning(t *testing.T) {
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			inVirtualTime(t, func(t *testing.T) {
				w := newTestSystem(t, nil)
				w.settle()
				packages, before := int(w.docs("core")), w.source("core")
				w.builder.built()
				f.corrupt(t, w.database("core"))
				w.settle()
				w.requireOutdated(f.why, packages)
				require.True(t, before.Index == w.source("core").Index, "the same mapped index")
				require.Equal(t, before.AsOf, w.source("core").AsOf, "the time of the index")
				require.LessOrEqual(t, w.builder.built()["core"], 1)
				status, err := w.state().Status()
				require.NoError(t, err)
				require.Empty(t, status.PartialCounts, "the counts are complete, but old")

				require.NoError(t, os.RemoveAll(w.database("core")))
				w.write("core", content(t, "core", 50))
				require.NotEqual(t, packages, int(w.docs("core")))
				w.settle()
				w.requireCurrent("core", "extra", "multilib")
				require.Equal(t, map[string]int{"core": 1}, w.builder.built())
				require.Zero(t, w.nextPause)
			})
		})
	}
}

// TestBadDatabase_WithoutPermission checks that a database without read permission is treated like any other
// bad database, even if the database is a link and its target has no read permission.
func TestBadDatabase_WithoutPermission(t *testing.T) {
	for _, linked := range []bool{false, true} {
		inVirtualTime(t, func(t *testing.T) {
			w := newTestSystem(t, nil)
			target := w.database("core")
			if linked {
				target = filepath.Join(t.TempDir(), "core.db")
				require.NoError(t, os.Rename(w.database("core"), target))
				require.NoError(t, os.Symlink(target, w.database("core")))
			}
			w.settle()
			packages := int(w.docs("core"))
			// Root may read every file, so let the builder fail.
			require.NoError(t, os.Chmod(target, 0))
			w.builder.set(func(_ context.Context, repo string) error {
				if repo == "core" {
					return &os.PathError{Op: "open", Path: target, Err: os.ErrPermission}
				}
				return nil
			})
			w.write("extra", content(t, "extra", 2))
			w.settle()
			s := w.source("core")
			if os.Getuid() == 0 {
				require.Equal(t, wire.SourceOK, s.State, "the index has the digest of this database")
			} else {
				require.Equal(t, wire.SourceStale, s.State)
				require.Contains(t, s.Why, "permission denied")
			}
			require.EqualValues(t, packages, s.Index.DocCount())
			w.requireCurrent("extra", "multilib")
			require.NoError(t, os.Chmod(target, 0o644))
			w.builder.set(nil)
			w.settle()
			w.requireCurrent("core", "extra", "multilib")
		})
	}
}

// TestBadDatabase_All checks that the installed packages are still known if all repositories are missing.
// Counts that depend on a repository are unknown.
func TestBadDatabase_All(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		w := newTestSystem(t, nil)
		require.NoError(t, os.RemoveAll(filepath.Join(w.db, "sync")))
		w.settle()
		status, err := w.state().Status()
		require.NoError(t, err)
		require.EqualValues(t, 10, *status.Counts.Installed)
		require.Nil(t, status.Counts.Updates, "unknown, not 0")
		require.Nil(t, status.Counts.Foreign)
		_, err = w.state().Snapshot.Search(&wire.SearchRequest{Words: []string{"lib"}})
		require.Equal(t, wire.CodeNotReady, wire.CodeOf(err))
		require.False(t, w.config.SnapshotHolder.IsStarting())
	})
}

// TestBadDatabase_OfAnotherDirectory checks that the index of a repository is not used for a repository with
// the same name in another database directory.
func TestBadDatabase_OfAnotherDirectory(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		w := newTestSystem(t, nil)
		w.settle()
		other := filepath.Join(t.TempDir(), "db")
		require.NoError(t, os.CopyFS(other, os.DirFS(w.db)))
		w.restart(func(c *Config) { c.Pacman.DBPath = other })
		w.db = other
		require.NoError(t, os.WriteFile(w.database("core"), []byte("bad"), 0o644))
		w.settle()
		w.requireNoIndex(wire.SourceFailed, "not a package database")
	})
}

// TestBadDatabase_GrowsOld checks that a database that was synchronized long ago is stale, and that its index
// is still up to date.
func TestBadDatabase_GrowsOld(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		w := newTestSystem(t, func(c *Config) { c.Pacman.StaleAfter = 48 * time.Hour })
		w.settle()
		w.requireCurrent("core", "extra", "multilib")
		time.Sleep(72 * time.Hour)
		w.settle()
		for _, name := range []string{"core", "extra", "multilib"} {
			s := w.source(name)
			require.Equal(t, wire.SourceStale, s.State)
			require.Equal(t, "not synchronized for 3 days", s.Why)
			require.False(t, s.Outdated)
		}
		require.Equal(t, 100, w.found().Total)
	})
}
