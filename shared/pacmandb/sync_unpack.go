package pacmandb

import (
	"bufio"
	"compress/bzip2"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/bits"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/therootcompany/xz"
	"github.com/ulikunitz/xz/lzma"

	"github.com/omg-arch/omg/shared/sourcefile"
)

// maxWindow limits the window of compressed data, in bytes. The window is the content to which compressed data may
// refer back, and the decompressor keeps it in memory. maxWindow is zstd's own limit without --long; at their usual
// levels, all programs use at most 8 MiB.
const maxWindow = 128 << 20

// maxLayers limits how many compressions may be nested in a file.
const maxLayers = 4

// codec describes how to detect and read a compression.
type codec struct {
	// detect reports whether a file that begins with the bytes start has this compression. In a short file, the parameter
	// start is the whole file.
	detect func(start []byte) bool
	open   func(*bufio.Reader) (io.ReadCloser, error)
	// unchecked means that the format has neither a checksum nor an end mark that shows whether the content is
	// complete.
	unchecked bool
}

// codecs are the compressions that repo-add writes and that libarchive reads without another program.
var codecs = []codec{
	{detect: magicMatcher("\x1f\x8b"), open: openGzip},
	{detect: isZstd, open: openZstd},
	{detect: magicMatcher("\xfd7zXZ\x00"), open: func(in *bufio.Reader) (io.ReadCloser, error) {
		r, err := xz.NewReader(in, maxWindow)
		return io.NopCloser(r), err
	}},
	{detect: magicMatcher("BZh"), open: func(in *bufio.Reader) (io.ReadCloser, error) { return io.NopCloser(bzip2.NewReader(in)), nil }},
	{detect: isLZ4, open: openLZ4},
	{detect: magicMatcher("LZIP"), open: func(in *bufio.Reader) (io.ReadCloser, error) {
		return newStreams(in, func() (io.Reader, error) { return newLzipReader(in) })
	}},
	{detect: magicMatcher("\x1f\x9d"), unchecked: true, open: func(in *bufio.Reader) (io.ReadCloser, error) {
		r, err := newLZWReader(in)
		return io.NopCloser(r), err
	}},
	{detect: isLZMA, open: func(in *bufio.Reader) (io.ReadCloser, error) {
		r, err := lzma.ReaderConfig{DictCap: maxWindow}.NewReader(in)
		return io.NopCloser(r), err
	}},
}

func magicMatcher(magic string) func([]byte) bool {
	return func(start []byte) bool { return len(start) >= len(magic) && string(start[:len(magic)]) == magic }
}

func isZstd(start []byte) bool {
	return magicMatcher("\x28\xb5\x2f\xfd")(start) ||
		len(start) >= 4 && start[0]&0xf0 == 0x50 && string(start[1:4]) == "\x2a\x4d\x18" // the first frame that pzstd writes
}

func openZstd(in *bufio.Reader) (io.ReadCloser, error) {
	d, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}

// isLZMA reports whether start is the start of an lzma file. The format has no magic number; isLZMA requires the most
// usual properties, a dictionary size that an encoder chooses, and a plausible length.
func isLZMA(start []byte) bool {
	if len(start) < lzma.HeaderLen || start[0] != 0x5d {
		return false
	}
	dictionary, size := binary.LittleEndian.Uint32(start[1:]), binary.LittleEndian.Uint64(start[5:])
	round := bits.OnesCount32(dictionary) == 1 || bits.OnesCount32(dictionary) == 2 && dictionary&(dictionary<<1) != 0
	return round && dictionary >= 1<<12 && (size == 1<<64-1 || size < 1<<40)
}

// decompress returns the decompressed content of a file. It detects the compression by the first bytes. If the content
// is itself compressed, it is decompressed as well. plain means that nothing shows whether the content is complete: the
// file is uncompressed, or the innermost compression has neither a checksum nor an end mark.
func decompress(file *bufio.Reader) (content io.ReadCloser, plain bool, err error) {
	content, plain = io.NopCloser(file), true
	in := file
layers:
	for range maxLayers {
		start, err := in.Peek(lzma.HeaderLen)
		if err != nil && !errors.Is(err, io.EOF) {
			_ = content.Close()
			return nil, false, convertStreamError(err)
		}
		for i := range codecs {
			c := &codecs[i]
			if !c.detect(start) {
				continue
			}
			inner, err := c.open(in)
			if err != nil {
				_ = content.Close()
				return nil, false, convertStreamError(err)
			}
			content, plain = &layer{inner, content}, c.unchecked
			in = bufio.NewReaderSize(content, 64<<10)
			continue layers
		}
		break
	}
	return &layer{io.NopCloser(in), content}, plain, nil
}

// layer is the content of a compressed file, together with the reader of the compressed data, so that Close closes
// both.
type layer struct {
	io.ReadCloser
	outer io.Closer
}

func (l *layer) Close() error { return errors.Join(l.ReadCloser.Close(), l.outer.Close()) }

// convertStreamError converts an error of a decompressor to an error of package sourcefile. Other errors are returned
// unchanged.
func convertStreamError(err error) error {
	var system *fs.PathError
	var dictionary *lzma.ErrDictSize
	switch {
	case errors.As(err, &system), errors.Is(err, sourcefile.ErrOversize), errors.Is(err, sourcefile.ErrDamaged),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, xz.ErrBuf):
		return sourcefile.ErrTruncated
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, xz.ErrMemlimit),
		errors.As(err, &dictionary):
		return fmt.Errorf("%w: %w", sourcefile.ErrOversize, err)
	}
	return fmt.Errorf("%w: %w", sourcefile.ErrDamaged, err)
}

// isLZ4 reports whether start is the start of an lz4 frame, in the present or the first (legacy) format.
func isLZ4(start []byte) bool {
	return magicMatcher("\x04\x22\x4d\x18")(start) || magicMatcher("\x02\x21\x4c\x18")(start)
}

func openLZ4(in *bufio.Reader) (io.ReadCloser, error) {
	return newStreams(in, func() (io.Reader, error) {
		r := lz4.NewReader(in)
		return lz4Frames{r}, r.Apply(lz4.ConcurrencyOption(1))
	})
}

// lz4Frames reads lz4 frames. As in libarchive, the content ends where no further frame follows.
type lz4Frames struct{ *lz4.Reader }

func (l lz4Frames) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	if errors.Is(err, lz4.ErrInvalidFrame) {
		err = io.EOF
	}
	return n, err
}

func openGzip(in *bufio.Reader) (io.ReadCloser, error) {
	var z *gzip.Reader
	return newStreams(in, func() (_ io.Reader, err error) {
		if z == nil {
			z, err = gzip.NewReader(in)
		} else {
			err = z.Reset(in)
		}
		if err == nil {
			z.Multistream(false)
		}
		return z, err
	})
}

// streams reads compressed streams that follow each other in a file. Zeros after the last stream are ignored: some
// programs add them, for example to fill a block of a tape.
type streams struct {
	in      *bufio.Reader
	open    func() (io.Reader, error)
	current io.Reader // the current stream; nil between two streams
}

func newStreams(in *bufio.Reader, open func() (io.Reader, error)) (io.ReadCloser, error) {
	first, err := open()
	return io.NopCloser(&streams{in, open, first}), unexpectedEnd(err)
}

func (s *streams) Read(p []byte) (int, error) {
	for {
		if s.current == nil {
			next, err := s.in.Peek(1)
			if err != nil {
				return 0, err // io.EOF means that no stream follows
			}
			if next[0] == 0 {
				return 0, io.EOF
			}
			if s.current, err = s.open(); err != nil {
				return 0, unexpectedEnd(err)
			}
		}
		n, err := s.current.Read(p)
		if err == io.EOF {
			s.current, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}
