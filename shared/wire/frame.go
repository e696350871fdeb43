package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// HeaderSize is the length of a frame's length.
const HeaderSize = 4

// Errors of frames that end a connection.
var (
	ErrTooLarge = fmt.Errorf("a frame of more than %d bytes", MaxFrame)
	ErrEmpty    = errors.New("a frame of length 0")
)

// ReadFrame reads one frame's body into buf, which grows as bytes arrive and not
// by what the peer announces, and returns it. At the end of the stream between
// frames it returns io.EOF, within one io.ErrUnexpectedEOF.
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

// BeginFrame appends room for a frame's length. EndFrame, with the length of dst
// before it, fills it in.
func BeginFrame(dst []byte) []byte { return append(dst, 0, 0, 0, 0) }

// EndFrame fills in the length of the frame that begins at start.
func EndFrame(b []byte, start int) []byte {
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-HeaderSize))
	return b
}
