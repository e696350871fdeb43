package command

import (
	"strings"
	"unicode/utf8"
)

// helpWidth is the number of columns of a help text. It does not depend on the terminal, because manual pages and completions are
// generated from the help.
const helpWidth = 80

// fitHelp wraps the lines of a help text that are longer than helpWidth: a row of a list in its second column, and a paragraph as a
// whole.
func fitHelp(text string) string {
	lines := strings.Split(text, "\n")
	var out []string
	for i := 0; i < len(lines); {
		if column := secondColumn(lines[i]); column > 0 {
			out = append(out, wrapWords(lines[i][:column], lines[i][column:], helpWidth)...)
			i++
			continue
		}
		end := i + 1
		for end < len(lines) && lines[i] != "" && lines[end] != "" && indentOf(lines[end]) == indentOf(lines[i]) && secondColumn(lines[end]) == 0 {
			end++
		}
		out = append(out, wrapParagraph(lines[i:end])...)
		i = end
	}
	return strings.Join(out, "\n")
}

// secondColumn returns the position of the second column in a row of a list, which begins after at least two spaces. It returns 0 if
// the line is not such a row.
func secondColumn(line string) int {
	text := strings.TrimLeft(line, " ")
	head, rest, found := strings.Cut(text, "  ")
	if !found || head == "" || len(text) == len(line) {
		return 0
	}
	rest = strings.TrimLeft(rest, " ")
	return len(line) - len(rest)
}

func indentOf(line string) string { return line[:len(line)-len(strings.TrimLeft(line, " "))] }

// wrapParagraph returns the lines of a paragraph unchanged if each fits.
func wrapParagraph(lines []string) []string {
	for _, line := range lines {
		if utf8.RuneCountInString(line) > helpWidth {
			return wrapWords(indentOf(lines[0]), strings.Join(lines, " "), helpWidth)
		}
	}
	return lines
}

// wrapWords returns the lines of a text after a prefix, which have at most the given number of columns if no word is longer. The lines after the first one are indented to the width of the prefix.
func wrapWords(prefix, text string, columns int) (lines []string) {
	width := utf8.RuneCountInString(prefix)
	if width+utf8.RuneCountInString(text) <= columns {
		return []string{prefix + text}
	}
	line, at := prefix, width
	for _, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		if at > width && at+1+n > columns {
			lines = append(lines, line)
			line, at = strings.Repeat(" ", width), width
		}
		if at > width {
			line, at = line+" ", at+1
		}
		line, at = line+word, at+n
	}
	return append(lines, line)
}
