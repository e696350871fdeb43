package records

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// thing has a value of each type.
type thing struct {
	Name  string
	Flag  bool
	Date  int64
	Lists [][]string
	Size  uint64
	Share float64
	Words []string
	Votes uint32
}

func (th *thing) object() *Object {
	return NewObject(
		Field{"name", &th.Name}, Field{"date", &th.Date}, Field{"flag", &th.Flag}, Field{"lists", &th.Lists}, Field{"share", &th.Share},
		Field{"size", &th.Size}, Field{"votes", &th.Votes}, Field{"words", &th.Words},
	)
}

func TestObject_Golden(t *testing.T) {
	for line, want := range map[string]thing{
		`{"name":"a"}`: {Name: "a"},
		`{"name":"b","date":-5,"flag":true,"lists":[["x/","","y"],["z"]],"share":0.25,"size":18446744073709551615,"votes":4294967295,"words":["p","q"]}`: {
			"b", true, -5, [][]string{{"x/", "", "y"}, {"z"}}, math.MaxUint64, 0.25, []string{"p", "q"}, math.MaxUint32,
		},
		`{"name":"\"\\\u001b\u000a é日\u0000e9\u000000 \u0000ff","share":1e-07}`: {Name: "\"\\\x1b\n é日\xe9\x00 \xff", Share: 1e-7},
	} {
		require.Equal(t, line, string(want.object().Append(nil)))
		require.True(t, json.Valid([]byte(line)), line)
		got := thing{Name: "old", Words: []string{"old"}, Lists: [][]string{{"old"}, {"old"}, {"old"}}, Votes: 5}
		require.NoError(t, got.object().Parse(line))
		got.Words, got.Lists = emptyToNil(got.Words), emptyToNil(got.Lists)
		require.Equal(t, want, got)
	}
}

func emptyToNil[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}

func TestObject_Refused(t *testing.T) {
	for name, line := range map[string]string{
		"nothing":                "",
		"no object":              `["name"]`,
		"white space":            `{"name": "a"}`,
		"another order":          `{"date":1,"name":"a"}`,
		"twice":                  `{"name":"a","date":1,"date":1}`,
		"unknown":                `{"name":"a","colour":1}`,
		"a zero":                 `{"name":"a","date":0}`,
		"a negative zero":        `{"name":"a","share":-0}`,
		"false":                  `{"name":"a","flag":false}`,
		"an empty list":          `{"name":"a","words":[]}`,
		"null":                   `{"name":"a","words":null}`,
		"a long number":          `{"name":"a","date":01}`,
		"a number with a sign":   `{"name":"a","date":+1}`,
		"another form":           `{"name":"a","share":0.250}`,
		"too large":              `{"name":"a","votes":4294967296}`,
		"endless digits":         `{"name":"a","share":` + strings.Repeat("1", 1000) + `}`,
		"not a number":           `{"name":"a","share":NaN}`,
		"infinite":               `{"name":"a","share":1e999}`,
		"an escaped letter":      `{"name":"\u0061"}`,
		"a short escape":         `{"name":"\n"}`,
		"an upper-case escape":   `{"name":"\u001B"}`,
		"a byte that is UTF-8":   `{"name":"\u000061"}`,
		"half a byte":            `{"name":"\u0000e"}`,
		"no hexadecimal digits":  `{"name":"\u0000zz"}`,
		"invalid UTF-8":          "{\"name\":\"\xe9\"}",
		"a control character":    "{\"name\":\"\x1b\"}",
		"a comma at the end":     `{"name":"a",}`,
		"a comma in a list":      `{"name":"a","words":["b",]}`,
		"an open list":           `{"name":"a","words":["b"`,
		"an open text":           `{"name":"a`,
		"an escape at the end":   `{"name":"a\`,
		"an open object":         `{"name":"a"`,
		"data after the object":  `{"name":"a"}{}`,
		"a text for a list":      `{"name":"a","words":"b"}`,
		"a number for a text":    `{"name":5}`,
		"three levels":           `{"name":"a","lists":[[["b"]]]}`,
		"a list of empty lists":  `{"name":"a","lists":[[]`,
		"UTF-8 as several bytes": `{"name":"\u0000c3\u0000a9"}`,
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, new(thing).object().Parse(line), ErrInvalid)
		})
	}
}

// TestObject_TooManyStrings checks that a line cannot need many times its length in memory.
func TestObject_TooManyStrings(t *testing.T) {
	words := strings.Repeat(`"a",`, MaxStrings)
	require.ErrorIs(t, new(thing).object().Parse(`{"name":"a","words":[`+words+`"a"]}`), ErrInvalid)
	lists := strings.Repeat(`[],`, MaxStrings)
	require.ErrorIs(t, new(thing).object().Parse(`{"name":"a","lists":[`+lists+`[]]}`), ErrInvalid)
}

// FuzzObject checks that a line that can be read is the one that is written for its values, and that values are read as they were written.
func FuzzObject(f *testing.F) {
	f.Add(`{"name":"a","date":5,"lists":[["x/","a"]],"share":0.5,"words":["\u0000e9"]}`)
	f.Add("\x00\xff\"\\")
	f.Fuzz(func(t *testing.T, line string) {
		var got thing
		if err := got.object().Parse(line); err == nil {
			require.Equal(t, line, string(got.object().Append(nil)))
			key, err := keyOf([]byte(line))
			if got.Name != "" {
				require.NoError(t, err)
				require.Equal(t, got.Name, key)
			}
		}
		want := thing{Name: line, Words: []string{line, "a"}, Lists: [][]string{{line}}, Share: float64(len(line)) / 7}
		written := string(want.object().Append(nil))
		require.True(t, json.Valid([]byte(written)))
		require.NotContains(t, written, "\n")
		require.NoError(t, got.object().Parse(written))
		got.Words, got.Lists = emptyToNil(got.Words), emptyToNil(got.Lists)
		require.Equal(t, want, got)
	})
}
