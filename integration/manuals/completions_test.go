package manuals

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/need"
)

// newUser returns a test system with the generated completions. The programs omg, omg-index and omg-probe that come first
// in PATH are scripts, which run the real programs with the test's databases.
func newUser(t *testing.T) *harness.System {
	t.Helper()
	s := harness.New(t, harness.WithGenerated(fixture.Options{Packages: 100, Seed: 4, Installed: 30}), harness.WithPrivateHome())
	for path, text := range generatedFiles(t) {
		if strings.HasPrefix(path, "packaging/completions/") {
			harness.WriteFile(t, s.Path(filepath.Base(path)), text)
		}
	}
	databases := " '" + strings.Join(s.DatabaseFlags(), "' '") + "' "
	writeProgram(s, "omg", "exec '"+s.Program("omg")+"'"+databases+`"$@"`)
	writeProgram(s, "omg-index", `if [ "$1" = build ]; then shift; set -- build`+databases+`"$@"; fi; exec '`+s.Program("omg-index")+`' "$@"`)
	writeProgram(s, "omg-probe", "exec '"+s.Program("omg-probe")+`' "$@" --dbpath '`+s.DB+"'")
	s.WorkDir = s.Home
	return s.WithEnv("PATH="+s.Path("bin")+":"+s.Bin+":"+os.Getenv("PATH"), "TERM=dumb")
}

// writeProgram writes a script to a directory that comes first in PATH.
func writeProgram(s *harness.System, name, script string) {
	s.T.Helper()
	harness.WriteProgram(s.T, s.Path("bin", name), "#!/bin/sh\n"+script+"\n")
}

// run runs a program that must succeed, and returns its output.
func run(s *harness.System, name string, args ...string) string {
	s.T.Helper()
	path := s.Path("bin", name)
	if _, err := os.Stat(path); err != nil {
		path = need.Program(s.T, name)
	}
	r := s.Run(path, args...)
	require.Zero(s.T, r.Code, "%s: %s%s", args, r.Stdout, r.Stderr)
	return r.Stdout + r.Stderr
}

// completionCases lists typed command lines, each with a word that its completion must offer and a word that its
// completion must not offer.
var completionCases = []struct{ line, offers, excludes string }{
	{"omg sea", "search", "security"},
	{"omg search --li", "--limit", "--live x"},
	{"omg cache ", "clear", "search"},
	{"omg cache clear --js", "--json", "--live"},
	{"omg daemon sto", "stop", "start"},
	{"omg config cache.", "cache.ttl", "aur.url"},
	{"omg use py", "python", "node"},
	{"omg-fleet sea", "search", "outdated"},
	{"omg-fleet security --sev", "--severity", "--all"},
	{"omg-index bu", "build", "dump"},
	{"omg-index build --au", "--aur", "--db"},
	{"omg-probe --cross", "--cross-borders", "--top"},
	{"omg-probe no", "node", "python"},
	{"omgd --fore", "--foreground", "--socket"},
	{"omg --data-dir b", "bin", "search"},
	{"omg owns pacm", "pacman.conf", "search"},
	{"omg comm", "command", "config"},
	{"omg command --ex", "--exact", "--json"},
	{"omg owns --rep", "--repos", "--regex"},
	{"omg -F", "-Fl", "-Qi"},
	{"omg -Qd", "-Qdt", "-Qi"},
	{"omg -Qo pacm", "pacman.conf", "search"},
	{"omg -Sl co", "core", "config"},
	{"omg -Slq co", "core", "config"},
}

func offered(t *testing.T, complete func(line string) string) {
	t.Helper()
	for _, c := range completionCases {
		words := strings.Fields(strings.ReplaceAll(complete(c.line), "/", " ")) // some shells append a slash to a directory
		require.Contains(t, words, c.offers, c.line)
		require.NotContains(t, words, c.excludes, c.line)
	}
}

func TestCompletion_Bash(t *testing.T) {
	t.Parallel()
	s := newUser(t)
	complete := func(line string) string {
		return run(s, "bash", "--norc", "-c", `
			line=$1; read -ra COMP_WORDS <<<"$line"; [[ $line == *' ' ]] && COMP_WORDS+=('')
			COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); compopt() { :; }
			. "./${COMP_WORDS[0]}.bash"
			function=$(complete -p "${COMP_WORDS[0]}"); function=${function#*-F }; ${function%% *}
			printf '%s\n' "${COMPREPLY[@]}"`, "-", line)
	}
	offered(t, complete)
	installed := strings.Fields(run(s, "omg", "installed", "-q"))
	name := installed[0]
	for _, command := range []string{"why", "files", "files --repos", "-Qi", "-Qiq x", "-Rns"} {
		require.Contains(t, strings.Fields(complete("omg "+command+" "+name[:len(name)-1])), name, command)
	}
	require.NotContains(t, strings.Fields(complete("omg -Qs "+name[:len(name)-1])), name, "an expression")
	all := strings.Fields(run(s, "omg", "list", "-q"))
	absent := all[slices.IndexFunc(all, func(name string) bool { return !slices.Contains(installed, name) })]
	for _, command := range []string{"info", "files", "-Fl"} {
		require.Contains(t, strings.Fields(complete("omg "+command+" "+absent[:len(absent)-1])), absent, command)
	}
	require.Contains(t, strings.Fields(complete("omg search -n x --li")), "--limit", "a flag without a value here, with one elsewhere")
}

func TestCompletion_Fish(t *testing.T) {
	t.Parallel()
	s := newUser(t)
	complete := func(line string) string {
		return run(s, "fish", "--no-config", "-c", `for f in *.fish; source $f; end; complete -C $argv[1]`, line)
	}
	offered(t, complete)
	name := strings.Fields(run(s, "omg", "installed", "-q"))[0]
	for _, command := range []string{"why", "files", "files --repos", "-Qi", "-Qiq x", "-Rns"} {
		require.Contains(t, strings.Fields(complete("omg "+command+" "+name[:len(name)-1])), name, command)
	}
	require.NotContains(t, strings.Fields(complete("omg -Qs "+name[:len(name)-1])), name, "an expression")
}

// TestCompletion_Zsh checks the completions in a zsh on a pseudo-terminal, because zsh completes only on a terminal.
func TestCompletion_Zsh(t *testing.T) {
	t.Parallel()
	zsh := need.Program(t, "zsh")
	need.Terminal(t)
	s := newUser(t)
	harness.WriteFile(t, s.Path(".zshrc"), `
PS1='ready> ' fpath=($HOME $fpath) LISTMAX=1000
zstyle ':completion:*' list-packed no
autoload -Uz compinit && compinit -u -d $HOME/dump
bindkey '^I' list-choices
`)
	cmd := exec.Command(zsh, "-d", "-i")
	cmd.Env, cmd.Dir = append(s.Env, "ZDOTDIR="+s.Home), s.Home
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 100, Cols: 200})
	require.NoError(t, err)
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = tty.Close()
	}()
	printed := make(chan string, 1000)
	go func() {
		defer close(printed)
		for b := make([]byte, 4096); ; {
			n, err := tty.Read(b)
			if err != nil {
				return
			}
			printed <- string(b[:n])
		}
	}()
	// waitFor reads the output of zsh until the given word appears. It returns all words that zsh has printed since the
	// last typed line.
	text := ""
	waitFor := func(what, word string) (words []string) {
		for !slices.Contains(words, word) {
			more := harness.Receive(t, printed, "%s: %s; zsh printed %q", what, word, text)
			require.NotEmpty(t, more, "zsh has ended: %q", text)
			text += more
			words = strings.Fields(strings.ReplaceAll(text, "/", " "))
		}
		return words
	}
	waitFor("start", "ready>")
	for _, c := range completionCases {
		text = ""
		_, err = tty.WriteString(c.line + "\t")
		require.NoError(t, err)
		waitFor(c.line, c.offers)
		// Discard the typed line, and let zsh print a mark after the list of completions. The command must not contain
		// the mark itself: otherwise its echo would end the wait too early, and the next case would read the rest of
		// this list.
		_, err = tty.WriteString("\x15print '' ma''rk\r")
		require.NoError(t, err)
		require.NotContains(t, waitFor(c.line, "mark"), c.excludes, c.line)
	}
}

// TestCompletion_HostileNames checks that a package's name, which comes from a repository, cannot become a command.
func TestCompletion_HostileNames(t *testing.T) {
	t.Parallel()
	s := newUser(t)
	writeProgram(s, "omg", "printf '%s\\n' good '$(touch ran)' '`touch ran`' 'x;touch ran' '-rf' 'two words'")
	for _, command := range []string{"why", "files"} {
		out := run(s, "bash", "--norc", "-c", `. ./omg.bash; COMP_WORDS=(omg $1 ''); COMP_CWORD=2; _omg; printf '%s\n' "${COMPREPLY[@]}"`, "-", command)
		require.Contains(t, strings.Fields(out), "good")
		require.NotContains(t, out, "touch")
		require.NotContains(t, out, "-rf")
	}
	out := run(s, "fish", "--no-config", "-c", `source omg.fish; complete -C 'omg why '`)
	require.Contains(t, strings.Fields(out), "good")
	require.NotContains(t, out, "touch")
	require.NoFileExists(t, s.Path("ran"))
}
