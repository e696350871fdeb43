package server

import (
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/wire"
)

// watchSendBuffer is the size of the socket's buffer for a peer that watches a topic, in bytes; the kernel doubles it. It limits how many
// states wait in the kernel for a peer that does not read.
const watchSendBuffer = 16 << 10

// Topic is a state that changes and that peers watch. The reply to a request to watch it consists of the current state, and of a further
// chunk with the whole state after each change. A peer that reads slowly gets only the newest state. The states are written by
// the goroutine that calls Publish, without waiting for any peer. Only a peer whose socket's buffer is full has a goroutine, until it has
// read the rest.
type Topic struct {
	mu      sync.Mutex
	state   []byte // the encoded state; nil before the first call of Publish
	version uint64 // the number of states that were announced
	failure *wire.Error
	watches map[*watch]struct{}
}

// NewTopic returns a topic without a state. A peer that watches it waits for the first state.
func NewTopic() *Topic { return &Topic{watches: make(map[*watch]struct{})} }

// Publish sets the encoded state, which must not be changed afterwards. If announce is false, only peers that begin to watch get this state.
// Publish does not wait for peers.
func (t *Topic) Publish(state []byte, announce bool) {
	t.mu.Lock()
	announce = announce || t.state == nil || t.failure != nil
	t.state, t.failure = state, nil
	if announce {
		t.version++
	}
	t.mu.Unlock()
	if announce {
		t.offerAll()
	}
}

// Fail ends the replies to all peers that watch the topic with an error. Until the next call of Publish, requests are refused with this error.
func (t *Topic) Fail(e *wire.Error) {
	t.mu.Lock()
	t.failure = e
	t.mu.Unlock()
	t.offerAll()
}

// offerAll sends each peer what it does not have yet.
func (t *Topic) offerAll() {
	t.mu.Lock()
	all := make([]*watch, 0, len(t.watches))
	for w := range t.watches {
		all = append(all, w)
	}
	t.mu.Unlock()
	for _, w := range all {
		w.offer()
	}
}

// current returns the state and its version, or the error with which replies end.
func (t *Topic) current() (state []byte, version uint64, failure *wire.Error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state, t.version, t.failure
}

// watch is one request to watch a topic.
type watch struct {
	c     *conn
	id    uint64
	topic *Topic

	mu          sync.Mutex
	sentVersion uint64 // the version of the last state that was sent or is being sent
	isSending   bool   // a goroutine waits for the peer to read
	hasEnded    bool   // no further frame may be sent
	failure     *wire.Error
}

// startWatch begins to send the states of a topic. If it returns an error, the connection must be closed.
func (c *conn) startWatch(o *op, id uint64) error {
	t := o.Topic
	if o.onRequestDone != nil {
		start := time.Now()
		defer func() { o.onRequestDone(time.Since(start)) }()
	}
	if err := c.checkInFlight(); err != nil {
		return c.replyWithError(id, err)
	}
	if !c.s.shares.watches.TryAcquire(c.user, 1) {
		return c.replyWithError(id, wire.Errorf(wire.CodeBusy, "too many connections of user %d watch omgd", c.peer.UID))
	}
	if err := c.flush(); err != nil { // the replies to earlier requests first
		c.s.shares.watches.Add(c.user, -1)
		return err
	}
	_ = c.nc.SetWriteBuffer(watchSendBuffer) // otherwise more states wait in the kernel
	w := &watch{c: c, id: id, topic: t}
	c.addInFlight(id)
	c.watches = append(slices.DeleteFunc(c.watches, (*watch).isOver), w)
	t.mu.Lock()
	t.watches[w] = struct{}{}
	t.mu.Unlock()
	w.offer()
	return nil
}

// endWatches ends all watches of a connection. If e is not nil, it is the last frame of their replies.
func (c *conn) endWatches(e *wire.Error) {
	for _, w := range c.watches {
		w.end(e)
	}
}

// isOver reports whether a watch has ended and no goroutine sends its last frame.
func (w *watch) isOver() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.hasEnded && !w.isSending
}

// end ends a watch, with the error e unless it is nil.
func (w *watch) end(e *wire.Error) {
	w.mu.Lock()
	if e == nil {
		w.finish()
	}
	w.failure = e
	w.mu.Unlock()
	w.offer()
}

// finish releases what the watch holds. It is called with mu locked.
func (w *watch) finish() {
	if w.hasEnded {
		return
	}
	w.hasEnded = true
	w.topic.mu.Lock()
	delete(w.topic.watches, w)
	w.topic.mu.Unlock()
	w.c.removeInFlight(w.id)
	w.c.slowCount.Add(-1)
	w.c.s.shares.watches.Add(w.c.user, -1)
}

// next returns the next frame, in two parts, or nil if the peer has everything. It is called with mu locked.
func (w *watch) next() (head, state []byte) {
	if w.hasEnded {
		return nil, nil
	}
	state, version, failure := w.topic.current()
	if w.failure != nil {
		failure = w.failure
	}
	if failure != nil {
		w.finish()
		w.c.countError(failure)
		return w.c.s.appendError(nil, w.id, failure), nil
	}
	if version == w.sentVersion {
		return nil, nil
	}
	w.sentVersion = version
	return wire.AppendResultHead(nil, w.id, len(state), true), state
}

// offer sends what the peer does not have yet, as far as it fits into the socket's buffer. A goroutine sends the rest when the peer reads.
func (w *watch) offer() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.isSending {
		return // the goroutine sends the newest state afterwards
	}
	head, state := w.next()
	if head == nil {
		return
	}
	locked := w.c.writeMu.TryLock()
	if locked {
		head, state = w.c.sendWithoutBlocking(head, state)
		if len(head)+len(state) == 0 {
			w.c.writeMu.Unlock()
			return
		}
	}
	w.isSending = true
	w.c.slowDone.Go(func() { w.sendRest(head, state, locked) })
}

// sendRest sends a frame, or the rest of one, and then further frames until the peer has the newest state. If locked is true,
// sendRest takes over the locked mutex writeMu, so that no other frame gets into the middle of this one.
func (w *watch) sendRest(head, state []byte, locked bool) {
	for head != nil {
		if !locked {
			w.c.writeMu.Lock()
		}
		locked = false
		n := int64(len(head) + len(state))
		w.c.addUnsent(n)
		err := w.c.sendLocked(head, state)
		w.c.addUnsent(-n)
		w.c.writeMu.Unlock()
		w.mu.Lock()
		if err != nil {
			w.finish()
		}
		if head, state = w.next(); head == nil {
			w.isSending = false
		}
		w.mu.Unlock()
	}
}

// sendWithoutBlocking writes as much as fits into the socket's buffer, and returns the rest. It is called with writeMu locked.
func (c *conn) sendWithoutBlocking(head, body []byte) (restOfHead, restOfBody []byte) {
	if c.writeErr != nil {
		return nil, nil // the connection is being closed
	}
	n := 0
	// The method Write of c.raw would fail after the deadline of an earlier write.
	_ = c.raw.Control(func(fd uintptr) { // if the write fails, the following call of sendLocked returns the error
		n, _ = unix.SendmsgBuffers(int(fd), [][]byte{head, body}, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	})
	n = max(0, n)
	inHead := min(n, len(head))
	return head[inHead:], body[n-inHead:]
}
