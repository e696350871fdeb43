package service

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

// asUser runs f on its own thread, which has become another user.
func asUser(t *testing.T, uid int, f func() error) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		// This goroutine never ends, so its thread is never reused and never ends. If the thread ended, the kernel
		// would kill the programs that the thread has started (Pdeathsig).
		runtime.LockOSThread()
		defer func() { select {} }()
		for _, call := range [][2]uintptr{{unix.SYS_SETGROUPS, 0}, {unix.SYS_SETRESGID, uintptr(uid)}, {unix.SYS_SETRESUID, uintptr(uid)}} {
			third := call[1]
			if call[0] == unix.SYS_SETGROUPS {
				third = 0
			}
			if _, _, errno := unix.RawSyscall(call[0], call[1], third, third); errno != 0 {
				done <- errno
				return
			}
		}
		done <- f()
	}()
	require.NoError(t, <-done)
}

// shared creates a directory that every user may write to, with the sticky bit, like /tmp.
func shared(s *harness.System) string {
	s.T.Helper()
	dir := outside(s, "tmp")
	require.NoError(s.T, os.Mkdir(dir, 0o755))
	require.NoError(s.T, os.Chmod(dir, 0o777|os.ModeSticky))
	return dir
}

// squat listens on a path as another user.
func squat(t *testing.T, uid int, path string) {
	t.Helper()
	asUser(t, uid, func() error {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
			return err
		}
		if err := unix.Chmod(path, 0o777); err != nil {
			return err
		}
		t.Cleanup(func() { _ = unix.Close(fd) })
		return unix.Listen(fd, 16)
	})
}

// TestSocket_Attacked checks that another user gains nothing by writing to the socket's directory or to one above it.
func TestSocket_Attacked(t *testing.T) {
	t.Parallel()
	need.Root(t)
	own := func(t *testing.T, path string, uid int) { require.NoError(t, os.Lchown(path, uid, uid)) }
	for name, c := range map[string]struct {
		// prepare does what mallory does in this case. It returns the path of the socket that alice uses.
		prepare func(t *testing.T, tmp, precious string) string
		says    string
	}{
		"a squatted socket": {func(t *testing.T, tmp, _ string) string {
			socket := filepath.Join(tmp, "omg.sock")
			squat(t, mallory, socket)
			return socket
		}, "it belongs to another user"},
		"a stale socket of another's": {func(t *testing.T, tmp, _ string) string {
			socket := filepath.Join(tmp, "omg.sock")
			asUser(t, mallory, func() error {
				fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
				if err != nil {
					return err
				}
				defer unix.Close(fd)
				return unix.Bind(fd, &unix.SockaddrUnix{Name: socket})
			})
			return socket
		}, "it belongs to another user"},
		"a link in the place of the socket": {func(t *testing.T, tmp, precious string) string {
			socket := filepath.Join(tmp, "omg.sock")
			asUser(t, mallory, func() error { return os.Symlink(precious, socket) })
			return socket
		}, "it is not a socket"},
		"a link in the place of the lock": {func(t *testing.T, tmp, precious string) string {
			asUser(t, mallory, func() error { return os.Symlink(precious, filepath.Join(tmp, "omg.lock")) })
			return filepath.Join(tmp, "omg.sock")
		}, "omg.lock"},
		"another's lock": {func(t *testing.T, tmp, _ string) string {
			asUser(t, mallory, func() error { return os.WriteFile(filepath.Join(tmp, "omg.lock"), nil, 0o666) })
			require.NoError(t, os.Chmod(filepath.Join(tmp, "omg.lock"), 0o666))
			return filepath.Join(tmp, "omg.sock")
		}, "omg.lock"},
		"a link in the place of the PID file": {func(t *testing.T, tmp, precious string) string {
			asUser(t, mallory, func() error { return os.Symlink(precious, filepath.Join(tmp, "omgd.pid")) })
			return filepath.Join(tmp, "omg.sock")
		}, "omgd.pid"},
		"another's directory": {func(t *testing.T, tmp, _ string) string {
			asUser(t, mallory, func() error { return os.Mkdir(filepath.Join(tmp, "run"), 0o777) })
			return filepath.Join(tmp, "run", "omg.sock")
		}, "it belongs to user 41004"},
		"a directory in another's": {func(t *testing.T, tmp, _ string) string {
			dir := filepath.Join(tmp, "home", "run")
			require.NoError(t, os.MkdirAll(dir, 0o755))
			own(t, filepath.Join(tmp, "home"), mallory)
			own(t, dir, alice)
			return filepath.Join(dir, "omg.sock")
		}, "it belongs to user 41004"},
		"another's link to a directory": {func(t *testing.T, tmp, _ string) string {
			dir := filepath.Join(tmp, "alices")
			require.NoError(t, os.Mkdir(dir, 0o755))
			own(t, dir, alice)
			asUser(t, mallory, func() error { return os.Symlink(dir, filepath.Join(tmp, "link")) })
			return filepath.Join(tmp, "link", "omg.sock")
		}, "link: not trusted: it belongs to user 41004"},
	} {
		t.Run(name, func(t *testing.T) {
			s := systemOf(t, alice)
			tmp, precious := shared(s), s.Path("precious")
			harness.WriteFile(t, precious, "precious")
			own(t, precious, alice)
			socket := c.prepare(t, tmp, precious)
			before := listing(t, tmp)
			r := harness.Run(t, foreground(s, "--socket", socket))
			require.Equal(t, 3, r.Code, r.Stderr)
			require.Contains(t, r.Stderr, c.says)
			require.Equal(t, before, listing(t, tmp), "nothing is made or removed")
			require.Equal(t, "precious", string(harness.ReadFile(t, precious)))
		})
	}
}

// TestSocket_SquattedTemporaryFile has another user who knows omgd's process ID create a link at the path of a
// temporary file.
func TestSocket_SquattedTemporaryFile(t *testing.T) {
	t.Parallel()
	need.Root(t)
	for _, file := range []string{"omgd.pid", "omg.status"} {
		t.Run(file, func(t *testing.T) {
			s := systemOf(t, alice)
			tmp, precious, begin := shared(s), s.Path("precious"), s.Path("begin")
			harness.WriteFile(t, precious, "precious")
			require.NoError(t, os.Chown(precious, alice, alice))
			socket := filepath.Join(tmp, "omg.sock")
			const script = `until [ -e "$0" ]; do sleep 0.01; done; exec "$@"`
			p := harness.Start(t, s.Command(need.Program(t, "bash"), append([]string{"-c", script, begin}, foreground(s, "--socket", socket).Args...)...))
			squatted := filepath.Join(tmp, fmt.Sprintf(".%s.%d.tmp", file, p.PID()))
			asUser(t, mallory, func() error { return os.Symlink(precious, squatted) })
			before := listing(t, tmp)
			harness.WriteFile(t, begin, "")
			if file == "omgd.pid" {
				r := p.Wait()
				require.Equal(t, 3, r.Code, r.Stderr)
				require.Contains(t, r.Stderr, file)
			} else { // without a status file, prompts show nothing; everything else works
				p.AwaitStderr(filepath.Join(tmp, file))
				harness.Await(t, func() bool { return ping(socket) == nil }, "omgd answers")
				p.Signal(syscall.SIGTERM)
				require.Zero(t, p.Wait().Code, p.Stderr())
			}
			require.Equal(t, before, listing(t, tmp), "nothing is made or removed")
			require.Equal(t, "precious", string(harness.ReadFile(t, precious)))
		})
	}
}

// TestSocket_SwappedParent starts daemons while another user keeps swapping a parent directory of the socket with a
// directory of that user. Every daemon must exit with an error, and must leave no file in either directory.
func TestSocket_SwappedParent(t *testing.T) {
	t.Parallel()
	need.Root(t)
	s := systemOf(t, alice)
	home := filepath.Join(shared(s), "home")
	at, aside, his := filepath.Join(home, "run"), filepath.Join(home, "aside"), filepath.Join(home, "his")
	for dir, uid := range map[string]int{at: alice, his: mallory} {
		require.NoError(t, os.MkdirAll(dir, 0o755))
		require.NoError(t, os.Chown(dir, uid, uid))
	}
	require.NoError(t, os.Chown(home, mallory, mallory))
	require.NoError(t, os.Chmod(his, 0o777))
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			_ = os.Rename(at, aside)
			_ = os.Rename(his, at)
			_ = os.Rename(at, his)
			_ = os.Rename(aside, at)
		}
	}()
	for range 20 {
		r := harness.Run(t, foreground(s, "--socket", filepath.Join(at, "omg.sock")))
		require.Equal(t, 3, r.Code, r.Stderr)
	}
	close(stop)
	<-done
	for _, dir := range []string{at, his} {
		require.Empty(t, listing(t, dir))
	}
}

// TestClient_SquattedSocket checks that omg does not trust a socket on which another user listens. omg prints a note that
// says so, and answers without a daemon.
func TestClient_SquattedSocket(t *testing.T) {
	t.Parallel()
	need.Root(t)
	s := systemOf(t, alice)
	socket := filepath.Join(shared(s), "omg.sock")
	squat(t, mallory, socket)
	r := s.Run("omg", slices.Concat(s.PathFlags(), []string{"--socket", socket, "search", "--limit", "1", "lib"})...)
	require.Zero(t, r.Code, r.Stderr)
	require.Regexp(t, `answering without omgd: .*the socket belongs to another user \(user 41004\)`, r.Stderr)

	r = s.Run("omg", "--socket", socket, "refresh")
	require.Contains(t, r.Stderr, "the socket belongs to another user (user 41004)")
}

// TestSocket_InTmp checks the last default place of the socket, which is /tmp. The other files of omgd are in a
// directory in /tmp that only its owner can enter. omgd refuses this directory if another user created it.
func TestSocket_InTmp(t *testing.T) {
	t.Parallel()
	r := machine(newSystem(t), `
alice() { setpriv --reuid 41001 --regid 41001 --clear-groups env -u XDG_RUNTIME_DIR HOME=/tmp/home-alice "$@"; }
mallory() { setpriv --reuid 41004 --regid 41004 --clear-groups "$@"; }
pac='--dbpath /media/db --pacman-config /media/pacman.conf'
alice mkdir -m 700 /tmp/home-alice
mallory mkdir -m 777 /tmp/omg-41001
echo "squatted: $(alice /mnt/omgd --foreground $pac 2>&1)"
rmdir /tmp/omg-41001
alice /mnt/omgd $pac
stat -c '%n %a %u' /tmp/omg.sock /tmp/omg-41001 /tmp/omg-41001/*
counts() { n=$(alice /mnt/omg explicit --count 2>/dev/null); }
await counts
echo "asked: $n"
echo "another: $(mallory env -u XDG_RUNTIME_DIR HOME=/ /mnt/omg refresh 2>&1)"
kill "$(cat /tmp/omg-41001/omgd.pid)"
await [ ! -e /tmp/omg-41001/omg.lock ]
echo "left: $(find /tmp -name 'omg*' ! -path '*/home-alice/*' ! -type d)"
`)
	require.Zero(t, r.Code, "%s\n%s", r.Stdout, r.Stderr)
	for _, want := range []string{
		"squatted: omgd: error: /tmp/omg.sock: /tmp/omg-41001: not trusted",
		"/tmp/omg.sock 600 41001\n", "/tmp/omg-41001 700 41001\n", "/tmp/omg-41001/omgd.pid 644 41001\n", "/tmp/omg-41001/omg.lock 600 41001\n",
		"another: omg: ", "left: \n",
	} {
		require.Contains(t, r.Stdout, want)
	}
	require.Regexp(t, `(?m)^asked: [1-9][0-9]*$`, r.Stdout)
}
