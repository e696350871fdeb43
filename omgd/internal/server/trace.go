package server

import (
	"time"

	"github.com/omg-arch/omg/omgd/internal/logging"
	"github.com/omg-arch/omg/shared/wire"
)

// stages contains the times at which a request was read and its header was decoded. It is
// nil unless the log's level is trace.
type stages struct{ read, ready time.Time }

// stages records the time at which a request was read, if the log's level is trace.
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

// answered flushes the collected replies, to measure the write, and logs the request in one
// line. For a slow request, this line covers only the time until its goroutine was started.
// That goroutine logs a second line.
func (s *stages) answered(c *conn, h wire.Header) {
	if s == nil {
		return
	}
	made := time.Now()
	size := len(c.out)
	_ = c.flush() // if the flush fails, the next request finds the error
	logging.Trace(c.s.cfg.Log, "request", "op", string(h.Op), "id", h.ID, "uid", c.peer.UID,
		"decode", s.ready.Sub(s.read), "answer", made.Sub(s.ready), "write", time.Since(made), "bytes", size)
}
