package client

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/wire"
)

// TestWatch checks that Watch waits for bytes before it reads a status, passes on each status, and ends with the error of the daemon, of
// the functions or of the connection.
func TestWatch(t *testing.T) {
	status := func(generation uint64) []byte {
		return encode(&wire.StatusResult{Basis: wire.Basis{Generation: generation}})
	}
	stop := errors.New("stop")
	for name, c := range map[string]struct {
		frames func(id uint64) []byte
		want   []uint64
		code   wire.Code
		err    error
	}{
		"the connection ends": {func(id uint64) []byte {
			return append(wire.AppendResult(nil, id, status(1), true), wire.AppendResult(nil, id, status(2), true)...)
		}, []uint64{1, 2}, 0, ErrBroken},
		"an error": {func(id uint64) []byte {
			return append(wire.AppendResult(nil, id, status(1), true), wire.AppendError(nil, id, wire.Errorf(wire.CodeShuttingDown, "stopping"))...)
		}, []uint64{1}, wire.CodeShuttingDown, nil},
		"an end": {func(id uint64) []byte { return wire.AppendResult(nil, id, status(1), false) }, []uint64{1}, 0, ErrBroken},
		"another reply before": {func(id uint64) []byte {
			return append(wire.AppendResult(nil, id+7, status(4), false), wire.AppendResult(nil, id, status(5), true)...)
		}, []uint64{5}, 0, ErrBroken},
		"no status": {func(id uint64) []byte { return wire.AppendResult(nil, id, []byte{0xa1, 'x'}, true) }, nil, 0, ErrBroken},
		"visit ends it": {func(id uint64) []byte {
			return append(wire.AppendResult(nil, id, status(99), true), wire.AppendResult(nil, id, status(2), true)...)
		}, []uint64{99}, 0, stop},
	} {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, startServer(t, func(nc *net.UnixConn, _ int) {
				hello := encode(&wire.HelloResult{Protocol: wire.ProtocolVersion})
				for _, answer := range []func(uint64) []byte{func(id uint64) []byte { return wire.AppendResult(nil, id, hello, false) }, c.frames} {
					frame, err := wire.ReadFrame(nc, nil, wire.MaxFrameSize)
					if err != nil {
						return
					}
					h, _ := wire.DecodeRequestHeader(frame)
					if _, err := nc.Write(answer(h.ID)); err != nil {
						return
					}
				}
			}), Options{})
			var got []uint64
			waits := 0
			err := conn.Watch(ctx, func(fd int, _ time.Duration) error {
				waits++
				return pollReadable(fd)
			}, func(st *wire.StatusResult) error {
				got = append(got, st.Generation)
				if st.Generation == 99 {
					return stop
				}
				return nil
			})
			require.Equal(t, c.want, got)
			require.Equal(t, c.code, wire.CodeOf(err), "%v", err)
			if c.err != nil {
				require.ErrorIs(t, err, c.err)
			}
			require.Positive(t, waits)
		})
	}
}

// TestWatch_AwaitFails checks that the error of the function await ends Watch.
func TestWatch_AwaitFails(t *testing.T) {
	stop := errors.New("stop")
	conn := dial(t, startServer(t, answering(func(wire.RequestHeader, []byte) []byte { return nil })), Options{})
	err := conn.Watch(ctx, func(int, time.Duration) error { return stop }, func(*wire.StatusResult) error { return nil })
	require.ErrorIs(t, err, stop)
	require.Nil(t, conn.awaitFrame)
}

// TestWatch_Silence checks that Watch sends a ping after a long silence, and ends if no reply to it arrives.
func TestWatch_Silence(t *testing.T) {
	asked := make(chan string, 3)
	conn := dial(t, startServer(t, answering(func(h wire.RequestHeader, _ []byte) []byte {
		asked <- string(h.Op)
		return wire.AppendResult(nil, h.ID, encode(&wire.StatusResult{}), true)
	})), Options{Timeout: time.Hour})
	var limits []time.Duration
	statuses := 0
	err := conn.Watch(ctx, func(fd int, limit time.Duration) error {
		if statuses > 0 {
			limits = append(limits, limit)
		}
		if n := len(limits); n == 0 || n == 2 { // the reply to the first ping arrives, that to the second one does not
			return pollReadable(fd)
		}
		return os.ErrDeadlineExceeded
	}, func(*wire.StatusResult) error { statuses++; return nil })
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.ErrorContains(t, err, "omgd does not respond")
	require.Equal(t, []time.Duration{maxSilence, time.Hour, maxSilence, time.Hour}, limits)
	require.Equal(t, 1, statuses, "the reply to a ping is not a status")
	for _, op := range []string{wire.OpWatch, wire.OpPing, wire.OpPing} {
		require.Equal(t, op, <-asked)
	}
}

// pollReadable waits until a socket is readable.
func pollReadable(fd int) error {
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// TestWatch_NoGreeting checks that Watch waits for the greeting no longer than for the reply to another request.
func TestWatch_NoGreeting(t *testing.T) {
	conn := dial(t, startServer(t, func(nc *net.UnixConn, _ int) { _, _ = nc.Read(make([]byte, 1)) }), Options{Timeout: time.Hour})
	err := conn.Watch(ctx, func(_ int, limit time.Duration) error {
		require.Equal(t, time.Hour, limit)
		return os.ErrDeadlineExceeded
	}, func(*wire.StatusResult) error { return nil })
	require.ErrorContains(t, err, "omgd does not respond")
}
