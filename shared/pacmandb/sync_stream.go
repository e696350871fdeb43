package pacmandb

import (
	"fmt"
	"io"

	"github.com/omg-arch/omg/shared/sourcefile"
)

// The decompressor may be up to pipeBlockCount blocks ahead of the parser. A block and its parsed form fit into the
// second-level cache of a processor.
const (
	pipeBlockSize  = 128 << 10
	pipeBlockCount = 4
)

// pipe passes decompressed content, which a goroutine produces, to the parser.
type pipe struct {
	full chan []byte   // blocks of content; closed at the end, after err is set
	free chan []byte   // blocks to reuse; nil for a block that is not yet allocated
	quit chan struct{} // closed to stop the goroutine early
	err  error         // the reason why the goroutine closed p.full: io.EOF at the end of the content, or an error

	block  []byte // the current block
	rest   []byte // the unread part of the current block
	joined []byte // buffer for a result that spans several blocks
}

// startPipe starts a goroutine that reads content. If content has more than limit bytes, the pipe ends with an error.
func startPipe(content io.Reader, limit int64) *pipe {
	p := &pipe{
		full: make(chan []byte, pipeBlockCount),
		free: make(chan []byte, pipeBlockCount),
		quit: make(chan struct{}),
	}
	for range pipeBlockCount {
		p.free <- nil
	}
	go p.fill(content, limit)
	return p
}

// stop ends the goroutine and waits for it. The pipe must not be used afterwards.
func (p *pipe) stop() {
	close(p.quit)
	for range p.full { // discard the blocks until the goroutine closes the channel
	}
}

func (p *pipe) fill(content io.Reader, limit int64) {
	defer close(p.full)
	// Recover from panics, because decompressors are third-party code that reads hostile input.
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
			block = make([]byte, pipeBlockSize)
		}
		n := 0
		for n < len(block) && p.err == nil {
			var k int
			k, p.err = content.Read(block[n:])
			n += k
		}
		if limit -= int64(n); limit < 0 {
			p.err = fmt.Errorf("%w: it expands to an implausible size", sourcefile.ErrOversize)
			return
		}
		p.full <- block[:n] // never blocks, because the channel has room for all blocks
	}
	if p.err != io.EOF {
		p.err = convertStreamError(p.err)
	}
}

// next makes the next block the current block if no bytes of the current block are left.
func (p *pipe) next() error {
	for len(p.rest) == 0 {
		if p.block != nil {
			p.free <- p.block[:pipeBlockSize]
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

// readBytes returns the next n bytes, which are valid until the next call. The error is io.EOF if no bytes are left,
// and sourcefile.ErrTruncated if fewer than n are left.
func (p *pipe) readBytes(n int) ([]byte, error) {
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

// skip skips n bytes.
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

// drain reads to the end of the content, where the checksum of the compressed data is verified.
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
