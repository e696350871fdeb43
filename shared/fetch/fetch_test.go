package fetch

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/config"
)

func TestMain(m *testing.M) { await.RunTestMain(m) }

// client returns a client with timeouts so long that even a slow machine does not reach them.
func client(t *testing.T) *Client {
	t.Helper()
	c, err := New(config.Network{Proxy: "none", Timeout: config.Duration(await.Timeout)}, "omg-test")
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// pipes is a network of connections in memory. Without real connections, all waiting can be in virtual time.
type pipes struct {
	next  chan net.Conn
	ended chan struct{}
	end   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.next:
		return c, nil
	case <-p.ended:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.end.Do(func() { close(p.ended) })
	return nil
}

func newPipes() *pipes {
	return &pipes{next: make(chan net.Conn), ended: make(chan struct{})}
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes.example.com", Net: "unix"} }

// client returns a client whose connections are pipes of this network.
func (p *pipes) client(t *testing.T, stallTimeout time.Duration) *Client {
	t.Helper()
	c, err := New(config.Network{Proxy: "none", Timeout: config.Duration(stallTimeout)}, "omg-test")
	require.NoError(t, err)
	c.http.Transport.(*http.Transport).DialContext = p.dial
	return c
}

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.next <- server:
		return client, nil
	case <-p.ended:
		return nil, net.ErrClosed
	}
}

// within runs a test in virtual time. It calls do() with a client, and with the URL of a server that the
// client reaches through pipes.
func within(t *testing.T, stallTimeout time.Duration, h http.HandlerFunc, do func(t *testing.T, c *Client, url string)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		network := newPipes()
		s := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
		served := make(chan error, 1)
		go func() { served <- s.Serve(network) }()
		c := network.client(t, stallTimeout)
		do(t, c, "http://127.0.0.1")
		c.Close()
		require.NoError(t, s.Shutdown(t.Context())) // Shutdown waits for the handlers
		require.ErrorIs(t, <-served, http.ErrServerClosed)
	})
}

func get(c *Client, url string, maxBytes int64) (string, Response, error) {
	var b bytes.Buffer
	a, err := c.Get(context.Background(), Request{URL: url, MaxBytes: maxBytes}, &b)
	return b.String(), a, err
}

func TestGet_Request(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") == `"1"` && r.Header.Get("If-Modified-Since") == "yesterday" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("ETag", `"1"`)
		w.Header().Set("Last-Modified", "yesterday")
		_, _ = io.WriteString(w, "hello "+r.UserAgent())
	})
	c := client(t)
	body, a, err := get(c, url, 100)
	require.NoError(t, err)
	require.Equal(t, "hello omg-test", body)
	require.Equal(t, Response{ETag: `"1"`, LastModified: "yesterday", Bytes: 14}, a)
	a, err = c.Get(context.Background(), Request{URL: url, MaxBytes: 100, ETag: a.ETag, LastModified: a.LastModified}, io.Discard)
	require.NoError(t, err)
	require.True(t, a.NotModified)
}

// TestGet_Bodies checks the result for each reply of a broken or hostile server.
func TestGet_Bodies(t *testing.T) {
	const maxBytes, stallTimeout = 1 << 20, 300 * time.Millisecond
	// waits says for how many stall timeouts Get waits in each case. Get does not wait in cases that are not listed.
	waits := map[string]time.Duration{"dripping": 1, "silent": 1, "silent in the middle": 2}
	zip := func(w io.Writer, n int64) {
		z := gzip.NewWriter(w)
		zeros := make([]byte, 1<<20)
		for ; n > 0; n -= int64(len(zeros)) {
			if _, err := z.Write(zeros[:min(n, int64(len(zeros)))]); err != nil {
				return
			}
		}
		_ = z.Close()
	}
	for name, tt := range map[string]struct {
		handle http.HandlerFunc
		bytes  int64
		err    error
	}{
		"exactly as much": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, maxBytes)) }, maxBytes, nil},
		"a byte more": {func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			_, _ = w.Write(make([]byte, maxBytes+1))
		}, 0, ErrTooLarge},
		"a gigabyte announced": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1073741824")
			w.WriteHeader(http.StatusOK)
		}, 0, ErrTooLarge},
		"without an end": {func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		}, 0, ErrTooLarge},
		"compressed": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			zip(w, maxBytes)
		}, maxBytes, nil},
		"ten gigabytes, compressed": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			zip(w, 10<<30)
		}, 0, ErrTooLarge},
		"not compressed, unlike its header": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, "<html>no gzip at all</html>")
		}, 0, ErrEncoding},
		"compressed in a way that was not requested": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "br")
			_, _ = io.WriteString(w, "x")
		}, 0, ErrEncoding},
		"shorter than announced": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, "short")
		}, 0, ErrTruncated},
		"compressed, and cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			var b bytes.Buffer
			zip(&b, 100_000)
			_, _ = w.Write(b.Bytes()[:b.Len()/2])
		}, 0, ErrTruncated},
		"empty and compressed": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
		}, 0, ErrTruncated},
		"unavailable, in HTML": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, "<html>")
		}, 0, ErrStatus},
		"not modified, unasked":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) }, 0, ErrStatus},
		"redirected in a circle": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) }, 0, ErrTooManyRedirects},
		"redirected to elsewhere without TLS": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
		}, 0, ErrInsecure},
		"redirected to a file": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(http.StatusFound)
		}, 0, ErrInsecure},
		"dripping": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, ".")
				w.(http.Flusher).Flush()
				time.Sleep(20 * time.Millisecond)
			}
		}, 0, ErrSlow},
		"silent": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 0, ErrSlow},
		"silent in the middle": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write(make([]byte, 10_000))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, 0, ErrSlow},
		"headers without an end": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("x", 1<<20))
		}, 0, errAny},
	} {
		t.Run(name, func(t *testing.T) {
			within(t, stallTimeout, tt.handle, func(t *testing.T, c *Client, url string) {
				began := time.Now()
				a, err := c.Get(t.Context(), Request{URL: url, MaxBytes: maxBytes}, io.Discard)
				switch tt.err {
				case nil:
					require.NoError(t, err)
					require.Equal(t, tt.bytes, a.Bytes)
				case errAny:
					require.Error(t, err)
				default:
					require.ErrorIs(t, err, tt.err)
				}
				require.Equal(t, waits[name]*stallTimeout, time.Since(began))
			})
		})
	}
}

var errAny = errors.New("any")

// TestGet_AsIs checks that KeepEncoding leaves a file with a Content-Encoding compressed.
func TestGet_AsIs(t *testing.T) {
	var file bytes.Buffer
	z := gzip.NewWriter(&file)
	_, _ = z.Write(make([]byte, 100_000))
	require.NoError(t, z.Close())
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(file.Bytes())
	})
	var got bytes.Buffer
	a, err := client(t).Get(context.Background(), Request{URL: url, MaxBytes: 1000, KeepEncoding: true}, &got)
	require.NoError(t, err)
	require.Equal(t, file.Bytes(), got.Bytes())
	require.EqualValues(t, file.Len(), a.Bytes)
	_, err = client(t).Get(context.Background(), Request{URL: url, MaxBytes: 1000}, io.Discard)
	require.ErrorIs(t, err, ErrTooLarge)
}

// closedPort returns an address on which no process listens. The port stays bound until the test ends.
func closedPort(t *testing.T) string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = unix.Close(fd) })
	require.NoError(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	a, err := unix.Getsockname(fd)
	require.NoError(t, err)
	return fmt.Sprint("127.0.0.1:", a.(*unix.SockaddrInet4).Port)
}

func TestGet_Refused(t *testing.T) {
	url := serve(t, func(http.ResponseWriter, *http.Request) {})
	c := client(t)
	for _, u := range []string{"http://192.0.2.1/", "ftp://localhost/", "file:///etc/passwd", "localhost", "", "https://", "http://127.0.0.1.example.org/"} {
		_, _, err := get(c, u, 1)
		require.Error(t, err, u)
	}
	_, _, err := get(c, "http://192.0.2.1/", 1)
	require.ErrorIs(t, err, ErrInsecure)

	_, _, err = get(c, "http://"+closedPort(t), 1)
	require.ErrorContains(t, err, "connection refused")
	require.NotContains(t, err.Error(), "Get ")

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = c.Get(ctx, Request{URL: url, MaxBytes: 1}, io.Discard)
	require.ErrorIs(t, err, context.Canceled)
}

func TestGet_VerifiesTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := newPipes()
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://"+r.Host+"/", http.StatusFound)
		}))
		require.NoError(t, s.Listener.Close())
		s.Listener = network
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.StartTLS()
		defer s.Close()
		c := network.client(t, time.Second)
		defer c.Close()
		_, _, err := get(c, s.URL, 1)
		var unknown *tls.CertificateVerificationError
		require.ErrorAs(t, err, &unknown)

		// Now the client trusts the certificate of the server, and the server redirects it to plain HTTP.
		c.http.Transport.(*http.Transport).TLSClientConfig = s.Client().Transport.(*http.Transport).TLSClientConfig
		_, _, err = get(c, s.URL, 1)
		require.ErrorIs(t, err, ErrInsecure)
	})
}

func TestGet_TotalTime(t *testing.T) {
	within(t, 3*time.Second, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = w.Write(make([]byte, 64<<10))
			w.(http.Flusher).Flush()
			time.Sleep(time.Second)
		}
	}, func(t *testing.T, c *Client, url string) {
		began := time.Now()
		_, err := c.Get(t.Context(), Request{URL: url, MaxBytes: 1 << 30}, io.Discard)
		require.ErrorIs(t, err, ErrSlow)
		require.Equal(t, 10*time.Minute, time.Since(began))
		began = time.Now()
		_, err = c.Get(t.Context(), Request{URL: url, MaxBytes: 1 << 30, Timeout: 20 * time.Second}, io.Discard)
		require.ErrorIs(t, err, ErrSlow)
		require.Equal(t, 20*time.Second, time.Since(began))
	})
}

func TestGet_RetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for v, want := range map[string]time.Duration{
		"": 0, "120": 2 * time.Minute, "-5": 0, "soon": 0, "999999999999": maxRetryAfter, "99999999999999999999999": 0,
		now.Add(time.Hour).Format(http.TimeFormat): time.Hour, now.Add(-time.Hour).Format(http.TimeFormat): 0,
	} {
		require.Equal(t, want, retryAfter(v, now), v)
	}
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	_, _, err := get(client(t), url, 1)
	var refused *StatusError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, StatusError{Code: 429, RetryAfter: 7 * time.Second}, *refused)
	require.EqualError(t, err, "refused: 429 Too Many Requests")
}

func TestGet_Proxy(t *testing.T) {
	asked := make(chan string, 1)
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.Host
		w.WriteHeader(http.StatusForbidden)
	})
	c, err := New(config.Network{Proxy: proxy, Timeout: config.Duration(await.Timeout), UserAgent: "mine"}, "omg")
	require.NoError(t, err)
	defer c.Close()
	_, _, err = get(c, "https://aur.example/", 1)
	require.Error(t, err)
	require.Equal(t, "CONNECT aur.example:443", <-asked)
	_, err = New(config.Network{Proxy: "::"}, "omg")
	require.Error(t, err)
}

// TestGet_Plain checks that plain HTTP needs AllowHTTP, and that even with AllowHTTP another host cannot
// redirect to this machine.
func TestGet_Plain(t *testing.T) {
	var to string
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, r.Host)
	})
	c, err := New(config.Network{Proxy: proxy, Timeout: config.Duration(await.Timeout)}, "omg")
	require.NoError(t, err)
	defer c.Close()
	ask := func(url string, plain bool) (string, error) {
		var b strings.Builder
		_, err := c.Get(context.Background(), Request{URL: url, MaxBytes: 100, AllowHTTP: plain}, &b)
		return b.String(), err
	}
	got, err := ask("http://mirror.example/db", true)
	require.NoError(t, err)
	require.Equal(t, "mirror.example", got)
	_, err = ask("http://mirror.example/db", false)
	require.ErrorIs(t, err, ErrInsecure)
	to = "http://other.example/db"
	got, err = ask("http://mirror.example/", true)
	require.NoError(t, err)
	require.Equal(t, "other.example", got)
	for _, to = range []string{"http://127.0.0.1:631/db", "http://localhost/db", "ftp://other.example/db", "file:///etc/passwd"} {
		_, err = ask("http://mirror.example/", true)
		require.ErrorIs(t, err, ErrInsecure, to)
	}
}

// TestFile_Time checks that a file has the time that the server has sent, also when its content is checked, and otherwise the
// time of the download.
func TestFile_Time(t *testing.T) {
	modified := time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)
	header := modified.Format(http.TimeFormat)
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if header != "" {
			w.Header().Set("Last-Modified", header)
		}
		_, _ = io.WriteString(w, "new")
	})
	began := time.Now().Add(-time.Minute)
	path := filepath.Join(t.TempDir(), "dump.gz")
	for header = range map[string]bool{header: true, "": true, "yesterday": true} {
		checked := time.Time{}
		_, err := client(t).File(t.Context(), Request{URL: url, MaxBytes: 3}, path, func(p string) error {
			fi, err := os.Stat(p)
			checked = fi.ModTime()
			return err
		})
		require.NoError(t, err)
		fi, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, checked, fi.ModTime())
		if header == modified.Format(http.TimeFormat) {
			require.Equal(t, modified, checked.UTC())
		} else {
			require.True(t, checked.After(began), header)
		}
	}
}

func TestFile_Replaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "dump.gz")
	status := http.StatusOK
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		if status == http.StatusOK {
			_, _ = io.WriteString(w, "new")
		}
	})
	alone := func(want string) {
		t.Helper()
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, want, string(b))
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, entries, 1, "no other files are left")
	}
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))
	c, r := client(t), Request{URL: url, MaxBytes: 3, ETag: "x"}
	_, err := c.File(context.Background(), Request{URL: url, MaxBytes: 2}, path, nil)
	require.ErrorIs(t, err, ErrTooLarge)
	alone("old")
	wrong := errors.New("wrong")
	_, err = c.File(context.Background(), r, path, func(string) error { return wrong })
	require.ErrorIs(t, err, wrong)
	alone("old")
	status = http.StatusNotModified
	a, err := c.File(context.Background(), r, path, nil)
	require.NoError(t, err)
	require.True(t, a.NotModified)
	alone("old")
	status = http.StatusOK
	_, err = c.File(context.Background(), r, path, func(p string) error {
		b, err := os.ReadFile(p)
		if err == nil && string(b) != "new" {
			err = fmt.Errorf("%q", b)
		}
		return err
	})
	require.NoError(t, err)
	alone("new")
	fi, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o644), fi.Mode().Perm())
	_, err = c.File(context.Background(), r, filepath.Join(dir, "none", "x"), nil)
	require.ErrorIs(t, err, os.ErrNotExist)
}
