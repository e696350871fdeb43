package server

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omgd/internal/logging"
	"github.com/omg-arch/omg/shared/wire"
)

// pings starts a server with a log of some level, and returns a connection and what
// was logged.
func pings(t testing.TB, level slog.Level) (net.Conn, *logged) {
	t.Helper()
	log := &logged{}
	s := New(Config{Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: level}))})
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		_ = l.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		require.NoError(t, s.Shutdown(ctx))
		<-served
	})
	nc, err := net.Dial("unix", path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = nc.Close() })
	return nc, log
}

func TestTraceHasOneLineARequest(t *testing.T) {
	nc, log := pings(t, logging.LevelTrace)
	_, err := nc.Write(request(t, 7, wire.OpPing, nil))
	require.NoError(t, err)
	_, err = wire.ReadFrame(nc, nil)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return log.String() != "" }, 5*time.Second, time.Millisecond)
	require.Regexp(t, `msg=request op=ping id=7 uid=\d+ decode=\S+ answer=\S+ write=\S+ bytes=17\n`, log.String())

	nc, log = pings(t, slog.LevelInfo)
	_, err = nc.Write(request(t, 7, wire.OpPing, nil))
	require.NoError(t, err)
	_, err = wire.ReadFrame(nc, nil)
	require.NoError(t, err)
	require.NotContains(t, log.String(), "request")
}
