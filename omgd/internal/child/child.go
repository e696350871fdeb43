// Package child runs our other programs: each in a process group of its own that
// ends with us, without our environment, and bounded.
package child

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	maxStderr = 64 << 10
	// waitDelay is how long the rest of a program's output is awaited after its end,
	// should something outside its group hold the other end: longer than a busy
	// machine takes to read what is there.
	waitDelay = 10 * time.Second
)

// Spec says what to run.
type Spec struct {
	Path string
	Args []string
	// Stdin is written to the program once its limits hold.
	Stdin []byte
	// Stdout takes what it prints. Its first error ends the program.
	Stdout io.Writer
	// Data bounds the program's own memory in bytes (RLIMIT_DATA); 0 does not.
	Data uint64

	wait time.Duration // waitDelay, unless a test has another
}

// Run runs a program to its end and returns the beginning of what it said on
// standard error. When ctx is done or Stdout fails, its whole process group is
// killed, and what is left of the group when it ends, too. The error is
// Stdout's, ctx's, an *exec.ExitError or the system's.
func Run(ctx context.Context, s Spec) (stderr string, err error) {
	// The kernel sends the parent-death signal when the thread ends that made
	// the child, so the thread stays ours.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(inner, s.Path, s.Args...)
	cmd.Env = []string{}
	cmd.Dir = "/"
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGKILL}
	cmd.WaitDelay = cmp.Or(s.wait, waitDelay)
	out := stopper{to: s.Stdout, stop: cancel}
	if s.Stdout != nil {
		cmd.Stdout = &out
	}
	var said bounded
	cmd.Stderr = &said
	var g group
	cmd.Cancel = g.kill
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return "", err
	}
	g.Lock()
	err = cmd.Start()
	if err == nil {
		g.leader = cmd.Process.Pid
	}
	g.Unlock()
	if err != nil {
		return "", err
	}
	if err := limit(cmd.Process.Pid, s.Data); err != nil {
		cancel()
		_ = cmd.Wait()
		return "", err
	}
	var writing sync.WaitGroup
	writing.Go(func() {
		_, _ = stdin.Write(s.Stdin) // a program that does not read says so by its answer
		_ = stdin.Close()
	})
	g.end()
	err = cmd.Wait() // closes stdin, too
	writing.Wait()
	switch {
	case out.err != nil:
		err = out.err
	case err != nil && ctx.Err() != nil:
		err = ctx.Err()
	}
	return strings.TrimSpace(said.kept.String()), err
}

// limit sets the limits of a child. It leaves no core, which would be a file of
// ours where nobody expects one.
func limit(pid int, data uint64) error {
	if err := unix.Prlimit(pid, unix.RLIMIT_CORE, &unix.Rlimit{}, nil); err != nil {
		return os.NewSyscallError("prlimit", err)
	}
	if data == 0 {
		return nil
	}
	return os.NewSyscallError("prlimit", unix.Prlimit(pid, unix.RLIMIT_DATA, &unix.Rlimit{Cur: data, Max: data}, nil))
}

// group is the process group of a child, known by its leader.
type group struct {
	sync.Mutex
	leader int // 0 once its number may be another's
}

func (g *group) kill() error {
	g.Lock()
	defer g.Unlock()
	if g.leader == 0 || unix.Kill(-g.leader, unix.SIGKILL) != nil {
		return os.ErrProcessDone
	}
	return nil
}

// end waits for the leader and kills what is left of its group, before it is
// reaped: until then its number is nobody else's.
func (g *group) end() {
	for {
		err := unix.Waitid(unix.P_PID, g.leader, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	_ = g.kill()
	g.Lock()
	g.leader = 0
	g.Unlock()
}

// stopper keeps the first error of a writer and calls stop for it.
type stopper struct {
	to   io.Writer
	stop func()
	err  error
}

func (s *stopper) Write(p []byte) (int, error) {
	n, err := s.to.Write(p)
	if err != nil && s.err == nil {
		s.err = err
		s.stop()
	}
	return n, err
}

// bounded keeps the first maxStderr bytes and lets the rest go. It hides the
// buffer, whose ReadFrom would be used in place of Write.
type bounded struct{ kept bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	if room := maxStderr - b.kept.Len(); room > 0 {
		b.kept.Write(p[:min(len(p), room)])
	}
	return len(p), nil
}
