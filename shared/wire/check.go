package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The limits of frames. The limit of a reply leaves room for the largest package. The limit of a request is small,
// because anyone who can connect may send requests.
const (
	MaxNestingDepth  = 16       // maximum nesting depth of arrays and maps
	MaxRequestValues = 65_536   // maximum number of values in one request, including keys of maps
	MaxRequestSize   = 1 << 20  // maximum size of the body of a request, in bytes
	MaxFrameSize     = 64 << 20 // maximum size of the body of a reply, in bytes
)

// ErrMalformed means that the bytes are not one MessagePack value within the limits.
var ErrMalformed = errors.New("not a well-formed frame")

// CheckMessagePack returns an error unless the body b of a frame is exactly one MessagePack value that is safe to decode: every
// length is within b, arrays and maps are nested at most MaxNestingDepth deep, and b has at most MaxRequestValues values, or one value
// for every two bytes if that is more. Check also refuses extension types, which the protocol does not use. It reads b
// once, without recursion and without allocating. Decoders recurse and trust lengths, so they must only read a frame that
// passed CheckMessagePack.
func CheckMessagePack(b []byte) error { return checkMsgpackValues(b, max(MaxRequestValues, len(b)/2)) }

// CheckRequest checks the body of a request like CheckMessagePack. It allows at most MaxRequestValues values, even in a long body.
func CheckRequest(b []byte) error { return checkMsgpackValues(b, MaxRequestValues) }

func checkMsgpackValues(b []byte, most int) error {
	// left[d] is the number of values that the open array or map at nesting depth d still lacks.
	var left [MaxNestingDepth + 1]uint64
	depth, elements, at := 0, 0, 0
	left[0] = 1
	for {
		for left[depth] == 0 {
			if depth == 0 {
				if at != len(b) {
					return fmt.Errorf("%w: %d bytes after the end of the value", ErrMalformed, len(b)-at)
				}
				return nil
			}
			depth--
		}
		left[depth]--
		if elements++; elements > most {
			return fmt.Errorf("%w: more than %d values", ErrMalformed, most)
		}
		size, inside, err := readValueHead(b[at:])
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
		// Every value needs at least one byte, so an array or map cannot have more values than bytes are left.
		if inside > uint64(len(b)-at) {
			return fmt.Errorf("%w: an array or map of %d values, but only %d bytes are left", ErrMalformed, inside, len(b)-at)
		}
		if depth == MaxNestingDepth {
			return fmt.Errorf("%w: nested more than %d deep", ErrMalformed, MaxNestingDepth)
		}
		depth++
		left[depth] = inside
	}
}

// readValueHead reads the first value of b. It returns the size of the value in bytes, without its nested values, and the number
// of these nested values.
func readValueHead(b []byte) (size, inside uint64, err error) {
	if len(b) == 0 {
		return 0, 0, fmt.Errorf("%w: truncated", ErrMalformed)
	}
	// number returns the big-endian number in the n bytes after the type byte b[0]: a length in bytes, values or pairs.
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
	case c == 0xc4, c == 0xd9: // bin 8, str 8: bytes or a string, whose length is encoded in 8 bits
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
	case c == 0xdc: // array 16: the number of elements is encoded in 16 bits
		return 3, number(2), err
	case c == 0xdd:
		return 5, number(4), err
	case c == 0xde: // map 16: the number of pairs is encoded in 16 bits
		return 3, 2 * number(2), err
	case c == 0xdf:
		return 5, 2 * number(4), err
	default: // 0xc1 and the extension types
		return 0, 0, fmt.Errorf("%w: type byte 0x%02x", ErrMalformed, c)
	}
}
