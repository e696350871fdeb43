// Package styled holds text with colours, as lines that can be cut, scrolled and drawn.
package styled

import (
	"strings"

	"github.com/clipperhouse/displaywidth"

	"github.com/omg-arch/omg/shared/termtext"
)

// Style says how a piece of text looks.
type Style struct {
	// Color is a colour of the terminal's palette, from 1 (dark red) to 15 (white); 0 is the terminal's own colour.
	Color uint8
	// Background is such a colour, or 0.
	Background                    uint8
	Bold, Dim, Underline, Reverse bool
}

// Span is a piece of text in one style.
type Span struct {
	Text string
	Style
}

// Line is a line of text.
type Line []Span

// Plain returns a line in one style.
func Plain(text string, style Style) Line { return Line{{Text: text, Style: style}} }

// String returns the text of a line without its styles.
func (l Line) String() string {
	var b strings.Builder
	for _, s := range l {
		b.WriteString(s.Text)
	}
	return b.String()
}

// Width returns the number of columns that a text takes on a terminal.
func Width(text string) int { return displaywidth.String(text) }

// Cut returns the beginning of a text that fits into a number of columns. If the text is longer, its end becomes "…".
func Cut(text string, columns int) string {
	if columns <= 0 {
		return ""
	}
	return displaywidth.TruncateString(text, columns, "…")
}

// Fold breaks a line into lines that fit into a number of columns, at a blank if there is one in the span that must be broken.
func Fold(line Line, columns int) (lines []Line) {
	var now Line
	at := 0
	for _, s := range line {
		start, pos, blank, inked := 0, 0, -1, false // what begins at start is not in a line yet
		cut := func(end, next int) {
			if end > start {
				now = append(now, Span{s.Text[start:end], s.Style})
			}
			lines, now, start, blank = append(lines, now), nil, next, -1
			at = Width(s.Text[min(start, pos):pos])
			inked = at > 0
		}
		if len(s.Text) <= columns-at { // no character is wider than its bytes
			pos = len(s.Text)
			at += Width(s.Text)
		}
		for g := displaywidth.StringGraphemes(s.Text[pos:]); g.Next(); pos += len(g.Value()) {
			isBlank := g.Value() == " "
			switch {
			case at+g.Width() <= columns || at == 0:
			case isBlank:
				cut(pos, pos+1)
				at-- // this blank is left out
			case blank >= 0:
				cut(blank, blank+1)
			default:
				cut(pos, pos)
			}
			if isBlank && inked {
				blank = pos
			}
			inked = inked || !isBlank
			at += g.Width()
		}
		if start < pos {
			now = append(now, Span{s.Text[start:pos], s.Style})
		}
	}
	return append(lines, now)
}

// Parse converts text with SGR sequences (ECMA-48, 8.3.117), as package show prints it, into lines. It knows the attributes that
// package show uses, and ignores others. A tab becomes four blanks. All other control characters become U+FFFD.
func Parse(text string) []Line {
	var lines []Line
	text = strings.ReplaceAll(text, "\t", "    ")
	style := Style{}
	for row := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		line := Line{}
		for row != "" {
			before, rest, found := strings.Cut(row, "\x1b[")
			if before != "" {
				line = append(line, Span{termtext.Clean(before), style})
			}
			if !found {
				break
			}
			codes, after, ended := strings.Cut(rest, "m")
			if !ended {
				break
			}
			style = style.with(codes)
			row = after
		}
		lines = append(lines, line)
	}
	return lines
}

// with returns the style after an SGR sequence with these codes.
func (s Style) with(codes string) Style {
	for code := range strings.SplitSeq(codes, ";") {
		switch {
		case code == "" || code == "0":
			s = Style{}
		case code == "1":
			s.Bold = true
		case code == "2":
			s.Dim = true
		case code == "4":
			s.Underline = true
		case code == "24":
			s.Underline = false
		case code == "7":
			s.Reverse = true
		case len(code) == 2 && code[0] == '3' && '0' <= code[1] && code[1] <= '7':
			s.Color = code[1] - '0'
		case code == "39":
			s.Color = 0
		}
	}
	return s
}
