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

func TestRun_Usage(t *testing.T) {
	for _, args := range [][]string{{"--vieww", "files"}, {"--view", "x"}, {"--format", "{{"}, {"--helper", "sh"}} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, 2, Run(t.Context(), append([]string{"omg-browse"}, args...), nil, &stdout, &stderr))
		require.Empty(t, stdout.String())
		require.Contains(t, stderr.String(), "omg browse: error: ")
	}
}
