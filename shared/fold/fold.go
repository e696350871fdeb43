// Package fold removes the differences of case from text, so that text that differs only in case becomes equal.
package fold

import (
	"slices"
	"unicode"
	"unicode/utf8"
)

// String returns s in the form in which a search compares text. An ASCII letter becomes the lower-case letter. Any other
// rune becomes the smallest of the runes that differ from it only in case, by simple Unicode case folding. Bytes that are
// not UTF-8 stay unchanged. A NUL becomes U+FFFD, because NULs separate fields in an index.
func String(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' || c == 0 {
			return string(Append(make([]byte, 0, len(s)+8), s))
		}
	}
	return s
}

// lower is the lower case of each ASCII character.
var lower = func() (table [utf8.RuneSelf]byte) {
	for c := range table {
		table[c] = byte(unicode.ToLower(rune(c)))
	}
	return table
}()

// Append appends s to dst in the form that String returns.
func Append[T string | []byte](dst []byte, s T) []byte {
	dst = slices.Grow(dst, len(s))
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf && c != 0 {
			dst = append(dst, lower[c])
			i++
			continue
		}
		if c == 0 {
			dst = append(dst, "\uFFFD"...)
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(string(s[i:min(len(s), i+utf8.UTFMax)]))
		if r == utf8.RuneError && n == 1 {
			dst = append(dst, c)
		} else {
			dst = utf8.AppendRune(dst, Rune(r))
		}
		i += n
	}
	return dst
}

// Rune returns the smallest of the runes that differ from r only in case, and the lower-case letter for an ASCII letter.
func Rune(r rune) rune {
	for next := unicode.SimpleFold(r); ; next = unicode.SimpleFold(next) {
		if next <= r {
			r = next
			break
		}
	}
	if 'A' <= r && r <= 'Z' {
		r += 'a' - 'A'
	}
	return r
}
