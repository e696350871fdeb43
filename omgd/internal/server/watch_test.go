package server

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/wire"
)

// topicConfig returns the configuration of a server whose operation "op" watches a topic.
func topicConfig(topic *Topic) Config {
	return Config{Ops: map[string]Op{
		"op":   {Topic: topic},
		"long": {Handle: immediate(chunks(20))},
	}}
}

// stateOf returns the encoded state of a topic in tests: a text that begins with a number.
func stateOf(n int) []byte {
	b, err := msgpack.Marshal(map[string]any{"n": n, "text": strings.Repeat("x", 1000)})
	if err != nil {
		panic(err)
	}
	return b
}

// numberIn returns the number in a chunk with a state.
func numberIn(t testing.TB, r wire.Reply) int {
	t.Helper()
	require.Nil(t, r.Err)
	require.True(t, r.More, "the reply has no end")
	var state struct {
		N int `msgpack:"n"`
	}
	require.NoError(t, msgpack.Unmarshal(r.Result, &state))
	return state.N
}

// watching returns the number of peers that watch a topic.
func watching(topic *Topic) int {
	topic.mu.Lock()
	defer topic.mu.Unlock()
	return len(topic.watches)
}

// TestWatch_States checks that a peer gets the state at once and after each change, and that the connection still answers other requests.
func TestWatch_States(t *testing.T) {
	topic := NewTopic()
	_, dial, _ := serve(t, topicConfig(topic))
	early := dial()
	send(t, early, request(t, 1, "op", nil))
	await.Condition(t, func() bool { return watching(topic) == 1 }, "a peer that waits for the first state")
	topic.Publish(stateOf(1), false)
	require.Equal(t, 1, numberIn(t, response(t, early)), "the first state is always sent")
	nc := dial()
	require.Equal(t, 1, numberIn(t, ask(t, nc, 7)))
	topic.Publish(stateOf(2), true)
	require.Equal(t, 2, numberIn(t, response(t, nc)))
	require.Equal(t, 2, numberIn(t, response(t, early)))
	topic.Publish(stateOf(3), false)
	require.Equal(t, 3, numberIn(t, ask(t, dial(), 1)), "a new peer gets the newest state")
	send(t, nc, request(t, 8, wire.OpPing, nil))
	require.EqualValues(t, 8, response(t, nc).ID, "a state that is not announced is not sent")
	again := ask(t, nc, 7)
	require.Equal(t, wire.CodeInvalid, again.Err.Code, "the id is in flight")
	topic.Publish(stateOf(4), true)
	for _, peer := range []net.Conn{nc, early} {
		require.Equal(t, 4, numberIn(t, response(t, peer)))
	}
}

// TestWatch_LongReplies checks that states and the chunks of other replies do not get into each other's frames, although the socket's
// buffer is always full.
func TestWatch_LongReplies(t *testing.T) {
	topic := NewTopic()
	topic.Publish(stateOf(0), true)
	_, dial, _ := serve(t, topicConfig(topic))
	nc := dial()
	require.Zero(t, numberIn(t, ask(t, nc, 1)))
	const replies, states = 20, 2000
	for id := range uint64(replies) {
		send(t, nc, request(t, 2+id, "long", nil))
	}
	published := make(chan struct{})
	go func() {
		defer close(published)
		for n := range states {
			topic.Publish(stateOf(n+1), true)
		}
	}()
	ended, last := 0, 0
	for ended < replies || last < states {
		r := response(t, nc)
		if r.ID == 1 {
			n := numberIn(t, r)
			require.Greater(t, n, last)
			last = n
		} else if !r.More {
			ended++
		}
	}
	<-published
}

// TestWatch_SlowPeer checks that a peer that does not read delays neither Publish nor other peers. When it reads again, it gets only a
// few states, of which the last is the newest.
func TestWatch_SlowPeer(t *testing.T) {
	topic := NewTopic()
	topic.Publish(stateOf(0), true)
	s, dial, _ := serve(t, topicConfig(topic))
	slow, other := dial(), dial()
	send(t, slow, request(t, 1, "op", nil))
	require.Zero(t, numberIn(t, ask(t, other, 1)))
	await.Condition(t, func() bool { return watching(topic) == 2 }, "both peers watch")
	const states = 5000
	for n := range states {
		topic.Publish(stateOf(n+1), true)
	}
	for last := 0; last < states; {
		last = numberIn(t, response(t, other))
	}
	await.Condition(t, func() bool { return s.shares.unsent.Used() > 0 }, "a state that waits for the slow peer")
	require.Less(t, s.shares.unsent.Used(), int64(2500), "one state waits for each peer")
	read, last := 0, -1
	for last < states {
		n := numberIn(t, response(t, slow))
		require.Greater(t, n, last)
		last = n
		read++
	}
	require.Less(t, read, 100, "the states that were in the kernel's buffers, and the newest")
	await.Condition(t, func() bool { return s.shares.unsent.Used() == 0 }, "no unread state")
}

// TestWatch_DeafPeer checks that a peer that does not read in time is disconnected.
func TestWatch_DeafPeer(t *testing.T) {
	topic := NewTopic()
	topic.Publish(stateOf(0), true)
	cfg := topicConfig(topic)
	cfg.Limits = Limits{WriteTimeout: 20 * time.Millisecond}
	s, dial, _ := serve(t, cfg)
	require.Zero(t, numberIn(t, ask(t, dial(), 1)))
	await.Condition(t, func() bool {
		topic.Publish(stateOf(1), true)
		return s.Connections() == 0
	}, "the end of the connection")
	require.Zero(t, watching(topic))
	require.Zero(t, s.shares.watches.Used())
}

// TestWatch_Closed checks that a watch ends when its peer closes the connection or shuts down its sending side.
func TestWatch_Closed(t *testing.T) {
	topic := NewTopic()
	topic.Publish(stateOf(5), true)
	s, dial, _ := serve(t, topicConfig(topic))
	half, closed := dial(), dial()
	for _, nc := range []net.Conn{half, closed} {
		require.Equal(t, 5, numberIn(t, ask(t, nc, 1)))
	}
	require.EqualValues(t, 2, s.shares.watches.Used())
	require.NoError(t, closed.Close())
	require.NoError(t, half.CloseWrite())
	_, err := half.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	await.Condition(t, func() bool { return s.Connections() == 0 }, "the end of both connections")
	require.Zero(t, watching(topic))
	require.Zero(t, s.shares.watches.Used())
	topic.Publish(stateOf(6), true)
}

// TestWatch_Limits checks the limits of a user and of a connection. Administrators may use what is free.
func TestWatch_Limits(t *testing.T) {
	var admin atomic.Bool
	topic := NewTopic()
	topic.Publish(stateOf(0), true)
	cfg := shared(topicConfig(topic), &admin)
	cfg.Limits = Limits{MaxWatches: 64, MaxInFlight: 3}
	s, dial, _ := serve(t, cfg)
	const share = (64 - 2) / 2
	var open []*net.UnixConn
	for range share {
		nc := dial()
		require.Nil(t, ask(t, nc, 1).Err)
		open = append(open, nc)
	}
	r := ask(t, dial(), 1)
	require.Equal(t, wire.CodeBusy, r.Err.Code)
	require.Contains(t, r.Err.Message, "watch")
	admin.Store(true)
	nc := dial()
	for id := range uint64(3) {
		require.Nil(t, ask(t, nc, 1+id).Err)
	}
	require.Equal(t, wire.CodeBusy, ask(t, nc, 4).Err.Code)
	for _, nc := range open {
		require.NoError(t, nc.Close())
	}
	await.Condition(t, func() bool { return s.shares.watches.Used() == 3 }, "the watches of the administrator only")
}

// TestWatch_Shutdown checks that a shutdown ends each watch with an error, also that of a peer that does not read.
func TestWatch_Shutdown(t *testing.T) {
	topic := NewTopic()
	topic.Publish(stateOf(0), true)
	s, dial, stop := serve(t, topicConfig(topic))
	nc, deaf := dial(), dial()
	require.Zero(t, numberIn(t, ask(t, nc, 1)))
	send(t, deaf, request(t, 1, "op", nil))
	await.Condition(t, func() bool {
		topic.Publish(stateOf(1), true)
		return s.shares.unsent.Used() > 0
	}, "a state that the peer does not read")
	stop()
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(context.Background()) }()
	var last wire.Reply
	for last = response(t, nc); last.Err == nil; last = response(t, nc) {
	}
	require.EqualValues(t, 1, last.ID)
	require.Equal(t, wire.CodeShuttingDown, last.Err.Code)
	await.Condition(t, func() bool {
		expireWrites(connections(s))
		return len(done) == 1
	}, "the end of the shutdown")
	require.NoError(t, <-done)
	require.Zero(t, watching(topic))
}

// TestWatch_Failure checks that an error ends all replies, and that further requests are refused with it until the next state.
func TestWatch_Failure(t *testing.T) {
	topic := NewTopic()
	topic.Publish(stateOf(0), true)
	s, dial, _ := serve(t, topicConfig(topic))
	nc := dial()
	require.Zero(t, numberIn(t, ask(t, nc, 1)))
	topic.Fail(wire.Errorf(wire.CodeNotReady, "no database"))
	r := response(t, nc)
	require.EqualValues(t, 1, r.ID)
	require.Equal(t, wire.CodeNotReady, r.Err.Code)
	for range 100 {
		require.Equal(t, wire.CodeNotReady, ask(t, nc, 1).Err.Code, "refused, and the id can be used again")
	}
	topic.Publish(stateOf(0), false)
	require.Zero(t, numberIn(t, ask(t, nc, 1)))
	topic.Publish(stateOf(3), true)
	require.Equal(t, 3, numberIn(t, response(t, nc)))
	require.EqualValues(t, 1, s.shares.watches.Used())
	require.NoError(t, nc.Close())
	await.Condition(t, func() bool { return s.Connections() == 0 }, "the end of the connection")
	require.Zero(t, s.shares.watches.Used())
}

// BenchmarkPublish measures the time that a change takes for each peer that watches.
func BenchmarkPublish(b *testing.B) {
	for _, peers := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint(peers), func(b *testing.B) {
			topic := NewTopic()
			topic.Publish(stateOf(0), true)
			_, dial, _ := serve(b, topicConfig(topic))
			for range peers {
				nc := dial()
				require.Zero(b, numberIn(b, ask(b, nc, 1)))
				go func() { _, _ = io.Copy(io.Discard, nc) }()
			}
			for b.Loop() {
				topic.Publish(stateOf(1), true)
			}
		})
	}
}
