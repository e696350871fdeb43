package service

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/wire"
)

// Run more tests than processors at a time, as most of them wait for omgd.
func TestMain(m *testing.M) { harness.MainParallel(m, "4") }

// The users of the tests besides the one who runs them. They need no account.
const (
	alice   = 41001
	bob     = 41002
	mallory = 41004
)

// systemOf returns a System of a user, whose home directory is empty and is also the runtime directory. The databases
// and the configuration are in the directory above.
func systemOf(t testing.TB, uid int) *harness.System {
	t.Helper()
	return harness.New(t).AsUser(uid)
}

func newSystem(t testing.TB) *harness.System {
	t.Helper()
	return systemOf(t, os.Getuid())
}

// outside returns a path beside a System's home.
func outside(s *harness.System, name string) string { return filepath.Join(filepath.Dir(s.Home), name) }

// foreground returns the command of an omgd in the foreground, on the usual socket.
func foreground(s *harness.System, args ...string) *exec.Cmd {
	s.T.Helper()
	return s.Command("omgd", slices.Concat([]string{"--foreground"}, s.PathFlags(), args)...)
}

// configure writes omg's configuration.
func configure(s *harness.System, lines ...string) {
	s.T.Helper()
	harness.WriteFile(s.T, s.OmgConfig, strings.Join(lines, "\n")+"\n")
}

func ping(socket string) error { return harness.Ask(socket, wire.OpPing, nil, &struct{}{}) }

// remainingFiles returns the files of a System's home, without the data.
func remainingFiles(s *harness.System) (names []string) {
	s.T.Helper()
	entries, err := os.ReadDir(s.Home)
	require.NoError(s.T, err)
	for _, e := range entries {
		if e.Name() != filepath.Base(s.Data) {
			names = append(names, e.Name())
		}
	}
	return names
}

// mode returns a file's mode, 0 if it does not exist.
func mode(path string) os.FileMode {
	fi, err := os.Lstat(path)
	if err != nil {
		return 0
	}
	return fi.Mode().Perm()
}

// pidIn returns the process ID in a PID file.
func pidIn(t testing.TB, path string) int {
	t.Helper()
	pid, err := strconv.Atoi(strings.TrimSuffix(string(harness.ReadFile(t, path)), "\n"))
	require.NoError(t, err)
	require.Greater(t, pid, 1)
	return pid
}

func pid(s *harness.System) int {
	s.T.Helper()
	return pidIn(s.T, s.Path("omgd.pid"))
}

// ended reports whether a process has ended, even if its parent has not waited for it.
func ended(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || strings.Contains(string(b), ") Z ")
}

// killLater kills a process at the end of the test, if it still runs.
func killLater(t testing.TB, pid int) {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
		_ = unix.Close(fd)
	})
}

// suspend stops a process with SIGSTOP and waits until all of its threads have stopped.
func suspend(t testing.TB, pid int) {
	t.Helper()
	require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
	harness.Await(t, func() bool {
		threads, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/stat")
		require.NoError(t, err)
		return len(threads) > 0 && !slices.ContainsFunc(threads, func(path string) bool {
			b, err := os.ReadFile(path)
			return err != nil || !strings.Contains(string(b), ") T ")
		})
	}, "process %d stops", pid)
}

// listenOn returns a socket on which the test listens instead of a daemon.
func listenOn(t testing.TB, path string) *net.UnixListener {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// dial connects to a daemon. The connection is closed when the test ends.
func dial(t testing.TB, socket string) harness.Conn {
	t.Helper()
	nc, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socket, Net: "unix"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = nc.Close() })
	return harness.Conn{UnixConn: nc}
}

// stuck returns a peer that does not read a reply which is larger than any socket buffer. The reply has begun when
// stuck returns, so the request runs until the peer closes the connection or the daemon disconnects it.
func stuck(d *harness.Daemon) net.Conn {
	t := d.System.T
	t.Helper()
	d.AwaitReady()
	var name string
	for p := range fixture.GeneratePackages(fixture.Options{Packages: 200, Seed: 1}) {
		name = p.Name
		break
	}
	nc := dial(t, d.Socket)
	b, err := wire.AppendRequest(nil, 1, wire.OpInfo, &wire.InfoRequest{Names: slices.Repeat([]string{name}, 8000)})
	require.NoError(t, err)
	_, err = nc.Write(b)
	require.NoError(t, err)
	raw, err := nc.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, nc.SetReadDeadline(time.Now().Add(harness.HangTimeout)))
	var n int
	require.NoError(t, raw.Read(func(fd uintptr) bool {
		n, _, err = unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		return err != unix.EAGAIN
	}))
	require.NoError(t, err)
	require.Equal(t, 1, n, "omgd closed the connection")
	return nc
}
