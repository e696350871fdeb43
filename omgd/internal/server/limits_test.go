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
	_, dial, _ := serve(t, Config{IsAllowed: func(p Peer) bool {
		if p.PID == 0 {
			t.Error("the peer has no process ID")
		}
		return false
	}})
	resp := response(t, dial())
	require.Zero(t, resp.ID)
	require.Equal(t, wire.CodeNotAllowed, resp.Err.Code)
}

// TestHandler_Mistakes checks that a faulty handler causes an error reply to its request, and that the connection stays
// open.
func TestHandler_Mistakes(t *testing.T) {
	for name, c := range map[string]struct {
		handler DeferredHandler
		code    wire.Code
	}{
		"no reply": {func(context.Context, *Request, *Writer) error { return nil }, wire.CodeInternal},
		"a chunk that fits into no frame": {func(_ context.Context, _ *Request, w *Writer) error {
			return w.Chunk(make([]byte, wire.MaxFrameSize), false)
		}, wire.CodeTooLarge},
		"no last chunk": {func(_ context.Context, _ *Request, w *Writer) error { return w.Chunk(emptyMap, true) }, wire.CodeInternal},
		"two last chunks": {func(_ context.Context, _ *Request, w *Writer) error {
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
				require.EqualValues(t, 4, resp.ID, "one reply, and the connection stays open")
				require.Nil(t, resp.Err)
			})
		}
	}
}

// TestID_Reused checks that a peer may use the id of a slow request again as soon as it has the reply.
func TestID_Reused(t *testing.T) {
	cfg := deferredConfig(func(_ context.Context, _ *Request, w *Writer) error { return w.Chunk(emptyMap, false) })
	cfg.Limits = Limits{MaxInFlight: 500} // a request still counts for a moment after its reply
	_, dial, _ := serve(t, cfg)
	nc := dial()
	for range 500 {
		require.Nil(t, ask(t, nc, 1).Err)
	}
}

// TestPeer_HalfClosed checks that a peer that shuts down its sending side gets its replies. If the peer closes its
// socket, its requests are canceled.
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
	await.Condition(t, func() bool { return strings.Contains(log.String(), "running=1 gone=false") }, "the server notices that no further request comes: %s", log.String)
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
	await.Condition(t, func() bool { return strings.Contains(log.String(), "running=1 gone=true") }, "the server notices that the peer has closed the socket: %s", log.String)
}

// TestUnsent_ReadingPeer checks that a peer that reads its replies gets long replies, even after peers that do not read
// have reached MaxUnsent. Some peers that do not read are disconnected.
func TestUnsent_ReadingPeer(t *testing.T) {
	cfg := handlerConfig(chunks(50))
	cfg.Limits = Limits{MaxUnsent: 300_000}
	s, dial, _ := serve(t, cfg)
	for range 20 {
		send(t, dial(), request(t, 1, "op", nil))
	}
	await.Condition(t, func() bool { return s.Connections() == 20 && s.shares.unsent.Used() > 300_000 }, "more unread replies than MaxUnsent")
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
					frame, err := wire.ReadFrame(nc, nil, wire.MaxFrameSize)
					if err != nil {
						return err
					}
					resp, err := wire.DecodeReply(frame)
					if err != nil || resp.Err != nil {
						return errors.Join(err, resp.Err)
					}
					if more = resp.More; !more && n != 50 {
						return fmt.Errorf("%d chunks", n)
					}
				}
			}
			return nil
		}()
	}()
	await.Condition(t, func() bool { expireWrites(deaf); return len(read) == 1 }, "three long replies")
	require.NoError(t, <-read)
	await.Condition(t, func() bool { return s.Connections() < 21 }, "some peers are disconnected")
}

// TestUnsent_WaitingRequests checks that MaxUnsent still holds after unread replies have been dropped. Then many
// waiting requests see at the same time that the limit is not exceeded. Requests may start only until the limit is
// reached again: all others continue to wait.
func TestUnsent_WaitingRequests(t *testing.T) {
	const kept = 400_000
	var replies, maxReplies atomic.Int64
	cfg := handlerConfig(func(_ context.Context, _ *Request, w *Writer) error {
		w.CountMemory(kept)
		maxReplies.Store(max(maxReplies.Load(), replies.Add(1))) // a race may store a number that is too small, which can only hide an error
		defer replies.Add(-1)
		for {
			if err := w.Chunk(make([]byte, 60_000), true); err != nil {
				return err
			}
		}
	})
	cfg.HasSeveralUsers, cfg.IsAdmin = true, func(Peer) bool { return false }
	cfg.Limits = Limits{MaxUnsent: 4 * kept}
	s, dial, _ := serve(t, cfg)
	peers := 50 + 2*runtime.GOMAXPROCS(0)
	for range peers {
		send(t, dial(), request(t, 1, "op", nil))
	}
	await.Condition(t, func() bool { return s.Connections() == peers && s.shares.unsent.Used() > 2*kept }, "unread replies that exceed MaxUnsent")
	await.Condition(t, func() bool {
		expireWrites(connections(s))
		s.closeSlowReaders(await.Timeout, acceptAnyUser)
		return s.Connections() == 0
	}, "all peers that do not read are disconnected")
	require.LessOrEqual(t, maxReplies.Load(), int64(3+max(2, runtime.GOMAXPROCS(0))))
}

// TestPeerUnsent_RequestsWait checks that a peer's further requests wait while its unread replies exceed
// MaxUnsentPerConnection. When the peer reads, they are answered.
func TestPeerUnsent_RequestsWait(t *testing.T) {
	var ran atomic.Int32
	var reading atomic.Bool
	cfg := deferredConfig(func(_ context.Context, _ *Request, w *Writer) error {
		if ran.Add(1) > 2 && !reading.Load() {
			t.Error("a request runs although the peer has two unread replies")
		}
		return chunks(10)(nil, nil, w)
	})
	cfg.Limits = Limits{MaxUnsentPerConnection: 100_000, MaxInFlight: 1000}
	s, dial, _ := serve(t, cfg)
	nc := dial()
	await.Condition(t, func() bool { return s.Connections() == 1 }, "the connection")
	c := connections(s)[0]
	require.NoError(t, c.nc.SetWriteBuffer(4<<10)) // less than one chunk, so that the first chunk of each reply already waits for the peer
	const requests = 200
	var rest []byte
	for id := range uint64(requests) {
		if b := request(t, id+1, "op", nil); id < 2 {
			send(t, nc, b)
		} else {
			rest = append(rest, b...)
		}
	}
	await.Condition(t, func() bool { return c.unsent.Load() > cfg.Limits.MaxUnsentPerConnection }, "unread replies that exceed the limit")
	send(t, nc, rest)
	other := dial()
	for id := range uint64(100) { // requests of another peer do not wait
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

// TestReceived_IsBoundedForAll checks the limit of the total size of all large frames that are being received. A large
// frame that would exceed the limit waits until another large frame has ended. After ReadTimeout it is refused.
func TestReceived_IsBoundedForAll(t *testing.T) {
	cfg := handlerConfig(func(_ context.Context, _ *Request, w *Writer) error { return w.Chunk(emptyMap, false) })
	cfg.Limits = Limits{MaxReceiveBytes: 1 << 20}
	s, dial, _ := serve(t, cfg)
	whole := request(t, 1, "op", map[string]string{"text": strings.Repeat("x", 1_000_000)})
	half := dial()
	send(t, half, whole[:100])
	await.Condition(t, func() bool { // wait until a second large frame would exceed the limit
		free := s.receiveBudget.TryAcquire(100_000)
		if free {
			s.receiveBudget.Release(100_000)
		}
		return !free
	}, "the beginning of a large frame is received")
	late, wrote := dial(), make(chan error, 1)
	go func() {
		_, err := late.Write(whole)
		wrote <- err
	}()
	require.Nil(t, ask(t, dial(), 1).Err, "small requests are not limited")
	require.Empty(t, wrote, "the second large frame is not read")
	require.NoError(t, half.Close())
	require.Nil(t, response(t, late).Err)
	require.NoError(t, <-wrote)

	cfg.Limits.ReadTimeout = 20 * time.Millisecond
	s, dial, _ = serve(t, cfg)
	require.True(t, s.receiveBudget.TryAcquire(1<<20))
	late = dial()
	go func() {
		_, err := late.Write(whole)
		wrote <- err
	}()
	require.Equal(t, wire.CodeBusy, response(t, late).Err.Code)
	require.NoError(t, <-wrote, "a peer that writes the whole request before it reads gets the refusal")
}

// TestShutdown_EndsEveryRequest checks that each request that was sent before the end of the shutdown gets a result or
// an error.
func TestShutdown_EndsEveryRequest(t *testing.T) {
	for range 20 {
		s, dial, stop := serve(t, Config{Ops: map[string]Op{
			"fast": {Handle: immediate(func(_ context.Context, _ *Request, w *Writer) error { return w.Chunk(emptyMap, false) })},
			"slow": {HandleDeferred: func(_ context.Context, _ *Request, w *Writer) error {
				time.Sleep(time.Millisecond)
				return w.Chunk(emptyMap, false)
			}},
		}})
		var sent, answered, refused atomic.Int64
		var all sync.WaitGroup
		hundred := make(chan struct{})
		for range 8 {
			nc := dial()
			all.Go(func() { // sends requests until the server closes the connection
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
				defer nc.Close() // do not keep many connections open until the end of the test
				for {
					b, err := wire.ReadFrame(nc, nil, wire.MaxFrameSize)
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
						refused.Add(1)
					default:
						t.Error(resp.Err)
					}
				}
			})
		}
		await.Receive(t, hundred, "a hundred replies")
		await.Condition(t, func() bool { return s.Connections() == 8 }, "all connections")
		stop()
		shutdown(t, s)
		all.Wait()
		require.Equal(t, sent.Load(), answered.Load()+refused.Load())
	}
}

// TestShutdown_IsNotHeldUp checks that the shutdown ends although a peer does not read its reply, and although a
// handler ignores that its context is canceled.
func TestShutdown_IsNotHeldUp(t *testing.T) {
	release, began := make(chan struct{}), make(chan struct{})
	cfg := Config{
		Limits: Limits{UnreadTimeout: 10 * time.Millisecond},
		Ops: map[string]Op{
			"long": {Handle: immediate(chunks(1000))},
			"stubborn": {HandleDeferred: func(_ context.Context, _ *Request, w *Writer) error {
				close(began)
				<-release
				return w.Chunk(emptyMap, false)
			}},
		},
	}
	s, dial, stop := serve(t, cfg)
	send(t, dial(), request(t, 1, "long", nil))
	await.Condition(t, func() bool { return s.shares.unsent.Used() > 0 }, "an unread reply")
	stop()
	shutdown(t, s)

	s, dial, stop = serve(t, cfg)
	send(t, dial(), request(t, 1, "stubborn", nil))
	await.Receive(t, began, "a running request")
	stop()
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, s.Shutdown(canceled), ErrShutdownTimeout)
	close(release)
}

// TestPing_AllocatesNothing checks that a connection answers pings without allocating memory, after its first requests.
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

// FuzzConnection sends arbitrary bytes on a connection. The server must answer with valid frames or close the
// connection, and must still serve the next connection.
func FuzzConnection(f *testing.F) {
	_, path, _ := listen(f, Config{Ops: map[string]Op{
		"fast": {Handle: immediate(func(_ context.Context, r *Request, w *Writer) error {
			var v map[string]any
			if err := r.Decode(&v); err != nil {
				return err
			}
			return w.Result(v)
		})},
		"slow": {HandleDeferred: chunks(2)},
	}})
	f.Add(append(request(f, 1, "fast", map[string]any{"x": 1}), request(f, 2, "slow", nil)...))
	f.Add(append(request(f, 1, "hello", &wire.HelloRequest{Protocol: wire.ProtocolVersion}), 0, 0, 0, 0))
	f.Add([]byte{0, 0, 0, 2, 0x91, 0x91})
	f.Fuzz(func(t *testing.T, b []byte) {
		nc := connect(t, path)
		go func() {
			_, _ = io.Copy(nc, bytes.NewReader(b))
			_ = nc.CloseWrite()
		}()
		for {
			frame, err := wire.ReadFrame(nc, nil, wire.MaxFrameSize)
			if err == nil {
				require.NoError(t, wire.CheckMessagePack(frame))
				_, err := wire.DecodeReply(frame)
				require.NoError(t, err)
				continue
			}
			require.NotErrorIs(t, err, io.ErrUnexpectedEOF)
			require.NotErrorIs(t, err, wire.ErrTooLarge)
			require.NotErrorIs(t, err, wire.ErrEmptyFrame)
			var timeout net.Error
			if errors.As(err, &timeout) {
				require.False(t, timeout.Timeout(), "the server neither answers nor closes the connection")
			}
			return
		}
	})
}

// TestIdle_ClosedWhenShort checks that idle connections are closed when few connections are left. Connections of
// administrators and connections with a running request stay open.
func TestIdle_ClosedWhenShort(t *testing.T) {
	var admin atomic.Bool
	cfg := deferredConfig(func(ctx context.Context, _ *Request, w *Writer) error { return w.RunBlocking(func() { <-ctx.Done() }) })
	cfg.HasSeveralUsers, cfg.IsAdmin = true, func(Peer) bool { return admin.Load() }
	cfg.Limits = Limits{MaxConnections: 8, IdleWhenShort: await.Timeout}
	s, dial, _ := serve(t, cfg)
	busy, idle := dial(), dial()
	send(t, busy, request(t, 1, "op", nil))
	await.Condition(t, func() bool {
		return s.runningRequests.Load() == 1 && len(s.findConns(func(c *conn) bool { return c.idleSince.Load() != 0 })) == 1
	}, "a busy and an idle connection")
	admin.Store(true)
	open := []net.Conn{dial(), dial(), dial()}
	await.Condition(t, func() bool { return s.Connections() == 5 }, "five connections")
	s.forEachConn(func(c *conn) {
		if !c.idleSince.CompareAndSwap(0, 0) {
			c.idleSince.Store(1) // idle since 1970
		}
	})
	open = append(open, dial()) // with this sixth connection, only a quarter of the limit of eight is free
	n, err := idle.Read(make([]byte, 1))
	require.Zero(t, n)
	require.ErrorIs(t, err, io.EOF)
	await.Condition(t, func() bool { return s.Connections() == 5 }, "only the idle connection of the user is closed")
	for _, nc := range open {
		send(t, nc, request(t, 1, wire.OpPing, nil))
		require.Nil(t, response(t, nc).Err)
	}
}

// TestCloseUnread_SlowLog checks that the server still accepts connections while closeSlowReaders writes to the log, which
// can take long.
func TestCloseUnread_SlowLog(t *testing.T) {
	reader, log := io.Pipe()
	cfg := handlerConfig(nil)
	cfg.Log = slog.New(slog.NewTextHandler(log, nil))
	s, dial, _ := serve(t, cfg)
	dial()
	await.Condition(t, func() bool { return s.Connections() == 1 }, "a connection")
	connections(s)[0].writeBegan.Store(1) // the write has been waiting since 1970
	swept := make(chan struct{})
	go func() {
		defer close(swept)
		s.closeSlowReaders(0, acceptAnyUser)
	}()
	first := make([]byte, 1)
	_, err := reader.Read(first) // one byte of a log line: the write to the log blocks until the rest is read
	require.NoError(t, err)
	nc := dial()
	send(t, nc, request(t, 1, wire.OpPing, nil))
	require.Nil(t, response(t, nc).Err)
	require.NoError(t, reader.Close())
	<-swept
}
