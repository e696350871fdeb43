package catalog

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
	"github.com/omg-arch/omg/shared/wire"
)

// TestRenew: of each repository the newer database counts, and sources say which
// that is and why.
func TestRenew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, own := t.TempDir(), t.TempDir()
		require.NoError(t, fixture.Write(dir, fixture.Options{Packages: 20, Seed: 1}))
		conf := filepath.Join(dir, "pacman.conf")
		require.NoError(t, os.WriteFile(conf, []byte(fixture.Config), 0o644))
		system := func(repo string) string { return filepath.Join(dir, "sync", repo+".db") }
		catchUp(t, system("core"))
		at := time.Now().Add(-time.Hour)
		for _, repo := range []string{"core", "extra", "multilib"} {
			require.NoError(t, os.Chtimes(system(repo), at, at))
		}
		// ours puts a database of our own there, as old as that.
		ours := func(repo string, age time.Duration) {
			t.Helper()
			path := filepath.Join(own, repo+".db")
			b, err := os.ReadFile(system(repo))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, b, 0o644))
			require.NoError(t, os.Chtimes(path, at, at.Add(-age)))
			one := &Repos{}
			require.NoError(t, one.Add(repo, path))
			built, err := one.Build(t.Context(), "test", 1, nil)
			require.NoError(t, err)
			require.NoError(t, built.WriteFile(OwnIndex(own, repo)))
		}
		renew := func(stale time.Duration, why string) (r *Repos, sources map[string]wire.Source, files int) {
			t.Helper()
			repos, err := Config{DBPath: dir, PacmanConfig: conf, Stale: stale}.ReadRepos()
			if err != nil {
				require.ErrorIs(t, err, ErrNoDatabases)
			}
			open := func(path string) (*pkgindex.File, error) { return pkgindex.Open(path, nil) }
			renewed, list := repos.Renew(Own{Dir: own, Stale: stale, Open: open, Why: func(string) string { return why }})
			sources = map[string]wire.Source{}
			for _, s := range renewed.Sources(nil) {
				sources[s.Name] = s
			}
			require.Len(t, sources, 3)
			for _, f := range list {
				require.NoError(t, f.Close())
			}
			return renewed, sources, len(list)
		}

		_, sources, files := renew(time.Hour, "")
		require.Zero(t, files)
		require.Equal(t, wire.SourceOK, sources["core"].State)
		require.False(t, sources["core"].Own)

		ours("core", 0)
		ours("extra", -time.Minute)
		ours("multilib", time.Minute)
		_, sources, files = renew(time.Hour, "refused")
		require.Equal(t, 2, files)
		require.True(t, sources["core"].Own, "as new")
		require.Equal(t, at.Unix(), sources["core"].AsOf)
		require.Equal(t, changed(t, filepath.Join(own, "core.db")), sources["core"].Changed, "found right when it came")
		require.Equal(t, wire.SourceOK, sources["core"].State)
		require.Equal(t, "refused", sources["core"].Why, "the last attempt failed")
		require.True(t, sources["extra"].Own, "newer")
		require.False(t, sources["multilib"].Own, "older")
		require.Empty(t, sources["multilib"].Why)

		time.Sleep(2 * time.Hour)
		_, sources, _ = renew(time.Hour, "refused")
		require.Equal(t, wire.SourceStale, sources["core"].State)
		require.Contains(t, sources["core"].Why, "refused")

		// Where this machine has none ours is enough, and where there is neither that is
		// said.
		require.NoError(t, os.RemoveAll(filepath.Join(dir, "sync")))
		require.NoError(t, os.Remove(OwnIndex(own, "core")))
		renewed, sources, files := renew(3*time.Hour, "refused")
		require.Equal(t, 2, files)
		require.Equal(t, []string{"extra", "multilib"}, renewed.View().Repos)
		require.Equal(t, wire.SourceMissing, sources["core"].State)
		require.Contains(t, sources["core"].Why, "refused")
		require.True(t, sources["multilib"].Own)
		require.Empty(t, renewed.Lacking())

		// One of another repository is none, nor is one that cannot be opened.
		require.NoError(t, os.Rename(OwnIndex(own, "extra"), OwnIndex(own, "core")))
		require.NoError(t, os.WriteFile(OwnIndex(own, "multilib"), []byte("x"), 0o644))
		_, sources, files = renew(3*time.Hour, "")
		require.Zero(t, files)
		require.Contains(t, sources["core"].Why, "of something else")
		require.Contains(t, sources["multilib"].Why, errors.Unwrap(openError(OwnIndex(own, "multilib"))).Error())
	})
}

func openError(path string) error {
	_, err := pkgindex.Open(path, nil)
	return err
}
