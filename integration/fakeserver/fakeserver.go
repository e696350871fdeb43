// Package fakeserver replaces servers that omgd asks: it answers like them, counts requests, and misbehaves when told
// to.
//
// A test controls it step by step. Set makes it misbehave, Hold makes it keep requests until the test answers them,
// Refuse closes its port. A test waits for a request that has come, never for a time.
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
	next    http.Handler
	address string
	certs   *Certificates // nil for plain http

	mu      sync.Mutex
	fault   Fault
	serving *httptest.Server // nil while the server refuses connections
	counts  map[string]int
	targets []string
	ended   chan struct{} // closed when a fault ends; requests that hang then end
}

// Serve starts an HTTP server for the handler h and stops it at the end of the test. If certs is nil, the server uses
// plain http, otherwise TLS.
func Serve(t testing.TB, h http.Handler, certs *Certificates) *Server {
	t.Helper()
	port, err := reserve(t, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	require.NoError(t, err)
	return serve(t, h, certs, port)
}

// serve starts a server on a reserved port of 127.0.0.1.
func serve(t testing.TB, h http.Handler, certs *Certificates, port string) *Server {
	t.Helper()
	s := &Server{
		next: h, certs: certs, address: net.JoinHostPort("127.0.0.1", port), counts: map[string]int{}, ended: make(chan struct{}),
	}
	s.URL = "http://" + s.address
	if certs != nil {
		s.URL = "https://" + s.address
	}
	s.Accept(t)
	t.Cleanup(s.Refuse)
	return s
}

func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.counts[kind(r)]++
	s.targets = append(s.targets, r.URL.RequestURI())
	fault, ended := s.fault, s.ended
	s.mu.Unlock()
	if fault == nil {
		s.next.ServeHTTP(w, r)
		return
	}
	fault(w, r, s.next, ended)
}

// kind returns the kind of a request, for counting.
func kind(r *http.Request) string {
	path := r.URL.Path
	switch {
	case strings.HasPrefix(path, "/rpc/v5/search"), path == "/rpc" && strings.HasPrefix(r.URL.Query().Get("type"), "search"):
		return "search"
	case strings.HasPrefix(path, "/rpc"):
		return "info"
	case path == DumpPath:
		return "dump"
	}
	return "other"
}

// Set makes the server misbehave from now on, or stop misbehaving if f is nil. Requests that hang because of the
// previous fault end.
func (s *Server) Set(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.ended)
	s.ended = make(chan struct{})
	s.fault = f
}

// Refuse closes the server's port, so that connections are refused.
func (s *Server) Refuse() {
	s.Set(nil)
	s.mu.Lock()
	server := s.serving
	s.serving = nil
	s.mu.Unlock()
	if server != nil {
		server.CloseClientConnections()
		server.Close()
	}
}

// Accept opens the port again.
func (s *Server) Accept(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.serving != nil {
		return
	}
	l, err := net.Listen("tcp", s.address)
	require.NoError(t, err)
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(s.handle), ErrorLog: quiet}}
	if s.certs == nil {
		server.Start()
	} else {
		server.TLS = s.certs.config()
		server.StartTLS()
	}
	s.serving = server
}

// StopFaults makes the server behave correctly again.
func (s *Server) StopFaults(t testing.TB) {
	t.Helper()
	s.Set(nil)
	if s.certs != nil && s.certs.useExpired.Load() {
		s.Expire(false)
	}
	s.Accept(t)
}

// Expire makes the server use the expired certificate or, if expired is false, the valid one. It closes all open
// connections, because they use the previous certificate.
func (s *Server) Expire(expired bool) {
	s.certs.useExpired.Store(expired)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.serving != nil {
		s.serving.CloseClientConnections()
	}
}

// Count returns the number of requests of a kind since Reset: "dump", "search", "info" or "other".
func (s *Server) Count(kind string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[kind]
}

// Await waits until n requests of a kind have arrived since Reset.
func (s *Server) Await(t testing.TB, kind string, n int) {
	t.Helper()
	harness.Await(t, func() bool { return s.Count(kind) >= n }, "%d requests for %s arrive; these requests have arrived: %s", n, kind, func() string {
		return strings.Join(s.Targets(), " ")
	})
}

// Targets returns the request targets of all requests since Reset.
func (s *Server) Targets() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.targets...)
}

// Reset sets the counts to zero.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts, s.targets = map[string]int{}, nil
}
