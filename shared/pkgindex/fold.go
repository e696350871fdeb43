package pkgindex

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fold returns s in the form in which a search compares text: by simple
// Unicode case folding every rune becomes one representative of those that
// differ from it only in case (the lower-case letter in ASCII, else the
// smallest). Bytes that are not UTF-8 stay as they are; a NUL, which separates
// fields in the index, becomes U+FFFD.
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

// foldRune walks the cycle of runes that are equal but for case to its
// smallest member.
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

// relationName is the name in "name>=1.2", "name=1:2-3" and "name: why", cut
// where libalpm cuts it.
func relationName(rel string) string {
	rel, _, _ = strings.Cut(rel, ": ")
	if i := strings.IndexAny(rel, "<>="); i >= 0 {
		return rel[:i]
	}
	return rel
}

// letters is a set of the characters in a name, as bits: 26 letters, 4 for the
// digits, 2 for the rest. Names at an edit distance of n differ in at most 2n
// bits, which rules out nearly all of them without reading their text.
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
