package browser

import (
	"strings"
	"unicode"

	"github.com/clipperhouse/displaywidth"

	"github.com/omg-arch/omg/omg/omg-browse/internal/styled"
	"github.com/omg-arch/omg/shared/termtext"
)

// maxInput is the maximum length of the input line in bytes. A longer text is cut: no package has such a name.
const maxInput = 1000

// Input is the input line: a text and a cursor.
type Input struct {
	text   string
	cursor int // the byte before which the cursor is
}

// Text returns the text.
func (in *Input) Text() string { return in.text }

// Words returns the words of the text.
func (in *Input) Words() []string { return strings.Fields(in.text) }

// Set replaces the text, and moves the cursor to its end.
func (in *Input) Set(text string) {
	in.text, in.cursor = "", 0
	in.Insert(text)
}

// Insert inserts a text at the cursor. Characters that must not be shown on a terminal become spaces. What exceeds the maximum length is
// left out.
func (in *Input) Insert(text string) {
	text = strings.ToValidUTF8(text, " ")
	text = strings.Map(func(r rune) rune {
		if termtext.IsUnsafe(r) {
			return ' '
		}
		return r
	}, text)
	if room := maxInput - len(in.text); len(text) > room {
		end := 0
		for g := displaywidth.StringGraphemes(text); g.Next() && end+len(g.Value()) <= room; {
			end += len(g.Value())
		}
		text = text[:end]
	}
	in.text = in.text[:in.cursor] + text + in.text[in.cursor:]
	in.cursor += len(text)
}

// lastCluster returns the start of the last grapheme cluster of a text, which is not empty.
func lastCluster(text string) (start int) {
	at := 0
	for g := displaywidth.StringGraphemes(text); g.Next(); {
		start = at
		at += len(g.Value())
	}
	return start
}

// Left and Right move the cursor by a character.
func (in *Input) Left() {
	if in.cursor > 0 {
		in.cursor = lastCluster(in.text[:in.cursor])
	}
}

// Right moves the cursor to the right.
func (in *Input) Right() {
	if g := displaywidth.StringGraphemes(in.text[in.cursor:]); g.Next() {
		in.cursor += len(g.Value())
	}
}

// Home moves the cursor to the start, and End to the end of the text.
func (in *Input) Home() { in.cursor = 0 }

// End moves the cursor to the end of the text.
func (in *Input) End() { in.cursor = len(in.text) }

// DeleteLeft deletes the character before the cursor, and DeleteRight the one after it.
func (in *Input) DeleteLeft() { in.deleteTo((*Input).Left) }

// DeleteRight deletes the character after the cursor.
func (in *Input) DeleteRight() { in.deleteTo((*Input).Right) }

// DeleteWord deletes the word before the cursor.
func (in *Input) DeleteWord() { in.deleteTo((*Input).wordLeft) }

// DeleteToStart deletes everything before the cursor, and DeleteToEnd everything after it.
func (in *Input) DeleteToStart() { in.deleteTo((*Input).Home) }

// DeleteToEnd deletes everything after the cursor.
func (in *Input) DeleteToEnd() { in.deleteTo((*Input).End) }

// deleteTo deletes what lies between the cursor and the position to which a function moves it.
func (in *Input) deleteTo(move func(*Input)) {
	from := in.cursor
	move(in)
	low, high := min(from, in.cursor), max(from, in.cursor)
	in.text, in.cursor = in.text[:low]+in.text[high:], low
}

// wordLeft moves the cursor to the start of the word before it.
func (in *Input) wordLeft() {
	before := strings.TrimRightFunc(in.text[:in.cursor], unicode.IsSpace)
	in.cursor = strings.LastIndexFunc(before, unicode.IsSpace) + 1
}

// Visible returns the part of the text that fits into a number of columns and contains the cursor, and the cursor's column in it.
func (in *Input) Visible(columns int) (text string, cursor int) {
	columns = max(columns, 2)
	start, before := 0, styled.Width(in.text[:in.cursor])
	for g := displaywidth.StringGraphemes(in.text); before >= columns && g.Next(); {
		start += len(g.Value())
		before -= g.Width()
	}
	return displaywidth.TruncateString(in.text[start:], columns, ""), styled.Width(in.text[start:in.cursor])
}
