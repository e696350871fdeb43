package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
)

// FuzzReadFrame reads the same bytes twice: from a reader that returns all bytes in one read, and from a reader that
// returns one byte per read. It checks that both readers result in the same frames, and that the frames, joined, equal
// the input up to the first error.
func FuzzReadFrame(f *testing.F) {
	f.Add(append(AppendError(nil, 1, Errorf(CodeBusy, "busy")), AppendResult(nil, 2, []byte{0x80}, true)...))
	f.Add([]byte{0, 0, 0, 0})
	f.Add([]byte{0, 0x10, 0, 1, 1})
	f.Add([]byte{0, 0, 0, 5, 1, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		type end struct {
			frames [][]byte
			err    error
		}
		var ends []end
		for _, r := range []io.Reader{bytes.NewReader(b), iotest.OneByteReader(bytes.NewReader(b))} {
			var e end
			var buf []byte
			for e.err == nil {
				if buf, e.err = ReadFrame(r, buf, MaxFrameSize); e.err == nil {
					e.frames = append(e.frames, bytes.Clone(buf))
				}
			}
			ends = append(ends, e)
		}
		require.Equal(t, ends[0], ends[1])
		var again []byte
		for _, frame := range ends[0].frames {
			again = EndFrame(append(BeginFrame(again), frame...), len(again))
		}
		require.True(t, bytes.HasPrefix(b, again))
		rest := b[len(again):]
		switch err := ends[0].err; {
		case errors.Is(err, io.EOF):
			require.Empty(t, rest)
		case errors.Is(err, ErrEmptyFrame):
			require.Zero(t, binary.BigEndian.Uint32(rest))
		case errors.Is(err, ErrTooLarge):
			require.Greater(t, binary.BigEndian.Uint32(rest), uint32(MaxFrameSize))
		default:
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			require.NotEmpty(t, rest)
		}
	})
}

// slowHeader decodes a header like DecodeRequestHeader, but with the MessagePack library.
func slowHeader(b []byte) (id uint64, op string, ok bool) {
	d := msgpack.NewDecoder(bytes.NewReader(b))
	d.SetMapDecoder(skipMap)
	n, err := d.DecodeMapLen()
	if err != nil || n < 0 {
		return 0, "", false
	}
	for range n {
		key, err := d.DecodeInterface()
		if err != nil {
			return 0, "", false
		}
		name, isText := key.(string)
		value, err := d.DecodeInterface()
		if err != nil || !isText {
			return 0, "", false
		}
		switch name {
		case "id":
			switch v := value.(type) {
			case uint64:
				id = v
			case uint32:
				id = uint64(v)
			case uint16:
				id = uint64(v)
			case uint8:
				id = uint64(v)
			case int64:
				id = uint64(max(v, 0))
			case int32:
				id = uint64(max(v, 0))
			case int16:
				id = uint64(max(v, 0))
			case int8:
				id = uint64(max(v, 0))
			default:
				return 0, "", false
			}
			if id == 0 {
				return 0, "", false
			}
		case "op":
			if op, ok = value.(string); !ok {
				return 0, "", false
			}
		}
	}
	return id, op, id != 0 && op != ""
}

// skipMap skips a map inside a value. The keys of such a map can have any type, but the library's own decoder requires text.
func skipMap(d *msgpack.Decoder) (any, error) {
	n, err := d.DecodeMapLen()
	for i := 0; err == nil && i < 2*n; i++ {
		_, err = d.DecodeInterface()
	}
	return nil, err
}

// FuzzDecodeHeader compares DecodeRequestHeader with slowHeader.
func FuzzDecodeHeader(f *testing.F) {
	for _, b := range [][]byte{request(7, OpPing, nil), request(1<<63, OpSearch, &SearchRequest{Words: []string{"a"}})} {
		f.Add(b[FrameHeaderSize:])
	}
	f.Add([]byte("\x82\xa2id\xd1\xff\xff\xa2op\xa1x"))
	f.Add([]byte("\x83\xa2op\xd9\x01x\xa1x\x91\xc0\xa2id\xd3\x00\x00\x00\x00\x00\x00\x00\x09"))
	f.Add([]byte("\x83\xa2op\xd9\x010\xa10\x83000000\xa2id0")) // a value with a map whose keys are numbers
	f.Fuzz(func(t *testing.T, b []byte) {
		if CheckMessagePack(b) != nil {
			return
		}
		h, err := DecodeRequestHeader(b)
		id, op, ok := slowHeader(b)
		require.Equal(t, ok, err == nil, "%x", b)
		if ok {
			require.Equal(t, id, h.ID)
			require.Equal(t, op, string(h.Op))
		}
	})
}

// FuzzResponse checks that a decoded reply does not change if it is encoded and decoded again.
func FuzzResponse(f *testing.F) {
	f.Add(AppendResult(nil, 7, []byte{0x93, 1, 2, 3}, true)[FrameHeaderSize:])
	f.Add(AppendError(nil, 7, Errorf(CodeNotFound, "none"))[FrameHeaderSize:])
	f.Fuzz(func(t *testing.T, b []byte) {
		if CheckMessagePack(b) != nil {
			return
		}
		r, err := DecodeReply(b)
		if err != nil {
			return
		}
		var again []byte
		if r.Err != nil {
			r.Result, r.More = nil, false
			again = AppendError(nil, r.ID, r.Err)
		} else {
			require.NoError(t, CheckMessagePack(r.Result))
			again = AppendResult(nil, r.ID, r.Result, r.More)
		}
		require.NoError(t, CheckMessagePack(again[FrameHeaderSize:]))
		back, err := DecodeReply(again[FrameHeaderSize:])
		require.NoError(t, err)
		require.Equal(t, r, back)
	})
}
