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

// Request is a request whose frame wire.CheckRequest has accepted.
type Request struct {
	ID             uint64
	Op             string
	Peer           Peer
	frame          []byte
	head           wire.RequestHeader // the decoded header of frame
	cacheKeyBuffer *[]byte            // the buffer of the key; the connection's next request uses it again
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

// CacheKey returns the encoded request without its id. It identifies the question: requests with the same key get the same
// reply, from whichever peer they come. The key is valid until the handler returns.
func (r *Request) CacheKey() []byte {
	if r.cacheKeyBuffer == nil {
		return r.head.AppendCacheKey(nil)
	}
	*r.cacheKeyBuffer = r.head.AppendCacheKey((*r.cacheKeyBuffer)[:0])
	return *r.cacheKeyBuffer
}

// Writer sends the chunks of one reply.
type Writer struct {
	c             *conn
	id            uint64
	hasGoroutine  bool // the request has its own goroutine
	isDeferred    bool // the handler has returned a DeferredHandler, which answers the request with its own Writer
	started       bool // a first chunk or an error was written
	ended         bool // the last chunk or an error was written
	turn          *turn
	countedMemory int64 // the bytes that CountMemory has counted
}

// CountMemory counts memory, in bytes, that the handler needs until the whole reply is written. It counts like unread replies
// of the user, so it is limited by MaxUnsent.
func (w *Writer) CountMemory(bytes int) {
	w.countedMemory += int64(bytes)
	w.c.s.shares.unsent.Add(w.c.user, int64(bytes))
}

// uncountMemory subtracts the memory that CountMemory has counted.
func (w *Writer) uncountMemory() {
	if w.countedMemory != 0 {
		w.c.s.shares.unsent.Add(w.c.user, -w.countedMemory)
		w.countedMemory = 0
	}
}

// Yield must be called regularly by a handler that computes for a long time. It lets waiting requests of other users
// run. It returns an error if the peer does not wait for the reply any more.
func (w *Writer) Yield() error { return w.turn.yield() }

// RunBlocking calls the function wait, which may block. Other requests can run in the meantime. Only a DeferredHandler may call Wait,
// because a Handler must not block.
func (w *Writer) RunBlocking(wait func()) error {
	held := w.turn.release()
	wait()
	if !held {
		return nil
	}
	return w.turn.reacquire()
}

// maxChunkSize is the maximum size of a chunk. The other bytes of a frame are reserved for the header of the reply.
const maxChunkSize = wire.MaxFrameSize - 64

var errReplyEnded = errors.New("chunk after the last chunk of the reply")

// Chunk sends a chunk of the reply, which contains an encoded result. The parameter more tells the peer whether another
// chunk follows. Chunk may wait until the peer reads, and returns an error if the peer does not read in time.
func (w *Writer) Chunk(result []byte, more bool) error {
	if len(result) > maxChunkSize {
		return wire.Errorf(wire.CodeTooLarge, "a chunk of %d bytes does not fit into a frame", len(result))
	}
	if err := w.startChunk(more); err != nil {
		return err
	}
	c := w.c
	switch {
	case w.hasGoroutine:
		return c.write(w.turn, wire.AppendResultHead(nil, w.id, len(result), more), result)
	case more, len(result) >= maxIdleBuffer:
		// Write the result directly: a copy of it would use memory until the peer reads.
		c.out = wire.AppendResultHead(c.out, w.id, len(result), more)
		return c.flushWith(result)
	}
	c.growOut(maxHeaderSize + len(result))
	c.out = wire.AppendResult(c.out, w.id, result, more)
	return c.flushLarge()
}

// startChunk is called before a chunk or an error is written. It returns an error if the reply has already ended.
func (w *Writer) startChunk(more bool) error {
	if w.ended {
		return errReplyEnded
	}
	w.started, w.ended = true, !more
	if w.hasGoroutine && w.ended {
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

// runHandler calls a handler and sends the handler's error to the peer. If runHandler itself returns an error, the
// connection must be closed.
func (c *conn) runHandler(h Handler, r *Request, w *Writer) error {
	later, err := c.callHandler(h, r, w)
	w.uncountMemory()
	if later != nil && err == nil && !w.started {
		c.s.runningRequests.Add(1) // counts the request a second time, because dispatch and the new goroutine each subtract 1
		w.isDeferred = true
		return c.startSlow(later, c.s.ops[r.Op], r.ID, r.frame)
	}
	return c.finishRequest(r, w, err)
}

// runDeferred is like runHandler, for a DeferredHandler.
func (c *conn) runDeferred(d DeferredHandler, r *Request, w *Writer) error {
	if err := w.turn.acquire(); err != nil {
		return err // the peer has disconnected
	}
	defer w.turn.finish()
	_, err := c.callHandler(func(ctx context.Context, r *Request, w *Writer) (DeferredHandler, error) { return nil, d(ctx, r, w) }, r, w)
	w.uncountMemory()
	return c.finishRequest(r, w, err)
}

// finishRequest sends the handler's error err, unless the peer has disconnected. A handler without a complete reply is
// an error too.
func (c *conn) finishRequest(r *Request, w *Writer, err error) error {
	if err == nil && w.ended {
		return nil
	}
	if canceled := c.ctx.Err(); canceled != nil && c.s.ctx.Err() == nil {
		return canceled // the peer has disconnected
	}
	return c.answerError(r, w, err)
}

func (c *conn) answerError(r *Request, w *Writer, err error) error {
	var werr *wire.Error
	switch {
	case err == nil:
		c.s.cfg.Log.Error("handler sent no complete reply", "op", r.Op)
		werr = wire.Errorf(wire.CodeInternal, "omgd sent no complete reply")
	case w.ended:
		c.s.cfg.Log.Warn("handler failed after its last chunk", "op", r.Op, "err", err)
		return nil
	case !errors.As(err, &werr):
		c.s.cfg.Log.Warn("request failed", "op", r.Op, "err", err)
		werr = wire.Errorf(wire.CodeInternal, "%v", err)
	}
	if err := w.startChunk(false); err != nil {
		return err
	}
	if w.hasGoroutine {
		c.countError(werr)
		return c.write(w.turn, c.s.appendError(nil, w.id, werr), nil)
	}
	return c.replyWithError(w.id, werr)
}

// slowRequestThreshold is the duration above which a request is logged as slow.
const slowRequestThreshold = 5 * time.Second

// callHandler calls a handler and logs the request. If the handler panics, it returns an internal error.
func (c *conn) callHandler(h Handler, r *Request, w *Writer) (later DeferredHandler, err error) {
	if log := c.s.cfg.Log; w.hasGoroutine || log.Enabled(c.ctx, slog.LevelDebug) {
		start := time.Now()
		defer func() {
			level, text := slog.LevelDebug, "request"
			took := time.Since(start)
			if took > slowRequestThreshold {
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
		if e, ok := p.(error); ok && errors.As(e, &fault) && c.s.cfg.OnMemoryFault != nil {
			c.s.cfg.OnMemoryFault()
		}
	}()
	return h(c.ctx, r, w)
}
