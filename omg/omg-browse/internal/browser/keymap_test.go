package browser

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// withKeys returns a world with a set of keys.
func withKeys(t *testing.T, set string, bind map[string][]string) *world {
	t.Helper()
	w := newWorld(t)
	keys, err := NewKeyMap(set, bind)
	require.NoError(t, err)
	w.Keys = keys
	w.page(100)
	return w
}

// press presses keys, which are separated by spaces, and answers each search. A character is typed.
func (w *world) press(keys string) (last Effect) {
	for key := range strings.FieldsSeq(keys) {
		switch {
		case key == "space":
			last = w.Press("", " ")
		case len(key) == 1:
			last = w.Press("", key)
		default:
			last = w.Press(key, "")
		}
		if w.awaitsList() {
			w.page(100)
		}
	}
	return last
}

func TestKeyMap_Vi(t *testing.T) {
	w := withKeys(t, KeysVi, nil)
	selected := func() int { _, _, at := w.Rows(); return at }
	require.Contains(t, w.StatusText(), "-- INSERT --")
	w.press("x z") // typing works at once
	require.Equal(t, "xz", w.Input.Text())
	w.page(100)

	require.Equal(t, NoEffect, w.press("esc"))
	require.Contains(t, w.StatusText(), "-- NORMAL --")
	w.press("j j j k")
	require.Equal(t, 2, selected())
	w.press("G")
	require.Equal(t, 99, selected())
	w.press("g g")
	require.Equal(t, 0, selected())
	w.press("g j")
	require.Equal(t, 0, selected(), "no action has the pair")
	w.press("ctrl-d")
	require.Equal(t, w.Layout().List.Height/2, selected())
	w.press("ctrl-u")
	require.Equal(t, 0, selected())
	w.press("space")
	require.Equal(t, 1, w.Marks.Len())
	w.press("tab down up")
	require.Equal(t, 2, w.Marks.Len(), "the other keys are those of insert mode")
	require.Equal(t, "xz", w.Input.Text(), "nothing was typed")

	w.press("a y") // Esc has moved the cursor before the z
	require.Equal(t, "xzy", w.Input.Text())
	w.press("esc i w esc I v esc A u")
	require.Equal(t, "vxzwyu", w.Input.Text())
	w.press("esc esc S g g")
	require.Equal(t, "gg", w.Input.Text())
	require.Equal(t, NoEffect, w.press("esc 2"))
	require.Equal(t, ViewInstalled, w.View())
	w.press("?")
	require.True(t, w.Help)
	w.press("j q")
	require.False(t, w.Help)
	require.Equal(t, EffectAbort, w.press("q"))
	require.Equal(t, EffectAbort, w.press("i ctrl-c"))
}

func TestKeyMap_Bind(t *testing.T) {
	w := withKeys(t, KeysDefault, map[string][]string{"down": {"Ctrl-J", "F2"}, "mark": {"alt-m"}, "copy": {}, "up": {"ctrl-k"}})
	require.Equal(t, NoEffect, w.press("ctrl-j f2 down ctrl-n"), "down and ctrl-n have no action any more")
	_, _, at := w.Rows()
	require.Equal(t, 2, at)
	w.press("ctrl-k tab alt-m")
	require.Equal(t, 1, w.Marks.Len())
	require.Equal(t, NoEffect, w.press("ctrl-y"))
	w.press("a b ctrl-a ctrl-k")
	require.Equal(t, "ab", w.Input.Text(), "ctrl-k has another action now")
	help := strings.Join(w.HelpLines(), "\n")
	require.Contains(t, help, "ctrl-j, f2 ")
	require.NotContains(t, help, "clipboard")
	require.Contains(t, w.StatusText(), "Alt-M mark")
	require.Contains(t, w.StatusText(), "F1 keys · Alt-1…7 views · Alt-←→ tabs · Esc quit")

	w = withKeys(t, KeysVi, map[string][]string{"down": {"n"}, "redraw": {"gr"}})
	w.press("n esc n")
	require.Equal(t, "n", w.Input.Text())
	_, _, at = w.Rows()
	require.Equal(t, 1, at)
	require.Equal(t, EffectRedraw, w.press("g r"))
}

func TestKeyMap_Errors(t *testing.T) {
	for _, c := range []struct {
		set, action, want string
		keys              []string
	}{
		{KeysDefault, "dwn", `dwn: there is no action "dwn": the actions are down, up, `, []string{"ctrl-j"}},
		{KeysDefault, "insert", `insert: the action needs browse.keys = "vi"`, []string{"ctrl-j"}},
		{KeysDefault, "down", `down: the key j types a character: add alt or ctrl`, []string{"j"}},
		{KeysDefault, "down", `down: there is no key "pgdown": keys are characters, f1 to f12, enter, `, []string{"pgdown"}},
		{KeysDefault, "down", `down: there is no key "f13"`, []string{"f13"}},
		{KeysDefault, "down", `down: "super" is not a modifier: the modifiers are alt, ctrl and shift`, []string{"super-x"}},
		{KeysDefault, "down", `down: terminals send ctrl-i as tab: write tab`, []string{"ctrl-i"}},
		{KeysDefault, "down", `down: terminals send ctrl-shift with a character as ctrl: write it without shift`, []string{"ctrl-shift-x"}},
		{KeysDefault, "down", `down: the key F2 is already one of down`, []string{"f2", "F2"}},
		{KeysDefault, "abort", `abort: the action needs a key: otherwise nothing ends the browser`, nil},
	} {
		_, err := NewKeyMap(c.set, map[string][]string{c.action: c.keys})
		require.ErrorContains(t, err, c.want)
		var bind *BindError
		require.ErrorAs(t, err, &bind)
		require.Equal(t, c.action, bind.Action)
	}
	_, err := NewKeyMap(KeysDefault, map[string][]string{"up": {"f2"}, "down": {"f2"}})
	require.EqualError(t, err, "up: the key f2 is already one of down")
}

func TestParseKey(t *testing.T) {
	for text, want := range map[string]string{
		"Ctrl-Alt-B": "alt-ctrl-b", "shift-alt-x": "alt-X", "alt--": "alt--", "-": "-", "PgDn": "pgdn", "shift-Tab": "shift-tab",
		"ctrl-shift-home": "ctrl-shift-home", "é": "é", "alt-é": "alt-é", "ctrl-space": "ctrl-space",
	} {
		key, err := parseKey(text)
		require.NoError(t, err, text)
		require.Equal(t, want, key)
	}
}

// TestKeyMap_NoKeyIsLost checks that the tables have no key twice within a mode, and only names that the configuration knows.
func TestKeyMap_NoKeyIsLost(t *testing.T) {
	for _, set := range []string{KeysDefault, KeysVi} {
		m, err := NewKeyMap(set, nil)
		require.NoError(t, err)
		for _, b := range actions(set) {
			for _, key := range b.Keys {
				parsed, err := parseBoundKey(key, KeysVi)
				require.NoError(t, err, key)
				require.Equal(t, key, parsed)
				if set == KeysVi && key == "esc" {
					continue
				}
				require.Contains(t, m.keys[b.Action], key, b.Action)
			}
			require.True(t, len(m.keys[b.Action]) > 0 || len(b.Keys) == 0, b.Action)
		}
	}
	seen := map[string]bool{}
	m, err := NewKeyMap(KeysVi, nil)
	require.NoError(t, err)
	for _, b := range normalBindings() {
		for _, key := range b.Keys {
			require.False(t, seen[key], key)
			seen[key] = true
			require.Equal(t, b.Action, m.normal[key])
			require.Contains(t, m.keys[b.Action], key)
		}
	}
}
