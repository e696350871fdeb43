package badinput

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/wire"
)

// bomb is a database of some megabytes that expands to 5 GiB of zeros: a gzip file may have many members.
func bomb(t *testing.T) []byte { return bytes.Repeat(zipped(t, make([]byte, 64<<20)), 80) }

// damages are what may be wrong with a database, and what is said of it.
func damages(t *testing.T, good []byte) []struct {
	name string
	db   []byte
	says string
} {
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 0x40
	return []struct {
		name string
		db   []byte
		says string
	}{
		{"truncated", good[:len(good)/2], "cut off"},
		{"one byte short", good[:len(good)-1], "cut off"},
		{"a flipped bit", flipped, "damaged"},
		{"empty", nil, "empty"},
		{"garbage", bytes.Repeat([]byte("\x93\x02\xf7garbage"), 1000), "not a package database"},
		{"a login page", []byte("<!DOCTYPE html><html><title>Please log in</title>" + strings.Repeat(" ", 1000)), "not a package database"},
		{"compressed text", zipped(t, []byte(strings.Repeat("some text\n", 1000))), "not a package database"},
		{"a bare magic number", []byte("\x1f\x8b"), "cut off"},
		{"zstd garbage", append([]byte("\x28\xb5\x2f\xfd"), bytes.Repeat([]byte{0xff}, 1000)...), "damaged"},
		{"xz garbage", append([]byte("\xfd7zXZ\x00"), bytes.Repeat([]byte{0xff}, 1000)...), "damaged"},
		{"a bomb", bomb(t), "too large"},
	}
}

func TestDamagedDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := w.built(t)
	path := w.sync("extra")
	good := read(t, path)
	for _, c := range damages(t, good) {
		t.Run(c.name, func(t *testing.T) {
			replace(t, path, c.db)
			defer replace(t, path, good)
			m := measure(t, w.env, nil, "omg-index", append([]string{"build", "-o", w.index()}, w.config()...)...)
			errorLine(t, m.Result, "omg-index", failed, path, c.says, "pacman -Syy")
			require.Less(t, m.RSS, int64(200<<20))
			require.Less(t, m.Took, time.Minute)
			if c.name == "a bomb" {
				require.Positive(t, m.RSS)
				t.Logf("%d MiB, %v", m.RSS>>20, m.Took)
			}
			require.Equal(t, old, read(t, w.index()), "the old index was lost")
			nothingElse(t, w.data)
			m = measure(t, w.env, nil, "omg", slices.Concat([]string{"--no-daemon", "--data-dir", w.data}, w.config(), []string{"search", "lib"})...)
			errorLine(t, m.Result, "omg", failed, path, c.says, "pacman -Syy")
			require.Less(t, m.RSS, int64(200<<20))
		})
	}
}

// nothingElse demands that a data directory has an index, its stamps, perhaps the store, and no temporary file.
func nothingElse(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		require.Contains(t, []string{"repos.omgidx", "repos.omgidx.stamps", "cache.pebble", "versions", "shims", "tools"}, e.Name())
	}
}

// TestDatabaseDamagedUnderDaemon: what is mapped goes on being served, and says that it is old.
func TestDatabaseDamagedUnderDaemon(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.start(t)
	old := read(t, w.index())
	path := w.sync("extra")
	good := read(t, path)
	for _, c := range damages(t, good) {
		t.Run(c.name, func(t *testing.T) {
			replace(t, path, c.db)
			d.settles(t, func(s wire.SearchResult) bool { return s.Total == 200 && states(s)["extra"] == wire.SourceStale })
			require.Equal(t, old, read(t, w.index()), "the old index was lost")
			nothingElse(t, w.data)
			replace(t, path, good)
			d.settles(t, func(s wire.SearchResult) bool { return s.Total == 200 && states(s)["extra"] == wire.SourceOK })
		})
	}
	t.Run("removed", func(t *testing.T) {
		require.NoError(t, os.Remove(path))
		d.settles(t, func(s wire.SearchResult) bool {
			// As for pacman it has no packages then; the answer says so.
			return s.Total < 200 && states(s)["extra"] == wire.SourceMissing && states(s)["core"] == wire.SourceOK
		})
		replace(t, path, good)
		d.settles(t, func(s wire.SearchResult) bool { return s.Total == 200 && states(s)["extra"] == wire.SourceOK })
	})
	require.Less(t, memory(t, d.Pid), int64(200<<20))
}

func TestNoDatabases(t *testing.T) {
	t.Parallel()
	w := emptyWorld(t)
	for _, c := range []struct {
		name string
		make func()
		conf bool
		says string
	}{
		{"no directory", func() {}, false, filepath.Join(w.db, "sync")},
		{"an empty directory", func() { require.NoError(t, os.MkdirAll(filepath.Join(w.db, "sync"), 0o755)) }, false, filepath.Join(w.db, "sync")},
		{"configured ones", func() {}, true, filepath.Join(w.db, "sync")},
		{"a file for a directory", func() {
			require.NoError(t, os.RemoveAll(w.db))
			write(t, w.db, []byte("x"))
		}, false, filepath.Join(w.db, "sync")},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.make()
			if c.conf {
				require.NoError(t, os.WriteFile(w.conf, []byte("[options]\n[core]\n[extra]\n"), 0o644))
			} else {
				require.NoError(t, os.WriteFile(w.conf, []byte("[options]\n"), 0o644))
			}
			todo := "pacman -Sy"
			if fi, err := os.Stat(w.db); err == nil && !fi.IsDir() {
				todo = "not a directory"
			}
			errorLine(t, w.build(t), "omg-index", failed, c.says, todo)
			require.NoFileExists(t, w.index())
			errorLine(t, w.direct(t, "search", "lib"), "omg", failed, c.says, todo)
			errorLine(t, w.direct(t, "info", "lib"), "omg", failed, c.says)
		})
	}
}

// TestNoConfiguration: a pacman.conf that was named must be there.
func TestNoConfiguration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, os.Remove(w.conf))
	errorLine(t, w.build(t), "omg-index", failed, w.conf)
	errorLine(t, w.direct(t, "search", "lib"), "omg", failed, w.conf)
}

// TestDaemonWithoutDatabases answers that it cannot, and comes right when they appear.
func TestDaemonWithoutDatabases(t *testing.T) {
	t.Parallel()
	w := emptyWorld(t)
	require.NoError(t, os.MkdirAll(filepath.Join(w.db, "sync"), 0o755))
	d := w.launch(t)
	r := d.omg(t, append(w.config(), "--data-dir", w.data, "search", "lib")...)
	errorLine(t, r, "omg", failed, filepath.Join(w.db, "sync"))
	there := newWorld(t)
	for _, repo := range []string{"core", "extra", "multilib"} {
		replace(t, w.sync(repo), read(t, there.sync(repo)))
	}
	d.settles(t, func(s wire.SearchResult) bool { return s.Total == 200 })
}

// nobody is a user who owns nothing here.
func nobody(t *testing.T) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can run programs as another user")
	}
	return &syscall.Credential{Uid: 65534, Gid: 65534}
}

func TestUnreadable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := nobody(t)
	require.NoError(t, os.Chown(w.data, 65534, 65534))
	build := append([]string{"build", "-o", w.index()}, w.config()...)
	search := slices.Concat([]string{"--no-daemon", "--data-dir", w.data}, w.config(), []string{"search", "lib"})
	for _, c := range []struct {
		path string
		says string
	}{
		{w.sync("extra"), w.sync("extra")},
		{filepath.Join(w.db, "sync"), filepath.Join(w.db, "sync")},
		{w.db, filepath.Join(w.db, "sync")},
		{w.conf, w.conf},
	} {
		t.Run(filepath.Base(c.path), func(t *testing.T) {
			fi, err := os.Stat(c.path)
			require.NoError(t, err)
			require.NoError(t, os.Chmod(c.path, 0))
			defer func() { require.NoError(t, os.Chmod(c.path, fi.Mode())) }()
			errorLine(t, measure(t, w.env, other, "omg-index", build...).Result, "omg-index", failed, c.says, "permission denied")
			errorLine(t, measure(t, w.env, other, "omg", search...).Result, "omg", failed, c.says, "permission denied")
		})
	}
	t.Run("no room for the index", func(t *testing.T) {
		require.NoError(t, os.Chown(w.data, 0, 0))
		errorLine(t, measure(t, w.env, other, "omg-index", build...).Result, "omg-index", failed, w.data, "permission denied")
	})
}

// TestDescWithoutName: name and version are the directory's, as for pacman; a desc without its own costs that package at
// most, and a line says so.
func TestDescWithoutName(t *testing.T) {
	t.Parallel()
	w := emptyWorld(t)
	require.NoError(t, os.WriteFile(w.conf, []byte("[core]\n"), 0o644))
	w.installs(t)
	write(t, w.sync("core"), database(t,
		entry{"good-1.0-1/desc", desc("good", "all there", "")},
		entry{"nameless-1.0-1/desc", "%VERSION%\n1.0-1\n\n%DESC%\nno name\n"},
		entry{"empty-1.0-1/desc", ""},
		entry{"noversion/desc", desc("noversion", "directory without a version", "")},
		entry{"last-1.0-1/desc", desc("last", "all there", "")},
	))
	r := w.build(t)
	clean(t, r)
	require.Equal(t, answered, r.Code, r.Stderr)
	require.Contains(t, r.Stderr, "omg-index: warning: "+w.sync("core"))
	require.Contains(t, r.Stderr, "nameless")
	require.Contains(t, r.Stderr, "noversion")
	for _, name := range []string{"good", "last"} {
		r := w.direct(t, "info", name)
		require.Equal(t, answered, r.Code, r.Stderr)
		require.Contains(t, r.Stdout, "all there")
	}
}

// TestSamePackageTwice: info shows both, in pacman.conf's order, whichever that is.
func TestSamePackageTwice(t *testing.T) {
	t.Parallel()
	w := emptyWorld(t)
	w.installs(t)
	for _, repo := range []string{"one", "two"} {
		write(t, w.sync(repo), database(t, entry{"twin-1.0-1/desc", desc("twin", "of "+repo, "")}))
	}
	for _, order := range [][]string{{"one", "two"}, {"two", "one"}} {
		require.NoError(t, os.WriteFile(w.conf, []byte("["+order[0]+"]\n["+order[1]+"]\n"), 0o644))
		for range 2 { // from the databases, then from an index
			r := w.direct(t, "info", "twin", "--format", "{{.repo}} {{.desc}}")
			require.Equal(t, answered, r.Code, r.Stderr)
			require.Equal(t, []string{order[0] + " of " + order[0], order[1] + " of " + order[1]}, r.Lines())
			require.Equal(t, []string{order[1]}, w.direct(t, "info", order[1]+"/twin", "--format", "{{.repo}}").Lines())
			w.built(t)
		}
	}
}
