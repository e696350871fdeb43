package badinput

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/wire"
)

// bounded is how much memory omgd may ever have taken here: its own, what a thousand connections need, and the 64 MiB
// that may wait to be read by all peers together.
const bounded = 200 << 20

func frame(body []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

func errorCode(t *testing.T, r wire.Response, err error) wire.Code {
	t.Helper()
	require.NoError(t, err)
	require.NotNil(t, r.Err)
	require.NotEmpty(t, r.Err.Message)
	return r.Err.Code
}

// TestFrames sends what is no request. The answer is an error with id 0 and the end of the connection, or, where the
// request can be told apart from the others, an error with its id.
func TestFrames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.start(t)
	ends := func(code wire.Code) func(*testing.T, *peer) {
		return func(t *testing.T, p *peer) {
			r, err := p.hear()
			require.Equal(t, code, errorCode(t, r, err))
			require.Zero(t, r.ID)
			_, err = p.hear()
			require.Error(t, err, "the connection goes on")
		}
	}
	goesOn := func(code wire.Code, id uint64) func(*testing.T, *peer) {
		return func(t *testing.T, p *peer) {
			r, err := p.hear()
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
		{"a byte too long", binary.BigEndian.AppendUint32(nil, wire.MaxFrame+1), ends(wire.CodeTooLarge)},
		{"not MessagePack", frame(bytes.Repeat([]byte{0xc1}, 100)), ends(wire.CodeInvalid)},
		{"a web request", []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), ends(wire.CodeTooLarge)},
		{"text", frame([]byte("hello, is anybody there?")), ends(wire.CodeInvalid)},
		{"bytes behind the request", frame(append(num(1), 0xc0)), ends(wire.CodeInvalid)},
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
			p.say(c.bytes)
			c.then(t, p)
			d.valid(t)
		})
	}
	t.Run("cut off in the middle", func(t *testing.T) {
		whole, err := wire.AppendRequest(nil, 1, wire.OpSearch, &wire.SearchRequest{Words: []string{"lib"}})
		require.NoError(t, err)
		for n := 1; n < len(whole); n++ {
			p := dial(t, d)
			p.say(whole[:n])
			p.close()
		}
		d.valid(t)
	})
	t.Run("a repeated id", func(t *testing.T) {
		p := dial(t, d)
		defer p.close()
		one, err := wire.AppendRequest(nil, 5, wire.OpSearch, &wire.SearchRequest{Words: []string{"lib"}})
		require.NoError(t, err)
		p.say(bytes.Repeat(one, 100))
		for range 100 { // one after the other, each is answered or refused; the connection goes on
			s, err := p.answer()
			var said *wire.Error
			if err != nil {
				require.ErrorAs(t, err, &said)
				require.Equal(t, wire.CodeInvalid, said.Code)
				continue
			}
			require.Positive(t, s.Total)
		}
		d.valid(t)
	})
	require.Less(t, memory(t, d.Pid), int64(bounded))
	require.NotContains(t, d.Stderr(), "panic")
}

// TestPeers has clients that do not behave. Others notice nothing.
func TestPeers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.start(t)
	t.Run("says nothing", func(t *testing.T) {
		p := dial(t, d)
		defer p.close()
		d.valid(t)
	})
	stopped := dial(t, d) // in a frame
	defer stopped.close()
	stopped.say(append(binary.BigEndian.AppendUint32(nil, wire.MaxFrame), make([]byte, 1000)...))
	d.valid(t)
	t.Run("never reads", func(t *testing.T) {
		before := memory(t, d.Pid)
		one, err := wire.AppendRequest(nil, 1, wire.OpSearch, &wire.SearchRequest{Words: []string{"a"}})
		require.NoError(t, err)
		many := bytes.Repeat(one, 20_000) // some hundred MiB of answers
		for range 8 {
			p := dial(t, d)
			defer p.close()
			_ = p.nc.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
			p.say(many)
			d.valid(t)
		}
		require.Less(t, memory(t, d.Pid), before+100<<20)
	})
	t.Run("1,000 at once", func(t *testing.T) {
		var wait sync.WaitGroup
		var peers [1000]*peer
		for i := range peers {
			wait.Go(func() { peers[i], _ = connect(d) })
		}
		wait.Wait()
		d.valid(t)
		for _, p := range peers {
			require.NotNil(t, p)
			wait.Go(func() { p.search("lib") })
		}
		wait.Wait()
		want, err := peers[0].answer()
		require.NoError(t, err)
		require.Positive(t, want.Total)
		for _, p := range peers[1:] {
			got, err := p.answer()
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
		d.valid(t)
		for _, p := range peers {
			p.close()
		}
		d.valid(t)
	})
	_, err := io.Copy(io.Discard, stopped.nc) // until omgd ends it
	require.NoError(t, err, "a frame may stay half sent")
	require.Less(t, memory(t, d.Pid), int64(bounded))
	require.NotContains(t, d.Stderr(), "panic")
}
