// Package termtext makes text from any source safe to print on a terminal: the text cannot move the cursor, change
// colours, start a new line or reverse the direction of the text beside it.
package termtext

import (
	"strings"
	"unicode/utf8"
)

// IsUnsafe reports whether a rune must not be printed: the C0 controls and DEL, the C1 controls, and the marks that
// control bidirectional text (Unicode Standard Annex 9: ALM, LRM, RLM, the embeddings and overrides, the isolates).
func IsUnsafe(r rune) bool {
	switch {
	case r < 0x20, 0x7f <= r && r < 0xa0:
		return true
	case r == 0x61c, r == 0x200e, r == 0x200f:
		return true
	case 0x202a <= r && r <= 0x202e, 0x2066 <= r && r <= 0x2069:
		return true
	}
	return false
}

// Clean replaces each unsafe rune, and each byte that is not UTF-8, by U+FFFD. As a newline is unsafe, the result is
// one line. Safe text is returned unchanged.
func Clean(s string) string {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f {
			return clean(s)
		}
	}
	return s
}

func clean(s string) string {
	safe := 0 // s[:safe] needs no replacement
	for safe < len(s) {
		r, n := utf8.DecodeRuneInString(s[safe:])
		if needsReplacement(r, n) {
			break
		}
		safe += n
	}
	if safe == len(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 8)
	b.WriteString(s[:safe])
	for i := safe; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if needsReplacement(r, n) {
			r = utf8.RuneError
		}
		b.WriteRune(r)
		i += n
	}
	return b.String()
}

// needsReplacement reports whether the rune r, which was decoded from n bytes, must not be printed.
func needsReplacement(r rune, n int) bool { return r == utf8.RuneError && n == 1 || IsUnsafe(r) }

// Shorten returns a text of at most limit bytes, and an ellipsis after it if it was cut. It does not cut a character in two.
func Shorten(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}

// AppendSafeJSON appends JSON text to dst, with each unsafe rune escaped. It leaves the C0 controls as they are: the JSON
// encoder has already escaped those in strings, and between values they are whitespace.
func AppendSafeJSON(dst, json []byte) []byte {
	const hex = "0123456789abcdef"
	for len(json) > 0 {
		r, n := utf8.DecodeRune(json)
		if r >= 0x7f && IsUnsafe(r) {
			dst = append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		} else {
			dst = append(dst, json[:n]...)
		}
		json = json[n:]
	}
	return dst
}
