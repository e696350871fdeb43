package badinput

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/wire"
)

// bomb returns a database of a few megabytes that expands to 5 GiB of zeros: a gzip file may have many members.
func bomb(t *testing.T) []byte { return bytes.Repeat(harness.Gzip(t, make([]byte, 64<<20)), 80) }

// damages returns ways to damage a database. omg's message about the damage must contain the text in the field says.
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
		{"truncated", good[:len(good)/2], "truncated"},
		{"one byte short", good[:len(good)-1], "truncated"},
		{"a flipped bit", flipped, "damaged"},
		{"empty", nil, "empty"},
		{"garbage", bytes.Repeat([]byte("\x93\x02\xf7garbage"), 1000), "not a package database"},
		{"a login page", []byte("<!DOCTYPE html><html><title>Please log in</title>" + strings.Repeat(" ", 1000)), "not a package database"},
		{"compressed text", harness.Gzip(t, []byte(strings.Repeat("some text\n", 1000))), "not a package database"},
		{"a bare magic number", []byte("\x1f\x8b"), "truncated"},
		{"zstd garbage", append([]byte("\x28\xb5\x2f\xfd"), bytes.Repeat([]byte{0xff}, 1000)...), "damaged"},
		{"xz garbage", append([]byte("\xfd7zXZ\x00"), bytes.Repeat([]byte{0xff}, 1000)...), "damaged"},
		{"a bomb", bomb(t), "too large"},
	}
}

func TestDatabase_Damaged(t *testing.T) {
	t.Parallel()
	s := harness.New(t)
	oldWhole := goodIndex(s)
	s.BuildIndexes()
	old := indexes(s)
	path := s.SyncDBPath("extra")
	good := harness.ReadFile(t, path)
	want := s.RunWithoutDaemon("search", "lib")
	require.Equal(t, answered, want.Code)
	withoutExtra := s.RunWithoutDaemon("search", "lib", "--repo", "core", "--repo", "multilib")
	require.Equal(t, answered, withoutExtra.Code)
	for _, c := range damages(t, good) {
		t.Run(c.name, func(t *testing.T) {
			s := s.ForSubtest(t)
			harness.ReplaceFile(t, path, c.db)
			defer harness.ReplaceFile(t, path, good)
			r, peak := measure(s, "omg-index", buildCommand(s)...)
			harness.RequireError(t, r, "omg-index", failed, path, c.says, "pacman -Syyu")
			require.Less(t, peak, int64(maxMemory))
			require.Equal(t, oldWhole, harness.ReadFile(t, wholeIndex(s)), "the old index was lost")

			r, peak = measure(s, "omg-index", append([]string{"build"}, s.PathFlags()...)...)
			require.Contains(t, r.Stdout, "core: 16 packages\nmultilib: 16 packages\n", "the others are built")
			r.Stdout = ""
			harness.RequireError(t, r, "omg-index", failed, path, c.says, "pacman -Syyu")
			require.Less(t, peak, int64(maxMemory))
			require.Equal(t, old["extra"], harness.ReadFile(t, s.IndexPath("extra")), "the old index was lost")
			requireNothingElse(t, s)

			// omg uses the last index of the damaged database. If no index exists, omg answers from the other
			// databases and prints a note.
			for _, c2 := range []struct {
				data string
				want harness.Result
				note string
			}{{s.Data, want, ""}, {t.TempDir(), withoutExtra, "omg: note: partial: extra failed: "}} {
				line := slices.Concat([]string{"--no-daemon", "--data-dir", c2.data}, s.DatabaseFlags(), []string{"search", "lib"})
				r, peak = measure(s, "omg", line...)
				harness.RequireSafeOutput(t, r)
				require.Equal(t, answered, r.Code, r.Stderr)
				require.Equal(t, c2.want.Stdout, r.Stdout)
				require.Contains(t, r.Stderr, path)
				require.Contains(t, r.Stderr, c.says)
				require.Contains(t, r.Stderr, c2.note)
				require.Contains(t, r.Stderr, "pacman -Syyu")
				require.Less(t, peak, int64(maxMemory))
			}
		})
	}
}

// TestDatabase_DamagedUnderDaemon checks that the mapped index continues to be used, marked stale.
func TestDatabase_DamagedUnderDaemon(t *testing.T) {
	t.Parallel()
	s := harness.New(t)
	d := s.StartDaemon()
	awaitSearch(t, d, "all packages", isCurrent)
	old := digests(s)
	path := s.SyncDBPath("extra")
	good := harness.ReadFile(t, path)
	for _, c := range damages(t, good) {
		t.Run(c.name, func(t *testing.T) {
			harness.ReplaceFile(t, path, c.db)
			awaitSearch(t, d, "all packages and a stale extra", func(s wire.SearchResult) bool {
				return s.Total == packages && stateOf(s, "extra") == wire.SourceStale
			})
			require.Equal(t, old, digests(s), "the old index was lost")
			awaitNothingElse(t, s)
			harness.ReplaceFile(t, path, good)
			awaitSearch(t, d, "all packages again", isCurrent)
		})
	}
	t.Run("removed", func(t *testing.T) {
		require.NoError(t, os.Remove(path))
		awaitSearch(t, d, "all packages and a stale extra", func(s wire.SearchResult) bool {
			return s.Total == packages && stateOf(s, "extra") == wire.SourceStale && stateOf(s, "core") == wire.SourceOK
		})
		harness.ReplaceFile(t, path, good)
		awaitSearch(t, d, "all packages again", isCurrent)
	})
	requireHealthyOmg(t, d)
	require.Less(t, memory(t, d.PID()), int64(maxMemory))
}

func TestDatabase_Unreadable(t *testing.T) {
	t.Parallel()
	need.Root(t)
	const nobody = 65534
	s := harness.New(t)
	require.NoError(t, os.Chown(s.Data, nobody, nobody))
	build := buildCommand(s)
	search := slices.Concat([]string{"--no-daemon"}, s.PathFlags(), []string{"search", "lib"})
	other := s.AsUser(nobody)
	for _, c := range []struct {
		path    string
		says    string
		partial bool // whether omg still answers, from all databases except the unreadable one
	}{
		{s.SyncDBPath("extra"), s.SyncDBPath("extra"), true},
		{filepath.Join(s.DB, "sync"), filepath.Join(s.DB, "sync"), false},
		{s.DB, filepath.Join(s.DB, "sync"), false},
		{s.PacmanConf, s.PacmanConf, false},
	} {
		t.Run(filepath.Base(c.path), func(t *testing.T) {
			fi, err := os.Stat(c.path)
			require.NoError(t, err)
			require.NoError(t, os.Chmod(c.path, 0))
			defer func() { require.NoError(t, os.Chmod(c.path, fi.Mode())) }()
			harness.RequireError(t, other.ForSubtest(t).Run("omg-index", build...), "omg-index", failed, c.says, "permission denied")
			r := other.ForSubtest(t).Run("omg", search...)
			if c.partial {
				require.Equal(t, answered, r.Code, r.Stderr)
				require.Contains(t, r.Stderr, "omg: note: partial: extra failed: ")
				require.Contains(t, r.Stderr, c.says+": permission denied: run chmod a+r on it")
				return
			}
			harness.RequireError(t, r, "omg", failed, c.says, "permission denied")
		})
	}
	t.Run("no room for the index", func(t *testing.T) {
		require.NoError(t, os.Chown(s.Data, 0, 0))
		harness.RequireError(t, other.ForSubtest(t).Run("omg-index", build...), "omg-index", failed, s.Data, "permission denied")
	})
}

// TestDatabase_DescWithoutName checks that omg, like pacman, uses the name and version in the name of a package's
// directory. If a desc file lacks them, at most this package is left out, and this is reported.
func TestDatabase_DescWithoutName(t *testing.T) {
	t.Parallel()
	s := harness.New(t, harness.WithoutDatabases())
	harness.WriteFile(t, s.PacmanConf, "[core]\n")
	harness.WriteFile(t, filepath.Join(s.DB, "local", "ALPM_DB_VERSION"), "9\n")
	harness.WriteFile(t, s.SyncDBPath("core"), harness.BuildDatabase(t,
		harness.NewPackageEntry("good", "1.0-1", "DESC", "all there"),
		harness.DatabaseEntry{Path: "nameless-1.0-1/desc", Text: "%VERSION%\n1.0-1\n\n%DESC%\nno name\n"},
		harness.DatabaseEntry{Path: "empty-1.0-1/desc", Text: ""},
		harness.DatabaseEntry{Path: "noversion/desc", Text: harness.Desc("noversion", "1.0-1", "DESC", "directory without a version")},
		harness.NewPackageEntry("last", "1.0-1", "DESC", "all there"),
	))
	r := buildIndex(s)
	harness.RequireSafeOutput(t, r)
	require.Equal(t, answered, r.Code, r.Stderr)
	require.Contains(t, r.Stderr, "omg-index: warning: "+s.SyncDBPath("core"))
	require.Contains(t, r.Stderr, "nameless")
	require.Contains(t, r.Stderr, "noversion")
	for _, name := range []string{"good", "last"} {
		r := s.RunWithoutDaemon("info", name)
		require.Equal(t, answered, r.Code, r.Stderr)
		require.Contains(t, r.Stdout, "all there")
	}
}
