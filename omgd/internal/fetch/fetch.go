// Package fetch downloads from servers that may be slow, broken or hostile: over
// TLS only, within limits for size, time and redirects, and again only what has
// changed. What it downloads is still foreign; who asked for it checks it.
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
	"path/filepath"
	"strconv"
	"time"

	"github.com/omg-arch/omg/shared/config"
)

// The errors of a download. ErrStatus is wrapped by a StatusError.
var (
	ErrInsecure  = errors.New("not over TLS")
	ErrRedirect  = errors.New("redirected too often")
	ErrTooLarge  = errors.New("too large")
	ErrTruncated = errors.New("ended before its end")
	ErrSlow      = errors.New("too slow")
	ErrEncoding  = errors.New("not encoded as it says")
	ErrStatus    = errors.New("refused")
)

// StatusError is an answer that is neither the body nor "not modified".
type StatusError struct {
	Code int
	// RetryAfter is how long the server asks to be left alone, 0 if it does not say.
	RetryAfter time.Duration
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%v: %d %s", ErrStatus, e.Code, http.StatusText(e.Code))
}

func (e *StatusError) Unwrap() error { return ErrStatus }

const (
	maxRedirects   = 5
	maxHeader      = 64 << 10
	connectTimeout = 10 * time.Second
	// maxRetryAfter bounds what a server may ask for.
	maxRetryAfter = 24 * time.Hour
)

// Client downloads. It may be used by several goroutines.
type Client struct {
	http  *http.Client
	agent string
	stall time.Duration
	// Observe, if it is set before the first request, is told of each: the host
	// and how it ended.
	Observe func(host string, err error)
}

// New returns a client as the configuration has it; agent is how it calls itself
// unless the configuration says otherwise.
func New(c config.Network, agent string) (*Client, error) {
	proxy, err := proxyOf(c.Proxy)
	if err != nil {
		return nil, err
	}
	if c.UserAgent != "" {
		agent = c.UserAgent
	}
	stall := time.Duration(c.Timeout)
	transport := &http.Transport{
		Proxy:                  proxy,
		DialContext:            (&net.Dialer{Timeout: connectTimeout}).DialContext,
		TLSHandshakeTimeout:    connectTimeout,
		ResponseHeaderTimeout:  stall,
		MaxResponseHeaderBytes: maxHeader,
		// A body is decompressed here, where what comes out is counted.
		DisableCompression: true,
		MaxIdleConns:       4,
		IdleConnTimeout:    30 * time.Second,
		ForceAttemptHTTP2:  true,
	}
	return &Client{
		http:  &http.Client{Transport: transport, CheckRedirect: checkRedirect},
		agent: agent, stall: stall,
	}, nil
}

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func proxyOf(address string) (func(*http.Request) (*url.URL, error), error) {
	switch address {
	case "":
		return http.ProxyFromEnvironment, nil
	case "none":
		return nil, nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("the proxy %q is no address", address)
	}
	return http.ProxyURL(u), nil
}

// CheckURL accepts https, and http to this machine, where tests have their
// servers and nobody is in between.
func CheckURL(u *url.URL) error {
	if u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname())) {
		return nil
	}
	return fmt.Errorf("%q: %w", u.Redacted(), ErrInsecure)
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// plainKey marks the context of a request that may go without TLS.
type plainKey struct{}

// check is CheckURL for a request, which may allow more.
func check(r *http.Request) error {
	if r.Context().Value(plainKey{}) != nil && r.URL.Scheme == "http" && r.URL.Host != "" {
		return nil
	}
	return CheckURL(r.URL)
}

// checkRedirect lets a server send us on, but not away from TLS, and not to
// this machine from another.
func checkRedirect(r *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return ErrRedirect
	}
	from := via[len(via)-1].URL
	if from.Scheme == "https" && r.URL.Scheme != "https" || loopback(r.URL.Hostname()) && !loopback(from.Hostname()) {
		return fmt.Errorf("%s: %w", r.URL.Redacted(), ErrInsecure)
	}
	return check(r)
}

// Request says what to download.
type Request struct {
	URL string
	// ETag and LastModified are those of what the asker has; empty for none.
	ETag, LastModified string
	// MaxBytes is the most that the body may have, decompressed.
	MaxBytes int64
	// Total is the longest that all of it may take; 0 for ten minutes.
	Total time.Duration
	// AsIs takes the body as it comes: what a server says of a compressed file is
	// sometimes that the file is compressed, and sometimes that the answer is.
	AsIs bool
	// Plain allows a server without TLS: one that pacman itself is told to believe.
	Plain bool
}

// Answer is what came.
type Answer struct {
	// NotModified says that what the asker has is right: there is no body.
	NotModified bool
	// ETag and LastModified are for the next Request.
	ETag, LastModified string
	// Bytes is the size of the body, decompressed.
	Bytes int64
}

// Get writes the body of what is at a URL to w. After an error w may have a part
// of it.
func (c *Client) Get(ctx context.Context, r Request, w io.Writer) (Answer, error) {
	a, err := c.get(ctx, r, w)
	if c.Observe != nil {
		host := ""
		if u, perr := url.Parse(r.URL); perr == nil {
			host = u.Hostname()
		}
		c.Observe(host, err)
	}
	return a, err
}

func (c *Client) get(ctx context.Context, r Request, w io.Writer) (Answer, error) {
	total := r.Total
	if total == 0 {
		total = 10 * time.Minute
	}
	ctx, cancel := context.WithTimeoutCause(ctx, total, ErrSlow)
	defer cancel()
	req, err := c.request(ctx, r)
	if err != nil {
		return Answer{}, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return Answer{}, plain(ctx, err)
	}
	defer resp.Body.Close()
	a := Answer{ETag: header(resp, "ETag"), LastModified: header(resp, "Last-Modified")}
	switch {
	case resp.StatusCode == http.StatusNotModified && (r.ETag != "" || r.LastModified != ""):
		a.NotModified = true
		return a, nil
	case resp.StatusCode != http.StatusOK:
		return a, &StatusError{Code: resp.StatusCode, RetryAfter: retryAfter(resp.Header.Get("Retry-After"), time.Now())}
	case resp.ContentLength > r.MaxBytes:
		return a, fmt.Errorf("%w: %d bytes, at most %d are taken", ErrTooLarge, resp.ContentLength, r.MaxBytes)
	}
	a.Bytes, err = c.body(ctx, resp, r, w)
	return a, err
}

func (c *Client) request(ctx context.Context, r Request) (*http.Request, error) {
	if r.Plain {
		ctx = context.WithValue(ctx, plainKey{}, true)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL, nil)
	if err != nil {
		return nil, err
	}
	if err := check(req); err != nil {
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
	return req, nil
}

// header returns a value that is sent back later, unless it is too long for that.
func header(resp *http.Response, name string) string {
	if v := resp.Header.Get(name); len(v) <= 256 {
		return v
	}
	return ""
}

// retryAfter reads a number of seconds or a date.
func retryAfter(v string, now time.Time) time.Duration {
	var d time.Duration
	if n, err := strconv.Atoi(v); err == nil {
		d = time.Duration(min(n, int(maxRetryAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(v); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, 0), maxRetryAfter)
}

// plain leaves of an error what a person understands: the address stands in
// the asker's words already.
func plain(ctx context.Context, err error) error {
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

// File downloads to a file: into a temporary one beside it, which takes its
// place when it is whole, on the disk, and check, which may be nil, has no
// objection. Otherwise the old file stays.
func (c *Client) File(ctx context.Context, r Request, path string, check func(path string) error) (a Answer, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return a, err
	}
	defer func() {
		if err != nil || a.NotModified {
			_ = os.Remove(f.Name())
		}
	}()
	a, err = c.Get(ctx, r, f)
	if err == nil && !a.NotModified {
		err = errors.Join(f.Chmod(0o644), f.Sync())
	}
	if err = errors.Join(err, f.Close()); err != nil || a.NotModified {
		return a, err
	}
	if check != nil {
		if err := check(f.Name()); err != nil {
			return a, err
		}
	}
	return a, os.Rename(f.Name(), path)
}
