package probe

import (
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

// maxOutput is far more output than a shell writes for a few lines of input. Only a shell that repeats the hook
// endlessly writes more.
const maxOutput = 256 << 10

// session runs lines in a shell and returns the output. In each line, the word HOOK is replaced by a command that loads
// the hook's code.
func session(s *harness.System, shell []string, lines ...string) string {
	s.T.Helper()
	r := s.Run("omg-probe", "init", shell[0], "--deadline", "0", "--dbpath", s.DB, "node")
	require.Zero(s.T, r.Code, r.Stderr)
	harness.WriteFile(s.T, s.Path("hook"), r.Stdout)
	cmd := exec.Command(need.Program(s.T, shell[0]), shell[1:]...)
	cmd.Dir, cmd.Env = s.Path("twenty"), append(s.Env, "TERM=dumb", "PS1=> ")
	cmd.Stdin = strings.NewReader(strings.ReplaceAll(strings.Join(lines, "\n"), "HOOK", "source ~/hook") + "\nexit 0\n")
	output, err := cmd.StdoutPipe()
	require.NoError(s.T, err)
	cmd.Stderr = cmd.Stdout
	require.NoError(s.T, cmd.Start())
	out, err := io.ReadAll(io.LimitReader(output, maxOutput))
	if len(out) == maxOutput {
		_ = cmd.Process.Kill()
	}
	_ = cmd.Wait() // the exit code does not matter: it is that of the last command
	require.NoError(s.T, err)
	require.Less(s.T, len(out), maxOutput, "the shell does not end; it writes %.300q", out)
	return string(out)
}

var (
	bash = []string{"bash", "--norc", "--noprofile", "-i"}
	zsh  = []string{"zsh", "-d", "-f", "-i"}
)

// TestHook_BashOptions checks that with any options of the user the shell continues, and a later prompt command sees
// the last command's exit code. direnv/direnv#155, rcaloras/bash-preexec#81.
func TestHook_BashOptions(t *testing.T) {
	t.Parallel()
	s := newHome(t)
	show := `show() { echo "seen=${PIPESTATUS[*]}/$?" || :; }`
	for _, c := range []struct {
		name  string
		lines []string
		want  []string
	}{
		{"pipestatus", []string{show, "PROMPT_COMMAND=show", "HOOK", "false | (exit 4) | true", "(exit 3)"}, []string{"seen=1 4 0/0", "seen=3/3"}},
		{"an array", []string{show, "PROMPT_COMMAND=(show :)", "HOOK", "HOOK", "true | (exit 4)"}, []string{"seen=0 4/4"}},
		{"pipefail", []string{show, "PROMPT_COMMAND=show", "HOOK", "set -o pipefail", "false | true"}, []string{"seen=1 0/1"}},
		{"everything", []string{show, "PROMPT_COMMAND=show", "set -euo pipefail", "HOOK", "[[ a == b ]] && x", "! false | true", "echo al''ive $OMG_PROMPT"}, []string{"alive node 20.1.0"}},
		{"no aliases", []string{show, "PROMPT_COMMAND=show", "shopt -u expand_aliases", "HOOK", "(exit 3)", "set -e", "[[ a == b ]] && x", "echo al''ive $OMG_PROMPT"}, []string{"seen=3/3", "alive node 20.1.0"}},
		{"without PROMPT_COMMAND and PS1", []string{"unset PROMPT_COMMAND PS1", "set -u", "HOOK", "echo al''ive $OMG_PROMPT"}, []string{"alive node 20.1.0"}},
		{"without SECONDS", []string{"unset SECONDS", "set -u", "HOOK", "echo al''ive $OMG_PROMPT"}, []string{"alive node 20.1.0"}},
		{"SECONDS that is not a number", []string{"unset SECONDS", "SECONDS=08x", "set -u", "HOOK", "echo al''ive $OMG_PROMPT"}, []string{"alive node 20.1.0"}},
		{"a hook that fails", []string{"readonly OMG_PROMPT=x", "HOOK", "echo al''ive"}, []string{"alive"}},
		{"a hook that bash begins again", []string{"shopt -s localvar_inherit", "declare -i key", "HOOK", "unset key", "echo al''ive $OMG_PROMPT"}, []string{"alive node 20.1.0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := session(s, bash, c.lines...)
			for _, want := range c.want {
				require.Contains(t, out, want)
			}
			require.NotContains(t, out, "unbound")
		})
	}
}

// TestHook_ZshOptions: see https://github.com/direnv/direnv/issues/803
func TestHook_ZshOptions(t *testing.T) {
	t.Parallel()
	s := newHome(t)
	for _, options := range []string{"nounset", "ksharrays", "errexit", "errreturn", "shwordsplit", "nounset ksharrays errexit pipefail"} {
		t.Run(options, func(t *testing.T) {
			out := session(s, zsh, "PS1='> '", "a() { A=1 }; b() { B=1 }", "precmd_functions=(a b)", "setopt "+options, "HOOK", "HOOK",
				`print al''ive "$OMG_PROMPT" "$A$B" "${precmd_functions[*]}"`)
			require.Contains(t, out, "alive node 20.1.0 11 a b __omg_probe")
			require.NotContains(t, out, "parameter not set")
		})
	}
	out := session(s, zsh, "unset precmd_functions preexec_functions SECONDS", "setopt nounset", "HOOK", `print al''ive "$OMG_PROMPT"`)
	require.Contains(t, out, "alive node 20.1.0")
	out = session(s, zsh, `show() { print "seen=$pipestatus/$?" }`, "HOOK", "precmd_functions+=(show)", "true | (exit 4)")
	require.Contains(t, out, "seen=0 4/4")
}

// TestHook_FishPipestatus: see https://github.com/fish-shell/fish-shell/issues/5632
func TestHook_FishPipestatus(t *testing.T) {
	t.Parallel()
	s := newHome(t)
	x := startTerminalWith(s, "fish", "function fish_prompt; set -l p $pipestatus; printf 'READY%s> ' (string join '|' $p); end\n")
	x.enter("true | false", "READY0|1> ")
	x.enter("false | true | true", "READY1|0|0> ")
	x.enter("false", "READY1> ")
	x.enter("true", "READY0> ")
}

// startTerminalWith starts a shell on a terminal. The shell reads a file with the code in before, which stands for a
// user's own configuration, and after it the hook.
func startTerminalWith(s *harness.System, shell, before string) *terminal {
	s.T.Helper()
	path := need.Program(s.T, shell)
	r := s.Run("omg-probe", "init", shell, "--deadline", "0", "--dbpath", s.DB, "node")
	require.Zero(s.T, r.Code, r.Stderr)
	harness.WriteFile(s.T, s.Path("rc"), before+r.Stdout)
	return startTerminal(s, "dumb", path, "--no-config", "--init-command", "source ~/rc", "-i")
}
