package server

import (
	"time"

	"github.com/omg-arch/omg/omgd/internal/logging"
	"github.com/omg-arch/omg/shared/wire"
)

// stages contains the times of one request. It is nil unless the log's level is trace.
type stages struct{ read, ready time.Time }

// stages starts the times of a request, if the log's level is trace.
func (c *conn) stages() *stages {
	if !c.s.cfg.Log.Enabled(c.ctx, logging.LevelTrace) {
		return nil
	}
	return &stages{read: time.Now()}
}

// decoded stores the time at which the header was decoded.
func (s *stages) decoded() {
	if s != nil {
		s.ready = time.Now()
	}
}

// answered flushes the collected replies, to measure the write, and logs the request in
// one line. For a slow request, this line only covers the start; the goroutine of the
// request logs a second line.
func (s *stages) answered(c *conn, h wire.Header) {
	if s == nil {
		return
	}
	made := time.Now()
	size := len(c.out)
	_ = c.flush() // an error is found at the next request
	logging.Trace(c.s.cfg.Log, "request", "op", string(h.Op), "id", h.ID, "uid", c.peer.UID,
		"decode", s.ready.Sub(s.read), "answer", made.Sub(s.ready), "write", time.Since(made), "bytes", size)
}
