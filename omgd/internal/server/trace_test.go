package server

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omgd/internal/logging"
	"github.com/omg-arch/omg/shared/wire"
)

// pinged returns the log, at a level, of a server that answers a ping and shuts down. It
// waits for the shutdown, because some lines are written after the reply.
func pinged(t testing.TB, level slog.Level) string {
	t.Helper()
	log := &logged{}
	s, dial, stop := serve(t, Config{Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: level}))})
	nc := dial()
	send(t, nc, request(t, 7, wire.OpPing, nil))
	require.Nil(t, response(t, nc).Err)
	stop()
	shutdown(t, s)
	return log.String()
}

func TestTrace_HasOneLineARequest(t *testing.T) {
	log := pinged(t, logging.LevelTrace)
	require.Regexp(t, `msg=request op=ping id=7 uid=\d+ decode=\S+ answer=\S+ write=\S+ bytes=17\n`, log)
	require.Equal(t, 1, strings.Count(log, " decode="))
	require.NotContains(t, pinged(t, slog.LevelInfo), "request")
}
