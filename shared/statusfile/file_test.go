package statusfile

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/paths"
)

// dir returns a directory that passes the checks of package paths.
func dir(t testing.TB) string {
	t.Helper()
	return t.TempDir()
}

// TestMain sets the umask, so that other users cannot write the files and directories of the tests. Otherwise
// statusfile would refuse these files as untrusted.
func TestMain(m *testing.M) {
	syscall.Umask(0o022)
	os.Exit(m.Run())
}

func TestWrite_Read(t *testing.T) {
	path := filepath.Join(dir(t), "omg.status")
	require.NoError(t, Write(path, example()))
	back, err := Read(path)
	require.NoError(t, err)
	require.Equal(t, example(), back)

	fi, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), fi.Mode())

	next := example()
	next.Updates = Number{}
	require.NoError(t, Write(path, next))
	back, err = Read(path)
	require.NoError(t, err)
	require.Equal(t, next, back)
	require.Len(t, entries(t, path), 1, "a temporary file was left")

	require.NoError(t, Remove(path))
	require.NoError(t, Remove(path))
	_, err = Read(path)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestWrite_ReadableByOd(t *testing.T) {
	path := filepath.Join(dir(t), "omg.status")
	require.NoError(t, Write(path, example()))
	out, err := exec.Command("od", "-An", "-j8", "-N16", "-tu4", path).Output()
	require.NoError(t, err)
	require.Equal(t, []string{"924", "201", "0", "48"}, strings.Fields(string(out)))
}

// TestWriteWorldReadable checks that other users can read a file that WriteWorldReadable has written.
func TestWriteWorldReadable(t *testing.T) {
	path := filepath.Join(dir(t), "omg.status")
	s := example()
	s.Updates.Partial = true
	require.NoError(t, WriteWorldReadable(path, s))
	fi, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o644), fi.Mode())
	back, err := Read(path)
	require.NoError(t, err)
	require.Equal(t, s, back)
	require.Error(t, Write(path, Status{}), "a status without a time")
	back, err = Read(path)
	require.NoError(t, err)
	require.Equal(t, s, back, "the file has the last content that could be written")
}

func TestWrite_FillsInTheBoot(t *testing.T) {
	path := filepath.Join(dir(t), "omg.status")
	s := example()
	s.Boot = BootID{}
	require.NoError(t, Write(path, s))
	back, err := Read(path)
	require.NoError(t, err)
	require.Equal(t, CurrentBoot(), back.Boot)
	if _, err := os.Stat(bootIDFile); err == nil {
		require.NotZero(t, back.Boot)
	}
}

func TestWrite_FailsAndLeavesNothing(t *testing.T) {
	path := filepath.Join(dir(t), "omg.status")
	require.NoError(t, os.Mkdir(path, 0o700)) // a directory at the path, so that the rename fails
	require.NoError(t, os.WriteFile(filepath.Join(path, "x"), nil, 0o600))
	require.Error(t, Write(path, example()))
	require.Len(t, entries(t, path), 1)
	require.ErrorIs(t, Write(filepath.Join(path, "none", "omg.status"), example()), fs.ErrNotExist)
}

func entries(t *testing.T, path string) []fs.DirEntry {
	t.Helper()
	all, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	return all
}

func TestRead_Refuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, path string)
		want  error
	}{
		{"a symlink", func(t *testing.T, path string) {
			require.NoError(t, os.Rename(path, path+"2"))
			require.NoError(t, os.Symlink(path+"2", path))
		}, paths.ErrUntrusted},
		{"another owner's", func(t *testing.T, path string) {
			need.Root(t)
			require.NoError(t, os.Chown(path, 1234, 1234))
		}, paths.ErrUntrusted},
		{"one that others can write", func(t *testing.T, path string) {
			require.NoError(t, os.Chmod(path, 0o622))
		}, paths.ErrUntrusted},
		{"in a directory that others can write", func(t *testing.T, path string) {
			require.NoError(t, os.Chmod(filepath.Dir(path), 0o777))
		}, paths.ErrUntrusted},
		{"a directory", func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path))
			require.NoError(t, os.Mkdir(path, 0o700))
		}, ErrFormat},
		{"a FIFO, without waiting for a writer", func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path))
			require.NoError(t, unix.Mkfifo(path, 0o600))
		}, ErrFormat},
		{"a large file", func(t *testing.T, path string) {
			require.NoError(t, os.Truncate(path, 1<<30))
		}, ErrFormat},
		{"an empty file", func(t *testing.T, path string) {
			require.NoError(t, os.Truncate(path, 0))
		}, ErrFormat},
		{"none", func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path))
		}, fs.ErrNotExist},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(dir(t), "omg.status")
			require.NoError(t, Write(path, example()))
			c.spoil(t, path)
			_, err := Read(path)
			require.ErrorIs(t, err, c.want)
			require.ErrorContains(t, err, filepath.Dir(path), "the error contains the path")
		})
	}
}

func BenchmarkRead(b *testing.B) {
	path := filepath.Join(dir(b), "omg.status")
	require.NoError(b, Write(path, example()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(path); err != nil {
			b.Fatal(err)
		}
	}
}
