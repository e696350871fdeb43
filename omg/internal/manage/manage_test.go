package manage

import (
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
