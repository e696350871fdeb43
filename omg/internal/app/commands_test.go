package app

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCommandsByName: the names by which a command is chosen are its own, it has no
// others, and what is named is made.
func TestCommandsByName(t *testing.T) {
	for _, c := range all {
		made := c.make()
		require.Equal(t, c.name, made.Name)
		require.Equal(t, strings.Fields(c.alias), append([]string{}, made.Aliases...), "commands() knows its other name")
		some := commands([]string{"omg", "--socket", "x", c.name, "word"})
		require.Len(t, some, 1)
		require.Equal(t, c.name, some[0].Name)
	}
	require.Len(t, commands([]string{"omg", "search", "info"}), 2)
	require.Len(t, commands([]string{"omg", "audit"}), 1)
	for _, args := range [][]string{{"omg"}, {"omg", "--help"}, {"omg", "search", "--help"}, {"omg", "nonsense"}, {"omg", "info", "-h"}} {
		require.Len(t, commands(args), len(all), "%q", args)
	}
}
