package corpus

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDBHoldsRealDatabases(t *testing.T) {
	db := DB(t)
	for _, name := range []string{"core", "extra", "multilib"} {
		st, err := os.Stat(filepath.Join(db, "sync", name+".db"))
		require.NoError(t, err)
		require.Positive(t, st.Size())
	}
	entries, err := os.ReadDir(filepath.Join(db, "local"))
	require.NoError(t, err)
	require.Greater(t, len(entries), 900)
	require.FileExists(t, AUR(t))
	require.FileExists(t, AVG(t))
}
