package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/wire"
)

func TestMain(m *testing.M) { await.RunTestMain(m) }

type echo struct {
	Text  string `msgpack:"text"`
	Parts int    `msgpack:"parts"`
}

// running is a server with operations for tests.
type running struct {
	*Server
	path    string
	waiting chan struct{} // receives a value when an operation "wait" begins
	release chan struct{} // each value lets one operation "wait" end
	faults  chan struct{}
	log     *logged
}

func start(t testing.TB, limits Limits) *running {
	t.Helper()
	r := &running{waiting: make(chan struct{}, 100), release: make(chan struct{}), faults: make(chan struct{}, 8), log: &logged{}}
	r.Server, r.path, _ = listen(t, Config{
		Limits:        limits,
		Hello:         wire.HelloResult{Server: "test"},
		Log:           slog.New(slog.NewTextHandler(r.log, nil)),
		OnMemoryFault: func() { r.faults <- struct{}{} },
		Ops: map[string]Op{
			"echo": {Handle: immediate(func(_ context.Context, q *Request, w *Writer) error {
				var e echo
				if err := q.Decode(&e); err != nil {
					return err
				}
				return w.Result(e)
			})},
			"long": {Handle: immediate(func(_ context.Context, q *Request, w *Writer) error {
				var e echo
				if err := q.Decode(&e); err != nil {
					return err
				}
				part, err := msgpack.Marshal([]string{strings.Repeat("x", 60_000)})
				for i := 0; i < e.Parts && err == nil; i++ {
					err = w.Chunk(part, i+1 < e.Parts)
				}
				return err
			})},
			"wait": {HandleDeferred: func(ctx context.Context, q *Request, w *Writer) error {
				r.waiting <- struct{}{}
				select {
				case <-r.release:
					return w.Result(echo{Text: "waited"})
				case <-ctx.Done():
					return wire.Errorf(wire.CodeShuttingDown, "given up")
				}
			}},
			"perhaps": {Handle: func(_ context.Context, q *Request, w *Writer) (DeferredHandler, error) {
				var e echo
				if err := q.Decode(&e); err != nil {
					return nil, err
				}
				if e.Parts == 0 {
					return nil, w.Result(e)
				}
				return func(ctx context.Context, q *Request, w *Writer) error {
					<-r.release
					return errors.Join(q.Decode(&e), w.Result(e))
				}, nil
			}},
			"panic":      {Handle: immediate(func(context.Context, *Request, *Writer) error { panic("on purpose") })},
			"fault":      {Handle: immediate(func(context.Context, *Request, *Writer) error { return readTruncated(t) })},
			"slow fault": {HandleDeferred: func(context.Context, *Request, *Writer) error { return readTruncated(t) }},
			"fail":       {Handle: immediate(func(context.Context, *Request, *Writer) error { return fmt.Errorf("some error") })},
		},
	})
	return r
}

// logged collects log lines.
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
	c, err := client.Dial(context.Background(), r.path, client.Options{Timeout: await.Timeout})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// raw connects to the server without package client.
func (r *running) raw(t testing.TB) *net.UnixConn {
	t.Helper()
	return connect(t, r.path)
}

func response(t testing.TB, nc io.Reader) wire.Reply {
	t.Helper()
	b, err := wire.ReadFrame(nc, nil, wire.MaxFrameSize)
	require.NoError(t, err)
	require.NoError(t, wire.CheckMessagePack(b))
	resp, err := wire.DecodeReply(b)
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
	var werr *wire.Error
	require.ErrorAs(t, err, &werr)
	return werr.Code
}

// serve starts a server with this configuration. The test has to call stop.
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
	require.NoError(t, nc.SetDeadline(time.Now().Add(await.Timeout)))
	return nc.(*net.UnixConn)
}

func listen(t testing.TB, cfg Config) (s *Server, path string, stop func()) {
	t.Helper()
	dir, err := os.MkdirTemp("", "server-") // a socket's path has to be short
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path = filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	cfg.Limits = withLongLimits(cfg.Limits)
	s = New(cfg)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	stop = sync.OnceFunc(func() {
		require.NoError(t, l.Close())
		require.NoError(t, <-served)
	})
	t.Cleanup(func() {
		stop()
		shutdown(t, s)
		require.Zero(t, s.Connections())
	})
	return s, path, stop
}

// withLongLimits sets each timeout that is zero to a time that even a slow machine does
// not reach.
func withLongLimits(l Limits) Limits {
	for _, limit := range []*time.Duration{&l.ReadTimeout, &l.WriteTimeout, &l.UnreadTimeout, &l.RefusalTimeout} {
		if *limit == 0 {
			*limit = await.Timeout
		}
	}
	return l
}

// shutdown shuts down a server, and gives its requests enough time.
func shutdown(t testing.TB, s *Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), await.Timeout)
	defer cancel()
	require.NoError(t, s.Shutdown(ctx))
}

// connections returns a server's connections.
func connections(s *Server) (all []*conn) {
	s.forEachConn(func(c *conn) { all = append(all, c) })
	return all
}

// expireWrites makes the unread replies of these peers older than any limit, so that a
// test with long limits need not wait.
func expireWrites(peers []*conn) {
	for _, c := range peers {
		if since := c.writeBegan.Load(); since != 0 {
			c.writeBegan.CompareAndSwap(since, 1)
		}
	}
}

// immediate returns a Handler that runs a DeferredHandler itself, without deferring it.
func immediate(answer DeferredHandler) Handler {
	return func(ctx context.Context, r *Request, w *Writer) (DeferredHandler, error) {
		return nil, answer(ctx, r, w)
	}
}

func handlerConfig(answer DeferredHandler) Config {
	return Config{Ops: map[string]Op{"op": {Handle: immediate(answer)}}}
}

func deferredConfig(answer DeferredHandler) Config {
	return Config{Ops: map[string]Op{"op": {HandleDeferred: answer}}}
}

func send(t testing.TB, nc net.Conn, b []byte) {
	t.Helper()
	_, err := nc.Write(b)
	require.NoError(t, err)
}

func ask(t testing.TB, nc net.Conn, id uint64) wire.Reply {
	t.Helper()
	send(t, nc, request(t, id, "op", nil))
	return response(t, nc)
}

// chunks returns a DeferredHandler that answers with n chunks of 60 kB.
func chunks(n int) DeferredHandler {
	part, err := msgpack.Marshal([]string{strings.Repeat("x", 60_000)})
	if err != nil {
		panic(err)
	}
	return func(_ context.Context, _ *Request, w *Writer) error {
		for i := range n {
			if err := w.Chunk(part, i+1 < n); err != nil {
				return err
			}
		}
		return nil
	}
}
