package userfile

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/paths"
)

const maxBytes = 1000

func newFile(t *testing.T) *File {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755))
	f, err := Open(paths.Env{UID: os.Getuid(), Getenv: func(name string) string { return map[string]string{"XDG_STATE_HOME": dir}[name] }}, "x.json", maxBytes)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "omg/x.json"), f.Path())
	return f
}

func TestFile(t *testing.T) {
	f := newFile(t)
	var got []string
	exists, err := f.Read(&got)
	require.NoError(t, err)
	require.False(t, exists)
	require.NoError(t, f.Write([]string{"a", "b"}))
	exists, err = f.Read(&got)
	require.NoError(t, err)
	require.True(t, exists)
	require.Equal(t, []string{"a", "b"}, got)
	fi, err := os.Stat(f.Path())
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), fi.Mode())

	require.ErrorIs(t, f.Write(strings.Repeat("x", maxBytes)), ErrTooLarge)
	for size := maxBytes - 10; f.Write(strings.Repeat("x", size)) == nil; size++ {
		var text string
		_, err := f.Read(&text)
		require.NoError(t, err, "each file that was written can be read: %d", size)
	}
	_, err = Open(paths.Env{}, "x", maxBytes)
	require.Error(t, err)
}

// TestRead_Hostile checks that a file that this user did not write is not read, and that the error names it.
func TestRead_Hostile(t *testing.T) {
	for name, make := range map[string]func(path string) error{
		"not JSON":  func(path string) error { return os.WriteFile(path, []byte("x"), 0o600) },
		"too large": func(path string) error { return os.WriteFile(path, []byte(strings.Repeat(" ", maxBytes+1)), 0o600) },
		"writable by all": func(path string) error {
			if err := os.WriteFile(path, []byte(`"x"`), 0o600); err != nil {
				return err
			}
			return os.Chmod(path, 0o666)
		},
		"a link":      func(path string) error { return os.Symlink("/dev/zero", path) },
		"a FIFO":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a directory": func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFile(t)
			require.NoError(t, os.MkdirAll(filepath.Dir(f.Path()), 0o700))
			require.NoError(t, make(f.Path()))
			var got any
			exists, err := f.Read(&got)
			require.ErrorContains(t, err, f.Path())
			require.False(t, exists)
		})
	}
}
