package badinput

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/wire"
)

// longLimits are limits of omgd that a client on a busy machine never reaches.
var longLimits = harness.WithEnv("OMG_LIMITS_READ_TIMEOUT=1h", "OMG_LIMITS_UNREAD_TIMEOUT=1h", "OMG_LIMITS_WRITE_TIMEOUT=1h")

func frame(body []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

func errorCode(t *testing.T, r wire.Reply, err error) wire.Code {
	t.Helper()
	require.NoError(t, err)
	require.NotNil(t, r.Err)
	require.NotEmpty(t, r.Err.Message)
	return r.Err.Code
}

// TestFrame_NotARequest checks the reply to a frame that is not a valid request. If omgd can read the frame's id, the
// reply is an error with this id, and the connection stays open. Otherwise the reply is an error with id 0, and omgd
// closes the connection.
func TestFrame_NotARequest(t *testing.T) {
	t.Parallel()
	d := harness.New(t, longLimits).StartDaemon()
	ends := func(code wire.Code) func(*testing.T, *peer) {
		return func(t *testing.T, p *peer) {
			r, err := p.receive()
			require.Equal(t, code, errorCode(t, r, err))
			require.Zero(t, r.ID)
			_, err = p.receive()
			require.Error(t, err, "the connection goes on")
		}
	}
	goesOn := func(code wire.Code, id uint64) func(*testing.T, *peer) {
		return func(t *testing.T, p *peer) {
			r, err := p.receive()
			require.Equal(t, code, errorCode(t, r, err))
			require.Equal(t, id, r.ID)
			p.id = 99
			p.search("lib")
			_, err = p.answer()
			require.NoError(t, err, "the connection ended")
		}
	}
	request := func(parts ...[]byte) []byte { return frame(slices.Concat(parts...)) }
	str := func(s string) []byte { return wire.AppendString(nil, s) }
	num := func(n uint64) []byte { return wire.AppendUint(nil, n) }
	for _, c := range []struct {
		name  string
		bytes []byte
		then  func(*testing.T, *peer)
	}{
		{"length 0", []byte{0, 0, 0, 0}, ends(wire.CodeInvalid)},
		{"4 GiB", []byte{0xff, 0xff, 0xff, 0xff}, ends(wire.CodeTooLarge)},
		{"a byte too long", binary.BigEndian.AppendUint32(nil, wire.MaxRequestSize+1), ends(wire.CodeTooLarge)},
		{"not MessagePack", frame(bytes.Repeat([]byte{0xc1}, 100)), ends(wire.CodeInvalid)},
		{"a web request", []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), ends(wire.CodeTooLarge)},
		{"text", frame([]byte("hello, is anybody there?")), ends(wire.CodeInvalid)},
		{"bytes after the request", frame(append(num(1), 0xc0)), ends(wire.CodeInvalid)},
		{"1,000,000 arrays", frame(bytes.Repeat([]byte{0x91}, 1_000_000)), ends(wire.CodeInvalid)},
		{"1,000,000 maps", frame(append(bytes.Repeat([]byte{0x81, 0x00}, 500_000), bytes.Repeat([]byte{0x81}, 40_000)...)), ends(wire.CodeInvalid)},
		{"maps as keys", frame(bytes.Repeat([]byte{0x81}, 1_000_000)), ends(wire.CodeInvalid)},
		{"an array of 4,294,967,295", request([]byte{0xdd, 0xff, 0xff, 0xff, 0xff}), ends(wire.CodeInvalid)},
		{"a map of 4,294,967,295", request([]byte{0xdf, 0xff, 0xff, 0xff, 0xff}), ends(wire.CodeInvalid)},
		{"text of 4 GiB", request([]byte{0x81, 0xdb, 0xff, 0xff, 0xff, 0xff}), ends(wire.CodeInvalid)},
		{"100,000 elements", frame(append([]byte{0xdc, 0xff, 0xff}, bytes.Repeat([]byte{0xc0}, 0xffff)...)), ends(wire.CodeInvalid)},
		{"no id", request([]byte{0x81}, str("op"), str("ping")), ends(wire.CodeInvalid)},
		{"id 0", request([]byte{0x82}, str("id"), num(0), str("op"), str("ping")), ends(wire.CodeInvalid)},
		{"a negative id", request([]byte{0x82}, str("id"), []byte{0xff}, str("op"), str("ping")), ends(wire.CodeInvalid)},
		{"no operation", request([]byte{0x81}, str("id"), num(7)), goesOn(wire.CodeInvalid, 7)},
		{"an unknown operation", request([]byte{0x82}, str("id"), num(7), str("op"), str("format_disk")), goesOn(wire.CodeInvalid, 7)},
		{"an operation with controls", request([]byte{0x82}, str("id"), num(7), str("op"), str("\x1b[2J\x00")), goesOn(wire.CodeInvalid, 7)},
		{"words that are a number", request([]byte{0x83}, str("id"), num(7), str("op"), str("search"), str("words"), num(5)), goesOn(wire.CodeInvalid, 7)},
		{"a negative limit", request([]byte{0x83}, str("id"), num(7), str("op"), str("search"), str("limit"), []byte{0xff}), goesOn(wire.CodeInvalid, 7)},
		{"a protocol of the future", request([]byte{0x83}, str("id"), num(7), str("op"), str("hello"), str("protocol"), num(1<<31)), goesOn(wire.CodeVersion, 7)},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := dial(t, d)
			defer p.close()
			p.send(c.bytes)
			c.then(t, p)
			requireHealthy(t, d)
		})
	}
	t.Run("cut off in the middle", func(t *testing.T) {
		whole, err := wire.AppendRequest(nil, 1, wire.OpSearch, &wire.SearchRequest{Words: []string{"lib"}})
		require.NoError(t, err)
		for n := 1; n < len(whole); n++ {
			p := dial(t, d)
			p.send(whole[:n])
			p.close()
		}
		requireHealthy(t, d)
	})
	t.Run("a repeated id", func(t *testing.T) {
		p := dial(t, d)
		defer p.close()
		one, err := wire.AppendRequest(nil, 5, wire.OpSearch, &wire.SearchRequest{Words: []string{"lib"}})
		require.NoError(t, err)
		p.send(bytes.Repeat(one, 100))
		for range 100 { // omgd answers or refuses each request, in order, and the connection stays open
			s, err := p.answer()
			var refused *wire.Error
			if err != nil {
				require.ErrorAs(t, err, &refused)
				require.Equal(t, wire.CodeInvalid, refused.Code)
				continue
			}
			require.Positive(t, s.Total)
		}
		requireHealthy(t, d)
	})
	require.Less(t, memory(t, d.PID()), int64(maxMemory))
	require.NotContains(t, d.Stderr(), "panic")
}

// TestPeer_HalfFrame checks that a half-sent frame ends the connection after a time.
func TestPeer_HalfFrame(t *testing.T) {
	t.Parallel()
	// Only the frame of this test is sent in several pieces, so the short read timeout affects no other frame.
	d := harness.New(t, harness.WithEnv("OMG_LIMITS_READ_TIMEOUT=50ms")).StartDaemon()
	p := dial(t, d)
	defer p.close()
	p.send(append(binary.BigEndian.AppendUint32(nil, wire.MaxRequestSize), make([]byte, 1000)...))
	_, err := io.Copy(io.Discard, p.nc) // until omgd closes the connection
	require.NoError(t, err)
	requireHealthy(t, d)
}

// TestPeer_Misbehaves checks that misbehaving peers do not affect other clients.
func TestPeer_Misbehaves(t *testing.T) {
	t.Parallel()
	d := harness.New(t, longLimits).StartDaemon()

	silent := dial(t, d)
	defer silent.close()
	requireHealthy(t, d)

	// This is the first half of a large request. The second half is sent at the end of the test.
	late := dial(t, d)
	defer late.close()
	request, err := wire.AppendRequest(nil, 1, wire.OpSearch, &wire.SearchRequest{Words: []string{"lib"}, Repos: slices.Repeat(repos, 10_000)})
	require.NoError(t, err)
	late.send(request[:len(request)/2])
	requireHealthy(t, d)

	t.Run("never reads", func(t *testing.T) {
		before := memory(t, d.PID())
		one, err := wire.AppendRequest(nil, 1, wire.OpSearch, &wire.SearchRequest{Words: []string{"a"}})
		require.NoError(t, err)
		many := bytes.Repeat(one, 100_000) // several hundred MiB of replies
		var sent atomic.Int32              // number of peers whose requests omgd has accepted completely
		var senders sync.WaitGroup
		var peers []*peer
		for range 8 {
			p := dial(t, d)
			peers = append(peers, p)
			senders.Go(func() {
				if n, _ := p.nc.Write(many); n == len(many) {
					sent.Add(1)
				}
			})
			harness.Await(t, func() bool { return p.nc.Unread(t) > 0 }, "an answer to a peer that does not read")
			requireHealthy(t, d)
		}
		// These peers do not read. omgd writes replies to them until their sockets are full, and then waits.
		// Meanwhile it must answer other clients.
		for range 100 {
			requireHealthy(t, d)
		}
		require.Zero(t, sent.Load(), "omgd takes requests of a peer that does not read the answers")
		require.Less(t, memory(t, d.PID()), before+100<<20)
		for _, p := range peers {
			p.close()
		}
		senders.Wait()
	})
	t.Run("1,000 at once", func(t *testing.T) {
		var wait sync.WaitGroup
		var peers [1000]*peer
		for i := range peers {
			wait.Go(func() { peers[i], _ = connect(d) })
		}
		wait.Wait()
		requireHealthy(t, d)
		for _, p := range peers {
			require.NotNil(t, p)
			defer p.close()
			wait.Go(func() { p.search("lib") })
		}
		wait.Wait()
		want, err := peers[0].answer()
		require.NoError(t, err)
		require.Positive(t, want.Total)
		for _, p := range peers[1:] {
			got, err := p.answer()
			require.NoError(t, err)
			got.Generation, got.ConfirmedAt = want.Generation, want.ConfirmedAt // omgd may refresh meanwhile
			require.Equal(t, want, got)
		}
		requireHealthy(t, d)
		for _, p := range peers {
			p.close()
		}
		requireHealthy(t, d)
	})

	late.send(request[len(request)/2:])
	s, err := late.answer()
	require.NoError(t, err, "the half of a frame was given up")
	require.Positive(t, s.Total)
	require.Less(t, memory(t, d.PID()), int64(maxMemory))
	require.NotContains(t, d.Stderr(), "panic")
}
