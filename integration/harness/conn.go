package harness

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Conn is the connection of a test to a unix socket. Each read and each write must end within HangTimeout. The connection
// itself has no time limit: on a busy machine, a test that keeps a connection open may need longer.
type Conn struct{ *net.UnixConn }

func (c Conn) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(HangTimeout)); err != nil {
		return 0, err
	}
	return c.UnixConn.Read(b)
}

func (c Conn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(HangTimeout)); err != nil {
		return 0, err
	}
	return c.UnixConn.Write(b)
}

// Unread returns the number of bytes that have arrived and were not read.
func (c Conn) Unread(t testing.TB) (n int) {
	t.Helper()
	raw, err := c.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.TIOCINQ) }))
	require.NoError(t, err)
	return n
}
