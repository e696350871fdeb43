package refresh

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// indexFiles returns the names of the files in the index directory.
func (w *testSystem) indexFiles() (names []string) {
	w.t.Helper()
	entries, err := os.ReadDir(w.config.IndexDir)
	require.NoError(w.t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestDisk_RemovesUnused checks that the index of a repository that is no longer configured is removed, but
// only at the next start. So a user who tries a change of pacman.conf does not cause a build.
func TestDisk_RemovesUnused(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		w := newTestSystem(t, nil)
		w.settle()
		all := []string{
			"core.omgidx", "core.omgidx.origin", "extra.omgidx", "extra.omgidx.origin", "multilib.omgidx", "multilib.omgidx.origin",
		}
		require.Equal(t, all, w.indexFiles())
		conf := w.config.Pacman.PacmanConfig
		require.NoError(t, os.WriteFile(conf, []byte("[core]\n[multilib]\n"), 0o644))
		w.settle()
		require.Equal(t, all, w.indexFiles())

		// Without pacman.conf nothing is removed, because omgd does not know which repositories exist.
		require.NoError(t, os.Rename(conf, conf+".away"))
		w.restart(nil)
		w.settle()
		require.Equal(t, all, w.indexFiles())
		require.NoError(t, os.Rename(conf+".away", conf))
		w.builder.built()
		w.settle()
		require.Equal(t, append(all[:2:2], all[4:]...), w.indexFiles())
		w.requireCurrent("core", "multilib")
		require.Empty(t, w.builder.built(), "the others are as they were")
	})
}

// TestDisk_KilledWriter checks that the temporary files of a killed omgd are removed when the index is
// written again.
func TestDisk_KilledWriter(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		w := newTestSystem(t, nil)
		require.NoError(t, os.MkdirAll(w.config.IndexDir, 0o755))
		for _, name := range []string{".core.omgidx.999999998.tmp", ".core.omgidx.999999999.tmp", ".core.omgidx.origin.999999999.tmp"} {
			require.NoError(t, os.WriteFile(filepath.Join(w.config.IndexDir, name), []byte("half"), 0o600))
		}
		w.settle()
		w.requireCurrent("core", "extra", "multilib")
		require.Equal(t, []string{
			"core.omgidx", "core.omgidx.origin", "extra.omgidx", "extra.omgidx.origin", "multilib.omgidx", "multilib.omgidx.origin",
		}, w.indexFiles())
	})
}
