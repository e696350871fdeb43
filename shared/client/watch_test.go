package client

import (
	"errors"
	"net"
	"testing"

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
			err := conn.Watch(ctx, func(fd int) error {
				waits++
				_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
				if errors.Is(err, unix.EINTR) {
					return nil
				}
				return err
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
	err := conn.Watch(ctx, func(int) error { return stop }, func(*wire.StatusResult) error { return nil })
	require.ErrorIs(t, err, stop)
	require.Nil(t, conn.awaitFrame)
}
