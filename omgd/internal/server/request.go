package server

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/wire"
)

// Request is a request that passed the frame check.
type Request struct {
	ID    uint64
	Op    string
	Peer  Peer
	frame []byte
	head  wire.Header // of the frame
	room  *[]byte     // for its key, used again for the connection's next request
}

// Decode reads the operation's own fields into v.
func (r *Request) Decode(v any) error {
	var err error
	if own, ok := v.(interface{ DecodeRequest([]byte) error }); ok {
		err = own.DecodeRequest(r.frame)
	} else {
		err = msgpack.Unmarshal(r.frame, v)
	}
	if err != nil {
		return wire.Errorf(wire.CodeInvalid, "%s: %v", r.Op, err)
	}
	return nil
}

// Key is the request without its id: two requests with the same key have the same
// answer, whoever asks. It is good until the handler returns.
func (r *Request) Key() []byte {
	if r.room == nil {
		return r.head.AppendKey(nil)
	}
	*r.room = r.head.AppendKey((*r.room)[:0])
	return *r.room
}

// Writer takes the parts of one answer.
type Writer struct {
	c     *conn
	id    uint64
	slow  bool // its handler runs beside the connection's goroutine
	began bool // a part was sent
	ended bool
}

// maxResult leaves room in a frame for what a response has besides its result.
const maxResult = wire.MaxFrame - 64

var errEnded = errors.New("a part behind the last one")

// Part sends an encoded result; more says that another part follows. It waits
// for the peer to read, and fails when the peer does not.
func (w *Writer) Part(result []byte, more bool) error {
	if len(result) > maxResult {
		return wire.Errorf(wire.CodeTooLarge, "a part of %d bytes does not fit into a frame", len(result))
	}
	if err := w.part(more); err != nil {
		return err
	}
	c := w.c
	switch {
	case w.slow:
		return c.write(wire.AppendResultHead(nil, w.id, len(result), more), result)
	case more, len(result) >= keep:
		// Written from where it is: who waits for a peer needs no second copy.
		c.out = wire.AppendResultHead(c.out, w.id, len(result), more)
		return c.flushWith(result)
	}
	c.room(headRoom + len(result))
	c.out = wire.AppendResult(c.out, w.id, result, more)
	return c.flushLarge()
}

// part looks whether a part may come, and notes the last.
func (w *Writer) part(more bool) error {
	if w.ended {
		return errEnded
	}
	w.began, w.ended = true, !more
	if w.slow && w.ended {
		w.c.landed(w.id)
	}
	return nil
}

// Result sends a result in one part.
func (w *Writer) Result(v any) error {
	b, err := msgpack.Marshal(v)
	if err != nil {
		return err
	}
	return w.Part(b, false)
}

// later is how a handler says that the answer takes waiting.
type later struct{ handle Handler }

func (*later) Error() string { return "answered later" }

// Later is what the handler of a fast operation returns, before it wrote
// anything, to have this one request answered by a handler that may wait, beside
// the others of its connection.
func Later(h Handler) error { return &later{h} }

// run calls a handler. What it panics with is its request's error and nobody
// else's. Only what ends the connection is returned.
func (c *conn) run(h Handler, r *Request, w *Writer) error {
	err := c.call(h, r, w)
	if err == nil && w.ended {
		return nil
	}
	if l, ok := err.(*later); ok && !w.slow && !w.began {
		c.s.active.Add(1) // the goroutine's own; the caller gives its back
		return c.startSlow(&op{Op: Op{Handle: l.handle, Slow: true}, name: r.Op, observe: c.s.ops[r.Op].observe}, r.ID, r.frame)
	}
	if gone := c.ctx.Err(); gone != nil && c.s.ctx.Err() == nil {
		return gone // nobody to tell
	}
	return c.answerError(r, w, err)
}

func (c *conn) answerError(r *Request, w *Writer, err error) error {
	var said *wire.Error
	switch {
	case err == nil:
		c.s.cfg.Log.Error("a handler ended without an answer", "op", r.Op)
		said = wire.Errorf(wire.CodeInternal, "no answer")
	case w.ended:
		c.s.cfg.Log.Warn("request failed behind its answer", "op", r.Op, "err", err)
		return nil
	case !errors.As(err, &said):
		c.s.cfg.Log.Warn("request failed", "op", r.Op, "err", err)
		said = wire.Errorf(wire.CodeInternal, "%v", err)
	}
	if err := w.part(false); err != nil {
		return err
	}
	if w.slow {
		c.failed(said)
		return c.write(wire.AppendError(nil, w.id, said), nil)
	}
	return c.fail(w.id, said)
}

// slowRequest is how long a request may take before the log says so.
const slowRequest = 5 * time.Second

func (c *conn) call(h Handler, r *Request, w *Writer) (err error) {
	if log := c.s.cfg.Log; w.slow || log.Enabled(c.ctx, slog.LevelDebug) {
		start := time.Now()
		defer func() {
			level, text := slog.LevelDebug, "request"
			took := time.Since(start)
			if took > slowRequest {
				level, text = slog.LevelWarn, "a slow request"
			}
			log.Log(c.ctx, level, text, "op", r.Op, "id", r.ID, "uid", r.Peer.UID, "took", took, "err", err)
		}()
	}
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		err = wire.Errorf(wire.CodeInternal, "internal error, see the log")
		c.s.cfg.Log.Error("a handler panicked", "op", r.Op, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		var fault interface {
			runtime.Error
			Addr() uintptr
		}
		if e, ok := p.(error); ok && errors.As(e, &fault) && c.s.cfg.Fault != nil {
			c.s.cfg.Fault()
		}
	}()
	return h(c.ctx, r, w)
}
