// Package fakeserver replaces servers that omgd asks: it answers like them, counts requests, and misbehaves when told
// to.
//
// A test controls it step by step. SetFault makes it misbehave, Hold makes it keep requests until the test answers them,
// RefuseConnections closes its port. A test waits for a request that has come, never for a time.
package fakeserver

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/integration/harness"
)

// Server serves a handler on a loopback address. While the server is down, it keeps the address, so that no other
// program can use it.
type Server struct {
	// URL is the server's address without a trailing slash.
	URL     string
	handler http.Handler
	address string
	certs   *Certificates // nil for plain http

	mu             sync.Mutex
	fault          Fault
	httpServer     *httptest.Server // nil while the server refuses connections
	listener       *net.TCPListener // of httpServer
	counts         map[string]int
	requestTargets []string
	faultEnded     chan struct{} // closed when a fault ends; requests that hang then end
}

// Serve starts an HTTP server for the handler h and stops it at the end of the test. If certs is nil, the server uses
// plain http, otherwise TLS.
func Serve(t testing.TB, h http.Handler, certs *Certificates) *Server {
	t.Helper()
	port, err := reservePort(t, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	require.NoError(t, err)
	return serveOnPort(t, h, certs, port)
}

// serveOnPort starts a server on a reserved port of 127.0.0.1.
func serveOnPort(t testing.TB, h http.Handler, certs *Certificates, port string) *Server {
	t.Helper()
	s := &Server{
		handler: h, certs: certs, address: net.JoinHostPort("127.0.0.1", port), counts: map[string]int{}, faultEnded: make(chan struct{}),
	}
	s.URL = "http://" + s.address
	if certs != nil {
		s.URL = "https://" + s.address
	}
	s.AcceptConnections(t)
	t.Cleanup(s.RefuseConnections)
	return s
}

func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.counts[requestKind(r)]++
	s.requestTargets = append(s.requestTargets, r.URL.RequestURI())
	fault, ended := s.fault, s.faultEnded
	s.mu.Unlock()
	if fault == nil {
		s.handler.ServeHTTP(w, r)
		return
	}
	fault(w, r, s.handler, ended)
}

// requestKind returns the kind of a request, for counting.
func requestKind(r *http.Request) string {
	path := r.URL.Path
	switch {
	case strings.HasPrefix(path, "/rpc/v5/search"), path == "/rpc" && strings.HasPrefix(r.URL.Query().Get("type"), "search"):
		return "search"
	case strings.HasPrefix(path, "/rpc"):
		return "info"
	case path == DumpURLPath:
		return "dump"
	case path == ArchiveURLPath+"/info/refs":
		return "refs"
	case path == ArchiveURLPath+"/git-upload-pack":
		return "pack"
	}
	return "other"
}

// SetFault makes the server misbehave from now on, or stop misbehaving if f is nil. Requests that hang because of the
// previous fault end.
func (s *Server) SetFault(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.faultEnded)
	s.faultEnded = make(chan struct{})
	s.fault = f
}

// RefuseConnections closes the server's port, so that connections are refused.
func (s *Server) RefuseConnections() {
	s.SetFault(nil)
	s.mu.Lock()
	server, listener := s.httpServer, s.listener
	s.httpServer = nil
	s.mu.Unlock()
	if server != nil {
		stopListening(listener)
		server.CloseClientConnections()
		server.Close()
	}
}

// stopListening makes the kernel refuse connections. Closing the socket is not enough: a child process that was forked and has not begun
// its program yet has a copy, with which the kernel goes on to accept connections.
func stopListening(l *net.TCPListener) {
	if socket, err := l.SyscallConn(); err == nil {
		_ = socket.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_RDWR) })
	}
}

// AcceptConnections opens the port again.
func (s *Server) AcceptConnections(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.httpServer != nil {
		return
	}
	l, err := net.Listen("tcp", s.address)
	require.NoError(t, err)
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(s.handle), ErrorLog: discardLog}}
	if s.certs == nil {
		server.Start()
	} else {
		server.TLS = s.certs.config()
		server.StartTLS()
	}
	s.httpServer, s.listener = server, l.(*net.TCPListener)
}

// StopFaults makes the server behave correctly again.
func (s *Server) StopFaults(t testing.TB) {
	t.Helper()
	s.SetFault(nil)
	if s.certs != nil && s.certs.useExpired.Load() {
		s.SetCertificateExpired(false)
	}
	s.AcceptConnections(t)
}

// SetCertificateExpired makes the server use the expired certificate or, if expired is false, the valid one. It closes all open
// connections, because they use the previous certificate.
func (s *Server) SetCertificateExpired(expired bool) {
	s.certs.useExpired.Store(expired)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.httpServer != nil {
		s.httpServer.CloseClientConnections()
	}
}

// Count returns the number of requests of a kind since ResetCounts: "dump", "search", "info" or "other".
func (s *Server) Count(kind string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[kind]
}

// AwaitRequests waits until n requests of a kind have arrived since ResetCounts.
func (s *Server) AwaitRequests(t testing.TB, kind string, n int) {
	t.Helper()
	harness.Await(t, func() bool { return s.Count(kind) >= n }, "%d requests for %s arrive; these requests have arrived: %s", n, kind, func() string {
		return strings.Join(s.RequestTargets(), " ")
	})
}

// RequestTargets returns the request targets of all requests since ResetCounts.
func (s *Server) RequestTargets() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.requestTargets...)
}

// ResetCounts sets the counts to zero.
func (s *Server) ResetCounts() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts, s.requestTargets = map[string]int{}, nil
}
