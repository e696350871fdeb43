package records

import (
	"fmt"
	"io"

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
func NewCompressor(out io.Writer) (io.WriteCloser, error) {
	return newCompressor(out, zstd.SpeedBetterCompression, windowSize)
}

// NewFastCompressor is like NewCompressor, but faster, and its result is larger. It is for a text that stays on this machine.
func NewFastCompressor(out io.Writer) (io.WriteCloser, error) {
	return newCompressor(out, zstd.SpeedFastest, fastWindowSize)
}

func newCompressor(out io.Writer, level zstd.EncoderLevel, window int) (io.WriteCloser, error) {
	return zstd.NewWriter(out, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window))
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
