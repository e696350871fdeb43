package server

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/wire"
)

func TestServe_Calls(t *testing.T) {
	r := start(t, Limits{})
	c := r.dial(t)
	ctx := context.Background()
	var e echo
	require.NoError(t, c.CallForResult(ctx, "echo", &echo{Text: "hello"}, &e))
	require.Equal(t, "hello", e.Text)
	require.NoError(t, c.CallForResult(ctx, "ping", nil, &e))
	require.Equal(t, wire.CodeInvalid, code(t, c.CallForResult(ctx, "nonsense", nil, &e)))
	require.Equal(t, wire.CodeInternal, code(t, c.CallForResult(ctx, "panic", nil, &e)))
	require.Equal(t, wire.CodeInternal, code(t, c.CallForResult(ctx, "fail", nil, &e)))
	require.Equal(t, wire.CodeInvalid, code(t, c.CallForResult(ctx, "echo", map[string]any{"text": []int{1}}, &e)))
	require.NoError(t, c.CallForResult(ctx, "echo", &echo{Text: "still there"}, &e))
	require.Contains(t, r.log.String(), "on purpose")
	var h wire.HelloResult
	require.NoError(t, c.CallForResult(ctx, "hello", &wire.HelloRequest{Protocol: wire.ProtocolVersion + 1}, &h), "one version apart")
	require.Equal(t, wire.HelloResult{Protocol: wire.ProtocolVersion, Server: "test"}, h)
	for _, protocol := range []uint32{1, wire.ProtocolVersion + 2} {
		require.Equal(t, wire.CodeVersion, code(t, c.CallForResult(ctx, "hello", &wire.HelloRequest{Protocol: protocol}, &h)))
	}
}

func TestMemoryFault_FailsOneRequest(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	r := start(t, Limits{})
	c := r.dial(t)
	for _, op := range []string{"fault", "slow fault"} {
		require.Equal(t, wire.CodeInternal, code(t, c.CallForResult(context.Background(), op, nil, nil)))
		<-r.faults
	}
	require.NoError(t, c.CallForResult(context.Background(), "ping", nil, &echo{}))
}

func TestServe_ChunksAndPipelining(t *testing.T) {
	r := start(t, Limits{})
	c := r.dial(t)
	ctx := context.Background()
	chunks, bytes := 0, 0
	require.NoError(t, c.Call(ctx, "long", &echo{Parts: 40}, func(b []byte, more bool) error {
		chunks++
		bytes += len(b)
		require.Equal(t, chunks < 40, more)
		return nil
	}))
	require.Equal(t, 40, chunks)
	require.Greater(t, bytes, 2_000_000)

	// A slow request does not delay the fast requests after it.
	slow, err := c.Send("wait", nil)
	require.NoError(t, err)
	var fast []uint64
	for range 100 {
		id, err := c.Send("echo", &echo{Text: "fast"})
		require.NoError(t, err)
		fast = append(fast, id)
	}
	for _, id := range fast {
		resp, err := c.Receive(ctx)
		require.NoError(t, err)
		require.Equal(t, id, resp.ID)
	}
	close(r.release)
	resp, err := c.Receive(ctx)
	require.NoError(t, err)
	require.Equal(t, slow, resp.ID)
}

func TestID_InFlight(t *testing.T) {
	r := start(t, Limits{MaxInFlight: 2})
	nc := r.raw(t)
	for _, id := range []uint64{5, 5, 6, 7} {
		_, err := nc.Write(request(t, id, "wait", nil))
		require.NoError(t, err)
	}
	resp := response(t, nc)
	require.EqualValues(t, 5, resp.ID)
	require.Equal(t, wire.CodeInvalid, resp.Err.Code)
	resp = response(t, nc)
	require.EqualValues(t, 7, resp.ID)
	require.Equal(t, wire.CodeBusy, resp.Err.Code)
	close(r.release)
	for range 2 {
		require.Nil(t, response(t, nc).Err)
	}
}

func TestFrame_Bad(t *testing.T) {
	frame := func(body []byte) []byte {
		return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
	}
	for name, c := range map[string]struct {
		bytes []byte
		code  wire.Code
		id    uint64
		open  bool // the connection stays open
	}{
		"length 0":         {[]byte{0, 0, 0, 0}, wire.CodeInvalid, 0, false},
		"length 4 GiB":     {[]byte{0xff, 0xff, 0xff, 0xff}, wire.CodeTooLarge, 0, false},
		"length 1 MiB + 1": {binary.BigEndian.AppendUint32(nil, wire.MaxRequestSize+1), wire.CodeTooLarge, 0, false},
		"text":             {frame([]byte("hello")), wire.CodeInvalid, 0, false},
		"nested arrays":    {frame(append(bytes.Repeat([]byte{0x91}, 1_000_000), 0xc0)), wire.CodeInvalid, 0, false},
		"nested maps":      {frame(append(bytes.Repeat([]byte("\x81\xa1k"), 300_000), 0xc0)), wire.CodeInvalid, 0, false},
		"no id":            {frame([]byte("\x81\xa2op\xa4ping")), wire.CodeInvalid, 0, false},
		"no op":            {frame([]byte("\x81\xa2id\x07")), wire.CodeInvalid, 7, true},
		"unknown op":       {frame([]byte("\x82\xa2id\x07\xa2op\xa3foo")), wire.CodeInvalid, 7, true},
		"unknown keys":     {frame([]byte("\x83\xa2id\x07\xa2op\xa4ping\xa1x\x91\x01")), 0, 7, true},
	} {
		t.Run(name, func(t *testing.T) {
			nc := start(t, Limits{}).raw(t)
			_, err := nc.Write(c.bytes)
			if c.open {
				require.NoError(t, err)
			}
			resp := response(t, nc)
			require.Equal(t, c.id, resp.ID)
			if c.code == 0 {
				require.Nil(t, resp.Err)
			} else {
				require.Equal(t, c.code, resp.Err.Code)
			}
			if c.open {
				_, err = nc.Write(request(t, 8, "ping", nil))
				require.NoError(t, err)
				require.EqualValues(t, 8, response(t, nc).ID)
				return
			}
			n, err := nc.Read(make([]byte, 1))
			require.Zero(t, n)
			require.Error(t, err)
		})
	}
}

// TestHalfFrame_IsRefused checks that a frame is refused if it does not arrive completely
// in time. A connection on which no frame has begun stays open longer.
func TestHalfFrame_IsRefused(t *testing.T) {
	r := start(t, Limits{ReadTimeout: 20 * time.Millisecond})
	idle := r.raw(t)
	send(t, idle, request(t, 1, "ping", nil)) // a complete frame
	require.Nil(t, response(t, idle).Err)
	whole := request(t, 1, "echo", &echo{Text: strings.Repeat("x", 200_000)})
	for _, n := range []int{1, 3, 4, 10, 6000, 100_000} {
		nc := r.raw(t)
		send(t, nc, whole[:n])
		resp := response(t, nc)
		require.Equal(t, wire.CodeInvalid, resp.Err.Code, "%d bytes", n)
		require.ErrorContains(t, resp.Err, "not complete in time")
		require.Zero(t, resp.ID)
		_, err := nc.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF, "%d bytes", n)
	}
	send(t, idle, request(t, 2, "ping", nil))
	require.Nil(t, response(t, idle).Err, "it was idle for longer than a frame may take")
}

func TestFrame_InPieces(t *testing.T) {
	nc := start(t, Limits{}).raw(t)
	whole := request(t, 1, "echo", &echo{Text: strings.Repeat("x", 20_000)})
	whole = append(whole, request(t, 2, "ping", nil)...)
	for len(whole) > 0 {
		n := min(len(whole), 777)
		_, err := nc.Write(whole[:n])
		require.NoError(t, err)
		whole = whole[n:]
	}
	require.EqualValues(t, 1, response(t, nc).ID)
	require.EqualValues(t, 2, response(t, nc).ID)
}

// TestDeafPeer_DoesNotBlockOthers checks that a peer that does not read its replies does
// not delay other peers.
func TestDeafPeer_DoesNotBlockOthers(t *testing.T) {
	r := start(t, Limits{})
	send(t, r.raw(t), request(t, 1, "long", &echo{Parts: 1000}))
	await.Condition(t, func() bool { return r.shares.unsent.Used() > 0 }, "an answer that is not read")
	c := r.dial(t)
	for range 100 {
		require.NoError(t, c.CallForResult(context.Background(), "ping", nil, &echo{}))
	}
	await.Condition(t, func() bool { return r.shares.unsent.Used() > 0 }, "the answer is still not read") // for a moment, no chunk may be waiting
	require.Equal(t, 2, r.Connections())
}

// TestDeafPeer_IsCutOff checks that a peer that does not read its replies in time is
// disconnected.
func TestDeafPeer_IsCutOff(t *testing.T) {
	r := start(t, Limits{WriteTimeout: 50 * time.Millisecond})
	send(t, r.raw(t), request(t, 1, "long", &echo{Parts: 1000}))
	await.Condition(t, func() bool {
		return strings.Contains(r.log.String(), "connection closed: reply not read in time") && r.Connections() == 0
	},
		"the end of the connection")
}

// TestUnsent_IsBoundedForAll checks that one limit applies to all unread replies together.
func TestUnsent_IsBoundedForAll(t *testing.T) {
	r := start(t, Limits{MaxUnsent: 1 << 20})
	peers := need.OpenFileLimit(t, 200) / 2
	for range peers {
		send(t, r.raw(t), request(t, 1, "long", &echo{Parts: 1000}))
	}
	await.Condition(t, func() bool { return r.Connections() == peers && r.shares.unsent.Used() > 1<<20 }, "deaf peers, more than fit")
	deaf := connections(r.Server)
	pinged := make(chan error, 1)
	c := r.dial(t)
	go func() { pinged <- c.CallForResult(context.Background(), "ping", nil, &echo{}) }()
	await.Condition(t, func() bool { expireWrites(deaf); return len(pinged) == 1 }, "small answers go through")
	require.NoError(t, <-pinged)
	await.Condition(t, func() bool {
		expireWrites(deaf)
		r.closeSlowReaders(await.Timeout, acceptAnyUser)
		return r.Connections() == 1
	}, "all that do not read go")
}

func TestConnections_TooMany(t *testing.T) {
	r := start(t, Limits{MaxConnections: 3})
	for range 3 {
		require.NoError(t, r.dial(t).CallForResult(context.Background(), "ping", nil, &echo{}))
	}
	resp := response(t, r.raw(t))
	require.Equal(t, wire.CodeBusy, resp.Err.Code)
	require.Zero(t, resp.ID)
	require.Equal(t, wire.CodeBusy, code(t, r.dial(t).CallForResult(context.Background(), "ping", nil, &echo{})))
}

func TestConnections_Thousand(t *testing.T) {
	r := start(t, Limits{})
	var all sync.WaitGroup
	for range need.OpenFileLimit(t, 2000) / 2 { // each connection needs two descriptors
		c := r.dial(t)
		all.Go(func() {
			for i := range 5 {
				var e echo
				text := fmt.Sprint(i)
				if err := c.CallForResult(context.Background(), "echo", &echo{Text: text}, &e); err != nil || e.Text != text {
					t.Error(err, e.Text)
				}
			}
		})
	}
	all.Wait()
}

// TestShutdown_UnderLoad checks that every request gets a reply or an error during a
// shutdown.
func TestShutdown_UnderLoad(t *testing.T) {
	r := start(t, Limits{})
	var all sync.WaitGroup
	for range 20 {
		c := r.dial(t)
		all.Go(func() {
			for {
				var e echo
				err := c.Call(context.Background(), "echo", &echo{Text: "x"}, func(b []byte, _ bool) error { return msgpack.Unmarshal(b, &e) })
				if err != nil {
					return
				}
				if e.Text != "x" {
					t.Error("a wrong answer")
				}
			}
		})
	}
	waiting := r.raw(t)
	send(t, waiting, request(t, 1, "wait", nil))
	await.Receive(t, r.waiting, "a request that runs")
	done := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), await.Timeout)
		defer cancel()
		done <- r.Shutdown(ctx)
	}()
	await.Condition(t, r.draining.Load, "the beginning of the end")
	send(t, waiting, request(t, 2, "echo", &echo{}))
	close(r.release)
	got := map[uint64]wire.Reply{}
	for range 2 {
		resp := response(t, waiting)
		got[resp.ID] = resp
	}
	require.Nil(t, got[1].Err, "a running request ends")
	require.Equal(t, wire.CodeShuttingDown, got[2].Err.Code, "a new one is refused")
	require.NoError(t, <-done)
	all.Wait()
}

// TestDeferred_OfHandler checks a DeferredHandler that a Handler has returned: it does not delay
// other requests, and it can still decode its own request.
func TestDeferred_OfHandler(t *testing.T) {
	r := start(t, Limits{})
	nc := r.raw(t)
	_, err := nc.Write(slices.Concat(
		request(t, 1, "perhaps", echo{Text: "slow", Parts: 1}),
		request(t, 2, "perhaps", echo{Text: "fast"}),
		request(t, 1, "echo", echo{Text: "the same id"}),
	))
	require.NoError(t, err)
	read := func() (uint64, string, error) {
		frame, err := wire.ReadFrame(nc, nil, wire.MaxFrameSize)
		require.NoError(t, err)
		a, err := wire.DecodeReply(frame)
		require.NoError(t, err)
		if a.Err != nil {
			return a.ID, "", a.Err
		}
		var e echo
		require.NoError(t, msgpack.Unmarshal(a.Result, &e))
		return a.ID, e.Text, nil
	}
	id, text, err := read()
	require.NoError(t, err)
	require.Equal(t, "fast", text)
	require.Equal(t, uint64(2), id)
	_, _, err = read()
	require.ErrorContains(t, err, "in flight")
	close(r.release)
	id, text, err = read()
	require.NoError(t, err)
	require.Equal(t, "slow", text)
	require.Equal(t, uint64(1), id)
}
