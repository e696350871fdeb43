// Package programs builds the real programs once and runs them for tests.
package programs

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// tags are the build tags that the Makefile builds with.
const tags = "urfave_cli_no_docs"

// Root is the project's root directory: the one with go.work.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		require.NotEqual(t, up, dir, "no go.work above the test's directory")
		dir = up
	}
}

var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "omg-programs-")
	if err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // tests run them as other users, too
		return "", err
	}
	out, err := exec.Command("go", "env", "GOWORK").Output()
	if err != nil {
		return "", err
	}
	root := filepath.Dir(strings.TrimSpace(string(out)))
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags", tags, "-ldflags=-s -w",
		"-o", dir+"/", "./omg", "./omg/omg-direct", "./omgd", "./omg-index", "./omg-probe")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.New(string(out))
	}
	return dir, nil
})

// Dir builds the programs, once in a test run, and returns where they are. A
// package that uses it calls Cleanup from its TestMain.
//
// What go test keeps of a test's result is good for the same values of the
// environment that the test looked at. make test has OMG_SOURCES stand for all
// sources: without it a change in a program would go unnoticed here.
func Dir(t testing.TB) string {
	t.Helper()
	_ = os.Getenv("OMG_SOURCES")
	dir, err := built()
	require.NoError(t, err)
	return dir
}

// Main runs a package's tests and removes the programs that they built.
func Main(m *testing.M) {
	code := m.Run()
	if dir, err := built(); err == nil && strings.HasPrefix(filepath.Base(dir), "omg-programs-") {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// Result is what a program did.
type Result struct {
	Stdout, Stderr string
	Code           int
}

// Lines are the lines of standard output.
func (r Result) Lines() []string {
	if r.Stdout == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(r.Stdout, "\n"), "\n")
}

// Env is the environment that programs run in: nothing of the tester's own, and
// no network unless more, where the last word counts, says otherwise.
func Env(home string, more ...string) []string {
	return append([]string{
		"HOME=" + home, "PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "TZ=UTC", "XDG_RUNTIME_DIR=" + home,
		"OMG_AUR_ENABLED=false", "OMG_TRACKER_ENABLED=false",
	}, more...)
}

// Run runs one of the programs to its end, at most a minute.
func Run(t testing.TB, env []string, program string, args ...string) Result {
	t.Helper()
	return Exec(t, env, filepath.Join(Dir(t), program), args...)
}

// Exec runs any program to its end, at most a minute.
func Exec(t testing.TB, env []string, path string, args ...string) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	require.NoError(t, ctx.Err(), "%s %q took too long", path, args)
	return Result{Stdout: stdout.String(), Stderr: stderr.String(), Code: cmd.ProcessState.ExitCode()}
}

// Daemon is an omgd that a test runs.
type Daemon struct {
	Socket string
	Pid    int
	cmd    *exec.Cmd
	stderr *lockedBuffer
	ended  chan struct{}
}

// Start starts omgd in the foreground on a socket in a directory of its own,
// waits until it listens, and has the test end it.
func Start(t testing.TB, env []string, args ...string) *Daemon {
	t.Helper()
	return StartAt(t, filepath.Join(Dir(t), "omgd"), env, args...)
}

// StartAt starts the omgd at a path as Start does.
func StartAt(t testing.TB, omgd string, env []string, args ...string) *Daemon {
	t.Helper()
	dir, err := os.MkdirTemp("", "omgd-") // short: a socket's path has 107 bytes at most
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	d := &Daemon{Socket: filepath.Join(dir, "omg.sock"), stderr: &lockedBuffer{}, ended: make(chan struct{})}
	d.cmd = exec.Command(omgd, append([]string{"--foreground", "--socket", d.Socket}, args...)...)
	d.cmd.Env = env
	d.cmd.Stderr = d.stderr
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, d.cmd.Start())
	d.Pid = d.cmd.Process.Pid
	go func() {
		_ = d.cmd.Wait()
		close(d.ended)
	}()
	t.Cleanup(func() { d.Stop(t) })
	require.Eventually(t, func() bool {
		select {
		case <-d.ended:
			return true
		default:
		}
		nc, err := net.Dial("unix", d.Socket) // a socket may be there and not listen yet
		if err == nil {
			_ = nc.Close()
		}
		return err == nil
	}, 20*time.Second, 2*time.Millisecond, "omgd does not listen")
	select {
	case <-d.ended:
		t.Fatalf("omgd ended: %s", d.Stderr())
	default:
	}
	return d
}

// Stop ends the daemon with SIGTERM, as a service manager does, and demands that
// it ends well within five seconds.
func (d *Daemon) Stop(t testing.TB) {
	t.Helper()
	select {
	case <-d.ended:
		return
	default:
	}
	require.NoError(t, d.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-d.ended:
		require.Zero(t, d.cmd.ProcessState.ExitCode(), "omgd: %s", d.Stderr())
	case <-time.After(6 * time.Second):
		_ = d.cmd.Process.Kill()
		t.Errorf("omgd did not end: %s", d.Stderr())
	}
}

// Kill ends the daemon with SIGKILL.
func (d *Daemon) Kill(t testing.TB) {
	t.Helper()
	require.NoError(t, d.cmd.Process.Kill())
	<-d.ended
}

// Wait waits until the daemon has ended by itself.
func (d *Daemon) Wait(t testing.TB) {
	t.Helper()
	select {
	case <-d.ended:
	case <-time.After(20 * time.Second):
		t.Fatalf("omgd does not end: %s", d.Stderr())
	}
}

// Stderr is what the daemon has printed so far.
func (d *Daemon) Stderr() string { return d.stderr.String() }

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
