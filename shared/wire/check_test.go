package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
)

func encode(t testing.TB, v any) []byte {
	t.Helper()
	b, err := msgpack.Marshal(v)
	require.NoError(t, err)
	return b
}

func nested(open string, n int) []byte {
	return append(bytes.Repeat([]byte(open), n), 0xc0)
}

func TestCheckMessagePack_Accepts(t *testing.T) {
	for _, v := range []any{
		nil, true, 0, -1, 1 << 40, 1.5, float32(1.5), "", strings.Repeat("x", 70_000),
		[]byte{1, 2},
		[]any{},
		map[string]any{"id": 1, "op": "search", "words": []string{"a", "b"}},
		[]any{[]any{[]any{map[string]any{"a": []int{1, 2, 3}}}}},
		make([]int, MaxRequestValues-1),
	} {
		b := encode(t, v)
		require.NoError(t, CheckMessagePack(b))
		require.Error(t, CheckMessagePack(append(b, 0)), "a byte after the end")
		require.Error(t, CheckMessagePack(b[:len(b)-1]), "cut off")
	}
	require.NoError(t, CheckMessagePack(nested("\x91", MaxNestingDepth)))
	require.NoError(t, CheckMessagePack(nested("\x81\xa1k", MaxNestingDepth)))
}

func TestCheckMessagePack_Refuses(t *testing.T) {
	for name, b := range map[string][]byte{
		"nothing":              {},
		"arrays 17 deep":       nested("\x91", MaxNestingDepth+1),
		"a million arrays":     nested("\x91", 1_000_000),
		"a million maps":       nested("\x81\xa1k", 500_000),
		"array32 of 4 billion": {0xdd, 0xff, 0xff, 0xff, 0xff, 0xc0},
		"map32 of 4 billion":   {0xdf, 0xff, 0xff, 0xff, 0xff, 0xc0},
		"str32 of 4 billion":   {0xdb, 0xff, 0xff, 0xff, 0xff, 'x'},
		"bin32 of 4 billion":   {0xc6, 0xff, 0xff, 0xff, 0xff, 'x'},
		"too many values":      encode(t, make([]int, MaxRequestValues)),
		"fixext":               {0xd4, 1, 1},
		"ext8":                 {0xc7, 1, 1, 1},
		"never used":           {0xc1},
		"text":                 []byte("GET / HTTP/1.1\r\n"),
	} {
		require.ErrorIs(t, CheckMessagePack(b), ErrMalformed, name)
	}
}

// slowCheck reports whether CheckMessagePack should accept b. Unlike CheckMessagePack, it decodes b recursively with the MessagePack library.
func slowCheck(b []byte) bool {
	d := msgpack.NewDecoder(bytes.NewReader(b))
	elements := 0
	var walk func(depth int) bool
	walk = func(depth int) bool {
		elements++
		c, err := d.PeekCode()
		if err != nil {
			return false
		}
		n, perValue := 0, 0
		switch {
		case c >= 0x90 && c <= 0x9f || c == 0xdc || c == 0xdd:
			n, err = d.DecodeArrayLen()
			perValue = 1
		case c >= 0x80 && c <= 0x8f || c == 0xde || c == 0xdf:
			n, err = d.DecodeMapLen()
			perValue = 2
		case c == 0xc1 || c >= 0xc7 && c <= 0xc9 || c >= 0xd4 && c <= 0xd8:
			return false
		default:
			return d.Skip() == nil
		}
		if err != nil || n > 0 && depth == 0 || n > len(b) {
			return false
		}
		for range n * perValue {
			if !walk(depth - 1) {
				return false
			}
		}
		return true
	}
	if !walk(MaxNestingDepth) || elements > MaxRequestValues {
		return false
	}
	_, err := d.PeekCode()
	return err == io.EOF
}

func FuzzCheck(f *testing.F) {
	f.Add(encode(f, map[string]any{"id": 1, "op": "search", "words": []string{"a", "b"}, "x": 1.5}))
	f.Add(nested("\x91", 20))
	f.Add([]byte{0xdf, 0, 0, 0, 1, 0xa1, 'k', 0xc4, 1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > MaxFrameSize {
			return
		}
		ok := CheckMessagePack(b) == nil
		require.Equal(t, slowCheck(b), ok)
		if !ok {
			return
		}
		_, _ = DecodeRequestHeader(b)
		_, _ = DecodeReply(b)
		for _, v := range []any{&SearchRequest{}, &InfoRequest{}, &SearchResult{}, &InfoResult{}, &HelloRequest{}} {
			_ = msgpack.Unmarshal(b, v)
		}
		each := func(*Package) error { return nil }
		_ = DecodeSearchResult(b, &SearchResult{}, each)
		_ = DecodeInfoResult(b, &InfoResult{}, each)
		_ = DecodePackage(b, &Package{})
		_ = (&SearchRequest{}).DecodeRequest(b)
		_ = (&InfoRequest{}).DecodeRequest(b)
	})
}

func TestReadFrame(t *testing.T) {
	body := bytes.Repeat([]byte("x"), 300_000)
	frame := append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
	got, err := ReadFrame(bytes.NewReader(append(frame, 'y')), nil, MaxFrameSize)
	require.NoError(t, err)
	require.Equal(t, body, got)
	got, err = ReadFrame(iotest.OneByteReader(bytes.NewReader(frame)), make([]byte, 10), MaxFrameSize)
	require.NoError(t, err)
	require.Equal(t, body, got)

	_, err = ReadFrame(bytes.NewReader(nil), nil, MaxFrameSize)
	require.ErrorIs(t, err, io.EOF)
	_, err = ReadFrame(bytes.NewReader(frame[:2]), nil, MaxFrameSize)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	_, err = ReadFrame(bytes.NewReader(frame[:100]), nil, MaxFrameSize)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	_, err = ReadFrame(bytes.NewReader([]byte{0, 0, 0, 0}), nil, MaxFrameSize)
	require.ErrorIs(t, err, ErrEmptyFrame)
	_, err = ReadFrame(bytes.NewReader([]byte{0xff, 0xff, 0xff, 0xff}), nil, MaxFrameSize)
	require.ErrorIs(t, err, ErrTooLarge)
}

// TestReadFrame_AnnouncedLengthCostsNothing checks that ReadFrame allocates little for a peer that announces a large frame
// and sends only a few bytes.
func TestReadFrame_AnnouncedLengthCostsNothing(t *testing.T) {
	frame := binary.BigEndian.AppendUint32(nil, MaxFrameSize)
	b, err := ReadFrame(bytes.NewReader(append(frame, 1, 2, 3)), nil, MaxFrameSize)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.LessOrEqual(t, cap(b), 128<<10)
}

func TestAppend_RequestAndReply(t *testing.T) {
	b, err := AppendRequest(nil, 1<<40, OpSearch, &SearchRequest{Words: []string{"a"}, Limit: 3})
	require.NoError(t, err)
	frame, err := ReadFrame(bytes.NewReader(b), nil, MaxFrameSize)
	require.NoError(t, err)
	require.NoError(t, CheckMessagePack(frame))
	h, err := DecodeRequestHeader(frame)
	require.NoError(t, err)
	require.EqualValues(t, 1<<40, h.ID)
	require.Equal(t, "search", string(h.Op))
	var req SearchRequest
	require.NoError(t, msgpack.Unmarshal(frame, &req))
	require.Equal(t, SearchRequest{Words: []string{"a"}, Limit: 3}, req)

	for _, more := range []bool{true, false} {
		frame = AppendResult(nil, 7, encode(t, []int{1, 2}), more)[FrameHeaderSize:]
		require.NoError(t, CheckMessagePack(frame))
		r, err := DecodeReply(frame)
		require.NoError(t, err)
		require.Equal(t, Reply{ID: 7, Result: encode(t, []int{1, 2}), More: more}, r)
	}
	for _, served := range []*ServedPaths{nil, {}, {DBPath: "/srv/pacman", PacmanConfig: "/srv/pacman.conf"}} {
		sent := &Error{Code: CodeNotReady, Message: "not yet", ServedPaths: served}
		frame = AppendError([]byte("before"), 7, sent)[len("before")+FrameHeaderSize:]
		require.NoError(t, CheckMessagePack(frame))
		r, err := DecodeReply(frame)
		require.NoError(t, err)
		require.Equal(t, Reply{ID: 7, Err: sent}, r)
	}
}

// TestAppendError checks that AppendError encodes an error as the MessagePack library does.
func TestAppendError(t *testing.T) {
	for _, e := range []*Error{
		{Code: CodeBusy, Message: "too many"},
		{Code: CodeVersion, Message: strings.Repeat("x", 300), ServedPaths: &ServedPaths{DBPath: "/a", PacmanConfig: "/b"}},
	} {
		want := asJSON(t, encode(t, map[string]any{"id": 7, "error": e}))
		require.JSONEq(t, string(want), string(asJSON(t, AppendError(nil, 7, e)[FrameHeaderSize:])))
	}
}

func TestCodeOf(t *testing.T) {
	require.Equal(t, CodeBusy, CodeOf(fmt.Errorf("wrapped: %w", Errorf(CodeBusy, "busy"))))
	require.Zero(t, CodeOf(io.EOF))
	require.Zero(t, CodeOf(nil))
}

// TestHeader_AppendKey checks that requests which differ only in their ids have the same key.
func TestHeader_AppendKey(t *testing.T) {
	key := func(id uint64, words ...string) string {
		b, err := AppendRequest(nil, id, OpSearch, &SearchRequest{Words: words})
		require.NoError(t, err)
		h, err := DecodeRequestHeader(b[FrameHeaderSize:])
		require.NoError(t, err)
		return string(h.AppendCacheKey([]byte("x")))
	}
	require.Equal(t, key(1, "a"), key(1<<40, "a"))
	require.NotEqual(t, key(1, "a"), key(1, "b"))
	idLast, err := DecodeRequestHeader(encode(t, msgpack.RawMessage("\x82\xa2op\xa1x\xa2id\x05")))
	require.NoError(t, err)
	require.Equal(t, "\x82\xa2op\xa1x", string(idLast.AppendCacheKey(nil)))
}

func TestDecodeRequestHeader(t *testing.T) {
	for _, id := range []any{1, 127, 128, 255, 65535, 65536, uint64(1) << 63, int64(5), int8(3), int16(300), int32(70000)} {
		h, err := DecodeRequestHeader(encode(t, map[string]any{"id": id, "op": "ping", "unknown": []int{1}}))
		require.NoError(t, err, "%T", id)
		require.EqualValues(t, id, h.ID)
	}
	for name, v := range map[string]any{
		"no id": map[string]any{"op": "ping"}, "id is text": map[string]any{"id": "1", "op": "ping"},
		"id is 0": map[string]any{"id": 0, "op": "ping"}, "id is negative": map[string]any{"id": -1, "op": "ping"}, "not a map": []int{1}, "a number": 1,
		"key is a number": map[int]any{1: 1},
	} {
		_, err := DecodeRequestHeader(encode(t, v))
		require.Error(t, err, name)
	}
	h, err := DecodeRequestHeader(encode(t, map[string]any{"id": 9}))
	require.NotErrorIs(t, err, ErrNoID)
	require.Error(t, err, "no op, but answerable")
	require.EqualValues(t, 9, h.ID)
}

func BenchmarkCheck(b *testing.B) {
	result := SearchResult{Total: 50}
	for range 50 {
		result.Packages = append(result.Packages, Package{Repo: "extra", Name: "some-package", Version: "1.2.3-4", Desc: "A package that does something"})
	}
	frame := encode(b, result)
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		if err := CheckMessagePack(frame); err != nil {
			b.Fatal(err)
		}
	}
}
