package client

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// interrupter ends a wait for a socket when a context ends. The methods of a nil *interrupter do nothing.
type interrupter struct {
	fd int // an eventfd, which is readable after the context has ended
}

func newInterrupter() (*interrupter, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	return &interrupter{fd}, os.NewSyscallError("eventfd", err)
}

// watch makes the calls of await return when ctx ends, until the returned function is called.
func (i *interrupter) watch(ctx context.Context) (stop func()) {
	if i == nil || ctx.Done() == nil {
		return func() {}
	}
	ended := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(ended)
		_, _ = unix.Write(i.fd, binary.NativeEndian.AppendUint64(nil, 1))
	})
	return func() {
		if cancel() {
			return
		}
		<-ended
		_, _ = unix.Read(i.fd, make([]byte, 8)) // so that the next call can wait
	}
}

// await waits until a socket is readable, or the context has ended. After the time limit, it returns os.ErrDeadlineExceeded.
func (i *interrupter) await(socket int, limit time.Duration) error {
	return Poll([]unix.PollFd{{Fd: int32(i.fd), Events: unix.POLLIN}, {Fd: int32(socket), Events: unix.POLLIN}}, limit)
}

func (i *interrupter) close() {
	if i != nil {
		_ = unix.Close(i.fd)
	}
}

// Poll waits until one of the files is ready. After the time limit, it returns os.ErrDeadlineExceeded.
func Poll(files []unix.PollFd, limit time.Duration) error {
	end := time.Now().Add(limit)
	for {
		rest := max(0, time.Until(end)) + time.Millisecond - 1 // rounded up, so that poll does not return early
		n, err := unix.Poll(files, int(rest.Milliseconds()))
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return os.NewSyscallError("poll", err)
		case n == 0:
			return os.ErrDeadlineExceeded
		default:
			return nil
		}
	}
}

// EndOf returns a descriptor that is readable after the context has ended, for Poll. The function release closes it.
func EndOf(ctx context.Context) (fd int32, release func(), err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return 0, nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = w.Close() })
	return int32(r.Fd()), func() {
		if stop() {
			_ = w.Close()
		}
		_ = r.Close()
	}, nil
}

// AwaitClosed waits until nobody reads a pipe or a terminal any more, or the context has ended. Other files are never closed.
func AwaitClosed(ctx context.Context, output *os.File) error {
	ended, release, err := EndOf(ctx)
	if err != nil {
		return err
	}
	defer release()
	for {
		err := Poll([]unix.PollFd{{Fd: int32(output.Fd())}, {Fd: ended, Events: unix.POLLIN}}, time.Hour)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
	}
}
