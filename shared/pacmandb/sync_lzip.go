package pacmandb

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

// lzipReader reads one member of an lzip file. A member has a header of six bytes, an LZMA stream with an end mark, and
// a trailer with checksum and sizes (draft-diaz-lzip).
type lzipReader struct {
	input *lzipCounter
	lzma  io.Reader
	sum   uint32
	size  uint64
}

var errLZIP = errors.New("lzip: invalid member header")

// lzipCounter is the input of package lzma: first a header in the format that package lzma expects, and then the stream
// of the member. It counts the bytes of the stream, and never reads ahead, because the trailer follows the stream.
type lzipCounter struct {
	lzmaHeader []byte
	in         *bufio.Reader
	bytesRead  uint64
}

func (c *lzipCounter) ReadByte() (byte, error) {
	if len(c.lzmaHeader) > 0 {
		b := c.lzmaHeader[0]
		c.lzmaHeader = c.lzmaHeader[1:]
		return b, nil
	}
	b, err := c.in.ReadByte()
	if err == nil {
		c.bytesRead++
	}
	return b, err
}

func (c *lzipCounter) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if p[n], err = c.ReadByte(); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

const lzipHeaderSize, lzipTrailerSize = 6, 20

func newLzipReader(in *bufio.Reader) (*lzipReader, error) {
	head, err := in.Peek(lzipHeaderSize)
	if err != nil {
		return nil, err
	}
	code := head[5]
	dictionary := uint32(1) << (code & 0x1f)
	dictionary -= uint32(code>>5) * (dictionary / 16)
	if string(head[:4]) != "LZIP" || head[4] != 1 || code&0x1f < 12 || code&0x1f > 29 {
		return nil, errLZIP
	}
	_, _ = in.Discard(lzipHeaderSize)
	header := binary.LittleEndian.AppendUint32([]byte{0x5d}, dictionary)
	header = binary.LittleEndian.AppendUint64(header, 1<<64-1) // all bits of the size are set: it is unknown, and the stream has an end mark
	l := &lzipReader{input: &lzipCounter{lzmaHeader: header, in: in}}
	l.lzma, err = lzma.ReaderConfig{DictCap: maxWindow}.NewReader(l.input)
	return l, err
}

func (l *lzipReader) Read(p []byte) (int, error) {
	n, err := l.lzma.Read(p)
	l.sum = crc32.Update(l.sum, crc32.IEEETable, p[:n])
	l.size += uint64(n)
	if err == io.EOF {
		err = l.checkTrailer()
	}
	return n, err
}

// checkTrailer checks the trailer. It returns io.EOF if the trailer is correct.
func (l *lzipReader) checkTrailer() error {
	trailer, err := l.input.in.Peek(lzipTrailerSize)
	if err != nil {
		return unexpectedEnd(err)
	}
	if binary.LittleEndian.Uint32(trailer) != l.sum || binary.LittleEndian.Uint64(trailer[4:]) != l.size ||
		binary.LittleEndian.Uint64(trailer[12:]) != lzipHeaderSize+l.input.bytesRead+lzipTrailerSize {
		return errors.New("lzip: wrong checksum or size")
	}
	_, _ = l.input.in.Discard(lzipTrailerSize)
	return io.EOF
}

func unexpectedEnd(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
