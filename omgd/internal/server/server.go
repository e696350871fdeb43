// Package server speaks the protocol of package wire on a unix socket: it reads requests, calls the handler of each
// request's operation and writes the reply. Each resource that a peer can use up has a limit.
//
// A connection has one goroutine. The goroutine runs the requests of fast operations one after another, and writes
// their replies before it reads further requests. Therefore the server stops reading from a peer that does not read its
// replies, and such a peer uses no more memory than one chunk. Each request of a slow operation, which waits for a
// network, runs in another goroutine.
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

// Op is an operation. Exactly one of its fields is set.
type Op struct {
	// Handle answers a request without waiting. The requests of one connection are handled one after another.
	Handle Handler
	// HandleDeferred answers a request and may wait. It runs concurrently with other requests of the same connection.
	HandleDeferred DeferredHandler
	// Topic is the topic that a request watches.
	Topic *Topic
}

// Handler answers a request: it writes the chunks of the reply to w. Alternatively it writes nothing and returns a
// DeferredHandler, which answers the request in another goroutine. If it returns a *wire.Error, the server sends that error to
// the peer. Any other error is sent as an internal error. ctx is canceled when the peer has disconnected or the
// shutdown times out. r and w must not be used after the handler has returned.
type Handler func(ctx context.Context, r *Request, w *Writer) (DeferredHandler, error)

// DeferredHandler answers a request like a Handler, but may wait, for example for a network.
type DeferredHandler func(ctx context.Context, r *Request, w *Writer) error

// Limits are the limits for peers. If a field is zero, its default is used, which is in parentheses below.
type Limits struct {
	// MaxConnections is the maximum number of concurrent connections (4,096).
	MaxConnections int
	// MaxInFlight is the maximum number of concurrent slow requests of one connection (64).
	MaxInFlight int
	// MaxWatches is the maximum number of concurrent requests that watch a topic, on all connections together (half of MaxConnections).
	MaxWatches int
	// MaxUnsentPerConnection is the maximum size of a peer's unread replies, in bytes. While it is exceeded, further
	// requests of the peer wait (1 MiB).
	MaxUnsentPerConnection int64
	// MaxUnsent is the maximum size of the unread replies of all peers together, in bytes. It includes the memory that
	// handlers need until a reply is read completely. If a user exceeds the user's share of MaxUnsent, further requests
	// of the user wait, and connections of the user are closed if their peer does not read replies (64 MiB).
	MaxUnsent int64
	// MaxReceiveBytes is the maximum total size of the frames that are being received, in bytes. Only frames of more
	// than 64 KiB count (64 MiB).
	MaxReceiveBytes int64
	// ReadTimeout is the maximum time between the arrival of a frame's first byte and of its last byte (10 s).
	ReadTimeout time.Duration
	// IdleTimeout is the time after which a connection without a request is closed (0 means never).
	IdleTimeout time.Duration
	// IdleWhenShort replaces IdleTimeout while at most a quarter of MaxConnections is free. It does not apply to
	// administrators (10 s).
	IdleWhenShort time.Duration
	// WriteTimeout is the time in which a peer must read a chunk. The actual wait can be 1.5 times as long (30 s).
	WriteTimeout time.Duration
	// UnreadTimeout replaces WriteTimeout for the connections of users who exceed their share of MaxUnsent, and for all
	// connections during a shutdown (1 s).
	UnreadTimeout time.Duration
	// RefusalTimeout is the time in which a peer that is refused must read the refusal (1 s).
	RefusalTimeout time.Duration
}

func (l *Limits) setDefaults() {
	for _, d := range []struct {
		field *int64
		value int64
	}{{&l.MaxUnsentPerConnection, 1 << 20}, {&l.MaxUnsent, 64 << 20}, {&l.MaxReceiveBytes, 64 << 20}} {
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
	if l.MaxWatches == 0 {
		l.MaxWatches = l.MaxConnections / 2
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
	if l.RefusalTimeout == 0 {
		l.RefusalTimeout = time.Second
	}
}

// cancelTimeout is the time that Shutdown waits for handlers to return after it has canceled their contexts.
const cancelTimeout = 500 * time.Millisecond

// Config configures a Server.
type Config struct {
	Ops    map[string]Op
	Limits Limits
	// Log may be nil: then nothing is logged.
	Log *slog.Logger
	// Hello is the reply to the greeting. The server sets the protocol version in the reply.
	Hello wire.HelloResult
	// IsAllowed reports whether a peer's user may send requests. If IsAllowed is nil, only the user of this process and root
	// may.
	IsAllowed func(Peer) bool
	// IsAdmin reports whether a peer's user is an administrator, who may use administrative operations. If IsAdmin is nil,
	// every user is.
	IsAdmin func(Peer) bool
	// AllowRequest counts a request, and reports whether the user's requests are within the rate limit. If AllowRequest
	// is nil, there is no rate limit.
	AllowRequest func(Peer) bool
	// OnCost, if not nil, is called after each request of a user who is not an administrator, to count the cost of the
	// request: how long it has computed, and the number of bytes in its frames and the frames of its reply.
	OnCost func(p Peer, computed time.Duration, bytes int)
	// HasSeveralUsers means that the server has several users. The resources are then divided between them by the rule of
	// package share. Only administrators may use all free resources.
	HasSeveralUsers bool
	// Observer, if not nil, counts requests and errors.
	Observer Observer
	// OnMemoryFault, if not nil, is called after a memory fault in a handler. Such a fault means that a mapped file was
	// truncated.
	OnMemoryFault func()
}

// Observer counts a server's requests, errors and connections. Its methods are called concurrently.
type Observer interface {
	// RequestObserver returns a function for one operation. The server calls that function with the duration of each
	// request of the operation.
	RequestObserver(operation string) func(took time.Duration)
	// CountError is called for each error that is sent.
	CountError(code wire.Code)
	// CountConnection is called for each accepted connection.
	CountConnection()
}

// Server serves connections.
type Server struct {
	cfg             Config
	ops             map[string]*op
	ctx             context.Context // the parent of all handlers' contexts; canceled when Shutdown times out
	cancel          context.CancelFunc
	draining        atomic.Bool
	runningRequests atomic.Int64 // the number of running requests
	// when closeSlowReaders and closeIdle last looked for connections to close, in Unix nanoseconds
	lastSlowReaderSweepAt, lastIdleConnSweepAt atomic.Int64
	receiveBudget                              *semaphore.Weighted
	shares                                     shares

	mu        sync.Mutex
	conns     map[*conn]struct{}
	connsDone sync.WaitGroup
}

type op struct {
	Op
	name  string
	admin bool
	// onRequestDone, if not nil, is called with the duration of each request of the operation.
	onRequestDone func(time.Duration)
}

// New returns a server.
func New(cfg Config) *Server {
	cfg.Limits.setDefaults()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.IsAllowed == nil {
		self := uint32(os.Geteuid())
		cfg.IsAllowed = func(p Peer) bool { return p.UID == self || p.UID == 0 }
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{
		cfg: cfg, ctx: ctx, cancel: cancel,
		receiveBudget: semaphore.NewWeighted(cfg.Limits.MaxReceiveBytes),
		shares:        newShares(cfg.Limits),
		conns:         make(map[*conn]struct{}),
	}
	s.ops = map[string]*op{
		wire.OpPing:  {Op: Op{Handle: handlePing}, name: wire.OpPing},
		wire.OpHello: {Op: Op{Handle: s.handleHello}, name: wire.OpHello},
	}
	for name, o := range cfg.Ops {
		s.ops[name] = &op{Op: o, name: name, admin: wire.IsAdminOp(name)}
	}
	if cfg.Observer != nil {
		for name, o := range s.ops {
			o.onRequestDone = cfg.Observer.RequestObserver(name)
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
			// The process probably has no free file descriptor: wait until a connection ends.
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

// Groups returns the supplementary groups that the peer had when it connected. Only the functions in Config that
// receive a Peer may call Groups.
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

// startConn starts to serve a new connection, or refuses the connection.
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
	case err != nil || !s.cfg.IsAllowed(peer):
		refuse = wire.Errorf(wire.CodeNotAllowed, "user %d is not allowed to use this daemon", peer.UID)
	case !s.shares.connections.TryAcquire(user, 1):
		refuse = s.tooManyConnectionsError(user)
	default:
		c = newConn(s, nc, raw, peer, user)
		s.conns[c] = struct{}{}
		s.connsDone.Add(1)
	}
	s.mu.Unlock()
	if s.shares.connections.IsShort() {
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
	s.scheduleConn(c)
}

// scheduleConn starts the goroutine of a connection as soon as the connection's user gets a turn. A connection that waits
// for a turn has no goroutine. Otherwise a user who connects very often could cause so many runnable goroutines that
// the goroutines of other users would wait among them.
func (s *Server) scheduleConn(c *conn) {
	if c.user.Trusted {
		go s.serveConn(c)
		return
	}
	s.shares.turns.RunOnTurn(c.user, func() {
		c.turn.held = true
		go s.serveConn(c)
	})
}

// serveConn serves a connection until the connection ends, and then removes it from the server.
func (s *Server) serveConn(c *conn) {
	defer func() {
		if p := recover(); p != nil { // a panic of the server itself: callHandler recovers the panics of handlers
			s.cfg.Log.Error("panic while serving a connection", "panic", p, "stack", string(debug.Stack()))
			c.close()
		}
		c.turn.finish()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
		s.shares.connections.Add(c.user, -1)
		s.connsDone.Done()
	}()
	c.serve()
}

// GoodbyeFrame returns the error frame for clients whose connections were not accepted before the shutdown.
func (s *Server) GoodbyeFrame() []byte { return s.appendError(nil, 0, errShuttingDown) }

var errShuttingDown = wire.Errorf(wire.CodeShuttingDown, "omgd is shutting down")

// appendError appends the frame of an error to dst. The frame names the databases that omgd serves: a client that then
// answers without omgd must read the same databases.
func (s *Server) appendError(dst []byte, id uint64, e *wire.Error) []byte {
	withServed := *e
	withServed.ServedPaths = &s.cfg.Hello.ServedPaths
	return wire.AppendError(dst, id, &withServed)
}

// ErrShutdownTimeout means that handlers did not return after their contexts were canceled.
var ErrShutdownTimeout = errors.New("requests still running after they were canceled")

// Shutdown waits for the running requests, and answers new requests with an error. It closes all connections when no
// request is running or ctx ends. A request that arrives before its connection is closed is still answered, unless ctx
// ends. Shutdown returns at most half a second after ctx ends. The listener must be closed before Shutdown is called.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock() // startConn reads draining with mu locked
	s.draining.Store(true)
	s.mu.Unlock()
	defer s.cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for s.runningRequests.Load() > 0 && ctx.Err() == nil {
		s.closeSlowReaders(s.cfg.Limits.UnreadTimeout, acceptAnyUser)
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	s.forEachConn(func(c *conn) { _ = c.nc.CloseRead() })
	done := make(chan struct{})
	go func() {
		s.connsDone.Wait()
		close(done)
	}()
	for {
		select {
		case <-done:
			return nil
		case <-tick.C:
			s.closeSlowReaders(s.cfg.Limits.UnreadTimeout, acceptAnyUser)
			continue
		case <-ctx.Done():
		}
		break
	}
	s.cfg.Log.Warn("shutdown timeout", "running", s.runningRequests.Load(), "connections", s.Connections())
	s.cancel()
	s.forEachConn((*conn).close)
	select {
	case <-done:
		return nil
	case <-time.After(cancelTimeout):
		return fmt.Errorf("%w: %d", ErrShutdownTimeout, s.runningRequests.Load())
	}
}

func (s *Server) forEachConn(visit func(*conn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		visit(c)
	}
}

// Connections returns the number of open connections.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

var emptyMap = []byte{0x80}

// handlePing answers a request of the operation ping with an empty result.
func handlePing(_ context.Context, _ *Request, w *Writer) (DeferredHandler, error) {
	return nil, w.Chunk(emptyMap, false)
}

// handleHello answers the greeting.
func (s *Server) handleHello(_ context.Context, r *Request, w *Writer) (DeferredHandler, error) {
	var h wire.HelloRequest
	if err := r.Decode(&h); err != nil {
		return nil, err
	}
	if !wire.SupportsProtocol(h.Protocol) {
		return nil, wire.Errorf(wire.CodeVersion, "protocol %d is not supported, this omgd has %d: update or restart the older of omgd and its client", h.Protocol, wire.ProtocolVersion)
	}
	s.cfg.Log.Debug("hello", "client", h.Client, "protocol", h.Protocol, "uid", r.Peer.UID, "pid", r.Peer.PID)
	result := s.cfg.Hello
	result.Protocol = wire.ProtocolVersion
	return nil, w.Result(&result)
}
