package web

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// The times of a stream of events: an event at most once in eventPause, and a comment after keepAlive without one, so that a client that is
// gone is noticed.
const (
	eventPause = time.Second
	keepAlive  = 25 * time.Second
	sendLimit  = 10 * time.Second
)

// events sends the number of the version whenever something has changed. The page then loads itself again.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		w.Header().Set("Retry-After", "60")
		s.fail(w, http.StatusServiceUnavailable, "Too many pages are open.")
		return
	}
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would collect events
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // otherwise the stream would end with the time for reading a request
	send := func(format string, values ...any) bool {
		_ = control.SetWriteDeadline(time.Now().Add(sendLimit))
		_, err := fmt.Fprintf(w, format, values...)
		return err == nil && control.Flush() == nil
	}
	seen := s.fleet.Version()
	if !send("retry: 3000\nevent: version\ndata: %d\n\n", seen) {
		return
	}
	for s.isStillLoggedIn(r) {
		ctx, cancel := context.WithTimeout(r.Context(), keepAlive)
		version, err := s.fleet.Wait(ctx, seen)
		cancel()
		switch {
		case r.Context().Err() != nil:
			return
		case err != nil:
			if !send(": nothing has changed\n\n") {
				return
			}
			continue
		}
		if seen = version; !send("event: version\ndata: %d\n\n", version) {
			return
		}
		select {
		case <-time.After(eventPause):
		case <-r.Context().Done():
			return
		}
	}
}

// isStillLoggedIn reports whether the session of a stream has not ended.
func (s *Server) isStillLoggedIn(r *http.Request) bool {
	return s.options.UserHeader != "" || s.sessions.isValid(r)
}
