package wire

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
)

// fill gives every field under v a value of its own, so that a field that a
// decoder forgets, or takes for another, shows.
func fill(v reflect.Value, next *int) {
	*next++
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), next)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 3, 3))
		for i := range v.Len() {
			fill(v.Index(i), next)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), next)
	case reflect.String:
		v.SetString(strings.Repeat(string(rune('a'+*next%26)), 1+*next%300))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int64:
		v.SetInt(int64(*next) * -1_000_003 * int64(1-2*(*next%2)))
	case reflect.Uint32:
		v.SetUint(uint64(*next) * 999)
	case reflect.Uint64:
		v.SetUint(uint64(*next) << 33)
	case reflect.Float64:
		v.SetFloat(float64(*next) / 7)
	default:
		panic("a kind that results do not have yet: " + v.Kind().String())
	}
}

// TestDecodeAsReflection holds the decoding by hand to the decoding by
// reflection, for every field that a result has.
func TestDecodeAsReflection(t *testing.T) {
	for _, full := range []any{&SearchResult{}, &InfoResult{}} {
		n := 0
		fill(reflect.ValueOf(full).Elem(), &n)
		require.Greater(t, n, 100)
		for _, value := range []any{full, reflect.New(reflect.TypeOf(full).Elem()).Interface()} {
			b := encode(t, value)
			require.NoError(t, Check(b))
			slow := reflect.New(reflect.TypeOf(full).Elem()).Interface()
			require.NoError(t, msgpack.Unmarshal(b, slow))
			fast := reflect.New(reflect.TypeOf(full).Elem()).Interface()
			require.NoError(t, Decode(b, fast))
			require.Equal(t, value, fast)
			require.Equal(t, slow, fast)
		}
	}
}

func TestDecodeJoinsParts(t *testing.T) {
	var r SearchResult
	require.NoError(t, Decode(encode(t, &SearchResult{Generation: 3, Total: 3, Packages: []Package{{Name: "a"}, {Name: "b"}}}), &r))
	require.NoError(t, Decode(encode(t, map[string]any{"packages": []Package{{Name: "c"}}}), &r))
	require.Equal(t, SearchResult{Generation: 3, Total: 3, Packages: []Package{{Name: "a"}, {Name: "b"}, {Name: "c"}}}, r)

	var hello HelloResult
	require.NoError(t, Decode(encode(t, &HelloResult{Protocol: 4}), &hello))
	require.EqualValues(t, 4, hello.Protocol)
}

func TestDecodePassesOverTheUnknown(t *testing.T) {
	var r InfoResult
	require.NoError(t, Decode(encode(t, map[string]any{
		"new": []any{1, map[string]any{"x": []int{1, 2}}}, "generation": 5,
		"packages": []any{map[string]any{"what": map[string]any{"deep": 1.5}, "name": "a", "aur": map[string]any{"odd": nil, "votes": 3}}},
		"missing":  []any{map[string]any{"name": "b", "far": true}},
		"sources":  []any{map[string]any{"mirror": "m", "name": "core"}},
	}), &r))
	require.Equal(t, InfoResult{
		Generation: 5, Packages: []Package{{Name: "a", AUR: &AUR{Votes: 3}}},
		Missing: []Missing{{Name: "b"}}, Sources: []Source{{Name: "core"}},
	}, r)
}

func TestDecodeRefuses(t *testing.T) {
	for name, v := range map[string]any{
		"a list":           []int{1},
		"text as a number": map[string]any{"generation": "1"},
		"a negative one":   map[string]any{"total": -1},
		"too large a one":  map[string]any{"total": int64(1) << 32},
		"no list":          map[string]any{"packages": 3},
		"no map":           map[string]any{"packages": []int{1}},
		"a number as text": map[string]any{"packages": []any{map[string]any{"name": 1}}},
		"text in a list":   map[string]any{"close": []any{1}},
		"text as a flag":   map[string]any{"packages": []any{map[string]any{"shadowed": "yes"}}},
		"a key of no text": map[int]any{1: 1},
	} {
		require.ErrorIs(t, Decode(encode(t, v), &SearchResult{}), ErrMalformed, name)
	}
}

func FuzzDecode(f *testing.F) {
	// Small ones: the fuzzer spends its time on making large ones smaller.
	f.Add(encode(f, &SearchResult{Total: 2, Packages: []Package{{Name: "a", Groups: []string{"g"}}, {AUR: &AUR{Popularity: 1.5}}}}))
	f.Add(encode(f, &SearchResult{Close: []string{"b"}, Sources: []Source{{Name: "core", AsOf: -1}}}))
	f.Add(encode(f, &InfoResult{Generation: 1 << 40, Missing: []Missing{{Name: "a", Close: []string{"b"}}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		// Without Check too: it must not crash whoever forgot it.
		var s SearchResult
		errSearch := Decode(b, &s)
		var i InfoResult
		_ = Decode(b, &i)
		if Check(b) != nil || errSearch != nil {
			return
		}
		var again SearchResult
		require.NoError(t, Decode(encode(t, &s), &again))
		if s.Generation == again.Generation && len(s.Packages) == len(again.Packages) && s.Total == again.Total {
			return
		}
		t.Fatalf("%+v became %+v", s, again)
	})
}

func hits(n int) []byte {
	r := SearchResult{Generation: 1, Total: uint32(n), Sources: []Source{{Name: "extra", State: SourceOK, AsOf: 1, Changed: 2}}}
	for range n {
		r.Packages = append(r.Packages, Package{
			Repo: "extra", Name: "some-package", Version: "1.2.3-4", Desc: "A package that does something", Groups: []string{"some"},
		})
	}
	b, err := msgpack.Marshal(&r)
	if err != nil {
		panic(err)
	}
	return b
}

func BenchmarkDecode(b *testing.B) {
	part := hits(85)
	for name, decode := range map[string]func([]byte, any) error{"hand": Decode, "reflection": func(b []byte, v any) error { return msgpack.Unmarshal(b, v) }} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var r SearchResult
				if err := decode(part, &r); err != nil || len(r.Packages) != 85 {
					b.Fatal(err)
				}
			}
		})
	}
}
