package browser

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDocs_Keys checks that docs/browse.md lists all keys as the help does.
func TestDocs_Keys(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/browse.md")
	require.NoError(t, err)
	const head = "| keys | do |\n| --- | --- |\n"
	_, rest, found := strings.Cut(string(page), head)
	require.True(t, found, "the page has no table of keys")
	table, _, _ := strings.Cut(rest, "\n\n")
	var want strings.Builder
	for _, b := range Bindings() {
		if len(b.Keys) == 0 { // only vi has keys for it
			continue
		}
		fmt.Fprintf(&want, "| `%s` | %s |\n", strings.Join(b.Keys, "`, `"), b.Help)
	}
	require.Equal(t, want.String(), table+"\n", "copy this table to docs/browse.md")
}

// TestDocs_Views checks that docs/browse.md has a row for each view.
func TestDocs_Views(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/browse.md")
	require.NoError(t, err)
	for _, v := range Views() {
		require.Contains(t, string(page), fmt.Sprintf("\n| %s | Alt-%d | ", strings.ToLower(v.String()), v+1))
	}
}
