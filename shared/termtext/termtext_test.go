package termtext

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"":                          "",
		"plain text 1.0":            "plain text 1.0",
		"Grüße 日本":                  "Grüße 日本",
		"a\x1b[31mred":              "a\uFFFD[31mred",
		"two\nlines\r":              "two\uFFFDlines\uFFFD",
		"tab\t\x00\x7f":             "tab\uFFFD\uFFFD\uFFFD",
		"csi \u009b":                "csi \uFFFD",
		"\u202eevil\u202c":          "\uFFFDevil\uFFFD",
		"\u2066\u2069\u200e\u061c!": "\uFFFD\uFFFD\uFFFD\uFFFD!",
		"bad \xff\xc3":              "bad \uFFFD\uFFFD",
		"nbsp\u00a0":                "nbsp\u00a0",
	} {
		require.Equal(t, want, Clean(in), "%q", in)
	}
}

func TestAppendSafeJSON(t *testing.T) {
	const text = "\x1b\u009b\u202e ü \x7f"
	b, err := json.Marshal(text)
	require.NoError(t, err)
	b = AppendSafeJSON(nil, b)
	require.Equal(t, `"\u001b\u009b\u202e ü \u007f"`, string(b))
	var back string
	require.NoError(t, json.Unmarshal(b, &back))
	require.Equal(t, text, back)
}

func FuzzClean(f *testing.F) {
	f.Add("a\x1b\xff\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		c := Clean(s)
		require.True(t, utf8.ValidString(c))
		for _, r := range c {
			require.False(t, IsUnsafe(r))
		}
		require.Equal(t, c, Clean(c))
	})
}

func TestClean_SafeNotCopied(t *testing.T) {
	for _, s := range []string{"plain text 1.0", "Grüße 日本 \uFFFD"} {
		require.Zero(t, testing.AllocsPerRun(10, func() { Clean(s) }), s)
	}
}

func BenchmarkClean(b *testing.B) {
	for name, s := range map[string]string{
		"plain": "Fast, Private & Safe Web Browser from Mozilla", "letters": "Grüße: ein schneller Browser für alle",
		"unsafe": "colour \x1b[31mred\x1b[0m and \u202eback",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Clean(s)
			}
		})
	}
}

func TestShorten(t *testing.T) {
	require.Equal(t, "abc", Shorten("abc", 3))
	require.Equal(t, "ab…", Shorten("abc", 2))
	require.Equal(t, "a…", Shorten("aé", 2), "not half a character")
}
