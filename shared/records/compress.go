package records

import (
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// windowSize is the distance in bytes over which a compressor finds repetitions. A decompressor needs as much memory. The fast compressor finds
// hardly more of them with a larger window.
const (
	windowSize     = 8 << 20
	fastWindowSize = 128 << 10
)

// NewCompressor returns a writer that compresses a text or a patch into out. It must be closed. Equal bytes give equal compressed bytes with the
// same version of the compressor.
func NewCompressor(out io.Writer) (io.WriteCloser, error) { return thorough.compressor(out) }

// NewFastCompressor is like NewCompressor, but faster, and its result is larger. It is for a text that stays on this machine.
func NewFastCompressor(out io.Writer) (io.WriteCloser, error) { return fast.compressor(out) }

// encoders keeps the encoders of a level and a window that are not in use: making and clearing the memory of a new one takes longer than compressing
// a small text.
type encoders struct {
	level  zstd.EncoderLevel
	window int
	free   sync.Pool
}

var (
	thorough = encoders{level: zstd.SpeedBetterCompression, window: windowSize}
	fast     = encoders{level: zstd.SpeedFastest, window: fastWindowSize}
)

type compressor struct {
	*zstd.Encoder
	from *encoders
}

func (e *encoders) compressor(out io.Writer) (io.WriteCloser, error) {
	if used, ok := e.free.Get().(*zstd.Encoder); ok {
		used.Reset(out)
		return &compressor{used, e}, nil
	}
	encoder, err := zstd.NewWriter(out, zstd.WithEncoderLevel(e.level), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(e.window))
	if err != nil {
		return nil, err
	}
	return &compressor{encoder, e}, nil
}

// Close writes the rest, and keeps the encoder for another text.
func (c *compressor) Close() error {
	if c.Encoder == nil {
		return nil // it is closed
	}
	err := c.Encoder.Close()
	c.Encoder.Reset(nil)
	c.from.free.Put(c.Encoder)
	c.Encoder = nil
	return err
}

// NewDecompressor returns a reader of the compressed text or patch in, which must have exactly size bytes when it is decompressed: the reader
// never passes on more, and returns an error instead of io.EOF if there are fewer or more. It must be closed.
func NewDecompressor(in io.Reader, size int64) (io.ReadCloser, error) {
	d, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(windowSize), zstd.WithDecoderMaxMemory(windowSize))
	if err != nil {
		return nil, err
	}
	return &decompressor{zstd: d, left: size}, nil
}

type decompressor struct {
	zstd *zstd.Decoder
	left int64
}

func (d *decompressor) Read(p []byte) (int, error) {
	if d.left == 0 {
		// One more byte is too many.
		if n, err := io.ReadFull(d.zstd, make([]byte, 1)); n > 0 || err != io.EOF {
			return 0, invalidf("more bytes than expected")
		}
		return 0, io.EOF
	}
	n, err := d.zstd.Read(p[:min(int64(len(p)), d.left)])
	d.left -= int64(n)
	switch {
	case err == io.EOF && d.left > 0:
		err = invalidf("%d bytes are missing", d.left)
	case err == io.EOF:
		err = nil // the next call checks that nothing follows
	case err != nil:
		err = fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return n, err
}

// Close frees the memory of the decompressor.
func (d *decompressor) Close() error {
	d.zstd.Close()
	return nil
}
