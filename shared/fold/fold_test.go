package fold

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestString(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "abc-1.2": "abc-1.2", "AbC": "abc", "É": "É", "é": "É", "ß": "ß", "ẞ": "ß",
		"Σσς": "ΣΣΣ", "\u212a": "k", "\xff\x00A": "\xff\uFFFDa", "ǅ": "Ǆ",
	} {
		require.Equal(t, want, String(in), "%q", in)
		require.Equal(t, String(in), String(String(in)), "%q twice", in)
		require.Equal(t, want, string(Append(nil, []byte(in))), "%q as bytes", in)
	}
}
