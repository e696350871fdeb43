package pkgindex

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fold returns s in the form in which a search compares text. By simple Unicode case folding, every rune is replaced by
// one of those that differ from it only in case: the lower-case letter in ASCII, otherwise the smallest. Bytes that are
// not UTF-8 stay unchanged; a NUL, which separates fields in the index, becomes U+FFFD.
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

// relationName returns the name in "name>=1.2", "name=1:2-3" and "name: why", cut where libalpm cuts it.
func relationName(rel string) string {
	rel, _, _ = strings.Cut(rel, ": ")
	if i := strings.IndexAny(rel, "<>="); i >= 0 {
		return rel[:i]
	}
	return rel
}

// letters returns the set of characters in a name as bits: 26 for letters, 4 for digits, 2 for the rest. Names at an
// edit distance of n differ in at most 2n bits, which excludes nearly all names without reading their text.
func letters(name []byte) uint32 {
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
