// Package show prints packages for people, in pacman's own shape: what pacman
// -Ss and -Si print, to the letter, piped or on a terminal.
//
// It differs from pacman in two ways. Every text that comes from outside is
// cleaned first, so that a package can neither steer the terminal nor forge a
// line: controls, marks that steer bidirectional text and bytes that are not
// UTF-8 become U+FFFD, where pacman prints what it is given. And a package's
// block ends with the version that is installed, if one is.
package show

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/termtext"
)

// Style is how to print. The zero value is plain text for a pipe or a file.
type Style struct {
	// Color says whether to colour.
	Color bool
	// Width is the number of columns at which text is wrapped; 0 is not to wrap.
	Width int
}

// NewStyle returns the style for a terminal, or nil for what is none, and what
// --color says: auto colours a terminal unless NO_COLOR is set (no-color.org).
func NewStyle(color string, terminal *os.File) (Style, error) {
	s := Style{Width: columns(os.Getenv("COLUMNS"), terminal)}
	switch color {
	case "always":
		s.Color = true
	case "never":
	case "auto":
		s.Color = terminal != nil && os.Getenv("NO_COLOR") == ""
	default:
		return s, fmt.Errorf("--color takes auto, always or never, not %q", color)
	}
	return s, nil
}

// columns is where pacman wraps: at a number in COLUMNS, piped or not, where 0
// is never; else at the terminal's width, 80 when it does not know its own.
func columns(env string, terminal *os.File) int {
	// Shells and watch(1) write plain numbers; 16 bits are what pacman keeps.
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

// The colours of pacman.
const (
	colorNone    = "\x1b[0m"
	colorTitle   = "\x1b[0;1m"
	colorRepo    = "\x1b[1;35m"
	colorVersion = "\x1b[1;32m"
	colorGroups  = "\x1b[1;34m"
	colorMeta    = "\x1b[1;36m"
)

// printer prints in a style. Only raw writes text as it is, which must be ours;
// all others clean it. A failed write shows when the writer is flushed.
type printer struct {
	Style
	w *bufio.Writer
}

func (p printer) raw(s string)  { _, _ = p.w.WriteString(s) }
func (p printer) text(s string) { p.raw(termtext.Clean(s)) }

func (p printer) color(code string) {
	if p.Color {
		p.raw(code)
	}
}

const blanks = "                  "

// label is how wide the label of a field is with the colon behind it, and value
// the column in which its value begins.
const (
	label = 17
	value = label + 1
)

func (p printer) title(name string) {
	p.color(colorTitle)
	p.raw(name)
	p.raw(blanks[:label-1-len(name)])
	p.raw(":")
	p.color(colorNone)
	p.raw(" ")
}

// line prints a field whose value is never wrapped, as pacman does with sizes.
func (p printer) line(name, text string) {
	p.title(name)
	p.text(text)
	p.raw("\n")
}

// field prints a text, or None.
func (p printer) field(name, text string) {
	p.title(name)
	if text == "" {
		text = "None"
	}
	p.wrap(text, value)
	p.raw("\n")
}

// lines prints each text on lines of its own, or None.
func (p printer) lines(name string, texts []string) {
	p.title(name)
	if len(texts) == 0 {
		p.raw("None")
	}
	for i, t := range texts {
		if i > 0 {
			p.newline(value)
		}
		p.wrap(t, value)
	}
	p.raw("\n")
}

// list prints texts side by side, or None. A line ends before the text that
// would reach the last column but one; a text itself is never broken.
func (p printer) list(name string, texts []string) {
	p.title(name)
	if len(texts) == 0 {
		p.raw("None")
	}
	at := value
	for i, t := range texts {
		t = termtext.Clean(t)
		w := width(t)
		switch {
		case i == 0:
		case p.Width > value && at+w+2 >= p.Width:
			p.newline(value)
			at = value
		case at != value: // an empty text takes no place
			p.raw("  ")
			at += 2
		}
		p.raw(t)
		at += w
	}
	p.raw("\n")
}

// date is a time as %c has it in the C locale, in the local time zone.
func date(unix int64) string {
	return time.Unix(unix, 0).Format("Mon Jan _2 15:04:05 2006")
}

var units = [...]string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}

// unit is the unit in which pacman prints a number of bytes: the first in which
// it is at most 2048.
func unit(bytes uint64) int {
	v, i := float64(bytes), 0
	for v > 2048 && i < len(units)-1 {
		v, i = v/1024, i+1
	}
	return i
}

// size is a number of bytes in a unit, with two decimals.
func size(bytes uint64, unit int) string {
	v := float64(bytes)
	for range unit {
		v /= 1024
	}
	return strconv.FormatFloat(v, 'f', 2, 64) + " " + units[unit]
}
