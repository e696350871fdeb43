// Package child runs omg's programs. Each program runs in its own process group, with only the
// environment that it is given, and within limits, and is killed when omgd ends.
package child

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// MaxIndexMemory is the limit of omg-index's memory in bytes when it builds indexes for omgd, or from what was published. The lists of files of
// all packages of Debian need 0.4 GiB.
const MaxIndexMemory = 2 << 30

const (
	maxStderr = 64 << 10
	// waitDelay is how long Run waits for the end of the output after the program has exited. The output may
	// stay open because a process outside the program's group has the pipe open. If there is no such process,
	// even a busy machine reads the rest of the output in less time.
	waitDelay = 10 * time.Second
)

// Spec describes a program to run.
type Spec struct {
	Path string
	Args []string
	// Env is the environment of the program, as in os.Environ.
	Env []string
	// Dir is the working directory; empty means /.
	Dir string
	// Stdin is written to the standard input of the program, after the program's limits are set.
	Stdin []byte
	// Stdout gets the standard output of the program. If a write to Stdout fails, the program is killed. If
	// StdoutFile is set, the program writes directly to that file instead.
	Stdout     io.Writer
	StdoutFile *os.File
	// MaxMemory limits the program's memory in bytes (RLIMIT_DATA); 0 means no further limit. A lower limit of this process stays.
	MaxMemory uint64

	waitDelay time.Duration // 0 means waitDelay; tests set another value
}

// Run runs a program to its end, and returns the beginning of its standard error. If ctx ends or a write to
// Stdout fails, all processes of the program's group are killed. Processes of the group that still run when
// the program exits are killed, too. The error is the write error of Stdout, the error of ctx, an error that wraps ErrMemory, an
// *exec.ExitError or an error of the operating system.
func Run(ctx context.Context, s Spec) (stderr string, err error) {
	// The kernel sends the parent-death signal when the thread that started the child ends, even if the
	// process goes on. So this goroutine keeps its thread until the child has ended.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(inner, s.Path, s.Args...)
	cmd.Env = append([]string{}, s.Env...)
	cmd.Dir = cmp.Or(s.Dir, "/")
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGKILL}
	cmd.WaitDelay = cmp.Or(s.waitDelay, waitDelay)
	out := stopOnErrorWriter{to: s.Stdout, stop: cancel}
	switch {
	case s.StdoutFile != nil:
		cmd.Stdout = s.StdoutFile
	case s.Stdout != nil:
		cmd.Stdout = &out
	}
	var stderrBuf boundedBuffer
	cmd.Stderr = &stderrBuf
	var g childProcessGroup
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
	maxMemory, err := setResourceLimits(cmd.Process.Pid, s.MaxMemory)
	if err != nil {
		cancel()
		_ = cmd.Wait()
		return "", err
	}
	var writing sync.WaitGroup
	writing.Go(func() {
		_, _ = stdin.Write(s.Stdin) // ignore an error: a program that does not read its input fails anyway
		_ = stdin.Close()
	})
	g.waitAndKillRest()
	err = cmd.Wait() // Wait also closes stdin
	writing.Wait()
	stderr = strings.TrimSpace(stderrBuf.kept.String())
	switch {
	case out.err != nil:
		err = out.err
	case err != nil && ctx.Err() != nil:
		err = ctx.Err()
	case err != nil && hadNoMemory(stderr):
		err = fmt.Errorf("%w of %d MiB", ErrMemory, maxMemory>>20)
	}
	return stderr, err
}

// ErrMemory means that a program needs more memory than its limit.
var ErrMemory = errors.New("it needs more memory than the limit")

// hadNoMemory reports whether the runtime of a Go program has ended it because it could not allocate memory, also that of a thread.
func hadNoMemory(stderr string) bool {
	for line := range strings.Lines(stderr) {
		if strings.HasPrefix(line, "fatal error: ") && strings.Contains(line, "memory") || strings.HasPrefix(line, "runtime/cgo: pthread_create failed") {
			return true
		}
	}
	return false
}

// setResourceLimits sets the resource limits of a child, and returns the limit of its memory in bytes. It disables core dumps, which would leave
// unexpected files in the working directory.
func setResourceLimits(pid int, data uint64) (uint64, error) {
	if err := unix.Prlimit(pid, unix.RLIMIT_CORE, &unix.Rlimit{}, nil); err != nil {
		return 0, os.NewSyscallError("prlimit", err)
	}
	var now unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_DATA, nil, &now); err != nil || data == 0 || now.Cur <= data {
		return now.Cur, os.NewSyscallError("prlimit", err)
	}
	return data, os.NewSyscallError("prlimit", unix.Prlimit(pid, unix.RLIMIT_DATA, &unix.Rlimit{Cur: data, Max: data}, nil))
}

// childProcessGroup is the process group of a child. It is identified by the process ID of its leader.
type childProcessGroup struct {
	sync.Mutex
	leader int // the process ID; 0 as soon as the ID may belong to another process
}

func (g *childProcessGroup) kill() error {
	g.Lock()
	defer g.Unlock()
	if g.leader == 0 || unix.Kill(-g.leader, unix.SIGKILL) != nil {
		return os.ErrProcessDone
	}
	return nil
}

// waitAndKillRest waits until the leader exits, and kills the other processes of its group. It does both before the
// leader is reaped: until then the leader's ID cannot be reused.
func (g *childProcessGroup) waitAndKillRest() {
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

// stopOnErrorWriter passes output to a writer. At the writer's first error, it keeps the error and calls stop().
type stopOnErrorWriter struct {
	to   io.Writer
	stop func()
	err  error
}

func (s *stopOnErrorWriter) Write(p []byte) (int, error) {
	n, err := s.to.Write(p)
	if err != nil && s.err == nil {
		s.err = err
		s.stop()
	}
	return n, err
}

// boundedBuffer keeps the first maxStderr bytes that are written to it, and drops further bytes. The buffer is not
// embedded, because io.Copy would then use the buffer's ReadFrom, which has no limit.
type boundedBuffer struct{ kept bytes.Buffer }

func (b *boundedBuffer) Write(p []byte) (int, error) {
	if room := maxStderr - b.kept.Len(); room > 0 {
		b.kept.Write(p[:min(len(p), room)])
	}
	return len(p), nil
}
