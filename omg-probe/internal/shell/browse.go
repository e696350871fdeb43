package shell

import (
	_ "embed"
	"fmt"
	"strings"
)

var (
	//go:embed browse.bash
	bashBrowseCode string
	//go:embed browse.zsh
	zshBrowseCode string
	//go:embed browse.fish
	fishBrowseCode string
)

// DefaultBrowseKey is a key that has no meaning in bash, zsh and fish.
const DefaultBrowseKey = "alt-i"

// BrowseCode returns the code for a shell (bash, zsh or fish) in which a key runs commandLine, and inserts the lines that it prints at the
// cursor. The key is alt- or ctrl- and a letter.
func BrowseCode(shell string, commandLine []string, key string) (string, error) {
	code, err := fill(shell, bashBrowseCode, zshBrowseCode, fishBrowseCode, commandLine, nil)
	if err != nil {
		return "", err
	}
	kind, letter, _ := strings.Cut(key, "-")
	if len(letter) != 1 || letter[0] < 'a' || letter[0] > 'z' || kind != "alt" && kind != "ctrl" {
		return "", fmt.Errorf("--key must be alt- or ctrl- and a letter from a to z, not %q", key)
	}
	// Ctrl with these letters is the same as Tab or Enter, or sends a signal or the end of the input.
	if kind == "ctrl" && strings.Contains("cdijmqsz", letter) {
		return "", fmt.Errorf("--key cannot be %s, which has a meaning in each terminal", key)
	}
	// Escape ends the insert mode of vi's keys, and Alt sends Escape before the letter.
	emacs := map[string]string{"bash": "emacs-standard", "zsh": "emacs", "fish": "default"}[shell]
	both := map[string]string{"bash": "emacs-standard vi-insert vi-command", "zsh": "emacs viins vicmd", "fish": "default insert"}[shell]
	written := map[string]string{"bash": `\e`, "zsh": "^[", "fish": `\e`}[shell] + letter
	keymaps := emacs
	if kind == "ctrl" {
		keymaps, written = both, map[string]string{"bash": `\C-`, "zsh": "^", "fish": `\c`}[shell]+letter
	}
	return strings.NewReplacer("@KEY@", written, "@KEYMAPS@", keymaps).Replace(code), nil
}
