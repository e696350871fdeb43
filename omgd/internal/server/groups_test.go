package server

import (
	"net"
	"path/filepath"
	"runtime"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/need"
)

// TestPeer_Groups checks that Groups returns the supplementary groups of the peer's process, whether it has none, a few
// or a thousand.
func TestPeer_Groups(t *testing.T) {
	need.Root(t) // setgroups requires root
	for _, n := range []int{0, 1, 64, 1000} {
		var want []uint32
		for i := range n {
			want = append(want, uint32(50000+i))
		}
		path := filepath.Join(t.TempDir(), "s")
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		require.NoError(t, err)
		done := make(chan error)
		go func() {
			runtime.LockOSThread() // the thread is never unlocked: it ends with this goroutine, because its groups are changed
			groups := append(want, 0)
			if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(n), uintptr(unsafe.Pointer(&groups[0])), 0); errno != 0 {
				done <- errno
				return
			}
			fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
			if err == nil {
				err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
				t.Cleanup(func() { _ = unix.Close(fd) })
			}
			done <- err
		}()
		require.NoError(t, <-done)
		nc, err := l.AcceptUnix()
		require.NoError(t, err)
		raw, err := nc.SyscallConn()
		require.NoError(t, err)
		p, err := peerOf(raw)
		require.NoError(t, err)
		got, err := p.Groups()
		require.NoError(t, err)
		require.ElementsMatch(t, want, got)
		require.NoError(t, nc.Close())
		require.NoError(t, l.Close())
	}
}
