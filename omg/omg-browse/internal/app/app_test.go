package app

import (
	"bytes"
	"strings"
	"testing"

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

// TestUI_CopyCommand checks that the command that is shown is copied, also if another package was selected meanwhile.
func TestUI_CopyCommand(t *testing.T) {
	var sent browser.Request // the last request for a list
	b := browser.New(nil, func(r browser.Request) {
		if r.Lane == browser.LaneList {
			sent = r
		}
	})
	b.Resize(80, 24)
	b.Start()
	u := &ui{b: b}
	answer := func(name string) {
		b.Answer(browser.Answer{Request: &sent, Rows: []browser.Row{{Key: browser.Key{Name: name}, Repo: "core"}}, Total: 1})
	}
	answer("first")
	u.showCommand()
	b.Changed()
	answer("other")
	text, _ := u.clipboard()
	require.Equal(t, "sudo pacman -S core/first", text)
	require.Contains(t, strings.Join(b.CommandLines(), "\n"), text)
	b.Do(browser.ActionAbort)
	text, message := u.clipboard()
	require.Equal(t, "other", text)
	require.Equal(t, "copied other", message)
}

func TestRun_Usage(t *testing.T) {
	for _, args := range [][]string{{"--vieww", "files"}, {"--view", "x"}, {"--format", "{{"}, {"--helper", "sh"}} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, 2, Run(t.Context(), append([]string{"omg-browse"}, args...), nil, &stdout, &stderr))
		require.Empty(t, stdout.String())
		require.Contains(t, stderr.String(), "omg browse: error: ")
	}
}
