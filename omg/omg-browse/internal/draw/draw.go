// Package draw draws the browser on a screen.
package draw

import (
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
	if b.Help {
		drawLines(c, b, b.HelpLines())
	} else if b.Command != nil {
		drawLines(c, b, b.CommandLines())
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
	var line styled.Line
	for _, v := range browser.Views() {
		style := styled.Style{}
		if v == b.View() {
			style = t.View
		}
		line = append(line, styled.Span{Text: browser.ViewTitle(v), Style: style})
	}
	row(c, 0, 0, b.Layout().Width, line)
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
		c.Put(area.X, area.Y, area.Width, " "+termtext.Clean(text), t.Border)
		return
	}
	for y, r := range rows {
		drawRow(c, b, t, browser.Rect{X: area.X, Y: area.Y + y, Width: area.Width, Height: 1}, r, top+y == selected)
	}
}

// levelStyle returns the style of a note.
func levelStyle(l browser.Level, t *theme.Theme) styled.Style {
	return map[browser.Level]styled.Style{browser.LevelGood: t.Good, browser.LevelWarn: t.Warning, browser.LevelBad: t.Bad}[l]
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
	row(c, l.PreviewTitle.X, l.PreviewTitle.Y, l.PreviewTitle.Width, previewTitle(&b.Preview, t, l.PreviewTitle.Width))
	x, width := l.Preview.X+1, l.Preview.Width-1
	switch {
	case b.Preview.IsLoading():
		c.Put(x, l.Preview.Y, width, "loading…", t.Border)
		return
	case b.Preview.Fail != "":
		for y, line := range styled.Fold(styled.Plain(termtext.Clean(b.Preview.Fail), t.Bad), width) {
			if y < l.Preview.Height {
				row(c, x, l.Preview.Y+y, width, line)
			}
		}
		return
	}
	lines := b.Preview.Page.Lines
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
func previewTitle(p *browser.Preview, t *theme.Theme, width int) (line styled.Line) {
	way := p.Way()
	if way == nil {
		for _, tab := range browser.Tabs() {
			style := t.Border
			if tab == p.Tab {
				style = t.Tab
			}
			line = append(line, styled.Span{Text: " "}, styled.Span{Text: tab.String(), Style: style})
		}
		return line
	}
	last := len(way) - 1
	here := " " + termtext.Clean(way[last]) + ": " + p.Tab.String()
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
	area := b.Layout().List
	for y, line := range lines {
		if y < b.HelpTop || y-b.HelpTop >= b.Layout().Height-3 {
			continue
		}
		c.Put(area.X+1, area.Y+y-b.HelpTop, b.Layout().Width-1, termtext.Clean(line), styled.Style{})
	}
}

func drawStatus(c Canvas, b *browser.Browser, t *theme.Theme) {
	l := b.Layout()
	text := b.StatusText()
	c.Put(0, l.Height-1, l.Width, " "+termtext.Clean(strings.TrimSpace(text)), t.Status)
}
