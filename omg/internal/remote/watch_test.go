package remote

import (
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/wire"
)

// sends returns a reply with a status for each generation, which has no end. Afterwards the daemon closes the connection if end is true.
func sends(t testing.TB, end bool, generations ...uint64) reply {
	var list [][]byte
	for _, n := range generations {
		list = append(list, encoded(t, &wire.StatusResult{Basis: wire.Basis{Generation: n}}))
	}
	return func(id uint64) (frames []byte, _ bool) {
		for _, b := range list {
			frames = wire.AppendResult(frames, id, b, true)
		}
		return frames, end
	}
}

// watchTest watches a fake daemon, and records what happens.
type watchTest struct {
	t           *testing.T
	generations []uint64
	reasons     []string
	waits       []int // the numbers with which the backend waited before it connected again
	onWait      func(attempts int) error
	stopAfter   uint64
}

var errEnough = errors.New("enough")

// run watches until a status with the generation stopAfter.
func (w *watchTest) run(b *Backend, r backend.WatchRequest) error {
	w.generations, w.reasons, w.waits = nil, nil, nil
	b.reconnectWait = func(_ *os.File, attempts int) error {
		w.waits = append(w.waits, attempts)
		return w.onWait(attempts)
	}
	r.OnAway = func(reason string) error {
		w.reasons = append(w.reasons, reason)
		return nil
	}
	return b.Watch(w.t.Context(), &r, func(st *wire.StatusResult) error {
		w.generations = append(w.generations, st.Generation)
		if st.Generation == w.stopAfter {
			return errEnough
		}
		return nil
	})
}

// TestWatch_Reconnects checks that Watch connects again when the connection ends, and says only after several failures that omgd is away.
func TestWatch_Reconnects(t *testing.T) {
	how := conduct{greeting: greets(t, daemonPaths), other: sends(t, true, 1, 2)}
	u, s := served(t, how)
	w := &watchTest{t: t, stopAfter: 9}
	w.onWait = func(attempts int) error {
		switch attempts {
		case 1: // omgd has been restarted at once
			s.behave(conduct{greeting: how.greeting, other: sends(t, true, 3)})
		case 2:
			s.behave(conduct{onConnect: func() []byte { return nil }})
		case 7:
			s.behave(conduct{greeting: how.greeting, other: refuses(wire.CodeShuttingDown, nil)})
		case 8:
			s.behave(conduct{greeting: how.greeting, other: sends(t, false, 9)})
		}
		return nil
	}
	require.ErrorIs(t, w.run(u.backend(backend.Options{}), backend.WatchRequest{}), errEnough)
	require.Equal(t, []uint64{1, 2, 3, 9}, w.generations)
	require.Equal(t, []string{"omgd is not running"}, w.reasons, "once")
	require.Equal(t, []int{1, 2, 3, 4, 5, 6, 7, 8}, w.waits, "the waits grow, because no connection lasted long")
	require.Empty(t, u.became)
}

// TestWatch_Start checks which errors at the start end Watch.
func TestWatch_Start(t *testing.T) {
	ready := conduct{greeting: greets(t, daemonPaths), other: sends(t, false, 9)}
	for name, c := range map[string]struct {
		first   conduct
		waits   bool
		reasons []string
		code    wire.Code
	}{
		"starting":      {conduct{greeting: greets(t, daemonPaths), other: refuses(wire.CodeNotReady, nil)}, true, []string{"a refusal"}, 0},
		"stopping":      {conduct{onConnect: func() []byte { f, _ := refuses(wire.CodeShuttingDown, nil)(0); return f }}, true, []string{"a refusal"}, 0},
		"broken":        {conduct{onConnect: func() []byte { return nil }}, true, []string{"omgd is not running"}, 0},
		"busy":          {conduct{greeting: greets(t, daemonPaths), other: refuses(wire.CodeBusy, nil)}, false, nil, wire.CodeBusy},
		"not allowed":   {conduct{greeting: greets(t, daemonPaths), other: refuses(wire.CodeNotAllowed, nil)}, false, nil, wire.CodeNotAllowed},
		"another error": {conduct{greeting: greets(t, daemonPaths), other: refuses(wire.CodeInternal, nil)}, false, nil, wire.CodeInternal},
		"an old daemon": {conduct{greeting: result(t, &wire.HelloResult{Protocol: 2, Server: "0.9"}), other: refuses(wire.CodeInvalid, nil)}, false, nil, wire.CodeVersion},
	} {
		t.Run(name, func(t *testing.T) {
			u, s := served(t, c.first)
			w := &watchTest{t: t, stopAfter: 9, onWait: func(int) error {
				s.behave(ready)
				return nil
			}}
			err := w.run(u.backend(backend.Options{}), backend.WatchRequest{})
			require.Equal(t, c.code, wire.CodeOf(err))
			require.Equal(t, c.reasons, w.reasons)
			require.Equal(t, c.waits, slices.Equal(w.generations, []uint64{9}))
			require.Equal(t, c.waits, len(w.waits) == 1)
			require.Empty(t, u.became)
		})
	}
}

// TestWatch_NoDaemon checks that omg-direct says that watch needs omgd, unless the user waits for omgd.
func TestWatch_NoDaemon(t *testing.T) {
	u := newTestUser(t)
	w := &watchTest{t: t, stopAfter: 9}
	require.ErrorIs(t, w.run(u.backend(backend.Options{}), backend.WatchRequest{}), errBecame)
	require.ErrorIs(t, w.run(u.backend(backend.Options{NoDaemon: true}), backend.WatchRequest{WaitForDaemon: true}), errBecame)
	require.ErrorIs(t, w.run(u.backend(backend.Options{DBPath: "/db"}), backend.WatchRequest{WaitForDaemon: true}), errBecame)
	w.onWait = func(attempts int) error {
		if attempts == 3 {
			(&standIn{how: conduct{greeting: greets(t, daemonPaths), other: sends(t, false, 9)}}).start(t, u.socket)
		}
		return nil
	}
	require.ErrorIs(t, w.run(u.backend(backend.Options{}), backend.WatchRequest{WaitForDaemon: true}), errEnough)
	require.Equal(t, []string{"omgd is not running"}, w.reasons)
	require.Equal(t, []int{1, 2, 3}, w.waits)
	require.Empty(t, u.became)
}

// TestWatch_OutputClosed checks that Watch ends when the program that reads the output ends: while a connection is open, and while Watch
// waits for omgd.
func TestWatch_OutputClosed(t *testing.T) {
	u, s := served(t, conduct{greeting: greets(t, daemonPaths), other: sends(t, false, 1)})
	for _, closes := range []bool{false, true} {
		in, output, err := os.Pipe()
		require.NoError(t, err)
		defer output.Close()
		b := u.backend(backend.Options{})
		seen := 0
		request := &backend.WatchRequest{Output: output, OnAway: func(string) error { return in.Close() }}
		err = b.Watch(t.Context(), request, func(*wire.StatusResult) error {
			seen++
			if closes {
				s.behave(conduct{onConnect: func() []byte { return nil }})
				return nil
			}
			return in.Close()
		})
		require.NoError(t, err)
		require.Equal(t, 1, seen)
		if !closes {
			s.behave(conduct{greeting: greets(t, daemonPaths), other: sends(t, true, 1)})
		}
	}
}

// TestWatch_OneDaemon checks that Watch connects only to the socket of the first status again, because another daemon may read other
// databases.
func TestWatch_OneDaemon(t *testing.T) {
	u, _ := served(t, conduct{greeting: greets(t, daemonPaths), other: sends(t, true, 1)})
	stop := errors.New("stop")
	w := &watchTest{t: t, stopAfter: 9, onWait: func(int) error { return stop }}
	b := u.backend(backend.Options{})
	require.NotEqual(t, []string{u.socket}, b.env.Sockets(b.o.Socket), "there is also the system-wide daemon")
	require.ErrorIs(t, w.run(b, backend.WatchRequest{}), stop)
	require.Equal(t, []string{u.socket}, b.env.Sockets(b.o.Socket))
}

// TestWatch_Hung checks that Watch asks an omgd that has been silent for long whether it responds, and otherwise says so at once and connects
// again.
func TestWatch_Hung(t *testing.T) {
	u, s := served(t, conduct{greeting: greets(t, daemonPaths), other: sends(t, false, 1)})
	w := &watchTest{t: t, stopAfter: 9}
	w.onWait = func(attempts int) error {
		if attempts == 3 {
			s.behave(conduct{greeting: greets(t, daemonPaths), other: sends(t, false, 9)})
		}
		return nil
	}
	b := u.backend(backend.Options{})
	b.awaitStatus = func(fd int, limit time.Duration) error {
		if len(w.generations) > len(w.waits) { // the status of this connection has arrived
			return os.ErrDeadlineExceeded
		}
		return pollUntilReadable(fd, nil, time.Hour)
	}
	require.ErrorIs(t, w.run(b, backend.WatchRequest{}), errEnough)
	require.Equal(t, []uint64{1, 1, 1, 9}, w.generations)
	require.Equal(t, []string{"omgd does not respond", "omgd does not respond", "omgd does not respond"}, w.reasons, "once for each status")
	require.Empty(t, u.became)
}

// TestPoll checks that a wait for a status ends at its time limit, when bytes arrive, and when the output is closed.
func TestPoll(t *testing.T) {
	in, out, err := os.Pipe()
	require.NoError(t, err)
	defer out.Close()
	require.ErrorIs(t, pollUntilReadable(int(in.Fd()), nil, time.Millisecond), os.ErrDeadlineExceeded)
	require.NoError(t, pollOutput(out, time.Millisecond))
	_, err = out.Write([]byte("x"))
	require.NoError(t, err)
	require.NoError(t, pollUntilReadable(int(in.Fd()), out, time.Hour))
	require.NoError(t, in.Close())
	require.ErrorIs(t, pollOutput(out, time.Hour), errOutputClosed)
}
