package service

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

// manager receives what omgd sends to the service manager, message by message.
type manager struct {
	t    testing.TB
	path string

	mu       sync.Mutex
	messages []string // those that next has not returned yet
}

func newManager(s *harness.System) *manager {
	s.T.Helper()
	m := &manager{t: s.T, path: outside(s, "notify")}
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.path, Net: "unixgram"})
	require.NoError(s.T, err)
	s.T.Cleanup(func() { _ = l.Close() })
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := l.Read(b)
			if err != nil {
				return
			}
			m.mu.Lock()
			m.messages = append(m.messages, string(b[:n]))
			m.mu.Unlock()
		}
	}()
	return m
}

// next waits for the next message. The text says for which message the test waits.
func (m *manager) next(text string) (got string) {
	m.t.Helper()
	harness.Await(m.t, func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		if len(m.messages) == 0 {
			return false
		}
		got, m.messages = m.messages[0], m.messages[1:]
		return true
	}, "a message %q", text)
	return got
}

// await discards messages until one has a line that begins with the parameter line, and returns that message.
func (m *manager) await(line string) string {
	m.t.Helper()
	for {
		got := m.next(line)
		if strings.HasPrefix(got, line) || strings.Contains(got, "\n"+line) {
			return got
		}
	}
}

// mark sends the message text to the manager's own socket. It returns the messages from omgd that arrived before text.
func (m *manager) mark(text string) (before []string) {
	m.t.Helper()
	nc, err := net.Dial("unixgram", m.path)
	require.NoError(m.t, err)
	defer nc.Close()
	_, err = nc.Write([]byte(text))
	require.NoError(m.t, err)
	for {
		got := m.next(text)
		if got == text {
			return before
		}
		before = append(before, got)
	}
}

// TestNotify checks that omgd tells systemd when it is ready, its state, and when it stops.
func TestNotify(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	m := newManager(s)
	d := s.StartDaemonCommand(foreground(s.WithEnv("NOTIFY_SOCKET="+m.path)), s.Socket())
	m.await("READY=1")
	require.NoError(t, ping(d.Socket), "ready means that it answers")
	require.Contains(t, m.await("STATUS=200 packages"), "generation ")
	d.Signal(syscall.SIGTERM)
	m.await("STOPPING=1")
	require.Zero(t, d.Wait().Code)
	require.Empty(t, remainingFiles(s))
}

// TestWatchdog checks that omgd sends watchdog messages, sends none while it is suspended, and then sends them again. A
// test of package systemd checks the time between two messages.
func TestWatchdog(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	m := newManager(s)
	d := s.WithEnv("NOTIFY_SOCKET="+m.path, "WATCHDOG_USEC=20000").LaunchDaemon()
	for range 5 {
		m.await("WATCHDOG=1")
	}
	suspend(t, d.PID())
	m.mark("it is stopped")
	require.Empty(t, m.mark("nothing has come since"))
	d.Signal(syscall.SIGCONT)
	m.await("WATCHDOG=1")
}

// activate starts systemd-socket-activate, which listens and becomes omgd at the first connection.
func activate(s *harness.System) *harness.Daemon {
	s.T.Helper()
	path := need.Program(s.T, "systemd-socket-activate")
	omgd := foreground(s)
	args := []string{"-l", s.Socket()}
	for _, v := range s.Env {
		args = append(args, "-E", v)
	}
	p := harness.Start(s.T, s.Command(path, append(append(args, omgd.Path), omgd.Args[1:]...)...))
	harness.Await(s.T, func() bool { return !p.Running() || listens(s.Socket()) }, "systemd-socket-activate listens")
	require.True(s.T, p.Running(), p.Stderr())
	return &harness.Daemon{Process: p, System: s, Socket: s.Socket()}
}

// listens reports whether a process listens on a socket. It does not connect to the socket. The existence of the
// socket's file is not enough: the file exists before the process listens.
func listens(path string) bool {
	table, err := os.ReadFile("/proc/net/unix")
	if err != nil {
		return false
	}
	const accepts = "00010000" // the flags of a listening socket
	for line := range strings.Lines(string(table)) {
		if f := strings.Fields(line); len(f) == 8 && f[7] == path && f[3] == accepts {
			return true
		}
	}
	return false
}

// TestActivation checks that the service manager's socket is used, never removed or changed, and works again after a
// clean stop.
func TestActivation(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	d := activate(s)
	require.NoError(t, os.Chmod(d.Socket, 0o640))
	before := listing(t, s.Home)
	require.NoError(t, ping(d.Socket), "the first connection starts it and is answered")
	require.Equal(t, d.PID(), pid(s))
	d.AwaitReady()
	second := harness.Run(t, foreground(s))
	require.Equal(t, 3, second.Code)
	require.Contains(t, second.Stderr, "omgd is already running")
	d.Stop()
	require.Equal(t, before, listing(t, s.Home), "the socket is as it was, and nothing else is left")
}

// activated passes sockets to a program like a service manager. A shell sets LISTEN_PID, because the variable must
// contain the process ID of the program.
func activated(t *testing.T, cmd *exec.Cmd, number string, files ...*os.File) *exec.Cmd {
	t.Helper()
	cmd.ExtraFiles = files
	return throughShell(t, cmd, "LISTEN_FDS="+number+" LISTEN_PID=$$")
}

// TestActivation_Again checks that the service manager keeps the socket while no daemon runs. A connection that is made
// after one daemon has stopped waits until the next daemon starts.
func TestActivation_Again(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	l := listenOn(t, s.Socket())
	f, err := l.File()
	require.NoError(t, err)
	defer f.Close()
	before := listing(t, s.Home)
	for range 3 {
		early := dial(t, s.Socket()) // before there is a daemon
		d := s.StartDaemonCommand(activated(t, foreground(s), "1", f), s.Socket())
		require.Nil(t, pingOn(t, early))
		require.Equal(t, d.PID(), pid(s))
		d.Stop()
		require.Equal(t, before, listing(t, s.Home))
	}
}

// TestActivation_Refused checks that only a single listening unix stream socket is accepted.
func TestActivation_Refused(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer tcp.Close()
	tcpFile, err := tcp.(*net.TCPListener).File()
	require.NoError(t, err)
	defer tcpFile.Close()
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer null.Close()
	for name, files := range map[string][]*os.File{
		"TCP": {tcpFile}, "a file": {null}, "two": {null, null},
	} {
		t.Run(name, func(t *testing.T) {
			r := harness.Run(t, activated(t, foreground(s), fmt.Sprint(len(files)), files...))
			require.Equal(t, 3, r.Code)
			require.Contains(t, r.Stderr, "expected one listening unix stream socket from the service manager")
			require.Empty(t, remainingFiles(s))
		})
	}
	r := harness.Run(t, activated(t, foreground(s), "99999999999"))
	require.Equal(t, 3, r.Code)
	require.Equal(t, "omgd: error: expected one listening unix stream socket from the service manager, not 99999999999\n", r.Stderr)

	r = s.WithEnv("LISTEN_FDS=1", "LISTEN_PID=1").Run("omgd", s.PathFlags()...)
	require.Equal(t, 2, r.Code)
	require.Contains(t, r.Stderr, "needs --foreground")
}
