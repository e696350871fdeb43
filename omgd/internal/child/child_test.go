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
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func sh(text string) Spec { return Spec{Path: "/bin/sh", Args: []string{"-c", text}} }

func TestRunHandsOverInputAndOutput(t *testing.T) {
	var out bytes.Buffer
	big := bytes.Repeat([]byte("omg\n"), 100_000) // more than a pipe holds
	s := sh("echo said >&2; cat")
	s.Stdin, s.Stdout = big, &out
	stderr, err := Run(t.Context(), s)
	require.NoError(t, err)
	require.Equal(t, "said", stderr)
	require.Equal(t, big, out.Bytes())
}

func TestRunIgnoresInputThatNobodyReads(t *testing.T) {
	s := sh("exit 3")
	s.Stdin = make([]byte, 1<<20)
	_, err := Run(t.Context(), s)
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 3, exit.ExitCode())
}

func TestRunClearsTheEnvironment(t *testing.T) {
	t.Setenv("OMG_SECRET", "x")
	var out bytes.Buffer
	s := Spec{Path: "/usr/bin/env", Stdout: &out}
	_, err := Run(t.Context(), s)
	require.NoError(t, err)
	require.Empty(t, out.String())
}

func TestRunLimits(t *testing.T) {
	var out bytes.Buffer
	s := sh("read go; ulimit -d; ulimit -c; pwd; ps -o pgid= -p $$; echo $$")
	s.Stdin, s.Stdout, s.Data = []byte("go\n"), &out, 512<<20
	_, err := Run(t.Context(), s)
	require.NoError(t, err)
	lines := strings.Fields(out.String())
	require.Equal(t, []string{"524288", "0", "/"}, lines[:3])
	require.Equal(t, lines[4], lines[3], "leads its own group")
	require.NotEqual(t, strconv.Itoa(unix.Getpgrp()), lines[3])
}

// family is a script that leaves a child behind which writes its number to file.
func family(file, rest string) Spec {
	return sh("sleep 300 & echo $! > " + file + "; " + rest)
}

// requireGone waits until the process whose number is in file has ended.
func requireGone(t *testing.T, file string) {
	t.Helper()
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		return err != nil || strings.Contains(string(stat), ") Z ") // nobody may be there to reap it
	}, 5*time.Second, 5*time.Millisecond)
}

func TestRunKillsTheGroup(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	t.Run("deadline", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, err := Run(ctx, family(file, "wait"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		requireGone(t, file)
	})
	t.Run("cancel", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(200*time.Millisecond, cancel)
		_, err := Run(ctx, family(file, "wait"))
		require.ErrorIs(t, err, context.Canceled)
		requireGone(t, file)
	})
	t.Run("its own end", func(t *testing.T) {
		_, err := Run(t.Context(), family(file, "exit 0"))
		require.NoError(t, err)
		requireGone(t, file)
	})
	t.Run("output refused", func(t *testing.T) {
		s := family(file, "while :; do echo more; done")
		s.Stdout = refuse{}
		_, err := Run(t.Context(), s)
		require.ErrorIs(t, err, errRefused)
		requireGone(t, file)
	})
}

var errRefused = errors.New("refused")

type refuse struct{}

func (refuse) Write([]byte) (int, error) { return 0, errRefused }

func TestRunEndsWithAnOutputHeldByAnotherGroup(t *testing.T) {
	setsid, err := exec.LookPath("setsid")
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "pid")
	var out bytes.Buffer
	s := sh(setsid + " sh -c 'echo $$ > " + file + "; exec sleep 300' & while ! [ -s " + file + " ]; do :; done; echo answer")
	s.Stdout = &out
	_, err = Run(t.Context(), s)
	require.ErrorIs(t, err, exec.ErrWaitDelay)
	require.Equal(t, "answer\n", out.String())
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	require.NoError(t, err)
	require.NoError(t, unix.Kill(pid, unix.SIGKILL))
}

func TestRunBoundsStderr(t *testing.T) {
	stderr, err := Run(t.Context(), sh("head -c 1000000 /dev/zero | tr '\\0' x >&2"))
	require.NoError(t, err)
	require.Equal(t, maxStderr, len(stderr))
}

func TestRunWithoutAProgram(t *testing.T) {
	_, err := Run(t.Context(), Spec{Path: filepath.Join(t.TempDir(), "none")})
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestParentDeath has a copy of this program start a child and die at once.
func TestParentDeath(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	cmd := exec.Command(os.Args[0], "-test.run=^TestParentThatDies$")
	cmd.Env = append(os.Environ(), "CHILD_TEST_FILE="+file)
	require.Error(t, cmd.Run())
	requireGone(t, file)
}

func TestParentThatDies(t *testing.T) {
	file := os.Getenv("CHILD_TEST_FILE")
	if file == "" {
		t.Skip("is for TestParentDeath")
	}
	go func() {
		_, _ = Run(context.Background(), sh("echo $$ > "+file+".new; mv "+file+".new "+file+"; exec sleep 300"))
	}()
	require.Eventually(t, func() bool { _, err := os.Stat(file); return err == nil }, 5*time.Second, time.Millisecond)
	_ = unix.Kill(os.Getpid(), unix.SIGKILL)
}
