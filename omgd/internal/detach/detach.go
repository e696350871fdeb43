// Package detach puts omgd into the background: it starts a copy of the program with the same arguments, in a
// new session and without a terminal.
//
// Until the copy reports that it is ready, its standard error is a pipe to the program that started it. So
// the user sees why a start failed.
package detach

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// detachedEnvName is the environment variable that tells a process that it is the copy in the background.
const detachedEnvName = "OMGD_DETACHED"

// readyByte is the byte that the copy writes to its standard error when it is ready. The byte occurs in no text.
const readyByte = 0

// maxStderr is how many bytes of the copy's standard error Start reads at most.
const maxStderr = 64 << 10

// NotReadyError is the error for a background process that exited, or was stopped, before it was ready.
type NotReadyError struct {
	// Stderr is what the background process has written to its standard error.
	Stderr []byte
	Err    error
}

func (e *NotReadyError) Error() string { return "omgd did not start: " + e.Err.Error() }

func (e *NotReadyError) Unwrap() error { return e.Err }

// Start starts the copy, and returns when the copy is ready. The result stderr is what the copy has written
// to its standard error until then. If ctx ends first, the copy is stopped.
func Start(ctx context.Context) (stderr []byte, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	// The daemon must not inherit the descriptors that our parent process left open.
	if err := unix.CloseRange(3, 1<<31-1, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		_ = w.Close()
		return nil, os.NewSyscallError("close_range", err)
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), detachedEnvName+"=1")
	cmd.Stderr = w
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	_ = w.Close()
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(unix.SIGTERM) })
	defer stop()
	stderr, err = io.ReadAll(io.LimitReader(r, maxStderr))
	if err != nil {
		return stderr, err
	}
	stderr, isReady := bytes.CutSuffix(stderr, []byte{readyByte})
	if isReady {
		return stderr, cmd.Process.Release()
	}
	return nil, &NotReadyError{Stderr: stderr, Err: waitForExit(ctx, cmd)}
}

// exitTimeout is how long the background process may take to exit if it has not become ready. After that it
// is killed.
const exitTimeout = 6 * time.Second

// waitForExit waits until the background process has exited, and returns why it exited.
func waitForExit(ctx context.Context, cmd *exec.Cmd) error {
	late := time.AfterFunc(exitTimeout, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	err := cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err == nil:
		return errors.New("it exited")
	}
	return err
}

// IsCopy reports whether this process is the copy that Start has put into the background. It removes the
// variable detachedEnvName from the environment, so it must be called before anything starts that would inherit the
// variable.
func IsCopy() bool {
	_, ok := os.LookupEnv(detachedEnvName)
	_ = os.Unsetenv(detachedEnvName)
	return ok
}

// ReportReady reports to the waiting parent process that the copy is ready. It closes the pipe to the parent: from
// then on standard error is /dev/null.
func ReportReady() error {
	_, err := os.Stderr.Write([]byte{readyByte})
	null, openErr := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if openErr != nil {
		return errors.Join(err, openErr)
	}
	defer null.Close()
	return errors.Join(err, os.NewSyscallError("dup3", unix.Dup3(int(null.Fd()), unix.Stderr, 0)))
}
