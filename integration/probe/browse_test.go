package probe

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

// newBrowseSession starts a shell on a terminal in which a key runs a program that prints the lines of ~/names, and ends with the exit code in
// ~/code. The function runs returns the arguments of each run.
func newBrowseSession(s *harness.System, n int, key, before string) (x *terminal, runs func() []string) {
	s.T.Helper()
	shell := shells[n]
	args := []string{"init", shell.name, "--browse", "--socket", "/a b"}
	if key != "" {
		args = append(args, "--key", key)
	}
	r := s.Run("omg-probe", args...)
	require.Zero(s.T, r.Code, r.Stderr)
	standIn, log := s.Path("stand-in"), s.Path("log")
	harness.WriteFile(s.T, log, "")
	harness.WriteFile(s.T, s.Path("code"), "0")
	harness.WriteProgram(s.T, standIn, "#!/bin/sh\necho \"$*\" >>'"+log+"'\ncat ~/names\nexit \"$(cat ~/code)\"\n")
	real := filepath.Join(filepath.Dir(s.Program("omg-probe")), "omg")
	code := strings.Replace(r.Stdout, "'"+real+"'", "'"+standIn+"'", 1)
	require.NotEqual(s.T, r.Stdout, code)
	harness.WriteFile(s.T, s.Path("browse-code"), code)
	// The code may be read several times.
	harness.WriteFile(s.T, s.Path("rc"), shell.prompt+"\n"+before+"\nsource ~/browse-code\nsource ~/browse-code\n")
	harness.WriteFile(s.T, s.Path(".zshrc"), "source ~/rc\n")
	x = startTerminal(s, "xterm", need.Program(s.T, shell.name), shell.args...)
	x.await("READY> ")
	return x, func() []string { return strings.Split(strings.TrimSpace(string(harness.ReadFile(s.T, log))), "\n") }
}

// press types a text and then keys, and waits until the line contains a text.
func (x *terminal) press(typed, keys, want string) {
	x.t.Helper()
	x.sent = len(x.all())
	_, err := x.tty.WriteString(typed)
	require.NoError(x.t, err)
	x.await(typed[len(typed)-1:])
	_, err = x.tty.WriteString(keys)
	require.NoError(x.t, err)
	x.await(want)
}

const altI = "\x1bi"

// TestBrowse checks that names are inserted at the cursor, each as one word, and that the shell runs nothing.
func TestBrowse(t *testing.T) {
	for n, shell := range shells {
		t.Run(shell.name, func(t *testing.T) {
			t.Parallel()
			s := newHome(t)
			x, runs := newBrowseSession(s, n, "", "")
			harness.WriteFile(t, s.Path("names"), "foo\nextra/-Rdd\na b;touch x\n$(touch x)\n`touch x`\ngr\u00fc\u00dfe'\"\n")
			x.press("printf '[%s]' ", altI, "touch")
			x.enter("", "[foo][extra/-Rdd][a b;touch x][$(touch x)][`touch x`][gr\u00fc\u00dfe'\"]", "READY> ")
			require.NoFileExists(t, s.Path("x"))
			require.Equal(t, []string{"--socket /a b browse"}, runs())

			harness.WriteFile(t, s.Path("names"), "foo\nbar\n")
			x.press("printf '[%s]' END", "\x02\x02\x02"+altI, "bar")
			x.enter("", "[foo][bar][END]", "READY> ")
			x.press("printf '[%s]'", altI, "bar") // a blank separates the names from the word before them
			x.enter("", "[foo][bar]", "READY> ")
		})
	}
}

// TestBrowse_Nothing checks that the line stays as it is if nothing is chosen.
func TestBrowse_Nothing(t *testing.T) {
	for n, shell := range shells {
		t.Run(shell.name, func(t *testing.T) {
			t.Parallel()
			s := newHome(t)
			x, runs := newBrowseSession(s, n, "", "")
			harness.WriteFile(t, s.Path("names"), "")
			for _, code := range []string{"130", "1", "3"} {
				harness.WriteFile(t, s.Path("code"), code)
				x.press("printf '[%s]' one", altI+" two", "two")
				x.enter("", "[one][two]", "READY> ")
			}
			require.Len(t, runs(), 3)
		})
	}
}

// TestBrowse_Pacman checks that only packages of the repositories are offered on a command line of pacman.
func TestBrowse_Pacman(t *testing.T) {
	for n, shell := range shells {
		t.Run(shell.name, func(t *testing.T) {
			t.Parallel()
			s := newHome(t)
			x, runs := newBrowseSession(s, n, "", "")
			harness.WriteFile(t, s.Path("names"), "foo\n")
			for _, line := range []string{": pacman -S", ": sudo pacman -S", ": x; pacman ", ": mypacman -S", ": pacmanx", ": yay -S"} {
				x.press(line, altI, "foo")
				x.enter("", "READY> ")
			}
			with, without := "--socket /a b browse --repo-only", "--socket /a b browse"
			require.Equal(t, []string{with, with, with, without, without, without}, runs())
		})
	}
}

// TestBrowse_OtherKey checks a key that the user has chosen, with the keys of vi as well.
func TestBrowse_OtherKey(t *testing.T) {
	vi := map[string]string{"bash": "set -o vi", "zsh": "bindkey -v", "fish": "set -g fish_key_bindings fish_vi_key_bindings"}
	for n, shell := range shells {
		for _, before := range []string{"", vi[shell.name]} {
			t.Run(shell.name+" "+before, func(t *testing.T) {
				t.Parallel()
				s := newHome(t)
				x, _ := newBrowseSession(s, n, "ctrl-o", before)
				harness.WriteFile(t, s.Path("names"), "foo\n")
				x.press("printf '[%s]' ", "\x0f", "foo")
				x.enter("", "[foo]", "READY> ")
			})
		}
	}
}

// TestBrowse_KeyIsFree checks that the default key has no meaning in the shells.
func TestBrowse_KeyIsFree(t *testing.T) {
	for n, shell := range shells {
		t.Run(shell.name, func(t *testing.T) {
			t.Parallel()
			s := newHome(t)
			harness.WriteFile(t, s.Path("rc"), shell.prompt+"\n")
			harness.WriteFile(t, s.Path(".zshrc"), "source ~/rc\n")
			x := startTerminal(s, "xterm", need.Program(t, shell.name), shells[n].args...)
			x.await("READY> ")
			list := map[string]string{"bash": `bind -p | grep -F '"\ei"'`, "zsh": `bindkey | grep -F '"^[i"'`, "fish": `bind | grep -e '\\\\ei ' -e 'alt-i '`}[shell.name]
			x.enter(list+" && echo us''ed; echo do''ne", "done", "READY> ")
			require.NotContains(t, x.since(), "used")
		})
	}
}
