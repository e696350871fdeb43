package roster

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEntry(t *testing.T) {
	for _, want := range []Entry{{PublicKey: "UA", AddedAt: 1}, {PublicKey: "UB", AddedAt: 1, RevokedAt: 2}, {AddedAt: 1}} {
		got, err := Parse(want.Marshal())
		require.NoError(t, err)
		require.Equal(t, want, *got)
		require.Equal(t, want.RevokedAt == 2, got.Revoked())
	}
}

func TestParse_Refuses(t *testing.T) {
	for _, text := range []string{
		"", "{}", "[]", `{"public_key":"UA"}`, `{"public_key":"UA","added_at":-1}`,
		`{"stream":"OMG_STATE","seq":1}`, // what a server acknowledges
		`{"public_key":"` + strings.Repeat("A", maxBytes) + `","added_at":1}`,
	} {
		_, err := Parse([]byte(text))
		require.Error(t, err, text)
	}
}
