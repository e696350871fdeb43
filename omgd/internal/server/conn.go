package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/vmihailenco/msgpack/v5"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/wire"
)

const (
	readBuffer = 4 << 10
	// linger is how long a connection is read on during the shutdown, for
	// requests that were sent before the peer could know.
	linger = 100 * time.Millisecond
	// flushAt is how many bytes of answers are collected while more requests wait.
	flushAt = 32 << 10
	// counted is from what size an answer counts against Limits.Unsent; smaller
	// ones are bounded by the number of connections.
	counted = 16 << 10
)

// Peer is who asks.
type Peer struct {
	UID uint32
	PID int32
}

// Request is a request that passed the frame check.
type Request struct {
	wire.Header
	Peer  Peer
	frame []byte
}

// Decode reads the operation's own fields into v.
func (r *Request) Decode(v any) error {
	if err := msgpack.Unmarshal(r.frame, v); err != nil {
		return wire.Errorf(wire.CodeInvalid, "%s: %v", r.Op, err)
	}
	return nil
}

// conn is one connection.
type conn struct {
	s    *Server
	nc   net.Conn
	peer Peer
	r    *bufio.Reader
	big  []byte // frames that do not fit into r

	mu     sync.Mutex // guards what follows, and writing
	out    []byte
	slow   map[uint64]struct{} // ids of slow requests in flight
	broken error               // why nothing can be written any more
	wait   sync.WaitGroup      // for slow requests
}

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{s: s, nc: nc}
	if u, ok := nc.(*net.UnixConn); ok {
		if raw, err := u.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) {
				if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
					c.peer = Peer{UID: cred.Uid, PID: cred.Pid}
				}
			})
		}
	}
	return c
}

// wake makes a read that waits for the next request end soon.
func (c *conn) wake() { _ = c.nc.SetReadDeadline(time.Now().Add(linger)) }

// serve reads and answers requests until the peer, or the server, has enough.
func (c *conn) serve() {
	debug.SetPanicOnFault(true)
	c.r = bufio.NewReaderSize(c.nc, readBuffer)
	err := c.requests()
	c.wait.Wait()
	c.mu.Lock()
	_ = c.flush()
	c.mu.Unlock()
	_ = c.nc.Close()
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) && !c.s.draining.Load() {
		c.s.cfg.Log.Debug("connection ended", "uid", c.peer.UID, "pid", c.peer.PID, "err", err)
	}
}

func (c *conn) requests() error {
	for {
		frame, err := c.next()
		switch {
		case errors.Is(err, wire.ErrTooLarge):
			return c.refuse(0, wire.Errorf(wire.CodeTooLarge, "%v", err))
		case errors.Is(err, wire.ErrEmpty):
			return c.refuse(0, wire.Errorf(wire.CodeInvalid, "%v", err))
		case err != nil:
			return err
		}
		if err := wire.Check(frame); err != nil {
			return c.refuse(0, wire.Errorf(wire.CodeInvalid, "%v", err))
		}
		h, err := wire.DecodeHeader(frame)
		if errors.Is(err, wire.ErrNoID) {
			return c.refuse(0, wire.Errorf(wire.CodeInvalid, "%v", err))
		}
		if err != nil {
			c.fail(h.ID, wire.Errorf(wire.CodeInvalid, "%v", err))
			continue
		}
		c.dispatch(&Request{Header: h, Peer: c.peer, frame: frame})
		if c.gone() != nil {
			return c.gone()
		}
	}
}

// next reads a frame. Its bytes are good until the next call.
func (c *conn) next() ([]byte, error) {
	if c.r.Buffered() == 0 {
		if err := c.flushLocked(); err != nil {
			return nil, err
		}
	}
	head, err := c.peekHead()
	if err != nil {
		return nil, err
	}
	n, err := wire.FrameLength([wire.HeaderSize]byte(head))
	if err != nil {
		return nil, err
	}
	if whole := wire.HeaderSize + n; whole <= readBuffer {
		if c.r.Buffered() < whole {
			c.hurry()
			defer c.rest()
		}
		b, err := c.r.Peek(whole)
		if err != nil {
			return nil, err
		}
		_, _ = c.r.Discard(whole)
		return b[wire.HeaderSize:], nil
	}
	c.hurry()
	defer c.rest()
	c.big, err = wire.ReadFrame(c.r, c.big)
	return c.big, err
}

// peekHead waits for a frame's length: without a limit for its first byte, for
// the rest as long as for the rest of a frame.
func (c *conn) peekHead() ([]byte, error) {
	if c.r.Buffered() < wire.HeaderSize {
		if _, err := c.r.Peek(1); err != nil {
			return nil, err
		}
	}
	if c.r.Buffered() < wire.HeaderSize {
		c.hurry()
		defer c.rest()
	}
	return c.r.Peek(wire.HeaderSize)
}

// hurry and rest set and lift the limit for the rest of a frame.
func (c *conn) hurry() { _ = c.nc.SetReadDeadline(time.Now().Add(c.s.cfg.Limits.HalfFrame)) }

func (c *conn) rest() {
	_ = c.nc.SetReadDeadline(time.Time{})
	if c.s.draining.Load() {
		c.wake()
	}
}

// dispatch runs a request, or has it run.
func (c *conn) dispatch(r *Request) {
	if c.s.draining.Load() {
		c.fail(r.ID, errShuttingDown)
		return
	}
	if c.inFlight(r.ID) {
		c.fail(r.ID, wire.Errorf(wire.CodeInvalid, "request %d is in flight already", r.ID))
		return
	}
	op, ok := c.s.cfg.Ops[r.Op]
	switch {
	case r.Op == wire.OpPing:
		c.write(r.ID, []byte{0x80}, false)
	case r.Op == wire.OpHello:
		c.run(c.s.hello, r)
	case !ok:
		c.fail(r.ID, wire.Errorf(wire.CodeInvalid, "no operation %.40q", r.Op))
	case op.Slow:
		c.runSlow(op.Handle, r)
	default:
		c.run(op.Handle, r)
	}
}

func (c *conn) inFlight(id uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.slow[id]
	return ok
}

// runSlow runs a request in a goroutine of its own.
func (c *conn) runSlow(h Handler, r *Request) {
	c.mu.Lock()
	if len(c.slow) >= c.s.cfg.Limits.InFlight {
		c.mu.Unlock()
		c.fail(r.ID, wire.Errorf(wire.CodeBusy, "%d requests are in flight already", c.s.cfg.Limits.InFlight))
		return
	}
	if c.slow == nil {
		c.slow = make(map[uint64]struct{})
	}
	c.slow[r.ID] = struct{}{}
	c.mu.Unlock()
	r.frame = bytes.Clone(r.frame)
	c.wait.Go(func() {
		debug.SetPanicOnFault(true)
		c.run(h, r)
		c.mu.Lock()
		delete(c.slow, r.ID)
		_ = c.flush()
		c.mu.Unlock()
	})
}

// run calls a handler. What it panics with is its request's error and nobody
// else's.
func (c *conn) run(h Handler, r *Request) {
	err := c.call(h, r)
	if err == nil {
		return
	}
	var said *wire.Error
	if !errors.As(err, &said) {
		c.s.cfg.Log.Warn("request failed", "op", r.Op, "err", err)
		said = wire.Errorf(wire.CodeInternal, "%v", err)
	}
	c.fail(r.ID, said)
}

func (c *conn) call(h Handler, r *Request) (err error) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		err = wire.Errorf(wire.CodeInternal, "internal error, see the log")
		c.s.cfg.Log.Error("a handler panicked", "op", r.Op, "panic", p, "stack", string(debug.Stack()))
		var fault interface {
			runtime.Error
			Addr() uintptr
		}
		if e, ok := p.(error); ok && errors.As(e, &fault) && c.s.cfg.Fault != nil {
			c.s.cfg.Fault()
		}
	}()
	return h(c.s.ctx, r, &Writer{c: c, id: r.ID})
}

// Writer takes the parts of one answer.
type Writer struct {
	c  *conn
	id uint64
}

// Part sends an encoded result; more says that another part follows. It waits
// for the peer to read, and fails when the peer does not.
func (w *Writer) Part(result []byte, more bool) error {
	w.c.write(w.id, result, more)
	return w.c.gone()
}

// Result sends a result in one part.
func (w *Writer) Result(v any) error {
	b, err := msgpack.Marshal(v)
	if err != nil {
		return err
	}
	return w.Part(b, false)
}

func (c *conn) write(id uint64, result []byte, more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = wire.AppendResult(c.out, id, result, more)
	if len(c.out) >= flushAt {
		_ = c.flush()
	}
}

func (c *conn) fail(id uint64, e *wire.Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = wire.AppendError(c.out, id, e)
}

// refuse answers and ends the connection.
func (c *conn) refuse(id uint64, e *wire.Error) error {
	c.fail(id, e)
	return e
}

func (c *conn) gone() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.broken
}

func (c *conn) flushLocked() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.flush()
}

// flush writes what is collected; c.mu is held.
func (c *conn) flush() error {
	if c.broken != nil || len(c.out) == 0 {
		return c.broken
	}
	n := int64(len(c.out))
	if n >= counted {
		ctx, cancel := context.WithTimeout(c.s.ctx, c.s.cfg.Limits.Write)
		err := c.s.unsent.Acquire(ctx, n)
		cancel()
		if err != nil {
			c.broken = err
			return err
		}
		defer c.s.unsent.Release(n)
	}
	_ = c.nc.SetWriteDeadline(time.Now().Add(c.s.cfg.Limits.Write))
	_, err := c.nc.Write(c.out)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.s.cfg.Log.Warn("a peer does not read its answer", "uid", c.peer.UID, "pid", c.peer.PID)
	}
	c.broken = err
	if c.out = c.out[:0]; cap(c.out) > counted {
		c.out = nil // an idle connection keeps no large buffer
	}
	return err
}

// hello answers the greeting. A peer one protocol version away is understood.
func (s *Server) hello(_ context.Context, r *Request, w *Writer) error {
	var h wire.HelloRequest
	if err := r.Decode(&h); err != nil {
		return err
	}
	if h.Protocol+1 < wire.Protocol || h.Protocol > wire.Protocol+1 {
		return wire.Errorf(wire.CodeVersion, "protocol %d is not spoken here, %d is: restart the older of omgd and its client", h.Protocol, wire.Protocol)
	}
	return w.Result(&wire.HelloResult{Protocol: wire.Protocol, Server: s.cfg.Version})
}
