// Package detach puts the program into the background: a copy of it, with the
// same arguments, in a session of its own and without a terminal.
//
// The copy's standard error is a pipe to the one who starts it, until it says
// that it is ready: whatever it dies of, the user reads it.
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

// mark is in the environment of the copy.
const mark = "OMGD_DETACHED"

// ready is the last byte that comes through the pipe when all is well; no text
// has it.
const ready = 0

// maxSaid bounds what is kept of what the copy says before it is ready.
const maxSaid = 64 << 10

// NotReady means that the copy ended, or was ended, before it was ready.
type NotReady struct {
	// Said is what it said of that on its standard error.
	Said []byte
	Err  error
}

func (e *NotReady) Error() string { return "it did not start: " + e.Err.Error() }

func (e *NotReady) Unwrap() error { return e.Err }

// Start starts the copy and returns when it is ready, with what it said until
// then. When ctx ends before, the copy is ended, too.
func Start(ctx context.Context) (said []byte, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	// What our parent left open is not for a daemon to keep.
	if err := unix.CloseRange(3, 1<<31-1, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		_ = w.Close()
		return nil, os.NewSyscallError("close_range", err)
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), mark+"=1")
	cmd.Stderr = w
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	_ = w.Close()
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(unix.SIGTERM) })
	defer stop()
	said, err = io.ReadAll(io.LimitReader(r, maxSaid))
	if err != nil {
		return said, err
	}
	said, isReady := bytes.CutSuffix(said, []byte{ready})
	if isReady {
		return said, cmd.Process.Release()
	}
	return nil, &NotReady{Said: said, Err: end(ctx, cmd)}
}

// patience is how long a copy that closed the pipe too early, or was told to end,
// has for its end.
const patience = 6 * time.Second

// end returns how the copy ended.
func end(ctx context.Context, cmd *exec.Cmd) error {
	late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	err := cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err == nil:
		return errors.New("it ended")
	}
	return err
}

// Copy says whether this process is the copy. It must be called before anything
// is started that would inherit the mark.
func Copy() bool {
	_, yes := os.LookupEnv(mark)
	_ = os.Unsetenv(mark)
	return yes
}

// Ready tells the one who waits that the copy is ready, and lets go of it: from
// now on, what goes to standard error goes nowhere.
func Ready() error {
	_, err := os.Stderr.Write([]byte{ready})
	null, openErr := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if openErr != nil {
		return errors.Join(err, openErr)
	}
	defer null.Close()
	return errors.Join(err, os.NewSyscallError("dup3", unix.Dup3(int(null.Fd()), unix.Stderr, 0)))
}
