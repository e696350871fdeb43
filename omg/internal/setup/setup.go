package setup

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/paths"
)

// Settings are the settings that omg setup asks about.
type Settings struct {
	AUR, Tracker, Sync bool
}

// byKey returns the settings by their keys.
func (s Settings) byKey() map[string]bool {
	return map[string]bool{"aur.enabled": s.AUR, "tracker.enabled": s.Tracker, "sync.enabled": s.Sync}
}

// Current returns the effective settings.
func Current(env paths.Env) (Settings, error) {
	loaded, err := config.Load(env, false)
	if err != nil {
		return Settings{}, err
	}
	return Settings{AUR: loaded.AUR.Enabled, Tracker: loaded.Tracker.Enabled, Sync: loaded.Sync.Enabled}, nil
}

// configPath returns the path of the user's configuration file.
func configPath(env paths.Env) string {
	files, _ := env.ConfigFiles(false)
	return files[len(files)-1]
}

// ChangeSettings returns the change of the user's configuration file that makes the given settings effective. The block contains
// only settings that differ from what is effective without it.
func ChangeSettings(env paths.Env, want Settings) (Change, error) {
	path := configPath(env)
	now, err := Current(env)
	if err != nil {
		return Change{}, err
	}
	before, err := newChange(env, path, nil, true)
	if err != nil {
		return Change{}, err
	}
	t, err := parse(before.old)
	if err != nil {
		return Change{}, err
	}
	var lines []string
	for key, value := range want.byKey() {
		isInBlock := slices.ContainsFunc(t.block, func(line string) bool { return strings.HasPrefix(line, key+" =") })
		if isInBlock || value != now.byKey()[key] {
			lines = append(lines, key+" = "+strconv.FormatBool(value))
		}
	}
	slices.Sort(lines)
	c, err := newChange(env, path, lines, true)
	if err != nil || c.IsEmpty() {
		return c, err
	}
	if err := config.Check(path, []byte(c.content)); err != nil {
		return Change{}, fmt.Errorf("%s is not changed, because it already has some of these settings: change them there: %s", path, strings.Join(lines, ", "))
	}
	return c, nil
}

// RemoveSettings returns the change that removes the block from the user's configuration file.
func RemoveSettings(env paths.Env) (Change, error) { return newChange(env, configPath(env), nil, true) }

// ErrNoShell means that omg-probe has no code for the user's shell.
var ErrNoShell = errors.New("omg-probe supports the prompts of bash, zsh and fish")

// Shells lists the shells whose prompts omg-probe supports.
var Shells = []string{"bash", "zsh", "fish"}

// ShellName returns the name of the user's shell: one of Shells, otherwise ErrNoShell.
func ShellName(env paths.Env) (string, error) {
	name := filepath.Base(env.Get("SHELL"))
	if !slices.Contains(Shells, name) {
		return "", ErrNoShell
	}
	return name, nil
}

// PromptLine returns the line with which a shell shows omg-probe in its prompt. The line does nothing if omg is not installed.
func PromptLine(shell string) string {
	if shell == "fish" {
		return "type -q omg-probe; and omg-probe init fish | source"
	}
	return `command -v omg-probe >/dev/null && eval "$(omg-probe init ` + shell + `)"`
}

// StartupFile returns the path of the file that an interactive shell reads at its start.
func StartupFile(env paths.Env, shell string) string {
	dir := func(variable, otherwise string) string {
		if d := env.Get(variable); filepath.IsAbs(d) {
			return d
		}
		return filepath.Join(env.Get("HOME"), otherwise)
	}
	switch shell {
	case "zsh":
		return filepath.Join(dir("ZDOTDIR", ""), ".zshrc")
	case "fish":
		return filepath.Join(dir("XDG_CONFIG_HOME", ".config"), "fish", "config.fish")
	}
	return filepath.Join(env.Get("HOME"), ".bashrc")
}

// ChangePrompt returns the change that adds PromptLine to the startup file of a shell. The change is empty if the user has already
// added omg-probe there.
func ChangePrompt(env paths.Env, shell string) (Change, error) {
	path := StartupFile(env, shell)
	c, err := newChange(env, path, []string{PromptLine(shell)}, false)
	if err != nil {
		return c, err
	}
	if t, err := parse(c.old); err == nil && strings.Contains(strings.Join(append(t.before, t.after...), ""), "omg-probe init") {
		return Change{Path: path}, nil
	}
	return c, nil
}

// RemovePrompt returns the change that removes the block from the startup file of a shell.
func RemovePrompt(env paths.Env, shell string) (Change, error) {
	return newChange(env, StartupFile(env, shell), nil, false)
}
