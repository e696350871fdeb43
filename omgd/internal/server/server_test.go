package server

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type echo struct {
	Text  string `msgpack:"text"`
	Parts int    `msgpack:"parts"`
}

// running is a server with operations for tests.
type running struct {
	*Server
	path    string
	release chan struct{} // lets "wait" go on
	faults  chan struct{}
	log     *logged
}

func start(t testing.TB, limits Limits) *running {
	t.Helper()
	dir, err := os.MkdirTemp("", "server-")
	require.NoError(t, err)
	r := &running{path: filepath.Join(dir, "s"), release: make(chan struct{}), faults: make(chan struct{}, 8), log: &logged{}}
	r.Server = New(Config{
		Limits: limits,
		Hello:  wire.HelloResult{Server: "test"},
		Log:    slog.New(slog.NewTextHandler(r.log, nil)),
		Fault:  func() { r.faults <- struct{}{} },
		Ops: map[string]Op{
			"echo": {Handle: func(_ context.Context, q *Request, w *Writer) error {
				var e echo
				if err := q.Decode(&e); err != nil {
					return err
				}
				return w.Result(e)
			}},
			"long": {Handle: func(_ context.Context, q *Request, w *Writer) error {
				var e echo
				if err := q.Decode(&e); err != nil {
					return err
				}
				part, err := msgpack.Marshal([]string{strings.Repeat("x", 60_000)})
				for i := 0; i < e.Parts && err == nil; i++ {
					err = w.Part(part, i+1 < e.Parts)
				}
				return err
			}},
			"wait": {Slow: true, Handle: func(ctx context.Context, q *Request, w *Writer) error {
				select {
				case <-r.release:
					return w.Result(echo{Text: "waited"})
				case <-ctx.Done():
					return wire.Errorf(wire.CodeShuttingDown, "given up")
				}
			}},
			"perhaps": {Handle: func(_ context.Context, q *Request, w *Writer) error {
				var e echo
				if err := q.Decode(&e); err != nil {
					return err
				}
				if e.Parts == 0 {
					return w.Result(e)
				}
				return Later(func(ctx context.Context, q *Request, w *Writer) error {
					<-r.release
					return errors.Join(q.Decode(&e), w.Result(e))
				})
			}},
			"panic":      {Handle: func(context.Context, *Request, *Writer) error { panic("on purpose") }},
			"fault":      {Handle: func(context.Context, *Request, *Writer) error { return readTruncated(t) }},
			"slow fault": {Slow: true, Handle: func(context.Context, *Request, *Writer) error { return readTruncated(t) }},
			"fail":       {Handle: func(context.Context, *Request, *Writer) error { return fmt.Errorf("some error") }},
		},
	})
	l, err := net.Listen("unix", r.path)
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- r.Serve(l) }()
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		require.NoError(t, r.Shutdown(ctx))
		require.NoError(t, <-served)
		require.Zero(t, r.Connections())
		require.NoError(t, os.RemoveAll(dir))
	})
	return r
}

// logged is what was logged.
type logged struct {
	mu  sync.Mutex
	all strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

// readTruncated reads a mapped file that was truncated after it was mapped.
func readTruncated(t testing.TB) error {
	f, err := os.CreateTemp("", "map-")
	require.NoError(t, err)
	defer os.Remove(f.Name())
	defer f.Close()
	require.NoError(t, f.Truncate(1<<16))
	m, err := unix.Mmap(int(f.Fd()), 0, 1<<16, unix.PROT_READ, unix.MAP_SHARED)
	require.NoError(t, err)
	defer unix.Munmap(m)
	require.NoError(t, f.Truncate(0))
	return fmt.Errorf("read %d", m[1<<15])
}

func (r *running) dial(t testing.TB) *client.Conn {
	t.Helper()
	c, err := client.Dial(context.Background(), r.path, client.Options{Timeout: 5 * time.Second})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// raw connects without the client.
func (r *running) raw(t testing.TB) net.Conn {
	t.Helper()
	nc, err := net.Dial("unix", r.path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = nc.Close() })
	require.NoError(t, nc.SetDeadline(time.Now().Add(10*time.Second)))
	return nc
}

func response(t testing.TB, nc io.Reader) wire.Response {
	t.Helper()
	b, err := wire.ReadFrame(nc, nil)
	require.NoError(t, err)
	require.NoError(t, wire.Check(b))
	resp, err := wire.DecodeResponse(b)
	require.NoError(t, err)
	return resp
}

func request(t testing.TB, id uint64, op string, v any) []byte {
	t.Helper()
	b, err := wire.AppendRequest(nil, id, op, v)
	require.NoError(t, err)
	return b
}

func code(t testing.TB, err error) wire.Code {
	t.Helper()
	var said *wire.Error
	require.ErrorAs(t, err, &said)
	return said.Code
}

func TestCalls(t *testing.T) {
	r := start(t, Limits{})
	c := r.dial(t)
	ctx := context.Background()
	var e echo
	require.NoError(t, c.Get(ctx, "echo", &echo{Text: "hello"}, &e))
	require.Equal(t, "hello", e.Text)
	require.NoError(t, c.Get(ctx, "ping", nil, &e))
	require.Equal(t, wire.CodeInvalid, code(t, c.Get(ctx, "nonsense", nil, &e)))
	require.Equal(t, wire.CodeInternal, code(t, c.Get(ctx, "panic", nil, &e)))
	require.Equal(t, wire.CodeInternal, code(t, c.Get(ctx, "fail", nil, &e)))
	require.Equal(t, wire.CodeInvalid, code(t, c.Get(ctx, "echo", map[string]any{"text": []int{1}}, &e)))
	require.NoError(t, c.Get(ctx, "echo", &echo{Text: "still there"}, &e))
	require.Contains(t, r.log.String(), "on purpose")
	var h wire.HelloResult
	require.NoError(t, c.Get(ctx, "hello", &wire.HelloRequest{Protocol: wire.Protocol + 1}, &h), "one version apart")
	require.Equal(t, wire.HelloResult{Protocol: wire.Protocol, Server: "test"}, h)
	require.Equal(t, wire.CodeVersion, code(t, c.Get(ctx, "hello", &wire.HelloRequest{Protocol: wire.Protocol + 2}, &h)))
}

func TestMemoryFaultIsOneRequestsError(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	r := start(t, Limits{})
	c := r.dial(t)
	for _, op := range []string{"fault", "slow fault"} {
		require.Equal(t, wire.CodeInternal, code(t, c.Get(context.Background(), op, nil, nil)))
		<-r.faults
	}
	require.NoError(t, c.Get(context.Background(), "ping", nil, &echo{}))
}

func TestPartsAndPipelining(t *testing.T) {
	r := start(t, Limits{})
	c := r.dial(t)
	ctx := context.Background()
	parts, bytes := 0, 0
	require.NoError(t, c.Call(ctx, "long", &echo{Parts: 40}, func(b []byte, more bool) error {
		parts++
		bytes += len(b)
		require.Equal(t, parts < 40, more)
		return nil
	}))
	require.Equal(t, 40, parts)
	require.Greater(t, bytes, 2_000_000)

	// A slow request does not hold up fast ones behind it.
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

func TestIDInFlight(t *testing.T) {
	r := start(t, Limits{InFlight: 2})
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

func TestBadFrames(t *testing.T) {
	frame := func(body []byte) []byte {
		return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
	}
	for name, c := range map[string]struct {
		bytes []byte
		code  wire.Code
		id    uint64
		open  bool // the connection goes on
	}{
		"length 0":         {[]byte{0, 0, 0, 0}, wire.CodeInvalid, 0, false},
		"length 4 GiB":     {[]byte{0xff, 0xff, 0xff, 0xff}, wire.CodeTooLarge, 0, false},
		"length 1 MiB + 1": {binary.BigEndian.AppendUint32(nil, wire.MaxFrame+1), wire.CodeTooLarge, 0, false},
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

func TestHalfAFrame(t *testing.T) {
	for _, n := range []int{1, 3, 4, 10, 6000} {
		r := start(t, Limits{HalfFrame: 50 * time.Millisecond})
		nc := r.raw(t)
		time.Sleep(100 * time.Millisecond) // idle is allowed
		whole := request(t, 1, "echo", &echo{Text: strings.Repeat("x", 10_000)})
		_, err := nc.Write(whole[:n])
		require.NoError(t, err)
		resp := response(t, nc)
		require.Equal(t, wire.CodeInvalid, resp.Err.Code, "%d bytes", n)
		require.Zero(t, resp.ID)
		_, err = nc.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF, "%d bytes", n)
	}
}

func TestAFrameInPieces(t *testing.T) {
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

// TestPeerThatDoesNotRead is cut off, and holds up nobody else.
func TestPeerThatDoesNotRead(t *testing.T) {
	r := start(t, Limits{Write: 200 * time.Millisecond})
	deaf := r.raw(t)
	_, err := deaf.Write(request(t, 1, "long", &echo{Parts: 1000}))
	require.NoError(t, err)
	c := r.dial(t)
	for range 100 {
		require.NoError(t, c.Get(context.Background(), "ping", nil, &echo{}))
	}
	require.Eventually(t, func() bool { return r.Connections() == 1 }, 5*time.Second, 10*time.Millisecond)
}

// TestUnsentIsBoundedForAll: peers that do not read share one bound.
func TestUnsentIsBoundedForAll(t *testing.T) {
	r := start(t, Limits{Unsent: 1 << 20, Write: 300 * time.Millisecond})
	for range 100 {
		_, err := r.raw(t).Write(request(t, 1, "long", &echo{Parts: 1000}))
		require.NoError(t, err)
	}
	require.NoError(t, r.dial(t).Get(context.Background(), "ping", nil, &echo{}), "small answers go through")
	require.Eventually(t, func() bool { return r.Connections() == 1 }, 10*time.Second, 10*time.Millisecond)
}

func TestTooManyConnections(t *testing.T) {
	r := start(t, Limits{Connections: 3})
	for range 3 {
		require.NoError(t, r.dial(t).Get(context.Background(), "ping", nil, &echo{}))
	}
	resp := response(t, r.raw(t))
	require.Equal(t, wire.CodeBusy, resp.Err.Code)
	require.Zero(t, resp.ID)
	require.Equal(t, wire.CodeBusy, code(t, r.dial(t).Get(context.Background(), "ping", nil, &echo{})))
}

func TestThousandConnections(t *testing.T) {
	r := start(t, Limits{})
	var all sync.WaitGroup
	for range 1000 {
		c := r.dial(t)
		all.Go(func() {
			for i := range 5 {
				var e echo
				text := fmt.Sprint(i)
				if err := c.Get(context.Background(), "echo", &echo{Text: text}, &e); err != nil || e.Text != text {
					t.Error(err, e.Text)
				}
			}
		})
	}
	all.Wait()
}

// TestShutdownUnderLoad: every request is answered or told that the end came.
func TestShutdownUnderLoad(t *testing.T) {
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
	_, err := waiting.Write(request(t, 1, "wait", nil))
	require.NoError(t, err)
	time.Sleep(50 * time.Millisecond)
	done := make(chan struct{})
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := r.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		close(done)
	}()
	time.Sleep(20 * time.Millisecond)
	_, err = waiting.Write(request(t, 2, "echo", &echo{}))
	require.NoError(t, err)
	close(r.release)
	got := map[uint64]wire.Response{}
	for range 2 {
		resp := response(t, waiting)
		got[resp.ID] = resp
	}
	require.Nil(t, got[1].Err, "a running request ends")
	require.Equal(t, wire.CodeShuttingDown, got[2].Err.Code, "a new one is refused")
	<-done
	all.Wait()
}

// TestLater has one request of a fast operation wait without holding up the
// others, with its frame kept for it.
func TestLater(t *testing.T) {
	r := start(t, Limits{})
	nc := r.raw(t)
	_, err := nc.Write(slices.Concat(
		request(t, 1, "perhaps", echo{Text: "slow", Parts: 1}),
		request(t, 2, "perhaps", echo{Text: "fast"}),
		request(t, 1, "echo", echo{Text: "the same id"}),
	))
	require.NoError(t, err)
	read := func() (uint64, string, error) {
		frame, err := wire.ReadFrame(nc, nil)
		require.NoError(t, err)
		a, err := wire.DecodeResponse(frame)
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
