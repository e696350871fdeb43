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
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omgd/internal/logging"
	"github.com/omg-arch/omg/omgd/internal/share"
	"github.com/omg-arch/omg/shared/wire"
)

const (
	readBufferSize = 4 << 10
	// flushAt is the size at which collected replies are written, even if further requests have already arrived. Below
	// this size, replies are collected until all requests that have arrived are answered.
	flushAt = 32 << 10
	// maxIdleBuffer is the size of the largest buffer that an idle connection keeps.
	maxIdleBuffer = 16 << 10
	// replyBufferSize is the size of a buffer from the pool replyBuffers.
	replyBufferSize = flushAt + maxIdleBuffer + maxHeaderSize
	// maxHeaderSize is an upper bound for the size of a reply without its result. usualErrorSize is larger than most error frames.
	maxHeaderSize, usualErrorSize = 64, 1 << 10
	// largeFrameSize is the size above which a frame counts against Limits.MaxReceiveBytes while it is being received.
	// Smaller frames need no such limit, because the number of connections is limited.
	largeFrameSize = 64 << 10
)

// conn is one connection. Only the goroutine that runs serve writes the fields that are neither atomic nor guarded by a
// lock.
type conn struct {
	s                *Server
	nc               *net.UnixConn
	raw              syscall.RawConn
	peer             Peer
	user             share.User
	ctx              context.Context // the context that the handlers of this connection get
	cancel           context.CancelFunc
	r                *bufio.Reader
	largeFrameBuffer []byte  // the buffer of a frame that is larger than the buffer of the reader r
	out              []byte  // the collected replies to fast requests, which are not yet written
	smallReplyBuffer []byte  // the small buffer that out gets back after out has used a large buffer from the pool replyBuffers
	fastRequest      Request // the running fast request
	keyBuffer        []byte  // the buffer that fastRequest.CacheKey() writes to
	writer           Writer
	turn             turn // for fast requests
	// greeted is true after the first greeting. refused is the number of consecutive requests that were refused because
	// the user exceeded the rate limit.
	greeted             bool
	consecutiveRefusals int
	watches             []*watch // the requests that watch a topic, and some that have ended

	slowDone   sync.WaitGroup // waits for the goroutines of slow requests
	slowCount  atomic.Int32   // the number of running slow requests, and of requests that watch a topic
	unsent     atomic.Int64   // bytes of replies that are being written or wait to be written
	writeBegan atomic.Int64   // when the current write began (Unix nanoseconds); 0 if no write is in progress
	idleSince  atomic.Int64   // when the connection began to wait for a request (Unix nanoseconds); 0 if it does not wait

	mu      sync.Mutex
	slowIDs map[uint64]struct{} // the ids of the slow requests that have no complete reply yet

	writeMu       sync.Mutex // locked during a write
	writeDeadline time.Time  // the current write deadline of nc; guarded by writeMu
	writeErr      error      // the first write error, after which nothing is written; guarded by writeMu
}

func newConn(s *Server, nc *net.UnixConn, raw syscall.RawConn, peer Peer, user share.User) *conn {
	c := &conn{s: s, nc: nc, raw: raw, peer: peer, user: user}
	c.turn.c = c
	c.ctx, c.cancel = context.WithCancel(s.ctx)
	return c
}

// close closes the connection immediately and cancels its requests. Any goroutine may call it.
func (c *conn) close() {
	c.cancel()
	_ = c.nc.Close()
}

// serve reads and answers requests until the peer or the server ends the connection.
func (c *conn) serve() {
	debug.SetPanicOnFault(true)
	c.turn.heldSince = time.Now()
	c.r = bufio.NewReaderSize(c.reader(), readBufferSize)
	err := c.serveRequests()
	if running := c.slowCount.Load(); running > 0 {
		gone := peerClosed(c.raw)
		if gone {
			c.cancel()
		}
		logging.Trace(c.s.cfg.Log, "no more requests", "uid", c.peer.UID, "pid", c.peer.PID, "running", running, "gone", gone)
	}
	if c.s.draining.Load() {
		c.endWatches(errShuttingDown)
	} else {
		c.endWatches(nil)
	}
	c.turn.release()
	c.slowDone.Wait()
	_ = c.turn.reacquire() // an error can be ignored here: flush then fails, too
	_ = c.flush()
	if werr := new(wire.Error); errors.As(err, &werr) {
		c.s.waitForPeerClose(c.nc, c.r)
	}
	c.close()
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
		c.s.cfg.Log.Debug("connection ended", "uid", c.peer.UID, "pid", c.peer.PID, "err", err)
	}
}

// reader returns the reader for the peer's data.
func (c *conn) reader() io.Reader {
	if c.user.Trusted {
		return c.nc // trusted users need no turns
	}
	return (*yieldingReader)(c)
}

// serveRequests reads and answers requests until no further request can be read. It returns the reason as an error.
func (c *conn) serveRequests() error {
	for {
		if err := c.turn.acquire(); err != nil {
			return err
		}
		frame, err := c.nextFrame()
		if err != nil {
			return c.reportReadError(err)
		}
		c.turn.frameBytes += len(frame)
		err = c.handleRequest(frame)
		if err == nil && c.r.Buffered() < wire.FrameHeaderSize {
			err = c.flush() // now, because this connection may get its next turn only after all other requests of the user
		}
		c.turn.finish()
		if err != nil {
			return err
		}
		if cap(c.largeFrameBuffer) > maxIdleBuffer {
			c.largeFrameBuffer = nil
		}
		if cap(c.keyBuffer) > maxIdleBuffer {
			c.keyBuffer = nil
		}
	}
}

// handleRequest answers one request. Every request counts against the user's rate limit, even if it is refused. If request
// returns an error, the connection must be closed.
func (c *conn) handleRequest(frame []byte) error {
	within := c.s.cfg.AllowRequest == nil || c.s.cfg.AllowRequest(c.peer)
	stages := c.startTrace()
	if err := wire.CheckRequest(frame); err != nil {
		return c.endWithError(wire.Errorf(wire.CodeInvalid, "%v", err))
	}
	h, err := wire.DecodeRequestHeader(frame)
	if errors.Is(err, wire.ErrNoID) {
		return c.endWithError(wire.Errorf(wire.CodeInvalid, "%v", err))
	}
	if err == nil && !c.greeted && string(h.Op) == wire.OpHello {
		// The first greeting is answered even if the user exceeds the rate limit: a client whose requests are refused
		// reads the databases itself, and the reply to the greeting names them.
		c.greeted, within = true, true
	}
	if !within {
		return c.refuseOverRate(h.ID)
	}
	c.consecutiveRefusals = 0
	if err != nil {
		return c.replyWithError(h.ID, wire.Errorf(wire.CodeInvalid, "%v", err))
	}
	stages.markDecoded()
	err = c.dispatch(h, frame)
	stages.logAnswered(c, h)
	return err
}

// refuseOverRate refuses a request because the user exceeds the rate limit. It then waits before the next request is
// read, because omgd also needs time to refuse a request.
func (c *conn) refuseOverRate(id uint64) error {
	const shortest, longest = time.Millisecond, time.Second
	err := c.replyWithError(id, wire.Errorf(wire.CodeBusy, "too many requests of user %d", c.peer.UID))
	c.turn.release()
	if err = errors.Join(err, c.flush()); err != nil {
		return err
	}
	pause := time.NewTimer(min(longest, shortest<<min(c.consecutiveRefusals, 10)))
	defer pause.Stop()
	c.consecutiveRefusals++
	select {
	case <-pause.C:
		return nil
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
}

// reportReadError sends the peer the reason why its frame cannot be read, unless the connection itself has failed. It
// returns the error with which the connection ends.
func (c *conn) reportReadError(err error) error {
	var werr *wire.Error
	unframed := errors.Is(err, wire.ErrTooLarge) || errors.Is(err, wire.ErrEmptyFrame)
	if unframed && c.s.cfg.AllowRequest != nil {
		c.s.cfg.AllowRequest(c.peer) // a frame that is too large or empty also counts against the rate limit
	}
	switch {
	case errors.Is(err, wire.ErrTooLarge):
		return c.endWithError(wire.Errorf(wire.CodeTooLarge, "%v", err))
	case errors.Is(err, wire.ErrEmptyFrame):
		return c.endWithError(wire.Errorf(wire.CodeInvalid, "%v", err))
	case errors.As(err, &werr):
		return c.endWithError(werr)
	}
	return err
}

// nextFrame reads a frame. The returned bytes are valid until the next call.
func (c *conn) nextFrame() ([]byte, error) {
	if c.r.Buffered() < wire.FrameHeaderSize {
		if err := c.flush(); err != nil {
			return nil, err
		}
		// ReadTimeout does not apply to the wait for the first byte. It starts when the first byte arrives.
		if err := c.awaitRequest(); err != nil {
			return nil, err
		}
	}
	limited := false
	setDeadline := func() {
		if !limited {
			limited = true
			_ = c.nc.SetReadDeadline(time.Now().Add(c.s.cfg.Limits.ReadTimeout))
		}
	}
	if c.r.Buffered() < wire.FrameHeaderSize {
		setDeadline()
	}
	head, err := c.r.Peek(wire.FrameHeaderSize)
	if err != nil {
		return nil, asFrameError(err)
	}
	n, err := wire.FrameLength([wire.FrameHeaderSize]byte(head), wire.MaxRequestSize)
	if err != nil {
		return nil, err
	}
	total := wire.FrameHeaderSize + n
	if c.r.Buffered() < total {
		// The peer may wait for the collected replies before it sends the rest of the frame.
		if err := c.flush(); err != nil {
			return nil, err
		}
		setDeadline()
	}
	var frame []byte
	if total <= readBufferSize {
		if frame, err = c.r.Peek(total); err == nil {
			frame = frame[wire.FrameHeaderSize:]
			_, _ = c.r.Discard(total)
		}
	} else {
		frame, err = c.readBig(n)
	}
	if limited {
		_ = c.nc.SetReadDeadline(time.Time{})
	}
	return frame, asFrameError(err)
}

// awaitRequest waits for the first byte of a frame.
func (c *conn) awaitRequest() error {
	if c.s.cfg.HasSeveralUsers {
		if c.slowCount.Load() == 0 {
			c.idleSince.Store(time.Now().UnixNano())
		}
		defer c.idleSince.Store(0)
	}
	limit := c.s.cfg.Limits.IdleTimeout
	if limit == 0 {
		_, err := c.r.Peek(1)
		return err
	}
	for {
		_ = c.nc.SetReadDeadline(time.Now().Add(limit))
		_, err := c.r.Peek(1)
		if errors.Is(err, os.ErrDeadlineExceeded) && c.slowCount.Load() > 0 {
			continue // the connection is not idle: the peer waits for a reply
		}
		_ = c.nc.SetReadDeadline(time.Time{})
		return err
	}
}

// readBig reads a frame of n bytes, which is larger than the reader's buffer.
func (c *conn) readBig(n int) ([]byte, error) {
	if n > largeFrameSize {
		if !c.user.Trusted {
			if !c.s.shares.receivingFrameBytes.TryAcquire(c.user, int64(n)) {
				return nil, wire.Errorf(wire.CodeBusy, "too many large requests of user %d", c.peer.UID)
			}
			defer c.s.shares.receivingFrameBytes.Add(c.user, -int64(n))
		}
		c.turn.release()
		if !c.s.receiveBudget.TryAcquire(int64(n)) { // Acquire also fails if the budget is free but ReadTimeout is over
			ctx, cancel := context.WithTimeout(c.ctx, c.s.cfg.Limits.ReadTimeout)
			defer cancel()
			if err := c.s.receiveBudget.Acquire(ctx, int64(n)); err != nil {
				return nil, wire.Errorf(wire.CodeBusy, "too many large requests at the same time")
			}
		}
		defer c.s.receiveBudget.Release(int64(n))
		if err := c.turn.reacquire(); err != nil {
			return nil, err
		}
	}
	var err error
	c.largeFrameBuffer, err = wire.ReadFrame(c.r, c.largeFrameBuffer, wire.MaxRequestSize)
	return c.largeFrameBuffer, err
}

// asFrameError converts a read error in the middle of a frame into the error that is reported.
func asFrameError(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	case errors.Is(err, os.ErrDeadlineExceeded):
		return wire.Errorf(wire.CodeInvalid, "frame not complete in time")
	}
	return err
}

// dispatch runs a fast request, or starts a slow one. If dispatch returns an error, the connection must be closed.
func (c *conn) dispatch(h wire.RequestHeader, frame []byte) error {
	o := c.s.ops[string(h.Op)]
	greeting := o != nil && o.name == wire.OpHello // a greeting is answered even during the shutdown
	switch {
	case c.isInFlight(h.ID):
		return c.replyWithError(h.ID, wire.Errorf(wire.CodeInvalid, "request id %d is already in flight", h.ID))
	case o == nil:
		return c.replyWithError(h.ID, wire.Errorf(wire.CodeInvalid, "no operation %.40q", h.Op))
	case o.admin && c.s.cfg.IsAdmin != nil && !c.s.cfg.IsAdmin(c.peer):
		return c.replyWithError(h.ID, wire.Errorf(wire.CodeNotAllowed, "only an administrator may do this (%s)", o.name))
	}
	if err := c.waitForUnsent(); err != nil {
		return err
	}
	// Shutdown first sets draining and then waits until runningRequests is 0. Here the order is reversed: runningRequests is incremented
	// before draining is read. Therefore either Shutdown waits for the request, or the request is refused.
	c.s.runningRequests.Add(1)
	if c.s.draining.Load() && !greeting {
		c.s.runningRequests.Add(-1)
		return c.replyWithError(h.ID, errShuttingDown)
	}
	if o.HandleDeferred != nil {
		return c.startSlow(o.HandleDeferred, o, h.ID, frame)
	}
	defer c.s.runningRequests.Add(-1)
	if o.Topic != nil {
		return c.startWatch(o, h.ID)
	}
	c.fastRequest = Request{ID: h.ID, Op: o.name, Peer: c.peer, frame: frame, head: h, cacheKeyBuffer: &c.keyBuffer}
	c.writer = Writer{c: c, id: h.ID, turn: &c.turn}
	if o.onRequestDone == nil {
		return c.runHandler(o.Handle, &c.fastRequest, &c.writer)
	}
	start := time.Now()
	err := c.runHandler(o.Handle, &c.fastRequest, &c.writer)
	if !c.writer.isDeferred { // the duration of a DeferredHandler is reported by startSlow
		o.onRequestDone(time.Since(start))
	}
	return err
}

// waitForUnsent waits while the unread replies of this connection, or of all connections of its user, exceed their
// limit.
func (c *conn) waitForUnsent() error {
	if c.unsent.Load() <= c.s.cfg.Limits.MaxUnsentPerConnection && !c.s.shares.unsent.IsUserOverShare(c.user) {
		return nil
	}
	c.turn.release()
	for c.unsent.Load() > c.s.cfg.Limits.MaxUnsentPerConnection {
		c.writeMu.Lock() // wait until a slow request has written its reply
		err := c.writeErr
		c.writeMu.Unlock()
		if err != nil {
			return err
		}
	}
	// When a peer reads its replies, all waiting requests wake up. While this request waits for its turn, the other
	// requests may exceed the limit again, so the limit is checked again after the wait.
	for c.s.shares.unsent.IsUserOverShare(c.user) {
		c.turn.release()
		c.s.waitForUnsent(c.ctx, c.user)
		if err := c.turn.acquire(); err != nil {
			return err
		}
	}
	return c.turn.reacquire()
}

func (c *conn) isInFlight(id uint64) bool {
	if c.slowCount.Load() == 0 {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.slowIDs[id]
	return ok
}

// startSlow starts a goroutine that runs a slow request.
func (c *conn) startSlow(d DeferredHandler, o *op, id uint64, frame []byte) error {
	if err := c.checkInFlight(); err != nil {
		c.s.runningRequests.Add(-1)
		return c.replyWithError(id, err)
	}
	if !c.s.shares.slowRequests.TryAcquire(c.user, 1) {
		c.s.runningRequests.Add(-1)
		return c.replyWithError(id, wire.Errorf(wire.CodeBusy, "too many concurrent slow requests of user %d", c.peer.UID))
	}
	c.addInFlight(id)
	r := &Request{ID: id, Op: o.name, Peer: c.peer, frame: bytes.Clone(frame)}
	r.head, _ = wire.DecodeRequestHeader(r.frame) // the same frame was decoded before, so this cannot fail
	c.slowDone.Go(func() {
		debug.SetPanicOnFault(true)
		defer c.s.runningRequests.Add(-1)
		defer c.slowCount.Add(-1)
		defer c.s.shares.slowRequests.Add(c.user, -1)
		if o.onRequestDone != nil {
			start := time.Now()
			defer func() { o.onRequestDone(time.Since(start)) }()
		}
		_ = c.runDeferred(d, r, &Writer{c: c, id: id, hasGoroutine: true, turn: &turn{c: c}})
	})
	return nil
}

// checkInFlight returns an error if the connection may not have one more slow request or watch.
func (c *conn) checkInFlight() *wire.Error {
	if most := c.s.cfg.Limits.MaxInFlight; int(c.slowCount.Load()) >= most {
		return wire.Errorf(wire.CodeBusy, "too many concurrent requests on this connection: at most %d", most)
	}
	return nil
}

// addInFlight counts a slow request or a watch, and adds its id to the ids in flight.
func (c *conn) addInFlight(id uint64) {
	c.slowCount.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.slowIDs == nil {
		c.slowIDs = make(map[uint64]struct{})
	}
	c.slowIDs[id] = struct{}{}
}

// removeInFlight removes the id of a slow request from the ids in flight. It is called before the last chunk is sent,
// because the peer may use the id again as soon as it has the last chunk.
func (c *conn) removeInFlight(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.slowIDs, id)
}

// replyWithError answers a request with an error. Only the goroutine that runs serve may call it.
func (c *conn) replyWithError(id uint64, e *wire.Error) error {
	c.countError(e)
	c.growOut(usualErrorSize)
	c.out = c.s.appendError(c.out, id, e)
	return c.flushLarge()
}

// countError reports an error to the observer.
func (c *conn) countError(e *wire.Error) {
	if o := c.s.cfg.Observer; o != nil {
		o.CountError(e.Code)
	}
}

// flushLarge writes the collected replies if their size is at least flushAt.
func (c *conn) flushLarge() error {
	if len(c.out) < flushAt {
		return nil
	}
	return c.flush()
}

// endWithError sends the error e with the id 0, which belongs to no request. It returns e, with which the connection ends.
func (c *conn) endWithError(e *wire.Error) error {
	if err := c.replyWithError(0, e); err != nil {
		return err
	}
	return e
}

// flush writes the collected replies.
func (c *conn) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	return c.flushWith(nil)
}

// flushWith writes the collected replies, followed by the bytes in tail.
func (c *conn) flushWith(tail []byte) error {
	err := c.write(&c.turn, c.out, tail)
	if c.out = c.out[:0]; cap(c.out) > maxIdleBuffer {
		if cap(c.out) == replyBufferSize {
			replyBuffers.Put((*[replyBufferSize]byte)(c.out[:replyBufferSize]))
		}
		c.out, c.smallReplyBuffer = c.smallReplyBuffer, nil
	}
	return err
}

// growOut ensures that the buffer c.out has space for n more bytes. If c.out would become larger than maxIdleBuffer,
// growOut replaces it by a buffer from the pool replyBuffers until the replies are written. Otherwise each batch of pipelined
// requests would cause a large allocation.
func (c *conn) growOut(n int) {
	n += len(c.out)
	switch {
	case n <= cap(c.out) || n > replyBufferSize:
	case n <= maxIdleBuffer:
		c.out = append(make([]byte, 0, min(maxIdleBuffer, max(n, 2*cap(c.out)))), c.out...)
	default:
		b := append(replyBuffers.Get().(*[replyBufferSize]byte)[:0], c.out...)
		c.out, c.smallReplyBuffer = b, c.out[:0]
	}
}

// replyBuffers is a pool of buffers for the replies to pipelined requests. A buffer has space for replies of flushAt bytes
// and for one more reply of at most maxIdleBuffer bytes.
var replyBuffers = sync.Pool{New: func() any { return new([replyBufferSize]byte) }}

// write writes head and then body. If it has to wait for the peer, it releases the turn during the wait. If the peer
// does not read them in time, it closes the connection.
func (c *conn) write(t *turn, head, body []byte) error {
	n := int64(len(head) + len(body))
	c.addUnsent(n)
	err := c.writeWithTurn(t, head, body)
	c.addUnsent(-n)
	return err
}

// addUnsent adds n to the size of the replies that are being written or wait to be written. n may be negative.
func (c *conn) addUnsent(n int64) {
	c.unsent.Add(n)
	c.s.shares.unsent.Add(c.user, n)
}

func (c *conn) writeWithTurn(t *turn, head, body []byte) error {
	t.frameBytes += len(head) + len(body)
	if t.held && len(body) == 0 {
		head = head[c.writeWithoutBlocking(head):]
	}
	if len(head)+len(body) == 0 {
		return nil
	}
	held := t.release()
	if err := c.send(head, body); err != nil || !held {
		return err
	}
	return t.reacquire()
}

// writeWithoutBlocking writes as much of b as fits into the socket's buffer, without waiting. It returns the number of written
// bytes.
func (c *conn) writeWithoutBlocking(b []byte) (n int) {
	if !c.writeMu.TryLock() {
		return 0
	}
	defer c.writeMu.Unlock()
	if c.writeErr != nil {
		return 0
	}
	_ = c.raw.Write(func(fd uintptr) bool { // if the write fails, the following call of send returns the error
		n, _ = unix.Write(int(fd), b)
		return true
	})
	return max(0, n)
}

// send writes head and then body. If another request of the connection is writing, send waits for it first.
func (c *conn) send(head, body []byte) error {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	return c.sendLocked(head, body)
}

// sendLocked is like send, and is called with writeMu locked.
func (c *conn) sendLocked(head, body []byte) error {
	if c.writeErr != nil {
		return c.writeErr
	}
	// Setting a deadline wakes Go's network poller, which takes longer than the write. Therefore one deadline is used
	// for many writes.
	now := time.Now()
	if limit := c.s.cfg.Limits.WriteTimeout; c.writeDeadline.Sub(now) < limit {
		c.writeDeadline = now.Add(limit + limit/2)
		_ = c.nc.SetWriteDeadline(c.writeDeadline)
	}
	c.writeBegan.Store(now.UnixNano())
	var err error
	if len(body) == 0 {
		_, err = c.nc.Write(head)
	} else {
		_, err = (&net.Buffers{head, body}).WriteTo(c.nc)
	}
	c.writeBegan.Store(0)
	if err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			c.s.cfg.Log.Warn("connection closed: reply not read in time", "uid", c.peer.UID, "pid", c.peer.PID)
		}
		c.writeErr = err
		c.close() // wakes the goroutine that reads, and cancels the handlers
	}
	return err
}

// peerClosed reports whether the peer has closed its socket. It returns false if the peer has only shut down its
// sending side.
func peerClosed(raw syscall.RawConn) bool {
	closed := true
	_ = raw.Control(func(fd uintptr) {
		poll := []unix.PollFd{{Fd: int32(fd)}}
		n, err := unix.Poll(poll, 0)
		for err == unix.EINTR { // a signal interrupts poll even if poll does not wait
			n, err = unix.Poll(poll, 0)
		}
		closed = err != nil || n > 0 && poll[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0
	})
	return closed
}
