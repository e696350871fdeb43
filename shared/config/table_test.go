package config

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/paths"
)

// TestParse_Table checks the forms in which a file may have the entries of a table, and that errors name the entry.
func TestParse_Table(t *testing.T) {
	want := Table{"down": {"down", "ctrl-j"}, "copy": {}}
	for _, text := range []string{
		"[browse.bind]\ndown = [\"down\", \"ctrl-j\"]\ncopy = []\n",
		"[browse]\nbind = {down = [\"down\", \"ctrl-j\"], copy = []}\n",
		"browse.bind.down = [\"down\", \"ctrl-j\"]\nbrowse.bind.copy = []\n",
	} {
		l, err := Parse("c.toml", []byte(text))
		require.NoError(t, err)
		require.Equal(t, want, l.Browse.Bind)
		require.Contains(t, l.Origins["browse.bind.down"], "c.toml:")
		require.Contains(t, l.Origins["browse.bind"], "c.toml:")
		require.Empty(t, l.Warnings)
	}
	l, err := Parse("c.toml", []byte("[browse]\nbind = {}\n"))
	require.NoError(t, err)
	require.Empty(t, l.Browse.Bind)
	require.Equal(t, "c.toml:2", l.Origins["browse.bind"])
	for text, want := range map[string]string{
		"[browse.bind]\ndown = \"x\"":             `c.toml:2: browse.bind.down: a string is not a list: write it as ["one", "two"]`,
		"[browse]\nbind = [\"x\"]":                `c.toml:2: browse.bind: a list is not a table: write [browse.bind] and its entries below`,
		"[[browse.bind]]\ndown = [\"x\"]":         `c.toml:1: [[browse.bind]] is a list of sections: write [browse.bind]`,
		"[browse.bind]\ndown = [1]":               `c.toml:2: browse.bind.down: an element of the list is not a string: put it in quotes`,
		"[browse.bind.down]\nkeys = [\"ctrl-j\"]": "",
	} {
		l, err := Parse("c.toml", []byte(text))
		if want == "" { // the program that knows the entries refuses it
			require.NoError(t, err)
			require.Equal(t, Table{"down.keys": {"ctrl-j"}}, l.Browse.Bind)
			continue
		}
		require.EqualError(t, err, want)
	}
}

// TestLoad_TableVariable checks that entries of a variable are added to those of files, and that the defaults stay empty.
func TestLoad_TableVariable(t *testing.T) {
	variable := "down=ctrl-j down, copy="
	env := paths.Env{Root: t.TempDir(), Getenv: func(name string) string { return map[string]string{"OMG_BROWSE_BIND": variable}[name] }}
	l, err := Load(env, true)
	require.NoError(t, err)
	require.Equal(t, Table{"down": {"ctrl-j", "down"}, "copy": {}}, l.Browse.Bind)
	require.Empty(t, Default().Browse.Bind)
	variable = "down"
	_, err = Load(env, true)
	require.EqualError(t, err, `OMG_BROWSE_BIND: "down" is not an entry: write it as name=word, with several words separated by spaces`)
}
