package fakeserver

import (
	"net/http"
	"testing"

	"github.com/omg-arch/omg/integration/harness"
)

// Gate keeps requests back until the test lets them go on.
type Gate struct {
	server *Server
	held   chan *Held
}

// Held is a request that has come and waits for its answer.
type Held struct {
	URI    string
	answer chan Fault
}

// maxHeld is how many requests a gate can tell of before the test looks at one.
const maxHeld = 10_000

// Hold has the server keep each request of a kind that comes from now on. The
// others are answered.
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

// Next waits for a request and returns it; it stays held.
func (g *Gate) Next(t testing.TB) *Held {
	t.Helper()
	return harness.Receive(t, g.held, "a request")
}

// Answer has the server answer the request as usual.
func (h *Held) Answer() {
	h.With(func(w http.ResponseWriter, r *http.Request, next http.Handler, _ <-chan struct{}) {
		next.ServeHTTP(w, r)
	})
}

// With answers the request with a fault.
func (h *Held) With(f Fault) { h.answer <- f }

// Release answers what is held as usual, and what comes later at once.
func (g *Gate) Release() { g.server.Set(nil) }
