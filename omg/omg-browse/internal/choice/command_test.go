package choice

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/omg-browse/internal/browser"
	"github.com/omg-arch/omg/shared/need"
)

// in returns a choice of a view.
func in(v browser.View, repo, name string) browser.Choice {
	c := chosen(repo, name)
	c.View = v
	return c
}

func TestCommands(t *testing.T) {
	for _, c := range []struct {
		choices []browser.Choice
		want    []string
		leftOut []string
	}{
		{choices: []browser.Choice{in(browser.ViewSearch, "extra", "foo"), in(browser.ViewInstalled, "", "bar")}, want: []string{"sudo pacman -S extra/foo bar"}},
		{choices: []browser.Choice{in(browser.ViewSearch, "aur", "x")}, want: []string{"paru -S aur/x"}},
		{
			choices: []browser.Choice{in(browser.ViewAUR, "aur", "x"), in(browser.ViewFiles, "core", "y"), in(browser.ViewOrphans, "", "o"), in(browser.ViewUpdates, "core", "u")},
			want:    []string{"sudo pacman -Syu", "sudo pacman -S core/y", "paru -S aur/x", "sudo pacman -Rns o"},
		},
		{choices: []browser.Choice{in(browser.ViewUpdates, "core", "u"), in(browser.ViewSecurity, "core", "v")}, want: []string{"sudo pacman -Syu"}},
		{choices: []browser.Choice{in(browser.ViewUpdates, "aur", "u")}, want: []string{"paru -S aur/u"}},
		{choices: []browser.Choice{in(browser.ViewOrphans, "aur", "o"), in(browser.ViewOrphans, "", "p")}, want: []string{"sudo pacman -Rns o p"}},
		{
			choices: []browser.Choice{in(browser.ViewSearch, "extra", "-Rdd"), in(browser.ViewSearch, "", "-Rdd"), in(browser.ViewOrphans, "", "-Rdd"), in(browser.ViewSearch, "extra", "$(id)")},
			want:    []string{"sudo pacman -S extra/-Rdd"}, leftOut: []string{"-Rdd", "-Rdd", "$(id)"},
		},
		{choices: []browser.Choice{in(browser.ViewSearch, "it's $(id)", "a"), in(browser.ViewSearch, "core", "größe")}, want: []string{`sudo pacman -S 'it'\''s $(id)/a' 'core/größe'`}},
		{choices: []browser.Choice{in(browser.ViewSearch, "-Rdd", "a")}, leftOut: []string{"a"}},
		{choices: []browser.Choice{in(browser.ViewSearch, "core", "a\xffb")}, leftOut: []string{"a\xffb"}},
	} {
		commands, leftOut := Commands(c.choices, "paru")
		var lines []string
		for _, command := range commands {
			require.NotEmpty(t, command.Remark)
			lines = append(lines, command.Line)
		}
		require.Equal(t, c.want, lines)
		require.Equal(t, c.leftOut, leftOut)
		require.Equal(t, strings.Join(c.want, " && "), JoinCommands(commands))
		text := strings.Join(CommandText(commands, leftOut), "\n")
		for _, line := range lines {
			require.Contains(t, text, "  "+line+"\n")
		}
		require.Equal(t, leftOut != nil, strings.Contains(text, "left out"))
	}
}

// TestCommands_NeverPartialUpgrade checks that no command refreshes the databases without an upgrade of all packages.
func TestCommands_NeverPartialUpgrade(t *testing.T) {
	for _, v := range browser.Views() {
		for _, repo := range []string{"", "core", "aur"} {
			commands, _ := Commands([]browser.Choice{in(v, repo, "a")}, "yay")
			require.NotEmpty(t, commands)
			for _, c := range commands {
				require.NotContains(t, strings.ReplaceAll(c.Line, "-Syu", ""), "-Sy")
				require.NotContains(t, c.Line, "-Syu ", "an upgrade of all packages has no names")
			}
		}
	}
}

// TestQuote_Shells checks that shells read a quoted word unchanged.
func TestQuote_Shells(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		path := need.Program(t, shell)
		for _, word := range []string{"extra/foo", "a'b", "$(id)", "a b;c&d|e", "größe", "*", "~", "-x", "!!"} {
			cmd := exec.Command(path, "-c", "printf %s "+quote("p/"+word))
			cmd.Env = []string{"HOME=" + t.TempDir(), "LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin"}
			out, err := cmd.CombinedOutput()
			require.NoError(t, err)
			require.Equal(t, "p/"+word, string(out))
		}
	}
}
