package badinput

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/integration/programs"
)

// TestOutput: what an index is to be written to and is no file for it is left as it is. As root, the first rename over
// /dev/null would be the last.
func TestOutput(t *testing.T) {
	w := newWorld(t)
	build := func(out string, args ...string) programs.Result {
		return programs.Run(t, w.env, "omg-index", append([]string{"build", "-o", out}, args...)...)
	}
	at := func(name string) string { return filepath.Join(w.home, name) }

	require.NoError(t, unix.Mkfifo(at("pipe"), 0o600))
	require.NoError(t, os.Symlink("nowhere", at("link")))
	l, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(l)
	require.NoError(t, unix.Bind(l, &unix.SockaddrUnix{Name: at("socket")}))
	odd := []string{"pipe", "link", "socket"}
	if os.Getuid() == 0 {
		if err := unix.Mknod(at("null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))); err == nil {
			odd = append(odd, "null")
		}
	}
	for _, name := range odd {
		before, err := os.Lstat(at(name))
		require.NoError(t, err)
		errorLine(t, build(at(name), w.config()...), "omg-index", usage, at(name))
		after, err := os.Lstat(at(name))
		require.NoError(t, err)
		require.Equal(t, before.Mode(), after.Mode(), name)
		require.NoFileExists(t, at(name)+".stamps")
	}
	errorLine(t, build(w.data, w.config()...), "omg-index", failed, w.data, "is a directory")

	dump := at("dump.json")
	write(t, dump, []byte(`[{"Name":"x","Version":"1-1"}]`))
	for path, args := range map[string][]string{
		w.sync("core"):  w.config(),
		w.sync("extra"): {"--db", w.sync("extra")},
		dump:            {"--aur", dump},
	} {
		before := read(t, path)
		r := build(path, args...)
		errorLine(t, r, "omg-index", usage, "name another file")
		require.Equal(t, before, read(t, path))
	}
	require.NoError(t, os.Link(dump, at("same.json")))
	errorLine(t, build(at("same.json"), "--aur", dump), "omg-index", usage, "name another file")

	r := build(at("new.omgidx"), w.config()...)
	require.Zero(t, r.Code, r.Stderr)
	r = build(at("new.omgidx"), w.config()...)
	require.Zero(t, r.Code, r.Stderr)
}
