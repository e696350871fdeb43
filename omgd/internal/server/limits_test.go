package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
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

// TestHalfClosed: a peer that only sends nothing more gets its answers. For one
// that is gone nobody works on.
func TestHalfClosed(t *testing.T) {
	began, ended := make(chan struct{}), make(chan error, 1)
	release, log := make(chan struct{}), &logged{}
	cfg := slowly(func(ctx context.Context, _ *Request, w *Writer) error {
		began <- struct{}{}
		select {
		case <-release:
		case <-ctx.Done():
		}
		ended <- ctx.Err()
		return w.Part(emptyMap, false)
	})
	cfg.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: logging.LevelTrace}))
	_, dial, _ := serve(t, cfg)
	nc := dial()
	send(t, nc, request(t, 1, "op", nil))
	<-began
	require.NoError(t, nc.CloseWrite())
	await.That(t, func() bool { return strings.Contains(log.String(), "running=1 gone=false") }, "the end of the requests is seen: %s", log.String)
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
	await.That(t, func() bool { return strings.Contains(log.String(), "running=1 gone=true") }, "it is seen to be gone: %s", log.String)
}

// TestUnsent_DeafPeersHurtNobodyElse: peers that do not read use up the bound for
// all. A peer that reads gets its long answers nevertheless, and the others go.
func TestUnsent_DeafPeersHurtNobodyElse(t *testing.T) {
	cfg := handle(parts(50))
	cfg.Limits = Limits{Unsent: 300_000}
	s, dial, _ := serve(t, cfg)
	for range 20 {
		send(t, dial(), request(t, 1, "op", nil))
	}
	await.That(t, func() bool { return s.Connections() == 20 && s.unsent.Load() > 300_000 }, "more deaf peers than fit")
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
					frame, err := wire.ReadFrame(nc, nil)
					if err != nil {
						return err
					}
					resp, err := wire.DecodeResponse(frame)
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
	await.That(t, func() bool { overdue(deaf); return len(read) == 1 }, "three long answers")
	require.NoError(t, <-read)
	require.Less(t, s.Connections(), 21, "some had to go")
}

// TestPeerUnsent_RequestsWait: past its own bound a peer's requests wait until it
// reads.
func TestPeerUnsent_RequestsWait(t *testing.T) {
	var ran atomic.Int32
	var reading atomic.Bool
	cfg := slowly(func(_ context.Context, _ *Request, w *Writer) error {
		if ran.Add(1) > 2 && !reading.Load() {
			t.Error("a request runs though the peer has two answers to read")
		}
		return parts(10)(nil, nil, w)
	})
	cfg.Limits = Limits{PeerUnsent: 100_000, InFlight: 1000}
	s, dial, _ := serve(t, cfg)
	nc := dial()
	await.That(t, func() bool { return s.Connections() == 1 }, "the connection")
	c := connections(s)[0]
	require.NoError(t, c.nc.SetWriteBuffer(64<<10)) // which two answers fill on every machine
	const requests = 200
	var rest []byte
	for id := range uint64(requests) {
		if b := request(t, id+1, "op", nil); id < 2 {
			send(t, nc, b)
		} else {
			rest = append(rest, b...)
		}
	}
	await.That(t, func() bool { return c.unsent.Load() > cfg.Limits.PeerUnsent }, "two parts that wait to be read")
	send(t, nc, rest)
	other := dial()
	for id := range uint64(100) { // the server has time for the others
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

// TestReceived_IsBoundedForAll: large frames that have begun do not add up. One
// waits for the others, but only so long.
func TestReceived_IsBoundedForAll(t *testing.T) {
	cfg := handle(func(_ context.Context, _ *Request, w *Writer) error { return w.Part(emptyMap, false) })
	cfg.Limits = Limits{Received: 1 << 20}
	s, dial, _ := serve(t, cfg)
	whole := request(t, 1, "op", map[string]string{"text": strings.Repeat("x", 1_000_000)})
	half := dial()
	send(t, half, whole[:100])
	await.That(t, func() bool { // there is no room for a second one
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

	cfg.Limits.HalfFrame = 20 * time.Millisecond
	s, dial, _ = serve(t, cfg)
	require.True(t, s.received.TryAcquire(1<<20))
	late = dial()
	go func() {
		_, err := late.Write(whole)
		wrote <- err
	}()
	require.Equal(t, wire.CodeBusy, response(t, late).Err.Code)
	require.Error(t, <-wrote)
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
		hundred := make(chan struct{})
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
				defer nc.Close() // not only when the test ends: there are many
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
		await.That(t, func() bool { return s.Connections() == 8 }, "all connections")
		stop()
		shutdown(t, s)
		all.Wait()
		require.Equal(t, sent.Load(), answered.Load()+told.Load())
	}
}

// TestShutdown_IsNotHeldUp by a peer that does not read, or a handler that does
// not listen.
func TestShutdown_IsNotHeldUp(t *testing.T) {
	release, began := make(chan struct{}), make(chan struct{})
	cfg := Config{
		Limits: Limits{Unread: 10 * time.Millisecond},
		Ops: map[string]Op{
			"long": {Handle: parts(1000)},
			"stubborn": {Slow: true, Handle: func(_ context.Context, _ *Request, w *Writer) error {
				close(began)
				<-release
				return w.Part(emptyMap, false)
			}},
		},
	}
	s, dial, stop := serve(t, cfg)
	send(t, dial(), request(t, 1, "long", nil))
	await.That(t, func() bool { return s.unsent.Load() > 0 }, "an answer that is not read")
	stop()
	shutdown(t, s)

	s, dial, stop = serve(t, cfg)
	send(t, dial(), request(t, 1, "stubborn", nil))
	await.Receive(t, began, "a request that runs")
	stop()
	over, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, s.Shutdown(over), ErrGaveUp)
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
