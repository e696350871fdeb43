package badinput

import (
	"os"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/wire"
)

// TestIndex_DiskFull builds where there is room for one index and not for another
// beside it.
func TestIndex_DiskFull(t *testing.T) {
	t.Parallel()
	if !harness.Isolated(t) {
		return
	}
	s := harness.New(t)
	require.NoError(t, syscall.Mount("tmpfs", s.Data, "tmpfs", 0, "size=320k,mode=0755"))
	old := goodIndex(s)
	require.Greater(t, len(old), 160<<10, "two would fit")
	harness.RequireError(t, buildIndex(s), "omg-index", failed, s.Index(), "no space left")
	require.Equal(t, old, harness.Read(t, s.Index()), "the old index was lost")
	requireNothingElse(t, s.Data)

	// A daemon goes on with what it has, says that it is stale, and is current again
	// when there is room.
	d := s.Start()
	harness.Replace(t, s.Sync("core"), harness.Database(t, harness.Package("new", "1.0-1")))
	awaitSearch(t, d, "a stale core", func(s wire.SearchResult) bool {
		return s.Total == packages && stateOf(s, "core") == wire.SourceStale
	})
	require.Equal(t, old, harness.Read(t, s.Index()), "the old index was lost")
	awaitNothingElse(t, s.Data)
	require.NoError(t, syscall.Mount("", s.Data, "", syscall.MS_REMOUNT, "size=8m"))
	// The daemon tries again at the next interval only, unless something changes.
	harness.Replace(t, s.Sync("core"), harness.Read(t, s.Sync("core")))
	awaitSearch(t, d, "the new core", func(s wire.SearchResult) bool {
		return s.Total == 185 && stateOf(s, "core") == wire.SourceOK
	})
	d.Stop()
}

// TestIndex_FileTooLong is the same with a limit for files.
func TestIndex_FileTooLong(t *testing.T) {
	t.Parallel()
	s := harness.New(t)
	old := goodIndex(s)
	line := append([]string{s.Program("omg-index"), "build", "-o", s.Index()}, s.Databases()...)
	r := runShell(s, "ulimit -f 64; \"$@\"", line) // KiB
	harness.RequireError(t, r, "omg-index", failed, s.Index(), "file too large")
	require.Equal(t, old, harness.Read(t, s.Index()), "the old index was lost")
	requireNothingElse(t, s.Data)
}

// indexFiles are the files of a data directory: an index, its stamps, perhaps what
// omgd keeps there.
var indexFiles = []string{"repos.omgidx", "repos.omgidx.stamps", "cache.pebble", "versions", "shims", "tools"}

// requireNothingElse demands that a data directory has no temporary file.
func requireNothingElse(t *testing.T, dir string) {
	t.Helper()
	require.Empty(t, others(t, dir))
}

// awaitNothingElse is requireNothingElse while a daemon may try to build: a
// temporary file goes again.
func awaitNothingElse(t *testing.T, dir string) {
	t.Helper()
	harness.Await(t, func() bool { return len(others(t, dir)) == 0 }, "no temporary file stays in %s", dir)
}

func others(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		if !slices.Contains(indexFiles, e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names
}
