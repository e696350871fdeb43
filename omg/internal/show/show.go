// Package show prints packages for people, in the format of pacman: exactly what pacman -Ss and -Si print, piped or on
// a terminal.
//
// The output differs from pacman's in two ways. First, text of packages is cleaned, so that it can neither control the
// terminal nor forge a line: control characters, bidi control characters and invalid UTF-8 become U+FFFD. Second, if the
// package is installed, its block ends with the installed version. The functions in pacman.go have no second difference,
// and with Style.Exact there is no first.
package show

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/termtext"
)

// Style describes how to print. The zero value means plain text for a pipe or a file.
type Style struct {
	// Color turns colours on.
	Color bool
	// Width is the number of columns at which text is wrapped; 0 means never.
	Width int
	// Exact means that text of packages is printed unchanged, as pacman does. It must not be set for a terminal.
	Exact bool
	// Links makes addresses hyperlinks.
	Links bool
	// Matches lists the words, in lower case and not empty, that are underlined in the results of a search.
	Matches []string
}

// NewStyle returns the style of the output. The parameter terminal is nil if the output is not a terminal. The
// parameter color is the value of --color, where auto means colours on a terminal unless NO_COLOR is set
// (no-color.org) or TERM is dumb.
func NewStyle(color string, terminal *os.File) (Style, error) {
	s := Style{Width: pacmanWrapColumn(os.Getenv("COLUMNS"), terminal), Links: terminal != nil && hasLinks(os.Getenv)}
	switch color {
	case "always":
		s.Color = true
	case "never":
	case "auto":
		s.Color = terminal != nil && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	default:
		return s, fmt.Errorf("--color must be auto, always or never, not %q", color)
	}
	return s, nil
}

// pacmanWrapColumn returns the column at which pacman wraps its output; 0 means never. If the variable COLUMNS is a number, pacman
// wraps at this column, even in a pipe. Otherwise it wraps at the terminal's width, or at 80 if the width is unknown.
func pacmanWrapColumn(env string, terminal *os.File) int {
	// Shells and watch(1) set COLUMNS to a plain number; pacman stores it in 16 bits.
	if n, err := strconv.ParseUint(env, 10, 16); err == nil {
		return int(n)
	}
	if terminal == nil {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(terminal.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 {
		return 80
	}
	return int(size.Col)
}

// TerminalRows returns the number of lines of a terminal, or 24 if it is unknown.
func TerminalRows(terminal *os.File) int {
	size, err := unix.IoctlGetWinsize(int(terminal.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Row == 0 {
		return 24
	}
	return int(size.Row)
}

// pacman's colours.
const (
	resetColor   = "\x1b[0m"
	titleColor   = "\x1b[0;1m"
	repoColor    = "\x1b[1;35m"
	versionColor = "\x1b[1;32m"
	groupsColor  = "\x1b[1;34m"
	markColor    = "\x1b[1;36m"
	warnColor    = "\x1b[1;33m"
	failedColor  = "\x1b[1;31m"
)

// printer prints text with the colours and the width of its Style. Only the method writeRaw writes text unchanged, and it is
// used only for omg's own text; all other methods clean their text first, unless Style.Exact is set. The methods ignore write errors, because the
// final flush returns the first write error.
type printer struct {
	Style
	w *bufio.Writer
}

func (p printer) writeRaw(s string)   { _, _ = p.w.WriteString(s) }
func (p printer) writeClean(s string) { p.writeRaw(p.clean(s)) }

// clean makes a text safe for a terminal, unless text is printed unchanged.
func (p printer) clean(s string) string {
	if p.Exact {
		return s
	}
	return termtext.Clean(s)
}

func (p printer) setColor(code string) {
	if p.Color {
		p.writeRaw(code)
	}
}

const blanks = "                  "

// labelWidth is the width of a field's label with the colon after it, and valueColumn is the column in which the value begins.
const (
	labelWidth  = 17
	valueColumn = labelWidth + 1
)

func (p printer) printFieldLabel(name string) {
	p.setColor(titleColor)
	p.writeRaw(name)
	p.writeRaw(blanks[:labelWidth-1-len(name)])
	p.writeRaw(":")
	p.setColor(resetColor)
	p.writeRaw(" ")
}

// printUnwrappedField prints a field whose value is never wrapped, such as pacman's sizes.
func (p printer) printUnwrappedField(name, text string) {
	p.printFieldLabel(name)
	p.writeClean(text)
	p.writeRaw("\n")
}

// printField prints a field with a text, or with None if the text is empty.
func (p printer) printField(name, text string) {
	p.printFieldLabel(name)
	if text == "" {
		text = "None"
	}
	p.wrap(text, valueColumn)
	p.writeRaw("\n")
}

// printMultilineField prints a field with each text on its own line, or with None if there is no text.
func (p printer) printMultilineField(name string, texts []string) {
	p.printFieldLabel(name)
	if len(texts) == 0 {
		p.writeRaw("None")
	}
	for i, t := range texts {
		if i > 0 {
			p.newline(valueColumn)
		}
		p.wrap(t, valueColumn)
	}
	p.writeRaw("\n")
}

// row is one line of a field. It consists of a name, a coloured state, and a text that is wrapped in the columns after
// the state. The name and the state are padded to the width of their columns.
type row struct{ name, state, color, rest string }

// printRowsField prints a field with each row on its own line, or with None if there is no row.
func (p printer) printRowsField(name string, rows []row) {
	p.printFieldLabel(name)
	if len(rows) == 0 {
		p.writeRaw("None")
	}
	for i, r := range rows {
		if i > 0 {
			p.newline(valueColumn)
		}
		name, state := p.clean(r.name), p.clean(r.state)
		p.writeRaw(name)
		p.setColor(r.color)
		p.writeRaw(strings.TrimRight(state, " "))
		p.setColor(resetColor)
		if r.rest != "" {
			p.writeRaw(strings.Repeat(" ", len(state)-len(strings.TrimRight(state, " "))))
			p.wrap(r.rest, valueColumn+textWidth(name)+textWidth(state))
		}
	}
	p.writeRaw("\n")
}

// printListField prints a field with texts side by side, or with None if there is no text. A new line begins before a text that
// would reach the last but one column; lines never break inside a text.
func (p printer) printListField(name string, texts []string) {
	p.printFieldLabel(name)
	if len(texts) == 0 {
		p.writeRaw("None")
	}
	at := valueColumn
	for i, t := range texts {
		t = p.clean(t)
		w := textWidth(t)
		switch {
		case i == 0:
		case p.Width > valueColumn && at+w+2 >= p.Width:
			p.newline(valueColumn)
			at = valueColumn
		case at != valueColumn: // no separator if the line is still empty or contains only empty strings
			p.writeRaw("  ")
			at += 2
		}
		p.writeRaw(t)
		at += w
	}
	p.writeRaw("\n")
}

// formatDate returns a time in the format %c of the C locale, in the local time zone.
func formatDate(unix int64) string {
	return time.Unix(unix, 0).Format("Mon Jan _2 15:04:05 2006")
}

var sizeUnits = [...]string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}

// sizeUnit returns the index of the unit in which pacman prints a number of bytes: the smallest unit in which the number is
// at most 2048.
func sizeUnit(bytes uint64) int {
	v, i := float64(bytes), 0
	for v > 2048 && i < len(sizeUnits)-1 {
		v, i = v/1024, i+1
	}
	return i
}

// formatSize returns a number of bytes in a unit, with two decimals.
func formatSize(bytes uint64, unit int) string {
	v := float64(bytes)
	for range unit {
		v /= 1024
	}
	return strconv.FormatFloat(v, 'f', 2, 64) + " " + sizeUnits[unit]
}
