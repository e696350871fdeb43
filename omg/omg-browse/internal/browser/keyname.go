package browser

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// namedKeys are the keys whose names are words. Further ones are f1 to f12.
var namedKeys = []string{
	"enter", "tab", "esc", "space", "backspace", "delete", "insert", "up", "down", "left", "right", "home", "end", "pgup", "pgdn",
}

// sameKeys are keys that terminals send like others.
var sameKeys = map[string]string{"ctrl-i": "tab", "ctrl-m": "enter", "ctrl-h": "backspace", "ctrl-[": "esc", "shift-space": "space"}

// isTyped reports whether a key types its character, except in vi's normal mode, in which pairs of characters may also be keys.
func isTyped(key string) bool {
	return utf8.RuneCountInString(key) == 1 || key == "space" || len(key) == 2 && key[0] == 'g'
}

// parseKey returns a key from the configuration in the form in which the terminal names it: "alt-ctrl-b" for "Ctrl-Alt-B".
func parseKey(text string) (string, error) {
	base := text
	var alt, ctrl, shift bool
	for {
		i := strings.IndexByte(base, '-')
		if i < 1 || i == len(base)-1 { // the key - has no modifier
			break
		}
		switch strings.ToLower(base[:i]) {
		case "alt":
			alt = true
		case "ctrl":
			ctrl = true
		case "shift":
			shift = true
		default:
			return "", fmt.Errorf("%q is not a modifier: the modifiers are alt, ctrl and shift", base[:i])
		}
		base = base[i+1:]
	}
	character := utf8.RuneCountInString(base) == 1
	if character {
		switch {
		case ctrl && shift:
			return "", errors.New("terminals send ctrl-shift with a character as ctrl: write it without shift")
		case ctrl:
			base = strings.ToLower(base)
		case shift:
			base, shift = strings.ToUpper(base), false
		}
	} else {
		base = strings.ToLower(base)
		number, isFunctionKey := strings.CutPrefix(base, "f")
		n, err := strconv.Atoi(number)
		if !slices.Contains(namedKeys, base) && (!isFunctionKey || err != nil || n < 1 || n > 12) {
			return "", fmt.Errorf("there is no key %q: keys are characters, f1 to f12, %s", base, strings.Join(namedKeys, ", "))
		}
	}
	name := base
	for _, m := range []struct {
		on     bool
		prefix string
	}{{shift, "shift-"}, {ctrl, "ctrl-"}, {alt, "alt-"}} {
		if m.on {
			name = m.prefix + name
		}
	}
	if other := sameKeys[strings.TrimPrefix(name, "alt-")]; other != "" {
		return "", fmt.Errorf("terminals send %s as %s: write %[2]s", name, other)
	}
	return name, nil
}

// keyTitle returns the name of a key as it is shown: "Alt-←" for "alt-left".
func keyTitle(key string) string {
	arrows := map[string]string{"left": "←", "right": "→", "up": "↑", "down": "↓"}
	parts := strings.Split(key, "-")
	for i, p := range parts {
		switch {
		case arrows[p] != "":
			parts[i] = arrows[p]
		case i > 0 && len(p) == 1 && p != strings.ToLower(p):
			parts[i] = "Shift-" + p
		case len(p) > 1, i > 0 && len(p) == 1: // alt-x is shown as Alt-X, as in manuals
			parts[i] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "-")
}

// keyTitles returns two keys as they are shown: "Alt-1…7" for "alt-1", "alt-7" and "…".
func keyTitles(first, second, between string) string {
	a, b := keyTitle(first), keyTitle(second)
	if at := strings.LastIndexByte(a, '-'); at > 0 && strings.HasPrefix(b, a[:at+1]) {
		b = b[at+1:]
	}
	return a + between + b
}
