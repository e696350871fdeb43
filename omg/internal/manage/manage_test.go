package manage

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/paths"
)

// TestDaemon_StopTimeout checks that Stop waits longer than the configured time, and that the default time is used if
// the configuration is unreadable.
func TestDaemon_StopTimeout(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.toml")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, c := range []struct {
		timeout, config string
		want            time.Duration
	}{
		{"", file, 10 * time.Second},
		{"2m", file, 4 * time.Minute},
		{"2m", "/no/such/file", 10 * time.Second},
	} {
		d := Daemon{Env: paths.Env{UID: os.Getuid(), Getenv: func(name string) string {
			return map[string]string{"OMG_LIMITS_SHUTDOWN_TIMEOUT": c.timeout, "OMG_CONFIG": c.config}[name]
		}}}
		require.Equal(t, c.want, d.stopTimeout())
	}
}

// TestDaemon_FindServing checks that FindServing sends nothing to the user's own daemon, and therefore does not wait for a daemon that
// hangs.
func TestDaemon_FindServing(t *testing.T) {
	const comm = "/proc/self/comm"
	name, err := os.ReadFile(comm)
	require.NoError(t, err)
	dir := t.TempDir()
	d := Daemon{Env: paths.Env{UID: os.Getuid(), Root: dir, Getenv: func(string) string { return "" }}, Socket: filepath.Join(dir, "omg.sock")}
	own, systemWide := d.FindServing(context.Background())
	require.False(t, own || systemWide)

	l, err := net.Listen("unix", d.Socket)
	require.NoError(t, err)
	defer l.Close()
	received := make(chan string, 2)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			text, _ := io.ReadAll(conn)
			received <- string(text)
			_ = conn.Close()
		}
	}()
	for process, want := range map[string]bool{"systemd": false, "omgd": true} {
		require.NoError(t, os.WriteFile(comm, []byte(process), 0))
		own, systemWide = d.FindServing(context.Background())
		require.Equal(t, want, own, process)
		require.False(t, systemWide)
		require.Empty(t, <-received)
	}
	require.NoError(t, os.WriteFile(comm, name, 0))
}
