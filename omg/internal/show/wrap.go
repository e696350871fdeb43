package show

import (
	"strings"

	"github.com/mattn/go-runewidth"

	"github.com/omg-arch/omg/shared/termtext"
)

// width is how many columns a text takes.
func width(s string) int { return runewidth.StringWidth(termtext.Clean(s)) }

func (p printer) indent(n int) {
	p.raw("\n")
	p.raw(strings.Repeat(" ", n))
}

// wrap prints text that begins at a column and goes on there on each further
// line. On a terminal runs of spaces become one, as pacman has it.
func (p printer) wrap(s string, column int) {
	s = termtext.Clean(s)
	if p.Width == 0 || column > p.Width {
		p.raw(s)
		return
	}
	at := column
	for i, word := range strings.Split(s, " ") {
		w := runewidth.StringWidth(word)
		switch {
		case i == 0:
		case word == "":
			continue
		case w+1 > p.Width-at:
			p.indent(column)
			at = column
		default:
			p.raw(" ")
			at++
		}
		p.raw(word)
		at += w
	}
}
