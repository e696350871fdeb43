package sources

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/wire"
)

func TestRead(t *testing.T) {
	s := generate(t, fixture.Options{Packages: 20, Seed: 1})
	s.configure(t, "[multilib]\nUsage = Sync\n[core]\n[none]\n")
	p := s.read(t)
	require.Equal(t, s.db, p.DBPath)
	require.Equal(t, []string{"multilib", "core", "none"}, names(p), "in the order of pacman.conf, also without a database")
	require.Equal(t, s.database("none"), p.Repositories[2].DatabasePath)
	require.Equal(t, pacmandb.UsageSync, p.Repositories[0].Usage)
	require.Equal(t, pacmandb.Repo{Name: "core", Usage: pacmandb.UsageAll}, p.Repositories[1].LibAlpmRepo())
	require.Equal(t, "/", p.Root())
}

// TestRead_Databases checks that without configured repositories, the repositories are those whose databases exist, in
// Arch's order.
func TestRead_Databases(t *testing.T) {
	s := generate(t, fixture.Options{Packages: 20, Seed: 1})
	s.configure(t, "")
	for _, repo := range []string{"aur", "custom", "local"} {
		copyFile(t, s.database("core"), s.database(repo))
	}
	p := s.read(t)
	require.Equal(t, []string{"core", "extra", "multilib", "aur", "custom"}, names(p))
	require.Equal(t, s.database("aur"), p.Repositories[3].DatabasePath)

	require.NoError(t, os.RemoveAll(filepath.Join(s.db, "sync")))
	require.Empty(t, s.read(t).Repositories)
	require.NoError(t, os.WriteFile(filepath.Join(s.db, "sync"), nil, 0o644))
	_, err := s.config().ReadPacmanSetup()
	require.Error(t, err, "the existing databases cannot be listed")
}

// TestRead_DBPath checks that Config.DBPath takes precedence over pacman.conf, and that a relative path is made absolute.
func TestRead_DBPath(t *testing.T) {
	s, other := generate(t, fixture.Options{Packages: 20, Seed: 1}), generate(t, fixture.Options{Packages: 20, Seed: 2})
	p, err := Config{PacmanConfig: s.conf, DBPath: other.db}.ReadPacmanSetup()
	require.NoError(t, err)
	require.Equal(t, other.db, p.DBPath)
	require.Equal(t, other.database("core"), p.Repositories[0].DatabasePath)
	t.Chdir(filepath.Dir(other.db))
	p, err = Config{PacmanConfig: s.conf, DBPath: "db"}.ReadPacmanSetup()
	require.NoError(t, err)
	require.Equal(t, other.db, p.DBPath)
}

// TestRead_Errors checks that a pacman.conf whose path is set in Config must exist and be valid.
func TestRead_Errors(t *testing.T) {
	s := generate(t, fixture.Options{Packages: 20, Seed: 1})
	_, err := Config{PacmanConfig: s.conf + "-none"}.ReadPacmanSetup()
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, s.conf+"-none")
	_, err = Config{PacmanConfig: filepath.Dir(s.conf)}.ReadPacmanSetup()
	require.ErrorContains(t, err, filepath.Dir(s.conf))
	s.configure(t, "[core]\nInclude = /none/*.conf\n[extra\n")
	_, err = s.config().ReadPacmanSetup()
	require.ErrorContains(t, err, s.conf)
}

func TestRead_Root(t *testing.T) {
	s := generate(t, fixture.Options{Packages: 20, Seed: 1})
	for root, want := range map[string]string{"/": "/", "/mnt": "/mnt/", "/mnt/": "/mnt/"} {
		require.NoError(t, os.WriteFile(s.conf, []byte("[options]\nRootDir = "+root+"\nDBPath = "+s.db+"\n"), 0o644))
		require.Equal(t, want, s.read(t).Root())
	}
}

// TestRead_Synced checks that ReadPacmanSetup finds the time of the last synchronization in pacman's log.
func TestRead_Synced(t *testing.T) {
	s := generate(t, fixture.Options{Packages: 20, Seed: 1})
	synced := func() int64 {
		p := s.read(t)
		at := p.Repositories[0].Examine(t.Context(), nil).SyncedAt
		require.Equal(t, p.SyncedAt, at, "each source has the time")
		return at
	}
	require.Zero(t, synced(), "no log")
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	line := func(at time.Time, text string) string { return at.Format("[2006-01-02T15:04:05-0700] ") + text + "\n" }
	text := line(at, "[PACMAN] synchronizing package lists") +
		line(at.Add(time.Hour), "[ALPM-SCRIPTLET] synchronizing package lists") +
		line(at.Add(time.Hour), "[PACMAN] Running 'echo synchronizing package lists'") +
		"[soon] [PACMAN] synchronizing package lists\n"
	require.NoError(t, os.WriteFile(s.log, []byte(text), 0o644))
	require.Equal(t, at.Unix(), synced())
	later := line(at.Add(2*time.Hour), "[PACMAN] synchronizing package lists") + strings.Repeat(line(at, "[ALPM] upgraded x (1-1 -> 1-2)"), 1000)
	require.NoError(t, os.WriteFile(s.log, []byte(text+later), 0o644))
	require.Equal(t, at.Add(2*time.Hour).Unix(), synced())
	require.NoError(t, os.WriteFile(s.log, []byte(text+strings.Repeat("x", pacmanLogTailBytes)), 0o644))
	require.Zero(t, synced(), "the line is too far from the end of the log")
	require.NoError(t, os.WriteFile(s.log, []byte("[2019-01-02 03:04] [PACMAN] synchronizing package lists\n"), 0o644))
	require.Equal(t, time.Date(2019, 1, 2, 3, 4, 0, 0, time.Local).Unix(), synced())
	require.NoError(t, os.WriteFile(s.log, nil, 0o644))
	require.Zero(t, synced(), "an empty log")

	require.NoError(t, os.WriteFile(s.log, []byte(text), 0o644))
	p, err := Config{PacmanConfig: s.conf, DBPath: filepath.Join(s.db, "..", "db")}.ReadPacmanSetup()
	require.NoError(t, err)
	require.Equal(t, at.Unix(), p.SyncedAt, "the same directory by another name")
	p, err = Config{PacmanConfig: s.conf, DBPath: generate(t, fixture.Options{Packages: 5, Seed: 1}).db}.ReadPacmanSetup()
	require.NoError(t, err)
	require.Zero(t, p.SyncedAt, "the log is about other databases")
	require.NoError(t, os.Remove(s.log))
	require.NoError(t, os.Mkdir(s.log, 0o755))
	require.Zero(t, synced())
}

// TestAdopt checks that the repositories of an index that the user chose are used if no repository is configured.
func TestAdopt(t *testing.T) {
	s := generate(t, fixture.Options{Packages: 60, Seed: 1})
	dir := t.TempDir()
	var given []*Index
	for _, repo := range []string{"core", "extra"} {
		x := indexed(t, dir, s.repository(t, repo))
		x.UserChosen = true
		given = append(given, x)
	}
	require.NoError(t, os.RemoveAll(filepath.Join(s.db, "sync")))
	adopted := func() *PacmanSetup {
		p := s.read(t)
		for _, x := range given {
			p.AddFromIndex(x.Repositories())
			p.AddFromIndex(x.Repositories())
		}
		return p
	}
	require.Equal(t, []string{"core", "extra", "multilib"}, names(adopted()), "configured repositories take precedence over those of the index")
	s.configure(t, "")
	p := adopted()
	require.Equal(t, []string{"core", "extra"}, names(p))
	for i, x := range given {
		r := &p.Repositories[i]
		require.Equal(t, s.database(r.Name), r.DatabasePath)
		e := r.Examine(t.Context(), x)
		require.Equal(t, wire.SourceStale, e.State)
		require.Equal(t, x.File, e.Index)
		require.NotZero(t, e.AsOf)
	}
}

func TestWatched(t *testing.T) {
	s := generate(t, fixture.Options{Packages: 20, Installed: 5, Seed: 1})
	elsewhere := t.TempDir()
	included, target := filepath.Join(elsewhere, "mirrors"), filepath.Join(elsewhere, "core.db")
	require.NoError(t, os.WriteFile(included, nil, 0o644))
	s.configure(t, "[core]\nInclude = "+included+"\n[extra]\n")
	require.NoError(t, os.Rename(s.database("core"), target))
	require.NoError(t, os.Symlink(target, s.database("core")))
	fileLists := filepath.Join(elsewhere, "core.files")
	require.NoError(t, os.Symlink(fileLists, filepath.Join(s.db, "sync", "core.files")))
	require.NoError(t, os.Rename(filepath.Join(s.db, "local"), filepath.Join(elsewhere, "local")))
	require.NoError(t, os.Symlink(filepath.Join(elsewhere, "local"), filepath.Join(s.db, "local")))
	dirs, files := s.read(t).WatchPaths()
	require.ElementsMatch(t, []string{s.db, filepath.Join(s.db, "local"), filepath.Join(s.db, "sync"), filepath.Join(elsewhere, "local")}, dirs)
	require.ElementsMatch(t, []string{s.conf, included, target, fileLists}, files)

	// The first Include names a link to a second link. Both links are watched, because each of them may later point to
	// another file. The second Include is a pattern. Its directory is watched, because a matching file may be created.
	second, end := filepath.Join(elsewhere, "second"), filepath.Join(t.TempDir(), "end")
	require.NoError(t, os.Rename(included, end))
	require.NoError(t, os.Symlink(end, second))
	require.NoError(t, os.Symlink("second", included))
	parts := t.TempDir()
	s.configure(t, "[core]\nInclude = "+included+"\nInclude = "+parts+"/*.conf\n[extra]\n")
	require.NoError(t, os.WriteFile(filepath.Join(parts, "a.conf"), nil, 0o644))
	dirs, files = s.read(t).WatchPaths()
	require.Contains(t, dirs, parts)
	require.ElementsMatch(t, []string{s.conf, included, second, end, target, fileLists, filepath.Join(parts, "a.conf")}, files)
}

// TestRepositoryFromFile checks that a repository that is read from a single database file is named after this file.
func TestRepositoryFromFile(t *testing.T) {
	s := generate(t, fixture.Options{Packages: 20, Seed: 1})
	t.Chdir(filepath.Join(s.db, "sync"))
	for _, path := range []string{s.database("core"), "core.db"} {
		r, err := RepositoryFromFile(path)
		require.NoError(t, err)
		require.Equal(t, "core", r.Name)
		require.Equal(t, s.database("core"), r.DatabasePath)
		f, err := r.BuildInMemory(t.Context(), nil)
		require.NoError(t, err)
		require.Equal(t, []string{"core"}, (&Index{File: f}).Repositories())
	}
	for file, want := range map[string]string{"custom.db.tar.gz": "custom", "my.db.stuff.db": "my.db.stuff", ".db": ".db", "bare": "bare"} {
		r, err := RepositoryFromFile(file)
		require.NoError(t, err)
		require.Equal(t, want, r.Name)
	}
	for file, want := range map[string]string{"core.files": "core", "custom.files.tar.gz": "custom", "my.db.files": "my.db", ".files": ".files", "bare": "bare"} {
		r, err := RepositoryFromFilesDatabase(file)
		require.NoError(t, err)
		require.Equal(t, want, r.Name)
		require.Equal(t, filepath.Join(s.db, "sync", file), r.FilesDatabasePath())
	}
	require.Equal(t, filepath.Join(s.db, "sync", "core.files"), s.repository(t, "core").FilesDatabasePath())
}

// TestUnread checks that DescribeUnreadablePackages returns a text only for a package that could not be read, but a problem for every
// warning. The text makes results partial.
func TestUnread(t *testing.T) {
	unread, p := DescribeUnreadablePackages(nil)
	require.Empty(t, unread)
	require.Nil(t, p)
	unread, p = DescribeUnreadablePackages(&pacmandb.Local{})
	require.Empty(t, unread)
	require.Nil(t, p)
	warning := pacmandb.Warning{Entry: "x-1-1", Problem: pacmandb.ProblemMissingDesc}
	_, p = DescribeUnreadablePackages(&pacmandb.Local{Warnings: []pacmandb.Warning{warning}})
	require.Equal(t, &wire.Problem{Name: "local", State: "incomplete", Why: "local/x-1-1 has no desc"}, p)
	_, p = DescribeUnreadablePackages(&pacmandb.Local{Warnings: []pacmandb.Warning{warning, warning}, MoreWarnings: 5})
	require.Equal(t, "local/x-1-1 has no desc, and 6 more", p.Why)
}

// TestUnread_Packages checks that the local database still contains a package whose file desc is damaged, at least its name.
func TestUnread_Packages(t *testing.T) {
	s := generate(t, fixture.Options{Packages: 20, Installed: 10, Seed: 1})
	local, err := pacmandb.ReadLocal(t.Context(), s.db)
	require.NoError(t, err)
	require.Len(t, local.Packages, 10)
	for i, p := range local.Packages[:3] {
		desc := filepath.Join(s.db, "local", p.Name+"-"+p.Version, "desc")
		require.NoError(t, os.Truncate(desc, 0))
		damaged, err := pacmandb.ReadLocal(t.Context(), s.db)
		require.NoError(t, err)
		require.Len(t, damaged.Packages, 10)
		unread, problem := DescribeUnreadablePackages(damaged)
		require.NotNil(t, problem)
		require.Equal(t, problem.Why, unread)
		require.Contains(t, unread, "has an empty desc")
		require.Equal(t, i > 0, strings.HasSuffix(unread, " more"), unread)
	}
}
