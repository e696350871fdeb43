package app

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gdamore/tcell/v3"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/flags"
	"github.com/omg-arch/omg/omg/omg-browse/internal/browser"
)

func TestFlags_Views(t *testing.T) {
	var names []string
	for _, v := range browser.Views() {
		names = append(names, strings.ToLower(v.String()))
	}
	require.Equal(t, names, flags.BrowseViews)
}

func TestRun_Usage(t *testing.T) {
	for _, args := range [][]string{{"--vieww", "files"}, {"--view", "x"}, {"--format", "{{"}, {"--helper", "sh"}} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, 2, Run(t.Context(), append([]string{"omg-browse"}, args...), nil, &stdout, &stderr))
		require.Empty(t, stdout.String())
		require.Contains(t, stderr.String(), "omg browse: error: ")
	}
}

// TestHandle_Paste checks that a paste is text, also where it has line ends, and that keys are keys again after it.
func TestHandle_Paste(t *testing.T) {
	requests := 0
	u := &ui{b: browser.New(nil, func(browser.Request) { requests++ })}
	events := []tcell.Event{tcell.NewEventPaste(true)}
	for _, c := range "a\rb\n\tc\x1b" + strings.Repeat("x", 2*maxPaste) {
		key := tcell.Key(c)
		if c >= ' ' {
			key = tcell.KeyRune
		}
		events = append(events, tcell.NewEventKey(key, string(c), tcell.ModNone))
	}
	for _, e := range append(events, tcell.NewEventPaste(false), tcell.NewEventKey(tcell.KeyHome, "", tcell.ModNone)) {
		done, err := u.handle(t.Context(), e)
		require.NoError(t, err)
		require.False(t, done)
	}
	require.Equal(t, []string{"a", "b", "c"}, u.b.Input.Words()[:3])
	require.Equal(t, 1, requests)
	_, cursor := u.b.Input.Visible(80)
	require.Zero(t, cursor)
	done, _ := u.handle(t.Context(), tcell.NewEventKey(tcell.KeyEsc, "", tcell.ModNone))
	require.True(t, done)
}
