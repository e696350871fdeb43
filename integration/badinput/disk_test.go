package badinput

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/programs"
	"github.com/omg-arch/omg/shared/wire"
)

// small mounts a file system of so many bytes on a new directory.
func small(t *testing.T, dir, size string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size+",mode=0755"); err != nil {
		t.Skipf("cannot mount a file system: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
}

// TestDiskFull builds where there is room for one index and not for another beside it.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	small(t, w.data, "320k")
	old := w.built(t)
	require.Greater(t, len(old), 160<<10, "two would fit")
	errorLine(t, w.build(t), "omg-index", failed, w.index(), "no space left")
	require.Equal(t, old, read(t, w.index()), "the old index was lost")
	nothingElse(t, w.data)

	// A daemon goes on with what it has, says that it is old, and comes right when there is room.
	d := w.start(t)
	write(t, w.sync("core"), database(t, entry{"new-1.0-1/desc", desc("new", "a new package", "")}))
	d.settles(t, func(s wire.SearchResult) bool { return s.Total == 200 && states(s)["core"] == wire.SourceStale })
	require.Equal(t, old, read(t, w.index()), "the old index was lost")
	nothingElse(t, w.data)
	require.NoError(t, syscall.Mount("", w.data, "", syscall.MS_REMOUNT, "size=8m"))
	replace(t, w.sync("core"), read(t, w.sync("core"))) // else it tries again at the next interval
	d.settles(t, func(s wire.SearchResult) bool { return s.Total == 185 && states(s)["core"] == wire.SourceOK })
}

// TestFileTooLong is TestDiskFull for those who may not mount.
func TestFileTooLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := w.built(t)
	line := append([]string{filepath.Join(programs.Dir(t), "omg-index"), "build", "-o", w.index()}, w.config()...)
	r := redirected(t, w.env, "ulimit -f 64; \"$@\"", line) // KiB
	errorLine(t, r, "omg-index", failed, w.index(), "file too large")
	require.Equal(t, old, read(t, w.index()), "the old index was lost")
	nothingElse(t, w.data)
}

// TestNoRoomForIndex: -o into a directory that is not there, or is a file.
func TestNoRoomForIndex(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct{ out, says string }{
		{filepath.Join(w.home, "nosuch", "x"), "no such file"},
		{filepath.Join(w.conf, "x"), "not a directory"},
		{w.data, "is a directory"},
		{filepath.Join(w.home, strings.Repeat("x", 300)), "too long"},
	} {
		errorLine(t, programs.Run(t, w.env, "omg-index", append([]string{"build", "-o", c.out}, w.config()...)...), "omg-index", failed, c.out, c.says)
	}
}
