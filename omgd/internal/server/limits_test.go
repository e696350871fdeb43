package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omgd/internal/logging"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/wire"
)

func TestAllow_RefusesPeer(t *testing.T) {
	_, dial, _ := serve(t, Config{Allow: func(p Peer) bool {
		if p.PID == 0 {
			t.Error("no process number")
		}
		return false
	}})
	resp := response(t, dial())
	require.Zero(t, resp.ID)
	require.Equal(t, wire.CodeNotAllowed, resp.Err.Code)
}

// TestHandler_Mistakes: a handler's mistake is an error of its request.
func TestHandler_Mistakes(t *testing.T) {
	for name, c := range map[string]struct {
		handler Deferred
		code    wire.Code
	}{
		"no answer": {func(context.Context, *Request, *Writer) error { return nil }, wire.CodeInternal},
		"a part that fits into no frame": {func(_ context.Context, _ *Request, w *Writer) error {
			return w.Chunk(make([]byte, wire.MaxFrame), false)
		}, wire.CodeTooLarge},
		"no end": {func(_ context.Context, _ *Request, w *Writer) error { return w.Chunk(emptyMap, true) }, wire.CodeInternal},
		"two ends": {func(_ context.Context, _ *Request, w *Writer) error {
			if err := w.Chunk(emptyMap, false); err != nil {
				return err
			}
			return w.Chunk(emptyMap, false)
		}, 0},
		"a panic after a chunk": {func(_ context.Context, _ *Request, w *Writer) error {
			if err := w.Chunk(emptyMap, true); err != nil {
				return err
			}
			panic("on purpose")
		}, wire.CodeInternal},
	} {
		for _, cfg := range []Config{handlerConfig(c.handler), deferredConfig(c.handler)} {
			t.Run(name, func(t *testing.T) {
				_, dial, _ := serve(t, cfg)
				nc := dial()
				resp := ask(t, nc, 3)
				for resp.More {
					resp = response(t, nc)
				}
				require.EqualValues(t, 3, resp.ID)
				if c.code == 0 {
					require.Nil(t, resp.Err)
				} else {
					require.Equal(t, c.code, resp.Err.Code)
				}
				send(t, nc, request(t, 4, wire.OpPing, nil))
				resp = response(t, nc)
				require.EqualValues(t, 4, resp.ID, "one answer, and the connection goes on")
				require.Nil(t, resp.Err)
			})
		}
	}
}

// TestID_FreeWithTheReply: a peer that has the reply may use the id again.
func TestID_FreeWithTheReply(t *testing.T) {
	_, dial, _ := serve(t, deferredConfig(func(_ context.Context, _ *Request, w *Writer) error { return w.Chunk(emptyMap, false) }))
	nc := dial()
	for range 500 {
		require.Nil(t, ask(t, nc, 1).Err)
	}
}

// TestPeer_HalfClosed: a peer that shuts down its sending side gets its replies. If it
// closes the socket, its requests are canceled.
func TestPeer_HalfClosed(t *testing.T) {
	began, ended := make(chan struct{}), make(chan error, 1)
	release, log := make(chan struct{}), &logged{}
	cfg := deferredConfig(func(ctx context.Context, _ *Request, w *Writer) error {
		began <- struct{}{}
		select {
		case <-release:
		case <-ctx.Done():
		}
		ended <- ctx.Err()
		return w.Chunk(emptyMap, false)
	})
	cfg.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: logging.LevelTrace}))
	_, dial, _ := serve(t, cfg)
	nc := dial()
	send(t, nc, request(t, 1, "op", nil))
	<-began
	require.NoError(t, nc.CloseWrite())
	await.Condition(t, func() bool { return strings.Contains(log.String(), "running=1 gone=false") }, "the end of the requests is seen: %s", log.String)
	release <- struct{}{}
	require.NoError(t, <-ended)
	require.Nil(t, response(t, nc).Err)
	_, err := nc.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)

	nc = dial()
	send(t, nc, request(t, 1, "op", nil))
	<-began
	require.NoError(t, nc.Close())
	require.ErrorIs(t, <-ended, context.Canceled)
	await.Condition(t, func() bool { return strings.Contains(log.String(), "running=1 gone=true") }, "it is seen to be gone: %s", log.String)
}

// TestUnsent_DeafPeers: peers that do not read reach the limit for all. A
// peer that reads still gets its long replies, and the others are disconnected.
func TestUnsent_DeafPeers(t *testing.T) {
	cfg := handlerConfig(chunks(50))
	cfg.Limits = Limits{MaxUnsent: 300_000}
	s, dial, _ := serve(t, cfg)
	for range 20 {
		send(t, dial(), request(t, 1, "op", nil))
	}
	await.Condition(t, func() bool { return s.Connections() == 20 && s.shares.unsent.Used() > 300_000 }, "more deaf peers than fit")
	deaf := connections(s)
	nc, read := dial(), make(chan error, 1)
	go func() {
		read <- func() error {
			for id := range uint64(3) {
				b, _ := wire.AppendRequest(nil, id+1, "op", nil)
				if _, err := nc.Write(b); err != nil {
					return err
				}
				for n, more := 1, true; more; n++ {
					frame, err := wire.ReadFrame(nc, nil, wire.MaxFrame)
					if err != nil {
						return err
					}
					resp, err := wire.DecodeReply(frame)
					if err != nil || resp.Err != nil {
						return errors.Join(err, resp.Err)
					}
					if more = resp.More; !more && n != 50 {
						return fmt.Errorf("%d parts", n)
					}
				}
			}
			return nil
		}()
	}()
	await.Condition(t, func() bool { expireWrites(deaf); return len(read) == 1 }, "three long answers")
	require.NoError(t, <-read)
	require.Less(t, s.Connections(), 21, "some had to go")
}

// TestUnsent_WaitersInTurn: when there is room again, requests that have waited for it fill
// it once, and the others wait again.
func TestUnsent_WaitersInTurn(t *testing.T) {
	const kept = 400_000
	var replies, most atomic.Int64
	cfg := handlerConfig(func(_ context.Context, _ *Request, w *Writer) error {
		w.Keep(kept)
		most.Store(max(most.Load(), replies.Add(1))) // an update that is lost makes the test weaker, not wrong
		defer replies.Add(-1)
		for {
			if err := w.Chunk(make([]byte, 60_000), true); err != nil {
				return err
			}
		}
	})
	cfg.Shared, cfg.Admin = true, func(Peer) bool { return false }
	cfg.Limits = Limits{MaxUnsent: 4 * kept}
	s, dial, _ := serve(t, cfg)
	peers := 50 + 2*runtime.GOMAXPROCS(0)
	for range peers {
		send(t, dial(), request(t, 1, "op", nil))
	}
	await.Condition(t, func() bool { return s.Connections() == peers && s.shares.unsent.Used() > 2*kept }, "deaf peers, more than fit")
	await.Condition(t, func() bool {
		expireWrites(connections(s))
		s.closeUnread(await.Hang, everyone)
		return s.Connections() == 0
	}, "all that do not read go")
	require.LessOrEqual(t, most.Load(), int64(3+max(2, runtime.GOMAXPROCS(0))))
}

// TestPeerUnsent_RequestsWait: beyond its limit a peer's requests wait until it reads.
func TestPeerUnsent_RequestsWait(t *testing.T) {
	var ran atomic.Int32
	var reading atomic.Bool
	cfg := deferredConfig(func(_ context.Context, _ *Request, w *Writer) error {
		if ran.Add(1) > 2 && !reading.Load() {
			t.Error("a request runs though the peer has two answers to read")
		}
		return chunks(10)(nil, nil, w)
	})
	cfg.Limits = Limits{MaxUnsentPerConnection: 100_000, MaxInFlight: 1000}
	s, dial, _ := serve(t, cfg)
	nc := dial()
	await.Condition(t, func() bool { return s.Connections() == 1 }, "the connection")
	c := connections(s)[0]
	require.NoError(t, c.nc.SetWriteBuffer(64<<10)) // two replies fill it on every machine
	const requests = 200
	var rest []byte
	for id := range uint64(requests) {
		if b := request(t, id+1, "op", nil); id < 2 {
			send(t, nc, b)
		} else {
			rest = append(rest, b...)
		}
	}
	await.Condition(t, func() bool { return c.unsent.Load() > cfg.Limits.MaxUnsentPerConnection }, "two parts that wait to be read")
	send(t, nc, rest)
	other := dial()
	for id := range uint64(100) { // other peers are answered
		send(t, other, request(t, id+1, wire.OpPing, nil))
		require.Nil(t, response(t, other).Err)
	}
	require.EqualValues(t, 2, ran.Load())
	reading.Store(true)
	for ends := 0; ends < requests; {
		if resp := response(t, nc); !resp.More {
			ends++
		}
	}
	require.EqualValues(t, requests, ran.Load())
}

// TestReceived_IsBoundedForAll: large frames that are being received share a limit. A
// further one waits for the others, up to ReadTimeout.
func TestReceived_IsBoundedForAll(t *testing.T) {
	cfg := handlerConfig(func(_ context.Context, _ *Request, w *Writer) error { return w.Chunk(emptyMap, false) })
	cfg.Limits = Limits{MaxReceiveBuffers: 1 << 20}
	s, dial, _ := serve(t, cfg)
	whole := request(t, 1, "op", map[string]string{"text": strings.Repeat("x", 1_000_000)})
	half := dial()
	send(t, half, whole[:100])
	await.Condition(t, func() bool { // until there is no room for a second one
		free := s.received.TryAcquire(100_000)
		if free {
			s.received.Release(100_000)
		}
		return !free
	}, "a large frame that has begun")
	late, wrote := dial(), make(chan error, 1)
	go func() {
		_, err := late.Write(whole)
		wrote <- err
	}()
	require.Nil(t, ask(t, dial(), 1).Err, "small requests are not concerned")
	require.Empty(t, wrote, "the late one is not read from")
	require.NoError(t, half.Close())
	require.Nil(t, response(t, late).Err)
	require.NoError(t, <-wrote)

	cfg.Limits.ReadTimeout = 20 * time.Millisecond
	s, dial, _ = serve(t, cfg)
	require.True(t, s.received.TryAcquire(1<<20))
	late = dial()
	go func() {
		_, err := late.Write(whole)
		wrote <- err
	}()
	require.Equal(t, wire.CodeBusy, response(t, late).Err.Code)
	require.NoError(t, <-wrote, "a peer that writes first can read the refusal")
}

// TestShutdown_EndsEveryRequest: each request from before the shutdown gets a reply or an
// error; later connections are not accepted.
func TestShutdown_EndsEveryRequest(t *testing.T) {
	for range 20 {
		s, dial, stop := serve(t, Config{Ops: map[string]Op{
			"fast": {Handle: immediate(func(_ context.Context, _ *Request, w *Writer) error { return w.Chunk(emptyMap, false) })},
			"slow": {Deferred: func(_ context.Context, _ *Request, w *Writer) error {
				time.Sleep(time.Millisecond)
				return w.Chunk(emptyMap, false)
			}},
		}})
		var sent, answered, told atomic.Int64
		var all sync.WaitGroup
		hundred := make(chan struct{})
		for range 8 {
			nc := dial()
			all.Go(func() { // sends until the connection is closed
				for id := uint64(1); ; id++ {
					op := "fast"
					if id%10 == 0 {
						op = "slow"
					}
					b, _ := wire.AppendRequest(nil, id, op, nil)
					if _, err := nc.Write(b); err != nil {
						return
					}
					sent.Add(1)
				}
			})
			all.Go(func() {
				defer nc.Close() // not at the test's end, because there are many
				for {
					b, err := wire.ReadFrame(nc, nil, wire.MaxFrame)
					if err != nil {
						if err != io.EOF {
							t.Error(err)
						}
						return
					}
					resp, err := wire.DecodeReply(b)
					switch {
					case err != nil:
						t.Error(err)
					case resp.Err == nil:
						if answered.Add(1) == 100 {
							close(hundred)
						}
					case resp.Err.Code == wire.CodeShuttingDown, resp.Err.Code == wire.CodeBusy:
						told.Add(1)
					default:
						t.Error(resp.Err)
					}
				}
			})
		}
		await.Receive(t, hundred, "a hundred answers")
		await.Condition(t, func() bool { return s.Connections() == 8 }, "all connections")
		stop()
		shutdown(t, s)
		all.Wait()
		require.Equal(t, sent.Load(), answered.Load()+told.Load())
	}
}

// TestShutdown_IsNotHeldUp: neither a peer that does not read nor a handler that ignores
// its context holds up the shutdown.
func TestShutdown_IsNotHeldUp(t *testing.T) {
	release, began := make(chan struct{}), make(chan struct{})
	cfg := Config{
		Limits: Limits{UnreadTimeout: 10 * time.Millisecond},
		Ops: map[string]Op{
			"long": {Handle: immediate(chunks(1000))},
			"stubborn": {Deferred: func(_ context.Context, _ *Request, w *Writer) error {
				close(began)
				<-release
				return w.Chunk(emptyMap, false)
			}},
		},
	}
	s, dial, stop := serve(t, cfg)
	send(t, dial(), request(t, 1, "long", nil))
	await.Condition(t, func() bool { return s.shares.unsent.Used() > 0 }, "an answer that is not read")
	stop()
	shutdown(t, s)

	s, dial, stop = serve(t, cfg)
	send(t, dial(), request(t, 1, "stubborn", nil))
	await.Receive(t, began, "a request that runs")
	stop()
	over, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, s.Shutdown(over), ErrShutdownTimeout)
	close(release)
}

// TestPing_AllocatesNothing: after its first requests a connection answers pings without
// allocations.
func TestPing_AllocatesNothing(t *testing.T) {
	_, dial, _ := serve(t, Config{})
	nc := dial()
	ping := request(t, 1, wire.OpPing, nil)
	buf := make([]byte, 256)
	got := testing.AllocsPerRun(200, func() {
		if _, err := nc.Write(ping); err != nil {
			t.Error(err)
		}
		if _, err := nc.Read(buf); err != nil {
			t.Error(err)
		}
	})
	require.Zero(t, got)
}

// FuzzConnection sends arbitrary bytes: the server answers in frames or closes the
// connection, and still serves others.
func FuzzConnection(f *testing.F) {
	_, path, _ := listen(f, Config{Ops: map[string]Op{
		"fast": {Handle: immediate(func(_ context.Context, r *Request, w *Writer) error {
			var v map[string]any
			if err := r.Decode(&v); err != nil {
				return err
			}
			return w.Result(v)
		})},
		"slow": {Deferred: chunks(2)},
	}})
	f.Add(append(request(f, 1, "fast", map[string]any{"x": 1}), request(f, 2, "slow", nil)...))
	f.Add(append(request(f, 1, "hello", &wire.HelloRequest{Protocol: wire.Protocol}), 0, 0, 0, 0))
	f.Add([]byte{0, 0, 0, 2, 0x91, 0x91})
	f.Fuzz(func(t *testing.T, b []byte) {
		nc := connect(t, path)
		go func() {
			_, _ = io.Copy(nc, bytes.NewReader(b))
			_ = nc.CloseWrite()
		}()
		for {
			frame, err := wire.ReadFrame(nc, nil, wire.MaxFrame)
			if err == nil {
				require.NoError(t, wire.Check(frame))
				_, err := wire.DecodeReply(frame)
				require.NoError(t, err)
				continue
			}
			require.NotErrorIs(t, err, io.ErrUnexpectedEOF)
			require.NotErrorIs(t, err, wire.ErrTooLarge)
			require.NotErrorIs(t, err, wire.ErrEmpty)
			var timeout net.Error
			if errors.As(err, &timeout) {
				require.False(t, timeout.Timeout(), "neither answered nor closed")
			}
			return
		}
	})
}

// TestIdle_ClosedWhenShort: while connections are short, those of users that have sent no
// request for a while are closed. Administrators' and busy ones stay.
func TestIdle_ClosedWhenShort(t *testing.T) {
	var admin atomic.Bool
	cfg := deferredConfig(func(ctx context.Context, _ *Request, w *Writer) error { return w.Wait(func() { <-ctx.Done() }) })
	cfg.Shared, cfg.Admin = true, func(Peer) bool { return admin.Load() }
	cfg.Limits = Limits{MaxConnections: 8, IdleWhenShort: await.Hang}
	s, dial, _ := serve(t, cfg)
	busy, idle := dial(), dial()
	send(t, busy, request(t, 1, "op", nil))
	await.Condition(t, func() bool { return s.active.Load() == 1 && s.Connections() == 2 }, "two connections")
	admin.Store(true)
	others := []net.Conn{dial(), dial(), dial()}
	await.Condition(t, func() bool { return s.Connections() == 5 }, "five connections")
	s.each(func(c *conn) {
		if !c.idle.CompareAndSwap(0, 0) {
			c.idle.Store(1) // since 1970
		}
	})
	others = append(others, dial()) // the sixth of eight
	n, err := idle.Read(make([]byte, 1))
	require.Zero(t, n)
	require.ErrorIs(t, err, io.EOF)
	await.Condition(t, func() bool { return s.Connections() == 5 }, "only the idle user's is closed")
	for _, nc := range others {
		send(t, nc, request(t, 1, wire.OpPing, nil))
		require.Nil(t, response(t, nc).Err)
	}
}

// TestCloseUnread_SlowLog: while the log is written, which can take long, others connect.
func TestCloseUnread_SlowLog(t *testing.T) {
	reader, log := io.Pipe()
	cfg := handlerConfig(nil)
	cfg.Log = slog.New(slog.NewTextHandler(log, nil))
	s, dial, _ := serve(t, cfg)
	dial()
	await.Condition(t, func() bool { return s.Connections() == 1 }, "a connection")
	connections(s)[0].blocked.Store(1) // since 1970
	swept := make(chan struct{})
	go func() {
		defer close(swept)
		s.closeUnread(0, everyone)
	}()
	line := make([]byte, 1)
	_, err := reader.Read(line) // the rest of the line is not read
	require.NoError(t, err)
	nc := dial()
	send(t, nc, request(t, 1, wire.OpPing, nil))
	require.Nil(t, response(t, nc).Err)
	require.NoError(t, reader.Close())
	<-swept
}
