package browser

import (
	"fmt"

	"github.com/omg-arch/omg/omg/omg-browse/internal/styled"
)

// wheelLines is how far a step of the wheel moves.
const wheelLines = 3

func (r Rect) contains(x, y int) bool {
	return x >= r.X && x < r.X+r.Width && y >= r.Y && y < r.Y+r.Height
}

// Title is a text in a line of titles. It belongs to the view or tab that is shown, or that a click shows.
type Title[T any] struct {
	Of      T
	Text    string
	IsShown bool
}

// ViewTitles returns the titles of the views. If there is no room for all names, the views that are not shown have only their numbers.
func (b *Browser) ViewTitles() []Title[View] {
	titles := make([]Title[View], viewCount)
	width := 0
	for i, v := range Views() {
		titles[i] = Title[View]{v, fmt.Sprintf(" %d %s ", v+1, v), v == b.view}
		width += styled.Width(titles[i].Text)
	}
	for i := range titles {
		if width > b.layout.Width && !titles[i].IsShown {
			titles[i].Text = fmt.Sprintf(" %d ", i+1)
		}
	}
	return titles
}

// TabTitles returns the titles of the tabs. If there is no room for all, it returns only that of the shown tab.
func (b *Browser) TabTitles() []Title[Tab] {
	titles := make([]Title[Tab], tabCount)
	width := 0
	for i, t := range Tabs() {
		titles[i] = Title[Tab]{t, " " + t.String(), t == b.Preview.Tab}
		width += styled.Width(titles[i].Text)
	}
	if shown := b.Preview.Tab; width > b.layout.PreviewTitle.Width {
		return []Title[Tab]{{shown, fmt.Sprintf(" ‹ %s › %d/%d", shown, shown+1, tabCount), true}}
	}
	return titles
}

// titleAt returns what the title at a column belongs to.
func titleAt[T any](titles []Title[T], x int) (of T, ok bool) {
	for _, t := range titles {
		if x -= styled.Width(t.Text); x < 0 {
			return t.Of, true
		}
	}
	return of, false
}

// Click selects what is at a position of the screen: a view, a tab, a package, or a line of the preview. A double click chooses the
// package, or goes to the package in the line of the preview.
func (b *Browser) Click(x, y int, double bool) Effect {
	b.Message = ""
	l := b.layout
	switch {
	case b.Help || b.Command != nil:
		b.Help, b.Command = false, nil
	case x < 0:
	case y == 0:
		if v, ok := titleAt(b.ViewTitles(), x); ok {
			b.Show(v)
		}
	case l.PreviewTitle.contains(x, y):
		if t, ok := titleAt(b.TabTitles(), x-l.PreviewTitle.X); ok {
			b.showTab(t)
		}
	case l.Preview.contains(x, y):
		if at := b.Preview.Top + y - l.Preview.Y; at < len(b.Preview.Page.Targets) {
			b.Preview.Line = at
			if double {
				b.doInPreview(ActionFollow)
			}
		}
	case b.selectAt(x, y):
		if double {
			return EffectAccept
		}
	}
	return NoEffect
}

// MarkAt marks the package at a position of the screen, or removes its mark.
func (b *Browser) MarkAt(x, y int) {
	if b.Message = ""; !b.Help && b.Command == nil && b.selectAt(x, y) {
		b.ToggleMark()
	}
}

// selectAt selects the package at a position. It reports whether there is one.
func (b *Browser) selectAt(x, y int) bool {
	v := &b.views[b.view]
	at := v.top + y - b.layout.List.Y
	return b.layout.List.contains(x, y) && b.Select(at)
}

// Wheel scrolls the preview or the list, whichever is at the position.
func (b *Browser) Wheel(x, y int, down bool) {
	lines := wheelLines
	if !down {
		lines = -lines
	}
	l := b.layout
	switch {
	case b.Help || b.Command != nil:
		b.scrollHelp(lines)
	case l.Preview.contains(x, y):
		b.Preview.scrollBy(lines, max(1, l.Preview.Height))
	case l.List.contains(x, y): // the selected line stays where it is on the screen
		v := &b.views[b.view]
		v.top = max(0, min(v.top+lines, v.length()-l.List.Height))
		b.moveTo(v.selected + lines)
	}
}
