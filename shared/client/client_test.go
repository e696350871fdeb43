package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/wire"
)

func TestMain(m *testing.M) { await.RunTestMain(m) }

var ctx = context.Background()

// startServer starts a test server and returns the path of its socket. For each connection, the server calls the function
// serve with the connection and its number; the first connection has the number 0.
func startServer(t testing.TB, serve func(nc *net.UnixConn, number int)) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; ; n++ {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			serve(nc.(*net.UnixConn), n)
			_ = nc.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return path
}

// answering returns a function that can be passed to startServer. This function replies to greetings. For any other
// request, it calls the function answer and sends the bytes that answer returns.
func answering(answer func(h wire.RequestHeader, frame []byte) []byte) func(*net.UnixConn, int) {
	return greetingAs(&wire.HelloResult{}, answer)
}

// greetingAs does what answering does, with this reply to the greeting.
func greetingAs(hello *wire.HelloResult, answer func(h wire.RequestHeader, frame []byte) []byte) func(*net.UnixConn, int) {
	return func(nc *net.UnixConn, _ int) {
		for {
			frame, err := wire.ReadFrame(nc, nil, wire.MaxFrameSize)
			if err != nil {
				return
			}
			h, err := wire.DecodeRequestHeader(frame)
			if err != nil {
				return
			}
			reply := wire.AppendResult(nil, h.ID, encode(hello), false)
			if string(h.Op) != wire.OpHello {
				reply = answer(h, frame)
			}
			if _, err := nc.Write(reply); err != nil {
				return
			}
		}
	}
}

func encode(v any) []byte {
	b, err := msgpack.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func dial(t testing.TB, path string, opt Options) *Conn {
	t.Helper()
	if opt.Timeout == 0 {
		opt.Timeout = await.Timeout
	}
	c, err := Dial(ctx, path, opt)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestGet(t *testing.T) {
	c := dial(t, startServer(t, answering(func(h wire.RequestHeader, frame []byte) []byte {
		var req wire.InfoRequest
		if err := msgpack.Unmarshal(frame, &req); err != nil || len(req.Names) != 1 {
			return nil
		}
		return wire.AppendResult(nil, h.ID, encode(&wire.InfoResult{Packages: []wire.Package{{Name: req.Names[0]}}}), false)
	})), Options{})
	for _, name := range []string{"a", "b"} {
		var r wire.InfoResult
		require.NoError(t, c.CallForResult(ctx, wire.OpInfo, &wire.InfoRequest{Names: []string{name}}, &r))
		require.Equal(t, wire.InfoResult{Packages: []wire.Package{{Name: name}}}, r)
	}
}

// TestCall_ReadsAhead checks that the server can send a complete reply, which is larger than a socket buffer, before Call
// passes on the first chunk.
func TestCall_ReadsAhead(t *testing.T) {
	const chunks = 100
	written := make(chan struct{})
	path := startServer(t, func(nc *net.UnixConn, _ int) {
		answering(func(h wire.RequestHeader, _ []byte) []byte {
			if h.ID > 2 {
				return wire.AppendResult(nil, h.ID, encode("x"), false)
			}
			var b []byte
			for i := range chunks {
				b = wire.AppendResult(b, h.ID, encode(strings.Repeat("x", 50_000)), i+1 < chunks)
			}
			_, _ = nc.Write(b)
			close(written)
			return nil
		})(nc, 0)
	})
	c := dial(t, path, Options{})
	c.assumePauseAfter = await.Timeout // so long that the client does not mistake a slow write of the server for a pause
	got := 0
	require.NoError(t, c.Call(ctx, "op", nil, func(b []byte, more bool) error {
		got++
		require.Len(t, b, 50_003)
		require.Equal(t, got < chunks, more)
		await.Receive(t, written, "the server to write its complete reply")
		return nil
	}))
	require.Equal(t, chunks, got)
	stop := errors.New("enough")
	require.ErrorIs(t, c.Call(ctx, "op", nil, func([]byte, bool) error { return stop }), stop)
}

// TestCall_GivesWhatCame checks that Call does not wait for the complete reply if the server pauses between two chunks:
// Call passes on the earlier chunks during the pause. The test server pauses until the first chunk was passed on.
func TestCall_GivesWhatCame(t *testing.T) {
	received := make(chan struct{})
	path := startServer(t, func(nc *net.UnixConn, _ int) {
		answering(func(h wire.RequestHeader, _ []byte) []byte {
			_, _ = nc.Write(wire.AppendResult(nil, h.ID, encode("first"), true))
			<-received
			return wire.AppendResult(nil, h.ID, encode("last"), false)
		})(nc, 0)
	})
	c := dial(t, path, Options{})
	var got []string
	require.NoError(t, c.Call(ctx, "op", nil, func(b []byte, more bool) error {
		var s string
		require.NoError(t, msgpack.Unmarshal(b, &s))
		if got = append(got, s); more {
			close(received)
		}
		return nil
	}))
	require.Equal(t, []string{"first", "last"}, got)
}

func TestDial_NoDaemon(t *testing.T) {
	dir := t.TempDir()
	_, err := Dial(ctx, filepath.Join(dir, "none"), Options{})
	require.ErrorIs(t, err, ErrNoDaemon)
	_, err = Dial(ctx, filepath.Join(dir, "none", "none"), Options{})
	require.ErrorIs(t, err, ErrNoDaemon)

	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "stale"), Net: "unix"})
	require.NoError(t, err)
	l.SetUnlinkOnClose(false)
	require.NoError(t, l.Close())
	_, err = Dial(ctx, filepath.Join(dir, "stale"), Options{})
	require.ErrorIs(t, err, ErrNoDaemon)
}

func TestDial_Untrusted(t *testing.T) {
	path := startServer(t, func(nc *net.UnixConn, _ int) {
		if b, _ := io.ReadAll(nc); len(b) > 0 {
			t.Errorf("%d bytes were sent to a stranger", len(b))
		}
	})
	requests := 0
	_, err := Dial(ctx, path, Options{IsTrustedUser: func(uid uint32) bool {
		requests++
		require.EqualValues(t, os.Geteuid(), uid)
		return false
	}})
	require.ErrorIs(t, err, ErrUntrusted)
	require.Equal(t, 1, requests)
}

// TestDial_Link checks that Dial refuses a symbolic link in place of the socket, even if the link leads to a trusted user's
// socket.
func TestDial_Link(t *testing.T) {
	path := startServer(t, func(*net.UnixConn, int) { t.Error("connected") })
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(path, link))
	_, err := Dial(ctx, link, Options{})
	require.ErrorIs(t, err, ErrNotSocket)
	require.ErrorContains(t, err, "symbolic link")
}

// TestCall_ServerWaits checks that a server that waits for a network between two chunks may wait longer than the timeout.
func TestCall_ServerWaits(t *testing.T) {
	const limit = 10 * time.Millisecond
	came := make(chan struct{})
	path := startServer(t, func(nc *net.UnixConn, _ int) {
		answering(func(h wire.RequestHeader, _ []byte) []byte {
			if _, err := nc.Write(wire.AppendResult(nil, h.ID, encode("first"), true)); err != nil {
				return nil
			}
			<-came
			time.Sleep(10 * limit)
			return wire.AppendResult(nil, h.ID, encode("last"), false)
		})(nc, 0)
	})
	c := dial(t, path, Options{Timeout: time.Minute})
	var parts []string
	require.NoError(t, c.Call(ctx, wire.OpSearch, &wire.SearchRequest{}, func(result []byte, more bool) error {
		if more {
			tv := unix.NsecToTimeval(int64(limit))
			require.NoError(t, unix.SetsockoptTimeval(c.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv))
			close(came)
		}
		var text string
		require.NoError(t, msgpack.Unmarshal(result, &text))
		parts = append(parts, text)
		return nil
	}))
	require.Equal(t, []string{"first", "last"}, parts)
}

// TestDial_FullQueue checks that Dial returns an error after its timeout if the daemon does not accept connections.
func TestDial_FullQueue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(fd)
	require.NoError(t, unix.Bind(fd, &unix.SockaddrUnix{Name: path}))
	require.NoError(t, unix.Listen(fd, 0))
	for range 10 {
		c, err := Dial(ctx, path, Options{Timeout: 20 * time.Millisecond})
		if err != nil {
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			return
		}
		defer c.Close()
	}
	t.Fatal("the queue was never full")
}

func TestGet_SilentServer(t *testing.T) {
	gone := make(chan struct{})
	path := startServer(t, func(*net.UnixConn, int) { <-gone })
	defer close(gone)
	c := dial(t, path, Options{Timeout: 30 * time.Millisecond})
	require.ErrorIs(t, c.CallForResult(ctx, "op", nil, nil), os.ErrDeadlineExceeded)
	ended, cancel := context.WithCancel(ctx)
	cancel()
	require.ErrorIs(t, c.CallForResult(ended, "op", nil, nil), context.Canceled)
}

// TestGet_Drip checks that CallForResult fails if a frame is not complete within the timeout, even if single bytes keep arriving.
func TestGet_Drip(t *testing.T) {
	c := dial(t, startServer(t, func(nc *net.UnixConn, _ int) {
		_, err := nc.Write([]byte{0, 0x10, 0, 0}) // the frame's length, 1 MiB: more than the client reads in one call
		for err == nil {
			_, err = nc.Write([]byte{0x80})
		}
	}), Options{})
	c.opt.Timeout = -1 // reading the rest of a frame times out immediately; the first byte has another time limit, which dial has set
	require.ErrorIs(t, c.CallForResult(ctx, "op", nil, nil), os.ErrDeadlineExceeded)
}

// TestCall_Endless checks that Call fails if the server keeps sending empty chunks, or replies to other requests.
func TestCall_Endless(t *testing.T) {
	for name, other := range map[string]uint64{"empty chunks": 0, "replies to other requests": 1000} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, startServer(t, answering(func(h wire.RequestHeader, _ []byte) []byte {
				var b []byte
				for range 1000 {
					b = wire.AppendResult(b, h.ID+other, []byte{0xc0}, true)
				}
				return b
			})), Options{MaxReply: 10_000})
			require.ErrorIs(t, c.Call(ctx, "op", nil, func([]byte, bool) error { return nil }), ErrTooLong)
		})
	}
}

// TestGet_BrokenOnce checks that the client connects once more if the connection breaks before the first chunk of a reply,
// and returns an error if the connection breaks later.
func TestGet_BrokenOnce(t *testing.T) {
	good := answering(func(h wire.RequestHeader, _ []byte) []byte { return wire.AppendResult(nil, h.ID, encode("yes"), false) })
	for name, c := range map[string]struct {
		breaks func(nc *net.UnixConn) // how the server breaks the connection instead of replying
		times  int
		ok     bool
	}{
		"closed at once":            {func(*net.UnixConn) {}, 1, true},
		"closed twice":              {func(*net.UnixConn) {}, 2, false},
		"closed after a request":    {func(nc *net.UnixConn) { _, _ = nc.Read(make([]byte, 1000)) }, 1, true},
		"half a length":             {func(nc *net.UnixConn) { _, _ = nc.Write([]byte{0, 0}) }, 1, true},
		"half a frame":              {func(nc *net.UnixConn) { _, _ = nc.Write([]byte{0, 0, 0, 9, 0x82}) }, 1, true},
		"a chunk, and nothing more": {func(nc *net.UnixConn) { _, _ = nc.Write(wire.AppendResult(nil, 2, encode("a"), true)) }, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, startServer(t, func(nc *net.UnixConn, number int) {
				if number < c.times {
					c.breaks(nc)
					return
				}
				good(nc, number)
			}), Options{})
			var s string
			err := conn.CallForResult(ctx, "op", nil, &s)
			if c.ok {
				require.NoError(t, err)
				require.Equal(t, "yes", s)
				return
			}
			require.ErrorIs(t, err, ErrBroken)
		})
	}
}

// TestGet_Rubbish checks that CallForResult returns an error if the server sends bytes that violate the protocol.
func TestGet_Rubbish(t *testing.T) {
	for name, b := range map[string][]byte{
		"text":           []byte("HTTP/1.1 400 Bad Request\r\n\r\n"),
		"length 0":       {0, 0, 0, 0},
		"4 GiB":          {0xff, 0xff, 0xff, 0xff},
		"no MessagePack": {0, 0, 0, 2, 0xc1, 0xc1},
		"nested":         wire.EndFrame(append(wire.BeginFrame(nil), []byte(strings.Repeat("\x91", 1000)+"\xc0")...), 0),
		"no map":         {0, 0, 0, 1, 0x90},
		"no id":          {0, 0, 0, 9, 0x81, 0xa6, 'r', 'e', 's', 'u', 'l', 't', 0x80},
		"an empty map":   {0, 0, 0, 1, 0x80},
		"only an id":     {0, 0, 0, 5, 0x81, 0xa2, 'i', 'd', 2},
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, startServer(t, func(nc *net.UnixConn, _ int) {
				_, _ = nc.Write(b)
				_, _ = io.Copy(io.Discard, nc)
			}), Options{})
			require.ErrorIs(t, c.CallForResult(ctx, "op", nil, nil), ErrBroken)
		})
	}
}

func TestCall_TooLong(t *testing.T) {
	c := dial(t, startServer(t, answering(func(h wire.RequestHeader, _ []byte) []byte {
		var b []byte
		for range 10 {
			b = wire.AppendResult(b, h.ID, encode(strings.Repeat("x", 1000)), true)
		}
		return b
	})), Options{MaxReply: 5000})
	require.ErrorIs(t, c.Call(ctx, "op", nil, func([]byte, bool) error {
		t.Error("a chunk of an incomplete reply was passed on")
		return nil
	}), ErrTooLong)
}

// TestGet_Errors checks that CallForResult returns the server's errors about the request, the greeting and the connection, even if
// the server closed the connection before the client sent anything.
func TestGet_Errors(t *testing.T) {
	sent := wire.Errorf(wire.CodeNotReady, "not yet")
	is := func(err error, code wire.Code) {
		t.Helper()
		var e *wire.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, code, e.Code)
	}
	c := dial(t, startServer(t, answering(func(h wire.RequestHeader, _ []byte) []byte { return wire.AppendError(nil, h.ID, sent) })), Options{})
	is(c.CallForResult(ctx, "op", nil, nil), wire.CodeNotReady)
	is(c.CallForResult(ctx, "op", nil, nil), wire.CodeNotReady)

	c = dial(t, startServer(t, func(nc *net.UnixConn, _ int) {
		frame, _ := wire.ReadFrame(nc, nil, wire.MaxFrameSize)
		h, _ := wire.DecodeRequestHeader(frame)
		_, _ = nc.Write(wire.AppendError(nil, h.ID, wire.Errorf(wire.CodeVersion, "too new")))
		_, _ = io.Copy(io.Discard, nc)
	}), Options{})
	is(c.CallForResult(ctx, "op", nil, nil), wire.CodeVersion)

	refused := make(chan struct{})
	path := startServer(t, func(nc *net.UnixConn, _ int) {
		_, _ = nc.Write(wire.AppendError(nil, 0, wire.Errorf(wire.CodeBusy, "too many")))
		_ = nc.Close()
		refused <- struct{}{}
	})
	c = dial(t, path, Options{})
	<-refused
	is(c.CallForResult(ctx, "op", nil, nil), wire.CodeBusy)
}

func TestReceive_Pipelining(t *testing.T) {
	// The server sends its replies in reverse order, one chunk of each reply at a time.
	path := startServer(t, func(nc *net.UnixConn, _ int) {
		var b []byte
		var ids []uint64
		for range 11 {
			frame, err := wire.ReadFrame(nc, nil, wire.MaxFrameSize)
			if err != nil {
				return
			}
			h, _ := wire.DecodeRequestHeader(frame)
			ids = append(ids, h.ID)
		}
		for _, more := range []bool{true, false} {
			for i := len(ids) - 1; i > 0; i-- {
				b = wire.AppendResult(b, ids[i], encode(fmt.Sprint(ids[i])), more)
			}
		}
		b = wire.AppendResult(b, ids[0], []byte{0x80}, false)
		_, _ = nc.Write(b)
		_, _ = io.Copy(io.Discard, nc)
	})
	c := dial(t, path, Options{})
	var ids []uint64
	for range 10 {
		id, err := c.Send("op", nil)
		require.NoError(t, err)
		ids = append(ids, id)
	}
	for _, more := range []bool{true, false} {
		for i := len(ids) - 1; i >= 0; i-- {
			r, err := c.Receive(ctx)
			require.NoError(t, err)
			require.Equal(t, ids[i], r.ID)
			require.Equal(t, more, r.More)
			require.Equal(t, encode(fmt.Sprint(ids[i])), r.Result)
		}
	}
}

// FuzzReply sends arbitrary bytes as a reply.
func FuzzReply(f *testing.F) {
	f.Add(wire.AppendResult(wire.AppendResult(nil, 1, []byte{0x80}, false), 2, encode(&wire.SearchResult{Total: 1}), false))
	f.Add(wire.AppendError(nil, 2, wire.Errorf(wire.CodeBusy, "x")))
	answer := make(chan []byte, 2)
	path := startServer(f, func(nc *net.UnixConn, _ int) { _, _ = nc.Write(<-answer) })
	f.Fuzz(func(t *testing.T, b []byte) {
		answer <- b
		answer <- b // for the reconnect
		c, err := Dial(ctx, path, Options{Timeout: await.Timeout})
		require.NoError(t, err)
		var r wire.SearchResult
		err = c.CallForResult(ctx, wire.OpSearch, &wire.SearchRequest{}, &r)
		_ = c.Close()
		require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
		for len(answer) > 0 {
			if d, err := Dial(ctx, path, Options{Timeout: await.Timeout}); err == nil {
				_, _ = d.Receive(ctx)
				_ = d.Close()
			}
		}
	})
}
