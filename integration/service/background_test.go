package service

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
)

// stat is the part of /proc/PID/stat behind the name: state, parent, group,
// session, terminal.
func stat(t *testing.T, pid int) []string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(b), ") ")
	require.True(t, ok)
	return strings.Fields(rest)
}

// over says whether a process has ended, be it that nobody has asked how.
func over(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(b), ") Z ")
}

// gone waits until a process that is not ours has ended.
func gone(t *testing.T, pid int) {
	t.Helper()
	require.Eventually(t, func() bool { return over(pid) }, 6*time.Second, 5*time.Millisecond)
}

func TestBackground(t *testing.T) {
	w := newWorld(t)
	// On a terminal, and with a file open that is nobody's business.
	terminal, side, err := pty.Open()
	require.NoError(t, err)
	defer terminal.Close()
	open, err := os.Open("/etc/passwd")
	require.NoError(t, err)
	defer open.Close()
	cmd := w.command("omgd", w.files()...)
	cmd.Stdin, cmd.Stdout = side, side
	cmd.ExtraFiles = []*os.File{open}
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	p := run(t, cmd)
	require.Zero(t, p.wait(t), p.stderr.String())
	require.Empty(t, p.stderr.String())
	require.NoError(t, ping(w.socket()), "it answers when the one who started it has returned")
	pid := w.pid()
	defer func() { _ = syscall.Kill(pid, syscall.SIGKILL) }()
	_ = side.Close()

	s := stat(t, pid)
	require.NotEqual(t, fmt.Sprint(p.Process.Pid), s[1], "its parent is gone")
	require.Equal(t, fmt.Sprint(pid), s[3], "a session of its own")
	require.Equal(t, "0", s[4], "no terminal")
	for fd := range 3 {
		to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, fd))
		require.NoError(t, err)
		require.Equal(t, os.DevNull, to)
	}
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	require.NoError(t, err)
	for _, fd := range fds {
		to, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, fd.Name()))
		require.NotContains(t, to, "/etc/passwd")
		require.NotContains(t, to, "/dev/pts")
	}
	cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	require.NoError(t, err)
	require.Equal(t, "/", cwd)

	second := once(t, w.command("omgd", w.files()...))
	require.Equal(t, 1, second.Code)
	require.Contains(t, second.Stderr, fmt.Sprintf("omgd runs already (process %d)", pid))
	require.Equal(t, 1, strings.Count(second.Stderr, "\n"), second.Stderr)
	require.NoError(t, ping(w.socket()), "the first one does not mind")

	require.NoError(t, syscall.Kill(pid, syscall.SIGTERM))
	gone(t, pid)
	require.Empty(t, w.left())
}

// TestBackgroundFails: who starts it reads why, and exit code 1 says that it does
// not run.
func TestBackgroundFails(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, os.WriteFile(w.socket(), []byte("mine"), 0o600))
	r := once(t, w.command("omgd", w.files()...))
	require.Equal(t, 1, r.Code)
	require.Contains(t, r.Stderr, "omgd: error: "+w.socket()+": something else is in the place of the socket")
	require.Equal(t, 1, strings.Count(r.Stderr, "\n"), r.Stderr)
	require.Equal(t, []string{"omg.sock"}, w.left())

	r = once(t, w.command("omgd", "--no-such-flag"))
	require.Equal(t, 2, r.Code)
}

// TestBackgroundRelativePaths: it leaves the directory that it was started in,
// and its files do not.
func TestBackgroundRelativePaths(t *testing.T) {
	w := newWorld(t)
	cmd := w.command("omgd", append(w.files(), "--socket", "run/other.sock", "--data-dir", "run/data")...)
	cmd.Dir = w.dir
	r := once(t, cmd)
	require.Zero(t, r.Code, r.Stderr)
	require.NoError(t, ping(filepath.Join(w.runtime, "other.sock")))
	b, err := os.ReadFile(filepath.Join(w.runtime, "other.pid"))
	require.NoError(t, err, "the PID file of another socket lies beside it")
	var pid int
	_, err = fmt.Sscan(string(b), &pid)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGTERM))
	gone(t, pid)
	require.Empty(t, w.left())
}
