package pacmandb

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/ulikunitz/xz/lzma"
)

// xzReader decompresses an xz file (format 1.2.1 of tukaani.org). The library's
// reader of the container makes as large a dictionary as a block asks for, up
// to 4 GiB, at each block anew; so the container is ours, with a bound, and the
// compression the library's. Like the library it knows no filter but LZMA2.
//
// A file is streams, with zeros between; a stream is a header, blocks, an index
// of the blocks' sizes and a footer; a block is a header, data and a check.
type xzReader struct {
	in    countReader
	flags [2]byte // of the stream

	block    io.Reader // nil between blocks
	sum      hash.Hash // of its content
	start    int64     // where it began in the file
	size     int64     // of its content so far
	blocks   uint64    // in the stream so far
	records  xxhash.Digest
	dictSums int64
}

// countReader counts the bytes read.
type countReader struct {
	*bufio.Reader
	n int64
}

func (c *countReader) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}

func (c *countReader) ReadByte() (byte, error) {
	b, err := c.Reader.ReadByte()
	if err == nil {
		c.n++
	}
	return b, err
}

func xzError(what string) error { return fmt.Errorf("%w: xz: %s", ErrDamaged, what) }

// newXZReader reads the header of the first stream.
func newXZReader(in *bufio.Reader) (*xzReader, error) {
	x := &xzReader{in: countReader{Reader: in}}
	return x, x.streamHeader()
}

// Read implements io.Reader.
func (x *xzReader) Read(p []byte) (int, error) {
	for {
		if x.block == nil {
			if err := x.next(); err != nil {
				return 0, err
			}
			continue
		}
		n, err := x.block.Read(p)
		x.sum.Write(p[:n])
		x.size += int64(n)
		if err == io.EOF {
			err = x.endBlock()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// full reads n bytes that have to be there.
func (x *xzReader) full(n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := io.ReadFull(&x.in, b)
	return b, whole(err)
}

// whole makes the end of the file an error.
func whole(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

var crc64Table = crc64.MakeTable(crc64.ECMA)

func (x *xzReader) streamHeader() error {
	h, err := x.full(12)
	if err != nil {
		return err
	}
	if string(h[:6]) != "\xfd7zXZ\x00" || !sumIs(h[6:8], h[8:]) {
		return xzError("a stream has no header")
	}
	x.flags = [2]byte(h[6:8])
	x.blocks = 0
	x.records.Reset()
	switch {
	case x.flags[0] != 0:
		return xzError("the stream's flags are not known")
	case x.flags[1] == 0:
		x.sum = noSum{}
	case x.flags[1] == 1:
		x.sum = crc32.NewIEEE()
	case x.flags[1] == 4:
		x.sum = crc64.New(crc64Table)
	case x.flags[1] == 10:
		x.sum = sha256.New()
	default:
		return xzError("the kind of check is not known")
	}
	return nil
}

// sumIs reports whether a little-endian CRC32 is that of b.
func sumIs(b, sum []byte) bool { return binary.LittleEndian.Uint32(sum) == crc32.ChecksumIEEE(b) }

// next begins the next block, in this stream or in the one after. io.EOF is
// the end of the file.
func (x *xzReader) next() error {
	x.start = x.in.n
	size, err := x.in.ReadByte()
	if err != nil {
		return whole(err)
	}
	if size > 0 {
		return x.beginBlock(size)
	}
	if err := x.index(); err != nil {
		return err
	}
	for {
		if _, err := x.in.Peek(1); err == io.EOF {
			return io.EOF
		}
		switch pad, err := x.in.Peek(4); {
		case err != nil:
			return whole(err)
		case string(pad) == "\x00\x00\x00\x00":
			if _, err := x.full(4); err != nil {
				return err
			}
		default:
			return x.streamHeader()
		}
	}
}

func (x *xzReader) beginBlock(size byte) error {
	h, err := x.full((int(size)+1)*4 - 1)
	if err != nil {
		return err
	}
	h = append([]byte{size}, h...)
	end := len(h) - 4
	if !sumIs(h[:end], h[end:]) {
		return xzError("a block's header has a wrong sum")
	}
	flags, fields := h[1], bytes.NewReader(h[2:end])
	for _, flag := range []byte{0x40, 0x80} { // the sizes, which the index has too
		if flags&flag != 0 {
			if _, err := binary.ReadUvarint(fields); err != nil {
				return xzError("a block's header has no size")
			}
		}
	}
	var filter [3]byte
	if _, err := io.ReadFull(fields, filter[:]); err != nil || flags&0x3f != 0 || filter[0] != 0x21 || filter[1] != 1 {
		return xzError("a filter other than LZMA2 is used")
	}
	dict, err := lzma.DecodeDictCap(filter[2])
	if err != nil {
		return xzError("a block's header has no dictionary size")
	}
	// Each block has a dictionary made: many small ones are an attack too.
	x.dictSums += dict
	if dict > maxWindow || x.dictSums > MaxSyncBytes {
		return fmt.Errorf("%w: it needs an xz dictionary of %d MiB", ErrOversize, dict>>20)
	}
	x.sum.Reset()
	x.size = 0
	x.block, err = lzma.Reader2Config{DictCap: int(dict)}.NewReader2(&x.in)
	return whole(err)
}

// endBlock reads a block's padding and check.
func (x *xzReader) endBlock() error {
	x.block = nil
	unpadded := x.in.n - x.start + int64(x.sum.Size())
	if err := x.padding(x.in.n - x.start); err != nil {
		return err
	}
	check, err := x.full(x.sum.Size())
	if err != nil {
		return err
	}
	want := x.sum.Sum(nil)
	if x.flags[1] != 10 { // the short ones are little-endian
		slices.Reverse(want)
	}
	if !bytes.Equal(check, want) {
		return xzError("a block has a wrong sum")
	}
	record(&x.records, uint64(unpadded), uint64(x.size))
	x.blocks++
	return nil
}

// padding reads the zeros after n bytes.
func (x *xzReader) padding(n int64) error {
	zeros, err := x.full(int(-n & 3))
	if err != nil {
		return err
	}
	if strings.Trim(string(zeros), "\x00") != "" {
		return xzError("the padding is not of zeros")
	}
	return nil
}

// record notes a block's sizes, to be compared with what the index says.
func record(to *xxhash.Digest, unpadded, size uint64) {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], unpadded)
	binary.LittleEndian.PutUint64(b[8:], size)
	_, _ = to.Write(b[:])
}

// index reads the index after its first byte, and the footer. The index has a
// sum of its own, which says no more than the comparison does.
func (x *xzReader) index() error {
	var given xxhash.Digest
	given.Reset()
	count, err := binary.ReadUvarint(&x.in)
	for i := uint64(0); err == nil && i < count && i < x.blocks; i++ {
		var unpadded, size uint64
		if unpadded, err = binary.ReadUvarint(&x.in); err == nil {
			size, err = binary.ReadUvarint(&x.in)
		}
		record(&given, unpadded, size)
	}
	if err != nil {
		return whole(err)
	}
	if count != x.blocks || given.Sum64() != x.records.Sum64() {
		return xzError("the index does not match the blocks")
	}
	if err := x.padding(x.in.n - x.start); err != nil {
		return err
	}
	rest, err := x.full(4 + 12) // the index' sum and the footer
	if err != nil {
		return err
	}
	if f := rest[4:]; string(f[8:10]) != string(x.flags[:]) || string(f[10:]) != "YZ" || !sumIs(f[4:10], f[:4]) {
		return xzError("a stream has no footer")
	}
	return nil
}

// noSum is the check of a stream without one.
type noSum struct{}

func (noSum) Write(p []byte) (int, error) { return len(p), nil }
func (noSum) Sum(b []byte) []byte         { return b }
func (noSum) Reset()                      {}
func (noSum) Size() int                   { return 0 }
func (noSum) BlockSize() int              { return 1 }
