package wire

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNames(t *testing.T) {
	for _, name := range []string{"a", "R", "0ad", "gtk2+extra", "lib32-glibc", "python-zope.interface", "_x", "@x", "+x", "größe", "日本", "\xe4"} {
		require.True(t, IsPossibleName(name), name)
		require.True(t, IsSafeName(name), name)
	}
	for _, name := range []string{"-Rdd", "--noconfirm", ".hidden", "..", "-"} {
		require.True(t, IsPossibleName(name), name)
		require.False(t, IsSafeName(name), name)
	}
	for _, name := range []string{"", "$(id)", "a b", "a\tb", "a\n", "a\x00", "a/b", "a;b", "a'", "a\"", "*", "~", "a\u202eb", "a\u00a0b", "a\u009bb", "a\ufffd"} {
		require.False(t, IsPossibleName(name), "%q", name)
		require.False(t, IsSafeName(name), "%q", name)
	}
}
