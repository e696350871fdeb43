package app

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCommandsByName: the name by which a command is chosen is its own, it has no
// other, and what is named is made.
func TestCommandsByName(t *testing.T) {
	for _, c := range all {
		made := c.make()
		require.Equal(t, c.name, made.Name)
		require.Empty(t, made.Aliases, "commands() does not look for aliases")
		some := commands([]string{"omg", "--socket", "x", c.name, "word"})
		require.Len(t, some, 1)
		require.Equal(t, c.name, some[0].Name)
	}
	require.Len(t, commands([]string{"omg", "search", "info"}), 2)
	for _, args := range [][]string{{"omg"}, {"omg", "--help"}, {"omg", "search", "--help"}, {"omg", "nonsense"}, {"omg", "info", "-h"}} {
		require.Len(t, commands(args), len(all), "%q", args)
	}
}
