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

// shares are the resources that are divided between the users. If a server has only one user, that user is trusted and
// may use them all.
type shares struct {
	connections         *share.Budget
	unsent              *share.Budget // bytes of unread replies
	receivingFrameBytes *share.Budget // bytes of large frames that are being received
	slowRequests        *share.Budget // running slow requests
	watches             *share.Budget // requests that watch a topic
	refusedConns        *share.Budget // refusedConns connections that stay open until the peer has read the refusal
	turns               *share.Turns
}

const (
	// maxSlowRequests is the maximum number of running slow requests of all connections together.
	maxSlowRequests = 4096
	// maxRefusedConns is the maximum number of refused connections that stay open. A peer must read the refusal within
	// Limits.RefusalTimeout.
	maxRefusedConns = 256
	// maxWaitingPerUser is the number of a user's requests and connections that may wait for a turn. While so many wait,
	// further connections of the user are refused.
	maxWaitingPerUser = 256
)

func newShares(l Limits) shares {
	pool := func(limit int64) *share.Budget { return share.NewBudget(limit, limit/32) }
	return shares{
		connections: pool(int64(l.MaxConnections)), unsent: pool(l.MaxUnsent), receivingFrameBytes: pool(l.MaxReceiveBytes),
		slowRequests: pool(maxSlowRequests), watches: pool(int64(l.MaxWatches)), refusedConns: pool(maxRefusedConns), turns: share.NewTurns(runtime.GOMAXPROCS(0)),
	}
}

// userOf returns the user of a peer. On a server that is not shared, every user is trusted; otherwise only
// administrators.
func (s *Server) userOf(p Peer) share.User {
	return share.User{UID: p.UID, Trusted: !s.cfg.HasSeveralUsers || s.cfg.IsAdmin == nil || s.cfg.IsAdmin(p)}
}

// tooManyConnectionsError returns the error for a peer that is refused because its user, or the server, has too many
// connections.
func (s *Server) tooManyConnectionsError(u share.User) *wire.Error {
	if u.Trusted {
		return wire.Errorf(wire.CodeBusy, "too many connections (%d)", s.cfg.Limits.MaxConnections)
	}
	return wire.Errorf(wire.CodeBusy, "too many connections of user %d", u.UID)
}

// refuse sends the error e to a peer that is not served, and closes the connection after the peer has read e, or after
// RefusalTimeout. If the connection were closed earlier, the peer might fail to write its first request, and many clients
// would then not read e.
func (s *Server) refuse(nc *net.UnixConn, u share.User, e *wire.Error) {
	_, _ = nc.Write(s.appendError(nil, 0, e)) // cannot block: the send buffer is empty
	if !s.shares.refusedConns.TryAcquire(u, 1) {
		_ = nc.Close()
		return
	}
	go func() { // Shutdown does not wait for this goroutine
		defer s.shares.refusedConns.Add(u, -1)
		s.waitForPeerClose(nc, nc)
		_ = nc.Close()
	}()
}

// rejectEarly closes a new connection if its peer has already closed it, or if too many requests and connections of its
// user wait. It reports whether it has closed the connection. It does not wait until the peer has read the refusal:
// meanwhile the connections of other users would not be accepted.
func (s *Server) rejectEarly(nc *net.UnixConn, raw syscall.RawConn, u share.User) bool {
	switch {
	case peerClosed(raw):
	case s.shares.turns.Waiting(u) >= maxWaitingPerUser:
		_, _ = nc.Write(s.appendError(nil, 0, s.tooManyConnectionsError(u))) // cannot block: the send buffer is empty
	default:
		return false
	}
	_ = nc.Close()
	return true
}

// waitForPeerClose shuts down the sending side of a connection, and waits until the peer has read everything and closes
// the connection. r is a reader of the connection.
func (s *Server) waitForPeerClose(nc *net.UnixConn, r io.Reader) {
	const maxIgnored = 2 * wire.MaxRequestSize // the maximum number of bytes that are read and ignored
	if nc.CloseWrite() != nil || nc.SetReadDeadline(time.Now().Add(s.cfg.Limits.RefusalTimeout)) != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, r, maxIgnored)
}

// sweepInterval is the minimum time between two searches of all connections by closeSlowReaders, or by closeIdle.
const sweepInterval = 100 * time.Millisecond

// claimSweep reports whether at least sweepInterval has passed since the time in last. If so, it sets last to now.
func claimSweep(last *atomic.Int64, now time.Time) bool {
	at := last.Load()
	return now.UnixNano()-at >= int64(sweepInterval) && last.CompareAndSwap(at, now.UnixNano())
}

// closeSlowReaders closes the connections on which a write has been waiting for the peer for longer than maxUnread. It only
// closes connections of users for whom the function matches returns true.
func (s *Server) closeSlowReaders(maxUnread time.Duration, matches func(share.User) bool) {
	now := time.Now()
	if !claimSweep(&s.lastSlowReaderSweepAt, now) {
		return
	}
	overdue := s.findConns(func(c *conn) bool {
		since := c.writeBegan.Load()
		return since != 0 && now.UnixNano()-since > int64(maxUnread) && matches(c.user)
	})
	for _, c := range overdue {
		s.cfg.Log.Warn("connection closed: reply not read while other requests wait", "uid", c.peer.UID, "pid", c.peer.PID)
		c.close()
	}
}

// findConns returns the connections for which the function matches returns true. The caller can then log and close them
// without holding the lock mu. Logging can take long, and new connections need the lock.
func (s *Server) findConns(matches func(*conn) bool) (found []*conn) {
	s.forEachConn(func(c *conn) {
		if matches(c) {
			found = append(found, c)
		}
	})
	return found
}

func acceptAnyUser(share.User) bool { return true }

// closeIdle closes the connections that have sent no request for IdleWhenShort, except those of trusted users.
func (s *Server) closeIdle() {
	now := time.Now()
	if !claimSweep(&s.lastIdleConnSweepAt, now) {
		return
	}
	idle := s.findConns(func(c *conn) bool {
		since := c.idleSince.Load()
		return !c.user.Trusted && since != 0 && now.UnixNano()-since > int64(s.cfg.Limits.IdleWhenShort)
	})
	for _, c := range idle {
		s.cfg.Log.Debug("idle connection closed: few connections are left", "uid", c.peer.UID, "pid", c.peer.PID)
		c.close()
	}
}

// waitForUnsent waits while the unread replies of a user exceed the user's share of MaxUnsent. It is called before a
// request whose reply would add to them. While it waits, it closes connections that do not read their replies.
func (s *Server) waitForUnsent(ctx context.Context, u share.User) {
	const shortest, longest = 5 * time.Millisecond, 100 * time.Millisecond
	for pause := shortest; s.shares.unsent.IsUserOverShare(u) && ctx.Err() == nil; pause = min(2*pause, longest) {
		s.closeSlowReaders(min(s.cfg.Limits.UnreadTimeout, s.cfg.Limits.WriteTimeout), s.shares.unsent.IsUserOverShare)
		time.Sleep(pause)
	}
}

// turn is the turn of a connection or of a slow request: see share.Turns. After a connection was accepted, the server
// only works for it while it has a turn. Therefore a user who sends requests faster than omgd can answer them delays
// only the user's own connections. The turn is released during waits, and during writes, which can take long. Trusted
// users need no turn.
type turn struct {
	c                *conn
	held             bool
	heldSince        time.Time
	earlierTurnsTime time.Duration // the total length of the request's earlier turns
	frameBytes       int           // the size of the frames that the request has read and written
}

// acquire waits for the turn. If the peer has closed its socket during the wait, acquire returns an error.
func (t *turn) acquire() error { return t.acquireWith(t.c.s.shares.turns.Acquire) }

// reacquire waits for the turn again, after it was released during a request.
func (t *turn) reacquire() error { return t.acquireWith(t.c.s.shares.turns.Reacquire) }

func (t *turn) acquireWith(acquire func(context.Context, share.User) error) error {
	if t.held || t.c.user.Trusted {
		return nil
	}
	start := time.Now()
	if err := acquire(t.c.ctx, t.c.user); err != nil {
		return err
	}
	t.held, t.heldSince = true, time.Now()
	if t.heldSince.Sub(start) > maxTurn {
		return t.c.cancelIfClosed()
	}
	return nil
}

// release releases the turn, and reports whether it was held.
func (t *turn) release() bool {
	if t == nil || !t.held { // a Writer without a connection has no turn
		return false
	}
	took := time.Since(t.heldSince)
	t.held = false
	t.earlierTurnsTime += took
	t.c.s.shares.turns.Release(t.c.user, took)
	return true
}

// cancelIfClosed cancels the requests of a connection if the peer has closed its socket: the peer does not need the
// replies any more. Requests that have arrived but were not read are not answered either. The error is that of the
// context.
func (c *conn) cancelIfClosed() error {
	if peerClosed(c.raw) {
		c.cancel()
	}
	return c.ctx.Err()
}

// maxTurn is the time after which a computing request lets the waiting requests of other users run.
const maxTurn = 2 * time.Millisecond

// yield lets other requests run if the turn has lasted for at least maxTurn, and then waits for another turn. It
// returns an error if the peer disconnects.
func (t *turn) yield() error {
	if t == nil || !t.held {
		return nil
	}
	took := time.Since(t.heldSince)
	if took < maxTurn {
		return nil
	}
	if err := t.c.cancelIfClosed(); err != nil {
		return err
	}
	t.held = false
	t.earlierTurnsTime += took
	if err := t.c.s.shares.turns.Yield(t.c.ctx, t.c.user, took); err != nil {
		return err
	}
	t.held, t.heldSince = true, time.Now()
	return nil
}

// yieldingReader reads from a peer. It releases the turn while it waits for data.
type yieldingReader conn

func (r *yieldingReader) Read(p []byte) (int, error) {
	c := (*conn)(r)
	if !c.turn.held {
		return c.nc.Read(p)
	}
	if n, ok := c.readAvailable(p); ok && n > 0 {
		return n, nil
	} else if ok {
		return 0, io.EOF
	}
	c.turn.release()
	n, err := c.nc.Read(p)
	c.idleSince.Store(0)
	if err != nil {
		return n, err
	}
	if err := c.turn.acquire(); err != nil {
		return 0, err // the connection has ended, so the data that was read is not needed
	}
	return n, nil
}

// readAvailable reads data that has already arrived, without waiting. If ok is false, there was no data or the read failed.
// The caller then calls Read, which waits or returns the read error.
func (c *conn) readAvailable(p []byte) (n int, ok bool) {
	err := c.raw.Read(func(fd uintptr) bool {
		var failed error
		n, failed = unix.Read(int(fd), p)
		ok = failed == nil
		return true
	})
	return n, ok && err == nil
}

// finish releases the turn at the end of a request, and counts the cost of the request.
func (t *turn) finish() {
	t.release()
	if spend := t.c.s.cfg.OnCost; spend != nil && !t.c.user.Trusted {
		spend(t.c.peer, t.earlierTurnsTime, t.frameBytes)
	}
	t.earlierTurnsTime, t.frameBytes = 0, 0
}
