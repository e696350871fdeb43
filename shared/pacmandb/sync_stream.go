package pacmandb

import (
	"bufio"
	"compress/bzip2"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/therootcompany/xz"

	"github.com/omg-arch/omg/shared/sourcefile"
)

// maxWindow is how far back a compressed database may refer, which is what the
// decompressor has to keep. The tools' usual levels use at most 8 MiB.
const maxWindow = 64 << 20

// decompress finds out how a file is compressed, by its first bytes. plain
// means that it is not, so far as can be seen.
func decompress(file *bufio.Reader) (content io.ReadCloser, plain bool, err error) {
	magic, err := file.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false, err
	}
	var m [6]byte
	copy(m[:], magic)
	switch {
	case string(m[:2]) == "\x1f\x8b":
		content, err = gzip.NewReader(file)
	case string(m[:4]) == "\x28\xb5\x2f\xfd",
		m[0]&0xf0 == 0x50 && string(m[1:4]) == "\x2a\x4d\x18": // pzstd's first frame
		var d *zstd.Decoder
		d, err = zstd.NewReader(file, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
		if err == nil {
			content = d.IOReadCloser()
		}
	case string(m[:6]) == "\xfd7zXZ\x00":
		var r *xz.Reader
		r, err = xz.NewReader(file, maxWindow)
		content = io.NopCloser(r)
	case string(m[:3]) == "BZh":
		content = io.NopCloser(bzip2.NewReader(file))
	default:
		return io.NopCloser(file), true, nil
	}
	if err != nil {
		return nil, false, streamError(err)
	}
	return content, false, nil
}

// streamError puts what a decompressor says into our words.
func streamError(err error) error {
	var system *fs.PathError
	switch {
	case errors.As(err, &system), errors.Is(err, sourcefile.ErrOversize), errors.Is(err, sourcefile.ErrDamaged),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, xz.ErrBuf):
		return sourcefile.ErrTruncated
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, xz.ErrMemlimit):
		return fmt.Errorf("%w: %w", sourcefile.ErrOversize, err)
	}
	return fmt.Errorf("%w: %w", sourcefile.ErrDamaged, err)
}

// The decompressor works ahead of the parser by at most so many blocks. A block
// and what is made of it fit a processor's second cache.
const (
	pipeBlock  = 128 << 10
	pipeBlocks = 4
)

// pipe hands out what a decompressor makes, which works in a goroutine.
type pipe struct {
	full chan []byte   // closed at the end, after err is set
	free chan []byte   // nil for a block not yet made
	quit chan struct{} // closed to end early
	err  error         // why full was closed: io.EOF, or what went wrong

	block  []byte // the one in use
	rest   []byte // what of it was not handed out
	joined []byte // what goes over the end of a block
}

// startPipe begins to read content, at most limit bytes.
func startPipe(content io.Reader, limit int64) *pipe {
	p := &pipe{
		full: make(chan []byte, pipeBlocks),
		free: make(chan []byte, pipeBlocks),
		quit: make(chan struct{}),
	}
	for range pipeBlocks {
		p.free <- nil
	}
	go p.fill(content, limit)
	return p
}

// stop ends the goroutine and waits until it has. The pipe is not used again.
func (p *pipe) stop() {
	close(p.quit)
	for range p.full { // until it is closed
	}
}

func (p *pipe) fill(content io.Reader, limit int64) {
	defer close(p.full)
	// Decompressors are others' code and meet hostile input here.
	defer func() {
		if v := recover(); v != nil {
			p.err = fmt.Errorf("%w: %v", sourcefile.ErrDamaged, v)
		}
	}()
	for p.err == nil {
		var block []byte
		select {
		case <-p.quit:
			return
		case block = <-p.free:
		}
		if block == nil {
			block = make([]byte, pipeBlock)
		}
		n := 0
		for n < len(block) && p.err == nil {
			var k int
			k, p.err = content.Read(block[n:])
			n += k
		}
		if limit -= int64(n); limit < 0 {
			p.err = fmt.Errorf("%w: it expands beyond any real one", sourcefile.ErrOversize)
			return
		}
		p.full <- block[:n] // has room for all blocks
	}
	if p.err != io.EOF {
		p.err = streamError(p.err)
	}
}

// next gets the next block, of at least one byte.
func (p *pipe) next() error {
	for len(p.rest) == 0 {
		if p.block != nil {
			p.free <- p.block[:pipeBlock]
			p.block = nil
		}
		block, ok := <-p.full
		if !ok {
			return p.err
		}
		p.block, p.rest = block, block
	}
	return nil
}

// take returns the next n bytes, valid until the next call; io.EOF when there
// are none and sourcefile.ErrTruncated when there are fewer.
func (p *pipe) take(n int) ([]byte, error) {
	if n <= len(p.rest) {
		b := p.rest[:n]
		p.rest = p.rest[n:]
		return b, nil
	}
	p.joined = p.joined[:0]
	for n > len(p.joined) {
		if err := p.next(); err != nil {
			if err == io.EOF && len(p.joined) > 0 {
				err = sourcefile.ErrTruncated
			}
			return nil, err
		}
		k := min(n-len(p.joined), len(p.rest))
		p.joined = append(p.joined, p.rest[:k]...)
		p.rest = p.rest[k:]
	}
	return p.joined, nil
}

// skip passes over n bytes.
func (p *pipe) skip(n int64) error {
	for n > 0 {
		if err := p.next(); err != nil {
			if err == io.EOF {
				err = sourcefile.ErrTruncated
			}
			return err
		}
		k := min(n, int64(len(p.rest)))
		p.rest = p.rest[k:]
		n -= k
	}
	return nil
}

// drain reads to the end of the content, where its checksum is.
func (p *pipe) drain() error {
	for {
		p.rest = nil
		if err := p.next(); err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
	}
}
