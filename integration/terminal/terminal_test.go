package terminal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/programs"
	"github.com/omg-arch/omg/shared/fixture"
)

func TestMain(m *testing.M) { programs.Main(m) }

// shown is how many results a terminal gets unless asked for more.
const shown = 50

// way is one way in which omg comes to an answer.
type way struct {
	name string
	args []string
	env  []string
	// note is what it says on standard error of itself.
	note string
}

// ways sets up all three on a generated database: through the daemon, from an
// index, from the databases.
func ways(t *testing.T) []way {
	t.Helper()
	home := t.TempDir()
	db, conf, data := filepath.Join(home, "db"), filepath.Join(home, "pacman.conf"), filepath.Join(home, "data")
	require.NoError(t, fixture.Write(db, fixture.Options{Packages: 3000, Installed: 300, Seed: 1}))
	require.NoError(t, os.WriteFile(conf, []byte(fixture.Config), 0o644))
	require.NoError(t, os.Mkdir(data, 0o755))
	env := programs.Env(home, "TERM=xterm-256color")
	config := []string{"--dbpath", db, "--pacman-config", conf}
	index := filepath.Join(data, "repos.omgidx")
	built := programs.Run(t, env, "omg-index", append([]string{"build", "-o", index}, config...)...)
	require.Zero(t, built.Code, built.Stderr)
	d := programs.Start(t, env, append([]string{"--data-dir", data}, config...)...)
	require.Eventually(t, func() bool {
		asked := programs.Run(t, env, "omg", "--socket", d.Socket, "status", "--format", "{{.counts.installed}}")
		return asked.Code == 0 && asked.Stderr == "" && asked.Stdout == "300\n"
	}, 20*time.Second, 20*time.Millisecond, "omgd does not get ready")
	return []way{
		{"daemon", []string{"--socket", d.Socket}, env, ""},
		{"index", append([]string{"--no-daemon", "--index", index}, config...), env, ""},
		{
			"databases", append([]string{"--no-daemon", "--data-dir", t.TempDir()}, config...), env,
			"omg: read the databases themselves: there is no index; omg-index build makes one\n",
		},
	}
}

// piped runs omg with both streams into pipes.
func (y way) piped(t *testing.T, args ...string) programs.Result {
	t.Helper()
	return programs.Run(t, y.env, "omg", append(slices.Clone(y.args), args...)...)
}

// with adds to the environment.
func (y way) with(env ...string) way {
	y.env = append(slices.Clone(y.env), env...)
	return y
}

// stream says which of omg's streams are the terminal.
type stream int

const (
	stdout stream = 1 << iota
	stderr
)

// screen is a pseudo-terminal: what is written to tty comes out of master.
type screen struct{ master, tty *os.File }

func newScreen(t *testing.T, columns int) screen {
	t.Helper()
	master, tty, err := pty.Open()
	require.NoError(t, err)
	t.Cleanup(func() { master.Close(); tty.Close() })
	s := screen{master, tty}
	s.resize(t, columns)
	return s
}

func (s screen) resize(t *testing.T, columns int) {
	t.Helper()
	require.NoError(t, pty.Setsize(s.master, &pty.Winsize{Rows: 24, Cols: uint16(columns)}))
}

// on runs omg with some of its streams on a screen and the others in pipes. What
// it prints on the screen is the result's standard output, or if that is in a
// pipe the result's standard error.
func (y way) on(t *testing.T, s screen, which stream, args ...string) programs.Result {
	t.Helper()
	const end = "\x04end of this program\x04"
	seen := make(chan string, 1)
	go func() {
		var all []byte
		buf := make([]byte, 32<<10)
		for !bytes.HasSuffix(all, []byte(end)) {
			n, err := s.master.Read(buf)
			all = append(all, buf[:n]...)
			if err != nil {
				break
			}
		}
		seen <- strings.ReplaceAll(strings.TrimSuffix(string(all), end), "\r\n", "\n")
	}()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), filepath.Join(programs.Dir(t), "omg"), append(slices.Clone(y.args), args...)...)
	cmd.Env = y.env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.tty, &out, &errs
	if which&stdout != 0 {
		cmd.Stdout = s.tty
	}
	if which&stderr != 0 {
		cmd.Stderr = s.tty
	}
	_ = cmd.Run() // the exit code says it
	_, err := io.WriteString(s.tty, end)
	require.NoError(t, err)
	r := programs.Result{Stdout: out.String(), Stderr: errs.String(), Code: cmd.ProcessState.ExitCode()}
	select {
	case text := <-seen:
		if which&stdout != 0 {
			r.Stdout = text
		} else {
			r.Stderr = text
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the screen does not end")
	}
	return r
}

var colors = regexp.MustCompile("\x1b\\[[0-9;]*m")

// results counts the packages of a search's output: their lines are not indented.
func results(out string) int {
	n := 0
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, "    ") {
			n++
		}
	}
	return n
}

func TestSearchShowsFiftyOnATerminal(t *testing.T) {
	for _, y := range ways(t) {
		t.Run(y.name, func(t *testing.T) {
			s := newScreen(t, 80)
			all := len(y.piped(t, "search", "-q", "lib").Lines())
			require.Greater(t, all, 3*shown)
			left := func(n int) string { return fmt.Sprintf("omg: %d more; --limit 0 shows all\n", all-n) }

			got := y.on(t, s, stdout, "search", "lib")
			require.Zero(t, got.Code)
			require.Equal(t, shown, results(colors.ReplaceAllString(got.Stdout, "")))
			require.Equal(t, y.note+left(shown), got.Stderr)
			// The line stands below the results where both are one terminal.
			both := y.on(t, s, stdout|stderr, "search", "lib")
			require.Equal(t, y.note+got.Stdout+left(shown), both.Stdout)

			for _, c := range []struct {
				args string
				n    int
			}{
				{"-q", shown},
				{"--format {{.name}}", shown},
				{"-q --limit 0", all},
				{"-q --limit 3", 3},
				{"-q --limit " + strconv.Itoa(all), all},
				{"-q --limit " + strconv.Itoa(all+1), all},
			} {
				got := y.on(t, s, stdout, append([]string{"search", "lib"}, strings.Fields(c.args)...)...)
				require.Zero(t, got.Code, c.args)
				require.Len(t, got.Lines(), c.n, c.args)
				if c.n < all {
					require.Equal(t, y.note+left(c.n), got.Stderr, c.args)
				} else {
					require.Equal(t, y.note, got.Stderr, c.args)
				}
			}
			// A program reads JSON, wherever it is printed.
			var document struct{ Packages []struct{ Name string } }
			require.NoError(t, json.Unmarshal([]byte(y.on(t, s, stdout, "search", "--json", "lib").Stdout), &document))
			require.Len(t, document.Packages, all)
		})
	}
}

func TestSearchPrintsAllIntoAPipe(t *testing.T) {
	for _, y := range ways(t) {
		t.Run(y.name, func(t *testing.T) {
			all := len(y.piped(t, "search", "-q", "lib").Lines())
			got := y.piped(t, "search", "lib")
			require.Equal(t, all, results(got.Stdout))
			require.Equal(t, y.note, got.Stderr)
			require.NotContains(t, got.Stdout, "\x1b")
			// Whether messages go to a terminal has no part in it.
			require.Equal(t, got, y.on(t, newScreen(t, 40), stderr, "search", "lib"))
			few := y.on(t, newScreen(t, 40), stderr, "search", "-q", "--limit", "7", "lib")
			require.Len(t, few.Lines(), 7)
			require.Equal(t, y.note, few.Stderr, "who asks for seven through a pipe gets seven")
		})
	}
}

func TestColor(t *testing.T) {
	y := ways(t)[1]
	s := newScreen(t, 80)
	wide := y.with("COLUMNS=0") // one line a text, as in a pipe
	for _, command := range [][]string{{"search", "--limit", "20", "lib"}, {"info", "bash", "glibc"}, {"installed"}, {"explicit"}} {
		plain := y.piped(t, command...)
		require.Zero(t, plain.Code, command)
		for _, c := range []struct {
			env, color string
			which      stream
			colored    bool
		}{
			{"", "", stdout, true},
			{"", "", 0, false},
			{"", "auto", stdout, true},
			{"", "auto", stderr, false},
			{"", "never", stdout, false},
			{"", "always", stdout, true},
			{"", "always", 0, true},
			{"NO_COLOR=1", "", stdout, false},
			{"NO_COLOR=1", "auto", stdout, false},
			{"NO_COLOR=1", "always", 0, true},
			{"NO_COLOR=1", "always", stdout, true},
			{"NO_COLOR=", "", stdout, true}, // no-color.org: set and not empty
		} {
			here, args := wide, command
			if c.env != "" {
				here = wide.with(c.env)
			}
			if c.color != "" {
				args = append(slices.Clone(command), "--color", c.color)
			}
			got := here.on(t, s, c.which, args...)
			require.Zero(t, got.Code, "%v %+v", command, c)
			require.Equal(t, c.colored, strings.Contains(got.Stdout, "\x1b["), "%v %+v", command, c)
			require.Equal(t, plain.Stdout, colors.ReplaceAllString(got.Stdout, ""), "%v %+v", command, c)
			require.NotContains(t, got.Stderr, "\x1b", "%v %+v", command, c)
		}
	}
	// What programs read is never coloured; what is wrong is said in plain text too.
	for _, args := range []string{"search -q lib", "search --json lib", "search --format {{.name}} lib"} {
		require.NotContains(t, y.on(t, s, stdout, append(strings.Fields(args), "--color", "always")...).Stdout, "\x1b", args)
	}
	wrong := y.on(t, s, stdout|stderr, "info", "no-such-package")
	require.Equal(t, 1, wrong.Code)
	require.Equal(t, "omg: error: package 'no-such-package' was not found\n", wrong.Stdout)
	wrong = y.on(t, s, stderr, "search", "lib", "--color", "sometimes")
	require.Equal(t, 2, wrong.Code)
	require.Equal(t, "omg: error: --color takes auto, always or never, not \"sometimes\"\nomg: hint: see --help\n", wrong.Stderr)
}

// TestWidth changes a terminal's size from command to command.
func TestWidth(t *testing.T) {
	y := ways(t)[0]
	s := newScreen(t, 80)
	args := []string{"search", "--limit", "0", "--color", "never", "lib"}
	plain := y.piped(t, args...).Stdout
	at := map[int]string{}
	for _, columns := range []int{80, 30, 200, 80, 0, 1} {
		s.resize(t, columns)
		got := y.on(t, s, stdout, args...)
		require.Zero(t, got.Code)
		if before, ok := at[columns]; ok {
			require.Equal(t, before, got.Stdout)
		}
		at[columns] = got.Stdout
	}
	require.Equal(t, at[80], at[0], "a terminal that does not know its width has 80 columns")
	require.Equal(t, plain, at[1], "where there is no room nothing is wrapped")
	for _, columns := range []int{30, 80, 200} {
		wrapped := 0
		for line := range strings.Lines(at[columns]) {
			line = strings.TrimSuffix(line, "\n")
			if text, ok := strings.CutPrefix(line, "    "); ok && strings.Contains(text, " ") {
				require.LessOrEqual(t, utf8.RuneCountInString(line), columns)
				wrapped++
			}
		}
		require.Greater(t, wrapped, shown)
		words := strings.Join(strings.Fields(at[columns]), " ")
		require.Equal(t, strings.Join(strings.Fields(plain), " "), words, "wrapping keeps every word")
	}
	require.Greater(t, strings.Count(at[30], "\n"), strings.Count(at[80], "\n"))

	// COLUMNS is asked before the terminal, and in a pipe, as pacman does.
	s.resize(t, 200)
	require.Equal(t, at[30], y.with("COLUMNS=30").on(t, s, stdout, args...).Stdout)
	require.Equal(t, at[30], y.with("COLUMNS=30").piped(t, args...).Stdout)
	require.Equal(t, plain, y.with("COLUMNS=0").on(t, s, stdout, args...).Stdout)
	require.Equal(t, at[200], y.with("COLUMNS=wide").on(t, s, stdout, args...).Stdout)
}

// TestReaderThatGoes closes a pipe, as head does, and a terminal in the middle
// of the output: omg ends at once and has nothing to say about it.
func TestReaderThatGoes(t *testing.T) {
	for _, y := range ways(t) {
		for _, terminal := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, terminal %v", y.name, terminal), func(t *testing.T) {
				var read, written *os.File
				var err error
				if terminal {
					s := newScreen(t, 80)
					read, written = s.master, s.tty
				} else {
					read, written, err = os.Pipe()
					require.NoError(t, err)
					t.Cleanup(func() { read.Close(); written.Close() })
				}
				var errs bytes.Buffer
				cmd := exec.CommandContext(t.Context(), filepath.Join(programs.Dir(t), "omg"), append(slices.Clone(y.args), "search", "--limit", "0", "e")...)
				cmd.Env, cmd.Stdout, cmd.Stderr = y.env, written, &errs
				require.NoError(t, cmd.Start())
				require.NoError(t, written.Close())
				_, err = io.ReadFull(read, make([]byte, 100))
				require.NoError(t, err)
				require.NoError(t, read.Close())
				wait(t, cmd)
				if !terminal {
					require.Equal(t, y.note, errs.String())
				}
			})
		}
	}
}

// wait waits for the end of a program, at most ten seconds.
func wait(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // its state says it
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		_ = cmd.Process.Kill()
		<-ended
		t.Fatal("the program does not end")
	}
}

// TestInterrupt types Ctrl-C while omg waits for a daemon that says nothing.
func TestInterrupt(t *testing.T) {
	dir, err := os.MkdirTemp("", "omg-mute-") // short: a socket's path has 107 bytes at most
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	require.NoError(t, err)
	defer l.Close()
	cmd := exec.CommandContext(t.Context(), filepath.Join(programs.Dir(t), "omg"), "--socket", socket, "search", "lib")
	cmd.Env = programs.Env(dir)
	master, err := pty.Start(cmd)
	require.NoError(t, err)
	defer master.Close()
	peer, err := l.Accept()
	require.NoError(t, err)
	defer peer.Close()
	_, err = io.ReadFull(peer, make([]byte, 4)) // it has asked and waits
	require.NoError(t, err)
	_, err = master.Write([]byte{3})
	require.NoError(t, err)
	wait(t, cmd)
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	require.True(t, status.Signaled(), "a shell must see that it was interrupted")
	require.Equal(t, syscall.SIGINT, status.Signal())
	out, _ := io.ReadAll(master) // ends with an error when the last writer is gone
	require.Equal(t, "^C", string(out))
}
