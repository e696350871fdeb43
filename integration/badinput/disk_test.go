package badinput

import (
	"crypto/rand"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/wire"
)

// TestIndex_DiskFull runs omg-index and omgd on a disk with space for one index, but not for its replacement beside it.
// omgd keeps the replacement in memory.
func TestIndex_DiskFull(t *testing.T) {
	t.Parallel()
	if !harness.RunIsolated(t) {
		return
	}
	s := harness.New(t)
	require.NoError(t, syscall.Mount("tmpfs", s.Data, "tmpfs", 0, "size=320k,mode=0755"))
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(s.Data, 0)) }) // so that the home directory can be removed
	s.BuildIndexes()
	old := indexes(s)
	require.Greater(t, len(old["extra"]), 160<<10, "two would fit")
	// The disk is full while omg-index writes the index of extra. Other indexes that it writes at that moment may fail
	// too.
	r := s.Run("omg-index", append([]string{"build"}, s.PathFlags()...)...)
	require.Equal(t, failed, r.Code, r.Stderr)
	require.Regexp(t, `(?m)^omg-index: error: .*`+s.IndexPath("extra")+`.*no space left`, r.Stderr)
	require.Equal(t, old["extra"], harness.ReadFile(t, s.IndexPath("extra")), "the old index was lost")
	requireNothingElse(t, s)

	// A daemon answers from an index in memory, reports this, and writes the next index when there is space.
	d := s.StartDaemon()
	old = indexes(s)
	fill, err := os.Create(filepath.Join(s.Data, "fill"))
	require.NoError(t, err)
	_, err = io.Copy(fill, rand.Reader)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, fill.Close())
	harness.ReplaceFile(t, s.SyncDBPath("core"), harness.BuildDatabase(t, harness.NewPackageEntry("new", "1.0-1")))
	memory := func(r *wire.StatusResult) bool {
		return slices.ContainsFunc(r.Problems, func(p wire.Problem) bool {
			return p.Name == "index" && p.State == "memory" && strings.Contains(p.Why, s.IndexPath("core"))
		})
	}
	isNew := func(s wire.SearchResult) bool { return s.Total == 185 && stateOf(s, "core") == wire.SourceOK }
	awaitSearch(t, d, "the new core", isNew)
	d.AwaitStatus(memory, "an index in memory")
	require.Equal(t, old, indexes(s), "the old index was lost")
	require.NoError(t, os.Remove(fill.Name()))
	awaitNothingElse(t, s)
	harness.ReplaceFile(t, s.SyncDBPath("core"), harness.BuildDatabase(t, harness.NewPackageEntry("new", "2.0-1")))
	d.AwaitStatus(func(r *wire.StatusResult) bool { return !memory(r) }, "no index in memory")
	awaitSearch(t, d, "the new core", isNew)
	require.NotEqual(t, old["core"], harness.ReadFile(t, s.IndexPath("core")))
	d.Stop()
}

// TestIndex_FileTooLong checks that an index beyond the limit for file sizes fails with an error and keeps the old
// index.
func TestIndex_FileTooLong(t *testing.T) {
	t.Parallel()
	s := harness.New(t)
	old := goodIndex(s)
	line := append([]string{s.Program("omg-index")}, buildCommand(s)...)
	r := runShell(s, "ulimit -f 64; \"$@\"", line) // KiB
	harness.RequireError(t, r, "omg-index", failed, wholeIndex(s), "file too large")
	require.Equal(t, old, harness.ReadFile(t, wholeIndex(s)), "the old index was lost")
	requireNothingElse(t, s)
}

// requireNothingElse requires that a data directory has no temporary file.
func requireNothingElse(t *testing.T, s *harness.System) {
	t.Helper()
	require.Empty(t, others(t, s))
}

// awaitNothingElse waits until a data directory has no temporary file. A daemon that builds an index has one, and
// removes it later.
func awaitNothingElse(t *testing.T, s *harness.System) {
	t.Helper()
	harness.Await(t, func() bool { return len(others(t, s)) == 0 }, "no temporary file stays in %s", s.Data)
}

// others returns the files of a data directory, except the indexes, the origins beside them and the store of omgd.
func others(t *testing.T, s *harness.System) (names []string) {
	t.Helper()
	known := []string{"index", "cache.pebble", filepath.Base(wholeIndex(s)), filepath.Base(wholeIndex(s)) + ".origin"}
	for _, repo := range repos {
		known = append(known, repo+".omgidx", repo+".omgidx.origin")
	}
	for _, dir := range []string{s.Data, s.IndexDir()} {
		if _, err := os.Stat(dir); os.IsNotExist(err) {
			continue
		}
		for _, name := range harness.ListDir(t, dir) {
			if !slices.Contains(known, name) {
				names = append(names, name)
			}
		}
	}
	return names
}
