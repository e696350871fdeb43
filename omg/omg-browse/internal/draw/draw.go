// Package draw draws the browser on a screen.
package draw

import (
	"fmt"
	"strings"

	"github.com/omg-arch/omg/omg/omg-browse/internal/browser"
	"github.com/omg-arch/omg/omg/omg-browse/internal/styled"
	"github.com/omg-arch/omg/omg/omg-browse/internal/theme"
	"github.com/omg-arch/omg/shared/termtext"
)

// Canvas is a screen.
type Canvas interface {
	// Put draws a text at a position, cut or filled with blanks to a number of columns.
	Put(x, y, columns int, text string, style styled.Style)
	ShowCursor(x, y int)
}

// clip is a canvas that draws only what is on the screen.
type clip struct {
	Canvas
	width, height int
}

func (c clip) Put(x, y, columns int, text string, style styled.Style) {
	if columns = min(columns, c.width-x); columns > 0 && x >= 0 && y >= 0 && y < c.height {
		c.Canvas.Put(x, y, columns, text, style)
	}
}

func (c clip) ShowCursor(x, y int) { c.Canvas.ShowCursor(min(x, c.width-1), min(y, c.height-1)) }

// Draw draws the whole screen. The canvas sends only what has changed to the terminal.
func Draw(c Canvas, b *browser.Browser, t *theme.Theme) {
	l := b.Layout()
	if l.Width <= 0 || l.Height <= 0 {
		return
	}
	c = clip{c, l.Width, l.Height}
	for y := range l.Height {
		c.Put(0, y, l.Width, "", styled.Style{})
	}
	drawViews(c, b, t)
	drawInput(c, b, t)
	if b.Help || b.Command != nil {
		drawLines(c, b, b.OverlayLines())
	} else {
		drawList(c, b, t)
		drawPreview(c, b, t)
	}
	drawStatus(c, b, t)
}

// row draws spans one after the other, into a number of columns.
func row(c Canvas, x, y, columns int, line styled.Line) {
	end := x + columns
	for _, s := range line {
		if x >= end {
			return
		}
		width := styled.Width(s.Text)
		c.Put(x, y, min(width, end-x), s.Text, s.Style)
		x += width
	}
}

func drawViews(c Canvas, b *browser.Browser, t *theme.Theme) {
	row(c, 0, 0, b.Layout().Width, titleLine(b.ViewTitles(), styled.Style{}, t.View))
}

// titleLine returns a line of titles.
func titleLine[T any](titles []browser.Title[T], style, shown styled.Style) (line styled.Line) {
	for _, title := range titles {
		span := styled.Span{Text: title.Text, Style: style}
		if title.IsShown {
			span.Style = shown
		}
		line = append(line, span)
	}
	return line
}

func drawInput(c Canvas, b *browser.Browser, t *theme.Theme) {
	l := b.Layout()
	const prompt = "> "
	counts := b.Counts()
	room := l.Width - len(prompt) - styled.Width(counts) - 1
	if room < 10 {
		counts, room = "", l.Width-len(prompt)
	}
	text, cursor := b.Input.Visible(room)
	c.Put(0, 1, len(prompt), prompt, t.Prompt)
	c.Put(len(prompt), 1, room, text, t.Input)
	c.Put(l.Width-styled.Width(counts), 1, styled.Width(counts), counts, t.Counts)
	c.ShowCursor(len(prompt)+cursor, 1)
}

func drawList(c Canvas, b *browser.Browser, t *theme.Theme) {
	area := b.Layout().List
	rows, top, selected := b.Rows()
	if text := b.ListMessage(); text != "" {
		drawText(c, browser.Rect{X: area.X + 1, Y: area.Y, Width: area.Width - 1, Height: area.Height}, text, t.Border)
		return
	}
	for y, r := range rows {
		drawRow(c, b, t, browser.Rect{X: area.X, Y: area.Y + y, Width: area.Width, Height: 1}, r, top+y == selected)
	}
}

// drawText draws a text of any length into an area.
func drawText(c Canvas, area browser.Rect, text string, style styled.Style) {
	for y, line := range styled.Fold(styled.Plain(termtext.Clean(text), style), max(1, area.Width)) {
		if y < area.Height {
			row(c, area.X, area.Y+y, area.Width, line)
		}
	}
}

// levelStyle returns the style of a note.
func levelStyle(l browser.Level, t *theme.Theme) styled.Style {
	switch l {
	case browser.LevelGood:
		return t.Good
	case browser.LevelWarn:
		return t.Warning
	case browser.LevelBad:
		return t.Bad
	}
	return styled.Style{}
}

func drawRow(c Canvas, b *browser.Browser, t *theme.Theme, area browser.Rect, r *browser.Row, selected bool) {
	pointer, mark := " ", " "
	in := func(style styled.Style) styled.Style { return style }
	if selected {
		pointer, in = ">", t.Selected
	}
	if r == nil {
		c.Put(area.X, area.Y, area.Width, pointer+"  …", in(styled.Style{}))
		return
	}
	if b.Marks.Has(r.Key) {
		mark = "*"
	}
	line := styled.Line{{Text: pointer, Style: in(t.Prompt)}, {Text: mark, Style: in(t.Mark)}}
	if r.Repo != "" {
		line = append(line, styled.Span{Text: termtext.Clean(r.Repo) + "/", Style: in(t.Repository)})
	}
	line = append(line, styled.Span{Text: termtext.Clean(r.Name), Style: in(t.Name)})
	if r.Installed != "" && r.Installed != r.Version {
		line = append(line, styled.Span{Text: " " + termtext.Clean(r.Installed) + " →", Style: in(t.Description)})
	}
	line = append(line, styled.Span{Text: " " + termtext.Clean(r.Version), Style: in(t.Version)})
	if r.Installed != "" && b.View() == browser.ViewSearch {
		line = append(line, styled.Span{Text: " [installed]", Style: in(t.Installed)})
	}
	if text := b.SortText(r); text != "" {
		line = append(line, styled.Span{Text: " " + termtext.Clean(text), Style: in(t.Version)})
	}
	if r.Note != "" {
		line = append(line, styled.Span{Text: " " + termtext.Clean(r.Note), Style: in(levelStyle(r.Level, t))})
	}
	line = append(line, styled.Span{Text: "  " + termtext.Clean(r.Desc), Style: in(t.Description)})
	text := line.String()
	if styled.Width(text) > area.Width {
		line = cut(line, area.Width)
	}
	c.Put(area.X, area.Y, area.Width, "", in(styled.Style{}))
	row(c, area.X, area.Y, area.Width, line)
}

// cut returns the beginning of a line that fits into a number of columns. Its last column is "…".
func cut(line styled.Line, columns int) styled.Line {
	for i, s := range line {
		width := styled.Width(s.Text)
		if width > columns || width == columns && i < len(line)-1 {
			s.Text = styled.Cut(s.Text+"…", columns)
			return append(line[:i:i], s)
		}
		columns -= width
	}
	return line
}

func drawPreview(c Canvas, b *browser.Browser, t *theme.Theme) {
	l := b.Layout()
	if l.Preview.Height == 0 {
		return
	}
	if l.Preview.Y == l.List.Y+1 { // it is beside the list
		for y := range l.List.Height {
			c.Put(l.Preview.X-1, l.List.Y+y, 1, "│", t.Border)
		}
	}
	title := previewTitle(b, t, l.PreviewTitle.Width)
	row(c, l.PreviewTitle.X, l.PreviewTitle.Y, l.PreviewTitle.Width, title)
	x, width := l.Preview.X+1, l.Preview.Width-1
	switch {
	case b.Preview.IsLoading():
		c.Put(x, l.Preview.Y, width, "loading…", t.Border)
		return
	case b.Preview.Fail != "":
		drawText(c, browser.Rect{X: x, Y: l.Preview.Y, Width: width, Height: l.Preview.Height}, b.Preview.Fail, t.Bad)
		return
	}
	lines := b.Preview.Page.Lines
	if more := len(lines) - b.Preview.Top - l.Preview.Height; more > 0 {
		text := fmt.Sprintf("%d more ", more)
		if room := l.PreviewTitle.Width - styled.Width(title.String()); room > len(text) {
			c.Put(l.PreviewTitle.X+l.PreviewTitle.Width-len(text), l.PreviewTitle.Y, len(text), text, t.Border)
		}
	}
	for y := range l.Preview.Height {
		at := b.Preview.Top + y
		if at >= len(lines) {
			break
		}
		line := adapt(lines[at], t)
		if b.Preview.Page.Targets != nil && at == b.Preview.Line {
			c.Put(x, l.Preview.Y+y, width, "", styled.Style{Reverse: true})
			line = reversed(line)
		}
		row(c, x, l.Preview.Y+y, width, line)
	}
}

// previewTitle returns the tabs or, if the user went to another package, the way back to the selected one.
func previewTitle(b *browser.Browser, t *theme.Theme, width int) styled.Line {
	way := b.Preview.Way()
	if way == nil {
		return titleLine(b.TabTitles(), t.Border, t.Tab)
	}
	last := len(way) - 1
	here := " " + termtext.Clean(way[last]) + ": " + b.Preview.Tab.String()
	text := ""
	for i := last - 1; i >= 0; i-- { // if there is no room for all packages, the last ones are shown
		longer := termtext.Clean(way[i]) + " → " + text
		if styled.Width(" … → "+longer+here) > width {
			text = "… → " + text
			break
		}
		text = longer
	}
	return styled.Line{{Text: " " + strings.TrimSuffix(text, " "), Style: t.Border}, {Text: here, Style: t.Tab}}
}

func reversed(line styled.Line) styled.Line {
	marked := make(styled.Line, len(line))
	for i, s := range line {
		s.Reverse = true
		marked[i] = s
	}
	return marked
}

// adapt returns a line in the colours of the theme.
func adapt(line styled.Line, t *theme.Theme) styled.Line {
	adapted := make(styled.Line, len(line))
	for i, s := range line {
		adapted[i] = styled.Span{Text: s.Text, Style: t.Adapt(s.Style)}
	}
	return adapted
}

// drawLines draws lines of text instead of the list and the preview.
func drawLines(c Canvas, b *browser.Browser, lines []string) {
	l := b.Layout()
	room := max(0, l.Height-l.List.Y-1) // without the status
	shown := lines[min(b.HelpTop, len(lines)):]
	more := len(shown) - room
	for y, line := range shown[:min(room, len(shown))] {
		if y == room-1 && more > 0 {
			line = fmt.Sprintf("… %d more lines below", more+1)
		}
		c.Put(1, l.List.Y+y, l.Width-1, termtext.Clean(line), styled.Style{})
	}
}

func drawStatus(c Canvas, b *browser.Browser, t *theme.Theme) {
	l := b.Layout()
	text := " " + termtext.Clean(strings.TrimSpace(b.StatusText()))
	if styled.Width(text) > l.Width {
		text = styled.Cut(text, l.Width)
	}
	c.Put(0, l.Height-1, l.Width, text, t.Status)
}
