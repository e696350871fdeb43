// Package web serves pages about the hosts, for people who would rather look than type. It only reads what package resident keeps. Each
// request needs a login, and all that a client sends or makes the server keep is bounded.
package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/omg-arch/omg/omg-fleet/internal/resident"
	"github.com/omg-arch/omg/shared/termtext"
)

// Limits of the server. A page has 200 rows and about 100 kB, and is made in memory before it is sent.
const (
	maxConnections = 512
	maxStreams     = 100 // of events
	maxHeaderBytes = 16 << 10
	maxBody        = 4 << 10

	headerTimeout = 10 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 2 * time.Minute
)

// Options says how the pages are served.
type Options struct {
	// Stale is the age after which a document is old.
	Stale time.Duration
	// HostNames are the host names, with a port or without, under which the server may be reached.
	HostNames []string
	// Token is what a user has to enter. It is empty if a proxy has authenticated the user.
	Token string
	// MetricsToken is the token with which Prometheus gets the metrics, and nothing else. It is empty for no metrics.
	MetricsToken string
	// UserHeader is the header in which a proxy names the user. It may be set only if nobody but the proxy can connect.
	UserHeader string
	// Certificate is the certificate for TLS; nil for none.
	Certificate *tls.Certificate
	// Errors gets a line for each error of a connection.
	Errors io.Writer
}

// Server serves pages about a fleet.
type Server struct {
	fleet    *resident.Fleet
	options  Options
	hosts    map[string]bool
	sessions sessions
	streams  chan struct{} // has an element for each stream of events
	view     viewCache
	http     *http.Server
}

// New returns a server for a fleet.
func New(fleet *resident.Fleet, o Options) *Server {
	s := &Server{fleet: fleet, options: o, hosts: map[string]bool{}, streams: make(chan struct{}, maxStreams)}
	for _, name := range o.HostNames {
		s.hosts[strings.ToLower(name)] = true
	}
	s.sessions.init(o.Token)
	s.http = &http.Server{
		ConnContext: withPeer, Handler: s.guard(s.routes()), ReadHeaderTimeout: headerTimeout, ReadTimeout: headerTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeaderBytes, ErrorLog: log.New(&cleanLines{w: o.Errors}, "omg-fleet: ", 0),
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 32, MaxReceiveBufferPerConnection: 1 << 20, MaxReceiveBufferPerStream: 64 << 10},
	}
	return s
}

// Serve serves until the context ends. It closes the listener.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.http.BaseContext = func(net.Listener) context.Context { return ctx }
	l = &limitedListener{Listener: l, slots: make(chan struct{}, maxConnections)}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done() // streams of events end too
		patience, done := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer done()
		if s.http.Shutdown(patience) != nil {
			_ = s.http.Close()
		}
	}()
	var err error
	if c := s.options.Certificate; c != nil {
		s.http.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*c}, MinVersion: tls.VersionTLS12}
		err = s.http.ServeTLS(l, "", "")
	} else {
		err = s.http.Serve(l)
	}
	cancel()
	<-stopped
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("cannot serve: %w", err)
}

// limitedListener accepts a connection only when fewer than the capacity of slots are open.
type limitedListener struct {
	net.Listener
	slots chan struct{}
}

func (l *limitedListener) Accept() (net.Conn, error) {
	l.slots <- struct{}{}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &limitedConn{Conn: c, release: sync.OnceFunc(func() { <-l.slots })}, nil
}

type limitedConn struct {
	net.Conn
	release func()
}

func (c *limitedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}

// maxErrorLines limits the lines that clients can make the server write in a minute.
const maxErrorLines = 20

// cleanLines writes lines without what could control a terminal, and only some of many.
type cleanLines struct {
	mu     sync.Mutex
	w      io.Writer
	minute time.Time
	lines  int
}

func (c *cleanLines) Write(line []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.minute) > time.Minute {
		c.minute, c.lines = now, 0
	}
	if c.lines++; c.lines <= maxErrorLines {
		if _, err := io.WriteString(c.w, termtext.Clean(strings.TrimSuffix(string(line), "\n"))+"\n"); err != nil {
			return 0, err
		}
	}
	return len(line), nil
}
