package similar

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		typed, name string
		want        Difference
		ok          bool
	}{
		{"firefox", "firefox", Difference{0, Spelling}, true},
		{"firefix", "firefox", Difference{EditCost, Spelling}, true},
		{"fierfox", "firefox", Difference{EditCost, Spelling}, true},
		{"irefox", "firefox", Difference{firstEditCost, Spelling}, true},
		{"fire-fox", "firefox", Difference{spacingCost, Spacing}, true},
		{"python3", "python-3", Difference{spacingCost, Spacing}, true},
		{"firefox", "firefox-i18n-de", Difference{variantCost + 1, Variant}, true},
		{"firefox", "chromium", Difference{}, false},
		{"ls", "lz", Difference{}, false},
		{"cat", "cut", Difference{EditCost, Spelling}, true},
	} {
		text := NewText([]byte(c.typed))
		got, ok := text.Compare([]byte(c.name))
		require.Equal(t, c.ok, ok, "%s and %s", c.typed, c.name)
		require.Equal(t, c.want, got, "%s and %s", c.typed, c.name)
		if c.ok {
			require.True(t, text.BeginsSimilarly([]byte(c.name)), "%s and %s", c.typed, c.name)
		}
	}
}

func TestNewText_Length(t *testing.T) {
	require.Nil(t, NewText([]byte("a")))
	require.Nil(t, NewText([]byte("a----")))
	require.Nil(t, NewText(make([]byte, MaxTextLen+1)))
	require.NotNil(t, NewText([]byte("ab")))
}
