package child

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/need"
)

// TestMain runs the tests, or lets the test program act as a parent process that dies.
func TestMain(m *testing.M) {
	if os.Getenv("CHILD_TEST_PARENT") != "" {
		runAndDie()
	}
	await.RunTestMain(m)
}

// sh returns a Spec that runs a shell script. Its waitDelay is so long that even a slow machine does not
// reach it.
func sh(text string) Spec {
	return Spec{Path: "/bin/sh", Args: []string{"-c", text}, waitDelay: await.Timeout}
}

func TestRun_HandsOverInputAndOutput(t *testing.T) {
	var out bytes.Buffer
	big := bytes.Repeat([]byte("omg\n"), 100_000) // more bytes than fit in a pipe
	s := sh("echo said >&2; cat")
	s.Stdin, s.Stdout = big, &out
	stderr, err := Run(t.Context(), s)
	require.NoError(t, err)
	require.Equal(t, "said", stderr)
	require.Equal(t, big, out.Bytes())
}

func TestRun_IgnoresUnreadInput(t *testing.T) {
	s := sh("exit 3")
	s.Stdin = make([]byte, 1<<20)
	_, err := Run(t.Context(), s)
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 3, exit.ExitCode())
}

func TestRun_ClearsTheEnvironment(t *testing.T) {
	t.Setenv("OMG_SECRET", "x")
	var out bytes.Buffer
	s := Spec{Path: "/usr/bin/env", Stdout: &out, waitDelay: await.Timeout}
	_, err := Run(t.Context(), s)
	require.NoError(t, err)
	require.Empty(t, out.String())
}

func TestRun_Limits(t *testing.T) {
	var out bytes.Buffer
	s := sh("read go; ulimit -d; ulimit -c; pwd; cut -d' ' -f5 /proc/$$/stat; echo $$")
	s.Stdin, s.Stdout, s.MaxMemory = []byte("go\n"), &out, 512<<20
	_, err := Run(t.Context(), s)
	require.NoError(t, err)
	lines := strings.Fields(out.String())
	require.Equal(t, []string{"524288", "0", "/"}, lines[:3])
	require.Equal(t, lines[4], lines[3], "leads its own group")
	require.NotEqual(t, strconv.Itoa(unix.Getpgrp()), lines[3])
}

// TestRun_LowerLimit checks that a lower limit of this process stays.
func TestRun_LowerLimit(t *testing.T) {
	var own unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_DATA, &own))
	cmd := exec.Command("/bin/sh", "-c", "sleep 1000")
	require.NoError(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	for _, c := range []struct{ wanted, got uint64 }{{0, own.Cur}, {512 << 20, min(own.Cur, 512<<20)}, {1 << 30, min(own.Cur, 512<<20)}, {256 << 20, 256 << 20}} {
		got, err := setResourceLimits(cmd.Process.Pid, c.wanted)
		require.NoError(t, err)
		require.Equal(t, c.got, got)
		var now unix.Rlimit
		require.NoError(t, unix.Prlimit(cmd.Process.Pid, unix.RLIMIT_DATA, nil, &now))
		require.Equal(t, c.got, now.Cur)
	}
}

// TestRun_Memory checks the messages with which the runtime of Go ends a program that gets no more memory. integration/publish runs such a program.
func TestRun_Memory(t *testing.T) {
	for text, want := range map[string]bool{
		"fatal error: runtime: out of memory":                                           true,
		"fatal error: out of memory allocating heap arena map":                          true,
		"runtime: x\nfatal error: runtime: cannot allocate memory":                      true,
		"runtime/cgo: pthread_create failed: Resource temporarily unavailable":          true,
		"fatal error: all goroutines are asleep - deadlock!":                            false,
		"omg-index: error: a package with the name fatal error: runtime: out of memory": false,
	} {
		s := sh("printf '" + text + "\n' >&2; exit 2")
		s.MaxMemory = 512 << 20
		_, err := Run(t.Context(), s)
		require.Equal(t, want, errors.Is(err, ErrMemory), text)
		if want {
			require.EqualError(t, err, "it needs more memory than the limit of 512 MiB")
		}
	}
}

// family returns a Spec whose script starts a child, prints the child's process ID, and continues with the
// commands in rest.
func family(rest string) Spec { return sh("sleep 1000 & echo $!; " + rest) }

// firstLine collects output, and passes the first line to the function onLine when the line is complete.
type firstLine struct {
	text   strings.Builder
	onLine func(string) error
}

func (f *firstLine) Write(p []byte) (int, error) {
	f.text.Write(p)
	if line, _, whole := strings.Cut(f.text.String(), "\n"); whole && f.onLine != nil {
		onLine := f.onLine
		f.onLine = nil
		return len(p), onLine(line)
	}
	return len(p), nil
}

// requireGone waits until a process has ended.
func requireGone(t *testing.T, number string) {
	t.Helper()
	require.Regexp(t, `^[0-9]+$`, number)
	await.Condition(t, func() bool {
		stat, err := os.ReadFile("/proc/" + number + "/stat")
		return err != nil || strings.Contains(string(stat), ") Z ") // a zombie counts as ended, because perhaps no process reaps it
	}, "the end of process %s", number)
}

// overdue is a context that reports an expired deadline as soon as its channel is closed.
type overdue struct {
	context.Context
	done chan struct{}
}

func (c overdue) Done() <-chan struct{} { return c.done }

func (c overdue) Err() error {
	select {
	case <-c.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

func TestRun_KillsTheGroup(t *testing.T) {
	deadline := overdue{t.Context(), make(chan struct{})}
	canceled, cancel := context.WithCancel(t.Context())
	defer cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		rest string
		do   func() error // called as soon as the child runs
		want error
	}{
		"deadline":       {deadline, "wait", func() error { close(deadline.done); return nil }, context.DeadlineExceeded},
		"cancel":         {canceled, "wait", func() error { cancel(); return nil }, context.Canceled},
		"its own end":    {t.Context(), "exit 0", func() error { return nil }, nil},
		"output refused": {t.Context(), "while :; do echo more; done", func() error { return errRefused }, errRefused},
	} {
		t.Run(name, func(t *testing.T) {
			var number string
			s := family(c.rest)
			s.Stdout = &firstLine{onLine: func(line string) error {
				number = line
				return c.do()
			}}
			_, err := Run(c.ctx, s)
			require.ErrorIs(t, err, c.want)
			requireGone(t, number)
		})
	}
}

var errRefused = errors.New("refused")

func TestRun_OutputHeldByOtherGroup(t *testing.T) {
	setsid := need.Program(t, "setsid")
	dir := t.TempDir()
	var number string
	out := &firstLine{onLine: func(line string) error {
		number = line
		return os.WriteFile(filepath.Join(dir, "read"), nil, 0o600)
	}}
	s := sh(setsid + " sh -c 'echo $$; exec sleep 1000' & while ! [ -e " + dir + "/read ]; do sleep 0.01; done")
	s.Stdout, s.waitDelay = out, time.Millisecond
	_, err := Run(t.Context(), s)
	require.ErrorIs(t, err, exec.ErrWaitDelay)
	require.Equal(t, number+"\n", out.text.String())
	pid, err := strconv.Atoi(number)
	require.NoError(t, err)
	require.NoError(t, unix.Kill(pid, unix.SIGKILL))
}

func TestRun_BoundsStderr(t *testing.T) {
	stderr, err := Run(t.Context(), sh("head -c 1000000 /dev/zero | tr '\\0' x >&2"))
	require.NoError(t, err)
	require.Equal(t, maxStderr, len(stderr))
}

func TestRun_WithoutAProgram(t *testing.T) {
	_, err := Run(t.Context(), Spec{Path: filepath.Join(t.TempDir(), "none")})
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestRun_EndsWithItsParent checks that a child is killed when its parent dies. The parent is a copy of this
// program.
func TestRun_EndsWithItsParent(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "CHILD_TEST_PARENT=1")
	out, err := cmd.Output()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, unix.SIGKILL, exit.Sys().(syscall.WaitStatus).Signal())
	requireGone(t, strings.TrimSpace(string(out)))
}

// runAndDie starts a program, prints its process ID and dies while it runs.
func runAndDie() {
	s := sh("echo $$; exec sleep 1000")
	s.Stdout = &firstLine{onLine: func(line string) error {
		_, _ = os.Stdout.WriteString(line + "\n")
		return unix.Kill(os.Getpid(), unix.SIGKILL)
	}}
	_, _ = Run(context.Background(), s)
}

// TestRun_WritesToFile checks that a program writes directly to StdoutFile, without a pipe in between, and
// that the file stays open in the parent.
func TestRun_WritesToFile(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	defer f.Close()
	s := sh("test -f /proc/self/fd/1 && echo written")
	s.StdoutFile = f
	_, err = Run(t.Context(), s)
	require.NoError(t, err)
	b, err := os.ReadFile(f.Name())
	require.NoError(t, err)
	require.Equal(t, "written\n", string(b))
	_, err = f.WriteString("more")
	require.NoError(t, err)
}
