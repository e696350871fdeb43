package refresh

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBuild_SharedIndex checks that an index in the shared directory is used until its database changes, and
// that no index is built before that.
func TestBuild_SharedIndex(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		w := newTestSystem(t, nil)
		w.settle()
		w.builder.built()
		shared := w.config.IndexDir
		w.restart(func(c *Config) {
			c.IndexDir, c.SharedIndexDir = filepath.Join(t.TempDir(), "index"), shared
		})
		w.settle()
		w.requireCurrent("core", "extra", "multilib")
		require.Empty(t, w.builder.built())
		require.NoFileExists(t, w.index("core"))

		w.write("core", content(t, "core", 7))
		w.settle()
		w.requireCurrent("core", "extra", "multilib")
		require.Equal(t, map[string]int{"core": 1}, w.builder.built())
		require.FileExists(t, w.index("core"))
		require.NoFileExists(t, w.index("extra"))
	})
}
