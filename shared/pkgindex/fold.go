package pkgindex

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fold returns s in the form in which a search compares text, so that text that differs only in case becomes equal. An
// ASCII letter becomes the lower-case letter. Any other rune becomes the smallest of the runes that differ from it only
// in case, by simple Unicode case folding. Bytes that are not UTF-8 stay unchanged. A NUL becomes U+FFFD, because NULs
// separate fields in the index.
func Fold(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' || c == 0 {
			return string(appendFold(make([]byte, 0, len(s)+8), s))
		}
	}
	return s
}

func appendFold(dst []byte, s string) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			switch {
			case 'A' <= c && c <= 'Z':
				c += 'a' - 'A'
			case c == 0:
				dst = append(dst, "\uFFFD"...)
				i++
				continue
			}
			dst = append(dst, c)
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			dst = append(dst, c)
		} else {
			dst = utf8.AppendRune(dst, foldRune(r))
		}
		i += n
	}
	return dst
}

// foldRune returns the smallest of the runes that differ from r only in case.
func foldRune(r rune) rune {
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

// stripVersion returns the name from "name>=1.2", "name=1:2-3" or "name: why". The name ends where libalpm ends it.
func stripVersion(rel string) string {
	rel, _, _ = strings.Cut(rel, ": ")
	if i := strings.IndexAny(rel, "<>="); i >= 0 {
		return rel[:i]
	}
	return rel
}

// separatorBits are the bits of nameCharBits for characters that are neither letters nor digits.
const separatorBits = 3 << 30

// nameCharBits returns the set of characters in a name as bits: 26 bits for letters, 4 for digits, and 2 for all other
// characters. Two names at an edit distance of n differ in at most 2n bits, so that a search for similar names excludes
// nearly all names without reading their text.
func nameCharBits(name []byte) uint32 {
	var set uint32
	for _, c := range name {
		switch {
		case 'a' <= c && c <= 'z':
			set |= 1 << (c - 'a')
		case '0' <= c && c <= '9':
			set |= 1 << (26 + (c-'0')/3)
		case c == '-':
			set |= 1 << 30
		default:
			set |= 1 << 31
		}
	}
	return set
}
