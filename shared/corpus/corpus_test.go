package corpus

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPrivateDBPath_HoldsRealDatabases(t *testing.T) {
	own, shared := PrivateDBPath(t), SharedDBPath(t)
	for _, db := range []string{own, shared} {
		for _, name := range []string{"core", "extra", "multilib"} {
			st, err := os.Stat(filepath.Join(db, "sync", name+".db"))
			require.NoError(t, err)
			require.Positive(t, st.Size())
		}
		entries, err := os.ReadDir(filepath.Join(db, "local"))
		require.NoError(t, err)
		require.Greater(t, len(entries), 900)
	}
	require.FileExists(t, AURDump(t))
	require.FileExists(t, Advisories(t))
}

// TestShared_IsUnchanged checks that no test has written to the shared databases.
func TestShared_IsUnchanged(t *testing.T) {
	own, shared := PrivateDBPath(t), SharedDBPath(t)
	same := func(dir, other string) (files int) {
		require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			files++
			name, err := filepath.Rel(dir, path)
			require.NoError(t, err)
			got, err := os.ReadFile(path)
			require.NoError(t, err)
			want, err := os.ReadFile(filepath.Join(other, name))
			require.NoError(t, err)
			require.True(t, bytes.Equal(want, got), name)
			return nil
		}))
		return files
	}
	require.Equal(t, same(own, shared), same(shared, own))
}
