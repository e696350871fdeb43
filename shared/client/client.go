// Package client sends requests to omgd. It is made for a process that sends one request and ends, where each
// millisecond counts: it uses no goroutine, no package net and not the runtime's poller. It blocks in system calls,
// limited by the socket's timeouts.
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
	// ErrNoDaemon means that no process listens on the socket.
	ErrNoDaemon = errors.New("omgd is not running")
	// ErrNotSocket means that the path is not a socket.
	ErrNotSocket = errors.New("not a socket")
	// ErrUntrusted means that the listening process belongs to another user.
	ErrUntrusted = errors.New("the socket belongs to another user")
	// ErrBroken means that the connection ended, or that the peer broke the protocol.
	ErrBroken = errors.New("the connection to omgd failed")
	// ErrTooLong means that a reply exceeds Options.MaxReply.
	ErrTooLong = errors.New("the reply is too long")
)

// Options are the options of a connection. The zero value has the defaults.
type Options struct {
	// Trust reports whether a listening user is trusted; nil trusts this user and root.
	Trust func(uid uint32) bool
	// Name is the client's name for the server's log.
	Name string
	// Timeout limits the wait for the server to accept, read or write something, and the time for one frame (default 10
	// s). Call allows a minute more between two chunks, while the server waits for a network.
	Timeout time.Duration
	// MaxReply is the most bytes of one answer's frames (default 256 MiB).
	MaxReply int
}

// Conn is a connection to omgd. It is not safe for concurrent use. Send and Receive pipeline several requests on it.
type Conn struct {
	path     string
	opt      Options
	pause    time.Duration // the constant pause; tests change it
	fd       int
	pid      int // of the listening process
	r        *bufio.Reader
	frame    []byte
	deadline time.Time // deadline of the frame that is being read; zero before it begins
	out      []byte    // requests that are not written yet
	next     uint64
	hello    uint64 // the id of the greeting until its reply has come, otherwise 0
	// greeted is the last encoded reply to a greeting. It survives a reconnect.
	greeted []byte
}

// Dial connects once and checks the peer's user. The greeting is sent together with the first request.
func Dial(ctx context.Context, path string, opt Options) (*Conn, error) {
	if opt.Timeout == 0 {
		opt.Timeout = 10 * time.Second
	}
	if opt.MaxReply == 0 {
		opt.MaxReply = 256 << 20
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

// open connects the socket and checks the peer. If the server's queue is full, it waits until the deadline.
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
	if isLink(c.path) {
		return fmt.Errorf("%s: %w: it is a symbolic link", c.path, ErrNotSocket)
	}
	err := unix.Connect(fd, &unix.SockaddrUnix{Name: c.path})
	for err == unix.EINTR {
		err = unix.Connect(fd, &unix.SockaddrUnix{Name: c.path})
	}
	switch {
	case errors.Is(err, unix.ECONNREFUSED) && !isSocket(c.path):
		return fmt.Errorf("%s: %w", c.path, ErrNotSocket)
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ECONNREFUSED), errors.Is(err, unix.ENOTDIR):
		return fmt.Errorf("%w (%s)", ErrNoDaemon, c.path)
	case errors.Is(err, unix.EAGAIN):
		return fmt.Errorf("%s: omgd does not accept connections: %w", c.path, os.ErrDeadlineExceeded)
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

// PID returns the process number of the listening process, as the kernel reports it: the daemon's, or the service
// manager's if that created the socket.
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
		if !s.deadline.IsZero() && time.Now().After(s.deadline) {
			return 0, os.ErrDeadlineExceeded
		}
		n, err := unix.Read(s.fd, p)
		switch {
		case n > 0:
			if s.deadline.IsZero() {
				s.deadline = time.Now().Add(s.opt.Timeout)
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

// Write sends without raising SIGPIPE when the connection is closed.
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

// Send queues a request and returns its id. The next Receive writes it.
func (c *Conn) Send(op string, req any) (id uint64, err error) {
	id = c.id()
	c.out, err = wire.AppendRequest(c.out, id, op, req)
	return id, err
}

// Receive writes the queued requests and returns the next frame of any reply. Its Result is valid until the next call.
// Receive checks ctx between system calls, each of which ends within the timeout.
func (c *Conn) Receive(ctx context.Context) (wire.Reply, error) {
	if err := c.flush(); err != nil {
		return wire.Reply{}, c.broken(err)
	}
	for {
		if err := ctx.Err(); err != nil {
			return wire.Reply{}, err
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
		if hello := c.Greeting(); hello != nil && hello.Protocol != 0 && !wire.SupportsProtocol(hello.Protocol) {
			return r, wire.Errorf(wire.CodeVersion, "protocol %d of omgd is not supported, this program has %d: update or restart the older of the two", hello.Protocol, wire.Protocol)
		}
	}
}

// Greeting returns the daemon's reply to the greeting, or nil. It names the databases that the daemon serves, and stays
// available if the request then fails.
func (c *Conn) Greeting() *wire.HelloResult {
	hello := &wire.HelloResult{}
	if c.greeted == nil || msgpack.Unmarshal(c.greeted, hello) != nil {
		return nil
	}
	return hello
}

func (c *Conn) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	_, err := stream{c}.Write(c.out)
	c.out = c.out[:0]
	// A server that refuses a connection sends an error and closes it, perhaps before the request is written. The error
	// can still be read.
	if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
		return nil
	}
	return err
}

// receive reads one frame.
func (c *Conn) receive() (r wire.Reply, err error) {
	c.deadline = time.Time{}
	if c.frame, err = wire.ReadFrame(c.r, c.frame, wire.MaxFrame); err != nil {
		return r, err
	}
	if err = wire.Check(c.frame); err != nil {
		return r, err
	}
	return wire.DecodeReply(c.frame)
}

// broken returns the error after which the connection cannot be used.
func (c *Conn) broken(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("omgd does not respond: %w", err)
	}
	return fmt.Errorf("%w: %w", ErrBroken, err)
}

// Call sends one request and passes each chunk of the reply to chunk, after the last one has come: the caller may print
// to a pager, and the server does not wait for that. If the server pauses between two chunks, because it waits for a
// network, the chunks so far are passed on at once. If the connection breaks before the first chunk, Call connects
// again, once: every operation can be repeated.
func (c *Conn) Call(ctx context.Context, op string, req any, chunk func(result []byte, more bool) error) error {
	err := c.call(ctx, op, req, chunk)
	if retry := new(noChunk); errors.As(err, &retry) {
		_ = c.Close()
		if err := c.connect(ctx); err != nil {
			return err
		}
		err = c.call(ctx, op, req, chunk)
	}
	if e := new(noChunk); errors.As(err, &e) {
		return e.error
	}
	return err
}

// noChunk is an error before the first chunk of a reply.
type noChunk struct{ error }

func (c *Conn) call(ctx context.Context, op string, req any, chunk func([]byte, bool) error) error {
	id, err := c.Send(op, req)
	if err != nil {
		return err
	}
	size, received := 0, false
	var unread [][]byte
	for {
		r, err := c.Receive(ctx)
		if err != nil {
			if !received && errors.Is(err, ErrBroken) {
				return &noChunk{err}
			}
			return err
		}
		// Count whole frames, also those of other replies: an endless reply may consist of empty chunks.
		if size += len(c.frame); size > c.opt.MaxReply {
			return fmt.Errorf("%w: more than %d bytes", ErrTooLong, c.opt.MaxReply)
		}
		if r.ID != id && r.ID != 0 {
			continue // the reply to a request that was given up
		}
		received = true
		if r.Err != nil {
			return r.Err
		}
		if r.More {
			unread = append(unread, bytes.Clone(r.Result))
			if c.waitIdle(c.pause) {
				if err := passChunks(unread, chunk); err != nil {
					return err
				}
				unread = unread[:0]
				c.waitIdle(longestPause)
			}
			continue
		}
		if err := passChunks(unread, chunk); err != nil {
			return err
		}
		return chunk(r.Result, false)
	}
}

func passChunks(chunks [][]byte, chunk func([]byte, bool) error) error {
	for i, p := range chunks {
		chunks[i] = nil
		if err := chunk(p, true); err != nil {
			return err
		}
	}
	return nil
}

// pause is the time after which a server is taken to wait for something itself.
const pause = 50 * time.Millisecond

// longestPause is the longest time that the server may wait, the maximum of aur.live.timeout. The timeout of a reply
// begins after it.
const longestPause = time.Minute

// waitIdle reports whether nothing came within d.
func (c *Conn) waitIdle(d time.Duration) bool {
	if c.r.Buffered() > 0 {
		return false
	}
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLIN}}, int(d.Milliseconds()))
	return n == 0 && err == nil
}

// Get sends a request whose reply has one chunk, and decodes it into result.
func (c *Conn) Get(ctx context.Context, op string, req, result any) error {
	return c.Call(ctx, op, req, func(b []byte, _ bool) error { return msgpack.Unmarshal(b, result) })
}

func isSocket(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.Mode()&os.ModeSocket != 0
}

// isLink reports whether a path is a symbolic link. A socket is never behind one: the link could lead to a daemon that
// its owner chose.
func isLink(path string) bool {
	fi, err := os.Lstat(path)
	return err == nil && fi.Mode()&os.ModeSymlink != 0
}
