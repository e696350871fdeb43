package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestParse_Levels checks that levels of findings are read, and that a wrong name or level is an error.
func TestParse_Levels(t *testing.T) {
	l, err := Parse("c.toml", []byte("[aur.levels]\nlook-alike = \"off\"\nadopted = \"look\"\n"))
	require.NoError(t, err)
	levels := l.AUR.Levels.ByReason()
	require.Equal(t, "off", levels["look-alike"])
	require.Equal(t, "look", levels["adopted"])
	require.Equal(t, "default", levels["orphaned"])
	for text, want := range map[string]string{
		"[aur.levels]\nadoptd = \"look\"":       `c.toml:2: aur.levels.adoptd: there is no finding "adoptd": docs/journal.md lists the findings`,
		"aur.levels = { adoptd = \"look\" }":    `c.toml:1: aur.levels.adoptd: there is no finding "adoptd": docs/journal.md lists the findings`,
		"[aur.levels]\nadopted = \"high\"":      `c.toml:2: aur.levels.adopted: "high" is not one of default, act, look, note, off`,
		"[aur.levels]\nadopted = true":          `c.toml:2: aur.levels.adopted: a boolean is not a string: put it in quotes`,
		"[aur.levels.adopted]\nlevel = \"off\"": `c.toml:1: aur.levels.adopted is a setting, not a section: write aur.levels.adopted = VALUE`,
	} {
		_, err := Parse("c.toml", []byte(text))
		require.EqualError(t, err, want)
	}
}
