package atomicfile

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLockDir(t *testing.T) {
	held := errors.New("another writer")
	dir := t.TempDir()
	first, err := LockDir(dir, "name", held)
	require.NoError(t, err)
	_, err = LockDir(dir, "name", held)
	require.ErrorIs(t, err, held)
	require.EqualError(t, err, "lock name: another writer")
	require.NoError(t, first.Close())
	again, err := LockDir(dir, "name", held)
	require.NoError(t, err)
	require.NoError(t, again.Close())
	_, err = LockDir(dir+"/none", "name", held)
	require.ErrorIs(t, err, fs.ErrNotExist)
}
