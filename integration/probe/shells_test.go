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
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/programs"
)

// shells are the ways to start one that reads nothing of the tester's, and how
// its user sets a prompt.
var shells = []struct {
	name   string
	args   []string
	prompt string
	status string
}{
	{"bash", []string{"--norc", "--noprofile", "-i"}, `PS1='READY> '`, "$?"},
	{"zsh", []string{"-d", "-f", "-i"}, `PROMPT='READY> '; unsetopt prompt_sp`, "$?"},
	{"fish", []string{"--no-config", "-i"}, "function fish_prompt; printf 'READY> '; end", "$status"},
}

// terminal is a shell at a terminal.
type terminal struct {
	t    *testing.T
	tty  *os.File
	mu   sync.Mutex
	seen strings.Builder
	sent int // how much was seen before the last line was sent
}

func start(t *testing.T, path, home string, args ...string) *terminal {
	t.Helper()
	cmd := exec.Command(path, args...)
	cmd.Dir = home
	term := "TERM=dumb"
	if filepath.Base(path) == "tmux" { // which wants more of one
		term = "TERM=xterm"
	}
	cmd.Env = programs.Env(home, term, "HISTFILE=", "SHELL="+path)
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 50, Cols: 500})
	require.NoError(t, err)
	s := &terminal{t: t, tty: tty}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buf := make([]byte, 4096)
		for {
			n, err := tty.Read(buf)
			s.mu.Lock()
			s.seen.Write(buf[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGHUP)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = tty.Close()
		<-ended
	})
	return s
}

func (s *terminal) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen.String()
}

// enter types a line and waits until what the shell prints has a text.
func (s *terminal) enter(line, want string) {
	s.t.Helper()
	s.sent = len(s.all())
	_, err := s.tty.WriteString(line + "\r")
	require.NoError(s.t, err)
	deadline := time.Now().Add(20 * time.Second)
	for !strings.Contains(s.all()[s.sent:], want) {
		if time.Now().After(deadline) {
			s.t.Fatalf("after %q: want %q, have %q", line, want, s.all()[s.sent:])
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// session starts a shell whose prompt has omg-probe's answer, as its user would.
func session(t *testing.T, n int, home string) (s *terminal, runs func() int) {
	t.Helper()
	shell := shells[n]
	path, err := exec.LookPath(shell.name)
	if err != nil {
		t.Skip("there is no " + shell.name + ": make deps installs it")
	}
	real := filepath.Join(programs.Dir(t), "omg-probe")
	r := programs.Run(t, programs.Env(home), "omg-probe", "init", shell.name, "--deadline", "0", "node",
		"--format", "[{{.node}}|{{.updates}}]")
	require.Zero(t, r.Code, r.Stderr)
	// One in between counts how often it is run.
	counting, log := filepath.Join(home, "counting"), filepath.Join(home, "log")
	put(t, counting, "#!/bin/sh\necho run >>'"+log+"'\nexec '"+real+"' \"$@\"\n")
	require.NoError(t, os.Chmod(counting, 0o755))
	code := strings.Replace(r.Stdout, "'"+real+"'", "'"+counting+"'", 1)
	require.NotEqual(t, r.Stdout, code)
	put(t, filepath.Join(home, "rc"), shell.prompt+"\n"+code)
	s = start(t, path, home, shell.args...)
	s.enter("", "") // whatever it prints at first
	s.enter("source ~/rc", "[|?] READY> ")
	return s, func() int {
		text, err := os.ReadFile(log)
		require.NoError(t, err)
		return strings.Count(string(text), "run")
	}
}

func TestPrompts(t *testing.T) {
	for n, shell := range shells {
		t.Run(shell.name, func(t *testing.T) {
			t.Parallel()
			dir := home(t)
			s, runs := session(t, n, dir)
			s.enter("cd twenty", "[20.1.0|?] READY> ")
			s.enter("cd ../eighteen", "[18.2.0|?] READY> ")
			s.enter("echo 20.1.0 > .nvmrc", "[20.1.0|?] READY> ")
			s.enter("echo 20.9.9 > .nvmrc", "[20.9.9*|?] READY> ")
			// omgd writes while the shell waits; the next prompt knows.
			updates(t, dir, 7)
			s.enter("", "[20.9.9*|7] READY> ")
			updates(t, dir, 11)
			s.enter("", "[20.9.9*|11] READY> ")
			require.NoError(t, os.Remove(dir+"/omg.status"))
			s.enter("", "[20.9.9*|?] READY> ")

			before := runs()
			for range 10 {
				s.enter("", "[20.9.9*|?] READY> ")
			}
			s.enter("echo a''b", "\nab") // all of them were read
			require.Less(t, runs()-before, 10, "it is run although nothing changed")
			require.Eventually(t, func() bool { return runs() > before }, 20*time.Second, 5*time.Millisecond,
				"it is not run although a command was")

			// What a command ended with is still to be had.
			s.enter("false", "[20.9.9*|?] READY> ")
			s.enter("echo ended=="+shell.status, "ended==1")

			s.enter("source ~/rc; source ~/rc", "[20.9.9*|?] READY> ")
			s.enter("cd ../twenty", "[20.1.0|?] READY> ")
			require.NotContains(t, s.all()[s.sent:], "[20.1.0|?] [20.1.0|?]", "sourcing it twice does harm")
			before = runs()
			s.enter("cd ../eighteen", "[20.9.9*|?] READY> ")
			require.Equal(t, 1, runs()-before, "one prompt, one run")
		})
	}
}

func TestPromptsOfHostileDirectories(t *testing.T) {
	for n, shell := range shells {
		t.Run(shell.name, func(t *testing.T) {
			t.Parallel()
			dir := home(t)
			s, _ := session(t, n, dir)
			for i, version := range hostile {
				declare(t, filepath.Join(dir, "h", strconv.Itoa(i), ".node-version"), version)
				s.enter("cd ~/h/"+strconv.Itoa(i), "[?*|?] READY> ")
				require.NotContains(t, s.all()[s.sent:], "owned", "%q", version)
				require.NotContains(t, s.all()[s.sent:], "\x1b[31m", "%q", version)
			}
			// A directory's own name, too, reaches the shell's code.
			put(t, dir+"/$(touch x)`touch x`'\"/.node-version", "20.1.0\n")
			s.enter("cd ~/*touch*", "[20.1.0|?] READY> ")
			require.NoError(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
				require.NotEqual(t, "x", filepath.Base(path))
				return err
			}))
		})
	}
}
