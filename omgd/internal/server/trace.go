package server

import (
	"time"

	"github.com/omg-arch/omg/omgd/internal/logging"
	"github.com/omg-arch/omg/shared/wire"
)

// requestTrace contains the times at which a request was read and its header was decoded. It is
// nil unless the log's level is trace.
type requestTrace struct{ readAt, decodedAt time.Time }

// startTrace records the time at which a request was read, if the log's level is trace.
func (c *conn) startTrace() *requestTrace {
	if !c.s.cfg.Log.Enabled(c.ctx, logging.LevelTrace) {
		return nil
	}
	return &requestTrace{readAt: time.Now()}
}

// markDecoded stores the time at which the header was decoded.
func (s *requestTrace) markDecoded() {
	if s != nil {
		s.decodedAt = time.Now()
	}
}

// logAnswered flushes the collected replies, to measure the write, and logs the request in one
// line. For a slow request, this line covers only the time until its goroutine was started.
// That goroutine logs a second line.
func (s *requestTrace) logAnswered(c *conn, h wire.RequestHeader) {
	if s == nil {
		return
	}
	made := time.Now()
	size := len(c.out)
	_ = c.flush() // if the flush fails, the next request finds the error
	logging.Trace(c.s.cfg.Log, "request", "op", string(h.Op), "id", h.ID, "uid", c.peer.UID,
		"decode", s.decodedAt.Sub(s.readAt), "answer", made.Sub(s.decodedAt), "write", time.Since(made), "bytes", size)
}
