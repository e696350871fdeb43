package emulator

import (
	"fmt"
	"slices"
	"strings"
)

// cursorKeys end with a letter, and editKeys with "~": CSI 1 ; modifiers letter, and CSI number ; modifiers ~, as xterm sends them.
var (
	cursorKeys = map[string]byte{"up": 'A', "down": 'B', "right": 'C', "left": 'D', "home": 'H', "end": 'F', "f1": 'P'}
	editKeys   = map[string]int{"insert": 2, "delete": 3, "pgup": 5, "pgdn": 6}
	plainKeys  = map[string]string{
		"enter": "\r", "tab": "\t", "shift-tab": "\x1b[Z", "esc": "\x1b", "backspace": "\x7f", "space": " ", "f1": "\x1bOP",
		"alt-backspace": "\x1b\x7f", "alt-enter": "\x1b\r",
	}
)

// Key returns what xterm sends for a key, such as "ctrl-y", "alt-1", "shift-down", "pgdn" or "f1".
func Key(name string) (string, error) {
	if text, ok := plainKeys[name]; ok {
		return text, nil
	}
	modifiers, key := 1, name
	for _, prefix := range []struct {
		name string
		bit  int
	}{{"ctrl-", 4}, {"alt-", 2}, {"shift-", 1}} {
		if rest, ok := strings.CutPrefix(key, prefix.name); ok {
			modifiers, key = modifiers+prefix.bit, rest
		}
	}
	parameters := ""
	if modifiers > 1 {
		parameters = fmt.Sprintf(";%d", modifiers)
	}
	if letter, ok := cursorKeys[key]; ok {
		if parameters != "" {
			parameters = "1" + parameters
		}
		return fmt.Sprintf("\x1b[%s%c", parameters, letter), nil
	}
	if number, ok := editKeys[key]; ok {
		return fmt.Sprintf("\x1b[%d%s~", number, parameters), nil
	}
	letters := []rune(key)
	switch {
	case len(letters) != 1 || slices.Contains([]int{2, 4, 6}, modifiers):
	case modifiers == 3:
		return "\x1b" + key, nil
	case modifiers == 5 && 'a' <= letters[0] && letters[0] <= 'z':
		return string(letters[0] - 'a' + 1), nil
	}
	return "", fmt.Errorf("there is no key %q", name)
}
