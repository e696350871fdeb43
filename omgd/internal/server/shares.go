package server

import (
	"context"
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omgd/internal/share"
	"github.com/omg-arch/omg/shared/wire"
)

// shares are what the users divide. A server of one user has no others to divide with.
type shares struct {
	connections *share.Pool
	unsent      *share.Pool // bytes
	received    *share.Pool // bytes
	slow        *share.Pool // slow requests that run
	refused     *share.Pool // refused connections that are open until the peer has read why
	turns       *share.Turns
}

const (
	// maxSlow is the number of slow requests of all connections.
	maxSlow = 4096
	// maxRefused is the number of refused connections that are open, and refusalTime is how
	// long a peer has to read the refusal.
	maxRefused  = 256
	refusalTime = time.Second
	// maxWaiting is the number of requests of a user that wait for a turn while further
	// connections are taken.
	maxWaiting = 256
)

func newShares(l Limits) shares {
	pool := func(limit int64) *share.Pool { return share.NewPool(limit, limit/32) }
	return shares{
		connections: pool(int64(l.MaxConnections)), unsent: pool(l.MaxUnsent), received: pool(l.MaxReceiveBuffers),
		slow: pool(maxSlow), refused: pool(maxRefused), turns: share.NewTurns(runtime.GOMAXPROCS(0)),
	}
}

// userOf returns on whose behalf a peer uses the server.
func (s *Server) userOf(p Peer) share.User {
	return share.User{UID: p.UID, Trusted: !s.cfg.Shared || s.cfg.Admin == nil || s.cfg.Admin(p)}
}

// tooMany returns the refusal of a connection that is one too many.
func (s *Server) tooManyConnections(u share.User) *wire.Error {
	if u.Trusted {
		return wire.Errorf(wire.CodeBusy, "too many connections (%d)", s.cfg.Limits.MaxConnections)
	}
	return wire.Errorf(wire.CodeBusy, "too many connections of user %d", u.UID)
}

// refuse sends the reason to a peer that is not served. The connection stays open until
// the peer has read it: if it were closed, the peer could not write the request that it
// writes first, and some programs then do not read.
func (s *Server) refuse(nc *net.UnixConn, u share.User, e *wire.Error) {
	_, _ = nc.Write(s.appendError(nil, 0, e)) // cannot block: the send buffer is empty
	if !s.shares.refused.TryAcquire(u, 1) {
		_ = nc.Close()
		return
	}
	go func() { // not waited for in Shutdown
		defer s.shares.refused.Add(u, -1)
		waitForPeerClose(nc, nc)
		_ = nc.Close()
	}()
}

// flooded reports whether a new connection is not served, and closes it then: because its peer has closed it, or because too
// many connections of its user wait already. It does not wait until the peer has read the refusal, because meanwhile other
// users would wait in the kernel to be accepted.
func (s *Server) rejectEarly(nc *net.UnixConn, raw syscall.RawConn, u share.User) bool {
	switch {
	case peerClosed(raw):
	case s.shares.turns.Waiting(u) >= maxWaiting:
		_, _ = nc.Write(s.appendError(nil, 0, s.tooManyConnections(u))) // cannot block: the send buffer is empty
	default:
		return false
	}
	_ = nc.Close()
	return true
}

// leave ends the sending side of a connection, and waits until the peer has read
// everything and closes its side. from reads from the connection.
func waitForPeerClose(nc *net.UnixConn, r io.Reader) {
	const maxIgnored = 2 * wire.MaxRequest // bytes that are read and ignored
	if nc.CloseWrite() != nil || nc.SetReadDeadline(time.Now().Add(refusalTime)) != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, r, maxIgnored)
}

// sweepInterval is the time between two looks at all connections.
const sweepInterval = 100 * time.Millisecond

// once reports whether the last look at all connections is at least sweepInterval ago.
func sweepDue(last *atomic.Int64, now time.Time) bool {
	at := last.Load()
	return now.UnixNano()-at >= int64(sweepInterval) && last.CompareAndSwap(at, now.UnixNano())
}

// sweep closes connections whose peers have left a reply unread for maxUnread, if such a
// user's connections are concerned.
func (s *Server) closeUnread(maxUnread time.Duration, matches func(share.User) bool) {
	now := time.Now()
	if !sweepDue(&s.lastCloseUnread, now) {
		return
	}
	overdue := s.find(func(c *conn) bool {
		since := c.blocked.Load()
		return since != 0 && now.UnixNano()-since > int64(maxUnread) && matches(c.user)
	})
	for _, c := range overdue {
		s.cfg.Log.Warn("peer closed: reply unread while others wait", "uid", c.peer.UID, "pid", c.peer.PID)
		c.close()
	}
}

// find returns the connections that a function chooses. What is done with them does not
// hold up those who connect: writing to the log can take long.
func (s *Server) find(choose func(*conn) bool) (chosen []*conn) {
	s.each(func(c *conn) {
		if choose(c) {
			chosen = append(chosen, c)
		}
	})
	return chosen
}

func everyone(share.User) bool { return true }

// closeIdle closes the connections of users without special rights that have sent no
// request for IdleWhenShort.
func (s *Server) closeIdle() {
	now := time.Now()
	if !sweepDue(&s.lastCloseIdle, now) {
		return
	}
	idle := s.find(func(c *conn) bool {
		since := c.idle.Load()
		return !c.user.Trusted && since != 0 && now.UnixNano()-since > int64(s.cfg.Limits.IdleWhenShort)
	})
	for _, c := range idle {
		s.cfg.Log.Debug("idle connection closed for others", "uid", c.peer.UID, "pid", c.peer.PID)
		c.close()
	}
}

// makeRoom waits while a user's peers have left more unread than the user may, before a
// request adds more.
func (s *Server) waitForUnsent(ctx context.Context, u share.User) {
	const shortest, longest = 5 * time.Millisecond, 100 * time.Millisecond
	for pause := shortest; s.shares.unsent.Over(u) && ctx.Err() == nil; pause = min(2*pause, longest) {
		s.closeUnread(min(s.cfg.Limits.UnreadTimeout, s.cfg.Limits.WriteTimeout), s.shares.unsent.Over)
		time.Sleep(pause)
	}
}

// turn is a request's turn. All that is done for a connection after it was accepted is
// done in its turn: if a user connects and sends faster than can be answered, the user's
// own connections wait. What waits for something gives the turn up meanwhile, and so do
// writes, which can take long. Requests of trusted users need none.
type turn struct {
	c     *conn
	held  bool
	since time.Time
	used  time.Duration // before since
	bytes int           // of the frames that were read and written
}

// take waits for the turn.
func (t *turn) acquire() error { return t.acquireWith(t.c.s.shares.turns.Acquire) }

// resume waits for the turn after it was given up within a request.
func (t *turn) reacquire() error { return t.acquireWith(t.c.s.shares.turns.Reacquire) }

func (t *turn) acquireWith(acquire func(context.Context, share.User) error) error {
	if t.held || t.c.user.Trusted {
		return nil
	}
	before := time.Now()
	if err := acquire(t.c.ctx, t.c.user); err != nil {
		return err
	}
	t.held, t.since = true, time.Now()
	if t.since.Sub(before) > maxTurn {
		return t.c.cancelIfClosed()
	}
	return nil
}

// leave gives the turn up, and reports whether it was held.
func (t *turn) release() bool {
	if t == nil || !t.held { // nil: of a Writer without a connection
		return false
	}
	took := time.Since(t.since)
	t.held = false
	t.used += took
	t.c.s.shares.turns.Release(t.c.user, took)
	return true
}

// gone ends a connection whose peer has closed it, also if there is more to read: the peer
// does not want the reply any more.
func (c *conn) cancelIfClosed() error {
	if peerClosed(c.raw) {
		c.cancel()
	}
	return c.ctx.Err()
}

// longest is the time after which a turn that computes pauses if others wait.
const maxTurn = 2 * time.Millisecond

// pause lets others compute, if the turn has taken long. It waits for them, and fails if
// the peer disconnects.
func (t *turn) yield() error {
	if t == nil || !t.held {
		return nil
	}
	took := time.Since(t.since)
	if took < maxTurn {
		return nil
	}
	if err := t.c.cancelIfClosed(); err != nil {
		return err
	}
	t.held = false
	t.used += took
	if err := t.c.s.shares.turns.Yield(t.c.ctx, t.c.user, took); err != nil {
		return err
	}
	t.held, t.since = true, time.Now()
	return nil
}

// yieldingReader reads from a peer. It gives the turn up while nothing comes.
type yieldingReader conn

func (r *yieldingReader) Read(p []byte) (int, error) {
	c := (*conn)(r)
	if !c.turn.held {
		return c.nc.Read(p)
	}
	if n, ok := c.readSome(p); ok && n > 0 {
		return n, nil
	} else if ok {
		return 0, io.EOF
	}
	c.turn.release()
	n, err := c.nc.Read(p)
	c.idle.Store(0)
	if err != nil {
		return n, err
	}
	if err := c.turn.acquire(); err != nil {
		return 0, err // what was read is not used any more
	}
	return n, nil
}

// readSome reads what has come already. If it fails, a read that waits returns why.
func (c *conn) readSome(p []byte) (n int, ok bool) {
	err := c.raw.Read(func(fd uintptr) bool {
		var failed error
		n, failed = unix.Read(int(fd), p)
		ok = failed == nil
		return true
	})
	return n, ok && err == nil
}

// end gives the turn up and counts what was used in it.
func (t *turn) finish() {
	t.release()
	if spend := t.c.s.cfg.Spend; spend != nil && !t.c.user.Trusted {
		spend(t.c.peer, t.used, t.bytes)
	}
	t.used, t.bytes = 0, 0
}
