package screens

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

// driver is the script of a pane. It runs the command lines that it reads from a pipe, and reports the exit status of each. Before it
// reports, it asks the terminal for the position of the cursor: tmux answers when it has read everything before the question, so the screen
// is then complete.
const driver = `exec 3<"$1" 4>"$2"
stty -echo -icanon
cd ~
while IFS= read -r line <&3; do
	eval "$line" 3<&- 4>&-
	code=$?
	printf '\033[6n'
	IFS= read -rs -d R reply
	printf '%d\n' "$code" >&4
done
`

// tmuxConf configures tmux. A window keeps the size with which it is created, because no client shows it.
const tmuxConf = `set -g status off
set -g history-limit 5000
set -g default-terminal screen-256color
set -g remain-on-exit on
`

// terminal is a window of tmux in which command lines run.
type terminal struct {
	s             *harness.System
	tmux          string
	name          string
	columns, rows int
	lines         *os.File
	statusPipe    *os.File
	statuses      *bufio.Reader
}

// openTerminals starts tmux with a window of each size: columns and rows.
func openTerminals(s *harness.System, sizes ...[2]int) (all []*terminal) {
	t := s.T
	t.Helper()
	need.Terminal(t)
	tmux, bash := need.Program(t, "tmux"), need.Program(t, "bash")
	harness.WriteFile(t, s.Path("tmux.conf"), tmuxConf)
	harness.WriteFile(t, s.Path("driver.sh"), driver)
	for i, size := range sizes {
		x := &terminal{s: s, tmux: tmux, name: fmt.Sprintf("%dx%d", size[0], size[1]), columns: size[0], rows: size[1]}
		x.lines = x.makePipe("lines")
		x.statusPipe = x.makePipe("statuses")
		x.statuses = bufio.NewReader(x.statusPipe)
		// tmux starts the program with the variables in the session's environment, which are those of the first client.
		args := []string{"new-session", "-d", "-s", x.name, "-x", fmt.Sprint(x.columns), "-y", fmt.Sprint(x.rows), bash, s.Path("driver.sh"), x.lines.Name(), x.statusPipe.Name()}
		if i == 0 {
			t.Cleanup(func() { x.runTmux("kill-server") })
			args = slices.Concat([]string{"-f", s.Path("tmux.conf")}, args)
		}
		x.runTmux(args...)
		all = append(all, x)
	}
	return all
}

// makePipe creates a named pipe and opens it. Both ends are open, so that neither opening it nor a write waits for the other program.
func (x *terminal) makePipe(what string) *os.File {
	x.s.T.Helper()
	path := x.s.Path(x.name + "." + what)
	require.NoError(x.s.T, syscall.Mkfifo(path, 0o600))
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
	require.NoError(x.s.T, err)
	x.s.T.Cleanup(func() { _ = f.Close() })
	return f
}

// runTmux runs a command of tmux, and returns what it prints.
func (x *terminal) runTmux(args ...string) string {
	t := x.s.T
	t.Helper()
	cmd := exec.Command(x.tmux, slices.Concat([]string{"-u", "-S", x.s.Path("tmux.sock")}, args)...)
	cmd.Env, cmd.Dir = x.s.Env, "/"
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "tmux %q: %s", args, out)
	return string(out)
}

// shown is what a command line shows in a terminal.
type shown struct {
	// Text has the lines on the screen and those above it, with escape sequences.
	Text string
	// Joined is the text without escape sequences, in which the terminal has not wrapped lines.
	Joined string
	Code   int
}

const captureEnd = "=== end of the capture ===\n"

// forTest returns the same terminal for a subtest.
func (x *terminal) forTest(t *testing.T) *terminal {
	next := *x
	next.s = x.s.ForSubtest(t)
	return &next
}

// run runs a command line of bash, after a line with a prompt, and returns what the terminal then shows.
func (x *terminal) run(prompt, line string) shown {
	t := x.s.T
	t.Helper()
	require.NotContains(t, prompt+line, "\n")
	for _, pipe := range []*os.File{x.lines, x.statusPipe} {
		require.NoError(t, pipe.SetDeadline(time.Now().Add(harness.HangTimeout)))
	}
	_, err := fmt.Fprintf(x.lines, "printf '%%s\\n' %s; %s\n", quote("$ "+prompt), line)
	require.NoError(t, err)
	status, err := x.statuses.ReadString('\n')
	require.NoError(t, err, "the end of %q", line)
	var r shown
	_, err = fmt.Sscan(status, &r.Code)
	require.NoError(t, err)
	out := x.runTmux("capture-pane", "-p", "-e", "-S", "-", "-t", x.name, ";", "display-message", "-p", strings.TrimSpace(captureEnd), ";",
		"capture-pane", "-p", "-J", "-S", "-", "-t", x.name, ";", "send-keys", "-R", "-t", x.name, ";", "clear-history", "-t", x.name)
	text, joined, found := strings.Cut(out, captureEnd)
	require.True(t, found, out)
	r.Text, r.Joined = trim(text), trim(joined)
	return r
}

// trim removes the blanks at the ends of lines, and the empty lines after the last line.
func trim(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n") + "\n"
}

// quote quotes a word for the shell.
func quote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// TestTerminal checks that a capture has what a terminal shows.
func TestTerminal(t *testing.T) {
	s := harness.New(t, harness.WithoutDatabases())
	x := openTerminals(s, [2]int{20, 5})[0]
	r := x.run("colours", `printf '\033[1;31mred\033[0m\n'; (exit 3)`)
	require.Equal(t, shown{Text: "$ colours\n\x1b[1m\x1b[31mred\n", Joined: "$ colours\nred\n", Code: 3}, r)
	r = x.run("long", `printf '%s\n' 1 2 3 4 5 6 7 '123456789 123456789 123456789'`)
	require.Equal(t, "$ long\n1\n2\n3\n4\n5\n6\n7\n123456789 123456789\n123456789\n", r.Text)
	require.Equal(t, "$ long\n1\n2\n3\n4\n5\n6\n7\n123456789 123456789 123456789\n", r.Joined)
}
