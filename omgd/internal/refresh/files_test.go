package refresh

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/pulled"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/wire"
)

// damages are ways to damage an index file while the daemon has mapped it.
var damages = map[string]func(t *testing.T, path string){
	"a changed byte": corrupt,
	"overwritten": func(t *testing.T, path string) {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		require.NoError(t, err)
		defer f.Close()
		size := stampOf(t, path).Size
		_, err = f.WriteAt(make([]byte, size/2), size/4)
		require.NoError(t, err)
	},
	"truncated":        func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 4096)) },
	"truncated to 0":   func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 0)) },
	"replaced by text": func(t *testing.T, path string) { require.NoError(t, os.WriteFile(path, []byte("no index"), 0o644)) },
	"removed":          func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) },
	"without trust":    func(t *testing.T, path string) { require.NoError(t, os.Chmod(path, 0o666)) },
}

// corrupt changes a byte in the middle of a file.
func corrupt(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	b[len(b)*2/3] ^= 0x55
	require.NoError(t, os.WriteFile(path, b, 0o644))
}

// readAll looks up packages of a repository by name, as requests do, and returns how many were found.
func readAll(w *testSystem, repo string, names []string) (found int, err error) {
	st, release, err := w.config.SnapshotHolder.Acquire()
	require.NoError(w.t, err)
	defer release()
	for _, name := range names {
		f, err := st.Snapshot.Info(&wire.InfoRequest{Names: []string{repo + "/" + name}})
		if err == nil {
			err = st.EachPackage(f.Hits, true, func(*wire.Package) error { found++; return nil })
		}
		if err != nil {
			return found, err
		}
	}
	return found, nil
}

// namesOf returns the names of the packages in a repository.
func (w *testSystem) namesOf(repo string) (names []string) {
	w.t.Helper()
	for p, err := range w.source(repo).Index.Packages() {
		require.NoError(w.t, err)
		names = append(names, p.Name)
	}
	return names
}

// TestFiles_DamagedIndex checks an index that is damaged while it is mapped: requests get errors from it, and
// never wrong packages. As soon as the damage is found, the index is built again. Other repositories are not affected.
func TestFiles_DamagedIndex(t *testing.T) {
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			inVirtualTime(t, func(t *testing.T) {
				w := newTestSystem(t, nil)
				w.settle()
				w.builder.built()
				names := map[string][]string{"core": w.namesOf("core"), "extra": w.namesOf("extra")}
				damage(t, w.index("core"))

				found, err := readAll(w, "core", names["core"])
				if err != nil { // omgd calls CheckIndexes when a request fails with this error, so the test calls it, too
					require.ErrorIs(t, err, pkgindex.ErrDamaged)
					w.CheckIndexes()
				}
				require.LessOrEqual(t, found, len(names["core"]))
				_, err = w.state().Snapshot.Search(&wire.SearchRequest{Words: []string{"lib"}, Repos: []string{"extra"}})
				require.NoError(t, err, "a search of another repository")
				found, err = readAll(w, "extra", names["extra"])
				require.NoError(t, err)
				require.Len(t, names["extra"], found)

				w.settle()
				w.requireCurrent("core", "extra", "multilib")
				require.Equal(t, map[string]int{"core": 1}, w.builder.built())
				found, err = readAll(w, "core", names["core"])
				require.NoError(t, err)
				require.Len(t, names["core"], found)
				require.Zero(t, w.nextPause)
			})
		})
	}
}

// TestFiles_DamagedOfTheLastRun checks that the complete check after the start finds an index that was
// damaged while no omgd ran, and that the index is built again.
func TestFiles_DamagedOfTheLastRun(t *testing.T) {
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			inVirtualTime(t, func(t *testing.T) {
				w := newTestSystem(t, nil)
				w.settle()
				w.builder.built()
				damage(t, w.index("core"))
				w.restart(nil)
				w.settle()
				w.requireCurrent("core", "extra", "multilib")
				require.Equal(t, map[string]int{"core": 1}, w.builder.built())
			})
		})
	}
}

// TestFiles_DamagedWithBadDatabase checks that a source has failed if both its index and its database are
// bad. All other sources answer.
func TestFiles_DamagedWithBadDatabase(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		w := newTestSystem(t, nil)
		w.settle()
		damages["overwritten"](t, w.index("core"))
		w.write("core", []byte("bad"))
		w.CheckIndexes()
		w.settle()
		w.requireNoIndex(wire.SourceFailed, "not a package database")
	})
}

// TestFiles_DamagedInMemory checks that a damaged index in memory is built again.
func TestFiles_DamagedInMemory(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		w := newTestSystem(t, nil)
		require.NoError(t, os.WriteFile(w.config.IndexDir, nil, 0o644))
		w.settle()
		w.builder.built()
		x := w.mappedFiles.mappedByPath[w.index("core")].index
		x.Retain() // the test still reads this index when another one has replaced it
		defer x.Release()
		w.CheckIndexes()
		w.settle()
		require.Empty(t, w.builder.built(), "all indexes are sound")
		w.mappedFiles.mappedByPath[w.index("core")].err = errors.New("found to be damaged")
		w.settle()
		w.requireCurrent("core", "extra", "multilib")
		require.Equal(t, map[string]int{"core": 1}, w.builder.built())
		require.False(t, x.IndexFile == state.IndexFile(w.source("core").Index))
	})
}

// aurIndex writes an AUR index with these packages.
func aurIndex(t *testing.T, path string, names ...string) {
	t.Helper()
	b := pkgindex.NewBuilder("test", 1)
	src := b.AddSource(wire.SourceAUR, pkgindex.KindAUR)
	for _, name := range names {
		require.NoError(t, src.Add(&wire.Package{Repo: wire.SourceAUR, Name: name, Version: "1-1", AUR: &wire.AUR{}}))
	}
	src.SetFileInfo("", 1, time.Now().Unix())
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, b.WriteFile(path))
}

// TestFiles_AUR checks that the AUR's index is mapped when it is made or replaced. If the index is damaged or
// removed, no repository is affected.
func TestFiles_AUR(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		aur := wire.Source{Name: wire.SourceAUR, Kind: wire.KindAUR, State: wire.SourceMissing, Why: "not downloaded yet"}
		w := newTestSystem(t, func(c *Config) { c.AURSource = func() wire.Source { return aur } })
		path := filepath.Join(w.config.IndexDir, "aur.omgidx")
		w.settle()
		require.Equal(t, aur, w.state().Inputs().AUR.Source)
		require.Nil(t, w.state().Inputs().AUR.Index)

		aur.State, aur.Why = wire.SourceOK, ""
		for _, name := range []string{"yay", "paru"} {
			aurIndex(t, path, name)
			w.settle()
			require.Equal(t, aur, w.state().Inputs().AUR.Source)
			require.Equal(t, 101, w.found().Total)
			hits, err := w.state().LookupAUR(name)
			require.NoError(t, err)
			require.Len(t, hits, 1)
		}

		damages["overwritten"](t, path)
		w.CheckIndexes()
		w.settle()
		src := w.state().Inputs().AUR
		require.Equal(t, wire.SourceFailed, src.State)
		require.Contains(t, src.Why, "damaged")
		require.Nil(t, src.Index)
		w.requireCurrent("core", "extra", "multilib")

		require.NoError(t, os.Remove(path))
		w.settle()
		require.Equal(t, aur, w.state().Inputs().AUR.Source)
		require.Len(t, w.state().Indexes(), 3)
	})
}

// TestFiles_PulledAUR checks that a pulled index of the AUR is used instead of omgd's own, and that the reason is shown if there is none although the
// AUR is published.
func TestFiles_PulledAUR(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		own := wire.Source{Name: wire.SourceAUR, Kind: wire.KindAUR, State: wire.SourceMissing, Why: "not downloaded yet"}
		listed := pulled.Source{Kind: "aur", Name: wire.SourceAUR, LastError: "another hash"}
		dir := t.TempDir()
		w := newTestSystem(t, func(c *Config) {
			c.AURSource = func() wire.Source { return own }
			c.Pulled = func() *sources.Pulled {
				now := time.Now()
				return &sources.Pulled{Dir: dir, StaleAfter: time.Hour, State: &pulled.State{
					Publisher: "key", Expires: now.Add(time.Hour).Unix(), ConfirmedAt: now.Unix(), Sources: []pulled.Source{listed},
				}}
			}
		})
		w.settle()
		require.Equal(t, wire.Source{Name: wire.SourceAUR, Kind: wire.KindAUR, State: wire.SourceFailed, Why: "pulled: another hash"}, w.state().Inputs().AUR.Source)

		aurIndex(t, filepath.Join(w.config.IndexDir, "aur.omgidx"), "yay")
		own.State, own.Why = wire.SourceOK, ""
		w.settle()
		src := w.state().Inputs().AUR
		require.Equal(t, wire.SourceStale, src.State, "omgd's own dump is not requested any more")
		require.Equal(t, "pulled: another hash", src.Why)
		require.NotNil(t, src.Index)

		aurIndex(t, filepath.Join(dir, "aur.omgidx"), "paru")
		listed.Sequence, listed.LastError = 5, ""
		w.settle()
		src = w.state().Inputs().AUR
		require.Equal(t, wire.SourceOK, src.State)
		require.Equal(t, "key", src.Publisher)
		hits, err := w.state().LookupAUR("paru")
		require.NoError(t, err)
		require.Len(t, hits, 1)
	})
}

// TestFiles_NamedIndex checks that omgd uses an index from --index as it is, and never builds it again, even if its
// database is newer, bad or missing. If the file of that index is damaged, omgd reports a problem, and builds an index
// of the same repository in its own directory.
func TestFiles_NamedIndex(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		static := filepath.Join(t.TempDir(), "static.omgidx")
		w := newTestSystem(t, nil)
		w.settle()
		b, err := os.ReadFile(w.index("core"))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(static, b, 0o644))
		origin, err := os.ReadFile(w.index("core") + ".origin")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(static+".origin", origin, 0o644))
		require.NoError(t, os.Remove(w.index("core")))
		w.builder.built()

		w.restart(func(c *Config) { c.StaticIndexes = []string{static} })
		w.settle()
		w.requireCurrent("core", "extra", "multilib")
		require.Equal(t, static, w.source("core").Index.Path())
		packages := w.docs("core")
		for _, bad := range []string{"changed", "bad", "missing"} {
			switch bad {
			case "changed":
				w.write("core", content(t, "core", 50))
			case "bad":
				w.write("core", []byte("bad"))
			case "missing":
				require.NoError(t, os.Remove(w.database("core")))
			}
			w.settle()
			s := w.source("core")
			require.Equal(t, wire.SourceStale, s.State, bad)
			require.EqualValues(t, packages, s.Index.DocCount(), bad)
			w.requireCurrent("extra", "multilib")
		}
		require.Empty(t, w.builder.built())
		require.NoFileExists(t, w.index("core"))

		w.write("core", content(t, "core", 50))
		require.NoError(t, os.WriteFile(static, []byte("no index"), 0o644))
		w.settle()
		status, err := w.state().Status()
		require.NoError(t, err)
		require.Equal(t, []string{"index: failed"}, problemNames(status.Problems))
		require.Contains(t, status.Problems[0].Why, static)
		w.requireCurrent("core", "extra", "multilib")
		require.Equal(t, map[string]int{"core": 1}, w.builder.built())
	})
}

// TestFiles_OldReadersGoOn checks that a request that began before an index was replaced can read the old
// index until the request ends.
func TestFiles_OldReadersGoOn(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		w := newTestSystem(t, nil)
		w.settle()
		old, release, err := w.config.SnapshotHolder.Acquire()
		require.NoError(t, err)
		index, packages := old.Indexes()[0], old.PackageCount()
		w.write("core", content(t, "core", 50))
		w.settle()
		require.NotEqual(t, packages, w.found().Total)
		found, err := old.Snapshot.Search(&wire.SearchRequest{Words: []string{""}})
		require.NoError(t, err)
		require.Equal(t, packages, found.Total)
		require.Positive(t, index.Size())
		release()
		require.Zero(t, index.Size(), "the index has no reader any more")
	})
}

// TestFiles_ChecksInBackground checks that a newly mapped index is checked completely in the background, and
// stays mapped during the check.
func TestFiles_ChecksInBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "aur.omgidx")
		var names []string
		for i := range 300 {
			names = append(names, fmt.Sprintf("package-%03d", i))
		}
		aurIndex(t, path, names...)
		suspected := 0
		f := newMappedFiles(&Config{Log: slog.New(slog.DiscardHandler)}, pkgindex.Open, func() { suspected++ })
		o, err := f.get(path)
		require.NoError(t, err)
		again, err := f.get(path)
		require.NoError(t, err)
		require.Same(t, o, again)
		f.runningChecks.Wait()
		require.Zero(t, suspected)
		f.sweep()
		require.Len(t, f.mappedByPath, 1, "the index was used since the last sweep")
		f.sweep()
		require.Empty(t, f.mappedByPath)
		require.Zero(t, o.index.Size())

		corrupt(t, path)
		_, err = f.get(path)
		require.NoError(t, err, "the header of the index is sound")
		f.runningChecks.Wait()
		require.Equal(t, 1, suspected)
		f.checkAll()
		_, err = f.get(path)
		require.ErrorIs(t, err, pkgindex.ErrDamaged)
		f.close()
		require.Empty(t, f.mappedByPath)
	})
}

// TestFiles_TruncatedDuringRefresh checks that a refresh fails if an index is truncated after files.get has
// found it unchanged. The next refresh checks all indexes.
func TestFiles_TruncatedDuringRefresh(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		w := newTestSystem(t, nil)
		w.settle()
		w.builder.built()
		packages := w.state().PackageCount()
		require.NoError(t, os.Truncate(w.index("core"), 0))
		w.mappedFiles.mappedByPath[w.index("core")].stamp = stampOf(t, w.index("core"))
		w.write("extra", content(t, "extra", 50))
		w.refresh(t.Context(), nil)
		require.Equal(t, []string{"refresh: failed"}, problemNames(w.Problems()))
		require.Contains(t, w.Problems()[0].Why, "truncated")
		require.Equal(t, packages, w.state().PackageCount(), "the last snapshot stays")
		w.settle()
		require.Empty(t, w.Problems())
		w.requireCurrent("core", "extra", "multilib")
		require.Equal(t, map[string]int{"core": 1, "extra": 1}, w.builder.built())
	})
}
