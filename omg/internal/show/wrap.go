package show

import (
	"strings"
	"unicode"

	textwidth "golang.org/x/text/width"

	"github.com/omg-arch/omg/shared/termtext"
)

// newline begins a line at a column.
func (p printer) newline(column int) {
	p.raw("\n")
	p.raw(blanks[:column])
}

// wrap prints text from a column on, and begins each further line there. As
// with pacman, spaces in a row become one where text is wrapped at all, and a
// word that is too long for a line goes over its end.
func (p printer) wrap(s string, start int) {
	s = termtext.Clean(s)
	if p.Width == 0 || start > p.Width {
		p.raw(s)
		return
	}
	at := start
	for s != "" {
		if s[0] != ' ' {
			word := firstWord(s)
			p.raw(word)
			at += width(word)
			s = s[len(word):]
			continue
		}
		s = strings.TrimLeft(s, " ")
		// Past the end pacman's count of free columns is a huge number, so that
		// all that follows a word too long stays on its line.
		if free := p.Width - at; free >= 0 && width(firstWord(s))+1 > free {
			p.newline(start)
			at = start
		} else {
			p.raw(" ")
			at++
		}
	}
}

// firstWord is what stands before the first space.
func firstWord(s string) string {
	word, _, _ := strings.Cut(s, " ")
	return word
}

// width is how many columns a clean text takes, as glibc's wcswidth counts.
func width(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

// runeWidth is glibc's wcwidth: two columns for what East Asian Width calls wide
// or full, none for marks, format characters and the vowels and finals of Hangul
// that join the letter before. Its exceptions are signs that stand before digits,
// and old symbols that it keeps wide.
//
// Libraries for terminals differ from it in more characters, and the usual one
// builds a table of 2 MB at the first letter that is not European: a millisecond,
// as long as a whole answer takes.
func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case 0x1160 <= r && r <= 0x11ff, 0xd7b0 <= r && r <= 0xd7fb:
		return 0
	case 0x3248 <= r && r <= 0x324f, 0x4dc0 <= r && r <= 0x4dff:
		return 2
	case unicode.Is(unicode.Prepended_Concatenation_Mark, r):
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	}
	switch textwidth.LookupRune(r).Kind() {
	case textwidth.EastAsianWide, textwidth.EastAsianFullwidth:
		return 2
	}
	return 1
}
