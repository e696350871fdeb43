package browser

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/omg-browse/internal/styled"
	"github.com/omg-arch/omg/shared/wire"
)

// TestHelpLines checks that the help shows every key and fits into the width of the screen.
func TestHelpLines(t *testing.T) {
	for _, width := range []int{80, 120, 200} {
		w := newWorld(t)
		w.Resize(width, 24)
		lines := w.HelpLines()
		for _, line := range lines {
			require.LessOrEqual(t, styled.Width(line), width-2, line)
		}
		text := strings.Join(strings.Fields(strings.Join(lines, " ")), " ")
		require.Contains(t, text, "omg search --help explains all prefixes. Esc closes this help.")
		for _, b := range Bindings() {
			if len(b.Keys) > 0 {
				require.Contains(t, text, strings.Join(b.Keys, ", ")+" "+b.Help)
			}
		}
	}
}

// TestListMessage_Empty checks that an empty list says why it is empty.
func TestListMessage_Empty(t *testing.T) {
	w := newWorld(t, "x")
	list := w.take(LaneList)
	w.Answer(Answer{Request: &list, Note: "did you mean: y"})
	require.Equal(t, "nothing found: did you mean: y", w.ListMessage())
	require.Empty(t, w.Notice(), "the list has said it")
	w.Filters = Filters{AUR: WithoutAUR, Repo: "core"}
	require.Equal(t, "nothing found with the filters no AUR, only core: did you mean: y", w.ListMessage())
	w.Show(ViewFiles)
	list = w.take(LaneList)
	w.Answer(Answer{Request: &list})
	require.Equal(t, "nothing found", w.ListMessage(), "files have no filters")
	w.Filters = Filters{}

	for _, view := range Views() {
		if view.isQuery() {
			continue
		}
		w.Show(view)
		w.load()
		require.NotEmpty(t, view.emptyText())
		require.Equal(t, view.emptyText(), w.ListMessage())
		w.Changed()
		load := w.take(LaneLoad)
		w.Answer(Answer{Request: &load, Note: "updates are unknown"})
		require.Equal(t, "nothing found: updates are unknown", w.ListMessage(), "what is unknown is not empty")
		w.Changed()
		w.load("a")
		require.Equal(t, "nothing found: the view Search has all packages", w.ListMessage())
	}
	w.Do(ActionDeleteBefore)
	require.Empty(t, w.ListMessage())
}

func TestNotice(t *testing.T) {
	w := newWorld(t)
	list := w.take(LaneList)
	w.Answer(Answer{Request: &list, Rows: []Row{{Key: Key{Name: "a"}}}, Total: 1, Note: "extra is failed"})
	require.Equal(t, "extra is failed", w.Notice())
	w.Connection = "omgd is not running"
	require.Equal(t, "omgd is not running · extra is failed", w.Notice())
	w.Message = "copied"
	require.Equal(t, "copied", w.Notice())
}

// TestStatusText checks that the last line names the keys that fit, and how to see all of them while it says something else.
func TestStatusText(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		width int
		want  string
	}{
		{10, ""},
		{60, "Enter choose · Tab mark · F1 keys · Alt-1…7 views"},
		{130, "Enter choose · Tab mark · F1 keys · Alt-1…7 views · Alt-←→ tabs · Esc quit · Alt-X command · Alt-S sort · Shift-↓ scroll"},
		{80, "Enter choose · Tab mark · F1 keys · Alt-1…7 views · Alt-←→ tabs · Esc quit"},
	} {
		w.Resize(c.width, 24)
		require.Equal(t, c.want, w.StatusText())
	}
	w.Do(ActionHelp)
	require.Equal(t, "Esc back · ↑↓ scroll", w.StatusText())
	w.Do(ActionAbort)
	w.Connection = "omgd is not running"
	require.Equal(t, "F1 keys · omgd is not running", w.StatusText())
	w.Message = "copied"
	require.Equal(t, "copied", w.StatusText())

	w = withKeys(t, KeysVi, map[string][]string{"help": {}})
	w.Resize(30, 24)
	require.Equal(t, "-- INSERT -- Enter choose", w.StatusText())
	w.Connection = "omgd is not running"
	require.Equal(t, "-- INSERT -- omgd is not running", w.StatusText())
}

func TestSortText(t *testing.T) {
	w := newWorld(t)
	w.Show(ViewInstalled)
	load := w.take(LaneLoad)
	row := Row{Key: Key{Name: "a"}, Package: &wire.Package{Name: "a"}, SortText: [2]string{"9 B", "2022-09-12"}}
	w.Answer(Answer{Request: &load, Rows: []Row{row}})
	for _, want := range []string{"", "9 B", "2022-09-12", ""} {
		require.Equal(t, want, w.SortText(&row), w.Counts())
		w.Do(ActionSort)
	}
}

// TestFilters_Files checks that the view of files names no filter, because it has none.
func TestFilters_Files(t *testing.T) {
	w := newWorld(t)
	w.Do(ActionFilterInst)
	require.Equal(t, "installed · relevance", w.Counts())
	w.Show(ViewFiles)
	require.Equal(t, "best match", w.Counts())
	w.Do(ActionFilterExpl)
	require.Equal(t, "the view Files has no filters", w.Message)
	require.False(t, w.Filters.Explicit)
	w.Show(ViewSearch)
	require.Equal(t, "installed · relevance", w.Counts())
}
