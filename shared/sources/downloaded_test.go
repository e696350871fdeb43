package sources

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// downloads is a system with downloaded databases. All databases of the system have the time at.
type downloads struct {
	*system
	dir string
	at  time.Time
}

// download adds a downloaded database that is older than the system's by age.
func (d *downloads) download(t testing.TB, repo string, age time.Duration) {
	t.Helper()
	path := filepath.Join(d.dir, repo+".db")
	copyFile(t, d.database(repo), path)
	require.NoError(t, os.Chtimes(path, d.at, d.at.Add(-age)))
	r, err := DatabaseFile(path)
	require.NoError(t, err)
	indexed(t, d.dir, r)
}

// inPlaceOf returns the sources with the downloaded databases, by name.
func (d *downloads) inPlaceOf(t testing.TB, stale time.Duration, why func(string) string) map[string]snapshot.IndexedSource {
	t.Helper()
	c := d.config()
	c.StaleAfter = stale
	p, err := c.Read()
	require.NoError(t, err)
	var system []snapshot.IndexedSource
	for i := range p.Repositories {
		system = append(system, settle(t.Context(), &p.Repositories[i], nil, nil).IndexedSource)
	}
	list := Downloads{Dir: d.dir, StaleAfter: stale, Why: why, Open: func(path string) (*pkgindex.File, error) {
		f, err := pkgindex.Open(path, nil)
		if err == nil {
			t.Cleanup(func() { _ = f.Close() })
		}
		return f, err
	}}.Replace(system, p.Repositories)
	require.Len(t, list, 3)
	byName := map[string]snapshot.IndexedSource{}
	for i, s := range list {
		require.Equal(t, p.Repositories[i].Name, s.Name)
		require.Equal(t, p.Repositories[i].Usage, s.Usage)
		byName[s.Name] = s
	}
	return byName
}

func refused(string) string { return "refused" }

// TestInPlaceOf: the newer database of each repository is used, and the source shows which one and why.
func TestInPlaceOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &downloads{system: generate(t, fixture.Options{Packages: 20, Seed: 1}), dir: t.TempDir()}
		catchUp(t, d.database("core"))
		d.at = time.Now().Add(-time.Hour)
		for _, repo := range []string{"core", "extra", "multilib"} {
			require.NoError(t, os.Chtimes(d.database(repo), d.at, d.at))
		}

		for name, s := range d.inPlaceOf(t, time.Hour, nil) {
			require.Equal(t, wire.SourceOK, s.State, name)
			require.False(t, s.Downloaded)
			require.Equal(t, "downloaded: not downloaded yet", s.Why)
		}

		d.download(t, "core", 0)
		d.download(t, "extra", -time.Minute)
		d.download(t, "multilib", time.Minute)
		got := d.inPlaceOf(t, time.Hour, refused)
		require.Equal(t, wire.Source{
			Name: "core", Kind: wire.KindRepository, State: wire.SourceOK, Downloaded: true, AsOf: d.at.Unix(),
			Changed: stampOf(t, filepath.Join(d.dir, "core.db")).Changed(), // it was right when it came
			Why:     "refused",                                             // the last attempt failed
		}, got["core"].Source, "as new")
		require.True(t, got["extra"].Downloaded, "newer")
		require.False(t, got["multilib"].Downloaded, "older")
		require.Empty(t, got["multilib"].Why)
		require.NotNil(t, got["multilib"].Index)

		time.Sleep(2*time.Hour + time.Minute) // the files are newer than the clock, which stood still meanwhile
		got = d.inPlaceOf(t, time.Hour, refused)
		require.Equal(t, wire.SourceStale, got["core"].State)
		require.Equal(t, "not confirmed by a mirror for 2 hours: refused", got["core"].Why)
		require.Equal(t, "not confirmed by a mirror for 2 hours", d.inPlaceOf(t, time.Hour, nil)["core"].Why)
		require.NotNil(t, got["core"].Index)
	})
}

// TestInPlaceOf_NoSystem: downloaded databases suffice if pacman has none. Without either, the source has both reasons.
func TestInPlaceOf_NoSystem(t *testing.T) {
	d := &downloads{system: generate(t, fixture.Options{Packages: 20, Seed: 1}), dir: t.TempDir(), at: time.Now()}
	d.download(t, "extra", 0)
	d.download(t, "multilib", 0)
	require.NoError(t, os.RemoveAll(filepath.Join(d.db, "sync")))
	got := d.inPlaceOf(t, time.Hour, refused)
	require.Equal(t, wire.SourceMissing, got["core"].State)
	require.Equal(t, "no database: download it with pacman -Syu; downloaded: refused", got["core"].Why)
	require.Nil(t, got["core"].Index)
	for _, repo := range []string{"extra", "multilib"} {
		require.True(t, got[repo].Downloaded)
		require.Equal(t, wire.SourceOK, got[repo].State)
		require.NotNil(t, got[repo].Index)
	}
}

// TestInPlaceOf_Bad: an index of another repository, one that cannot be opened and one
// without its database do not answer.
func TestInPlaceOf_Bad(t *testing.T) {
	d := &downloads{system: generate(t, fixture.Options{Packages: 20, Seed: 1}), dir: t.TempDir(), at: time.Now()}
	for _, repo := range []string{"core", "extra", "multilib"} {
		require.NoError(t, os.Chtimes(d.database(repo), d.at, d.at))
		d.download(t, repo, -time.Minute)
	}
	index := func(repo string) string { return IndexPath(d.dir, pkgindex.KindRepo, repo) }
	require.NoError(t, os.Rename(index("extra"), index("core")))
	require.NoError(t, os.WriteFile(index("extra"), []byte("x"), 0o644))
	require.NoError(t, os.Remove(filepath.Join(d.dir, "multilib.db")))
	got := d.inPlaceOf(t, time.Hour, nil)
	for repo, s := range got {
		require.False(t, s.Downloaded, repo)
		require.Equal(t, wire.SourceOK, s.State, "pacman's own answers")
		require.NotNil(t, s.Index)
	}
	require.Contains(t, got["core"].Why, "of another source")
	_, err := pkgindex.Open(index("extra"), nil)
	require.Contains(t, got["extra"].Why, errors.Unwrap(err).Error())
	require.Contains(t, got["multilib"].Why, "not downloaded yet")
}

// TestInPlaceOf_BadSystem: an unreadable database of pacman's is not used, however new it is. Its last index is, and so
// is a database that is being indexed.
func TestInPlaceOf_BadSystem(t *testing.T) {
	d := &downloads{system: generate(t, fixture.Options{Packages: 20, Seed: 1}), dir: t.TempDir(), at: time.Now()}
	core := d.repository(t, "core")
	require.NoError(t, os.Chtimes(core.Database, d.at, d.at))
	older, newer := indexed(t, t.TempDir(), core), d.at.Add(time.Minute)
	require.NoError(t, os.Chtimes(core.Database, newer, newer))
	newerIndex := indexed(t, t.TempDir(), core)
	d.download(t, "core", 0)
	require.NoError(t, os.WriteFile(core.Database, []byte("<html>"), 0o644))
	require.NoError(t, os.Chtimes(core.Database, newer, newer))
	for name, c := range map[string]struct {
		system func() Examined
		own    bool
	}{
		"no index":       {func() Examined { return settle(t.Context(), core, nil, nil) }, true},
		"an older index": {func() Examined { return settle(t.Context(), core, older, nil) }, true},
		"a newer index":  {func() Examined { return settle(t.Context(), core, newerIndex, nil) }, false},
		"being indexed": {func() Examined {
			e := core.Examine(t.Context(), nil)
			e.SetPending()
			return e
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			system := c.system()
			got := Downloads{Dir: d.dir, StaleAfter: time.Hour, Open: func(path string) (*pkgindex.File, error) { return open(t, path).File, nil }}.
				Replace([]snapshot.IndexedSource{system.IndexedSource}, []Repository{*core})
			require.Equal(t, c.own, got[0].Downloaded)
			if !c.own {
				require.Equal(t, system.IndexedSource, got[0])
			}
		})
	}
}
