package setup

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const settingsFile = ".config/omg/setup.toml"

// current returns the settings before a change.
func (h *home) current() *CurrentSettings {
	h.t.Helper()
	now, err := ReadSettings(h.env())
	require.NoError(h.t, err)
	return now
}

// change makes settings effective.
func (h *home) change(want Settings) {
	h.t.Helper()
	c := h.current().Change(want)
	require.NoError(h.t, c.Apply(h.env()))
	require.Equal(h.t, want, h.current().Settings)
}

func TestSettings_Change(t *testing.T) {
	h := newHome(t)
	h.change(Settings{AUR: true, Tracker: true, News: true})
	require.NoFileExists(t, filepath.Join(h.dir, settingsFile), "these are the defaults")
	h.change(Settings{Tracker: true, News: true})
	require.Equal(t, settingsHeader+"\naur.enabled = false\n", h.read(settingsFile))
	h.change(Settings{AUR: true, Tracker: true, News: true, Sync: true})
	require.Equal(t, settingsHeader+"\naur.enabled = true\nsync.enabled = true\n", h.read(settingsFile))
	unchanged := h.current().Change(h.current().Settings)
	require.True(t, unchanged.IsEmpty())
	c := h.current().Remove()
	require.NoError(t, c.Apply(h.env()))
	require.NoFileExists(t, filepath.Join(h.dir, settingsFile))
	c = h.current().Remove()
	require.True(t, c.IsEmpty())
}

// TestSettings_Sections checks that the sections of config.toml, before and after a change, do not conflict with the change.
func TestSettings_Sections(t *testing.T) {
	h := newHome(t)
	const own = "[sync]\ninterval = \"2h\"\n"
	path := h.write(".config/omg/config.toml", own)
	h.change(Settings{AUR: true, Tracker: true, Sync: true})
	h.write(".config/omg/config.toml", own+"[aur]\ninterval = \"2h\"\n")
	h.change(Settings{})
	require.Equal(t, own+"[aur]\ninterval = \"2h\"\n", h.read(".config/omg/config.toml"))

	h.write(".config/omg/config.toml", "[aur]\nenabled=false # mine\n")
	now := h.current()
	require.Equal(t, map[string]string{KeyAUR: path + ":2"}, now.FixedBy)
	require.Equal(t, Settings{}, now.Settings)
	c := now.Change(Settings{AUR: true})
	require.True(t, c.IsEmpty(), "the user has set it")
	h.write(".config/omg/config.toml", "aur = false\n")
	_, err := ReadSettings(h.env())
	require.ErrorContains(t, err, "config.toml:1: aur is a section")
}

// TestSettings_Environment checks that a variable does not get into the file.
func TestSettings_Environment(t *testing.T) {
	h := newHome(t)
	h.change(Settings{Tracker: true})
	before := h.read(settingsFile)
	h.vars["OMG_AUR_ENABLED"] = "true"
	now := h.current()
	require.Equal(t, map[string]string{KeyAUR: "OMG_AUR_ENABLED"}, now.FixedBy)
	require.Equal(t, Settings{Tracker: true}, now.Settings)
	for _, want := range []Settings{now.Settings, {AUR: true, Tracker: true}} {
		c := now.Change(want)
		require.True(t, c.IsEmpty())
	}
	h.vars["OMG_CONFIG"] = h.write("other.toml", "")
	now = h.current()
	require.Len(t, now.FixedBy, 5)
	c := now.Change(Settings{Sync: true})
	require.True(t, c.IsEmpty())
	require.Equal(t, before, h.read(settingsFile))
}

// TestSettings_Edited checks that an edited file is neither changed nor removed.
func TestSettings_Edited(t *testing.T) {
	h := newHome(t)
	for _, text := range []string{"aur.enabled=false\n", settingsHeader + "\naur.enabled = false\naur.interval = \"2h\"\n", "# mine\n"} {
		h.write(settingsFile, text)
		_, err := ReadSettings(h.env())
		require.ErrorIs(t, err, errEdited, text)
	}
}

func TestSettings_Refused(t *testing.T) {
	h := newHome(t)
	h.vars["XDG_CONFIG_HOME"] = t.TempDir()
	_, err := ReadSettings(h.env())
	require.ErrorIs(t, err, errNotOwn)
	delete(h.vars, "XDG_CONFIG_HOME")
	require.NoError(t, os.Chmod(h.dir, 0o775))
	_, err = ReadSettings(h.env())
	require.ErrorContains(t, err, "other users can replace files in it")
	require.NoDirExists(t, filepath.Join(h.dir, ".config"))
	h.vars["HOME"] = ""
	_, err = ReadSettings(h.env())
	require.ErrorIs(t, err, errNoHome)
}
