package wire

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestValidName(t *testing.T) {
	for _, name := range []string{"a", "R", "0ad", "gtk2+extra", "lib32-glibc", "python-zope.interface", "_x", "@x", "+x", "é"} {
		require.True(t, ValidName(name), name)
	}
	for _, name := range []string{"", "-Rdd", "--noconfirm", ".hidden", "..", "$(id)", "a b", "a\tb", "a\n", "a\x00", "a/b", "a;b", "a'", "a\"", "*", "~", "a\u202eb", "\xff", "a\u00a0b"} {
		require.False(t, ValidName(name), "%q", name)
	}
}
