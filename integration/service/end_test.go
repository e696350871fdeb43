package service

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/wire"
)

// TestEndsOnEitherSignal: SIGTERM and SIGINT end it, soon and with nothing left,
// even during the start.
func TestEndsOnEitherSignal(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		w := newWorld(t)
		p := w.start()
		conn, err := client.Dial(context.Background(), w.socket(), anyone)
		require.NoError(t, err)
		require.NoError(t, conn.Get(context.Background(), wire.OpPing, nil, &struct{}{}))
		require.NoError(t, p.Process.Signal(s))
		require.Zero(t, p.wait(t), "%s: %s", s, p.stderr)
		require.Empty(t, w.left())
		_ = conn.Close()
	}
	w := newWorld(t)
	for i := range 20 {
		p := run(t, w.omgd())
		time.Sleep(time.Duration(i) * time.Millisecond)
		require.NoError(t, p.Process.Signal(syscall.SIGTERM))
		p.wait(t) // before the signals are caught it ends by one
		require.Empty(t, w.left())
	}
}

// TestSecondSignal: a daemon whose end takes long ends at once on a second signal,
// and leaves nothing all the same.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	w.ready(w.socket())
	// A peer that reads nothing of a long answer keeps the end waiting.
	nc := w.stuck()
	defer nc.Close()
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Eventually(t, func() bool { return mode(w.socket()) == 0 }, 5*time.Second, time.Millisecond, "the end has begun")
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	p.wait(t)
	status := p.ProcessState.Sys().(syscall.WaitStatus)
	require.True(t, status.Signaled(), "%v %s", p.ProcessState, p.stderr)
	require.Equal(t, syscall.SIGTERM, status.Signal())
	require.Empty(t, w.left())
}

// TestEndWithOpenFiles: what else lies in the runtime directory stays.
func TestEndWithOpenFiles(t *testing.T) {
	w := newWorld(t)
	other := filepath.Join(w.runtime, "other.sock")
	require.NoError(t, os.WriteFile(other, nil, 0o600))
	p := w.start()
	p.stop(t)
	require.Equal(t, []string{"other.sock"}, w.left())
}
