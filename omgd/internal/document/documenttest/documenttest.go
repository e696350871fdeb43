// Package documenttest has checks for the tests of all documents.
package documenttest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omgd/internal/document"
)

// RequireKept checks that a new Downloader has the data of an earlier one, which had a good reply, and plans the next request an interval later.
func RequireKept[D any](t testing.TB, content document.Content[D], before, restarted *D) {
	t.Helper()
	same := *restarted
	planned := content.Fields(&same).NextRequestAt
	require.Greater(t, *planned, *content.Fields(before).NextRequestAt)
	*planned = *content.Fields(before).NextRequestAt
	require.Equal(t, before, &same, "a restart without a network")
}
