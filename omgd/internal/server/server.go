// Package server speaks the protocol of package wire on a unix socket: it reads
// requests, calls the operation's handler and writes what it answers, within
// limits for everything that a peer can take.
//
// A connection has one goroutine. It runs fast operations itself, one after the
// other, and writes the answers before it reads on: a peer that does not read is
// not read from, and holds nothing but its own answer's part. Slow operations,
// which wait for a network, get a goroutine each.
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
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omgd/internal/logging"
	"github.com/omg-arch/omg/shared/wire"
)

// Op is an operation.
type Op struct {
	Handle Handler
	// Slow operations may wait, and run beside others of their connection.
	Slow bool
}

// Handler answers one request by calls of w, the last of them with the end of
// the answer. An error that is a *wire.Error is sent as it is, any other one as
// an internal error. ctx ends when the peer is gone or the server gives up.
// Neither r nor w may be kept.
type Handler func(ctx context.Context, r *Request, w *Writer) error

// Limits are what peers can take. A zero field has its default.
type Limits struct {
	Connections int           // at the same time (4,096)
	InFlight    int           // slow requests of a connection at the same time (64)
	PeerUnsent  int64         // bytes that wait for a peer to read; then its requests wait (1 MiB)
	Unsent      int64         // the same of all peers; then requests wait, and peers that do not read go (64 MiB)
	Received    int64         // bytes of half-sent frames of more than 64 KiB, of all (64 MiB)
	HalfFrame   time.Duration // from a frame's first byte to its last (10 s)
	Idle        time.Duration // without a request; 0 for no limit (0)
	Write       time.Duration // at least, and at most 1.5 times that, to read a part of an answer (30 s)
	Unread      time.Duration // for an answer to be read while others need the memory or the server ends (1 s)
}

func (l *Limits) setDefaults() {
	for _, d := range []struct {
		field *int64
		value int64
	}{{&l.PeerUnsent, 1 << 20}, {&l.Unsent, 64 << 20}, {&l.Received, 64 << 20}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if l.Connections == 0 {
		l.Connections = 4096
	}
	if l.InFlight == 0 {
		l.InFlight = 64
	}
	if l.HalfFrame == 0 {
		l.HalfFrame = 10 * time.Second
	}
	if l.Write == 0 {
		l.Write = 30 * time.Second
	}
	if l.Unread == 0 {
		l.Unread = time.Second
	}
}

// giveUp is how long Shutdown waits for handlers after it told them to end.
const giveUp = 500 * time.Millisecond

// Config makes a server.
type Config struct {
	Ops    map[string]Op
	Limits Limits
	// Log may be nil.
	Log *slog.Logger
	// Hello is what the greeting is answered with, but for the protocol.
	Hello wire.HelloResult
	// Allow says whether a user may ask; nil allows this process's user and root.
	Allow func(Peer) bool
	// Admin says whether a user may do what is administrative; nil allows all who
	// may ask.
	Admin func(Peer) bool
	// Take counts a request of a user; false means that there have been too many.
	// Nil counts nothing.
	Take func(Peer) bool
	// Observer is told what is done; nil tells nobody.
	Observer Observer
	// Fault is called when a handler met a memory fault: a mapped file was
	// truncated under it.
	Fault func()
}

// Observer counts what a server does. It is called by many goroutines.
type Observer interface {
	// Request returns what takes the times of one operation's requests.
	Request(operation string) func(took time.Duration)
	// Failed is a request that was answered with an error.
	Failed(code wire.Code)
	// Connected is a connection that was accepted.
	Connected()
}

// Server serves connections.
type Server struct {
	cfg      Config
	ops      map[string]*op
	ctx      context.Context // of all handlers; ends when Shutdown gives up
	cancel   context.CancelFunc
	draining atomic.Bool
	active   atomic.Int64 // requests that run
	unsent   atomic.Int64
	swept    atomic.Int64 // when peers that do not read were last looked for
	received *semaphore.Weighted

	mu    sync.Mutex
	conns map[*conn]struct{}
	wait  sync.WaitGroup
}

type op struct {
	Op
	name  string
	admin bool
	// observe takes the times of its requests; nil if nobody is told.
	observe func(time.Duration)
}

// New makes a server.
func New(cfg Config) *Server {
	cfg.Limits.setDefaults()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Allow == nil {
		own := uint32(os.Geteuid())
		cfg.Allow = func(p Peer) bool { return p.UID == own || p.UID == 0 }
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{
		cfg: cfg, ctx: ctx, cancel: cancel,
		received: semaphore.NewWeighted(cfg.Limits.Received),
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
			o.observe = cfg.Observer.Request(name)
		}
	}
	return s
}

// Serve accepts connections until the listener is closed. They must be of a
// unix socket.
func (s *Server) Serve(l net.Listener) error {
	pause := time.Duration(0)
	for {
		nc, err := l.Accept()
		if errors.Is(err, net.ErrClosed) || errors.Is(err, unix.EINVAL) { // EINVAL: shut down, and soon closed
			return nil
		}
		if err != nil {
			// Out of descriptors, most likely: others will end and free some.
			pause = min(max(2*pause, 5*time.Millisecond), 100*time.Millisecond)
			s.cfg.Log.Warn("cannot accept", "err", err, "pause", pause)
			time.Sleep(pause)
			continue
		}
		pause = 0
		u, ok := nc.(*net.UnixConn)
		if !ok {
			_ = nc.Close()
			return fmt.Errorf("%s is no unix socket", l.Addr())
		}
		s.start(u)
	}
}

// Peer is who asks, by what the kernel says.
type Peer struct {
	UID, GID uint32
	PID      int32
	groups   func() ([]uint32, error)
}

// Groups are the supplementary groups that the peer had when it connected. It may
// be called within Config's functions only.
func (p Peer) Groups() ([]uint32, error) {
	if p.groups == nil {
		return nil, nil
	}
	return p.groups()
}

func peerOf(nc *net.UnixConn) (p Peer, err error) {
	raw, err := nc.SyscallConn()
	if err != nil {
		return p, err
	}
	p.groups = func() ([]uint32, error) { return peerGroups(raw) }
	cerr := raw.Control(func(fd uintptr) {
		var cred *unix.Ucred
		if cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			p.UID, p.GID, p.PID = cred.Uid, cred.Gid, cred.Pid
		}
	})
	return p, errors.Join(cerr, err)
}

func (s *Server) start(nc *net.UnixConn) {
	peer, err := peerOf(nc)
	refuse := (*wire.Error)(nil)
	var c *conn
	s.mu.Lock()
	switch {
	case s.draining.Load():
		refuse = errShuttingDown
	case err != nil || !s.cfg.Allow(peer):
		refuse = wire.Errorf(wire.CodeNotAllowed, "user %d may not ask here", peer.UID)
	case len(s.conns) >= s.cfg.Limits.Connections:
		refuse = wire.Errorf(wire.CodeBusy, "too many connections (%d)", s.cfg.Limits.Connections)
	default:
		c = newConn(s, nc, peer)
		s.conns[c] = struct{}{}
		s.wait.Add(1)
	}
	s.mu.Unlock()
	if refuse != nil {
		// Into an empty buffer: it cannot block.
		_, _ = nc.Write(wire.AppendError(nil, 0, refuse))
		_ = nc.Close()
		return
	}
	if s.cfg.Observer != nil {
		s.cfg.Observer.Connected()
	}
	logging.Trace(s.cfg.Log, "connected", "uid", peer.UID, "pid", peer.PID)
	go s.run(c)
}

// run serves a connection to its end.
func (s *Server) run(c *conn) {
	defer func() {
		if p := recover(); p != nil { // ours, not a handler's
			s.cfg.Log.Error("serving a connection panicked", "panic", p, "stack", string(debug.Stack()))
			c.close()
		}
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
		s.wait.Done()
	}()
	c.serve()
}

// Goodbye is the frame for who connected and was not accepted before the end.
func Goodbye() []byte { return wire.AppendError(nil, 0, errShuttingDown) }

var errShuttingDown = wire.Errorf(wire.CodeShuttingDown, "omgd is ending")

// ErrGaveUp means that handlers ran on after they were told to end.
var ErrGaveUp = errors.New("requests run on after the end")

// Shutdown lets running requests end and answers new ones with an error. When
// none runs any more, or ctx ends, it answers what was sent until then and
// closes every connection. It takes at most half a second longer than ctx. The
// listener must be closed before.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock() // no connection starts between this and the next lock
	s.draining.Store(true)
	s.mu.Unlock()
	defer s.cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for s.active.Load() > 0 && ctx.Err() == nil {
		s.sweep(s.cfg.Limits.Unread)
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
			s.sweep(s.cfg.Limits.Unread)
			continue
		case <-ctx.Done():
		}
		break
	}
	s.cfg.Log.Warn("the time to end is over: requests are cut off", "running", s.active.Load(), "connections", s.Connections())
	s.cancel()
	s.each((*conn).close)
	select {
	case <-done:
		return nil
	case <-time.After(giveUp):
		return fmt.Errorf("%w: %d", ErrGaveUp, s.active.Load())
	}
}

func (s *Server) each(f func(*conn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		f(c)
	}
}

// sweep closes connections whose peers have left an answer unread for so long.
func (s *Server) sweep(patience time.Duration) {
	const pause = 100 * time.Millisecond
	now := time.Now()
	last := s.swept.Load()
	if now.UnixNano()-last < int64(pause) || !s.swept.CompareAndSwap(last, now.UnixNano()) {
		return
	}
	s.each(func(c *conn) {
		if since := c.blocked.Load(); since != 0 && now.UnixNano()-since > int64(patience) {
			s.cfg.Log.Warn("a peer does not read its answer while others wait", "uid", c.peer.UID, "pid", c.peer.PID)
			c.close()
		}
	})
}

// makeRoom waits while more bytes wait to be read than there may be: who starts
// to answer a request adds to them.
func (s *Server) makeRoom(ctx context.Context) {
	for s.unsent.Load() > s.cfg.Limits.Unsent && ctx.Err() == nil {
		s.sweep(min(s.cfg.Limits.Unread, s.cfg.Limits.Write))
		time.Sleep(5 * time.Millisecond)
	}
}

// Connections is the number of open connections.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

var emptyMap = []byte{0x80}

// ping answers that the server is there.
func ping(_ context.Context, _ *Request, w *Writer) error { return w.Part(emptyMap, false) }

// hello answers the greeting. A peer one protocol version away is understood.
func (s *Server) hello(_ context.Context, r *Request, w *Writer) error {
	var h wire.HelloRequest
	if err := r.Decode(&h); err != nil {
		return err
	}
	if h.Protocol+1 < wire.Protocol || h.Protocol > wire.Protocol+1 {
		return wire.Errorf(wire.CodeVersion, "protocol %d is not spoken here, %d is: restart the older of omgd and its client", h.Protocol, wire.Protocol)
	}
	s.cfg.Log.Debug("hello", "client", h.Client, "protocol", h.Protocol, "uid", r.Peer.UID, "pid", r.Peer.PID)
	result := s.cfg.Hello
	result.Protocol = wire.Protocol
	return w.Result(&result)
}
