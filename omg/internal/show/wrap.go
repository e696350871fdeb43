package show

import (
	"strings"
	"unicode"

	textwidth "golang.org/x/text/width"
)

// newline starts a new line and indents it to a column.
func (p printer) newline(column int) {
	p.writeRaw("\n")
	p.writeRaw(strings.Repeat(" ", column))
}

// wrap prints a text and wraps it. The text begins in the column that start gives, and its further lines are indented to
// the same column. Like pacman, wrap merges the spaces at a line break, and does not break a word that is too long for a
// line.
func (p printer) wrap(s string, start int) {
	s = p.clean(s)
	if p.Width == 0 || start > p.Width {
		p.writeMatches(s)
		return
	}
	at := start
	for s != "" {
		if s[0] != ' ' {
			word := firstWord(s)
			p.writeMatches(word)
			at += textWidth(word)
			s = s[len(word):]
			continue
		}
		s = strings.TrimLeft(s, " ")
		// After a word that is too long, pacman's unsigned number of free columns wraps around to a large number. The
		// remaining text therefore stays on the line of that word.
		if free := p.Width - at; free >= 0 && textWidth(firstWord(s))+1 > free {
			p.newline(start)
			at = start
		} else {
			p.writeRaw(" ")
			at++
		}
	}
}

// wrapWords prints a text that begins in the column at, and wraps it, with its further lines indented to the column indent. It returns the
// column after the text. Unlike wrap, it also breaks the line before a word that is too long for any line, and after it.
func (p printer) wrapWords(s string, at, indent int) int {
	s = p.clean(s)
	if p.Width <= indent {
		p.writeRaw(s)
		return at + textWidth(s)
	}
	for i, word := range strings.Split(s, " ") {
		width := textWidth(word)
		switch {
		case i == 0:
		case at+1+width > p.Width:
			p.newline(indent)
			at = indent
		default:
			p.writeRaw(" ")
			at++
		}
		p.writeRaw(word)
		at += width
	}
	return at
}

// firstWord returns the text before the first space.
func firstWord(s string) string {
	word, _, _ := strings.Cut(s, " ")
	return word
}

// textWidth returns the number of columns of a clean text, like glibc's wcswidth.
func textWidth(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

// runeWidth returns the number of columns of a character, like glibc's wcwidth:
//
//   - 2 for wide and full-width characters (East Asian Width), and for old symbols that glibc treats as wide
//   - 0 for combining marks, for format characters, and for Hangul vowels and final consonants, which join the letter before
//   - 1 for all other characters, and for the format characters that are printed before digits, such as U+0600
//
// Libraries for terminals differ from glibc in more characters. The usual library also builds a table of 2 MB when it
// meets the first non-European letter. That takes a millisecond, as long as a whole run of omg.
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
