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

// downloads is a system with downloaded databases in addition to pacman's databases.
type downloads struct {
	*system
	dir string    // the directory of the downloaded databases
	at  time.Time // the modification time of pacman's databases
}

// download adds a downloaded database and its index. The parameter age says how much older the downloaded database is than
// pacman's database.
func (d *downloads) download(t testing.TB, repo string, age time.Duration) {
	t.Helper()
	path := filepath.Join(d.dir, repo+".db")
	copyFile(t, d.database(repo), path)
	require.NoError(t, os.Chtimes(path, d.at, d.at.Add(-age)))
	r, err := RepositoryFromFile(path)
	require.NoError(t, err)
	indexed(t, d.dir, r)
}

// replaced calls Downloads.ReplacePacmanSources for the repositories of the system, and returns the resulting sources by name.
func (d *downloads) replaced(t testing.TB, stale time.Duration, why func(string) string) map[string]snapshot.IndexedSource {
	t.Helper()
	c := d.config()
	c.StaleAfter = stale
	p, err := c.ReadPacmanSetup()
	require.NoError(t, err)
	var system []snapshot.IndexedSource
	for i := range p.Repositories {
		system = append(system, settle(t.Context(), &p.Repositories[i], nil, nil).IndexedSource)
	}
	list := Downloads{Dir: d.dir, StaleAfter: stale, DownloadErrorOf: why}.ReplacePacmanSources(system, p.Repositories, func(path string) (*pkgindex.File, error) {
		f, err := pkgindex.Open(path, nil)
		if err == nil {
			t.Cleanup(func() { _ = f.Close() })
		}
		return f, err
	})
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

// TestReplace checks that ReplacePacmanSources uses, for each repository, the newer of pacman's database and the downloaded database. It
// also checks the descriptions of the sources.
func TestReplace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &downloads{system: generate(t, fixture.Options{Packages: 20, Seed: 1}), dir: t.TempDir()}
		catchUp(t, d.database("core"))
		d.at = time.Now().Add(-time.Hour)
		for _, repo := range []string{"core", "extra", "multilib"} {
			require.NoError(t, os.Chtimes(d.database(repo), d.at, d.at))
		}

		for name, s := range d.replaced(t, time.Hour, nil) {
			require.Equal(t, wire.SourceOK, s.State, name)
			require.False(t, s.Downloaded)
			require.Equal(t, "omgd's download: not downloaded yet", s.Why)
		}

		d.download(t, "core", 0)
		d.download(t, "extra", -time.Minute)
		d.download(t, "multilib", time.Minute)
		got := d.replaced(t, time.Hour, refused)
		require.Equal(t, wire.Source{
			Name: "core", Kind: wire.KindRepository, State: wire.SourceOK, Downloaded: true, AsOf: d.at.Unix(),
			ChangedAt: stampOf(t, filepath.Join(d.dir, "core.db")).CtimeSeconds(), // when the database was downloaded
			Why:       "refused",                                                  // the error of the last download
		}, got["core"].Source, "as new")
		require.True(t, got["extra"].Downloaded, "newer")
		require.False(t, got["multilib"].Downloaded, "older")
		require.Empty(t, got["multilib"].Why)
		require.NotNil(t, got["multilib"].Index)

		// The files have times of the real clock, which are later than the virtual time. Without the additional half hour,
		// their age could therefore be less than two hours.
		time.Sleep(2*time.Hour + 30*time.Minute)
		got = d.replaced(t, time.Hour, refused)
		require.Equal(t, wire.SourceStale, got["core"].State)
		require.Equal(t, "not confirmed by a mirror for 2 hours: refused", got["core"].Why)
		require.Equal(t, "not confirmed by a mirror for 2 hours", d.replaced(t, time.Hour, nil)["core"].Why)
		require.NotNil(t, got["core"].Index)
	})
}

// TestReplace_NoSystem checks that downloaded databases are used if pacman has no databases. If a repository has no database
// at all, its source says why pacman's database and the downloaded database are missing.
func TestReplace_NoSystem(t *testing.T) {
	d := &downloads{system: generate(t, fixture.Options{Packages: 20, Seed: 1}), dir: t.TempDir(), at: time.Now()}
	d.download(t, "extra", 0)
	d.download(t, "multilib", 0)
	require.NoError(t, os.RemoveAll(filepath.Join(d.db, "sync")))
	got := d.replaced(t, time.Hour, refused)
	require.Equal(t, wire.SourceMissing, got["core"].State)
	require.Equal(t, "no database: download it with pacman -Syu; omgd's download: refused", got["core"].Why)
	require.Nil(t, got["core"].Index)
	for _, repo := range []string{"extra", "multilib"} {
		require.True(t, got[repo].Downloaded)
		require.Equal(t, wire.SourceOK, got[repo].State)
		require.NotNil(t, got[repo].Index)
	}
}

// TestReplace_Bad checks that a downloaded database is not used if its index is of another repository or cannot be opened,
// and that an index whose downloaded database is missing is not used.
func TestReplace_Bad(t *testing.T) {
	d := &downloads{system: generate(t, fixture.Options{Packages: 20, Seed: 1}), dir: t.TempDir(), at: time.Now()}
	for _, repo := range []string{"core", "extra", "multilib"} {
		require.NoError(t, os.Chtimes(d.database(repo), d.at, d.at))
		d.download(t, repo, -time.Minute)
	}
	index := func(repo string) string { return IndexPath(d.dir, pkgindex.KindRepo, repo) }
	require.NoError(t, os.Rename(index("extra"), index("core")))
	require.NoError(t, os.WriteFile(index("extra"), []byte("x"), 0o644))
	require.NoError(t, os.Remove(filepath.Join(d.dir, "multilib.db")))
	got := d.replaced(t, time.Hour, nil)
	for repo, s := range got {
		require.False(t, s.Downloaded, repo)
		require.Equal(t, wire.SourceOK, s.State, "pacman's database is used")
		require.NotNil(t, s.Index)
	}
	require.Contains(t, got["core"].Why, "does not contain this repository")
	_, err := pkgindex.Open(index("extra"), nil)
	require.Contains(t, got["extra"].Why, errors.Unwrap(err).Error())
	require.Contains(t, got["multilib"].Why, "not downloaded yet")
}

// TestReplace_BadSystem checks which database is used if pacman's database is unreadable and the downloaded database is
// older. Pacman's database is used only if its index is newer than the downloaded database, or if it is being indexed.
func TestReplace_BadSystem(t *testing.T) {
	d := &downloads{system: generate(t, fixture.Options{Packages: 20, Seed: 1}), dir: t.TempDir(), at: time.Now()}
	core := d.repository(t, "core")
	require.NoError(t, os.Chtimes(core.DatabasePath, d.at, d.at))
	older, newer := indexed(t, t.TempDir(), core), d.at.Add(time.Minute)
	require.NoError(t, os.Chtimes(core.DatabasePath, newer, newer))
	newerIndex := indexed(t, t.TempDir(), core)
	d.download(t, "core", 0)
	require.NoError(t, os.WriteFile(core.DatabasePath, []byte("<html>"), 0o644))
	require.NoError(t, os.Chtimes(core.DatabasePath, newer, newer))
	for name, c := range map[string]struct {
		system func() ExaminedRepository
		own    bool
	}{
		"no index":       {func() ExaminedRepository { return settle(t.Context(), core, nil, nil) }, true},
		"an older index": {func() ExaminedRepository { return settle(t.Context(), core, older, nil) }, true},
		"a newer index":  {func() ExaminedRepository { return settle(t.Context(), core, newerIndex, nil) }, false},
		"being indexed": {func() ExaminedRepository {
			e := core.Examine(t.Context(), nil)
			e.MarkIndexBuilding()
			return e
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			system := c.system()
			got := Downloads{Dir: d.dir, StaleAfter: time.Hour}.ReplacePacmanSources(
				[]snapshot.IndexedSource{system.IndexedSource}, []Repository{*core},
				func(path string) (*pkgindex.File, error) { return open(t, path).File, nil })
			require.Equal(t, c.own, got[0].Downloaded)
			if !c.own {
				require.Equal(t, system.IndexedSource, got[0])
			}
		})
	}
}
