package command

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFitHelp(t *testing.T) {
	const fits = "NAME:\n   prog - do something\n\n   --flag X  a text\n   1234567890123456789012345678901234567890123456789012345678901234567890123456789\n"
	require.Equal(t, fits, fitHelp(fits), "a word that is too long is not broken")
	require.Equal(t,
		"   --flag X  a text that is so long that it does not fit in the columns of a\n             help text, and goes on\n   --other\n",
		fitHelp("   --flag X  a text that is so long that it does not fit in the columns of a help text, and goes on\n   --other\n"))
	require.Equal(t,
		"   A paragraph in two lines, of which the first is longer than eighty columns\n   are, and the second is short.\n\n   Another\n   one.\n",
		fitHelp("   A paragraph in two lines, of which the first is longer than eighty columns are, and\n   the second is short.\n\n   Another\n   one.\n"))
}
