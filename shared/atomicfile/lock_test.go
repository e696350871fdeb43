package atomicfile

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestLockDir(t *testing.T) {
	held := errors.New("another writer")
	dir := t.TempDir()
	first, err := LockDir(dir, "name", held)
	require.NoError(t, err)
	_, err = LockDir(dir, "name", held)
	require.ErrorIs(t, err, held)
	require.EqualError(t, err, "lock name: another writer")
	copied, err := unix.Dup(int(first.f.Fd())) // as a child process has it until it begins its program
	require.NoError(t, err)
	defer unix.Close(copied)
	require.NoError(t, first.Close())
	again, err := LockDir(dir, "name", held)
	require.NoError(t, err)
	require.NoError(t, again.Close())
	_, err = LockDir(dir+"/none", "name", held)
	require.ErrorIs(t, err, fs.ErrNotExist)
}
