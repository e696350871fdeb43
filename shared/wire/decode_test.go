package wire

import (
	"errors"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
)

// fullPackage returns a package in which every field has a different value.
func fullPackage(t testing.TB) Package {
	t.Helper()
	var p Package
	share, points := 12.34, uint8(61)
	v := reflect.ValueOf(&p).Elem()
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		switch f := v.Field(i); f.Interface().(type) {
		case string:
			f.SetString("text of " + name)
		case []string:
			f.Set(reflect.ValueOf([]string{name, "", "second"}))
		case uint64:
			f.SetUint(uint64(i) << 33)
		case int64:
			f.SetInt(int64(i) << 20)
		case bool:
			f.SetBool(true)
		case *AUR:
			f.Set(reflect.ValueOf(&AUR{Votes: 3, Popularity: 1.5, Maintainer: "m", Keywords: []string{"k"}}))
		case *AURMark:
			f.Set(reflect.ValueOf(&AURMark{Level: "level", Reasons: []string{"one", "two"}}))
		case *SearchRank:
			f.Set(reflect.ValueOf(&SearchRank{Place: "place", Closeness: 7, Prominence: 200, Share: &share, SharePoints: &points}))
		default:
			require.Fail(t, "a field of a type that decodePackage does not decode", name)
		}
	}
	return p
}

// TestDecode_EqualsReflection checks that DecodeSearchResult and DecodeInfoResult decode every field as the MessagePack library does.
func TestDecode_EqualsReflection(t *testing.T) {
	full := fullPackage(t)
	full.EmptyDesc = false // this field is never encoded
	packages := []Package{full, {Repo: "core", Name: "a", Version: "1-1"}, {BuildDate: -5}, {}}
	basis := Basis{Generation: 7, ConfirmedAt: 1_700_000_000, Stale: true, Why: "locked", Partial: true, Sources: []Source{{Name: "core", Kind: KindRepository, State: SourceOK}}}
	result := SearchResult{Basis: basis, Total: 4, Packages: packages, Suggestions: []Suggestion{{Name: "b", Reason: SuggestionSpelling}}}
	b := encode(t, &result)
	require.NoError(t, CheckMessagePack(b))
	var want, got SearchResult
	require.NoError(t, msgpack.Unmarshal(b, &want))
	require.NoError(t, DecodeSearchResult(b, &got, func(p *Package) error {
		got.Packages = append(got.Packages, *p)
		return nil
	}))
	require.Equal(t, want, got)

	info := InfoResult{Basis: basis, Packages: packages, Missing: []MissingName{{Name: "x"}}}
	var gotInfo InfoResult
	require.NoError(t, DecodeInfoResult(encode(t, &info), &gotInfo, func(p *Package) error {
		gotInfo.Packages = append(gotInfo.Packages, *p)
		return nil
	}))
	require.Equal(t, info, gotInfo)
}

// TestDecode_Halves decodes a reply that was sent in two parts: first the repositories' packages and sources, then those
// of the AUR. It checks that the second part is appended to the first.
func TestDecode_Halves(t *testing.T) {
	var got SearchResult
	var names []string
	each := func(p *Package) error { names = append(names, p.Name); return nil }
	require.NoError(t, DecodeSearchResult(encode(t, &SearchResult{Basis: Basis{Generation: 3, Partial: true, Sources: []Source{{Name: "core", State: SourceOK}}}, Packages: []Package{{Name: "a"}}}), &got, each))
	require.NoError(t, DecodeSearchResult(encode(t, map[string]any{
		"total": 2, "packages": []Package{{Name: "b"}}, "sources": []Source{{Name: "aur", State: SourceStale}},
	}), &got, each))
	require.Equal(t, []string{"a", "b"}, names)
	require.Equal(t, SearchResult{
		Basis: Basis{Generation: 3, Partial: true, Sources: []Source{{Name: "core", State: SourceOK}, {Name: "aur", State: SourceStale}}}, Total: 2,
	}, got)

	var info InfoResult
	require.NoError(t, DecodeInfoResult(encode(t, &InfoResult{Basis: Basis{Sources: []Source{{Name: "core"}}}, Packages: []Package{}}), &info, each))
	require.NoError(t, DecodeInfoResult(encode(t, map[string]any{"sources": []Source{{Name: "aur"}}, "missing": []MissingName{{Name: "x"}}}), &info, each))
	require.Equal(t, []Source{{Name: "core"}, {Name: "aur"}}, info.Sources)
}

func TestDecode_StopsAndRefuses(t *testing.T) {
	enough := errors.New("enough")
	b := encode(t, &SearchResult{Packages: make([]Package, 3)})
	n := 0
	require.ErrorIs(t, DecodeSearchResult(b, &SearchResult{}, func(*Package) error { n++; return enough }), enough)
	require.Equal(t, 1, n)
	for name, v := range map[string]any{
		"not a map":              []int{1},
		"packages is not a list": map[string]any{"packages": 1},
		"a package is not a map": map[string]any{"packages": []int{1}},
		"a name is a number":     map[string]any{"packages": []any{map[string]any{"name": 1}}},
		"groups is text":         map[string]any{"packages": []any{map[string]any{"groups": "x"}}},
		"a group is a number":    map[string]any{"packages": []any{map[string]any{"groups": []int{1}}}},
		"csize is negative":      map[string]any{"packages": []any{map[string]any{"csize": -1}}},
		"builddate is text":      map[string]any{"packages": []any{map[string]any{"builddate": "x"}}},
		"total is text":          map[string]any{"total": "x"},
		"aur is a list":          map[string]any{"packages": []any{map[string]any{"aur": []string{"x"}}}},
	} {
		require.Error(t, DecodeSearchResult(encode(t, v), &SearchResult{}, func(*Package) error { return nil }), name)
	}
}

func BenchmarkDecode(b *testing.B) {
	result := SearchResult{Total: 100}
	for range 100 {
		result.Packages = append(result.Packages, Package{Repo: "extra", Name: "some-package", Version: "1.2.3-4", Desc: "A package that does something"})
	}
	frame := encode(b, &result)
	b.Run("each", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			require.NoError(b, DecodeSearchResult(frame, &SearchResult{}, func(*Package) error { return nil }))
		}
	})
	b.Run("reflection", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			require.NoError(b, msgpack.Unmarshal(frame, &SearchResult{}))
		}
	})
}
