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

// ViewTitle returns the text of a view in the first line.
func ViewTitle(v View) string { return fmt.Sprintf(" %d %s ", v+1, v) }

// titleAt returns the number of the title at a column, or -1.
func titleAt[T any](titles []T, title func(T) string, x int) int {
	for i, t := range titles {
		if x -= styled.Width(title(t)); x < 0 {
			return i
		}
	}
	return -1
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
		if i := titleAt(Views(), ViewTitle, x); i >= 0 {
			b.Show(Views()[i])
		}
	case l.PreviewTitle.contains(x, y):
		if i := titleAt(Tabs(), func(t Tab) string { return " " + t.String() }, x-l.PreviewTitle.X); i >= 0 {
			b.showTab(Tabs()[i])
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
