package badinput

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
)

// pretend listens on a socket in the place of omgd. For each connection, it reads the client's first bytes and calls
// serve.
func pretend(t *testing.T, s *harness.System, serve func(nc net.Conn)) (socket string) {
	t.Helper()
	socket = s.Path("pretend.sock")
	harness.ServeUnix(t, socket, func(nc net.Conn) {
		_, _ = nc.Read(make([]byte, 4096))
		serve(nc)
	})
	return socket
}

// askPretender runs omg with a socket on which another process listens.
func askPretender(s *harness.System, socket string, args ...string) harness.Result {
	s.T.Helper()
	return s.Run("omg", append(append([]string{"--socket", socket}, s.PathFlags()...), args...)...)
}

// TestPretender checks the case that a process other than omgd listens on the socket: omg answers queries without the
// daemon, and reports operations of the daemon itself as failed.
func TestPretender(t *testing.T) {
	for name, b := range map[string][]byte{
		"nothing":  nil,
		"text":     []byte("HTTP/1.1 400 Bad Request\r\n\r\n"),
		"4 GiB":    {0xff, 0xff, 0xff, 0xff},
		"length 0": {0, 0, 0, 0},
		"no id":    {0, 0, 0, 1, 0x80},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := harness.New(t)
			s.BuildIndexes()
			socket := pretend(t, s, func(nc net.Conn) { _, _ = nc.Write(b) })
			r := askPretender(s, socket, "search", "-q", "--name", "")
			harness.RequireSafeOutput(t, r)
			require.Equal(t, answered, r.Code, r.Stderr)
			require.Len(t, r.Lines(), packages)
			require.Regexp(t, `^omg: note: answering without omgd: the connection to omgd failed: .*\n$`, r.Stderr)
			for _, args := range [][]string{{"refresh"}, {"cache", "clear"}, {"daemon", "log-level", "debug"}, {"metrics"}} {
				harness.RequireError(t, askPretender(s, socket, args...), "omg", failed, "the connection to omgd failed")
			}
		})
	}
}

// TestPretender_EndlessFrame checks that omg stops waiting for a frame of 65,535 bytes of which ten bytes arrive each
// second: the time limit applies to the whole frame.
func TestPretender_EndlessFrame(t *testing.T) {
	t.Parallel()
	s := harness.New(t)
	s.BuildIndexes()
	socket := pretend(t, s, func(nc net.Conn) {
		_, err := nc.Write([]byte{0, 0, 0xff, 0xff})
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for err == nil {
			<-tick.C
			_, err = nc.Write([]byte{0x80})
		}
	})
	r := askPretender(s, socket, "search", "-q", "--name", "")
	require.Equal(t, answered, r.Code, r.Stderr)
	require.Equal(t, "omg: note: answering without omgd: omgd does not respond: i/o timeout\n", r.Stderr)
	require.Len(t, r.Lines(), packages)
}
