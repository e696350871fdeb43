// Package fetchtest has a server for tests of packages that download something.
package fetchtest

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// Server is a server whose reply a test sets.
type Server struct {
	*httptest.Server
	mu        sync.Mutex
	answer    http.HandlerFunc
	requested []http.Header
}

// NewServer starts a server. It ends when the test ends.
func NewServer(t *testing.T) *Server {
	t.Helper()
	s := &Server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requested = append(s.requested, r.Header.Clone())
		answer := s.answer
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s
}

// Respond sets the handler of all further requests.
func (s *Server) Respond(h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = h
}

// LastRequest returns the header of the last request.
func (s *Server) LastRequest() http.Header {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requested[len(s.requested)-1]
}
