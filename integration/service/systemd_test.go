package service

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// manager is what a service manager hears, one message after the other.
type manager struct {
	path     string
	messages chan string
}

func newManager(t *testing.T, w *world) *manager {
	t.Helper()
	m := &manager{path: filepath.Join(w.dir, "notify"), messages: make(chan string, 1000)}
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.path, Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := l.Read(b)
			if err != nil {
				return
			}
			m.messages <- string(b[:n])
		}
	}()
	return m
}

// next is the next message that has a line, at most so late.
func (m *manager) next(t *testing.T, line string, late time.Duration) string {
	t.Helper()
	end := time.After(late)
	for {
		select {
		case got := <-m.messages:
			if strings.HasPrefix(got, line) || strings.Contains(got, "\n"+line) {
				return got
			}
		case <-end:
			t.Fatalf("no message %q", line)
		}
	}
}

// TestNotify: systemd hears that omgd is ready, how it goes, and that it ends.
func TestNotify(t *testing.T) {
	w := newWorld(t)
	m := newManager(t, w)
	cmd := w.omgd()
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+m.path)
	p := run(t, cmd)
	m.next(t, "READY=1", 10*time.Second)
	require.NoError(t, ping(w.socket()), "ready means that it answers")
	require.Contains(t, m.next(t, "STATUS=200 packages", 10*time.Second), "generation 1")
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	m.next(t, "STOPPING=1", time.Second)
	require.Zero(t, p.wait(t))
	require.Empty(t, w.left())
}

// TestWatchdog: the signs of life come in time, and cease when the daemon is
// stopped, so that systemd can start another.
func TestWatchdog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := newManager(t, w)
	cmd := w.omgd()
	const interval = 200 * time.Millisecond
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+m.path, fmt.Sprintf("WATCHDOG_USEC=%d", interval.Microseconds()))
	p := run(t, cmd)
	m.next(t, "WATCHDOG=1", 10*time.Second)
	for range 5 {
		m.next(t, "WATCHDOG=1", 2*time.Second)
	}
	require.NoError(t, p.Process.Signal(syscall.SIGSTOP))
	require.Eventually(t, func() bool {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Process.Pid))
		return err == nil && strings.Contains(string(b), ") T ")
	}, 5*time.Second, time.Millisecond)
	for len(m.messages) > 0 {
		<-m.messages
	}
	select {
	case got := <-m.messages:
		t.Fatalf("a message of a stopped process: %q", got)
	case <-time.After(5 * interval):
	}
	require.NoError(t, p.Process.Signal(syscall.SIGCONT))
	m.next(t, "WATCHDOG=1", 5*time.Second)
	p.stop(t)
}

// activate starts systemd's stand-in for itself: it listens and starts omgd when
// someone connects.
func (w *world) activate() *process {
	w.t.Helper()
	path, err := exec.LookPath("systemd-socket-activate")
	if err != nil {
		w.t.Skip("there is no systemd-socket-activate")
	}
	omgd := w.omgd()
	args := []string{"-l", w.socket()}
	for _, v := range w.env() {
		args = append(args, "-E", v)
	}
	cmd := exec.Command(path, append(append(args, omgd.Path), omgd.Args[1:]...)...)
	cmd.Env, cmd.SysProcAttr = w.env(), omgd.SysProcAttr
	p := run(w.t, cmd)
	require.Eventually(w.t, func() bool { return listens(w.socket()) }, 5*time.Second, time.Millisecond)
	return p
}

// listens says that someone listens on a socket, without connecting to it: a
// socket is there before that.
func listens(path string) bool {
	table, err := os.ReadFile("/proc/net/unix")
	if err != nil {
		return false
	}
	const accepts = "00010000" // the flag of a socket that listens
	for line := range strings.Lines(string(table)) {
		if f := strings.Fields(line); len(f) == 8 && f[7] == path && f[3] == accepts {
			return true
		}
	}
	return false
}

// TestActivation: the socket of the service manager is taken, never removed or
// changed, and serves again after a clean end.
func TestActivation(t *testing.T) {
	w := newWorld(t)
	p := w.activate() // systemd-socket-activate becomes omgd
	require.NoError(t, os.Chmod(w.socket(), 0o640))
	before := listing(t, w.runtime)
	require.NoError(t, ping(w.socket()), "the first who connects starts it and is answered")
	require.Equal(t, p.Process.Pid, w.pid())
	w.ready(w.socket())
	second := once(t, w.omgd())
	require.Equal(t, 3, second.Code)
	require.Contains(t, second.Stderr, "omgd runs already")
	p.stop(t)
	require.Equal(t, before, listing(t, w.runtime), "the socket is as it was, and nothing else is left")
}

// TestActivationAgain: the service manager keeps the socket. Who connects between
// two daemons waits for the second.
func TestActivationAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := listenOn(t, w.socket())
	f, err := l.File()
	require.NoError(t, err)
	defer f.Close()
	before := listing(t, w.runtime)
	start := func() *process {
		cmd := w.omgd()
		// The process number must be the program's own.
		cmd.Args = append([]string{"sh", "-c", `LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" "$@"`, cmd.Path}, cmd.Args[1:]...)
		cmd.Path = "/bin/sh"
		cmd.ExtraFiles = []*os.File{f}
		return run(t, cmd)
	}
	for range 3 {
		answer := make(chan error, 1)
		go func() { answer <- ping(w.socket()) }() // perhaps before there is a daemon
		p := start()
		require.NoError(t, <-answer)
		require.Equal(t, p.Process.Pid, w.pid())
		p.stop(t)
		require.Equal(t, before, listing(t, w.runtime))
	}
}

// TestActivationRefused: what is no unix socket that listens is no socket for us.
func TestActivationRefused(t *testing.T) {
	w := newWorld(t)
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
			cmd := w.omgd()
			cmd.Args = append([]string{"sh", "-c", fmt.Sprintf(`LISTEN_FDS=%d LISTEN_PID=$$ exec "$0" "$@"`, len(files)), cmd.Path}, cmd.Args[1:]...)
			cmd.Path = "/bin/sh"
			cmd.ExtraFiles = files
			r := once(t, cmd)
			require.Equal(t, 3, r.Code)
			require.Contains(t, r.Stderr, "the service manager must give one listening unix stream socket")
			require.Empty(t, w.left())
		})
	}
	many := w.omgd()
	many.Args = append([]string{"sh", "-c", `LISTEN_FDS=99999999999 LISTEN_PID=$$ exec "$0" "$@"`, many.Path}, many.Args[1:]...)
	many.Path = "/bin/sh"
	r := once(t, many)
	require.Equal(t, 3, r.Code)
	require.Equal(t, "omgd: error: the service manager must give one listening unix stream socket, not 99999999999\n", r.Stderr)

	background := w.command("omgd", w.files()...)
	background.Env = append(background.Env, "LISTEN_FDS=1", "LISTEN_PID=1")
	r = once(t, background)
	require.Equal(t, 2, r.Code)
	require.Contains(t, r.Stderr, "for --foreground only")
}
