package server

import (
	"bytes"
	"context"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/wire"
)

// shared configures a server of several users, as one of whom everybody connects who is
// not an administrator.
func shared(cfg Config, admin *atomic.Bool) Config {
	cfg.Shared, cfg.Admin = true, func(Peer) bool { return admin.Load() }
	return cfg
}

// TestTurns_NobodyHoldsOne: connections that wait for their peer hold no turn: idle ones,
// those with half a frame, and those whose peer does not read short replies.
func TestTurns_NobodyHoldsOne(t *testing.T) {
	s, dial, _ := serve(t, shared(Config{}, new(atomic.Bool)))
	half := request(t, 1, wire.OpPing, nil)[:7]
	large := []byte{0, 1, 0, 1, 0x81}
	for range 10 {
		dial()
		send(t, dial(), half)
		send(t, dial(), large)
		deaf := dial()
		require.NoError(t, deaf.SetWriteDeadline(time.Now().Add(20*time.Millisecond)))
		ping, err := bytes.Repeat(request(t, 1, wire.OpPing, nil), 1000), error(nil)
		for err == nil { // until nothing more fits into the socket
			_, err = deaf.Write(ping)
		}
	}
	await.Condition(t, func() bool { return s.Connections() == 40 }, "connections that wait")
	nc := dial()
	for id := range uint64(10) {
		send(t, nc, request(t, id+1, wire.OpPing, nil))
		require.Nil(t, response(t, nc).Err)
	}
}

// TestTurns_TooManyWait: while as many connections of a user wait as may, further ones of
// this user are refused, and those of others are served.
func TestTurns_TooManyWait(t *testing.T) {
	var admin atomic.Bool
	gate := make(chan struct{})
	cfg := shared(handlerConfig(func(_ context.Context, _ *Request, w *Writer) error {
		<-gate
		return w.Chunk(emptyMap, false)
	}), &admin)
	cfg.Limits = Limits{MaxConnections: 4 * maxWaiting}
	s, dial, _ := serve(t, cfg)
	user := s.userOf(Peer{UID: uint32(os.Getuid())})
	first := dial()
	send(t, first, request(t, 1, "op", nil))
	var others []net.Conn
	for s.shares.turns.Waiting(user) < maxWaiting {
		nc := dial()
		send(t, nc, request(t, 1, "op", nil))
		others = append(others, nc)
		require.LessOrEqual(t, len(others), 2*maxWaiting)
		await.Condition(t, func() bool { return s.Connections() == len(others)+1 }, "a connection")
	}
	r := response(t, dial())
	require.Equal(t, wire.CodeBusy, r.Err.Code)
	require.Equal(t, len(others)+1, s.Connections())
	admin.Store(true)
	nc := dial()
	send(t, nc, request(t, 1, wire.OpPing, nil))
	require.Nil(t, response(t, nc).Err)
	close(gate)
	for _, nc := range append(others, first) {
		require.Nil(t, response(t, nc).Err, "those that wait are answered")
	}
}

// TestTurns_Gone: a request ends at its next pause after its peer has gone, and those that
// waited for a turn meanwhile do not begin. A peer that only sends no more is answered.
func TestTurns_Gone(t *testing.T) {
	var begun atomic.Int64
	ended, gate := make(chan error, 1), make(chan struct{})
	cfg := shared(handlerConfig(func(_ context.Context, _ *Request, w *Writer) error {
		if begun.Add(1) > 1 {
			return w.Chunk(emptyMap, false)
		}
		<-gate
		time.Sleep(maxTurn)
		err := w.Pause()
		ended <- err
		return err
	}), new(atomic.Bool))
	s, dial, _ := serve(t, cfg)
	first, second, third := dial(), dial(), dial()
	await.Condition(t, func() bool { return s.Connections() == 3 }, "connections")
	send(t, first, request(t, 1, "op", nil))
	await.Condition(t, func() bool { return begun.Load() == 1 }, "a request")
	for i, nc := range []*net.UnixConn{second, third} {
		send(t, nc, request(t, 1, "op", nil))
		await.Condition(t, func() bool { return s.shares.turns.Waiting(s.userOf(Peer{UID: uint32(os.Getuid())})) == i+1 }, "one that waits")
	}
	require.NoError(t, first.Close())
	require.NoError(t, second.Close())
	require.NoError(t, third.CloseWrite())
	close(gate)
	require.ErrorIs(t, <-ended, context.Canceled)
	require.Nil(t, response(t, third).Err)
	require.EqualValues(t, 2, begun.Load())
}

// TestAccept_Gone: a connection whose peer has closed it before it was accepted is not
// served: others wait behind it.
func TestAccept_Gone(t *testing.T) {
	var begun atomic.Int64
	s, dial, _ := serve(t, shared(handlerConfig(func(_ context.Context, _ *Request, w *Writer) error {
		begun.Add(1)
		return w.Chunk(emptyMap, false)
	}), new(atomic.Bool)))
	s.mu.Lock() // the goroutine that accepts connections waits for it
	dial()
	gone, nc := dial(), dial()
	send(t, gone, request(t, 1, "op", nil))
	require.NoError(t, gone.Close())
	send(t, nc, request(t, 1, "op", nil))
	s.mu.Unlock()
	require.Nil(t, response(t, nc).Err)
	require.EqualValues(t, 1, begun.Load())
}
