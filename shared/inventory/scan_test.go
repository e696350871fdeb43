package inventory

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// scan returns the error of a scanner that skips one value, after which the text must end.
func scan(text string) error {
	s := &scanner{text: []byte(text)}
	s.skip()
	if s.next(); s.at < len(s.text) {
		s.fail(errSyntax)
	}
	return s.err
}

// TestScanner_String compares each byte at each position of a string with encoding/json: also at the ends of the 8 bytes that the scanner
// reads at once.
func TestScanner_String(t *testing.T) {
	for length := range 20 {
		for at := range length {
			for c := range 256 {
				content := []byte(strings.Repeat("x", length))
				content[at] = byte(c)
				text := `"` + string(content) + `"`
				s := &scanner{text: []byte(text)}
				got := s.string()
				var want string
				err := json.Unmarshal([]byte(text), &want)
				if s.next(); err != nil {
					require.True(t, s.err != nil || s.at < len(text), "%q", text)
				} else {
					require.NoError(t, s.err, "%q", text)
					require.Equal(t, want, got, "%q", text)
				}
			}
		}
	}
}

func TestScanner_Literal(t *testing.T) {
	accepted := 0
	for _, text := range []string{
		"0", "-0", "-", "+1", "01", "-01", "10", "1.", "1.0", ".5", "1.5.2", "1e", "1e5", "1E+5", "1e-05", "1e+", "1e5.0", "-1.25e-3", "--1", "1-", "0x1", "1_0", "NaN",
		"true", "tru", "truex", "True", "false", "falsee", "fals", "null", "nul", "nullnull", "", " ", "1 1", "\x00", "t", "n", strings.Repeat("1", 100), "1\u00a0",
	} {
		valid := json.Valid([]byte(text))
		require.Equal(t, valid, scan(text) == nil, "%q", text)
		require.Equal(t, json.Valid([]byte("["+text+"]")), scan("["+text+"]") == nil, "[%s]", text)
		if valid {
			accepted++
		}
	}
	require.Equal(t, 12, accepted)
}

// FuzzScanner checks that the scanner accepts what encoding/json accepts, except values that are too deep, and nothing else.
func FuzzScanner(f *testing.F) {
	for _, text := range []string{
		`{"a":[1,-2.5e3,true,null,"\u00e9\"\\"],"b":{}}`, "[1,]", "{,}", `{"a" :1 , "b": [ ] }`, `"\ud800"`, "\"\xff\"", `"\`, "\"1234567\x1f\"", "[[]", "]",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if err := scan(text); !errors.Is(err, errDeep) {
			require.Equal(t, json.Valid([]byte(text)), err == nil, "%q", text)
		}
	})
}
