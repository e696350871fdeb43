package server

import (
	"bytes"
	"context"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/wire"
)

// shared changes cfg for a server with several users. All connections of the test have the same user. While admin is
// true, that user is an administrator.
func shared(cfg Config, admin *atomic.Bool) Config {
	cfg.HasSeveralUsers, cfg.IsAdmin = true, func(Peer) bool { return admin.Load() }
	return cfg
}

// TestTurns_WaitingConnections checks that a connection has no turn while it waits for its peer. It opens idle
// connections, connections that have sent half a frame, and connections whose peer does not read its short replies. A
// further connection of the same user is still answered.
func TestTurns_WaitingConnections(t *testing.T) {
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
		for err == nil { // write until the socket's buffer is full
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

// TestTurns_TooManyWait checks that a user's further connections are refused while maxWaitingPerUser requests and connections
// of the user wait for a turn. The connection of an administrator is served.
func TestTurns_TooManyWait(t *testing.T) {
	var admin atomic.Bool
	var begun atomic.Int64
	gate := make(chan struct{})
	cfg := shared(handlerConfig(func(_ context.Context, _ *Request, w *Writer) error {
		begun.Add(1)
		<-gate
		return w.Chunk(emptyMap, false)
	}), &admin)
	cfg.Limits = Limits{MaxConnections: 4 * maxWaitingPerUser}
	s, dial, _ := serve(t, cfg)
	user := s.userOf(Peer{UID: uint32(os.Getuid())})
	first := dial()
	send(t, first, request(t, 1, "op", nil))
	var waiting []net.Conn
	for s.shares.turns.Waiting(user) < maxWaitingPerUser {
		nc := dial()
		send(t, nc, request(t, 1, "op", nil))
		waiting = append(waiting, nc)
		require.LessOrEqual(t, len(waiting), 2*maxWaitingPerUser)
		await.Condition(t, func() bool { return int(begun.Load())+s.shares.turns.Waiting(user) == len(waiting)+1 }, "each request runs or waits")
	}
	r := response(t, dial())
	require.Equal(t, wire.CodeBusy, r.Err.Code)
	require.Equal(t, len(waiting)+1, s.Connections())
	admin.Store(true)
	nc := dial()
	send(t, nc, request(t, 1, wire.OpPing, nil))
	require.Nil(t, response(t, nc).Err)
	close(gate)
	for _, nc := range append(waiting, first) {
		require.Nil(t, response(t, nc).Err, "the waiting requests are answered in the end")
	}
}

// TestTurns_ReplyIsWritten checks that a reply is written before other requests of the same user run, which wait for a
// turn.
func TestTurns_ReplyIsWritten(t *testing.T) {
	var begun atomic.Int64
	first, others := make(chan struct{}), make(chan struct{})
	s, dial, _ := serve(t, shared(handlerConfig(func(_ context.Context, _ *Request, w *Writer) error {
		if begun.Add(1) == 1 {
			<-first
		} else {
			<-others
		}
		return w.Chunk(emptyMap, false)
	}), new(atomic.Bool)))
	nc := dial()
	send(t, nc, request(t, 1, "op", nil))
	await.Condition(t, func() bool { return begun.Load() == 1 }, "the first request")
	var rest []net.Conn
	for s.shares.turns.Waiting(self()) == 0 {
		other := dial()
		send(t, other, request(t, 1, "op", nil))
		rest = append(rest, other)
		await.Condition(t, func() bool { return s.Connections() == len(rest)+1 }, "a connection")
	}
	close(first)
	require.Nil(t, response(t, nc).Err)
	close(others)
	for _, nc := range rest {
		require.Nil(t, response(t, nc).Err)
	}
}

// TestTurns_PeerClosed checks what happens to requests whose peer closes its socket. A running request ends when it
// next calls Yield. A request that waits for a turn does not start. If a peer only shuts down its sending side, its
// request is answered.
func TestTurns_PeerClosed(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2)) // with more, a user could have more than one turn
	var begun atomic.Int64
	ended, gate := make(chan error, 1), make(chan struct{})
	cfg := shared(handlerConfig(func(_ context.Context, _ *Request, w *Writer) error {
		if begun.Add(1) > 1 {
			return w.Chunk(emptyMap, false)
		}
		<-gate
		time.Sleep(maxTurn)
		err := w.Yield()
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
		await.Condition(t, func() bool { return s.shares.turns.Waiting(s.userOf(Peer{UID: uint32(os.Getuid())})) == i+1 }, "a waiting request")
	}
	require.NoError(t, first.Close())
	require.NoError(t, second.Close())
	require.NoError(t, third.CloseWrite())
	close(gate)
	require.ErrorIs(t, <-ended, context.Canceled)
	require.Nil(t, response(t, third).Err)
	require.EqualValues(t, 2, begun.Load())
}

// TestAccept_PeerClosed checks that the server does not run the request of a connection whose peer closed the
// connection before it was accepted.
func TestAccept_PeerClosed(t *testing.T) {
	var begun atomic.Int64
	s, dial, _ := serve(t, shared(handlerConfig(func(_ context.Context, _ *Request, w *Writer) error {
		begun.Add(1)
		return w.Chunk(emptyMap, false)
	}), new(atomic.Bool)))
	s.mu.Lock() // stops the goroutine that accepts connections
	dial()
	closed, nc := dial(), dial()
	send(t, closed, request(t, 1, "op", nil))
	require.NoError(t, closed.Close())
	send(t, nc, request(t, 1, "op", nil))
	s.mu.Unlock()
	require.Nil(t, response(t, nc).Err)
	require.EqualValues(t, 1, begun.Load())
}

// TestPeerClosed_Signals checks that peerClosed does not report an open socket as closed when a signal arrives. The Go
// runtime sends such signals to interrupt goroutines that compute for a long time.
func TestPeerClosed_Signals(t *testing.T) {
	s, dial, _ := serve(t, Config{})
	dial()
	await.Condition(t, func() bool { return s.Connections() == 1 }, "a connection")
	raw := connections(s)[0].raw
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	thread, end := unix.Gettid(), make(chan struct{})
	var signals sync.WaitGroup
	var sent atomic.Int64
	signals.Go(func() {
		for {
			select {
			case <-end:
				return
			default:
				_ = unix.Tgkill(os.Getpid(), thread, unix.SIGURG)
				sent.Add(1)
			}
		}
	})
	gone := 0
	for sent.Load() < 400_000 {
		if peerClosed(raw) {
			gone++
		}
	}
	close(end)
	signals.Wait()
	require.Zero(t, gone)
}
