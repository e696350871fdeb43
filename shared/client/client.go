// Package client asks omgd. What it is made for is a process that asks one
// question and ends, of whose time everything is a good part: it has no
// goroutine, and does without package net and without the runtime's poller. It
// waits in system calls, within the socket's own time limits.
package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/vmihailenco/msgpack/v5"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/wire"
)

var (
	// ErrNoDaemon means that nobody listens.
	ErrNoDaemon = errors.New("omgd does not run")
	// ErrNoSocket means that something else lies where the socket should.
	ErrNoSocket = errors.New("not a socket")
	// ErrUntrusted means that the one who listens is another user.
	ErrUntrusted = errors.New("the socket belongs to another user")
	// ErrBroken means that the connection ended, or carried what is no protocol.
	ErrBroken = errors.New("the connection to omgd broke")
	// ErrTooLong means that an answer is longer than the caller takes.
	ErrTooLong = errors.New("the answer is too long")
)

// Options are how to ask. The zero value has the defaults.
type Options struct {
	// Trust says whose socket is believed; nil believes this user's and root's.
	Trust func(uid uint32) bool
	// Name tells the server who asks.
	Name string
	// Timeout is the longest wait for the server to accept, to read or to write
	// something, and for the rest of a frame that has begun (default 10 s). Call
	// gives a server that waits for a network between two parts a minute more.
	Timeout time.Duration
	// MaxAnswer is the most bytes of one answer's frames (default 64 MiB).
	MaxAnswer int
}

// Conn is a connection to omgd. It is not safe for concurrent use; Send and
// Receive pipeline several requests on it.
type Conn struct {
	path  string
	opt   Options
	pause time.Duration // the constant, unless a test has another
	fd    int
	pid   int // of the one who listens
	r     *bufio.Reader
	frame []byte
	late  time.Time // when the frame that is being read is too late; zero before it begins
	out   []byte    // requests that are not written yet
	next  uint64
	hello uint64 // the id of the greeting that awaits its answer, 0 for none
	// greeted is the encoded answer to the greeting, of the last connection that
	// got one.
	greeted []byte
}

// Dial connects once and checks who answers. The greeting goes out with the
// first request.
func Dial(ctx context.Context, path string, opt Options) (*Conn, error) {
	if opt.Timeout == 0 {
		opt.Timeout = 10 * time.Second
	}
	if opt.MaxAnswer == 0 {
		opt.MaxAnswer = 64 << 20
	}
	if opt.Trust == nil {
		opt.Trust = func(uid uint32) bool { return uid == 0 || int(uid) == os.Geteuid() }
	}
	c := &Conn{path: path, opt: opt, pause: pause}
	return c, c.connect(ctx)
}

func (c *Conn) connect(ctx context.Context) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	if err := c.open(ctx, fd); err != nil {
		_ = unix.Close(fd)
		return err
	}
	c.fd = fd
	c.r = bufio.NewReaderSize(stream{c}, 16<<10)
	c.out = c.out[:0]
	c.hello = c.id()
	c.out, err = wire.AppendRequest(c.out, c.hello, wire.OpHello, &wire.HelloRequest{Protocol: wire.Protocol, Client: c.opt.Name})
	return err
}

// open connects the socket, waiting for a full queue at most until the
// deadline, and checks the peer.
func (c *Conn) open(ctx context.Context, fd int) error {
	wait := c.opt.Timeout
	if d, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(d))
	}
	tv := unix.NsecToTimeval(max(int64(wait), int64(time.Millisecond)))
	for _, limit := range []int{unix.SO_SNDTIMEO, unix.SO_RCVTIMEO} {
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, limit, &tv); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	err := unix.Connect(fd, &unix.SockaddrUnix{Name: c.path})
	for err == unix.EINTR {
		err = unix.Connect(fd, &unix.SockaddrUnix{Name: c.path})
	}
	switch {
	case errors.Is(err, unix.ECONNREFUSED) && !isSocket(c.path):
		return fmt.Errorf("%s: %w", c.path, ErrNoSocket)
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ECONNREFUSED), errors.Is(err, unix.ENOTDIR):
		return fmt.Errorf("%w (%s)", ErrNoDaemon, c.path)
	case errors.Is(err, unix.EAGAIN):
		return fmt.Errorf("%s: omgd accepts no connection: %w", c.path, os.ErrDeadlineExceeded)
	case err != nil:
		return &os.PathError{Op: "connect", Path: c.path, Err: err}
	}
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return os.NewSyscallError("getsockopt", err)
	}
	if !c.opt.Trust(cred.Uid) {
		return fmt.Errorf("%s: %w (user %d)", c.path, ErrUntrusted, cred.Uid)
	}
	c.pid = int(cred.Pid)
	return nil
}

// PID is the process that listens, by what the kernel says: the daemon's, unless
// a service manager listens for it.
func (c *Conn) PID() int { return c.pid }

// Close closes the connection.
func (c *Conn) Close() error {
	fd := c.fd
	c.fd = -1
	return unix.Close(fd)
}

// stream reads from and writes to the connection's socket.
type stream struct{ *Conn }

func (s stream) Read(p []byte) (int, error) {
	for {
		if !s.late.IsZero() && time.Now().After(s.late) {
			return 0, os.ErrDeadlineExceeded
		}
		n, err := unix.Read(s.fd, p)
		switch {
		case n > 0:
			if s.late.IsZero() {
				s.late = time.Now().Add(s.opt.Timeout)
			}
			return n, nil
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return 0, os.ErrDeadlineExceeded
		case err != nil:
			return 0, err
		default:
			return 0, io.EOF
		}
	}
}

// Write sends without the signal that a closed connection would raise.
func (s stream) Write(p []byte) (done int, err error) {
	for done < len(p) {
		n, err := unix.SendmsgN(s.fd, p[done:], nil, nil, unix.MSG_NOSIGNAL)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return done, os.ErrDeadlineExceeded
		case err != nil:
			return done, err
		default:
			done += n
		}
	}
	return done, nil
}

func (c *Conn) id() uint64 {
	c.next++
	return c.next
}

// Send queues a request and returns its id. What is queued goes out with the
// next Receive.
func (c *Conn) Send(op string, req any) (id uint64, err error) {
	id = c.id()
	c.out, err = wire.AppendRequest(c.out, id, op, req)
	return id, err
}

// Receive writes what is queued and returns the next response of any request;
// its Result is good until the next call. Ctx is looked at between system calls,
// each of which takes no longer than the time limit.
func (c *Conn) Receive(ctx context.Context) (wire.Response, error) {
	if err := c.flush(); err != nil {
		return wire.Response{}, c.broken(err)
	}
	for {
		if err := ctx.Err(); err != nil {
			return wire.Response{}, err
		}
		r, err := c.receive()
		if err != nil {
			return r, c.broken(err)
		}
		if c.hello == 0 || r.ID != c.hello {
			return r, nil
		}
		c.hello = 0
		if r.Err != nil {
			return r, r.Err
		}
		c.greeted = bytes.Clone(r.Result)
	}
}

// Server is what the daemon answered to the greeting. It says what is asked even
// where it then refused the request, or broke; ok is false if it has not answered.
func (c *Conn) Server() (hello wire.HelloResult, ok bool) {
	return hello, c.greeted != nil && msgpack.Unmarshal(c.greeted, &hello) == nil
}

func (c *Conn) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	_, err := stream{c}.Write(c.out)
	c.out = c.out[:0]
	// A server that refuses a connection says why and closes it, perhaps before
	// the request is written: what it said can still be read.
	if errors.Is(err, unix.EPIPE) {
		return nil
	}
	return err
}

// receive reads one response.
func (c *Conn) receive() (r wire.Response, err error) {
	c.late = time.Time{}
	if c.frame, err = wire.ReadFrame(c.r, c.frame); err != nil {
		return r, err
	}
	if err = wire.Check(c.frame); err != nil {
		return r, err
	}
	return wire.DecodeResponse(c.frame)
}

// broken says why the connection is of no more use.
func (c *Conn) broken(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("omgd does not answer: %w", err)
	}
	return fmt.Errorf("%w: %w", ErrBroken, err)
}

// Call asks one question and gives each part of the answer to part, when the
// last one is there: who prints parts may wait for a pager, and the server does
// not wait that long. Where the server itself waits between two parts, for a
// network, those that came are given at once. A connection that breaks before the first part came is
// made anew, once: every operation can be repeated.
func (c *Conn) Call(ctx context.Context, op string, req any, part func(result []byte, more bool) error) error {
	err := c.call(ctx, op, req, part)
	if retry := new(noPart); errors.As(err, &retry) {
		_ = c.Close()
		if err := c.connect(ctx); err != nil {
			return err
		}
		err = c.call(ctx, op, req, part)
	}
	if e := new(noPart); errors.As(err, &e) {
		return e.error
	}
	return err
}

// noPart is a break before any part of the answer came.
type noPart struct{ error }

func (c *Conn) call(ctx context.Context, op string, req any, part func([]byte, bool) error) error {
	id, err := c.Send(op, req)
	if err != nil {
		return err
	}
	size, came := 0, false
	var ahead [][]byte
	for {
		r, err := c.Receive(ctx)
		if err != nil {
			if !came && errors.Is(err, ErrBroken) {
				return &noPart{err}
			}
			return err
		}
		// Whole frames count, also those of others: an endless answer may have empty parts.
		if size += len(c.frame); size > c.opt.MaxAnswer {
			return fmt.Errorf("%w: more than %d bytes", ErrTooLong, c.opt.MaxAnswer)
		}
		if r.ID != id && r.ID != 0 {
			continue // of a request that was given up
		}
		came = true
		if r.Err != nil {
			return r.Err
		}
		if r.More {
			ahead = append(ahead, bytes.Clone(r.Result))
			if c.silent(c.pause) {
				if err := giveParts(ahead, part); err != nil {
					return err
				}
				ahead = ahead[:0]
				c.silent(longestPause)
			}
			continue
		}
		if err := giveParts(ahead, part); err != nil {
			return err
		}
		return part(r.Result, false)
	}
}

func giveParts(parts [][]byte, part func([]byte, bool) error) error {
	for i, p := range parts {
		parts[i] = nil
		if err := part(p, true); err != nil {
			return err
		}
	}
	return nil
}

// pause is how long a server may take between two parts before it seems to wait for
// something itself.
const pause = 50 * time.Millisecond

// longestPause is how long it may wait: aur.live.deadline has no higher value. The
// time limit for an answer begins after that.
const longestPause = time.Minute

// silent waits for the server and says that nothing came.
func (c *Conn) silent(d time.Duration) bool {
	if c.r.Buffered() > 0 {
		return false
	}
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLIN}}, int(d.Milliseconds()))
	return n == 0 && err == nil
}

// Get asks a question whose answer has one part, and decodes it into result.
func (c *Conn) Get(ctx context.Context, op string, req, result any) error {
	return c.Call(ctx, op, req, func(b []byte, _ bool) error { return msgpack.Unmarshal(b, result) })
}

func isSocket(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.Mode()&os.ModeSocket != 0
}
