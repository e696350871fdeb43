package service

import (
	"encoding/binary"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/wire"
)

// readResponse reads a response.
func readResponse(t *testing.T, nc net.Conn) wire.Reply {
	t.Helper()
	b, err := wire.ReadFrame(nc, nil, wire.MaxFrameSize)
	require.NoError(t, err)
	r, err := wire.DecodeReply(b)
	require.NoError(t, err)
	return r
}

// pingOn sends a ping on a connection, and returns the error of the reply.
func pingOn(t *testing.T, nc net.Conn) *wire.Error {
	t.Helper()
	b, err := wire.AppendRequest(nil, 1, wire.OpPing, nil)
	require.NoError(t, err)
	_, _ = nc.Write(b) // the write fails if omgd has already refused and closed the connection; the error is ignored
	return readResponse(t, nc).Err
}

// TestLimits_Connections checks that a connection above the limit is refused immediately.
func TestLimits_Connections(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	configure(s, "[limits]", "max_connections = 3")
	d := s.LaunchDaemon()
	var all []net.Conn
	for range 3 {
		harness.Await(t, func() bool { // omgd may not have noticed yet that an earlier connection is closed
			nc := dial(t, d.Socket)
			if pingOn(t, nc) != nil {
				_ = nc.Close()
				return false
			}
			all = append(all, nc)
			return true
		}, "omgd takes connection %d", len(all)+1)
	}
	refused := readResponse(t, dial(t, d.Socket))
	require.Equal(t, wire.CodeBusy, refused.Err.Code)
	require.Contains(t, refused.Err.Message, "too many connections (3)")
	for _, nc := range all {
		require.Nil(t, pingOn(t, nc), "nobody else suffers")
	}
	require.NoError(t, all[0].Close())
	d.AwaitAnswer()
}

// TestLimits_HalfFrame checks that a client that has sent a part of a frame must send the remaining part within a time
// limit. A client that has sent nothing has no time limit.
func TestLimits_HalfFrame(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	configure(s, "[limits]", `read_timeout = "50ms"`)
	d := s.LaunchDaemon()
	silent, half := dial(t, d.Socket), dial(t, d.Socket)
	_, err := half.Write(binary.BigEndian.AppendUint32(nil, 100))
	require.NoError(t, err)
	late := readResponse(t, half)
	require.Equal(t, wire.CodeInvalid, late.Err.Code)
	require.Contains(t, late.Err.Message, "not complete in time")
	_, err = half.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	require.Nil(t, pingOn(t, silent), "the other one sent nothing for longer")
}

// TestLimits_Idle checks that a connection without a request is closed after the time limit.
func TestLimits_Idle(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	configure(s, "[limits]", `idle_timeout = "500ms"`)
	d := s.LaunchDaemon()
	_, err := dial(t, d.Socket).Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	d.AwaitAnswer()
}

// TestLimits_Write checks that a peer that does not read is disconnected, without an effect on others.
func TestLimits_Write(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	configure(s, "[limits]", `write_timeout = "500ms"`)
	d := s.LaunchDaemon()
	stuck(d)
	d.AwaitStderr("connection closed: reply not read in time")
	d.AwaitAnswer()
}
