package browser

import (
	"strings"

	"github.com/omg-arch/omg/omg/omg-browse/internal/styled"
)

// ShowCommand covers the list with a text about the command for the chosen packages. Long lines are wrapped between words.
func (b *Browser) ShowCommand(lines []string) { b.Command, b.HelpTop = lines, 0 }

// CommandLines returns the lines of this text for the width of the screen.
func (b *Browser) CommandLines() (lines []string) {
	for _, line := range b.Command {
		lines = append(lines, wrap(line, b.layout.Width-2)...)
	}
	return lines
}

// wrap divides a text between words into lines of a number of columns. The lines after the first one are indented as this one is, by two
// columns more. A longer word has a line of its own.
func wrap(text string, columns int) (lines []string) {
	indent := text[:len(text)-len(strings.TrimLeft(text, " "))]
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = indent + word
		case styled.Width(line)+1+styled.Width(word) > columns:
			lines = append(lines, line)
			line = indent + "  " + word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}
