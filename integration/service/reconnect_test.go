package service

import (
	"io"
	"net"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// flaky starts a proxy that listens on path and passes connections on to the socket of a daemon. The proxy closes each
// of the first connections, as many as the parameter breaks says, after it has read from the connection. flaky returns
// a counter of all connections.
func flaky(t *testing.T, path, daemon string, breaks int32) *atomic.Int32 {
	t.Helper()
	l := listenOn(t, path)
	var n atomic.Int32
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			if n.Add(1) <= breaks {
				_, _ = nc.Read(make([]byte, 1))
				_ = nc.Close()
				continue
			}
			to, err := net.Dial("unix", daemon)
			if err != nil {
				_ = nc.Close()
				continue
			}
			go func() {
				_, _ = io.Copy(to, nc)
				_ = to.(*net.UnixConn).CloseWrite()
			}()
			go func() {
				_, _ = io.Copy(nc, to)
				_ = nc.Close()
			}()
		}
	}()
	return &n
}

// TestClient_Reconnects checks that omg sends its request a second time if the connection breaks before a reply. If the
// second connection breaks too, omg answers without the daemon.
func TestClient_Reconnects(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		breaks, connections int32
		says                string
	}{
		{0, 1, ""},
		{1, 2, ""},
		{2, 2, "the connection to omgd failed"},
	} {
		s := newSystem(t)
		d := s.StartDaemon()
		socket := s.Path("flaky.sock")
		n := flaky(t, socket, d.Socket, c.breaks)
		r := s.Run("omg", append(s.PathFlags(), "--socket", socket, "search", "--json", "--limit", "1", "lib")...)
		require.Zero(t, r.Code, r.Stderr)
		require.Equal(t, c.connections, n.Load())
		if c.says == "" {
			require.Regexp(t, `"generation":[1-9]`, r.Stdout)
			require.Empty(t, r.Stderr)
		} else {
			require.Contains(t, r.Stdout, `"generation":0`)
			require.Contains(t, r.Stderr, c.says)
		}
	}
}
