package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/wire"
)

// serve starts a server with these operations, to be ended by the test.
func serve(t testing.TB, cfg Config) (s *Server, dial func() *net.UnixConn, stop func()) {
	t.Helper()
	s, path, stop := listen(t, cfg)
	return s, func() *net.UnixConn { return connect(t, path) }, stop
}

func connect(t testing.TB, path string) *net.UnixConn {
	t.Helper()
	nc, err := net.Dial("unix", path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = nc.Close() })
	require.NoError(t, nc.SetDeadline(time.Now().Add(10*time.Second)))
	return nc.(*net.UnixConn)
}

func listen(t testing.TB, cfg Config) (s *Server, path string, stop func()) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	s = New(cfg)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	stop = sync.OnceFunc(func() {
		require.NoError(t, l.Close())
		require.NoError(t, <-served)
	})
	t.Cleanup(func() {
		stop()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		require.NoError(t, s.Shutdown(ctx))
	})
	return s, path, stop
}

func handle(h Handler) Config { return Config{Ops: map[string]Op{"op": {Handle: h}}} }

func slowly(h Handler) Config { return Config{Ops: map[string]Op{"op": {Handle: h, Slow: true}}} }

func send(t testing.TB, nc net.Conn, b []byte) {
	t.Helper()
	_, err := nc.Write(b)
	require.NoError(t, err)
}

func ask(t testing.TB, nc net.Conn, id uint64) wire.Response {
	t.Helper()
	send(t, nc, request(t, id, "op", nil))
	return response(t, nc)
}

func TestPeerThatIsNotAllowed(t *testing.T) {
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

// TestHandlerMistakes: what a handler does wrong is an error of its request.
func TestHandlerMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		handle Handler
		code   wire.Code
	}{
		"no answer": {func(context.Context, *Request, *Writer) error { return nil }, wire.CodeInternal},
		"a part that fits into no frame": {func(_ context.Context, _ *Request, w *Writer) error {
			return w.Part(make([]byte, wire.MaxFrame), false)
		}, wire.CodeTooLarge},
		"no end": {func(_ context.Context, _ *Request, w *Writer) error { return w.Part(emptyMap, true) }, wire.CodeInternal},
		"two ends": {func(_ context.Context, _ *Request, w *Writer) error {
			if err := w.Part(emptyMap, false); err != nil {
				return err
			}
			return w.Part(emptyMap, false)
		}, 0},
		"a panic behind a part": {func(_ context.Context, _ *Request, w *Writer) error {
			if err := w.Part(emptyMap, true); err != nil {
				return err
			}
			panic("on purpose")
		}, wire.CodeInternal},
	} {
		for _, cfg := range []Config{handle(c.handle), slowly(c.handle)} {
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

// TestIDIsFreeWithTheAnswer: who has the answer may use the id again.
func TestIDIsFreeWithTheAnswer(t *testing.T) {
	_, dial, _ := serve(t, slowly(func(_ context.Context, _ *Request, w *Writer) error { return w.Part(emptyMap, false) }))
	nc := dial()
	for range 500 {
		require.Nil(t, ask(t, nc, 1).Err)
	}
}

// TestHalfClosed: a peer that only sends nothing more gets its answers; for one
// that is gone nobody works on.
func TestHalfClosed(t *testing.T) {
	began, ended := make(chan struct{}), make(chan error, 1)
	release := make(chan struct{})
	_, dial, _ := serve(t, slowly(func(ctx context.Context, _ *Request, w *Writer) error {
		began <- struct{}{}
		select {
		case <-release:
		case <-ctx.Done():
		}
		ended <- ctx.Err()
		return w.Part(emptyMap, false)
	}))
	nc := dial()
	send(t, nc, request(t, 1, "op", nil))
	<-began
	require.NoError(t, nc.CloseWrite())
	time.Sleep(50 * time.Millisecond)
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
}

// parts answers with so many parts of 60 kB.
func parts(n int) Handler {
	part, err := msgpack.Marshal([]string{strings.Repeat("x", 60_000)})
	if err != nil {
		panic(err)
	}
	return func(_ context.Context, _ *Request, w *Writer) error {
		for i := range n {
			if err := w.Part(part, i+1 < n); err != nil {
				return err
			}
		}
		return nil
	}
}

// TestDeafPeersHurtNobodyElse: peers that do not read use up the bound for all;
// a peer that reads gets its long answers nevertheless, and the others go.
func TestDeafPeersHurtNobodyElse(t *testing.T) {
	cfg := handle(parts(50))
	cfg.Limits = Limits{Unsent: 300_000}
	s, dial, _ := serve(t, cfg)
	for range 20 {
		send(t, dial(), request(t, 1, "op", nil))
	}
	require.Eventually(t, func() bool { return s.unsent.Load() > 300_000 }, 5*time.Second, time.Millisecond)
	nc := dial()
	for range 3 {
		resp := ask(t, nc, 1)
		for n := 1; ; n++ {
			require.Nil(t, resp.Err)
			if !resp.More {
				require.Equal(t, 50, n)
				break
			}
			resp = response(t, nc)
		}
	}
	require.Less(t, s.Connections(), 21, "some had to go")
}

// TestPeerUnsent: past its own bound a peer's requests wait until it reads.
func TestPeerUnsent(t *testing.T) {
	var ran atomic.Int32
	cfg := slowly(func(_ context.Context, _ *Request, w *Writer) error {
		ran.Add(1)
		return parts(10)(nil, nil, w)
	})
	cfg.Limits = Limits{PeerUnsent: 100_000, InFlight: 1000}
	_, dial, _ := serve(t, cfg)
	nc := dial()
	const requests = 200
	for id := range uint64(requests) {
		send(t, nc, request(t, id+1, "op", nil))
		if id < 20 {
			time.Sleep(5 * time.Millisecond) // so that answers are there to wait
		}
	}
	time.Sleep(50 * time.Millisecond)
	require.Less(t, ran.Load(), int32(requests))
	for ends := 0; ends < requests; {
		if resp := response(t, nc); !resp.More {
			ends++
		}
	}
	require.EqualValues(t, requests, ran.Load())
}

// TestLargeRequestsShareABound: half-sent large frames do not add up, and go.
func TestLargeRequestsShareABound(t *testing.T) {
	cfg := handle(func(_ context.Context, _ *Request, w *Writer) error { return w.Part(emptyMap, false) })
	cfg.Limits = Limits{Received: 1 << 20, HalfFrame: 300 * time.Millisecond}
	_, dial, _ := serve(t, cfg)
	whole := request(t, 1, "op", map[string]string{"text": strings.Repeat("x", 1_000_000)})
	half := dial()
	send(t, half, whole[:100])
	time.Sleep(50 * time.Millisecond)
	late := dial()
	go func() { _, _ = late.Write(whole) }()
	resp := response(t, half)
	require.Equal(t, wire.CodeInvalid, resp.Err.Code, "not sent in time")
	resp = response(t, late) // was served when the other was gone, or told that there is no room
	if resp.Err != nil {
		require.Equal(t, wire.CodeBusy, resp.Err.Code)
	}
	nc := dial()
	go func() { _, _ = nc.Write(whole) }()
	require.Nil(t, response(t, nc).Err)
}

// TestEveryRequestHasItsEnd: whatever was sent before the end came is answered,
// or told that the end came; what comes later is not accepted.
func TestEveryRequestHasItsEnd(t *testing.T) {
	for range 20 {
		s, dial, stop := serve(t, Config{Ops: map[string]Op{
			"fast": {Handle: func(_ context.Context, _ *Request, w *Writer) error { return w.Part(emptyMap, false) }},
			"slow": {Slow: true, Handle: func(_ context.Context, _ *Request, w *Writer) error {
				time.Sleep(time.Millisecond)
				return w.Part(emptyMap, false)
			}},
		}})
		var sent, answered, told atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			nc := dial()
			all.Go(func() { // sends until it no longer can
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
				for {
					b, err := wire.ReadFrame(nc, nil)
					if err != nil {
						if err != io.EOF {
							t.Error(err)
						}
						return
					}
					resp, err := wire.DecodeResponse(b)
					switch {
					case err != nil:
						t.Error(err)
					case resp.Err == nil:
						answered.Add(1)
					case resp.Err.Code == wire.CodeShuttingDown, resp.Err.Code == wire.CodeBusy:
						told.Add(1)
					default:
						t.Error(resp.Err)
					}
				}
			})
		}
		require.Eventually(t, func() bool { return s.Connections() == 8 && answered.Load() > 100 }, 5*time.Second, time.Millisecond)
		stop()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		require.NoError(t, s.Shutdown(ctx))
		cancel()
		all.Wait()
		require.Equal(t, sent.Load(), answered.Load()+told.Load())
	}
}

// TestShutdownIsNotHeldUp by a peer that does not read, or a handler that does
// not listen.
func TestShutdownIsNotHeldUp(t *testing.T) {
	release := make(chan struct{})
	s, dial, stop := serve(t, Config{Ops: map[string]Op{
		"long":     {Handle: parts(1000)},
		"stubborn": {Slow: true, Handle: func(_ context.Context, _ *Request, w *Writer) error { <-release; return w.Part(emptyMap, false) }},
	}})
	send(t, dial(), request(t, 1, "long", nil))
	require.Eventually(t, func() bool { return s.unsent.Load() > 0 }, 5*time.Second, time.Millisecond)
	stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	require.NoError(t, s.Shutdown(ctx))
	require.NoError(t, ctx.Err())

	s, dial, stop = serve(t, s.cfg)
	send(t, dial(), request(t, 1, "stubborn", nil))
	require.Eventually(t, func() bool { return s.active.Load() > 0 }, 5*time.Second, time.Millisecond)
	stop()
	short, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Shutdown(short), ErrGaveUp)
	close(release)
}

// TestPingAllocatesNothing once the connection is warm.
func TestPingAllocatesNothing(t *testing.T) {
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

// FuzzConnection sends any bytes: the server answers in frames or closes, and
// goes on for others.
func FuzzConnection(f *testing.F) {
	_, path, _ := listen(f, Config{Ops: map[string]Op{
		"fast": {Handle: func(_ context.Context, r *Request, w *Writer) error {
			var v map[string]any
			if err := r.Decode(&v); err != nil {
				return err
			}
			return w.Result(v)
		}},
		"slow": {Slow: true, Handle: parts(2)},
	}})
	f.Add(append(request(f, 1, "fast", map[string]any{"x": 1}), request(f, 2, "slow", nil)...))
	f.Add(append(request(f, 1, "hello", &wire.HelloRequest{Protocol: 1}), 0, 0, 0, 0))
	f.Add([]byte{0, 0, 0, 2, 0x91, 0x91})
	f.Fuzz(func(t *testing.T, b []byte) {
		nc := connect(t, path)
		go func() {
			_, _ = io.Copy(nc, bytes.NewReader(b))
			_ = nc.CloseWrite()
		}()
		for {
			frame, err := wire.ReadFrame(nc, nil)
			if err == nil {
				require.NoError(t, wire.Check(frame))
				_, err := wire.DecodeResponse(frame)
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
