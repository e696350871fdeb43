package server

import (
	"context"
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
	ID        uint64
	Op        string
	Peer      Peer
	frame     []byte
	head      wire.Header // of the frame
	keyBuffer *[]byte     // buffer for the key, reused by the connection's next request
}

// Decode decodes the operation's fields into v.
func (r *Request) Decode(v any) error {
	var err error
	if decoder, ok := v.(interface{ DecodeRequest([]byte) error }); ok {
		err = decoder.DecodeRequest(r.frame)
	} else {
		err = msgpack.Unmarshal(r.frame, v)
	}
	if err != nil {
		return wire.Errorf(wire.CodeInvalid, "%s: %v", r.Op, err)
	}
	return nil
}

// Key returns the request without its id: requests with the same key have the same reply
// for all peers. It is valid until the handler returns.
func (r *Request) Key() []byte {
	if r.keyBuffer == nil {
		return r.head.AppendKey(nil)
	}
	*r.keyBuffer = r.head.AppendKey((*r.keyBuffer)[:0])
	return *r.keyBuffer
}

// Writer sends the chunks of one reply.
type Writer struct {
	c        *conn
	id       uint64
	slow     bool // the handler does not run on serve's goroutine
	deferred bool // a Deferred with another writer answers the request
	started  bool // a chunk was sent
	ended    bool
	turn     *turn
	kept     int64 // bytes
}

// Keep counts memory that the handler needs until the whole reply is written, in bytes.
// It is a part of what the user's peers have not read.
func (w *Writer) Keep(bytes int) {
	w.kept += int64(bytes)
	w.c.s.shares.unsent.Add(w.c.user, int64(bytes))
}

// release ends what Keep counts.
func (w *Writer) release() {
	if w.kept != 0 {
		w.c.s.shares.unsent.Add(w.c.user, -w.kept)
		w.kept = 0
	}
}

// Pause is called again and again by a handler that computes long. Others compute
// meanwhile if they wait for it. An error means that nobody waits for the reply.
func (w *Writer) Pause() error { return w.turn.yield() }

// Wait runs a function that waits for something, and lets other requests compute
// meanwhile. A Handler does not wait, a Deferred may.
func (w *Writer) Wait(wait func()) error {
	held := w.turn.release()
	wait()
	if !held {
		return nil
	}
	return w.turn.reacquire()
}

// maxResult is the largest chunk; the rest of a frame is for the response's header.
const maxResult = wire.MaxFrame - 64

var errEnded = errors.New("a chunk after the last one")

// Chunk sends an encoded result. more is set if another chunk follows. It waits for the
// peer to read, and fails if the peer does not.
func (w *Writer) Chunk(result []byte, more bool) error {
	if len(result) > maxResult {
		return wire.Errorf(wire.CodeTooLarge, "a chunk of %d bytes does not fit into a frame", len(result))
	}
	if err := w.startChunk(more); err != nil {
		return err
	}
	c := w.c
	switch {
	case w.slow:
		return c.write(w.turn, wire.AppendResultHead(nil, w.id, len(result), more), result)
	case more, len(result) >= maxIdleBuffer:
		// Write it without a copy, which would take memory while the peer does not read.
		c.out = wire.AppendResultHead(c.out, w.id, len(result), more)
		return c.flushWith(result)
	}
	c.growOut(headRoom + len(result))
	c.out = wire.AppendResult(c.out, w.id, result, more)
	return c.flushLarge()
}

// chunk registers a chunk. It returns an error after the last one.
func (w *Writer) startChunk(more bool) error {
	if w.ended {
		return errEnded
	}
	w.started, w.ended = true, !more
	if w.slow && w.ended {
		w.c.removeInFlight(w.id)
	}
	return nil
}

// Result sends a result in one chunk.
func (w *Writer) Result(v any) error {
	b, err := msgpack.Marshal(v)
	if err != nil {
		return err
	}
	return w.Chunk(b, false)
}

// run calls a handler and sends its error. It only returns errors that end the
// connection.
func (c *conn) runHandler(h Handler, r *Request, w *Writer) error {
	later, err := c.callHandler(h, r, w)
	w.release()
	if later != nil && err == nil && !w.started {
		c.s.active.Add(1) // for the goroutine; the caller subtracts its own
		w.deferred = true
		return c.startSlow(later, c.s.ops[r.Op], r.ID, r.frame)
	}
	return c.finishRequest(r, w, err)
}

// runDeferred is run for a Deferred.
func (c *conn) runDeferred(d Deferred, r *Request, w *Writer) error {
	if err := w.turn.acquire(); err != nil {
		return err // the peer has disconnected
	}
	defer w.turn.finish()
	_, err := c.callHandler(func(ctx context.Context, r *Request, w *Writer) (Deferred, error) { return nil, d(ctx, r, w) }, r, w)
	w.release()
	return c.finishRequest(r, w, err)
}

// ended sends the error of a request, if there is one and the peer is connected.
func (c *conn) finishRequest(r *Request, w *Writer, err error) error {
	if err == nil && w.ended {
		return nil
	}
	if gone := c.ctx.Err(); gone != nil && c.s.ctx.Err() == nil {
		return gone // the peer has disconnected
	}
	return c.answerError(r, w, err)
}

func (c *conn) answerError(r *Request, w *Writer, err error) error {
	var werr *wire.Error
	switch {
	case err == nil:
		c.s.cfg.Log.Error("handler sent no reply", "op", r.Op)
		werr = wire.Errorf(wire.CodeInternal, "no answer")
	case w.ended:
		c.s.cfg.Log.Warn("request failed after its reply", "op", r.Op, "err", err)
		return nil
	case !errors.As(err, &werr):
		c.s.cfg.Log.Warn("request failed", "op", r.Op, "err", err)
		werr = wire.Errorf(wire.CodeInternal, "%v", err)
	}
	if err := w.startChunk(false); err != nil {
		return err
	}
	if w.slow {
		c.countError(werr)
		return c.write(w.turn, c.s.appendError(nil, w.id, werr), nil)
	}
	return c.fail(w.id, werr)
}

// slowRequest is the duration from which a request is logged as slow.
const slowRequest = 5 * time.Second

// call calls a handler, logs the request and returns a panic as an error.
func (c *conn) callHandler(h Handler, r *Request, w *Writer) (later Deferred, err error) {
	if log := c.s.cfg.Log; w.slow || log.Enabled(c.ctx, slog.LevelDebug) {
		start := time.Now()
		defer func() {
			level, text := slog.LevelDebug, "request"
			took := time.Since(start)
			if took > slowRequest {
				level, text = slog.LevelWarn, "slow request"
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
		c.s.cfg.Log.Error("handler panicked", "op", r.Op, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		var fault interface {
			runtime.Error
			Addr() uintptr
		}
		if e, ok := p.(error); ok && errors.As(e, &fault) && c.s.cfg.OnMapFault != nil {
			c.s.cfg.OnMapFault()
		}
	}()
	return h(c.ctx, r, w)
}
