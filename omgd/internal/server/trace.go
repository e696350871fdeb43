package server

import (
	"time"

	"github.com/omg-arch/omg/omgd/internal/logging"
	"github.com/omg-arch/omg/shared/wire"
)

// stages are the times of one request, taken when the log goes down to trace and
// nil otherwise.
type stages struct{ read, ready time.Time }

// stages begins to take times if they are wanted.
func (c *conn) stages() *stages {
	if !c.s.cfg.Log.Enabled(c.ctx, logging.LevelTrace) {
		return nil
	}
	return &stages{read: time.Now()}
}

// decoded ends the check of the frame and the reading of its header.
func (s *stages) decoded() {
	if s != nil {
		s.ready = time.Now()
	}
}

// answered writes what is collected, which would otherwise wait for more, and logs
// the request in one line. A slow request is answered by a goroutine that has its
// own line: here it is handed over.
func (s *stages) answered(c *conn, h wire.Header) {
	if s == nil {
		return
	}
	made := time.Now()
	size := len(c.out)
	_ = c.flush() // a broken connection is found at the next request
	logging.Trace(c.s.cfg.Log, "request", "op", string(h.Op), "id", h.ID, "uid", c.peer.UID,
		"decode", s.ready.Sub(s.read), "answer", made.Sub(s.ready), "write", time.Since(made), "bytes", size)
}
