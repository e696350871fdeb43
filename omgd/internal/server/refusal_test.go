package server

import (
	"context"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/wire"
)

// TestRefusal_NamesServed checks that every error contains the paths of the daemon's
// databases, which the client reads if it falls back.
func TestRefusal_NamesServed(t *testing.T) {
	served := wire.ServedPaths{DBPath: "/srv/pacman", PacmanConfig: "/srv/pacman.conf"}
	notReady := func(context.Context, *Request, *Writer) error { return wire.Errorf(wire.CodeNotReady, "not yet") }
	release := make(chan struct{})
	defer close(release)
	cfg := Config{
		Hello:        wire.HelloResult{Server: "test", ServedPaths: served},
		Limits:       Limits{MaxInFlight: 1},
		IsAdmin:      func(Peer) bool { return false },
		AllowRequest: func(Peer) bool { return true },
		Ops: map[string]Op{
			"op":              {Handle: immediate(notReady)},
			"slow":            {HandleDeferred: notReady},
			"panic":           {Handle: immediate(func(context.Context, *Request, *Writer) error { panic("on purpose") })},
			"wait":            {HandleDeferred: func(_ context.Context, _ *Request, w *Writer) error { <-release; return w.Chunk(emptyMap, false) }},
			wire.OpCacheClear: {Handle: immediate(notReady)},
		},
	}
	refused := func(t *testing.T, nc net.Conn, code wire.Code) {
		t.Helper()
		resp := response(t, nc)
		require.NotNil(t, resp.Err)
		require.Equal(t, code, resp.Err.Code)
		require.Equal(t, &served, resp.Err.ServedPaths, resp.Err.Message)
	}
	_, dial, _ := serve(t, cfg)
	for _, c := range []struct {
		op   string
		code wire.Code
	}{
		{"op", wire.CodeNotReady},
		{"slow", wire.CodeNotReady},
		{"panic", wire.CodeInternal},
		{"none", wire.CodeInvalid},
		{wire.OpCacheClear, wire.CodeNotAllowed},
	} {
		t.Run(c.op, func(t *testing.T) {
			nc := dial()
			send(t, nc, request(t, 1, c.op, nil))
			refused(t, nc, c.code)
		})
	}
	t.Run("in flight", func(t *testing.T) {
		nc := dial()
		send(t, nc, slices.Concat(request(t, 1, "wait", nil), request(t, 1, "op", nil), request(t, 2, "slow", nil)))
		refused(t, nc, wire.CodeInvalid)
		refused(t, nc, wire.CodeBusy)
	})
	t.Run("another protocol", func(t *testing.T) {
		nc := dial()
		send(t, nc, request(t, 1, wire.OpHello, &wire.HelloRequest{Protocol: wire.ProtocolVersion + 2}))
		refused(t, nc, wire.CodeVersion)
	})
	t.Run("not a frame", func(t *testing.T) {
		nc := dial()
		send(t, nc, []byte{0, 0, 0, 0})
		refused(t, nc, wire.CodeInvalid)
	})

	for name, c := range map[string]struct {
		change func(*Config)
		code   wire.Code
	}{
		"another user":         {func(c *Config) { c.IsAllowed = func(Peer) bool { return false } }, wire.CodeNotAllowed},
		"too many connections": {func(c *Config) { c.Limits.MaxConnections = -1 }, wire.CodeBusy},
		"too many requests":    {func(c *Config) { c.AllowRequest = func(Peer) bool { return false } }, wire.CodeBusy},
	} {
		t.Run(name, func(t *testing.T) {
			changed := cfg
			c.change(&changed)
			_, dial, _ := serve(t, changed)
			nc := dial()
			_, _ = nc.Write(request(t, 1, "op", nil))
			refused(t, nc, c.code)
		})
	}

	t.Run("shutting down", func(t *testing.T) {
		s, dial, stop := serve(t, cfg)
		s.draining.Store(true)
		refused(t, dial(), wire.CodeShuttingDown)
		stop()
		goodbye, err := wire.DecodeReply(s.GoodbyeFrame()[wire.FrameHeaderSize:])
		require.NoError(t, err)
		require.Equal(t, wire.CodeShuttingDown, goodbye.Err.Code)
		require.Equal(t, &served, goodbye.Err.ServedPaths)
	})
}

// observer counts observed requests by operation.
type observer struct {
	mu       sync.Mutex
	requests map[string]int
	failed   map[wire.Code]int
}

func (o *observer) RequestObserver(op string) func(time.Duration) {
	return func(time.Duration) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.requests[op]++
	}
}

func (o *observer) CountError(code wire.Code) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failed[code]++
}

func (*observer) CountConnection() {}

// count returns the number of requests of an operation.
func (o *observer) count(op string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.requests[op]
}

// TestObserver_CountsOnce checks that a request is counted once, even if it is deferred.
func TestObserver_CountsOnce(t *testing.T) {
	o := &observer{requests: map[string]int{}, failed: map[wire.Code]int{}}
	done := func(_ context.Context, _ *Request, w *Writer) error { return w.Chunk(emptyMap, false) }
	s, dial, stop := serve(t, Config{Observer: o, Ops: map[string]Op{
		"fast":  {Handle: immediate(done)},
		"slow":  {HandleDeferred: done},
		"later": {Handle: func(context.Context, *Request, *Writer) (DeferredHandler, error) { return done, nil }},
		"fails": {Handle: func(context.Context, *Request, *Writer) (DeferredHandler, error) {
			return func(context.Context, *Request, *Writer) error { return wire.Errorf(wire.CodeNotReady, "not yet") }, nil
		}},
	}})
	nc := dial()
	ops := []string{"fast", "slow", "later", "fails"}
	for i, op := range ops {
		send(t, nc, request(t, uint64(i+1), op, nil))
		require.Equal(t, op == "fails", response(t, nc).Err != nil)
	}
	stop()
	shutdown(t, s)
	for _, op := range ops {
		await.Condition(t, func() bool { return o.count(op) > 0 }, "%s is counted", op)
		require.Equal(t, 1, o.count(op), op)
	}
	require.Equal(t, map[wire.Code]int{wire.CodeNotReady: 1}, o.failed)
}
