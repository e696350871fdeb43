package wire

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
)

// full sets every field of a request to a value other than zero.
func full(t *testing.T, request any) {
	t.Helper()
	v := reflect.ValueOf(request).Elem()
	require.NotZero(t, v.NumField())
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.String:
			f.SetString("value")
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Uint32:
			f.SetUint(70_000)
		case reflect.Slice:
			f.Set(reflect.ValueOf([]string{"one", "", "ünï"}))
		default:
			t.Fatalf("%s: how is a %s decoded?", v.Type().Field(i).Name, f.Kind())
		}
	}
}

// TestDecodeRequest_ReadsEveryField checks that DecodeRequest decodes every field as the MessagePack library does.
func TestDecodeRequest_ReadsEveryField(t *testing.T) {
	for _, r := range []interface{ DecodeRequest([]byte) error }{&SearchRequest{}, &InfoRequest{}} {
		fresh := func() any { return reflect.New(reflect.TypeOf(r).Elem()).Interface() }
		full(t, r)
		frame, err := AppendRequest(nil, 7, "op", r)
		require.NoError(t, err)
		frame = frame[FrameHeaderSize:]
		require.NoError(t, CheckMessagePack(frame))
		reference := fresh()
		require.NoError(t, msgpack.Unmarshal(frame, reference))
		require.Equal(t, r, reference)
		decoded := fresh().(interface{ DecodeRequest([]byte) error })
		require.NoError(t, decoded.DecodeRequest(frame))
		require.Equal(t, reference, decoded)
	}
}

func TestDecodeRequest_RefusesWrongTypes(t *testing.T) {
	for _, fields := range []map[string]any{
		{"words": "text"},
		{"words": []any{1}},
		{"regex": "yes"},
		{"limit": -1},
		{"limit": uint64(1) << 40},
		{"sort": []string{"name"}},
		{"repos": map[string]string{"a": "b"}},
	} {
		frame, err := msgpack.Marshal(fields)
		require.NoError(t, err)
		require.NoError(t, CheckMessagePack(frame))
		require.Error(t, (&SearchRequest{}).DecodeRequest(frame), fields)
	}
	for _, fields := range []map[string]any{{}, {"words": nil}, {"other": 1}, {"words": []string{}}, {"limit": int8(5)}} {
		frame, err := msgpack.Marshal(fields)
		require.NoError(t, err)
		var decoded, reference SearchRequest
		require.NoError(t, decoded.DecodeRequest(frame), fields)
		require.NoError(t, msgpack.Unmarshal(frame, &reference))
		require.Equal(t, reference, decoded, fields)
	}
}
