package service

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

// stat returns the fields of /proc/PID/stat after the name: state, parent, group, session, terminal.
func stat(t *testing.T, pid int) []string {
	t.Helper()
	_, rest, ok := strings.Cut(string(harness.ReadFile(t, fmt.Sprintf("/proc/%d/stat", pid))), ") ")
	require.True(t, ok)
	return strings.Fields(rest)
}

// end ends a process that this test process has not started itself, and waits until it has ended.
func end(t *testing.T, pid int) {
	t.Helper()
	require.NoError(t, syscall.Kill(pid, syscall.SIGTERM))
	harness.Await(t, func() bool { return ended(pid) }, "process %d ends", pid)
}

func TestBackground(t *testing.T) {
	t.Parallel()
	need.Terminal(t)
	s := newSystem(t)
	// Start omgd on a terminal and with an additional open file, which omgd must close.
	terminal, side, err := pty.Open()
	require.NoError(t, err)
	defer terminal.Close()
	open, err := os.Open("/etc/passwd")
	require.NoError(t, err)
	defer open.Close()
	cmd := s.Command("omgd", s.PathFlags()...)
	cmd.Stdin, cmd.Stdout = side, side
	cmd.ExtraFiles = []*os.File{open}
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	p := harness.Start(t, cmd)
	r := p.Wait()
	require.Zero(t, r.Code, r.Stderr)
	require.Empty(t, r.Stderr)
	require.NoError(t, ping(s.Socket()), "it answers when the start has returned")
	first := pid(s)
	killLater(t, first)
	_ = side.Close()

	is := stat(t, first)
	require.NotEqual(t, fmt.Sprint(p.PID()), is[1], "its parent is gone")
	require.Equal(t, fmt.Sprint(first), is[3], "a session of its own")
	require.Equal(t, "0", is[4], "no terminal")
	for fd := range 3 {
		to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", first, fd))
		require.NoError(t, err)
		require.Equal(t, os.DevNull, to)
	}
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", first))
	require.NoError(t, err)
	for _, fd := range fds {
		to, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", first, fd.Name()))
		require.NotContains(t, to, "/etc/passwd")
		require.NotContains(t, to, "/dev/pts")
	}
	cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", first))
	require.NoError(t, err)
	require.Equal(t, "/", cwd)

	second := s.Run("omgd", s.PathFlags()...)
	require.Equal(t, 1, second.Code)
	require.Contains(t, second.Stderr, fmt.Sprintf("omgd is already running (process %d)", first))
	require.Equal(t, 1, strings.Count(second.Stderr, "\n"), second.Stderr)
	require.NoError(t, ping(s.Socket()), "the first one does not mind")

	end(t, first)
	require.Empty(t, remainingFiles(s))
}

// TestBackground_Fails checks that the user sees the reason if no daemon can be started, and that omgd then exits with
// 1.
func TestBackground_Fails(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	harness.WriteFile(t, s.Socket(), "mine")
	r := s.Run("omgd", s.PathFlags()...)
	require.Equal(t, 1, r.Code)
	require.Contains(t, r.Stderr, "omgd: error: "+s.Socket()+": the path of the socket is occupied")
	require.Equal(t, 1, strings.Count(r.Stderr, "\n"), r.Stderr)
	require.Equal(t, []string{"omg.sock"}, remainingFiles(s))

	r = s.Run("omgd", "--no-such-flag")
	require.Equal(t, 2, r.Code)
}

// TestBackground_RelativePaths checks that the daemon leaves its working directory, and still finds its files.
func TestBackground_RelativePaths(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.WorkDir = outside(s, "")
	home := filepath.Base(s.Home)
	r := s.Run("omgd", append(s.DatabaseFlags(), "--socket", home+"/other.sock", "--data-dir", home+"/data")...)
	require.Zero(t, r.Code, r.Stderr)
	other := pidIn(t, s.Path("other.pid")) // the PID file of a socket that is not in the default place is beside the socket
	killLater(t, other)
	require.NoError(t, ping(s.Path("other.sock")))
	end(t, other)
	require.Empty(t, remainingFiles(s))
}
