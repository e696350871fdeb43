package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The limits of frames. A response is as large as the largest package needs; a
// request comes from anyone who can connect, and stays small.
const (
	MaxDepth    = 16       // arrays and maps within each other
	MaxElements = 65_536   // values, map keys among them, in one request
	MaxRequest  = 1 << 20  // bytes of a request's body
	MaxFrame    = 64 << 20 // bytes of a response's body
)

// ErrMalformed means that the bytes are not one MessagePack value within the limits.
var ErrMalformed = errors.New("not a well-formed frame")

// Check looks at a frame once, without recursion and without allocating: it must
// be exactly one MessagePack value whose lengths lie within it, nested at most
// MaxDepth deep and made of at most MaxElements values, or of one for every two
// bytes if those are more. Decoders recurse and trust lengths; a frame that passed Check
// cannot hurt them. Extension types are refused: the protocol has none.
func Check(b []byte) error { return check(b, max(MaxElements, len(b)/2)) }

// CheckRequest is Check for a request, which has at most MaxElements values.
func CheckRequest(b []byte) error { return check(b, MaxElements) }

func check(b []byte, most int) error {
	// left counts the values that each open array or map still awaits.
	var left [MaxDepth + 1]uint64
	depth, elements, at := 0, 0, 0
	left[0] = 1
	for {
		for left[depth] == 0 {
			if depth == 0 {
				if at != len(b) {
					return fmt.Errorf("%w: %d bytes after its end", ErrMalformed, len(b)-at)
				}
				return nil
			}
			depth--
		}
		left[depth]--
		if elements++; elements > most {
			return fmt.Errorf("%w: more than %d values", ErrMalformed, most)
		}
		size, inside, err := head(b[at:])
		if err != nil {
			return err
		}
		if size > uint64(len(b)-at) {
			return fmt.Errorf("%w: truncated", ErrMalformed)
		}
		at += int(size)
		if inside == 0 {
			continue
		}
		// Every value takes at least a byte, so a length beyond the remaining bytes is wrong.
		if inside > uint64(len(b)-at) {
			return fmt.Errorf("%w: a length of %d in %d bytes", ErrMalformed, inside, len(b)-at)
		}
		if depth == MaxDepth {
			return fmt.Errorf("%w: nested more than %d deep", ErrMalformed, MaxDepth)
		}
		depth++
		left[depth] = inside
	}
}

// head reads the first value of b. It returns its size in bytes without nested values, and the number of nested values.
func head(b []byte) (size, inside uint64, err error) {
	if len(b) == 0 {
		return 0, 0, fmt.Errorf("%w: truncated", ErrMalformed)
	}
	// number reads the big-endian length after the first byte.
	number := func(n int) uint64 {
		if len(b) < 1+n {
			err = fmt.Errorf("%w: truncated", ErrMalformed)
			return 0
		}
		switch n {
		case 1:
			return uint64(b[1])
		case 2:
			return uint64(binary.BigEndian.Uint16(b[1:]))
		default:
			return uint64(binary.BigEndian.Uint32(b[1:]))
		}
	}
	switch c := b[0]; {
	case c <= 0x7f, c >= 0xe0: // positive and negative fixint
		return 1, 0, nil
	case c <= 0x8f: // fixmap
		return 1, 2 * uint64(c&0x0f), nil
	case c <= 0x9f: // fixarray
		return 1, uint64(c & 0x0f), nil
	case c <= 0xbf: // fixstr
		return 1 + uint64(c&0x1f), 0, nil
	case c == 0xc0, c == 0xc2, c == 0xc3: // nil, false, true
		return 1, 0, nil
	case c == 0xc4, c == 0xd9: // bin 8, str 8
		return 2 + number(1), 0, err
	case c == 0xc5, c == 0xda:
		return 3 + number(2), 0, err
	case c == 0xc6, c == 0xdb:
		return 5 + number(4), 0, err
	case c == 0xcc, c == 0xd0: // integers and floats
		return 2, 0, nil
	case c == 0xcd, c == 0xd1:
		return 3, 0, nil
	case c == 0xca, c == 0xce, c == 0xd2:
		return 5, 0, nil
	case c == 0xcb, c == 0xcf, c == 0xd3:
		return 9, 0, nil
	case c == 0xdc: // array 16
		return 3, number(2), err
	case c == 0xdd:
		return 5, number(4), err
	case c == 0xde: // map 16
		return 3, 2 * number(2), err
	case c == 0xdf:
		return 5, 2 * number(4), err
	default: // 0xc1 and the extension types
		return 0, 0, fmt.Errorf("%w: type byte 0x%02x", ErrMalformed, c)
	}
}
