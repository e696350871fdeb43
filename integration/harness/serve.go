package harness

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// ServeUnix listens on a unix socket until the test ends, and calls serve for each connection, in a goroutine of its own.
// The connection is closed when serve returns.
func ServeUnix(t testing.TB, socket string, serve func(nc net.Conn)) {
	t.Helper()
	l, err := net.Listen("unix", socket)
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer nc.Close()
				serve(nc)
			}()
		}
	}()
}
