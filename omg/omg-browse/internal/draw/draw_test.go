package draw

import (
	"strings"
	"testing"

	"github.com/clipperhouse/displaywidth"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/omg-browse/internal/browser"
	"github.com/omg-arch/omg/omg/omg-browse/internal/styled"
	"github.com/omg-arch/omg/omg/omg-browse/internal/theme"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/wire"
)

// grid is a screen in memory. It fails the test if something is drawn outside of it.
type grid struct {
	t       *testing.T
	cells   [][]string
	cursorX int
	cursorY int
}

func newGrid(t *testing.T, width, height int) *grid {
	g := &grid{t: t, cells: make([][]string, height)}
	for y := range g.cells {
		g.cells[y] = make([]string, width)
	}
	return g
}

func (g *grid) Put(x, y, columns int, text string, _ styled.Style) {
	require.Equal(g.t, termtext.Clean(text), text)
	require.True(g.t, y >= 0 && y < len(g.cells), "line %d", y)
	require.True(g.t, x >= 0 && x+columns <= len(g.cells[y]), "columns %d to %d", x, x+columns)
	end := x + columns
	for c := displaywidth.StringGraphemes(text); c.Next() && x+c.Width() <= end; {
		g.cells[y][x] = c.Value()
		for i := 1; i < c.Width(); i++ {
			g.cells[y][x+i] = ""
		}
		x += c.Width()
	}
	for ; x < end; x++ {
		g.cells[y][x] = " "
	}
}

func (g *grid) ShowCursor(x, y int) { g.cursorX, g.cursorY = x, y }

func (g *grid) lines() (lines []string) {
	for _, cells := range g.cells {
		lines = append(lines, strings.TrimRight(strings.Join(cells, ""), " "))
	}
	return lines
}

// plainTheme returns the theme for 16 colours.
func plainTheme(t *testing.T) *theme.Theme {
	look, err := theme.New(theme.Terminal, config.BrowseColors{}, 16)
	require.NoError(t, err)
	return look
}

// show returns a browser with a list of rows and a preview.
func show(width, height int, rows []browser.Row) *browser.Browser {
	var sent []browser.Request
	b := browser.New([]string{"日本語"}, func(r browser.Request) { sent = append(sent, r) })
	b.Resize(width, height)
	b.Start()
	for len(sent) > 0 {
		r := sent[0]
		sent = sent[1:]
		if r.Preview != nil {
			b.Answer(browser.Answer{Request: &r, Page: browser.Page{Lines: styled.Parse("\x1b[1mName\x1b[0m : 日本語 " + strings.Repeat("ｗ", 200))}})
		} else {
			b.Answer(browser.Answer{Request: &r, Rows: rows, Total: len(rows)})
		}
	}
	return b
}

func TestDraw_List(t *testing.T) {
	b := show(60, 10, []browser.Row{
		{Key: browser.Key{Name: "bash"}, Repo: "core", Version: "5.2-1", Installed: "5.1-1", Desc: "The GNU Bourne Again shell, and much more text"},
		{Key: browser.Key{Name: "x\x1b[31m", AUR: true}, Repo: "aur", Version: "1", Desc: "日本語", Note: "3 votes"},
	})
	b.Do(browser.ActionMark)
	g := newGrid(t, 60, 10)
	Draw(g, b, plainTheme(t))
	require.Equal(t, []string{
		" 1 Search  2  3  4  5  6  7",
		"> 日本語                            2 · 1 marked · relevance",
		" *core/bash 5.1-1 → 5.2-1 [installed]  The GNU Bourne Again…",
		"> aur/x\uFFFD[31m 1 3 votes  日本語",
	}, g.lines()[:4])
}

func TestDraw_WayBack(t *testing.T) {
	for width, want := range map[int]string{
		60: " first package → second → third: Depends", 35: " … → second → third: Depends", 27: " … → third: Depends", 15: " … → third: Dep",
	} {
		var sent browser.Request
		b := browser.New(nil, func(r browser.Request) { sent = r })
		b.Resize(width, 30)
		b.Start()
		b.Answer(browser.Answer{Request: &sent, Rows: []browser.Row{{Key: browser.Key{Name: "first package"}}}, Total: 1})
		b.Do(browser.ActionNextTab)
		for _, name := range []string{"second", "third"} {
			b.Answer(browser.Answer{Request: &sent, Page: browser.Page{Lines: styled.Parse(name), Targets: []string{name}}})
			b.Do(browser.ActionFollow)
		}
		g := newGrid(t, width, 30)
		Draw(g, b, plainTheme(t))
		title := b.Layout().PreviewTitle
		require.Equal(t, want, g.lines()[title.Y], "%d columns", width)
		require.Equal(t, " loading…", g.lines()[title.Y+1])
		b.Answer(browser.Answer{Request: &sent, Fail: "nothing can be read"})
		Draw(g, b, plainTheme(t))
		require.True(t, strings.HasPrefix(g.lines()[title.Y+1], " nothing"))
	}
}

func TestDraw_StaysInside(t *testing.T) {
	rows := []browser.Row{
		{Key: browser.Key{Name: strings.Repeat("日", 100)}, Repo: "e\u0301", Version: "\u202e1", Desc: strings.Repeat("🏳️‍🌈", 50), Package: &wire.Package{}},
		{Key: browser.Key{Name: ""}},
		{Key: browser.Key{Name: "a\nb"}, Desc: "\u0301\u0301"},
	}
	for width := 1; width < 130; width++ {
		for _, height := range []int{1, 2, 3, 4, 5, 16, 24, 50} {
			b := show(width, height, rows)
			g := newGrid(t, width, height)
			Draw(g, b, plainTheme(t))
			b.Do(browser.ActionHelp)
			Draw(g, b, plainTheme(t))
			require.True(t, g.cursorX >= 0 && g.cursorX < width && g.cursorY < height, "%d of %d", g.cursorX, width)
		}
	}
}
