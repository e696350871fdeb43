package fakeserver

import (
	"net/http"
	"testing"

	"github.com/omg-arch/omg/integration/harness"
)

// Gate holds requests until the test answers them.
type Gate struct {
	server *Server
	held   chan *HeldRequest
}

// HeldRequest is a request that waits for its answer.
type HeldRequest struct {
	URI    string
	answer chan Fault
}

// maxHeld is the maximum number of requests that a gate holds before the test takes one of them.
const maxHeld = 10_000

// Hold holds each further request of a kind. Requests of other kinds are answered.
func (s *Server) Hold(of string) *Gate {
	g := &Gate{server: s, held: make(chan *HeldRequest, maxHeld)}
	s.SetFault(func(w http.ResponseWriter, r *http.Request, next http.Handler, ended <-chan struct{}) {
		if requestKind(r) != of {
			next.ServeHTTP(w, r)
			return
		}
		h := &HeldRequest{URI: r.URL.RequestURI(), answer: make(chan Fault, 1)}
		g.held <- h
		select {
		case fault := <-h.answer:
			fault(w, r, next, ended)
		case <-r.Context().Done():
			abort()
		case <-ended:
			next.ServeHTTP(w, r)
		}
	})
	return g
}

// Next waits for a held request and returns it. The request stays held until Answer or AnswerWith is called.
func (g *Gate) Next(t testing.TB) *HeldRequest {
	t.Helper()
	return harness.Receive(t, g.held, "a request")
}

// Answer lets the server answer the request as usual.
func (h *HeldRequest) Answer() {
	h.AnswerWith(func(w http.ResponseWriter, r *http.Request, next http.Handler, _ <-chan struct{}) {
		next.ServeHTTP(w, r)
	})
}

// AnswerWith answers the held request as the fault f does, instead of correctly.
func (h *HeldRequest) AnswerWith(f Fault) { h.answer <- f }

// Release answers all held requests and stops holding further ones.
func (g *Gate) Release() { g.server.SetFault(nil) }
