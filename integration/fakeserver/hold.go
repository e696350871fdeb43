package fakeserver

import (
	"net/http"
	"testing"

	"github.com/omg-arch/omg/integration/harness"
)

// Gate holds requests until the test answers them.
type Gate struct {
	server *Server
	held   chan *Held
}

// Held is a request that waits for its answer.
type Held struct {
	URI    string
	answer chan Fault
}

// maxHeld is the maximum number of requests that a gate holds before the test takes one of them.
const maxHeld = 10_000

// Hold holds each further request of a kind. Requests of other kinds are answered.
func (s *Server) Hold(of string) *Gate {
	g := &Gate{server: s, held: make(chan *Held, maxHeld)}
	s.Set(func(w http.ResponseWriter, r *http.Request, next http.Handler, ended <-chan struct{}) {
		if kind(r) != of {
			next.ServeHTTP(w, r)
			return
		}
		h := &Held{URI: r.URL.RequestURI(), answer: make(chan Fault, 1)}
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

// Next waits for a held request and returns it. The request stays held until Answer or With is called.
func (g *Gate) Next(t testing.TB) *Held {
	t.Helper()
	return harness.Receive(t, g.held, "a request")
}

// Answer lets the server answer the request as usual.
func (h *Held) Answer() {
	h.With(func(w http.ResponseWriter, r *http.Request, next http.Handler, _ <-chan struct{}) {
		next.ServeHTTP(w, r)
	})
}

// With answers the held request as the fault f does, instead of correctly.
func (h *Held) With(f Fault) { h.answer <- f }

// Release answers all held requests and stops holding further ones.
func (g *Gate) Release() { g.server.Set(nil) }
