package setup

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/paths"
)

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

// BrowseLine returns the line with which a key of a shell opens the package browser. The line does nothing if omg is not installed.
func BrowseLine(shell string) string {
	if shell == "fish" {
		return "type -q omg-probe; and omg-probe init fish --browse | source"
	}
	return `command -v omg-probe >/dev/null && eval "$(omg-probe init ` + shell + ` --browse)"`
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

// defaultStartupFile returns the path of the file that a shell reads if the user has chosen no other directory.
func defaultStartupFile(env paths.Env, shell string) string {
	get := env.Getenv
	env.Getenv = func(name string) string {
		if name == "HOME" {
			return get(name)
		}
		return ""
	}
	return StartupFile(env, shell)
}

// ChangePrompt returns the change that adds PromptLine to the startup file of a shell. The change is empty if the user has already
// added omg-probe there.
func ChangePrompt(env paths.Env, shell string) (Change, error) {
	path := StartupFile(env, shell)
	c, err := newChange(env, path, []string{PromptLine(shell)})
	if err != nil {
		return c, err
	}
	t, err := parse(c.old.text)
	if err == nil && slices.ContainsFunc(slices.Concat(t.before, t.after), startsProbe) {
		return Change{Path: path}, nil
	}
	return c, err
}

// startsProbe reports whether a line of a startup file contains omg-probe init outside of a comment, for a prompt and not only
// for missing commands.
func startsProbe(line string) bool {
	if code, _, found := strings.Cut(" "+line, " #"); found {
		line = code
	}
	return strings.Count(line, "omg-probe init") > strings.Count(line, "--commands")
}

// RemovePrompts returns the changes that remove the blocks from the startup files of all shells: from the files that they read with
// these environment variables, or without them, and from the recorded files. The parameter recorded may be nil. The error joins those of
// the files that cannot be changed.
func RemovePrompts(env paths.Env, recorded *Record) (changes []Change, err error) {
	var files []string
	for _, shell := range Shells {
		files = append(files, StartupFile(env, shell), defaultStartupFile(env, shell))
	}
	if recorded != nil {
		files = append(files, recorded.StartupFiles...)
	}
	for i, path := range files {
		if slices.Contains(files[:i], path) {
			continue
		}
		c, failed := newChange(env, path, nil)
		if failed != nil {
			err = errors.Join(err, failed)
			continue
		}
		isSame := func(other Change) bool { return other.target == c.target } // one of the paths leads through a link
		if !c.IsEmpty() && !slices.ContainsFunc(changes, isSame) {
			changes = append(changes, c)
		}
	}
	return changes, err
}
