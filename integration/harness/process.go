package harness

import (
	"bytes"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Process is a running program. It is killed at the end of its test.
type Process struct {
	Cmd   *exec.Cmd
	Ended <-chan struct{}

	t              testing.TB
	stdout, stderr *syncBuffer
}

// Start starts a program. Its output is kept, unless the command has its own streams.
func Start(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	ended := make(chan struct{})
	p := &Process{Cmd: cmd, Ended: ended, t: t, stdout: &syncBuffer{}, stderr: &syncBuffer{}}
	if cmd.Stdout == nil {
		cmd.Stdout = p.stdout
	}
	if cmd.Stderr == nil {
		cmd.Stderr = p.stderr
	}
	require.NoError(t, cmd.Start())
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	return p
}

// Run runs a program to its end.
func Run(t testing.TB, cmd *exec.Cmd) Result {
	t.Helper()
	return Start(t, cmd).Wait()
}

// PID returns the process ID.
func (p *Process) PID() int { return p.Cmd.Process.Pid }

// Stdout returns what the program has printed so far.
func (p *Process) Stdout() string { return p.stdout.String() }

// Stderr returns the errors and log lines that the program has printed so far.
func (p *Process) Stderr() string { return p.stderr.String() }

// Running reports whether the program has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.Ended:
		return false
	default:
		return true
	}
}

// Signal sends a signal. It is not an error if the program has ended.
func (p *Process) Signal(s syscall.Signal) { _ = p.Cmd.Process.Signal(s) }

// AwaitStderr waits until the program has printed a text as an error or a log line. The log line of a request may come
// after its reply.
func (p *Process) AwaitStderr(text string) {
	p.t.Helper()
	Await(p.t, func() bool {
		ended := !p.Running()
		if strings.Contains(p.Stderr(), text) {
			return true
		}
		if ended {
			p.t.Fatalf("the program %q ended without printing %q; it printed: %s", p.Cmd.Args, text, p.Stderr())
		}
		return false
	}, "the program prints %q; so far it has printed: %s", text, p.Stderr)
}

// Wait waits until the program has ended by itself.
func (p *Process) Wait() Result {
	p.t.Helper()
	Receive(p.t, p.Ended, "the program %q ends; so far it has printed: %s", p.Cmd.Args, &lazyText{p.Stderr})
	return Result{Stdout: p.Stdout(), Stderr: p.Stderr(), Code: p.Cmd.ProcessState.ExitCode()}
}

// Kill ends the program with SIGKILL.
func (p *Process) Kill() {
	_ = p.Cmd.Process.Kill()
	<-p.Ended
}

// lazyText is a text that is computed when it is printed.
type lazyText struct{ text func() string }

func (l *lazyText) String() string { return l.text() }

// syncBuffer is a buffer that may be read while a program writes to it.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

var _ io.Writer = (*syncBuffer)(nil)

func (o *syncBuffer) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *syncBuffer) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}
