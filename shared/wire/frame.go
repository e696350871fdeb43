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
	ErrTooLarge = fmt.Errorf("a frame of more than %d bytes", MaxFrame)
	ErrEmpty    = errors.New("a frame of length 0")
)

// ReadFrame reads the body of one frame into buf and returns it. The buffer grows as bytes arrive, not by the announced
// length. At the end of the stream ReadFrame returns io.EOF, or io.ErrUnexpectedEOF within a frame.
func ReadFrame(r io.Reader, buf []byte) ([]byte, error) {
	var head [HeaderSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return buf[:0], err
	}
	n, err := FrameLength(head)
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

// FrameLength decodes and checks the length of a frame's body.
func FrameLength(head [HeaderSize]byte) (int, error) {
	n := binary.BigEndian.Uint32(head[:])
	switch {
	case n == 0:
		return 0, ErrEmpty
	case n > MaxFrame:
		return 0, ErrTooLarge
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
