package browser

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/wire"
)

func TestBrowser_Command(t *testing.T) {
	w := newWorld(t)
	w.page(3)
	w.Resize(20, 24)
	require.Equal(t, EffectCommand, w.Do(ActionCommand))
	w.ShowCommand([]string{"To install:", "", "  sudo pacman -S p0 " + strings.Repeat("x", 30) + " b"})
	require.Equal(t, []string{"To install:", "", "  sudo pacman -S", "    p0", "    " + strings.Repeat("x", 30), "    b"}, w.CommandLines())
	require.Equal(t, EffectCopy, w.Do(ActionCopy))
	require.NotNil(t, w.Command)
	for range 100 {
		w.Do(ActionPageDown)
	}
	require.Equal(t, len(w.CommandLines())-1, w.HelpTop, "the last line stays on the screen")
	require.Equal(t, NoEffect, w.Do(ActionAbort), "the key ends the text, not the browser")
	require.Nil(t, w.Command)
	w.ShowCommand([]string{"x"})
	w.Type("a")
	require.Nil(t, w.Command)
}

func TestBrowser_RepoOnly(t *testing.T) {
	w := newWorld(t)
	w.OnlyRepositories()
	w.Do(ActionFilterAUR)
	require.Equal(t, WithoutAUR, w.Filters.AUR)
	require.Contains(t, w.Message, "--repo-only")
	w.Show(ViewInstalled)
	r := w.take(LaneLoad)
	w.Answer(Answer{Request: &r, Rows: []Row{{Key: Key{Name: "a"}, Package: &wire.Package{Name: "a"}}, {Key: Key{Name: "b", AUR: true}, Package: &wire.Package{Name: "b", AUR: &wire.AUR{}}}}})
	require.Equal(t, []string{"[a]"}, w.names())
	w.Do(ActionMark)
	w.Do(ActionMark)
	require.Empty(t, w.Choices()[1:])
}
