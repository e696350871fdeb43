package badinput

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/integration/harness"
)

// TestIndexOutput_NotAFile checks that an index is written to a regular file only, and anything else stays unchanged.
// As root, a rename over /dev/null would break the machine.
func TestIndexOutput_NotAFile(t *testing.T) {
	t.Parallel()
	s := harness.New(t)
	require.NoError(t, unix.Mkfifo(s.Path("pipe"), 0o600))
	require.NoError(t, os.Symlink("nowhere", s.Path("link")))
	l, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(l)
	require.NoError(t, unix.Bind(l, &unix.SockaddrUnix{Name: s.Path("socket")}))
	odd := []string{"pipe", "link", "socket"}
	if os.Getuid() == 0 {
		if err := unix.Mknod(s.Path("null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))); err == nil {
			odd = append(odd, "null")
		}
	}
	for _, name := range odd {
		before, err := os.Lstat(s.Path(name))
		require.NoError(t, err)
		r := s.Run("omg-index", append([]string{"build", "-o", s.Path(name)}, s.DatabaseFlags()...)...)
		harness.RequireError(t, r, "omg-index", usage, s.Path(name))
		after, err := os.Lstat(s.Path(name))
		require.NoError(t, err)
		require.Equal(t, before.Mode(), after.Mode(), name)
		require.NoFileExists(t, s.Path(name)+".stamps")
	}
}
