package client

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/wire"
)

// TestCall_Interrupted checks that an interruptible call ends with its context while the server sends nothing, before the first chunk and
// between two chunks, and that the connection can be used again.
func TestCall_Interrupted(t *testing.T) {
	for name, c := range map[string]struct {
		first []byte // what the server sends for the first request
		want  []string
	}{
		"before the reply":   {nil, nil},
		"between two chunks": {encode(&wire.SearchResult{Packages: []wire.Package{{Name: "a"}}}), []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			asked := make(chan struct{}, 2)
			requests := 0
			conn := dial(t, startServer(t, answering(func(h wire.RequestHeader, _ []byte) []byte {
				defer func() { asked <- struct{}{} }()
				if requests++; requests > 1 {
					return wire.AppendResult(nil, h.ID, encode(&wire.SearchResult{Packages: []wire.Package{{Name: "b"}}}), false)
				}
				if c.first == nil {
					return nil
				}
				return wire.AppendResult(nil, h.ID, c.first, true)
			})), Options{Interruptible: true, Timeout: time.Hour})
			call, cancel := context.WithCancel(t.Context())
			defer cancel()
			var names []string
			visit := func(p *wire.Package) error {
				names = append(names, p.Name)
				return nil
			}
			go func() {
				<-asked
				if c.first == nil {
					cancel()
				}
			}()
			_, err := conn.Search(call, &wire.SearchRequest{Words: []string{"x"}}, visit, cancel)
			require.ErrorIs(t, err, context.Canceled)
			require.Equal(t, c.want, names)

			names = nil
			_, err = conn.Search(t.Context(), &wire.SearchRequest{Words: []string{"x"}}, visit, func() {})
			require.NoError(t, err)
			require.Equal(t, []string{"b"}, names)
		})
	}
}

// TestCall_Interruptible checks that an interruptible connection reports a server that does not respond, and one that has ended, as others
// do.
func TestCall_Interruptible(t *testing.T) {
	silent := dial(t, startServer(t, func(nc *net.UnixConn, _ int) { _, _ = nc.Read(make([]byte, 1<<10)); _, _ = nc.Read(make([]byte, 1)) }), Options{Interruptible: true, Timeout: time.Millisecond})
	_, err := silent.Status(t.Context())
	require.ErrorContains(t, err, "omgd does not respond")
	ended := dial(t, startServer(t, func(*net.UnixConn, int) {}), Options{Interruptible: true})
	_, err = ended.Status(t.Context())
	require.ErrorIs(t, err, ErrBroken)
}

// TestCheckGreeting checks that no reply of a daemon is used whose greeting is refused, also after the connection was made again.
func TestCheckGreeting(t *testing.T) {
	refused := errors.New("another system")
	answer := func(h wire.RequestHeader, _ []byte) []byte {
		return wire.AppendResult(nil, h.ID, encode(&wire.StatusResult{}), false)
	}
	conn := dial(t, startServer(t, func(nc *net.UnixConn, number int) {
		hello := &wire.HelloResult{Protocol: wire.ProtocolVersion}
		if number > 0 {
			hello.DBPath = "/other"
			greetingAs(hello, answer)(nc, number)
			return
		}
		greetingAs(hello, func(h wire.RequestHeader, frame []byte) []byte {
			defer nc.CloseRead() // after the reply, the connection ends
			return answer(h, frame)
		})(nc, number)
	}), Options{CheckGreeting: func(hello *wire.HelloResult) error {
		if hello.DBPath != "" {
			return refused
		}
		return nil
	}})
	_, err := conn.Status(t.Context())
	require.NoError(t, err)
	_, err = conn.Status(t.Context())
	require.ErrorIs(t, err, refused)
}
