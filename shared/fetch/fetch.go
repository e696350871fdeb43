// Package fetch downloads from servers that may be slow, broken or hostile. It uses TLS only, limits the
// size, the time and the redirects of a download, and sends conditional requests. The caller has to validate
// the content.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/config"
)

// The errors of a download. ErrStatus is wrapped by a StatusError.
var (
	ErrInsecure         = errors.New("not over TLS")
	ErrTooManyRedirects = errors.New("too many redirects")
	ErrTooLarge         = errors.New("too large")
	ErrTruncated        = errors.New("the response is truncated")
	ErrSlow             = errors.New("too slow")
	ErrEncoding         = errors.New("invalid Content-Encoding")
	ErrRange            = errors.New("the server sent another part than requested")
	ErrStatus           = errors.New("refused")
)

// StatusError is the error for a reply with an HTTP status other than 200, 304, and 206 for a part that was requested.
type StatusError struct {
	Code int
	// RetryAfter is how long the server asks clients to wait, 0 if it does not ask for that.
	RetryAfter time.Duration
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%v: %d %s", ErrStatus, e.Code, http.StatusText(e.Code))
}

func (e *StatusError) Unwrap() error { return ErrStatus }

// ErrorText returns a text for users that says why a request to a server, such as "the AUR", failed.
func ErrorText(server string, err error) string {
	var status *StatusError
	var dns *net.DNSError
	switch {
	case errors.As(err, &status):
		return fmt.Sprintf("%s reports an error (%d %s)", server, status.Code, http.StatusText(status.Code))
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, ErrSlow):
		return server + " did not answer in time"
	case errors.Is(err, syscall.ECONNREFUSED):
		return server + " cannot be reached: connection refused"
	case errors.As(err, &dns):
		return server + " cannot be reached: " + dns.Name + " is not found"
	}
	return fmt.Sprintf("the request to %s failed: %v", server, err)
}

const (
	maxRedirects   = 5
	maxHeader      = 64 << 10
	connectTimeout = 10 * time.Second
	// maxRetryAfter is the longest wait that a server can ask for.
	maxRetryAfter = 24 * time.Hour
)

// Client downloads. It may be used by several goroutines.
type Client struct {
	http         *http.Client
	agent        string
	stallTimeout time.Duration
	// OnRequest, if it is not nil, is called after each request. It must be set before the first request.
	OnRequest func(host string, err error)
}

// New returns a client. The parameter agent is the value of the User-Agent header, unless the configuration
// sets another value.
func New(c config.Network, agent string) (*Client, error) {
	proxy, err := newProxyFunc(c.Proxy)
	if err != nil {
		return nil, err
	}
	if c.UserAgent != "" {
		agent = c.UserAgent
	}
	stallTimeout := time.Duration(c.Timeout)
	transport := &http.Transport{
		Proxy:                  proxy,
		DialContext:            (&net.Dialer{Timeout: connectTimeout}).DialContext,
		TLSHandshakeTimeout:    connectTimeout,
		ResponseHeaderTimeout:  stallTimeout,
		MaxResponseHeaderBytes: maxHeader,
		// Client.copyBody decompresses the reply, because http.Transport does not limit the decompressed size.
		DisableCompression: true,
		MaxIdleConns:       4,
		IdleConnTimeout:    30 * time.Second,
		ForceAttemptHTTP2:  true,
	}
	return &Client{
		http:  &http.Client{Transport: transport, CheckRedirect: checkRedirect},
		agent: agent, stallTimeout: stallTimeout,
	}, nil
}

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func newProxyFunc(address string) (func(*http.Request) (*url.URL, error), error) {
	switch address {
	case "":
		return http.ProxyFromEnvironment, nil
	case "none":
		return nil, nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("the proxy %q is not a URL", address)
	}
	return http.ProxyURL(u), nil
}

// CheckURL returns an error unless the URL is an https URL, or an http URL of this machine. Requests to this
// machine never leave it, and tests run their servers on it.
func CheckURL(u *url.URL) error {
	if u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname())) {
		return nil
	}
	return fmt.Errorf("%q: %w", u.Redacted(), ErrInsecure)
}

func isLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// allowHTTPKey marks the context of a request that may be sent without TLS.
type allowHTTPKey struct{}

// checkRequestURL does what CheckURL does, but also accepts http if AllowHTTP is set for the request.
func checkRequestURL(r *http.Request) error {
	if r.Context().Value(allowHTTPKey{}) != nil && r.URL.Scheme == "http" && r.URL.Host != "" {
		return nil
	}
	return CheckURL(r.URL)
}

// checkRedirect allows a redirect, unless it leads from TLS to plain HTTP, or from another host to this
// machine.
func checkRedirect(r *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return ErrTooManyRedirects
	}
	from := via[len(via)-1].URL
	if from.Scheme == "https" && r.URL.Scheme != "https" || isLoopback(r.URL.Hostname()) && !isLoopback(from.Hostname()) {
		return fmt.Errorf("%s: %w", r.URL.Redacted(), ErrInsecure)
	}
	return checkRequestURL(r)
}

// Request describes a download.
type Request struct {
	URL string
	// ETag and LastModified are the values of the caller's copy, empty if the caller has no copy.
	ETag, LastModified string
	// MaxBytes is the limit of the decompressed body, in bytes.
	MaxBytes int64
	// Timeout is the timeout of the whole download; 0 means ten minutes.
	Timeout time.Duration
	// KeepEncoding disables decompression. It is for files that are compressed themselves: some servers send
	// the compression of the file as the Content-Encoding of the reply, and other servers do not.
	KeepEncoding bool
	// AllowHTTP allows plain HTTP. It is for the servers in pacman.conf.
	AllowHTTP bool
	// Body is sent with the method POST and this Content-Type, unless it is empty.
	Body, ContentType string
	// Offset is the number of bytes at the beginning of the file that the caller has; only the rest is requested. IfRange is the ETag of
	// these bytes, "" if it is unknown. If the server sends the whole file nevertheless, Restart is called before the file is written.
	// MaxBytes includes the bytes that the caller has.
	Offset  int64
	IfRange string
	Restart func() error
	// Revalidate has caches ask the server whether the file has changed.
	Revalidate bool
}

// Response is the result of a download.
type Response struct {
	// NotModified means that the caller's copy is up to date, and that the response has no body.
	NotModified bool
	// ETag and LastModified are the values for the caller's next Request.
	ETag, LastModified string
	// Bytes is the size of the decompressed body.
	Bytes int64
}

// Get downloads a URL and writes the body to w. After an error, a part of the body may have been written.
func (c *Client) Get(ctx context.Context, r Request, w io.Writer) (Response, error) {
	a, err := c.get(ctx, r, w)
	if c.OnRequest != nil {
		host := ""
		if u, perr := url.Parse(r.URL); perr == nil {
			host = u.Hostname()
		}
		c.OnRequest(host, err)
	}
	return a, err
}

func (c *Client) get(ctx context.Context, r Request, w io.Writer) (Response, error) {
	total := r.Timeout
	if total == 0 {
		total = 10 * time.Minute
	}
	ctx, cancel := context.WithTimeoutCause(ctx, total, ErrSlow)
	defer cancel()
	req, err := c.newRequest(ctx, r)
	if err != nil {
		return Response{}, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return Response{}, simplify(ctx, err)
	}
	defer resp.Body.Close()
	a := Response{ETag: boundedHeader(resp, "ETag"), LastModified: boundedHeader(resp, "Last-Modified")}
	switch {
	case resp.StatusCode == http.StatusNotModified && (r.ETag != "" || r.LastModified != ""):
		a.NotModified = true
		return a, nil
	case resp.StatusCode == http.StatusPartialContent && r.Offset > 0:
		if !strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", r.Offset)) {
			return a, ErrRange
		}
		r.MaxBytes -= r.Offset
	case resp.StatusCode == http.StatusOK && r.Offset > 0:
		if err := r.Restart(); err != nil {
			return a, err
		}
	case resp.StatusCode != http.StatusOK:
		return a, &StatusError{Code: resp.StatusCode, RetryAfter: retryAfter(resp.Header.Get("Retry-After"), time.Now())}
	}
	if resp.ContentLength > r.MaxBytes {
		return a, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, resp.ContentLength, r.MaxBytes)
	}
	a.Bytes, err = c.copyBody(ctx, resp, r, w)
	return a, err
}

func (c *Client) newRequest(ctx context.Context, r Request) (*http.Request, error) {
	if r.AllowHTTP {
		ctx = context.WithValue(ctx, allowHTTPKey{}, true)
	}
	method, body := http.MethodGet, io.Reader(nil)
	if r.Body != "" {
		method, body = http.MethodPost, strings.NewReader(r.Body)
	}
	req, err := http.NewRequestWithContext(ctx, method, r.URL, body)
	if err != nil {
		return nil, err
	}
	if r.Body != "" {
		req.Header.Set("Content-Type", r.ContentType)
	}
	if err := checkRequestURL(req); err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", c.agent)
	req.Header.Set("Accept-Encoding", "gzip")
	if r.ETag != "" {
		req.Header.Set("If-None-Match", r.ETag)
	}
	if r.LastModified != "" {
		req.Header.Set("If-Modified-Since", r.LastModified)
	}
	if r.Offset > 0 {
		req.Header.Set("Accept-Encoding", "identity") // the bytes are counted without a compression by the server
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", r.Offset))
	}
	// A weak ETag says nothing about single bytes: RFC 9110, section 13.1.5.
	if r.Offset > 0 && r.IfRange != "" && !strings.HasPrefix(r.IfRange, "W/") {
		req.Header.Set("If-Range", r.IfRange)
	}
	if r.Revalidate {
		req.Header.Set("Cache-Control", "no-cache")
	}
	return req, nil
}

// boundedHeader returns the value of a header. It returns "" for a value that is too long to be sent back in a later
// request.
func boundedHeader(resp *http.Response, name string) string {
	if v := resp.Header.Get(name); len(v) <= 256 {
		return v
	}
	return ""
}

// retryAfter parses a Retry-After header: a number of seconds or a date.
func retryAfter(v string, now time.Time) time.Duration {
	var d time.Duration
	if n, err := strconv.Atoi(v); err == nil {
		d = time.Duration(min(n, int(maxRetryAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(v); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, 0), maxRetryAfter)
}

// simplify removes the method and the URL from an error, because the caller's message already contains the
// address.
func simplify(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	var u *url.Error
	if errors.As(err, &u) {
		if u.Timeout() {
			return fmt.Errorf("%w: %w", ErrSlow, u.Err)
		}
		return u.Err
	}
	return err
}

// File downloads a URL to the file at path. The new file replaces the old one only when the new file is
// complete and on disk, and when check() returns no error for it. If check is nil, the content is not
// checked. After an error the old file stays. The new file has the modification time that the server has sent in the header
// Last-Modified, if it has sent one, so that the file's age is the age of its content.
func (c *Client) File(ctx context.Context, r Request, path string, check func(path string) error) (a Response, err error) {
	f, err := atomicfile.Begin(path, atomicfile.Options{Mode: 0o644, Sync: true})
	if err != nil {
		return a, err
	}
	defer f.Discard()
	if a, err = c.Get(ctx, r, f); err != nil || a.NotModified {
		return a, err
	}
	if at, err := http.ParseTime(a.LastModified); err == nil {
		if err := os.Chtimes(f.Name(), time.Time{}, at); err != nil {
			return a, err
		}
	}
	if check != nil {
		if err := check(f.Name()); err != nil {
			return a, err
		}
	}
	return a, f.Commit()
}
