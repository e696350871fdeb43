package catalog

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// world has a generated database directory and a pacman.conf that names its
// repositories and a log beside it.
func world(t *testing.T) (c Config, log string) {
	t.Helper()
	dir := t.TempDir()
	db := filepath.Join(dir, "db")
	require.NoError(t, fixture.Write(db, fixture.Options{Packages: 60, Seed: 1, Installed: 10}))
	log = filepath.Join(dir, "pacman.log")
	conf := filepath.Join(dir, "pacman.conf")
	require.NoError(t, os.WriteFile(conf, fmt.Appendf(nil,
		"[options]\nDBPath = %s\nLogFile = %s\n[core]\n[extra]\n[multilib]\n", db, log), 0o644))
	return Config{PacmanConfig: conf}, log
}

func TestSynced(t *testing.T) {
	c, log := world(t)
	synced := func() int64 {
		r, err := c.ReadRepos()
		require.NoError(t, err)
		sources := r.Sources(nil)
		require.NotEmpty(t, sources)
		return sources[0].Synced
	}
	require.Zero(t, synced(), "no log")
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	line := func(at time.Time, text string) string { return at.Format("[2006-01-02T15:04:05-0700] ") + text + "\n" }
	text := line(at, "[PACMAN] synchronizing package lists") +
		line(at.Add(time.Hour), "[ALPM-SCRIPTLET] synchronizing package lists") +
		line(at.Add(time.Hour), "[PACMAN] Running 'echo synchronizing package lists'") +
		"[soon] [PACMAN] synchronizing package lists\n"
	require.NoError(t, os.WriteFile(log, []byte(text), 0o644))
	require.Equal(t, at.Unix(), synced())
	later := line(at.Add(2*time.Hour), "[PACMAN] synchronizing package lists") + strings.Repeat(line(at, "[ALPM] upgraded x (1-1 -> 1-2)"), 1000)
	require.NoError(t, os.WriteFile(log, []byte(text+later), 0o644))
	require.Equal(t, at.Add(2*time.Hour).Unix(), synced())
	require.NoError(t, os.WriteFile(log, []byte(text+strings.Repeat("x", maxLog)), 0o644))
	require.Zero(t, synced(), "too far from the end")
	require.NoError(t, os.WriteFile(log, []byte("[2019-01-02 03:04] [PACMAN] synchronizing package lists\n"), 0o644))
	require.Equal(t, time.Date(2019, 1, 2, 3, 4, 0, 0, time.Local).Unix(), synced())

	r, err := Config{PacmanConfig: c.PacmanConfig, DBPath: filepath.Join(filepath.Dir(log), "db", "..", "db")}.ReadRepos()
	require.NoError(t, err)
	require.NotZero(t, r.Sources(nil)[0].Synced, "the same directory by another name")
	other := t.TempDir()
	require.NoError(t, fixture.Write(other, fixture.Options{Packages: 5, Seed: 1}))
	r, err = Config{PacmanConfig: c.PacmanConfig, DBPath: other}.ReadRepos()
	require.NoError(t, err)
	require.Zero(t, r.Sources(nil)[0].Synced, "the log is about other databases")
	require.NoError(t, os.Remove(log))
	require.NoError(t, os.Mkdir(log, 0o755))
	require.Zero(t, synced())
}

// TestAdopt serves an index where there are no databases.
func TestAdopt(t *testing.T) {
	c, _ := world(t)
	r, err := c.ReadRepos()
	require.NoError(t, err)
	f, err := r.Memory(t.Context())
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, os.RemoveAll(filepath.Join(r.DBPath, "sync")))

	bare, err := c.ReadRepos()
	require.ErrorIs(t, err, ErrNoDatabases)
	require.Equal(t, r.DBPath, bare.DBPath)
	require.Len(t, bare.Missing, 3)
	require.NotEmpty(t, bare.Lacking())
	bare.Adopt(f)
	require.Empty(t, bare.Lacking())
	require.Equal(t, r.View(), bare.View())
	require.Empty(t, bare.Missing)
	for _, s := range bare.Sources(nil) {
		require.Equal(t, wire.SourceStale, s.State)
		require.NotZero(t, s.AsOf)
	}

	// Without any configuration the index has the say.
	require.NoError(t, os.WriteFile(c.PacmanConfig, fmt.Appendf(nil, "[options]\nDBPath = %s\n", r.DBPath), 0o644))
	bare, err = c.ReadRepos()
	require.ErrorIs(t, err, ErrNoDatabases)
	bare.Adopt(f)
	var names []string
	for _, s := range f.Facts().Sources {
		if s.Kind == pkgindex.KindRepo {
			names = append(names, s.Name)
		}
	}
	require.Equal(t, names, bare.View().Repos)
}

func TestLockOf(t *testing.T) {
	c, _ := world(t)
	r, err := c.ReadRepos()
	require.NoError(t, err)
	require.Equal(t, Lock{}, LockOf(r.DBPath))
	path := filepath.Join(r.DBPath, "db.lck")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	now := LockOf(r.DBPath)
	require.Equal(t, "busy", now.Part.State)
	require.Positive(t, now.Wait)
	old := time.Now().Add(-2 * leftOver)
	for _, p := range []string{path, filepath.Join(r.DBPath, "local"), filepath.Join(r.DBPath, "sync")} {
		require.NoError(t, os.Chtimes(p, old, old))
	}
	left := LockOf(r.DBPath)
	require.Equal(t, "failed", left.Part.State)
	require.Zero(t, left.Wait)
	require.Contains(t, left.Part.Why, "remove it")
}

func TestUnread(t *testing.T) {
	require.Nil(t, Unread(nil))
	require.Nil(t, Unread(&pacmandb.Local{}))
	warning := pacmandb.Warning{Entry: "x-1-1", Problem: pacmandb.ProblemMissing}
	require.Equal(t, "local/x-1-1 has no desc", Unread(&pacmandb.Local{Warnings: []pacmandb.Warning{warning}}).Why)
	require.Equal(t, "local/x-1-1 has no desc, and 6 more",
		Unread(&pacmandb.Local{Warnings: []pacmandb.Warning{warning, warning}, MoreWarnings: 5}).Why)
}
