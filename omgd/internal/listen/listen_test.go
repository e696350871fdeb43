package listen

import (
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/paths"
)

func place(t *testing.T) (string, paths.Env) {
	t.Helper()
	dir, err := os.MkdirTemp("", "listen-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "omg.sock"), paths.Process()
}

func TestBornClosedToOthers(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	path, env := place(t)
	s, err := Open(path, env)
	require.NoError(t, err)
	fi, err := os.Lstat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), fi.Mode().Perm())
	require.NoError(t, s.Close())
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Empty(t, entries, "nothing is left")
}

func TestParentIsMade(t *testing.T) {
	path, env := place(t)
	path = filepath.Join(filepath.Dir(path), "a", "b", "omg.sock")
	s, err := Open(path, env)
	require.NoError(t, err)
	fi, err := os.Stat(filepath.Dir(path))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o755), fi.Mode().Perm())
	require.NoError(t, s.Close())
}

func TestOnlyOneOfMany(t *testing.T) {
	path, env := place(t)
	for range 50 {
		var lives atomic.Int32
		var all sync.WaitGroup
		sockets := make([]*Socket, 8)
		for i := range sockets {
			all.Go(func() {
				s, err := Open(path, env)
				if err != nil {
					require.ErrorIs(t, err, ErrRunning)
					return
				}
				lives.Add(1)
				sockets[i] = s
			})
		}
		all.Wait()
		require.EqualValues(t, 1, lives.Load())
		for _, s := range sockets {
			if s != nil {
				require.NoError(t, s.Close())
			}
		}
	}
}

func TestStaleSocketIsRemoved(t *testing.T) {
	path, env := place(t)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	l.SetUnlinkOnClose(false)
	require.NoError(t, l.Close())
	s, err := Open(path, env)
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

func TestRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		make func(t *testing.T, path string)
		want error
	}{
		"a file":      {func(t *testing.T, p string) { require.NoError(t, os.WriteFile(p, []byte("mine"), 0o600)) }, ErrOccupied},
		"a directory": {func(t *testing.T, p string) { require.NoError(t, os.Mkdir(p, 0o755)) }, ErrOccupied},
		"a symlink": {func(t *testing.T, p string) {
			require.NoError(t, os.WriteFile(p+".target", nil, 0o600))
			require.NoError(t, os.Symlink(p+".target", p))
		}, ErrOccupied},
		"a living socket": {func(t *testing.T, p string) {
			l, err := net.Listen("unix", p)
			require.NoError(t, err)
			t.Cleanup(func() { _ = l.Close() })
		}, ErrRunning},
		"a parent that others can write": {func(t *testing.T, p string) { require.NoError(t, os.Chmod(filepath.Dir(p), 0o777)) }, paths.ErrUntrusted},
		"a lock that is a symlink": {func(t *testing.T, p string) {
			require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(filepath.Dir(p), "omg.lock")))
		}, syscall.ELOOP},
	} {
		t.Run(name, func(t *testing.T) {
			path, env := place(t)
			c.make(t, path)
			_, err := Open(path, env)
			require.ErrorIs(t, err, c.want)
			require.NoFileExists(t, filepath.Join(filepath.Dir(path), "none"))
		})
	}
}
