// Package client sends requests to omgd. It is made for a process that sends one request and exits, where each
// millisecond matters: it uses no goroutines, no package net and not the runtime's poller. It blocks in system calls,
// which the timeouts of the socket limit.
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
	// ErrNotSocket means that the file at the path is not a socket.
	ErrNotSocket = errors.New("not a socket")
	// ErrUntrusted means that the listening process belongs to another user.
	ErrUntrusted = errors.New("the socket belongs to another user")
	// ErrBroken means that the connection ended, or that omgd sent bytes that violate the protocol.
	ErrBroken = errors.New("the connection to omgd failed")
	// ErrTooLong means that a reply exceeds Options.MaxReply.
	ErrTooLong = errors.New("the reply is too long")
)

// Options holds the options of a connection. A zero field means the default.
type Options struct {
	// IsTrustedUser reports whether the user of the listening process is trusted. If IsTrustedUser is nil, two users are trusted: the user
	// of this process, and root.
	IsTrustedUser func(uid uint32) bool
	// ClientName is the client's name for the server's log.
	ClientName string
	// Timeout limits each wait for the server (to accept, to read or to write), and the time from the first to the last
	// byte of a frame. The default is 10 s. Between two chunks, Call waits up to a minute longer, because the server may
	// be waiting for a network.
	Timeout time.Duration
	// MaxReply is the maximum number of bytes in all frames of one reply. The default is 256 MiB.
	MaxReply int
	// CheckGreeting is called with each reply to a greeting, also after Call has connected again. If it returns an error, no reply of this
	// daemon is used, and the request fails with this error. It may be nil.
	CheckGreeting func(*wire.HelloResult) error
	// Interruptible means that Call returns soon after its context has ended. Otherwise, Call checks the context only before it reads a
	// frame. It is for a process that keeps running.
	Interruptible bool
}

// Conn is a connection to omgd. It is not safe for concurrent use. Send and Receive pipeline several requests on it.
type Conn struct {
	path             string
	opt              Options
	assumePauseAfter time.Duration // normally the constant assumePauseAfter; tests change it
	fd               int
	pid              int // the id of the listening process
	r                *bufio.Reader
	frame            []byte
	frameDeadline    time.Time // the deadline of the frame that is being read; zero before the frame's first byte
	out              []byte    // encoded requests that Receive has not sent yet
	lastRequestID    uint64
	helloID          uint64       // the id of the greeting; 0 after the reply to the greeting has arrived
	awaitFrame       func() error // unless it is nil, it is called before a frame is read of which nothing has arrived
	interrupt        *interrupter // nil unless Options.Interruptible is set
	// greetingResult is the encoded result of the last greeting. It stays set after a reconnect.
	greetingResult []byte
}

// Dial connects to the socket at path and checks the user of the listening process. It does not send anything: the greeting
// is sent together with the first request.
func Dial(ctx context.Context, path string, opt Options) (*Conn, error) {
	if opt.Timeout == 0 {
		opt.Timeout = 10 * time.Second
	}
	if opt.MaxReply == 0 {
		opt.MaxReply = 256 << 20
	}
	if opt.IsTrustedUser == nil {
		opt.IsTrustedUser = func(uid uint32) bool { return uid == 0 || int(uid) == os.Geteuid() }
	}
	c := &Conn{path: path, opt: opt, assumePauseAfter: assumePauseAfter}
	if opt.Interruptible {
		var err error
		if c.interrupt, err = newInterrupter(); err != nil {
			return nil, err
		}
	}
	if err := c.connect(ctx); err != nil {
		c.interrupt.close()
		return nil, err
	}
	return c, nil
}

func (c *Conn) connect(ctx context.Context) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	if err := c.connectSocket(ctx, fd); err != nil {
		_ = unix.Close(fd)
		return err
	}
	c.fd = fd
	c.r = bufio.NewReaderSize(socketStream{c}, 16<<10)
	c.out = c.out[:0]
	c.helloID = c.nextRequestID()
	c.out, err = wire.AppendRequest(c.out, c.helloID, wire.OpHello, &wire.HelloRequest{Protocol: wire.ProtocolVersion, Client: c.opt.ClientName})
	return err
}

// connectSocket connects the socket and checks the user of the listening process. If the server's queue of connections is full,
// connectSocket waits until the deadline.
func (c *Conn) connectSocket(ctx context.Context, fd int) error {
	wait := c.opt.Timeout
	if d, ok := ctx.Deadline(); ok && c.interrupt == nil { // the timeouts of a kept connection are not those of its first request
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
	if !c.opt.IsTrustedUser(cred.Uid) {
		return fmt.Errorf("%s: %w (user %d)", c.path, ErrUntrusted, cred.Uid)
	}
	c.pid = int(cred.Pid)
	return nil
}

// PID returns the id of the process that listens, as the kernel reports it: the daemon, or the service manager if the
// service manager created the socket.
func (c *Conn) PID() int { return c.pid }

// Close closes the connection.
func (c *Conn) Close() error {
	c.interrupt.close()
	return c.closeSocket()
}

func (c *Conn) closeSocket() error {
	fd := c.fd
	c.fd = -1
	return unix.Close(fd)
}

// socketStream is an io.Reader and io.Writer for the socket of a connection.
type socketStream struct{ *Conn }

func (s socketStream) Read(p []byte) (int, error) {
	for {
		if !s.frameDeadline.IsZero() && time.Now().After(s.frameDeadline) {
			return 0, os.ErrDeadlineExceeded
		}
		n, err := unix.Read(s.fd, p)
		switch {
		case n > 0:
			if s.frameDeadline.IsZero() {
				s.frameDeadline = time.Now().Add(s.opt.Timeout)
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

// Write sends bytes. If the peer has closed the connection, Write returns an error and does not raise SIGPIPE.
func (s socketStream) Write(p []byte) (done int, err error) {
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

func (c *Conn) nextRequestID() uint64 {
	c.lastRequestID++
	return c.lastRequestID
}

// Send queues a request and returns its id. The next call of Receive sends all queued requests.
func (c *Conn) Send(op string, req any) (id uint64, err error) {
	id = c.nextRequestID()
	c.out, err = wire.AppendRequest(c.out, id, op, req)
	return id, err
}

// Receive sends the queued requests and returns the next frame of the reply to any request. The Result of the frame is
// valid until the next call of Receive. Receive checks ctx before it reads a frame. Options.Timeout limits the wait for
// the first byte of the frame, and then the time from the first to the last byte.
func (c *Conn) Receive(ctx context.Context) (wire.Reply, error) {
	if err := c.flush(); err != nil {
		return wire.Reply{}, c.brokenError(err)
	}
	for {
		if err := ctx.Err(); err != nil {
			return wire.Reply{}, err
		}
		if c.r.Buffered() == 0 {
			if err := c.awaitReply(ctx); err != nil {
				return wire.Reply{}, err
			}
		}
		r, err := c.receive()
		if err != nil {
			return r, c.brokenError(err)
		}
		if c.helloID == 0 || r.ID != c.helloID {
			return r, nil
		}
		c.helloID = 0
		if r.Err != nil {
			return r, r.Err
		}
		c.greetingResult = bytes.Clone(r.Result)
		hello := c.Greeting()
		if hello != nil && hello.Protocol != 0 && !wire.SupportsProtocol(hello.Protocol) {
			return r, wire.Errorf(wire.CodeVersion, "protocol %d of omgd is not supported, this program has %d: update or restart the older of the two", hello.Protocol, wire.ProtocolVersion)
		}
		if hello != nil && c.opt.CheckGreeting != nil {
			if err := c.opt.CheckGreeting(hello); err != nil {
				return r, err
			}
		}
	}
}

// awaitReply waits until a part of a frame arrives, if reading it would not wait as it has to.
func (c *Conn) awaitReply(ctx context.Context) error {
	if c.awaitFrame != nil {
		return c.awaitFrame()
	}
	if c.interrupt == nil {
		return nil
	}
	switch err := c.interrupt.await(c.fd, c.opt.Timeout); {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return c.brokenError(err)
	}
	return nil
}

// Greeting returns the daemon's reply to the greeting, or nil if none has arrived. The reply has the paths of the databases
// that the daemon reads. It stays available if the request after the greeting fails.
func (c *Conn) Greeting() *wire.HelloResult {
	hello := &wire.HelloResult{}
	if c.greetingResult == nil || msgpack.Unmarshal(c.greetingResult, hello) != nil {
		return nil
	}
	return hello
}

func (c *Conn) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	_, err := socketStream{c}.Write(c.out)
	c.out = c.out[:0]
	// A server that refuses a connection sends an error and closes the connection, perhaps before the client has sent its
	// request. The client can still read the error.
	if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
		return nil
	}
	return err
}

// receive reads one frame.
func (c *Conn) receive() (r wire.Reply, err error) {
	c.frameDeadline = time.Time{}
	if c.frame, err = wire.ReadFrame(c.r, c.frame, wire.MaxFrameSize); err != nil {
		return r, err
	}
	if err = wire.CheckMessagePack(c.frame); err != nil {
		return r, err
	}
	return wire.DecodeReply(c.frame)
}

// brokenError returns the error for a connection that cannot be used any more because of err.
func (c *Conn) brokenError(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("omgd does not respond: %w", err)
	}
	return fmt.Errorf("%w: %w", ErrBroken, err)
}

// Call sends one request and passes each chunk of the reply to the function handle. Call first reads all chunks, because
// the function may print to a pager, and the server should not wait for the pager. The exception is a server that pauses
// between two chunks, because it waits for a network: then Call does not wait for the later chunks before it passes on
// the earlier chunks. If the connection breaks before the first chunk, Call connects once more and repeats the request;
// every operation can be repeated.
func (c *Conn) Call(ctx context.Context, op string, req any, handle func(chunk []byte, more bool) error) error {
	defer c.interrupt.watch(ctx)()
	err := c.call(ctx, op, req, handle)
	if retry := new(noChunkError); errors.As(err, &retry) {
		_ = c.closeSocket()
		if err := c.connect(ctx); err != nil {
			return err
		}
		err = c.call(ctx, op, req, handle)
	}
	if e := new(noChunkError); errors.As(err, &e) {
		return e.error
	}
	return err
}

// noChunkError is an error that occurred before the first chunk of a reply arrived.
type noChunkError struct{ error }

func (c *Conn) call(ctx context.Context, op string, req any, handle func([]byte, bool) error) error {
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
				return &noChunkError{err}
			}
			return err
		}
		// Count the bytes of all frames, also of empty chunks and of replies to other requests, so that a server that sends
		// such frames forever reaches the limit.
		if size += len(c.frame); size > c.opt.MaxReply {
			return fmt.Errorf("%w: more than %d bytes", ErrTooLong, c.opt.MaxReply)
		}
		if r.ID != id && r.ID != 0 {
			continue // a reply to an earlier request for which the caller no longer waits
		}
		received = true
		if r.Err != nil {
			return r.Err
		}
		if r.More {
			unread = append(unread, bytes.Clone(r.Result))
			if c.isIdleFor(c.assumePauseAfter) {
				if err := passChunks(unread, handle); err != nil {
					return err
				}
				unread = unread[:0]
				c.isIdleFor(maxServerPause)
			}
			continue
		}
		if err := passChunks(unread, handle); err != nil {
			return err
		}
		return handle(r.Result, false)
	}
}

func passChunks(chunks [][]byte, handle func([]byte, bool) error) error {
	for i, chunk := range chunks {
		chunks[i] = nil
		if err := handle(chunk, true); err != nil {
			return err
		}
	}
	return nil
}

// assumePauseAfter is the time without a new chunk after which the client assumes that the server is waiting, usually for a network.
const assumePauseAfter = 50 * time.Millisecond

// maxServerPause is how long the server may wait for a network between two chunks. It equals the largest allowed value of
// the setting aur.live.timeout. The timeout of the next frame begins when this wait has ended.
const maxServerPause = time.Minute

// isIdleFor waits until bytes arrive, at most for the time d, and reports whether none arrived.
func (c *Conn) isIdleFor(d time.Duration) bool {
	if c.r.Buffered() > 0 {
		return false
	}
	if c.interrupt != nil {
		return errors.Is(c.interrupt.await(c.fd, d), os.ErrDeadlineExceeded)
	}
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLIN}}, int(d.Milliseconds()))
	return n == 0 && err == nil
}

// CallForResult sends a request whose reply has one chunk, and decodes it into result.
func (c *Conn) CallForResult(ctx context.Context, op string, req, result any) error {
	return c.Call(ctx, op, req, func(b []byte, _ bool) error { return msgpack.Unmarshal(b, result) })
}

func isSocket(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.Mode()&os.ModeSocket != 0
}

// isLink reports whether a path is a symbolic link. The client does not follow a link in place of a socket, because the
// user who created the link could have chosen another daemon.
func isLink(path string) bool {
	fi, err := os.Lstat(path)
	return err == nil && fi.Mode()&os.ModeSymlink != 0
}
