package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// HeaderSize is the size of the length before a frame, in bytes.
const HeaderSize = 4

// Frame errors that end a connection.
var (
	ErrTooLarge = errors.New("too large")
	ErrEmpty    = errors.New("a frame of length 0")
)

// ReadFrame reads one frame's body of at most so many bytes into buf, which grows as bytes arrive and not
// by what the peer announces, and returns it. At the end of the stream between
// frames it returns io.EOF, within one io.ErrUnexpectedEOF.
func ReadFrame(r io.Reader, buf []byte, most int) ([]byte, error) {
	var head [HeaderSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return buf[:0], err
	}
	n, err := FrameLength(head, most)
	if err != nil {
		return buf[:0], err
	}
	const step = 64 << 10
	buf = buf[:0]
	for len(buf) < n {
		part := min(n-len(buf), max(step, cap(buf)-len(buf)))
		if cap(buf)-len(buf) < part {
			grown := make([]byte, len(buf), min(n, 2*cap(buf)+part))
			copy(grown, buf)
			buf = grown
		}
		read, err := io.ReadFull(r, buf[len(buf):len(buf)+part])
		buf = buf[:len(buf)+read]
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return buf, err
		}
	}
	return buf, nil
}

// FrameLength decodes the length of a frame's body, which may be at most so many
// bytes.
func FrameLength(head [HeaderSize]byte, most int) (int, error) {
	n := binary.BigEndian.Uint32(head[:])
	switch {
	case n == 0:
		return 0, ErrEmpty
	case n > uint32(most):
		return 0, fmt.Errorf("%w: a frame of more than %d bytes", ErrTooLarge, most)
	}
	return int(n), nil
}

// BeginFrame appends space for a frame's length. EndFrame, called with the length that dst had before, fills it in.
func BeginFrame(dst []byte) []byte { return append(dst, 0, 0, 0, 0) }

// EndFrame fills in the length of the frame that begins at start.
func EndFrame(b []byte, start int) []byte {
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-HeaderSize))
	return b
}
