package listen

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/paths"
)

func socketPath(t *testing.T) (string, paths.Env) {
	t.Helper()
	dir, err := os.MkdirTemp("", "listen-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "omg.sock"), paths.ProcessEnv()
}

// closeSocket closes a socket as a daemon does when it shuts down.
func closeSocket(t *testing.T, s *Socket) {
	t.Helper()
	require.NoError(t, s.StopAccepting(nil))
	s.Close()
}

func TestOpen_ClosedToOthers(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	for _, umask := range []int{0, 0o022, 0o077, 0o277, 0o777} {
		syscall.Umask(0)
		path, env := socketPath(t)
		syscall.Umask(umask)
		s, err := Open(path, env, PrivatePermissions)
		require.NoError(t, err)
		fi, err := os.Lstat(path)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), fi.Mode().Perm(), "umask %04o", umask)
		closeSocket(t, s)
		requireEmpty(t, filepath.Dir(path))
	}
}

// TestOpen_ModeNeverChanges checks that other users can never connect while the socket is made. It reads the
// mode of the socket all the time.
func TestOpen_ModeNeverChanges(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	path, env := socketPath(t)
	for range 200 {
		seen, watched, stop := make(chan struct{}), make(chan struct{}), make(chan struct{})
		go func() {
			defer close(watched)
			for first := true; ; {
				if fi, err := os.Lstat(path); err == nil {
					if fi.Mode().Perm() != 0o600 {
						t.Errorf("seen with mode %v", fi.Mode())
					}
					if first {
						close(seen)
						first = false
					}
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		}()
		s, err := Open(path, env, PrivatePermissions)
		require.NoError(t, err)
		await.Receive(t, seen, "the socket")
		closeSocket(t, s)
		close(stop)
		<-watched
	}
}

func TestOpen_MakesParent(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	path, env := socketPath(t)
	path = filepath.Join(filepath.Dir(path), "a", "omg.sock")
	_, err := Open(filepath.Join(filepath.Dir(path), "b", "omg.sock"), env, PrivatePermissions)
	require.ErrorIs(t, err, os.ErrNotExist, "only the last directory is made")
	s, err := Open(path, env, PrivatePermissions)
	require.NoError(t, err)
	fi, err := os.Stat(filepath.Dir(path))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o755), fi.Mode().Perm())
	closeSocket(t, s)
}

func TestOpen_OneOfMany(t *testing.T) {
	path, env := socketPath(t)
	for range 50 {
		var lives atomic.Int32
		var all sync.WaitGroup
		sockets := make([]*Socket, 8)
		for i := range sockets {
			all.Go(func() {
				s, err := Open(path, env, PrivatePermissions)
				if err != nil {
					if !errors.Is(err, ErrRunning) {
						t.Error(err)
					}
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
				closeSocket(t, s)
			}
		}
	}
}

func TestOpen_RemovesStaleSocket(t *testing.T) {
	path, env := socketPath(t)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	l.SetUnlinkOnClose(false)
	require.NoError(t, l.Close())
	s, err := Open(path, env, PrivatePermissions)
	require.NoError(t, err)
	closeSocket(t, s)
}

func TestOpen_Refuses(t *testing.T) {
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
			path, env := socketPath(t)
			c.make(t, path)
			before, err := os.Lstat(path)
			_, open := Open(path, env, PrivatePermissions)
			require.ErrorIs(t, open, c.want)
			if err == nil {
				after, err := os.Lstat(path)
				require.NoError(t, err)
				require.True(t, os.SameFile(before, after), "the file is unchanged")
			}
		})
	}
}

// TestStopAccepting_TellsConnected checks that clients that are connected but not accepted get the message
// goodbye, even if they have sent data. After that no client can connect.
func TestStopAccepting_TellsConnected(t *testing.T) {
	path, env := socketPath(t)
	s, err := Open(path, env, PrivatePermissions)
	require.NoError(t, err)
	queue, err := os.ReadFile("/proc/sys/net/core/somaxconn")
	require.NoError(t, err)
	room, err := strconv.Atoi(strings.TrimSpace(string(queue)))
	require.NoError(t, err)
	var all []net.Conn
	for range min(need.OpenFileLimit(t, 500), room) {
		nc, err := net.Dial("unix", path)
		require.NoError(t, err)
		_, err = nc.Write([]byte("a question"))
		require.NoError(t, err)
		all = append(all, nc)
	}
	fd, err := unix.Open(path, unix.O_PATH, 0)
	require.NoError(t, err)
	defer unix.Close(fd)
	require.NoError(t, s.StopAccepting([]byte("goodbye")))
	_, err = net.Dial("unix", fmt.Sprintf("/proc/self/fd/%d", fd))
	require.ErrorIs(t, err, unix.ECONNREFUSED)
	s.Close()
	for _, nc := range all {
		message := make([]byte, 20)
		n, err := nc.Read(message)
		require.NoError(t, err)
		require.Equal(t, "goodbye", string(message[:n]))
		_ = nc.Close()
	}
}

// TestClose_LeavesForeignFile checks that a file that has replaced our socket stays.
func TestClose_LeavesForeignFile(t *testing.T) {
	path, env := socketPath(t)
	s, err := Open(path, env, PrivatePermissions)
	require.NoError(t, err)
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.WriteFile(path, []byte("another's"), 0o600))
	closeSocket(t, s)
	require.FileExists(t, path)
}

func TestOpen_NamesTheFirst(t *testing.T) {
	path, env := socketPath(t)
	s, err := Open(path, env, PrivatePermissions)
	require.NoError(t, err)
	_, err = Open(path, env, PrivatePermissions)
	require.ErrorIs(t, err, ErrRunning)
	require.ErrorContains(t, err, fmt.Sprintf("process %d", os.Getpid()))
	closeSocket(t, s)

	_, err = Open(filepath.Join(filepath.Dir(path), strings.Repeat("x", 200)), env, PrivatePermissions)
	require.ErrorContains(t, err, "at most 107 bytes")
}

// TestClose_Alone checks that Close without StopAccepting removes the socket, and that a second Close does
// nothing. The service manager's socket stays. A daemon calls only Close if its start fails.
func TestClose_Alone(t *testing.T) {
	path, env := socketPath(t)
	for range 2 {
		s, err := Open(path, env, PrivatePermissions)
		require.NoError(t, err)
		require.FileExists(t, env.PIDFile(path))
		s.Close()
		s.Close()
		requireEmpty(t, filepath.Dir(path))
		_, err = s.Accept()
		require.ErrorIs(t, err, net.ErrClosed)
	}

	inherited, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	s, err := FromListener(inherited, env)
	require.NoError(t, err)
	require.FileExists(t, env.PIDFile(path))
	_, err = Open(path, env, PrivatePermissions)
	require.ErrorIs(t, err, ErrRunning, "the lock is acquired")
	s.Close()
	fi, err := os.Lstat(path)
	require.NoError(t, err)
	require.NotZero(t, fi.Mode()&os.ModeSocket)
	require.NoError(t, os.Remove(path))
	requireEmpty(t, filepath.Dir(path))
}

func requireEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries, "nothing is left")
}
