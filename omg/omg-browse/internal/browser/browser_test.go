package browser

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/omg-browse/internal/styled"
	"github.com/omg-arch/omg/shared/wire"
)

// world is a browser whose requests the test answers.
type world struct {
	*Browser
	t    *testing.T
	sent []Request
}

func newWorld(t *testing.T, words ...string) *world {
	w := &world{t: t}
	w.Browser = New(words, func(r Request) { w.sent = append(w.sent, r) })
	w.Resize(80, 24)
	w.Start()
	return w
}

// take returns the last request of a lane.
func (w *world) take(lane Lane) Request {
	w.t.Helper()
	for i := len(w.sent) - 1; i >= 0; i-- {
		if w.sent[i].Lane == lane {
			return w.sent[i]
		}
	}
	require.FailNow(w.t, "no request", "lane %d", lane)
	return Request{}
}

// page answers the last search with numbered rows of a list of this length.
func (w *world) page(total int) {
	w.t.Helper()
	r := w.take(LaneList)
	var rows []Row
	for i := r.Search.Page * PageSize; i < min(total, (r.Search.Page+1)*PageSize); i++ {
		rows = append(rows, Row{Key: Key{Name: fmt.Sprintf("p%d", i)}, Repo: "core", Version: "1"})
	}
	w.Answer(Answer{Request: &r, Rows: rows, Total: total, Repos: []string{"core", "extra"}})
}

// load answers the last request for a view.
func (w *world) load(names ...string) {
	w.t.Helper()
	r := w.take(LaneLoad)
	var rows []Row
	for _, name := range names {
		rows = append(rows, Row{Key: Key{Name: name}, Version: "1", Installed: "1", Package: &wire.Package{Name: name}})
	}
	w.Answer(Answer{Request: &r, Rows: rows})
}

// names returns the names of the visible rows, the selected one in brackets.
func (w *world) names() (names []string) {
	rows, top, selected := w.Rows()
	for i, r := range rows {
		name := "?"
		if r != nil {
			name = r.Name
		}
		if top+i == selected {
			name = "[" + name + "]"
		}
		names = append(names, name)
	}
	return names
}

func TestBrowser_OlderAnswersAreIgnored(t *testing.T) {
	w := newWorld(t)
	w.page(3)
	w.Type("a")
	older := w.take(LaneList)
	w.Type("b")
	require.Equal(t, []string{"ab"}, w.take(LaneList).Search.Words)
	w.Answer(Answer{Request: &older, Total: 1, Rows: []Row{{Key: Key{Name: "old"}}}})
	require.Equal(t, []string{"[p0]", "p1", "p2"}, w.names(), "the earlier list stays until the newest answer")
	w.page(2)
	require.Equal(t, []string{"[p0]", "p1"}, w.names())
	require.Equal(t, "p0", w.take(LanePreview).Preview.Row.Name)
}

func TestBrowser_LongList(t *testing.T) {
	const total = 120_000
	w := newWorld(t)
	w.page(total)
	w.Do(ActionLast)
	require.Equal(t, total/PageSize-1, w.take(LaneList).Search.Page)
	require.Contains(t, w.names(), "[?]", "the row is there before it is loaded")
	w.page(total)
	require.Contains(t, w.names(), fmt.Sprintf("[p%d]", total-1))
	for range total / PageSize {
		w.Do(ActionPageUp)
		if w.IsWaiting() && w.take(LaneList).Number == w.newest[LaneList] {
			w.page(total)
		}
	}
	require.LessOrEqual(t, len(w.views[ViewSearch].shown.(*pagedList).pages), maxPages)
	w.Do(ActionFirst)
	w.page(total)
	require.Equal(t, "[p0]", w.names()[0])
	w.Do(ActionPageDown)
	at := w.views[ViewSearch].selected
	require.Positive(t, at)
	w.views[ViewSearch].shown.(*pagedList).pages = nil
	w.Do(ActionDown)
	w.page(total)
	require.Contains(t, w.names(), fmt.Sprintf("[p%d]", at+1), "a page that is loaded again does not move the selection")
}

func TestBrowser_SearchChanges(t *testing.T) {
	w := newWorld(t)
	w.page(1000)
	for range 300 {
		w.Do(ActionDown)
	}
	w.page(1000)
	w.Do(ActionDown)
	require.Contains(t, w.names(), "[p301]")
	w.Changed()
	r := w.take(LaneList)
	require.Equal(t, &SearchPage{Words: []string{}, Sort: wire.SortRelevance, Page: 1, Fresh: true}, r.Search)
	rows := make([]Row, PageSize)
	for i := range rows {
		rows[i].Name = fmt.Sprintf("p%d", PageSize+i-1) // one package more at the start
	}
	w.Answer(Answer{Request: &r, Rows: rows, Total: 1001})
	require.Contains(t, w.names(), "[p301]")
}

func TestBrowser_SelectionStaysOnItsPackage(t *testing.T) {
	w := newWorld(t)
	w.page(3)
	w.Show(ViewInstalled)
	w.load("b", "d", "f")
	w.Do(ActionDown)
	require.Equal(t, []string{"b", "[d]", "f"}, w.names())
	w.Changed()
	require.Equal(t, []string{"b", "[d]", "f"}, w.names(), "until the answer arrives")
	w.load("a", "b", "c", "d", "e")
	require.Equal(t, []string{"a", "b", "c", "[d]", "e"}, w.names())
	w.Changed()
	w.load("a", "b")
	require.Equal(t, []string{"a", "[b]"}, w.names(), "the package has gone")
	w.Changed()
	w.load()
	require.Empty(t, w.names())
	require.Empty(t, w.Choices())
	w.Do(ActionMark)
	w.Do(ActionDown)
	w.Changed()
	w.load("a")
	require.Equal(t, []string{"[a]"}, w.names())
}

// TestBrowser_ShowWithOtherWords checks that the selected row is on the screen in a view that is shown again with other words.
func TestBrowser_ShowWithOtherWords(t *testing.T) {
	w := newWorld(t)
	w.page(3)
	w.Show(ViewInstalled)
	var names []string
	for i := range 100 {
		names = append(names, fmt.Sprintf("p%02d", i))
	}
	w.load(names...)
	for range 30 {
		w.Do(ActionDown)
	}
	for _, words := range []string{"3", ""} {
		w.Show(ViewSearch)
		w.Do(ActionDeleteBefore)
		w.Type(words)
		w.Show(ViewInstalled)
		require.Contains(t, w.names(), "[p30]")
		_, top, _ := w.Rows()
		require.GreaterOrEqual(t, top, 0)
	}
}

func TestBrowser_MarksAcrossViews(t *testing.T) {
	w := newWorld(t)
	w.page(3)
	w.Do(ActionMark)
	w.Do(ActionMark)
	w.Show(ViewOrphans)
	w.load("o", "p1")
	w.Do(ActionMark)
	require.Equal(t, []Choice{{Key{Name: "p0"}, "core", "1", ViewSearch}, {Key{Name: "p1"}, "core", "1", ViewSearch}, {Key{Name: "o"}, "", "1", ViewOrphans}}, w.Choices())
	require.Contains(t, w.Counts(), "3 marked")
	w.Do(ActionMark)
	require.Len(t, w.Choices(), 2, "p1 is marked in the other view, and is the same package")
	w.Do(ActionUnmarkAll)
	require.Equal(t, []Choice{{Key{Name: "p1"}, "", "1", ViewOrphans}}, w.Choices(), "the selected package")
	require.Equal(t, EffectAccept, w.Do(ActionAccept))
}

func TestBrowser_Filters(t *testing.T) {
	w := newWorld(t, "x")
	w.page(3)
	w.Do(ActionFilterAUR)
	require.Equal(t, WithoutAUR, w.take(LaneList).Search.AUR)
	w.Do(ActionFilterRepo)
	w.Do(ActionFilterInst)
	require.Equal(t, Filters{AUR: WithoutAUR, Repo: "core", Installed: true}, w.take(LaneList).Search.Filters)
	require.Contains(t, w.Counts(), "no AUR · only core · installed")
	r := w.take(LaneList)
	w.Answer(Answer{Request: &r, Repos: []string{"core"}}) // from the sources that the filter leaves
	w.Do(ActionFilterRepo)
	require.Equal(t, "extra", w.take(LaneList).Search.Repo)
	w.Do(ActionFilterRepo)
	require.Empty(t, w.take(LaneList).Search.Repo)
	w.Do(ActionSort)
	require.Equal(t, wire.SortName, w.take(LaneList).Search.Sort)
	w.Show(ViewInstalled)
	w.Filters = Filters{}
	w.load("xa", "b", "xc")
	require.Equal(t, []string{"[xa]", "xc"}, w.names())
	require.Contains(t, w.Counts(), "2/3")
	w.Do(ActionFilterExpl)
	require.Empty(t, w.names())
	require.Equal(t, "nothing found with the filters explicit: the view Search has all packages", w.ListMessage())
}

// TestBrowser_KeysWaitForTheirList types words and keys faster than the answers arrive.
func TestBrowser_KeysWaitForTheirList(t *testing.T) {
	w := newWorld(t)
	effects := func() (all []Effect) {
		for e := range w.Resume() {
			all = append(all, e)
		}
		return all
	}
	w.Press("", "a")
	require.Equal(t, NoEffect, w.Press("tab", ""))
	require.Equal(t, NoEffect, w.Press("down", ""))
	w.Press("", "b")
	require.Equal(t, NoEffect, w.Press("enter", ""))
	require.Equal(t, "a", w.Input.Text(), "b belongs to what follows the mark")
	require.Zero(t, w.Marks.Len())
	w.page(3)
	require.Empty(t, effects())
	require.Equal(t, []Choice{{Key{Name: "p0"}, "core", "1", ViewSearch}}, w.Marks.List())
	require.Equal(t, "ab", w.Input.Text())
	w.page(2)
	require.Equal(t, []Effect{EffectAccept}, effects())
	w.Press("", "c")
	require.Equal(t, EffectAbort, w.Press("esc", ""), "ending does not wait")
	for range 2 * maxHeld {
		w.Press("down", "")
	}
	require.Len(t, w.held, maxHeld)
}

// TestBrowser_KeysDoNotWaitForChanges checks that Enter chooses the package that was selected when it was pressed, also if the data has changed
// and that package is gone.
func TestBrowser_KeysDoNotWaitForChanges(t *testing.T) {
	w := newWorld(t)
	w.page(3)
	w.Press("down", "")
	w.Changed()
	require.Equal(t, EffectAccept, w.Press("enter", ""))
	require.Equal(t, "p1", w.Choices()[0].Name)
	w.page(1)
	require.Equal(t, "p0", w.Choices()[0].Name)

	w.Press("", "a")
	w.Changed()
	require.Equal(t, NoEffect, w.Press("enter", ""), "the list is that of earlier words")
	require.Zero(t, w.take(LaneList).Search.Page)
	w.page(3)
	for e := range w.Resume() {
		require.Equal(t, EffectAccept, e)
	}
}

// TestBrowser_NewWordsBeginAtTheTop checks that a change of the data meanwhile does not keep the selection of an earlier list.
func TestBrowser_NewWordsBeginAtTheTop(t *testing.T) {
	for _, changedFirst := range []bool{true, false} {
		w := newWorld(t)
		w.page(3)
		w.Press("down", "")
		if changedFirst {
			w.Changed()
			w.Press("", "a")
		} else {
			w.Press("", "a")
			w.Changed()
		}
		w.page(3)
		require.Equal(t, []string{"[p0]", "p1", "p2"}, w.names())
		w.Press("down", "")
		w.Changed()
		w.page(3)
		require.Equal(t, []string{"p0", "[p1]", "p2"}, w.names())
	}
}

// TestBrowser_WrongWords checks that no package of an earlier list can be chosen while the list says what is wrong with the words.
func TestBrowser_WrongWords(t *testing.T) {
	w := newWorld(t)
	w.page(1)
	w.Show(ViewInstalled)
	w.load("a", "b")
	w.Type("is:nonsense")
	require.Contains(t, w.ListMessage(), "nonsense")
	require.NotContains(t, w.Counts(), "0/")
	require.Empty(t, w.Choices())
	require.Empty(t, w.names())
	w.Do(ActionDeleteBefore)
	require.Equal(t, []string{"[a]", "b"}, w.names())
}

func TestBrowser_Failures(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, "loading…", w.ListMessage())
	r := w.take(LaneList)
	w.Answer(Answer{Request: &r, Fail: "no database"})
	require.Equal(t, "no database", w.ListMessage())
	w.Do(ActionLast)
	w.Do(ActionPageUp)
	require.Empty(t, w.Choices())
}

// preview answers the last request for the preview with a number of lines, which lead to the given packages.
func (w *world) preview(lines int, targets ...string) PreviewQuery {
	w.t.Helper()
	r := w.take(LanePreview)
	page := Page{Targets: targets}
	for range lines {
		page.Lines = append(page.Lines, styled.Plain("x", styled.Style{}))
	}
	w.Answer(Answer{Request: &r, Page: page})
	return *r.Preview
}

func TestPreview_WalkThroughTree(t *testing.T) {
	w := newWorld(t)
	w.page(2)
	w.preview(3)
	w.Do(ActionNextTab)
	require.True(t, w.Preview.IsLoading(), "until the answer, the page is that of another tab")
	require.Equal(t, TabDepends, w.preview(3, "", "a", "b").Tab)
	require.False(t, w.Preview.IsLoading())
	w.Do(ActionFollow)
	require.Nil(t, w.Preview.Way(), "the first line leads nowhere")
	w.Do(ActionPreviewDown)
	w.Do(ActionFollow)
	require.Equal(t, []string{"p0", "a"}, w.Preview.Way())
	w.Do(ActionFollow)
	require.Equal(t, []string{"p0", "a"}, w.Preview.Way(), "the tree of a is not there yet")
	w.Do(ActionNextTab)
	require.Equal(t, Key{Name: "a"}, w.take(LanePreview).Preview.Row.Key)
	w.preview(2, "", "c")
	w.Do(ActionPreviewDown)
	w.Do(ActionFollow)
	require.Equal(t, []string{"p0", "a", "c"}, w.Preview.Way())
	w.Changed()
	w.page(2)
	require.Equal(t, []string{"p0", "a", "c"}, w.Preview.Way(), "the data has changed, but the user is still there")
	w.Do(ActionBack)
	require.Equal(t, "a", w.take(LanePreview).Preview.Row.Name)
	w.Do(ActionDown)
	require.Nil(t, w.Preview.Way())
	require.Equal(t, "p1", w.take(LanePreview).Preview.Row.Name)
	for range 2 * maxPath {
		w.preview(1, "a")
		w.Do(ActionFollow)
	}
	require.Len(t, w.Preview.Way(), maxPath+1)
}

func TestPreview_PositionStays(t *testing.T) {
	w := newWorld(t)
	w.page(2)
	w.preview(100)
	w.Do(ActionPreviewPgDn)
	top := w.Preview.Top
	require.Positive(t, top)
	w.Changed()
	w.page(2)
	w.preview(90)
	require.Equal(t, top, w.Preview.Top, "the same package with other data")
	w.Resize(80, 30)
	w.preview(80)
	require.Equal(t, top, w.Preview.Top)
	w.Do(ActionNextTab)
	w.preview(100)
	require.Zero(t, w.Preview.Top)
	w.Do(ActionPreviewPgDn)
	w.Do(ActionDown)
	w.preview(100)
	require.Zero(t, w.Preview.Top)
}

func TestPreview_FetchesOnlyOnRequest(t *testing.T) {
	w := newWorld(t)
	w.page(2)
	w.Do(ActionPreviousTab)
	require.Equal(t, TabBuild, w.take(LanePreview).Preview.Tab)
	require.False(t, w.take(LanePreview).Preview.Fetch)
	w.Do(ActionNextTab)
	w.Do(ActionBuildFiles)
	require.False(t, w.preview(1).Fetch, "the first key only shows the tab")
	w.Do(ActionBuildFiles)
	require.True(t, w.preview(1).Fetch)
	w.Resize(80, 30)
	require.True(t, w.preview(1).Fetch, "the screen shows the same as before")
	w.Do(ActionDown)
	require.False(t, w.preview(1).Fetch, "another package")
	w.Do(ActionUp)
	require.False(t, w.preview(1).Fetch, "the package was left meanwhile")
	w.Do(ActionBuildFiles)
	w.Do(ActionNextTab)
	w.Do(ActionPreviousTab)
	require.False(t, w.preview(1).Fetch, "the tab was left meanwhile")
}

func TestBrowser_AnySizeAndAction(t *testing.T) {
	for _, size := range [][2]int{{0, 0}, {1, 1}, {2, 3}, {10, 4}, {80, 24}, {109, 15}, {110, 16}, {300, 100}, {300, 1}} {
		w := newWorld(t)
		w.Resize(size[0], size[1])
		w.page(1000)
		for _, binding := range actions(KeysVi) {
			w.Do(binding.Action)
			w.Help, w.Command = false, nil
			l := w.Layout()
			require.GreaterOrEqual(t, l.List.Height, 0)
			require.LessOrEqual(t, l.Preview.X+l.Preview.Width, max(size[0], 0))
			require.LessOrEqual(t, l.Preview.Y+l.Preview.Height, max(size[1], headLines+1))
		}
	}
}

func TestBindings_EachKeyHasOneAction(t *testing.T) {
	seen := map[string]Action{}
	for _, b := range Bindings() {
		require.NotEmpty(t, b.Help, b.Action)
		for _, key := range b.Keys {
			require.Emptyf(t, seen[key], "%s", key)
			seen[key] = b.Action
		}
	}
}

func TestInput(t *testing.T) {
	in := &Input{}
	in.Insert("grün\n日本e\u0301x\x1b[31m")
	require.Equal(t, "grün 日本e\u0301x [31m", in.Text())
	for range 6 {
		in.Left()
	}
	in.DeleteLeft()
	require.Equal(t, "grün 日本x [31m", in.Text(), "a character with its accent is one")
	in.DeleteWord()
	require.Equal(t, "grün x [31m", in.Text())
	in.Home()
	in.DeleteRight()
	in.End()
	in.DeleteToStart()
	in.DeleteLeft()
	in.DeleteRight()
	require.Empty(t, in.Text())
	for range 300 {
		in.Insert("日本語 ")
	}
	require.LessOrEqual(t, len(in.Text()), maxInput)
	for _, columns := range []int{0, 1, 2, 3, 10, 2000} {
		in.End()
		for range 400 {
			text, cursor := in.Visible(columns)
			require.LessOrEqual(t, styled.Width(text), max(columns, 2))
			require.Less(t, cursor, max(columns, 2))
			in.Left()
		}
	}
}
