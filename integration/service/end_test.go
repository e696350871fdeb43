package service

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
)

// TestEnd_Signals checks that SIGTERM and SIGINT stop omgd, and that no files are left.
func TestEnd_Signals(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		s := newSystem(t)
		d := s.LaunchDaemon()
		nc := dial(t, d.Socket)
		require.Nil(t, pingOn(t, nc))
		d.Signal(signal)
		r := d.Wait()
		require.Zero(t, r.Code, "%s: %s", signal, r.Stderr)
		require.Empty(t, remainingFiles(s))
	}
}

// TestEnd_DuringTheStart checks that omgd leaves no files if a signal arrives during its start. A start creates several
// files. For each of these files, the test sends the signal as soon as that file exists.
func TestEnd_DuringTheStart(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	for range 3 {
		for _, file := range []string{"", s.Data, s.Path("omg.lock"), s.Path("omgd.pid"), s.Socket(), s.IndexPath("core"), s.Path("omg.status")} {
			require.NoError(t, os.RemoveAll(s.Data))
			p := harness.Start(t, foreground(s))
			for p.Running() && file != "" { // without a pause, so that the signal is sent as soon as possible after the file appears
				if _, err := os.Lstat(file); err == nil {
					break
				}
			}
			require.True(t, p.Running(), p.Stderr())
			p.Signal(syscall.SIGTERM)
			p.Wait() // ignore the exit code: the signal kills omgd if omgd has not installed its signal handlers yet
			require.Empty(t, remainingFiles(s), "after %q: %s", file, p.Stderr())
		}
	}
}

// TestEnd_SecondSignal checks that a second signal ends a slow stop immediately, and that no files are left.
func TestEnd_SecondSignal(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	configure(s, "[limits]", `unread_timeout = "1h"`, `write_timeout = "1h"`)
	d := s.WithEnv("OMG_LIMITS_SHUTDOWN_TIMEOUT=1h").LaunchDaemon()
	stuck(d)
	d.Signal(syscall.SIGTERM)
	harness.Await(t, func() bool { return mode(d.Socket) == 0 }, "the end has begun: %s", d.Stderr)
	d.Signal(syscall.SIGTERM)
	r := d.Wait()
	status := d.Cmd.ProcessState.Sys().(syscall.WaitStatus)
	require.True(t, status.Signaled(), "%v %s", d.Cmd.ProcessState, r.Stderr)
	require.Equal(t, syscall.SIGTERM, status.Signal())
	require.Empty(t, remainingFiles(s))
}

// TestEnd_UnreadAnswer checks that a peer that does not read a reply is disconnected, so that the stop ends long before
// its timeout.
func TestEnd_UnreadAnswer(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	configure(s, "[limits]", `unread_timeout = "200ms"`, `write_timeout = "1h"`)
	d := s.WithEnv("OMG_LIMITS_SHUTDOWN_TIMEOUT=1h").LaunchDaemon()
	stuck(d)
	d.Stop()
	require.Contains(t, d.Stderr(), "connection closed: reply not read while other requests wait")
	require.Empty(t, remainingFiles(s))
}

// TestEnd_Timeout checks that a stopping omgd disconnects all clients when the time limit of the stop is over, and that
// it leaves no files.
func TestEnd_Timeout(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	configure(s, "[limits]", `unread_timeout = "1h"`, `write_timeout = "1h"`)
	d := s.WithEnv("OMG_LIMITS_SHUTDOWN_TIMEOUT=1s").LaunchDaemon()
	stuck(d)
	d.Signal(syscall.SIGTERM)
	r := d.Wait()
	require.GreaterOrEqual(t, r.Code, 0, "no signal ended it: %s", r.Stderr)
	require.Regexp(t, "shutdown timeout|gave up waiting", r.Stderr)
	require.Empty(t, remainingFiles(s))
}

// TestEnd_OtherFiles checks that other files in the runtime directory stay.
func TestEnd_OtherFiles(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	harness.WriteFile(t, s.Path("other.sock"), "")
	s.LaunchDaemon().Stop()
	require.Equal(t, []string{"other.sock"}, remainingFiles(s))
}
