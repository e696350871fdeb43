// Package show prints packages for people, in pacman's own shape: what pacman
// -Ss and -Si print, to the letter, piped or on a terminal.
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
	"github.com/omg-arch/omg/shared/wire"
)

// Style is how to print.
type Style struct {
	// Color says whether to colour.
	Color bool
	// Width is the terminal's number of columns, at which text is wrapped; 0
	// for what is no terminal, where it is not.
	Width int
}

// NewStyle returns the style for a terminal, or nil for what is none, and what
// --color says: auto colours a terminal unless NO_COLOR is set (no-color.org).
func NewStyle(color string, terminal *os.File) (Style, error) {
	var s Style
	switch color {
	case "always":
		s.Color = true
	case "never":
	case "auto":
		s.Color = terminal != nil && os.Getenv("NO_COLOR") == ""
	default:
		return s, fmt.Errorf("--color takes auto, always or never, not %q", color)
	}
	if terminal != nil {
		s.Width = 80
		if size, err := unix.IoctlGetWinsize(int(terminal.Fd()), unix.TIOCGWINSZ); err == nil && size.Col > 0 {
			s.Width = int(size.Col)
		}
	}
	return s, nil
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

// printer prints one package. Everything that comes from outside goes through
// text, plain or wrap, which clean it.
type printer struct {
	Style
	w *bufio.Writer
}

func (p printer) color(code string) {
	if p.Color {
		_, _ = p.w.WriteString(code)
	}
}

func (p printer) raw(s string)  { _, _ = p.w.WriteString(s) }
func (p printer) text(s string) { _, _ = p.w.WriteString(termtext.Clean(s)) }

// Search prints a package as a search result.
func (s Style) Search(w *bufio.Writer, pkg *wire.Package) {
	p := printer{s, w}
	p.color(colorRepo)
	p.text(pkg.Repo)
	p.raw("/")
	p.color(colorTitle)
	p.text(pkg.Name)
	p.raw(" ")
	p.color(colorVersion)
	p.text(pkg.Version)
	p.color(colorNone)
	if len(pkg.Groups) > 0 {
		p.raw(" ")
		p.color(colorGroups)
		p.raw("(")
		p.text(strings.Join(pkg.Groups, " "))
		p.raw(")")
		p.color(colorNone)
	}
	p.aurMarks(pkg)
	p.installedMark(pkg)
	p.raw("\n    ")
	p.wrap(pkg.Desc, 4)
	p.raw("\n")
}

func (p printer) mark(s string) {
	p.raw(" ")
	p.color(colorMeta)
	p.raw("[")
	p.text(s)
	p.raw("]")
	p.color(colorNone)
}

func (p printer) installedMark(pkg *wire.Package) {
	switch pkg.Installed {
	case "":
	case pkg.Version:
		p.mark("installed")
	default:
		p.mark("installed: " + pkg.Installed)
	}
}

func (p printer) aurMarks(pkg *wire.Package) {
	if pkg.AUR == nil {
		return
	}
	p.raw(" (+" + strconv.FormatUint(uint64(pkg.AUR.Votes), 10) + " " + popularity(pkg.AUR) + ")")
	if pkg.AUR.OutOfDate != 0 {
		p.mark("out of date")
	}
	if pkg.Shadowed {
		p.mark("shadowed")
	}
}

func popularity(a *wire.AUR) string { return strconv.FormatFloat(a.Popularity, 'f', 2, 64) }

// date is a time as the C locale's %c has it, in the local time zone.
func date(unix int64) string {
	if unix == 0 {
		return ""
	}
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
