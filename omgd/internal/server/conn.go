package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omgd/internal/logging"
	"github.com/omg-arch/omg/shared/wire"
)

const (
	readBuffer = 4 << 10
	// flushAt is how many bytes of answers are collected while more requests wait.
	flushAt = 32 << 10
	// keep is the largest buffer that an idle connection keeps.
	keep = 16 << 10
	// batch is the size of a borrowed buffer.
	batch = flushAt + keep + headRoom
	// headRoom is more than a response has besides its result, errorRoom more than
	// most errors have in all.
	headRoom, errorRoom = 64, 1 << 10
	// large is the size from which a half-sent frame counts against
	// Limits.Received; smaller ones are bounded by the number of connections.
	large = 64 << 10
)

// conn is one connection. What has no lock belongs to the goroutine of serve.
type conn struct {
	s      *Server
	nc     *net.UnixConn
	peer   Peer
	ctx    context.Context // of its handlers
	cancel context.CancelFunc
	r      *bufio.Reader
	big    []byte  // the frame, if it does not fit into r
	out    []byte  // answers of fast requests that are not written yet
	kept   []byte  // what takes out's place when a borrowed buffer is given back
	fast   Request // of the fast request that runs
	key    []byte  // of that
	writer Writer

	wait    sync.WaitGroup // for slow requests
	slowN   atomic.Int32   // how many there are
	unsent  atomic.Int64   // bytes that are being written or wait for it
	blocked atomic.Int64   // since when a write runs (Unix nanoseconds), 0 if none

	mu   sync.Mutex
	slow map[uint64]struct{} // ids of slow requests in flight

	writing sync.Mutex // one write after the other
	until   time.Time  // the deadline of writes; guarded by writing
	broken  error      // why nothing can be written any more; guarded by writing
}

func newConn(s *Server, nc *net.UnixConn, peer Peer) *conn {
	c := &conn{s: s, nc: nc, peer: peer}
	c.ctx, c.cancel = context.WithCancel(s.ctx)
	return c
}

// close ends the connection at once, from any goroutine.
func (c *conn) close() {
	c.cancel()
	_ = c.nc.Close()
}

// serve reads and answers requests until the peer, or the server, has enough.
func (c *conn) serve() {
	debug.SetPanicOnFault(true)
	c.r = bufio.NewReaderSize(c.nc, readBuffer)
	err := c.requests()
	if running := c.slowN.Load(); running > 0 {
		gone := c.peerIsGone()
		if gone {
			c.cancel()
		}
		logging.Trace(c.s.cfg.Log, "no more requests", "uid", c.peer.UID, "pid", c.peer.PID, "running", running, "gone", gone)
	}
	c.wait.Wait()
	_ = c.flush()
	c.close()
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
		c.s.cfg.Log.Debug("connection ended", "uid", c.peer.UID, "pid", c.peer.PID, "err", err)
	}
}

func (c *conn) requests() error {
	for {
		frame, err := c.next()
		if err != nil {
			return c.unreadable(err)
		}
		stages := c.stages()
		if err := wire.Check(frame); err != nil {
			return c.refuse(wire.Errorf(wire.CodeInvalid, "%v", err))
		}
		h, err := wire.DecodeHeader(frame)
		if errors.Is(err, wire.ErrNoID) {
			return c.refuse(wire.Errorf(wire.CodeInvalid, "%v", err))
		}
		if err != nil {
			err = c.fail(h.ID, wire.Errorf(wire.CodeInvalid, "%v", err))
		} else {
			stages.decoded()
			err = c.dispatch(h, frame)
			stages.answered(c, h)
		}
		if err != nil {
			return err
		}
		if cap(c.big) > keep {
			c.big = nil
		}
		if cap(c.key) > keep {
			c.key = nil
		}
	}
}

// unreadable tells the peer why no frame can be read any more, if it is there.
func (c *conn) unreadable(err error) error {
	var said *wire.Error
	switch {
	case errors.Is(err, wire.ErrTooLarge):
		return c.refuse(wire.Errorf(wire.CodeTooLarge, "%v", err))
	case errors.Is(err, wire.ErrEmpty):
		return c.refuse(wire.Errorf(wire.CodeInvalid, "%v", err))
	case errors.As(err, &said):
		return c.refuse(said)
	}
	return err
}

// next reads a frame. Its bytes are good until the next call.
func (c *conn) next() ([]byte, error) {
	if c.r.Buffered() < wire.HeaderSize {
		if err := c.flush(); err != nil {
			return nil, err
		}
		// The first byte has all the time, the rest as long as for a frame.
		if err := c.await(); err != nil {
			return nil, err
		}
	}
	hurried := false
	hurry := func() {
		if !hurried {
			hurried = true
			_ = c.nc.SetReadDeadline(time.Now().Add(c.s.cfg.Limits.HalfFrame))
		}
	}
	if c.r.Buffered() < wire.HeaderSize {
		hurry()
	}
	head, err := c.r.Peek(wire.HeaderSize)
	if err != nil {
		return nil, unexpected(err)
	}
	n, err := wire.FrameLength([wire.HeaderSize]byte(head))
	if err != nil {
		return nil, err
	}
	whole := wire.HeaderSize + n
	if c.r.Buffered() < whole {
		// The peer may wait for what is collected before it sends the rest.
		if err := c.flush(); err != nil {
			return nil, err
		}
		hurry()
	}
	var frame []byte
	if whole <= readBuffer {
		if frame, err = c.r.Peek(whole); err == nil {
			frame = frame[wire.HeaderSize:]
			_, _ = c.r.Discard(whole)
		}
	} else {
		frame, err = c.readBig(n)
	}
	if hurried {
		_ = c.nc.SetReadDeadline(time.Time{})
	}
	return frame, unexpected(err)
}

// await waits for the first byte of a frame.
func (c *conn) await() error {
	limit := c.s.cfg.Limits.Idle
	if limit == 0 {
		_, err := c.r.Peek(1)
		return err
	}
	for {
		_ = c.nc.SetReadDeadline(time.Now().Add(limit))
		_, err := c.r.Peek(1)
		if errors.Is(err, os.ErrDeadlineExceeded) && c.slowN.Load() > 0 {
			continue // it waits for us
		}
		_ = c.nc.SetReadDeadline(time.Time{})
		return err
	}
}

// readBig reads a frame of n bytes that does not fit into the reader's buffer.
func (c *conn) readBig(n int) ([]byte, error) {
	if n > large {
		ctx, cancel := context.WithTimeout(c.ctx, c.s.cfg.Limits.HalfFrame)
		defer cancel()
		if err := c.s.received.Acquire(ctx, int64(n)); err != nil {
			return nil, wire.Errorf(wire.CodeBusy, "too many large requests at the same time")
		}
		defer c.s.received.Release(int64(n))
	}
	var err error
	c.big, err = wire.ReadFrame(c.r, c.big)
	return c.big, err
}

// unexpected gives errors within a frame their right name.
func unexpected(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	case errors.Is(err, os.ErrDeadlineExceeded):
		return wire.Errorf(wire.CodeInvalid, "a frame was not sent in time")
	}
	return err
}

// dispatch runs a request, or has it run. An error ends the connection.
func (c *conn) dispatch(h wire.Header, frame []byte) error {
	for c.unsent.Load() > c.s.cfg.Limits.PeerUnsent {
		c.writing.Lock() // waits for another write: slow answers queue here too
		err := c.broken
		c.writing.Unlock()
		if err != nil {
			return err
		}
	}
	o := c.s.ops[string(h.Op)]
	// Where omgd refuses the request itself, its client reads the databases that the
	// greeting names: it is answered in any case.
	greeting := o != nil && o.name == wire.OpHello
	switch {
	case c.inFlight(h.ID):
		return c.fail(h.ID, wire.Errorf(wire.CodeInvalid, "request %d is in flight already", h.ID))
	case o == nil:
		return c.fail(h.ID, wire.Errorf(wire.CodeInvalid, "no operation %.40q", h.Op))
	case o.admin && c.s.cfg.Admin != nil && !c.s.cfg.Admin(c.peer):
		return c.fail(h.ID, wire.Errorf(wire.CodeNotAllowed, "only an administrator may do that here (%s)", o.name))
	case c.s.cfg.Take != nil && !c.s.cfg.Take(c.peer) && !greeting:
		return c.fail(h.ID, wire.Errorf(wire.CodeBusy, "too many requests of user %d", c.peer.UID))
	}
	c.s.makeRoom(c.ctx)
	// Shutdown sets draining, then waits for active to be 0: counted first, a
	// request is either waited for or sees that the end has come.
	c.s.active.Add(1)
	if c.s.draining.Load() && !greeting {
		c.s.active.Add(-1)
		return c.fail(h.ID, errShuttingDown)
	}
	if o.Slow {
		return c.startSlow(o, h.ID, frame)
	}
	defer c.s.active.Add(-1)
	c.fast = Request{ID: h.ID, Op: o.name, Peer: c.peer, frame: frame, head: h, room: &c.key}
	c.writer = Writer{c: c, id: h.ID}
	if o.observe == nil {
		return c.run(o.Handle, &c.fast, &c.writer)
	}
	start := time.Now()
	err := c.run(o.Handle, &c.fast, &c.writer)
	o.observe(time.Since(start))
	return err
}

func (c *conn) inFlight(id uint64) bool {
	if c.slowN.Load() == 0 {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.slow[id]
	return ok
}

// startSlow runs a request in a goroutine of its own.
func (c *conn) startSlow(o *op, id uint64, frame []byte) error {
	if int(c.slowN.Load()) >= c.s.cfg.Limits.InFlight {
		c.s.active.Add(-1)
		return c.fail(id, wire.Errorf(wire.CodeBusy, "%d requests are in flight already", c.s.cfg.Limits.InFlight))
	}
	c.slowN.Add(1)
	c.mu.Lock()
	if c.slow == nil {
		c.slow = make(map[uint64]struct{})
	}
	c.slow[id] = struct{}{}
	c.mu.Unlock()
	r := &Request{ID: id, Op: o.name, Peer: c.peer, frame: bytes.Clone(frame)}
	r.head, _ = wire.DecodeHeader(r.frame) // which was read before
	c.wait.Go(func() {
		debug.SetPanicOnFault(true)
		defer c.s.active.Add(-1)
		defer c.slowN.Add(-1)
		if o.observe != nil {
			start := time.Now()
			defer func() { o.observe(time.Since(start)) }()
		}
		_ = c.run(o.Handle, r, &Writer{c: c, id: id, slow: true})
	})
	return nil
}

// landed takes a slow request out of flight: with the last part of its answer
// the peer may use its id again.
func (c *conn) landed(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.slow, id)
}

// fail answers a request of the reader's goroutine with an error.
func (c *conn) fail(id uint64, e *wire.Error) error {
	c.failed(e)
	c.room(errorRoom)
	c.out = wire.AppendError(c.out, id, e)
	return c.flushLarge()
}

// failed tells the observer of an error.
func (c *conn) failed(e *wire.Error) {
	if o := c.s.cfg.Observer; o != nil {
		o.Failed(e.Code)
	}
}

// flushLarge writes what is collected if it is much.
func (c *conn) flushLarge() error {
	if len(c.out) < flushAt {
		return nil
	}
	return c.flush()
}

// refuse answers what is no request, and ends the connection.
func (c *conn) refuse(e *wire.Error) error {
	if err := c.fail(0, e); err != nil {
		return err
	}
	return e
}

// flush writes what is collected of fast requests' answers.
func (c *conn) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	return c.flushWith(nil)
}

// flushWith writes what is collected and more behind it.
func (c *conn) flushWith(more []byte) error {
	err := c.write(c.out, more)
	if c.out = c.out[:0]; cap(c.out) > keep {
		if cap(c.out) == batch {
			batches.Put((*[batch]byte)(c.out[:batch]))
		}
		c.out, c.kept = c.kept, nil
	}
	return err
}

// room makes room for n more bytes of answers. Beyond what an idle connection
// keeps they go into a buffer that is borrowed until they are written: many
// requests at once would else have one grown, and thrown away, each time.
func (c *conn) room(n int) {
	n += len(c.out)
	switch {
	case n <= cap(c.out) || n > batch:
	case n <= keep:
		c.out = append(make([]byte, 0, min(keep, max(n, 2*cap(c.out)))), c.out...)
	default:
		b := append(batches.Get().(*[batch]byte)[:0], c.out...)
		c.out, c.kept = b, c.out[:0]
	}
}

// batches are buffers for the answers to requests that came at once: what is
// collected when it is written, and one more answer that is copied.
var batches = sync.Pool{New: func() any { return new([batch]byte) }}

// write writes head and body, and gives up when the peer does not read them in
// time.
func (c *conn) write(head, body []byte) error {
	n := int64(len(head) + len(body))
	c.unsent.Add(n)
	c.s.unsent.Add(n)
	defer c.s.unsent.Add(-n)
	defer c.unsent.Add(-n)
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.broken != nil {
		return c.broken
	}
	// Setting a deadline wakes the poller, which costs more than the write: one
	// serves for many.
	now := time.Now()
	if limit := c.s.cfg.Limits.Write; c.until.Sub(now) < limit {
		c.until = now.Add(limit + limit/2)
		_ = c.nc.SetWriteDeadline(c.until)
	}
	c.blocked.Store(now.UnixNano())
	var err error
	if len(body) == 0 {
		_, err = c.nc.Write(head)
	} else {
		_, err = (&net.Buffers{head, body}).WriteTo(c.nc)
	}
	c.blocked.Store(0)
	if err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			c.s.cfg.Log.Warn("a peer does not read its answer", "uid", c.peer.UID, "pid", c.peer.PID)
		}
		c.broken = err
		c.close() // wakes the reader, and ends the handlers
	}
	return err
}

// peerIsGone tells a peer that closed its socket from one that only sends
// nothing more and still reads.
func (c *conn) peerIsGone() bool {
	gone := true
	raw, err := c.nc.SyscallConn()
	if err != nil {
		return gone
	}
	_ = raw.Control(func(fd uintptr) {
		poll := []unix.PollFd{{Fd: int32(fd)}}
		n, err := unix.Poll(poll, 0)
		gone = err != nil || n > 0 && poll[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0
	})
	return gone
}
