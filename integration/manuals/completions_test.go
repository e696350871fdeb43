package manuals

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/programs"
	"github.com/omg-arch/omg/shared/fixture"
)

// shell is a home with the completions in it, and an omg that has packages to offer.
type shell struct {
	dir string
	env []string
}

func newShell(t *testing.T) *shell {
	t.Helper()
	s := &shell{dir: t.TempDir()}
	for path, text := range made(t) {
		if strings.HasPrefix(path, "packaging/completions/") {
			require.NoError(t, os.WriteFile(filepath.Join(s.dir, filepath.Base(path)), []byte(text), 0o644))
		}
	}
	db, conf := filepath.Join(s.dir, "db"), filepath.Join(s.dir, "pacman.conf")
	require.NoError(t, fixture.Write(db, fixture.Options{Packages: 100, Seed: 4, Installed: 30}))
	require.NoError(t, os.WriteFile(conf, []byte("[core]\n[extra]\n[multilib]\n"), 0o644))
	bin := filepath.Join(s.dir, "bin")
	require.NoError(t, os.Mkdir(bin, 0o755))
	// The daemon's socket and the databases are this test's, however omg is called.
	script := "#!/bin/sh\nexec " + filepath.Join(programs.Dir(t), "omg") + ` "$1" --dbpath ` + db + " --pacman-config " + conf + " \"$@\"\n"
	script = strings.Replace(script, `"$1" --dbpath`, "--dbpath", 1)
	require.NoError(t, os.WriteFile(filepath.Join(bin, "omg"), []byte(script), 0o755))
	s.env = append(programs.Env(s.dir), "PATH="+bin+":"+programs.Dir(t)+":"+os.Getenv("PATH"), "TERM=dumb")
	return s
}

func (s *shell) run(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed: make deps", name)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env, cmd.Dir = s.env, s.dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s: %s", args, out)
	return string(out)
}

// typed are lines, what completing them must offer, and what it must not.
var typed = []struct{ line, offers, not string }{
	{"omg sea", "search", "security"},
	{"omg search --li", "--limit", "--live x"},
	{"omg cache ", "clear", "search"},
	{"omg cache clear --js", "--json", "--live"},
	{"omg daemon sto", "stop", "start"},
	{"omg config cache.", "cache.ttl", "aur.url"},
	{"omg use py", "python", "node"},
	{"omg-index bu", "build", "dump"},
	{"omg-index build --au", "--aur", "--db"},
	{"omg-probe --cross", "--cross-borders", "--top"},
	{"omg-probe no", "node", "python"},
	{"omgd --fore", "--foreground", "--socket"},
	{"omg --data-dir b", "bin", "search"},
	{"omg owns pacm", "pacman.conf", "search"},
}

func offered(t *testing.T, complete func(line string) string) {
	t.Helper()
	for _, c := range typed {
		words := strings.Fields(strings.ReplaceAll(complete(c.line), "/", " ")) // a directory with or without its slash
		require.Contains(t, words, c.offers, c.line)
		require.NotContains(t, words, c.not, c.line)
	}
}

func TestBash(t *testing.T) {
	s := newShell(t)
	complete := func(line string) string {
		return s.run(t, "bash", "--norc", "-c", `
			line=$1; read -ra COMP_WORDS <<<"$line"; [[ $line == *' ' ]] && COMP_WORDS+=('')
			COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); compopt() { :; }
			. "./${COMP_WORDS[0]}.bash"
			function=$(complete -p "${COMP_WORDS[0]}"); function=${function#*-F }; ${function%% *}
			printf '%s\n' "${COMPREPLY[@]}"`, "-", line)
	}
	offered(t, complete)
	name := strings.Fields(s.run(t, "omg", "installed", "-q"))[0]
	require.Contains(t, strings.Fields(complete("omg why "+name[:len(name)-1])), name)
	require.Contains(t, strings.Fields(complete("omg info "+name[:len(name)-1])), name)
	require.Contains(t, strings.Fields(complete("omg search -n x --li")), "--limit", "a flag without a value here, with one elsewhere")
}

func TestFish(t *testing.T) {
	s := newShell(t)
	complete := func(line string) string {
		return s.run(t, "fish", "--no-config", "-c", `for f in *.fish; source $f; end; complete -C $argv[1]`, line)
	}
	offered(t, complete)
	name := strings.Fields(s.run(t, "omg", "installed", "-q"))[0]
	require.Contains(t, strings.Fields(complete("omg why "+name[:len(name)-1])), name)
}

// zsh completes only on a terminal.
func TestZsh(t *testing.T) {
	s := newShell(t)
	s.run(t, "zsh", "--version")
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, ".zshrc"), []byte(`
PS1='ready> ' fpath=($HOME $fpath) LISTMAX=1000
zstyle ':completion:*' list-packed no
autoload -Uz compinit && compinit -u -d $HOME/dump
bindkey '^I' list-choices
`), 0o644))
	cmd := exec.Command("zsh", "-d", "-i")
	cmd.Env, cmd.Dir = append(s.env, "HOME="+s.dir, "ZDOTDIR="+s.dir), s.dir
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 100, Cols: 200})
	require.NoError(t, err)
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = tty.Close()
	}()
	read := make(chan string, 1000)
	go func() {
		defer close(read)
		for b := make([]byte, 4096); ; {
			n, err := tty.Read(b)
			if err != nil {
				return
			}
			read <- string(b[:n])
		}
	}()
	// until reads what zsh shows until it has the word.
	until := func(what, word string) {
		text := ""
		for after := time.After(20 * time.Second); ; {
			select {
			case more, ok := <-read:
				require.True(t, ok, "zsh has ended: %q", text)
				text += more
				if slices.Contains(strings.Fields(strings.ReplaceAll(text, "/", " ")), word) {
					return
				}
			case <-after:
				require.FailNow(t, "zsh does not offer it", "%s: no %s in %q", what, word, text)
			}
		}
	}
	until("start", "ready>")
	for _, c := range typed {
		_, err = tty.WriteString(c.line + "\t")
		require.NoError(t, err)
		until(c.line, c.offers)
		// The line is thrown away, and the answer to the next begins behind a mark.
		_, err = tty.WriteString("\x15print '' mark\r")
		require.NoError(t, err)
		until(c.line, "mark")
	}
}

// A package's name comes from a repository and must not become a command.
func TestHostileNamesAreNotOffered(t *testing.T) {
	s := newShell(t)
	script := "#!/bin/sh\nprintf '%s\\n' good '$(touch ran)' '`touch ran`' 'x;touch ran' '-rf' 'two words'\n"
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "bin", "omg"), []byte(script), 0o755))
	out := s.run(t, "bash", "--norc", "-c", `. ./omg.bash; COMP_WORDS=(omg why ''); COMP_CWORD=2; _omg; printf '%s\n' "${COMPREPLY[@]}"`)
	require.Contains(t, strings.Fields(out), "good")
	require.NotContains(t, out, "touch")
	require.NotContains(t, out, "-rf")
	out = s.run(t, "fish", "--no-config", "-c", `source omg.fish; complete -C 'omg why '`)
	require.Contains(t, strings.Fields(out), "good")
	require.NotContains(t, out, "touch")
	require.NoFileExists(t, filepath.Join(s.dir, "ran"))
}
