package browser

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/omg-browse/internal/styled"
)

func TestMouse(t *testing.T) {
	w := newWorld(t)
	w.Resize(120, 30)
	w.page(1000)
	list, preview, title := w.Layout().List, w.Layout().Preview, w.Layout().PreviewTitle
	selected := func() int { _, _, at := w.Rows(); return at }

	require.Equal(t, NoEffect, w.Click(3, list.Y+4, false))
	require.Equal(t, 4, selected())
	require.Equal(t, EffectAccept, w.Click(3, list.Y+4, true))
	w.MarkAt(5, list.Y+2)
	require.True(t, w.Marks.Has(Key{Name: "p2"}))
	require.Equal(t, 2, selected(), "the mouse does not go on to the next package")
	w.MarkAt(5, list.Y+2)
	require.Zero(t, w.Marks.Len())

	w.Wheel(3, list.Y, true)
	w.Wheel(3, list.Y+5, true)
	_, top, _ := w.Rows()
	require.Equal(t, 2*wheelLines, top)
	require.Equal(t, 2+2*wheelLines, selected(), "the selection stays on its line of the screen")
	for range 5 {
		w.Wheel(3, list.Y, false)
	}
	require.Zero(t, selected())

	r := w.take(LanePreview)
	w.Answer(Answer{Request: &r, Page: Page{Lines: make([]styled.Line, 100), Targets: append(make([]string, 99), "glibc")}})
	w.Wheel(preview.X+1, preview.Y, true)
	require.Equal(t, wheelLines, w.Preview.Top)
	w.Click(preview.X, preview.Y+1, false)
	require.Equal(t, wheelLines+1, w.Preview.Line)

	w.Click(title.X+strings.Index(" Info Depends", "Depends"), title.Y, false)
	require.Equal(t, TabDepends, w.Preview.Tab)
	w.Click(strings.Index(" 1 Search  2 Installed ", "2"), 0, false)
	require.Equal(t, ViewInstalled, w.View())
	w.Do(ActionHelp)
	w.Wheel(0, 5, true)
	require.Equal(t, wheelLines, w.HelpTop)
	w.Click(0, 5, true)
	require.False(t, w.Help)
}

// TestMouse_Anywhere checks positions on and beside screens of each size.
func TestMouse_Anywhere(t *testing.T) {
	for _, size := range [][2]int{{0, 0}, {1, 1}, {10, 4}, {80, 24}, {300, 100}} {
		w := newWorld(t)
		w.Resize(size[0], size[1])
		w.page(3)
		for y := -1; y <= size[1]; y++ {
			for _, x := range []int{-1, 0, size[0] / 2, size[0]} {
				w.Click(x, y, false)
				w.Click(x, y, true)
				w.MarkAt(x, y)
				w.Wheel(x, y, true)
				w.Wheel(x, y, false)
			}
		}
	}
}

func TestBrowser_Place(t *testing.T) {
	w := newWorld(t)
	isBeside := func(width int, place string) bool {
		w.Resize(width, 30)
		w.Place(place)
		return w.Layout().Preview.Height > 0 && w.Layout().Preview.X > 0
	}
	require.False(t, isBeside(109, PlaceAuto))
	require.True(t, isBeside(110, PlaceAuto))
	require.True(t, isBeside(60, PlaceRight))
	require.False(t, isBeside(59, PlaceRight))
	require.Positive(t, w.Layout().Preview.Height, "there is room below")
	require.False(t, isBeside(200, PlaceBelow))
	require.Positive(t, w.Layout().Preview.Height)
	require.False(t, isBeside(200, PlaceOff))
	require.Zero(t, w.Layout().Preview.Height)
	w.Do(ActionPreview)
	require.Positive(t, w.Layout().Preview.X)
}
