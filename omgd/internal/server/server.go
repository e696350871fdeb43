// Package server speaks the protocol of package wire on a unix socket: it reads
// requests, calls the operation's handler and writes the reply. All that a peer can use
// up has a limit.
//
// A connection has one goroutine. It runs fast operations one after the other, and
// writes their replies before it reads on. So the server does not read from a peer that
// does not read its replies, and such a peer holds no more memory than one chunk. Slow
// operations, which wait for a network, have a goroutine each.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omgd/internal/logging"
	"github.com/omg-arch/omg/shared/wire"
)

// Op is an operation. One of the two handlers is set.
type Op struct {
	// Handle answers without waiting, one request of a connection after the other.
	Handle Handler
	// Deferred may wait; it runs concurrently with other requests of its connection.
	Deferred Deferred
}

// Handler answers a request by writing the chunks of a reply to w. Or it writes nothing
// and returns a Deferred, which answers the request in another goroutine. An error that
// is a *wire.Error is sent as it is, any other one as an internal error. ctx ends when
// the peer has disconnected or the shutdown times out. r and w are not valid after the
// handler has returned.
type Handler func(ctx context.Context, r *Request, w *Writer) (Deferred, error)

// Deferred answers a request as a Handler does, and may wait.
type Deferred func(ctx context.Context, r *Request, w *Writer) error

// Limits are the limits for peers. A zero field has its default.
type Limits struct {
	// MaxConnections is the number of concurrent connections (4,096).
	MaxConnections int
	// MaxInFlight is the number of concurrent slow requests of a connection (64).
	MaxInFlight int
	// MaxUnsentPerConnection is the number of bytes that a peer may leave unread. Beyond it, its
	// further requests wait (1 MiB).
	MaxUnsentPerConnection int64
	// MaxUnsent is the same for all peers together, and includes what handlers keep until the
	// rest of a reply is read. Users beyond their share of it wait with further requests, and
	// those of their peers that do not read are disconnected (64 MiB).
	MaxUnsent int64
	// MaxReceiveBuffers is the size of all frames above 64 KiB that are being received (64 MiB).
	MaxReceiveBuffers int64
	// ReadTimeout is the time from a frame's first byte to its last (10 s).
	ReadTimeout time.Duration
	// IdleTimeout is the time without a request (0 means no limit).
	IdleTimeout time.Duration
	// IdleWhenShort replaces IdleTimeout for other users' connections while less than a quarter
	// of MaxConnections is free (10 s).
	IdleWhenShort time.Duration
	// WriteTimeout is the time in which a peer must read a chunk; it can be up to 1.5 times as
	// long (30 s).
	WriteTimeout time.Duration
	// UnreadTimeout replaces WriteTimeout while the server is above MaxUnsent or shuts down (1 s).
	UnreadTimeout time.Duration
}

func (l *Limits) setDefaults() {
	for _, d := range []struct {
		field *int64
		value int64
	}{{&l.MaxUnsentPerConnection, 1 << 20}, {&l.MaxUnsent, 64 << 20}, {&l.MaxReceiveBuffers, 64 << 20}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if l.MaxConnections == 0 {
		l.MaxConnections = 4096
	}
	if l.MaxInFlight == 0 {
		l.MaxInFlight = 64
	}
	if l.ReadTimeout == 0 {
		l.ReadTimeout = 10 * time.Second
	}
	if l.IdleWhenShort == 0 {
		l.IdleWhenShort = 10 * time.Second
	}
	if l.WriteTimeout == 0 {
		l.WriteTimeout = 30 * time.Second
	}
	if l.UnreadTimeout == 0 {
		l.UnreadTimeout = time.Second
	}
}

// cancelTimeout is how long Shutdown waits for handlers after it has canceled them.
const cancelTimeout = 500 * time.Millisecond

// Config configures a Server.
type Config struct {
	Ops    map[string]Op
	Limits Limits
	// Log may be nil.
	Log *slog.Logger
	// Hello is the reply to the greeting; the server sets its protocol.
	Hello wire.HelloResult
	// Allow reports whether a user may send requests; nil allows this process's user and
	// root.
	Allow func(Peer) bool
	// Admin reports whether a user may use administrative operations; nil allows all.
	Admin func(Peer) bool
	// AllowRequest counts a request and reports whether it is within the user's rate; nil is no
	// limit.
	AllowRequest func(Peer) bool
	// Spend counts what a request has cost, after it: the time in which it computed, and the
	// bytes of its frames. Nil counts nothing.
	Spend func(p Peer, computed time.Duration, bytes int)
	// Shared means that the server has several users, between whom everything is divided by
	// the rule of package share. Only administrators may have all.
	Shared bool
	// Observer counts requests and errors; nil for none.
	Observer Observer
	// OnMapFault is called after a memory fault in a handler: a mapped file was
	// truncated.
	OnMapFault func()
}

// Observer counts what a server does. Its methods are called concurrently.
type Observer interface {
	// RequestObserver returns the function to call with the duration of each request of an
	// operation.
	RequestObserver(operation string) func(took time.Duration)
	// CountError is called for each error that is sent.
	CountError(code wire.Code)
	// CountConnection is called for each accepted connection.
	CountConnection()
}

// Server serves connections.
type Server struct {
	cfg      Config
	ops      map[string]*op
	ctx      context.Context // parent of all handlers' contexts; ends when Shutdown times out
	cancel   context.CancelFunc
	draining atomic.Bool
	active   atomic.Int64 // requests that run
	// The times of the last sweep and the last closeIdle, in Unix nanoseconds.
	lastCloseUnread, lastCloseIdle atomic.Int64
	received                       *semaphore.Weighted
	shares                         shares

	mu    sync.Mutex
	conns map[*conn]struct{}
	wait  sync.WaitGroup
}

type op struct {
	Op
	name  string
	admin bool
	// observe is called with the duration of each request; nil without an observer.
	observe func(time.Duration)
}

// New returns a server.
func New(cfg Config) *Server {
	cfg.Limits.setDefaults()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Allow == nil {
		self := uint32(os.Geteuid())
		cfg.Allow = func(p Peer) bool { return p.UID == self || p.UID == 0 }
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{
		cfg: cfg, ctx: ctx, cancel: cancel,
		received: semaphore.NewWeighted(cfg.Limits.MaxReceiveBuffers),
		shares:   newShares(cfg.Limits),
		conns:    make(map[*conn]struct{}),
	}
	s.ops = map[string]*op{
		wire.OpPing:  {Op: Op{Handle: ping}, name: wire.OpPing},
		wire.OpHello: {Op: Op{Handle: s.hello}, name: wire.OpHello},
	}
	for name, o := range cfg.Ops {
		s.ops[name] = &op{Op: o, name: name, admin: wire.Administrative(name)}
	}
	if cfg.Observer != nil {
		for name, o := range s.ops {
			o.observe = cfg.Observer.RequestObserver(name)
		}
	}
	return s
}

// Serve accepts connections until the listener, a unix socket, is closed.
func (s *Server) Serve(l net.Listener) error {
	pause := time.Duration(0)
	for {
		nc, err := l.Accept()
		if errors.Is(err, net.ErrClosed) || errors.Is(err, unix.EINVAL) { // EINVAL: after a shutdown of the socket
			return nil
		}
		if err != nil {
			// Probably out of descriptors: wait for connections to end.
			pause = min(max(2*pause, 5*time.Millisecond), 100*time.Millisecond)
			s.cfg.Log.Warn("connection not accepted", "err", err, "pause", pause)
			time.Sleep(pause)
			continue
		}
		pause = 0
		u, ok := nc.(*net.UnixConn)
		if !ok {
			_ = nc.Close()
			return fmt.Errorf("%s is not a unix socket", l.Addr())
		}
		s.startConn(u)
	}
}

// Peer is the process at the other end of a connection, as the kernel reports it.
type Peer struct {
	UID, GID uint32
	PID      int32
	groups   func() ([]uint32, error)
}

// Groups returns the supplementary groups that the peer had when it connected. Only
// Config's functions may call it.
func (p Peer) Groups() ([]uint32, error) {
	if p.groups == nil {
		return nil, nil
	}
	return p.groups()
}

func peerOf(raw syscall.RawConn) (p Peer, err error) {
	p.groups = func() ([]uint32, error) { return peerGroups(raw) }
	cerr := raw.Control(func(fd uintptr) {
		var cred *unix.Ucred
		if cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			p.UID, p.GID, p.PID = cred.Uid, cred.Gid, cred.Pid
		}
	})
	return p, errors.Join(cerr, err)
}

// start starts the goroutine of a new connection, or refuses it.
func (s *Server) startConn(nc *net.UnixConn) {
	var peer Peer
	raw, err := nc.SyscallConn()
	if err == nil {
		peer, err = peerOf(raw)
	}
	user := s.userOf(peer)
	if err == nil && !user.Trusted && s.rejectEarly(nc, raw, user) {
		return
	}
	refuse := (*wire.Error)(nil)
	var c *conn
	s.mu.Lock()
	switch {
	case s.draining.Load():
		refuse = errShuttingDown
	case err != nil || !s.cfg.Allow(peer):
		refuse = wire.Errorf(wire.CodeNotAllowed, "user %d is not allowed to use this daemon", peer.UID)
	case !s.shares.connections.TryAcquire(user, 1):
		refuse = s.tooManyConnections(user)
	default:
		c = newConn(s, nc, raw, peer, user)
		s.conns[c] = struct{}{}
		s.wait.Add(1)
	}
	s.mu.Unlock()
	if s.shares.connections.Short() {
		s.closeIdle()
	}
	if refuse != nil {
		s.refuse(nc, user, refuse)
		return
	}
	if s.cfg.Observer != nil {
		s.cfg.Observer.CountConnection()
	}
	logging.Trace(s.cfg.Log, "connected", "uid", peer.UID, "pid", peer.PID)
	s.schedule(c)
}

// begin starts a connection's goroutine. Connections of users wait for a turn without one:
// if a user connects faster than can be answered, those of others would wait among the
// goroutines that can run.
func (s *Server) schedule(c *conn) {
	if c.user.Trusted {
		go s.serveConn(c)
		return
	}
	s.shares.turns.Schedule(c.user, func() {
		c.turn.held = true
		go s.serveConn(c)
	})
}

// run serves a connection to its end.
func (s *Server) serveConn(c *conn) {
	defer func() {
		if p := recover(); p != nil { // of the server; call recovers those of handlers
			s.cfg.Log.Error("panic while serving a connection", "panic", p, "stack", string(debug.Stack()))
			c.close()
		}
		c.turn.finish()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
		s.shares.connections.Add(c.user, -1)
		s.wait.Done()
	}()
	c.serve()
}

// Goodbye returns the frame for clients that are not accepted before the shutdown.
func (s *Server) Goodbye() []byte { return s.appendError(nil, 0, errShuttingDown) }

var errShuttingDown = wire.Errorf(wire.CodeShuttingDown, "omgd is shutting down")

// appendError appends the frame of an error. The frame names the databases that are
// served, because a client that falls back has to answer from the same ones.
func (s *Server) appendError(dst []byte, id uint64, e *wire.Error) []byte {
	withServed := *e
	withServed.Served = &s.cfg.Hello.Served
	return wire.AppendError(dst, id, &withServed)
}

// ErrShutdownTimeout means that handlers did not return after they were canceled.
var ErrShutdownTimeout = errors.New("requests did not end after they were canceled")

// Shutdown waits for running requests and answers new ones with an error. When none is
// left, or ctx ends, it closes all connections; requests that were sent before are still
// answered. It takes at most half a second longer than ctx. The listener must be closed
// before.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock() // start reads draining under the lock
	s.draining.Store(true)
	s.mu.Unlock()
	defer s.cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for s.active.Load() > 0 && ctx.Err() == nil {
		s.closeUnread(s.cfg.Limits.UnreadTimeout, everyone)
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	s.each(func(c *conn) { _ = c.nc.CloseRead() })
	done := make(chan struct{})
	go func() {
		s.wait.Wait()
		close(done)
	}()
	for {
		select {
		case <-done:
			return nil
		case <-tick.C:
			s.closeUnread(s.cfg.Limits.UnreadTimeout, everyone)
			continue
		case <-ctx.Done():
		}
		break
	}
	s.cfg.Log.Warn("shutdown timeout", "running", s.active.Load(), "connections", s.Connections())
	s.cancel()
	s.each((*conn).close)
	select {
	case <-done:
		return nil
	case <-time.After(cancelTimeout):
		return fmt.Errorf("%w: %d", ErrShutdownTimeout, s.active.Load())
	}
}

func (s *Server) each(f func(*conn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		f(c)
	}
}

// Connections returns the number of open connections.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

var emptyMap = []byte{0x80}

// ping answers with an empty result.
func ping(_ context.Context, _ *Request, w *Writer) (Deferred, error) {
	return nil, w.Chunk(emptyMap, false)
}

// hello answers the greeting.
func (s *Server) hello(_ context.Context, r *Request, w *Writer) (Deferred, error) {
	var h wire.HelloRequest
	if err := r.Decode(&h); err != nil {
		return nil, err
	}
	if !wire.SupportsProtocol(h.Protocol) {
		return nil, wire.Errorf(wire.CodeVersion, "protocol %d is not supported, this omgd has %d: update or restart the older of omgd and its client", h.Protocol, wire.Protocol)
	}
	s.cfg.Log.Debug("hello", "client", h.Client, "protocol", h.Protocol, "uid", r.Peer.UID, "pid", r.Peer.PID)
	result := s.cfg.Hello
	result.Protocol = wire.Protocol
	return nil, w.Result(&result)
}
