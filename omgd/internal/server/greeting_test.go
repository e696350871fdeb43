package server

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/wire"
)

// TestGreeting_RequestRefused checks that the greeting is answered on every accepted
// connection, even if the request after the greeting is refused.
func TestGreeting_RequestRefused(t *testing.T) {
	greet := func(t *testing.T, path string, want wire.Code) {
		t.Helper()
		nc := connect(t, path)
		send(t, nc, append(request(t, 1, wire.OpHello, &wire.HelloRequest{Protocol: wire.ProtocolVersion}), request(t, 2, "op", nil)...))
		requireGreeting(t, response(t, nc))
		refused := response(t, nc)
		require.EqualValues(t, 2, refused.ID)
		require.NotNil(t, refused.Err)
		require.Equal(t, want, refused.Err.Code)
	}
	cfg := handlerConfig(func(context.Context, *Request, *Writer) error { return wire.Errorf(wire.CodeNotReady, "not yet") })
	cfg.Hello = wire.HelloResult{Server: "test", ServedPaths: wire.ServedPaths{DBPath: "/some/db", PacmanConfig: "/some/pacman.conf"}}

	t.Run("not ready", func(t *testing.T) {
		_, path, _ := listen(t, cfg)
		greet(t, path, wire.CodeNotReady)
	})
	t.Run("too many requests", func(t *testing.T) {
		cfg := cfg
		cfg.AllowRequest = func(Peer) bool { return false }
		_, path, _ := listen(t, cfg)
		greet(t, path, wire.CodeBusy)
	})
	t.Run("shutting down", func(t *testing.T) {
		cfg := cfg
		release, running := make(chan struct{}), make(chan struct{})
		cfg.Ops = map[string]Op{"op": cfg.Ops["op"], "wait": {HandleDeferred: func(_ context.Context, _ *Request, w *Writer) error {
			close(running)
			<-release
			return w.Chunk(emptyMap, false)
		}}}
		s, path, stop := listen(t, cfg)
		waiting := connect(t, path)
		send(t, waiting, request(t, 7, "wait", nil))
		<-running
		stop()
		ended := make(chan error, 1)
		go func() { ended <- s.Shutdown(context.Background()) }()
		for !s.draining.Load() {
			time.Sleep(time.Millisecond)
		}
		send(t, waiting, append(request(t, 1, wire.OpHello, &wire.HelloRequest{Protocol: wire.ProtocolVersion}), request(t, 2, "op", nil)...))
		requireGreeting(t, response(t, waiting))
		require.Equal(t, wire.CodeShuttingDown, response(t, waiting).Err.Code)
		close(release)
		require.Nil(t, response(t, waiting).Err)
		require.NoError(t, <-ended)
	})
}

func requireGreeting(t *testing.T, r wire.Reply) {
	t.Helper()
	require.EqualValues(t, 1, r.ID)
	require.Nil(t, r.Err)
	var hello wire.HelloResult
	require.NoError(t, msgpack.Unmarshal(r.Result, &hello))
	require.Equal(t, wire.HelloResult{Protocol: wire.ProtocolVersion, Server: "test", ServedPaths: wire.ServedPaths{DBPath: "/some/db", PacmanConfig: "/some/pacman.conf"}}, hello)
}
