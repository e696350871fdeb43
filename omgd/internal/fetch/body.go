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

// leastBytes must come within each stall timeout: a server that sends a byte now
// and then would else hold a connection for as long as Total allows.
const leastBytes = 4 << 10

// body copies a response's body to w, decompressed, within limits, and returns
// how many bytes that were.
func (c *Client) body(ctx context.Context, resp *http.Response, r Request, w io.Writer) (int64, error) {
	most := r.MaxBytes
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	raw := &counted{r: resp.Body}
	watched := make(chan struct{})
	defer func() { <-watched }()
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		defer close(watched)
		raw.watch(ctx, c.stall, ended, func() {
			cancel(ErrSlow)
			_ = resp.Body.Close() // wakes the reader
		})
	}()

	// As many bytes may come as may come out, and one more, which is too many.
	in := io.Reader(&io.LimitedReader{R: raw, N: most + 1})
	switch encoding := strings.ToLower(strings.TrimSpace(resp.Header.Get("Content-Encoding"))); {
	case r.AsIs, encoding == "", encoding == "identity":
	case encoding == "gzip", encoding == "x-gzip":
		z, err := gzip.NewReader(in)
		if err != nil {
			return 0, reading(ctx, fmt.Errorf("%w: %w", ErrEncoding, err))
		}
		defer z.Close()
		in = z
	default:
		return 0, fmt.Errorf("%w: %q was not asked for", ErrEncoding, encoding)
	}
	n, err := io.Copy(w, &io.LimitedReader{R: in, N: most})
	if err != nil {
		return n, reading(ctx, err)
	}
	if cause := context.Cause(ctx); cause != nil {
		return n, cause // a body that was closed meanwhile can look like one that ended
	}
	if n == most {
		// One byte more, or the end.
		var one [1]byte
		switch k, err := io.ReadFull(in, one[:]); {
		case k > 0:
			return n, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, most)
		case !errors.Is(err, io.EOF):
			return n, reading(ctx, err)
		}
	}
	return n, nil
}

// reading gives an error of a body its name.
func reading(ctx context.Context, err error) error {
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

// counted counts what is read.
type counted struct {
	r io.Reader
	n atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// watch calls stop when too little came within a timeout.
func (c *counted) watch(ctx context.Context, timeout time.Duration, ended <-chan struct{}, stop func()) {
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
			if now-last < leastBytes {
				stop()
				return
			}
			last = now
		}
	}
}
