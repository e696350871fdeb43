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
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/omg-arch/omg/shared/wire"
)

// Op is an operation.
type Op struct {
	Handle Handler
	// Slow operations may wait, and run beside others of their connection.
	Slow bool
}

// Handler answers one request by calls of w. An error that is a *wire.Error is
// sent as it is, any other one as an internal error.
type Handler func(ctx context.Context, r *Request, w *Writer) error

// Limits are what peers can take. A zero field has its default.
type Limits struct {
	Connections int           // at the same time (4,096)
	InFlight    int           // slow requests of a connection at the same time (64)
	Unsent      int64         // bytes that wait for peers to read, of all (64 MiB)
	HalfFrame   time.Duration // from a frame's first byte to its last (10 s)
	Write       time.Duration // for a peer to read a part of an answer (30 s)
}

func (l *Limits) setDefaults() {
	if l.Connections == 0 {
		l.Connections = 4096
	}
	if l.InFlight == 0 {
		l.InFlight = 64
	}
	if l.Unsent == 0 {
		l.Unsent = 64 << 20
	}
	if l.HalfFrame == 0 {
		l.HalfFrame = 10 * time.Second
	}
	if l.Write == 0 {
		l.Write = 30 * time.Second
	}
}

// Config makes a server.
type Config struct {
	Ops    map[string]Op
	Limits Limits
	Log    *slog.Logger
	// Version is the program's, for hello.
	Version string
	// Fault is called when a handler met a memory fault: a mapped file was
	// truncated under it.
	Fault func()
}

// Server serves connections.
type Server struct {
	cfg      Config
	unsent   *semaphore.Weighted
	ctx      context.Context // of all handlers; ends when Shutdown gives up
	cancel   context.CancelFunc
	draining atomic.Bool

	mu    sync.Mutex
	conns map[*conn]struct{}
	wait  sync.WaitGroup
}

// New makes a server.
func New(cfg Config) *Server {
	cfg.Limits.setDefaults()
	ctx, cancel := context.WithCancel(context.Background())
	return &Server{
		cfg: cfg, ctx: ctx, cancel: cancel,
		unsent: semaphore.NewWeighted(cfg.Limits.Unsent),
		conns:  make(map[*conn]struct{}),
	}
}

// Serve accepts connections until the listener is closed.
func (s *Server) Serve(l net.Listener) error {
	pause := time.Duration(0)
	for {
		nc, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			// Out of descriptors, most likely: others will end and free some.
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.cfg.Log.Warn("cannot accept", "err", err, "pause", pause)
			time.Sleep(pause)
			continue
		}
		pause = 0
		s.start(nc)
	}
}

func (s *Server) start(nc net.Conn) {
	c := newConn(s, nc)
	s.mu.Lock()
	refuse := (*wire.Error)(nil)
	switch {
	case s.draining.Load():
		refuse = errShuttingDown
	case len(s.conns) >= s.cfg.Limits.Connections:
		refuse = wire.Errorf(wire.CodeBusy, "too many connections (%d)", s.cfg.Limits.Connections)
	default:
		s.conns[c] = struct{}{}
		s.wait.Add(1)
	}
	s.mu.Unlock()
	if refuse != nil {
		_ = nc.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = nc.Write(wire.AppendError(nil, 0, refuse))
		_ = nc.Close()
		return
	}
	go func() {
		defer s.wait.Done()
		c.serve()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
}

var errShuttingDown = wire.Errorf(wire.CodeShuttingDown, "omgd is ending")

// Shutdown lets running requests end, answers new ones with an error, and
// returns when every connection is closed. When ctx ends before that, it closes
// them. The listener must be closed before.
func (s *Server) Shutdown(ctx context.Context) {
	s.mu.Lock()
	s.draining.Store(true)
	for c := range s.conns {
		c.wake()
	}
	s.mu.Unlock()
	done := make(chan struct{})
	go func() {
		s.wait.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		s.cancel()
		s.mu.Lock()
		for c := range s.conns {
			_ = c.nc.Close()
		}
		s.mu.Unlock()
		<-done
	}
	s.cancel()
}

// Connections is the number of open connections.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}
