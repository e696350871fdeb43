package probe

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

// shells lists the shells that the tests start.
var shells = []struct {
	name   string
	args   []string // start the shell so that it reads ~/rc and no other startup file
	prompt string   // code that sets the prompt
	status string   // variable with the last exit code
	// clock is code that makes the shell read the variable SECONDS from ~/seconds before each prompt. fish needs no such
	// code, because its hook does not look at the time.
	clock string
}{
	{"bash", []string{"--noprofile", "--rcfile", "rc", "-i"}, `PS1='READY> '`, "$?", "unset SECONDS; clock() { read -r SECONDS <~/seconds; }; PROMPT_COMMAND=clock"},
	{"zsh", []string{"-d", "-i"}, `PROMPT='READY> '; unsetopt prompt_sp`, "$?", "unset SECONDS; clock() { read -r SECONDS <~/seconds; }; precmd_functions=(clock)"},
	{"fish", []string{"--no-config", "--init-command", "source rc", "-i"}, "function fish_prompt; printf 'READY> '; end", "$status", ""},
}

// terminal is a program on a terminal.
type terminal struct {
	t    testing.TB
	tty  *os.File
	mu   sync.Mutex
	seen strings.Builder
	sent int // length of the output when the last line was sent
}

// startTerminal starts a program on a terminal, in the home directory.
func startTerminal(s *harness.System, term, path string, args ...string) *terminal {
	s.T.Helper()
	need.Terminal(s.T)
	cmd := exec.Command(path, args...)
	cmd.Dir = s.Home
	cmd.Env = append(s.Env, "TERM="+term, "HISTFILE=", "SHELL="+path, "ZDOTDIR="+s.Home)
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 50, Cols: 500})
	require.NoError(s.T, err)
	x := &terminal{t: s.T, tty: tty}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buf := make([]byte, 4096)
		for {
			n, err := tty.Read(buf)
			x.mu.Lock()
			x.seen.Write(buf[:n])
			x.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	s.T.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGHUP)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = tty.Close()
		<-ended
	})
	return x
}

// all returns what the program has printed.
func (x *terminal) all() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.seen.String()
}

// since returns what the program has printed since the last line was sent.
func (x *terminal) since() string { return x.all()[x.sent:] }

// await waits until texts are printed, one after the other.
func (x *terminal) await(texts ...string) {
	x.t.Helper()
	harness.Await(x.t, func() bool {
		rest := x.since()
		for _, text := range texts {
			_, after, ok := strings.Cut(rest, text)
			if !ok {
				return false
			}
			rest = after
		}
		return true
	}, "%q is printed; %q is", texts, func() string { return x.since() })
}

// enter types a line and waits until texts are printed.
func (x *terminal) enter(line string, texts ...string) {
	x.t.Helper()
	x.sent = len(x.all())
	_, err := x.tty.WriteString(line + "\r")
	require.NoError(x.t, err)
	x.await(texts...)
}

// newSession starts a shell whose prompt shows omg-probe's answer, and waits for the first prompt. The result runs is
// a function that returns how often omg-probe has been run. To make omg-probe hang, a test creates ~/hold. omg-probe
// then creates ~/held when it starts to hang.
func newSession(s *harness.System, n int) (x *terminal, runs func() int) {
	s.T.Helper()
	shell := shells[n]
	path := need.Program(s.T, shell.name)
	real := s.Program("omg-probe")
	r := s.Run("omg-probe", "init", shell.name, "--deadline", "0", "--dbpath", s.DB, "node", "--format", "[{{.node}}|{{.updates}}]")
	require.Zero(s.T, r.Code, r.Stderr)
	counting, log := s.Path("counting"), s.Path("log")
	harness.WriteProgram(s.T, counting, "#!/bin/sh\necho run >>'"+log+"'\n[ ! -e ~/hold ] || { echo >~/held; exec sleep infinity; }\nexec '"+real+"' \"$@\"\n")
	code := strings.Replace(r.Stdout, "'"+real+"'", "'"+counting+"'", 1)
	require.NotEqual(s.T, r.Stdout, code)
	harness.WriteFile(s.T, s.Path("probe-code"), code)
	harness.WriteFile(s.T, s.Path("seconds"), "0\n")
	harness.WriteFile(s.T, s.Path("rc"), shell.prompt+"\n"+shell.clock+"\nsource ~/probe-code\n")
	harness.WriteFile(s.T, s.Path(".zshrc"), "source ~/rc\n")
	x = startTerminal(s, "dumb", path, shell.args...)
	x.await("[|?] READY> ")
	return x, func() int { return strings.Count(string(harness.ReadFile(s.T, log)), "run") }
}

func TestPrompt(t *testing.T) {
	for n, shell := range shells {
		t.Run(shell.name, func(t *testing.T) {
			t.Parallel()
			s := newHome(t)
			x, runs := newSession(s, n)
			x.enter("cd twenty", "[20.1.0|?] READY> ")
			x.enter("cd ../eighteen", "[18.2.0|?] READY> ")
			x.enter("echo 20.1.0 > .nvmrc", "[20.1.0|?] READY> ")
			x.enter("echo 20.9.9 > .nvmrc", "[20.9.9*|?] READY> ")
			// omgd changes the status file while the shell waits for a command; the next prompt shows the change.
			writeUpdates(s, 7)
			x.enter("", "[20.9.9*|7] READY> ")
			writeUpdates(s, 11)
			x.enter("", "[20.9.9*|11] READY> ")
			require.NoError(t, os.Remove(s.Path("omg.status")))
			x.enter("", "[20.9.9*|?] READY> ")

			// A prompt runs omg-probe after a command, and only then.
			before := runs()
			for range 10 {
				x.enter("", "[20.9.9*|?] READY> ")
			}
			x.enter("echo a''b", "ab", "[20.9.9*|?] READY> ")
			require.Equal(t, 1, runs()-before)
			if shell.clock != "" { // a prompt also runs omg-probe if the last run was several seconds ago
				before = runs()
				harness.WriteFile(t, s.Path("seconds"), "7\n")
				x.enter("", "[20.9.9*|?] READY> ")
				x.enter("", "[20.9.9*|?] READY> ")
				x.enter("echo c''d", "cd", "[20.9.9*|?] READY> ")
				require.Equal(t, 2, runs()-before)
			}

			// The hook preserves the exit code of the last command.
			x.enter("false", "[20.9.9*|?] READY> ")
			x.enter("echo ended=="+shell.status, "ended==1")

			x.enter("source ~/probe-code; source ~/probe-code", "[20.9.9*|?] READY> ")
			x.enter("cd ../twenty", "[20.1.0|?] READY> ")
			require.NotContains(t, x.since(), "[20.1.0|?] [20.1.0|?]", "sourcing it twice does harm")
			before = runs()
			x.enter("cd ../eighteen", "[20.9.9*|?] READY> ")
			require.Equal(t, 1, runs()-before, "one prompt, one run")
		})
	}
}

// TestPrompt_Interrupted: an interrupt that comes while omg-probe runs ends that run
// only.
func TestPrompt_Interrupted(t *testing.T) {
	for n, shell := range shells {
		t.Run(shell.name, func(t *testing.T) {
			t.Parallel()
			s := newHome(t)
			x, _ := newSession(s, n)
			harness.WriteFile(t, s.Path("hold"), "")
			x.sent = len(x.all())
			_, err := x.tty.WriteString("cd twenty\r")
			require.NoError(t, err)
			harness.Await(t, func() bool {
				_, err := os.Stat(s.Path("held"))
				return err == nil
			}, "the hook runs omg-probe")
			_, err = x.tty.WriteString("\x03")
			require.NoError(t, err)
			x.await("READY> ")
			require.NoError(t, os.Remove(s.Path("hold")))
			x.enter("cd .", "[20.1.0|?] READY> ")
		})
	}
}

func TestPrompt_HostileDirectory(t *testing.T) {
	for n, shell := range shells {
		t.Run(shell.name, func(t *testing.T) {
			t.Parallel()
			s := newHome(t)
			x, _ := newSession(s, n)
			for i, version := range hostile {
				declare(t, s.Path("h", strconv.Itoa(i), ".node-version"), version)
				x.enter("cd ~/h/"+strconv.Itoa(i), "[?*|?] READY> ")
				require.NotContains(t, x.since(), "owned", "%q", version)
				require.NotContains(t, x.since(), "\x1b[31m", "%q", version)
			}
			// The hook also processes the name of the directory.
			harness.WriteFile(t, s.Path("$(touch x)`touch x`'\"", ".node-version"), "20.1.0\n")
			x.enter("cd ~/*touch*", "[20.1.0|?] READY> ")
			require.NoError(t, filepath.WalkDir(s.Home, func(path string, _ os.DirEntry, err error) error {
				require.NotEqual(t, "x", filepath.Base(path))
				return err
			}))
		})
	}
}
