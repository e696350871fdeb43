package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/vmihailenco/msgpack/v5"
)

// RequestHeader holds the fields that every request has. A request may have its keys in any order.
type RequestHeader struct {
	ID uint64
	Op []byte // the operation's name: a slice of the frame, not a copy

	beforeID, afterID []byte // the bytes of the frame before and after the id: both its key and its value are left out
}

// AppendCacheKey appends the request without its id. Requests that differ only in their ids result in equal bytes, which can
// be the key of a cache.
func (h *RequestHeader) AppendCacheKey(dst []byte) []byte {
	return append(append(dst, h.beforeID...), h.afterID...)
}

// ErrNoID means that the id of a request cannot be read, so that the server cannot reply to the request. The id 0 is not
// valid in a request, because in a reply it marks an error of the connection.
var ErrNoID = errors.New("a request without a readable id")

// DecodeRequestHeader decodes the header of a request that passed CheckMessagePack. It runs for every request, so it has a loop of its own,
// which takes half the time of a call of eachPair.
func DecodeRequestHeader(frame []byte) (h RequestHeader, err error) {
	n, rest, err := readMapHeader(frame)
	if err != nil {
		return h, ErrNoID
	}
	hasID := false
	for range n {
		pair := rest
		key, value, ok := CutLeadingString(rest)
		if !ok {
			err = fmt.Errorf("%w: a key that is not a string", ErrMalformed)
			break
		}
		rest = value[valueSize(value):]
		switch string(key) {
		case "id":
			h.ID, hasID = decodeUint(value[:len(value)-len(rest)])
			if hasID = hasID && h.ID != 0; !hasID {
				return h, ErrNoID
			}
			h.beforeID, h.afterID = frame[:len(frame)-len(pair)], rest
		case "op":
			if h.Op, _, ok = CutLeadingString(value); !ok {
				err = fmt.Errorf("%w: %q has an invalid value", ErrMalformed, key)
			}
		}
		if err != nil {
			break
		}
	}
	switch {
	case !hasID:
		return h, ErrNoID
	case err != nil:
		return h, err
	case len(h.Op) == 0:
		return h, fmt.Errorf("%w: no op", ErrMalformed)
	}
	return h, nil
}

// Reply is one frame of a reply, decoded by a client.
type Reply struct {
	ID uint64
	// Result is the encoded result; nil if Err is set.
	Result []byte
	Err    *Error
	// More means that another chunk follows.
	More bool
}

// DecodeReply decodes a reply that passed CheckMessagePack. The field Result is a subslice of the parameter frame, not a copy.
func DecodeReply(frame []byte) (r Reply, err error) {
	hasID := false
	err = eachPair(frame, func(key, value []byte) bool {
		switch string(key) {
		case "id":
			r.ID, hasID = decodeUint(value)
			return hasID
		case "result":
			r.Result = value
		case "more":
			r.More = len(value) == 1 && value[0] == 0xc3
		case "error":
			r.Err = &Error{}
			return msgpack.Unmarshal(value, r.Err) == nil
		}
		return true
	})
	switch {
	case err != nil:
		return r, err
	case !hasID:
		return r, ErrNoID
	case r.Err == nil && r.Result == nil:
		return r, fmt.Errorf("%w: a reply has neither a result nor an error", ErrMalformed)
	}
	return r, nil
}

// eachPair calls the function f with each key and encoded value of a map that passed CheckMessagePack. If f returns false, eachPair
// stops and returns an error.
func eachPair(b []byte, f func(key, value []byte) bool) error {
	n, rest, err := readMapHeader(b)
	if err != nil {
		return err
	}
	for range n {
		key, after, ok := CutLeadingString(rest)
		if !ok {
			return fmt.Errorf("%w: a key that is not a string", ErrMalformed)
		}
		size := valueSize(after)
		if !f(key, after[:size]) {
			return fmt.Errorf("%w: %q has an invalid value", ErrMalformed, key)
		}
		rest = after[size:]
	}
	return nil
}

func readMapHeader(b []byte) (pairs uint64, rest []byte, err error) {
	if len(b) > 0 && (b[0]&0xf0 == 0x80 || b[0] == 0xde || b[0] == 0xdf) {
		size, inside, err := readValueHead(b)
		if err == nil {
			return inside / 2, b[size:], nil
		}
	}
	return 0, nil, fmt.Errorf("%w: not a map", ErrMalformed)
}

// valueSize returns the size in bytes of the first value of b. The value must have passed CheckMessagePack.
func valueSize(b []byte) int {
	at := 0
	for left := uint64(1); left > 0; left-- {
		size, inside, err := readValueHead(b[at:])
		if err != nil || size > uint64(len(b)-at) {
			return len(b)
		}
		at += int(size)
		left += inside
	}
	return at
}

// CutLeadingString decodes the string at the start of b. It returns the string and the bytes after the string. Both are
// subslices of b, not copies.
func CutLeadingString(b []byte) (s, rest []byte, ok bool) {
	if len(b) == 0 || b[0]&0xe0 != 0xa0 && (b[0] < 0xd9 || b[0] > 0xdb) {
		return nil, nil, false
	}
	size, _, err := readValueHead(b)
	if err != nil || size > uint64(len(b)) {
		return nil, nil, false
	}
	start := 1
	if b[0] >= 0xd9 {
		start += 1 << (b[0] - 0xd9)
	}
	return b[start:size], b[size:], true
}

// decodeUint decodes a non-negative integer.
func decodeUint(b []byte) (uint64, bool) {
	switch c := b[0]; {
	case c <= 0x7f:
		return uint64(c), true
	case c == 0xcc || c == 0xd0 && b[1] < 0x80:
		return uint64(b[1]), true
	case c == 0xcd || c == 0xd1 && b[1] < 0x80:
		return uint64(binary.BigEndian.Uint16(b[1:])), true
	case c == 0xce || c == 0xd2 && b[1] < 0x80:
		return uint64(binary.BigEndian.Uint32(b[1:])), true
	case c == 0xcf || c == 0xd3 && b[1] < 0x80:
		return binary.BigEndian.Uint64(b[1:]), true
	}
	return 0, false
}

// AppendRequest appends the frame of a request to dst. req is a struct with the fields of the operation op, or nil if the
// operation has no fields.
func AppendRequest(dst []byte, id uint64, op string, req any) ([]byte, error) {
	start := len(dst)
	var buf bytes.Buffer
	if req != nil {
		if err := msgpack.NewEncoder(&buf).Encode(req); err != nil {
			return dst, err
		}
	} else {
		buf.WriteByte(0x80)
	}
	fields, rest, err := readMapHeader(buf.Bytes())
	if err != nil {
		return dst, fmt.Errorf("request %s: %w", op, err)
	}
	dst = BeginFrame(dst)
	dst = AppendMapHeader(dst, int(fields)+2)
	dst = AppendUint(AppendString(dst, "id"), id)
	dst = AppendString(AppendString(dst, "op"), op)
	dst = append(dst, rest...)
	if len(dst)-start-FrameHeaderSize > MaxRequestSize {
		return dst[:start], fmt.Errorf("%w: a frame of more than %d bytes", ErrTooLarge, MaxRequestSize)
	}
	return EndFrame(dst, start), nil
}

// AppendResult appends to dst the frame of a reply that contains the given result, which is already encoded.
func AppendResult(dst []byte, id uint64, result []byte, more bool) []byte {
	return append(AppendResultHead(dst, id, len(result), more), result...)
}

// AppendResultHead appends to dst the part of a reply's frame before the encoded result. The caller must then append the
// encoded result. The parameter size is the length of the encoded result in bytes.
func AppendResultHead(dst []byte, id uint64, size int, more bool) []byte {
	start := len(dst)
	dst = BeginFrame(dst)
	pairs := 2
	if more {
		pairs++
	}
	dst = AppendMapHeader(dst, pairs)
	dst = AppendUint(AppendString(dst, "id"), id)
	if more {
		dst = append(AppendString(dst, "more"), 0xc3)
	}
	dst = AppendString(dst, "result")
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-FrameHeaderSize+size))
	return dst
}

// AppendError appends the frame of a reply with an error to dst.
func AppendError(dst []byte, id uint64, e *Error) []byte {
	start := len(dst)
	dst = AppendMapHeader(BeginFrame(dst), 2)
	dst = AppendUint(AppendString(dst, "id"), id)
	pairs := 2
	if e.ServedPaths != nil {
		pairs++
	}
	dst = AppendMapHeader(AppendString(dst, "error"), pairs)
	dst = AppendUint(AppendString(dst, "code"), uint64(e.Code))
	dst = AppendString(AppendString(dst, "message"), e.Message)
	if e.ServedPaths != nil {
		dst = AppendMapHeader(AppendString(dst, "served"), 2)
		dst = AppendString(AppendString(dst, "dbpath"), e.ServedPaths.DBPath)
		dst = AppendString(AppendString(dst, "pacman_config"), e.ServedPaths.PacmanConfig)
	}
	return EndFrame(dst, start)
}

// AppendMapHeader appends the header of a map with the given number of pairs to dst. The caller must append the pairs.
func AppendMapHeader(dst []byte, pairs int) []byte {
	switch {
	case pairs < 16:
		return append(dst, 0x80|byte(pairs))
	case pairs < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, 0xde), uint16(pairs))
	default:
		return binary.BigEndian.AppendUint32(append(dst, 0xdf), uint32(pairs))
	}
}

// AppendString appends a string.
func AppendString(dst []byte, s string) []byte {
	switch n := len(s); {
	case n < 32:
		dst = append(dst, 0xa0|byte(n))
	case n < 1<<8:
		dst = append(dst, 0xd9, byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, 0xda), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint32(append(dst, 0xdb), uint32(n))
	}
	return append(dst, s...)
}

// AppendUint appends an integer in its shortest form.
func AppendUint(dst []byte, v uint64) []byte {
	switch {
	case v < 1<<7:
		return append(dst, byte(v))
	case v < 1<<8:
		return append(dst, 0xcc, byte(v))
	case v < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, 0xcd), uint16(v))
	case v < 1<<32:
		return binary.BigEndian.AppendUint32(append(dst, 0xce), uint32(v))
	default:
		return binary.BigEndian.AppendUint64(append(dst, 0xcf), v)
	}
}
