package emulator

import (
	"fmt"
	"image/color"
	"strings"
	"time"

	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"
)

// Screen is what a terminal shows.
type Screen struct {
	Cells [][]Cell
	// X and Y are the column and line of the cursor, from 0. Hidden means that the cursor is not shown.
	X, Y   int
	Hidden bool
	// Alternate means that a program shows a screen of its own, after which the previous one appears again.
	Alternate bool
	// Title is the title of the window that programs have set.
	Title string
	// Received is the number of bytes that programs have written, and Arrived is when the last of them arrived.
	Received int64
	Arrived  time.Time
}

// Cell is a column of a line.
type Cell struct {
	// Text is a grapheme cluster. It is empty in the second column of a wide one.
	Text string
	Look Look
}

// Look is how a cell looks.
type Look struct {
	// Color and Background are the number of a colour of the terminal's palette, such as "1", or a colour such as "#ff0000"; empty for the
	// terminal's own.
	Color, Background             string
	Bold, Dim, Underline, Reverse bool
}

// String returns the look in words, such as "bold color 2"; "" for a plain one.
func (l Look) String() string {
	var words []string
	for _, w := range []struct {
		text string
		set  bool
	}{{"bold", l.Bold}, {"dim", l.Dim}, {"underline", l.Underline}, {"reverse", l.Reverse}, {"color " + l.Color, l.Color != ""}, {"background " + l.Background, l.Background != ""}} {
		if w.set {
			words = append(words, w.text)
		}
	}
	return strings.Join(words, " ")
}

// screen returns what the emulator shows.
func (t *Terminal) screen() *Screen {
	at := t.vt.CursorPosition()
	s := &Screen{
		X: at.X, Y: at.Y, Hidden: t.vt.CursorHidden(), Alternate: t.vt.IsAltScreen(), Title: t.title, Received: t.received, Arrived: t.arrived,
		Cells: make([][]Cell, t.vt.Height()),
	}
	cells := make([]Cell, t.vt.Width()*t.vt.Height())
	for y := range s.Cells {
		s.Cells[y], cells = cells[:t.vt.Width()], cells[t.vt.Width():]
		for x := range s.Cells[y] {
			if c := t.vt.CellAt(x, y); c != nil {
				s.Cells[y][x] = Cell{c.Content, look(&c.Style)}
			}
		}
	}
	return s
}

func look(s *uv.Style) Look {
	return Look{
		Color: colorName(s.Fg), Background: colorName(s.Bg), Bold: s.Attrs&uv.AttrBold != 0, Dim: s.Attrs&uv.AttrFaint != 0,
		Underline: s.Underline != uv.UnderlineNone, Reverse: s.Attrs&uv.AttrReverse != 0,
	}
}

func colorName(c color.Color) string {
	switch c := c.(type) {
	case nil:
		return ""
	case ansi.BasicColor:
		return fmt.Sprint(uint8(c))
	case ansi.IndexedColor:
		return fmt.Sprint(uint8(c))
	}
	r, g, b, _ := c.RGBA()
	return fmt.Sprintf("#%02x%02x%02x", r>>8, g>>8, b>>8)
}

// Line returns the text of a line without the blanks at its end.
func (s *Screen) Line(y int) string {
	var b strings.Builder
	for _, c := range s.Cells[y] {
		b.WriteString(c.Text)
	}
	return strings.TrimRight(b.String(), " ")
}

// String returns the text of all lines without the blanks at their ends.
func (s *Screen) String() string {
	var b strings.Builder
	for y := range s.Cells {
		b.WriteString(s.Line(y))
		b.WriteByte('\n')
	}
	return b.String()
}

// Find returns the place where a text begins for the first time.
func (s *Screen) Find(text string) (x, y int, found bool) {
	for y := range s.Cells {
		for x := range s.Cells[y] {
			var rest strings.Builder
			for _, c := range s.Cells[y][x:] {
				if rest.WriteString(c.Text); rest.Len() >= len(text) {
					break
				}
			}
			if s.Cells[y][x].Text != "" && strings.HasPrefix(rest.String(), text) {
				return x, y, true
			}
		}
	}
	return 0, 0, false
}
