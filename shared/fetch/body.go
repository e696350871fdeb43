package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzip"
)

// minBytesPerTimeout is the number of bytes that must arrive in each stall timeout. Without this minimum, a server that
// sends a byte now and then could hold a connection for as long as Request.Timeout allows.
const minBytesPerTimeout = 4 << 10

// copyBody copies the body of a response to w. It decompresses the body, enforces the limits, and returns the
// number of bytes written.
func (c *Client) copyBody(ctx context.Context, resp *http.Response, r Request, w io.Writer) (int64, error) {
	maxBytes := r.MaxBytes
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	raw := &countingReader{r: resp.Body}
	watched := make(chan struct{})
	defer func() { <-watched }()
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		defer close(watched)
		raw.stopIfStalled(ctx, c.stallTimeout, ended, func() {
			cancel(ErrSlow)
			_ = resp.Body.Close() // wakes the goroutine that reads the body
		})
	}()

	// The compressed body has the same limit as the decompressed body. One byte more is read, to notice that the
	// compressed body is too long.
	in := io.Reader(&io.LimitedReader{R: raw, N: maxBytes + 1})
	switch encoding := strings.ToLower(strings.TrimSpace(resp.Header.Get("Content-Encoding"))); {
	case r.KeepEncoding, encoding == "", encoding == "identity":
	case encoding == "gzip", encoding == "x-gzip":
		z, err := gzip.NewReader(in)
		if err != nil {
			return 0, bodyError(ctx, fmt.Errorf("%w: %w", ErrEncoding, err))
		}
		defer z.Close()
		in = z
	default:
		return 0, fmt.Errorf("%w: %q was not requested", ErrEncoding, encoding)
	}
	n, err := io.Copy(w, &io.LimitedReader{R: in, N: maxBytes})
	if err != nil {
		return n, bodyError(ctx, err)
	}
	if cause := context.Cause(ctx); cause != nil {
		return n, cause // a body that the watching goroutine has closed can look complete
	}
	if n == maxBytes {
		// The body is complete only if the next read finds its end.
		var extra [1]byte
		switch k, err := io.ReadFull(in, extra[:]); {
		case k > 0:
			return n, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, maxBytes)
		case !errors.Is(err, io.EOF):
			return n, bodyError(ctx, err)
		}
	}
	return n, nil
}

// bodyError converts an error that occurred while a body was read to an error of this package.
func bodyError(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fmt.Errorf("%w: %w", ErrTruncated, err)
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum):
		return fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	return err
}

// countingReader counts the bytes that are read.
type countingReader struct {
	r io.Reader
	n atomic.Int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// stopIfStalled calls stop() if fewer than minBytesPerTimeout are read within the timeout, or if ctx ends.
func (c *countingReader) stopIfStalled(ctx context.Context, timeout time.Duration, ended <-chan struct{}, stop func()) {
	if timeout <= 0 {
		return
	}
	tick := time.NewTicker(timeout)
	defer tick.Stop()
	for last := int64(0); ; {
		select {
		case <-ended:
			return
		case <-ctx.Done():
			stop()
			return
		case <-tick.C:
			now := c.n.Load()
			if now-last < minBytesPerTimeout {
				stop()
				return
			}
			last = now
		}
	}
}
