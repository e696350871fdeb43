package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// FrameHeaderSize is the number of bytes before a frame's body, which encode the length of the body.
const FrameHeaderSize = 4

// The errors for a frame whose length is not allowed. The receiver of such a frame closes the connection.
var (
	ErrTooLarge   = errors.New("too large")
	ErrEmptyFrame = errors.New("a frame of length 0")
)

// ReadFrame reads one frame into buf and returns its body, which may have at most limit bytes. The buffer grows as bytes
// arrive, not to the length that the peer announces. At the end of the stream, ReadFrame returns io.EOF, or
// io.ErrUnexpectedEOF if the stream ends within a frame.
func ReadFrame(r io.Reader, buf []byte, limit int) ([]byte, error) {
	var head [FrameHeaderSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return buf[:0], err
	}
	n, err := FrameLength(head, limit)
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

// FrameLength decodes the length of a frame's body, and returns an error if the length is 0 or exceeds limit.
func FrameLength(head [FrameHeaderSize]byte, limit int) (int, error) {
	n := binary.BigEndian.Uint32(head[:])
	switch {
	case n == 0:
		return 0, ErrEmptyFrame
	case n > uint32(limit):
		return 0, fmt.Errorf("%w: a frame of more than %d bytes", ErrTooLarge, limit)
	}
	return int(n), nil
}

// BeginFrame appends space for the length of a frame to dst. After the frame's body was appended, EndFrame must be called
// with the length that dst had before BeginFrame, to fill in the length of the frame.
func BeginFrame(dst []byte) []byte { return append(dst, 0, 0, 0, 0) }

// EndFrame fills in the length of the frame that begins at start.
func EndFrame(b []byte, start int) []byte {
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-FrameHeaderSize))
	return b
}
