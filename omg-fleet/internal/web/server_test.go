package web

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/inventory"
)

// pipes is a listener whose connections are pipes, so that virtual time applies to them.
type pipes struct {
	connections chan net.Conn
	closed      chan struct{}
	once        sync.Once
}

func newPipes() *pipes {
	return &pipes{connections: make(chan net.Conn), closed: make(chan struct{})}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.connections:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// dial returns a connection, or false if the server does not accept one.
func (p *pipes) dial() (net.Conn, bool) {
	here, there := net.Pipe()
	select {
	case p.connections <- there:
		return here, true
	case <-time.After(time.Hour):
		return nil, false
	}
}

// serve serves a site over pipes until the test ends.
func (s *site) serve() (*pipes, func()) {
	p := newPipes()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.server.Serve(ctx, p) }()
	return p, func() {
		cancel()
		require.NoError(s.t, <-ended)
	}
}

// TestServe_SlowClients checks that a client that sends or reads too slowly loses its connection.
func TestServe_SlowClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil)
		p, stop := s.serve()
		defer stop()
		for what, send := range map[string]string{
			"nothing": "", "half a header": "GET / HTTP/1.1\r\nHost: fleet", "half a form": "POST /login HTTP/1.1\r\nHost: fleet.example\r\nContent-Length: 1000\r\n\r\ntoken=",
		} {
			c, ok := p.dial()
			require.True(t, ok)
			start := time.Now()
			go func() { _, _ = io.WriteString(c, send) }()
			_, _ = io.Copy(io.Discard, c)
			require.LessOrEqual(t, time.Since(start), 2*headerTimeout, what)
			_ = c.Close()
		}
		// It reads nothing of the answer.
		c, _ := p.dial()
		_, err := io.WriteString(c, "GET /login HTTP/1.1\r\nHost: fleet.example\r\n\r\n")
		require.NoError(t, err)
		time.Sleep(writeTimeout + headerTimeout)
		_, err = c.Write([]byte("GET / HTTP/1.1\r\n"))
		require.ErrorIs(t, err, io.ErrClosedPipe)
		// A header that is too long.
		c, _ = p.dial()
		go func() { _, _ = io.WriteString(c, "GET / HTTP/1.1\r\nX: "+strings.Repeat("x", 1<<20)) }()
		answer, err := http.ReadResponse(bufio.NewReader(c), nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, answer.StatusCode)
		_ = c.Close()
	})
}

// TestServe_Requests checks what browsers do not send.
func TestServe_Requests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil)
		p, stop := s.serve()
		defer stop()
		const host = "Host: fleet.example\r\n"
		for request, want := range map[string]int{
			"GET / HTTP/1.0\r\n\r\n": http.StatusMisdirectedRequest, "GET / HTTP/1.0\r\n" + host + "\r\n": http.StatusSeeOther, "GET /\r\n\r\n": http.StatusBadRequest,
			"GET http://evil.example/ HTTP/1.1\r\n" + host + "\r\n":                                                http.StatusMisdirectedRequest,
			"CONNECT evil.example:80 HTTP/1.1\r\nHost: evil.example:80\r\n\r\n":                                    http.StatusMisdirectedRequest,
			"GET / HTTP/1.1\r\n" + host + "Host: evil.example\r\n\r\n":                                             http.StatusBadRequest,
			"GET /\x00 HTTP/1.1\r\n" + host + "\r\n":                                                               http.StatusBadRequest,
			"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n":                                                                     http.StatusMisdirectedRequest,
			"POST /login HTTP/1.1\r\n" + host + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": http.StatusForbidden,
		} {
			c, ok := p.dial()
			require.True(t, ok)
			go func() { _, _ = io.WriteString(c, request) }()
			answer, err := http.ReadResponse(bufio.NewReader(c), nil)
			require.NoError(t, err, request)
			require.Equal(t, want, answer.StatusCode, request)
			_ = c.Close()
		}
	})
}

// TestServe_ManyConnections checks that no more connections are accepted than allowed, and that those that wait are accepted later.
func TestServe_ManyConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slots := make(chan struct{}, 3)
		p := newPipes()
		l := &limitedListener{Listener: p, slots: slots}
		accepted := make(chan net.Conn, 10)
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				accepted <- c
			}
		}()
		for range 3 {
			_, ok := p.dial()
			require.True(t, ok)
		}
		_, ok := p.dial()
		require.False(t, ok)
		first := <-accepted
		require.NoError(t, first.Close())
		_ = first.Close() // twice
		_, ok = p.dial()
		require.True(t, ok)
		_, ok = p.dial()
		require.False(t, ok)
		_ = (<-accepted).Close()
		require.NoError(t, l.Close())
		synctest.Wait()
	})
}

// stream opens a stream of events, and returns a function that returns its next event, or an error at its end.
func (s *site) stream(ctx context.Context) (next func() (string, error), answer *httptest.ResponseRecorder) {
	reader, writer := io.Pipe()
	w := &streamWriter{ResponseRecorder: httptest.NewRecorder(), out: writer}
	go func() {
		s.server.http.Handler.ServeHTTP(w, s.request(http.MethodGet, eventsPath, "").WithContext(ctx))
		_ = writer.Close()
	}()
	lines := bufio.NewScanner(reader)
	return func() (string, error) {
		for lines.Scan() {
			if value, found := strings.CutPrefix(lines.Text(), "data: "); found {
				return value, nil
			}
		}
		return "", io.EOF
	}, w.ResponseRecorder
}

// streamWriter passes what is written on at once.
type streamWriter struct {
	*httptest.ResponseRecorder
	out *io.PipeWriter
}

func (w *streamWriter) Write(b []byte) (int, error)      { return w.out.Write(b) }
func (w *streamWriter) SetWriteDeadline(time.Time) error { return nil }
func (w *streamWriter) SetReadDeadline(time.Time) error  { return nil }

func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil)
		s.login(testToken)
		ctx, cancel := context.WithCancel(context.Background())
		next, answer := s.stream(ctx)
		first, err := next()
		require.NoError(t, err)
		require.Contains(t, s.get("/"), fmt.Sprintf("data-version=%q", first))
		require.Equal(t, "text/event-stream; charset=utf-8", answer.Header().Get("Content-Type"))
		// Many changes at once are few events.
		start := time.Now()
		for i := range 50 {
			s.put(fmt.Sprint("host", i), &inventory.Inventory{Packages: []inventory.HostPackage{}})
			time.Sleep(10 * time.Millisecond)
			if i%10 == 0 {
				continue
			}
		}
		last := ""
		events := 0
		for last != fmt.Sprint(s.fleet.Version()) {
			last, err = next()
			require.NoError(t, err)
			events++
		}
		require.LessOrEqual(t, events, 3)
		require.Less(t, time.Since(start), 5*time.Second)
		// Logging out ends the stream.
		s.send(s.request(http.MethodPost, "/logout", ""))
		_, err = next()
		require.ErrorIs(t, err, io.EOF)
		cancel()
	})
}

// TestEvents_Many checks that there are only so many streams, and that a stream that ends makes place for another.
func TestEvents_Many(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil)
		s.login(testToken)
		ctx, cancel := context.WithCancel(context.Background())
		for range maxStreams {
			next, _ := s.stream(ctx)
			_, err := next()
			require.NoError(t, err)
		}
		w := s.send(s.request(http.MethodGet, eventsPath, ""))
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
		require.NotEmpty(t, w.Header().Get("Retry-After"))
		require.Equal(t, http.StatusOK, s.send(s.request(http.MethodGet, "/", "")).Code, "pages are still sent")
		cancel()
		synctest.Wait()
		ctx, cancel = context.WithCancel(context.Background())
		next, _ := s.stream(ctx)
		_, err := next()
		require.NoError(t, err)
		cancel()
		synctest.Wait()
	})
}

// TestEvents_Slow checks that a client that does not read its events loses the stream, and that an idle stream stays open.
func TestEvents_Slow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil)
		s.login(testToken)
		p, stop := s.serve()
		defer stop()
		c, _ := p.dial()
		_, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nCookie: %s=%s\r\n\r\n", eventsPath, testHost, cookieName, s.cookie)
		require.NoError(t, err)
		buffer := make([]byte, 4096)
		for start := time.Now(); time.Since(start) < 10*time.Minute; {
			_, err := c.Read(buffer)
			require.NoError(t, err, "an idle stream ends")
		}
		require.Len(t, s.server.streams, 1)
		time.Sleep(keepAlive + sendLimit + time.Second)
		synctest.Wait()
		require.Empty(t, s.server.streams)
		_ = c.Close()
	})
}

// TestServe_Ends checks that open streams do not delay the end.
func TestServe_Ends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil)
		s.login(testToken)
		p, stop := s.serve()
		c, _ := p.dial()
		_, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nCookie: %s=%s\r\n\r\n", eventsPath, testHost, cookieName, s.cookie)
		require.NoError(t, err)
		go func() { _, _ = io.Copy(io.Discard, c) }()
		synctest.Wait()
		start := time.Now()
		stop()
		require.Less(t, time.Since(start), time.Minute)
	})
}

// TestCleanLines checks that clients cannot fill the log, nor control a terminal.
func TestCleanLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		w := &cleanLines{w: &out}
		for range 100 {
			n, err := w.Write([]byte("a \x1b[31m\u202eb\nc\n"))
			require.NoError(t, err)
			require.Positive(t, n)
		}
		require.Equal(t, maxErrorLines, strings.Count(out.String(), "\n"))
		require.NotContains(t, out.String(), "\x1b")
		time.Sleep(2 * time.Minute)
		_, _ = w.Write([]byte("later\n"))
		require.Contains(t, out.String(), "later")
		_, err := (&cleanLines{w: failing{}}).Write([]byte("x"))
		require.Error(t, err)
	})
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("full") }
