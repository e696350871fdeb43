package badinput

import (
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/programs"
)

// pretend listens where omgd would, and answers each connection with the bytes, one at a time every so often if it drips.
func pretend(t *testing.T, w *world, b []byte, drip time.Duration) (socket string) {
	t.Helper()
	socket = filepath.Join(w.home, "pretend.sock")
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
				_, _ = nc.Read(make([]byte, 4096))
				_, err := nc.Write(b)
				for drip > 0 && err == nil {
					time.Sleep(drip)
					_, err = nc.Write([]byte{0x80})
				}
			}()
		}
	}()
	return socket
}

// TestPretender: what listens on the socket is no omgd. Questions are answered without it; what it was to do itself is not
// said to be done.
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
			w := newWorld(t)
			w.built(t)
			socket := pretend(t, w, b, 0)
			omg := func(args ...string) programs.Result {
				args = append(append([]string{"--socket", socket, "--data-dir", w.data}, w.config()...), args...)
				return programs.Run(t, w.env, "omg", args...)
			}
			r := omg("search", "-q", "--name", "")
			clean(t, r)
			require.Equal(t, answered, r.Code, r.Stderr)
			require.Len(t, r.Lines(), 200)
			require.Regexp(t, `^omg: the connection to omgd broke: .*: answering without omgd\n$`, r.Stderr)
			for _, args := range [][]string{{"refresh"}, {"cache", "clear"}, {"daemon", "log-level", "debug"}, {"metrics"}} {
				errorLine(t, omg(args...), "omg", failed, "the connection to omgd broke")
			}
		})
	}
}

// TestDrippingPretender: a frame that never ends, though bytes keep coming, does not keep a question waiting.
func TestDrippingPretender(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.built(t)
	socket := pretend(t, w, []byte{0, 0, 0xff, 0xff}, 100*time.Millisecond)
	r := programs.Run(t, w.env, "omg", append([]string{"--socket", socket, "--data-dir", w.data}, append(w.config(), "search", "-q", "--name", "")...)...)
	require.Equal(t, answered, r.Code, r.Stderr)
	require.Equal(t, "omg: omgd does not answer: i/o timeout: answering without omgd\n", r.Stderr)
	require.Len(t, r.Lines(), 200)
}
