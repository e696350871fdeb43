package server

import (
	"context"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omgd/internal/share"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/wire"
)

// self is the user that runs the test. All connections of a test belong to this user.
func self() share.User { return share.User{UID: uint32(os.Getuid())} }

// TestRefused_TooManyOpen checks that the server closes a refused connection immediately if maxRefusedConns refused
// connections are already open.
func TestRefused_TooManyOpen(t *testing.T) {
	s, dial, _ := serve(t, Config{Limits: Limits{MaxConnections: -1}})
	s.shares.refusedConns.Add(share.User{Trusted: true}, maxRefusedConns)
	nc := dial()
	require.Equal(t, wire.CodeBusy, response(t, nc).Err.Code)
	_, err := nc.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	raw, err := nc.SyscallConn()
	require.NoError(t, err)
	require.True(t, peerClosed(raw), "not only its sending side is closed")
}

// TestReceived_Share checks that a user whose large requests are being received can use only a share of
// MaxReceiveBytes. An administrator can use the remaining memory.
func TestReceived_Share(t *testing.T) {
	var admin atomic.Bool
	cfg := shared(handlerConfig(func(_ context.Context, _ *Request, w *Writer) error { return w.Chunk(emptyMap, false) }), &admin)
	cfg.Limits = Limits{MaxReceiveBytes: 1 << 20}
	s, dial, _ := serve(t, cfg)
	whole := request(t, 1, "op", map[string]string{"text": strings.Repeat("x", 300_000)})
	for n := range int64(2) {
		send(t, dial(), whole[:100])
		await.Condition(t, func() bool { return s.shares.receivingFrameBytes.Used() > (n+1)*300_000 }, "a large request that has begun")
	}
	third := dial()
	send(t, third, whole[:100])
	r := response(t, third)
	require.Equal(t, wire.CodeBusy, r.Err.Code)
	require.Contains(t, r.Err.Message, "large requests of user")
	admin.Store(true)
	nc := dial()
	send(t, nc, whole)
	require.Nil(t, response(t, nc).Err)
}

// TestSlow_Share checks that a slow request is refused if its user has used up the user's share of slow requests. A slow
// request of an administrator is not refused.
func TestSlow_Share(t *testing.T) {
	var admin atomic.Bool
	s, dial, _ := serve(t, shared(deferredConfig(chunks(1)), &admin))
	s.shares.slowRequests.Add(self(), maxSlowRequests/2)
	r := ask(t, dial(), 1)
	require.NotNil(t, r.Err)
	require.Equal(t, wire.CodeBusy, r.Err.Code)
	require.Contains(t, r.Err.Message, "slow requests of user")
	admin.Store(true)
	require.Nil(t, ask(t, dial(), 1).Err)
}

// TestUnsent_ClosesOnlyOfThatUser checks which connections are closed when the unread replies of a user exceed the
// user's share. The connections of other users stay open, even if their peers do not read.
func TestUnsent_ClosesOnlyOfThatUser(t *testing.T) {
	var admin atomic.Bool
	cfg := shared(handlerConfig(chunks(1)), &admin)
	cfg.Limits = Limits{MaxUnsent: 1 << 20}
	s, dial, _ := serve(t, cfg)
	admin.Store(true)
	other := dial()
	await.Condition(t, func() bool { return s.Connections() == 1 }, "a connection")
	connections(s)[0].writeBegan.Store(1) // the write has been waiting since 1970
	admin.Store(false)
	s.shares.unsent.Add(self(), 700_000)
	nc := dial()
	send(t, nc, request(t, 1, "op", nil))
	for range 2 { // when the second search for such connections begins, the first has ended
		last := s.lastSlowReaderSweepAt.Load()
		await.Condition(t, func() bool { return s.lastSlowReaderSweepAt.Load() != last }, "connections that do not read are looked for")
	}
	require.Nil(t, ask(t, other, 1).Err)
	s.shares.unsent.Add(self(), -700_000)
	require.Nil(t, response(t, nc).Err)
}

// TestUnsent_NotCollected checks that a handler of a long reply waits while its peer does not read: the reply is not
// collected in memory first.
func TestUnsent_NotCollected(t *testing.T) {
	const all = 1000
	var produced atomic.Int64
	s, dial, _ := serve(t, shared(handlerConfig(func(_ context.Context, _ *Request, w *Writer) error {
		for n := range all {
			produced.Add(1)
			if err := w.Chunk(make([]byte, 60_000), n+1 < all); err != nil {
				return err
			}
		}
		return nil
	}), new(atomic.Bool)))
	send(t, dial(), request(t, 1, "op", nil))
	await.Condition(t, func() bool { return s.shares.unsent.Used() > 0 }, "a part that is not read")
	require.Less(t, produced.Load(), int64(all/2))
}

// TestSpend_WholeRequest checks the cost of a request: the time in which the request had a turn, and the bytes in the
// frames of the request and its reply. The time before a call of Yield counts, too.
func TestSpend_WholeRequest(t *testing.T) {
	const requests = 3
	answer := func(_ context.Context, _ *Request, w *Writer) error {
		time.Sleep(maxTurn)
		if err := w.Yield(); err != nil {
			return err
		}
		time.Sleep(maxTurn)
		return w.Result(strings.Repeat("x", 1000))
	}
	var mu sync.Mutex
	var computed time.Duration
	bytes := map[uint32]int{} // by user
	cfg := shared(Config{Ops: map[string]Op{"fast": {Handle: immediate(answer)}, "slow": {HandleDeferred: answer}}}, new(atomic.Bool))
	cfg.OnCost = func(p Peer, took time.Duration, n int) {
		mu.Lock()
		defer mu.Unlock()
		computed += took
		bytes[p.UID] += n
	}
	s, dial, _ := serve(t, cfg)
	want := 0
	for _, op := range []string{"fast", "slow"} {
		nc := dial()
		for id := range uint64(requests) {
			b := request(t, id+1, op, map[string]string{"text": strings.Repeat("x", 500)})
			send(t, nc, b)
			reply, err := wire.ReadFrame(nc, nil, wire.MaxFrameSize)
			require.NoError(t, err)
			want += len(b) - wire.FrameHeaderSize // the length field of a request is not counted
			want += wire.FrameHeaderSize + len(reply)
		}
		require.NoError(t, nc.Close())
		await.Condition(t, func() bool { return s.Connections() == 0 }, "the end of the connection")
	}
	require.Equal(t, map[uint32]int{self().UID: want}, bytes)
	require.GreaterOrEqual(t, computed, 2*requests*2*maxTurn)
}

// TestRate_RefusalsPause checks the pauses of a connection whose requests exceed the rate limit. After each refused
// request, the server waits longer than before until it reads the next request.
func TestRate_RefusalsPause(t *testing.T) {
	cfg := shared(Config{AllowRequest: func(Peer) bool { return false }}, new(atomic.Bool))
	_, dial, _ := serve(t, cfg)
	nc := dial()
	start := time.Now()
	const refusals = 7
	for id := range uint64(refusals) {
		send(t, nc, request(t, id+1, wire.OpPing, nil))
		require.Equal(t, wire.CodeBusy, response(t, nc).Err.Code)
	}
	require.GreaterOrEqual(t, time.Since(start), (1<<(refusals-1)-1)*time.Millisecond)
}

// TestRate_NotAFrame checks that data that is not a valid frame counts as a request against the user's rate limit.
func TestRate_NotAFrame(t *testing.T) {
	var counted atomic.Int64
	cfg := shared(Config{AllowRequest: func(Peer) bool { counted.Add(1); return true }}, new(atomic.Bool))
	_, dial, _ := serve(t, cfg)
	for name, b := range map[string][]byte{"empty": {0, 0, 0, 0}, "too large": {0xff, 0xff, 0xff, 0xff}} {
		counted.Store(0)
		nc := dial()
		send(t, nc, b)
		require.NotNil(t, response(t, nc).Err, name)
		require.EqualValues(t, 1, counted.Load(), name)
	}
}
