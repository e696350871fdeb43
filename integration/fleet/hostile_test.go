package fleet

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/fixture"
)

// newInventory writes the inventory of a host with the package own into a directory, and returns its document.
func newInventory(t *testing.T, s *harness.System, dir string) []byte {
	t.Helper()
	s.Install("own", "5.6.1-1")
	path := filepath.Join(dir, "web.json")
	r := s.RunWithoutDaemon("inventory", "-o", path)
	require.Zero(t, r.Code, r.Stderr)
	return harness.ReadFile(t, path)
}

// TestDirectory_Hostile asks about a directory that has other things than inventories, and names that could be taken for something else: each
// host that cannot be read is named with the reason, the others answer, and no file makes the program wait.
func TestDirectory_Hostile(t *testing.T) {
	s := harness.New(t, harness.WithGenerated(fixture.Options{Packages: 100, Installed: 10, Seed: 1}))
	dir, elsewhere := t.TempDir(), t.TempDir()
	document := newInventory(t, s, elsewhere)
	path := func(name string) string { return filepath.Join(dir, name) }
	long := strings.Repeat("n", 250)
	for _, name := range []string{"web", "line\nweb2 own 1-1", "\x1b[31mred", "\u202eright", "-rf", "a b", "\xff", long} {
		require.NoError(t, os.WriteFile(path(name+".json"), document, 0o644))
	}
	require.NoError(t, os.Symlink(filepath.Join(elsewhere, "web.json"), path("link.json")))
	silent := map[string]string{
		"loop": "too many levels of symbolic links", "dangling": "no such file", "zero": "not a regular file", "fifo": "not a regular file", "socket": "no such device or address",
		"dir": "it is a directory", "huge": "larger than 24 MiB", "sparse": "larger than 8 MiB", "holes": "not a complete file of zstd", "cut": "not valid JSON",
	}
	require.NoError(t, os.Symlink("loop.json", path("loop.json")))
	require.NoError(t, os.Symlink("none", path("dangling.json")))
	require.NoError(t, os.Symlink("/dev/zero", path("zero.json")))
	require.NoError(t, unix.Mkfifo(path("fifo.json"), 0o644))
	require.NoError(t, os.Mkdir(path("dir.json"), 0o755))
	listener, err := net.Listen("unix", path("socket.json"))
	require.NoError(t, err)
	defer listener.Close()
	for name, size := range map[string]int64{"huge.json": 1 << 40, "sparse.json.zst": 1 << 40, "holes.json.zst": 8 << 20} {
		require.NoError(t, os.WriteFile(path(name), nil, 0o644))
		require.NoError(t, os.Truncate(path(name), size))
	}
	require.NoError(t, os.WriteFile(path("cut.json"), document[:len(document)-5], 0o644))

	const answered = 9
	r := s.Run("omg-fleet", "--from", dir, "has", "own")
	require.Zero(t, r.Code, r.Stderr)
	lines := r.Lines()
	require.Len(t, lines, answered+1, r.Stdout)
	require.Equal(t, fmt.Sprintf("asked %d, answered %d", answered+len(silent), answered), lines[answered])
	for _, line := range lines[:answered] {
		require.True(t, strings.HasSuffix(line, " own 5.6.1-1"), "%q", line)
	}
	for host, why := range silent {
		require.Regexp(t, "(?m)^omg-fleet: note: "+host+" has not answered: .*"+why, r.Stderr)
	}
	for _, raw := range []string{"\x1b", "\u202e", "\xff", "\nweb2"} {
		require.NotContains(t, r.Stdout+r.Stderr, raw)
	}
	r = s.Run("omg-fleet", "--from", dir, "--require-all", "has", "own")
	require.Equal(t, 7, r.Code)
}

// TestDirectory_Changes asks again and again while a collector overwrites a file, and replaces others, and removes them: each answer is one of
// the two documents as a whole, or says why there is none.
func TestDirectory_Changes(t *testing.T) {
	s := harness.New(t, harness.WithGenerated(fixture.Options{Packages: 3000, Installed: 1200, Seed: 1}))
	dir, elsewhere := t.TempDir(), t.TempDir()
	first := newInventory(t, s, elsewhere)
	second := bytes.ReplaceAll(first, []byte(`"own","version":"5.6.1-1"`), []byte(`"own","version":"5.6.2-1"`))
	require.False(t, bytes.Equal(first, second))
	replaced, overwritten := filepath.Join(dir, "replaced.json"), filepath.Join(dir, "overwritten.json")
	for _, path := range []string{replaced, overwritten} {
		require.NoError(t, os.WriteFile(path, first, 0o644))
	}
	stop := make(chan struct{})
	var writers sync.WaitGroup
	repeat := func(write func(document []byte) error) {
		writers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := write([][]byte{first, second}[i%2]); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	repeat(func(document []byte) error { return os.WriteFile(overwritten, document, 0o644) })
	repeat(func(document []byte) error {
		if err := os.WriteFile(filepath.Join(dir, ".new"), document, 0o644); err != nil {
			return err
		}
		return os.Rename(filepath.Join(dir, ".new"), replaced)
	})
	defer writers.Wait()
	defer close(stop)
	for range 30 {
		r := s.Run("omg-fleet", "--from", dir, "has", "own")
		require.Zero(t, r.Code, r.Stderr)
		lines := r.Lines()
		require.Regexp(t, `^replaced own 5\.6\.[12]-1$`, lines[len(lines)-2], "a file that is replaced in one step always answers")
		if len(lines) == 3 {
			require.Regexp(t, `^overwritten own 5\.6\.[12]-1$`, lines[0])
		} else {
			require.Regexp(t, "overwritten has not answered: .*(the file changed while it was read|it is not valid JSON)", r.Stderr)
		}
	}
}
