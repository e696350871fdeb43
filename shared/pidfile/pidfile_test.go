package pidfile

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/paths"
)

// TestMain sets the umask: a directory that other users can write is not trusted.
func TestMain(m *testing.M) {
	syscall.Umask(0o022)
	os.Exit(m.Run())
}

func TestWrite_ReadRemove(t *testing.T) {
	path, env := filepath.Join(t.TempDir(), "omgd.pid"), paths.ProcessEnv()
	_, err := Read(path, env)
	require.ErrorIs(t, err, fs.ErrNotExist)
	// A link at the path is replaced, not followed.
	precious := path + ".precious"
	require.NoError(t, os.WriteFile(precious, []byte("precious"), 0o600))
	require.NoError(t, os.Symlink(precious, path))
	require.NoError(t, Write(path))
	pid, err := Read(path, env)
	require.NoError(t, err)
	require.Equal(t, os.Getpid(), pid)
	b, err := os.ReadFile(precious)
	require.NoError(t, err)
	require.Equal(t, "precious", string(b))
	require.NoError(t, Write(path), "again")

	require.NoError(t, Remove(path))
	require.NoError(t, Remove(path))
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1, "only the file that the link pointed to")
}

func TestRead_Refuses(t *testing.T) {
	dir, env := t.TempDir(), paths.ProcessEnv()
	at := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string, mode fs.FileMode) {
		require.NoError(t, os.WriteFile(at(name), []byte(text), mode))
		require.NoError(t, os.Chmod(at(name), mode))
	}
	for name, text := range map[string]string{
		"empty": "", "text": "x\n", "zero": "0\n", "init": "1\n", "negative": "-5\n", "group": "-1\n", "large": "4294967297\n",
		"long": "100000000000000000000000000", "two": "7\n8\n", "spaces": " 7\n", "hex": "0x7\n",
	} {
		write(name, text, 0o644)
		_, err := Read(at(name), env)
		require.ErrorIs(t, err, ErrFormat, name)
	}
	write("good", "77\n", 0o644)
	pid, err := Read(at("good"), env)
	require.NoError(t, err)
	require.Equal(t, 77, pid)

	write("writable", "77\n", 0o666)
	require.NoError(t, os.Symlink("good", at("link")))
	for _, name := range []string{"writable", "link"} {
		_, err := Read(at(name), env)
		require.ErrorIs(t, err, paths.ErrUntrusted, name)
	}
	require.NoError(t, unix.Mkfifo(at("fifo"), 0o600))
	_, err = Read(at("fifo"), env)
	require.ErrorIs(t, err, ErrFormat, "Read must not wait for a writer")

	require.NoError(t, os.Mkdir(at("open"), 0o755))
	require.NoError(t, os.Chmod(at("open"), 0o777))
	write("open/omgd.pid", "77\n", 0o644)
	_, err = Read(at("open/omgd.pid"), env)
	require.ErrorIs(t, err, paths.ErrUntrusted)
	if os.Getuid() == 0 {
		require.NoError(t, os.Chown(at("good"), 41004, 41004))
		_, err = Read(at("good"), env)
		require.ErrorIs(t, err, paths.ErrUntrusted)
	}
}
