package terminal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/need"
)

// shown is the default number of results on a terminal.
const shown = 50

// way is one way in which omg gets an answer.
type way struct {
	harness.AnswerWay
	// note is the note on standard error with which omg says that it uses this way.
	note string
}

// ways prepares three ways to an answer, for a generated database: omg asks a daemon, reads an index, or reads the
// database.
func ways(t *testing.T) []way {
	t.Helper()
	need.Terminal(t)
	s := harness.New(t, harness.WithEnv("TERM=xterm-256color", "PAGER=cat", "OMG_SEARCH_ORDER=best-first"), harness.WithGenerated(fixture.Options{Packages: 3000, Installed: 300, Seed: 1, FileLists: true}))
	all := make([]way, 3)
	for i, y := range s.AnswerWays() {
		all[i] = way{AnswerWay: y}
	}
	all[2].note = "omg: note: no index, so omg read the databases themselves (slower): omg-index build creates one\n"
	return all
}

// forTest returns a copy of the way for a subtest.
func (y way) forTest(t *testing.T) way { return way{y.ForSubtest(t), y.note} }

// with returns a copy of the way with additional environment variables.
func (y way) with(env ...string) way { return way{y.WithEnv(env...), y.note} }

// stream is a set of omg's output streams: those that are connected to the terminal.
type stream int

const (
	stdout stream = 1 << iota
	stderr
)

// screen is a pseudo-terminal: what is written to tty is read from master.
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

// runOn runs omg. It connects the given streams to the screen, and omg's other output streams to pipes. The text on the
// screen becomes the result's standard output or, if standard output is a pipe, its standard error.
func (y way) runOn(t *testing.T, s screen, streams stream, args ...string) harness.Result {
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
	cmd := y.Command(args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.tty, &out, &errs
	if streams&stdout != 0 {
		cmd.Stdout = s.tty
	}
	if streams&stderr != 0 {
		cmd.Stderr = s.tty
	}
	code := harness.Run(t, cmd).Code
	_, err := io.WriteString(s.tty, end)
	require.NoError(t, err)
	r := harness.Result{Stdout: out.String(), Stderr: errs.String(), Code: code}
	text := harness.Receive(t, seen, "the end of what the screen shows")
	if streams&stdout != 0 {
		r.Stdout = text
	} else {
		r.Stderr = text
	}
	return r
}

var colors = regexp.MustCompile("\x1b\\[[0-9;]*m")

// results counts the packages in the output of a search. Each package has one line that is not indented.
func results(out string) int {
	n := 0
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, "    ") {
			n++
		}
	}
	return n
}

// TestTerminal runs all parts with one daemon, one index and the same databases.
func TestTerminal(t *testing.T) {
	all := ways(t)
	for name, test := range map[string]func(*testing.T, []way){
		"search shows fifty":      testSearchLimit,
		"search prints all piped": testSearchPiped,
		"color":                   testColor,
		"width":                   testWidth,
		"reader goes":             testReaderGoes,
		"best match":              testBestMatch,
		"matches":                 testMatches,
		"pager":                   testPager,
		"links":                   testLinks,
	} {
		t.Run(name, func(t *testing.T) { test(t, all) })
	}
}

func testSearchLimit(t *testing.T, all []way) {
	for _, y := range all {
		t.Run(y.Name, func(t *testing.T) {
			y := y.forTest(t)
			s := newScreen(t, 80)
			all := len(y.Omg("search", "-q", "lib").Lines())
			require.Greater(t, all, 3*shown)
			left := func(n int) string { return fmt.Sprintf("omg: note: %d more; --limit 0 shows all\n", all-n) }

			got := y.runOn(t, s, stdout, "search", "lib")
			require.Zero(t, got.Code)
			require.Equal(t, shown, results(colors.ReplaceAllString(got.Stdout, "")))
			require.Equal(t, y.note+left(shown), got.Stderr)
			// If standard output and standard error are the same terminal, the number of further results is printed
			// below the results.
			both := y.runOn(t, s, stdout|stderr, "search", "lib")
			require.Equal(t, y.note+got.Stdout+left(shown), unwrapNotes(both.Stdout))

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
				got := y.runOn(t, s, stdout, append([]string{"search", "lib"}, strings.Fields(c.args)...)...)
				require.Zero(t, got.Code, c.args)
				require.Len(t, got.Lines(), c.n, c.args)
				if c.n < all {
					require.Equal(t, y.note+left(c.n), got.Stderr, c.args)
				} else {
					require.Equal(t, y.note, got.Stderr, c.args)
				}
			}
			// JSON contains all packages, also on a terminal.
			var document struct{ Packages []struct{ Name string } }
			require.NoError(t, json.Unmarshal([]byte(y.runOn(t, s, stdout, "search", "--json", "lib").Stdout), &document))
			require.Len(t, document.Packages, all)
		})
	}
}

func testSearchPiped(t *testing.T, all []way) {
	for _, y := range all {
		t.Run(y.Name, func(t *testing.T) {
			y := y.forTest(t)
			all := len(y.Omg("search", "-q", "lib").Lines())
			got := y.Omg("search", "lib")
			require.Equal(t, all, results(got.Stdout))
			require.Equal(t, y.note, got.Stderr)
			require.NotContains(t, got.Stdout, "\x1b")
			// The output on standard output does not depend on whether standard error is a terminal.
			onTerminal := y.runOn(t, newScreen(t, 40), stderr, "search", "lib")
			requireFits(t, 40, onTerminal.Stderr)
			onTerminal.Stderr = unwrapNotes(onTerminal.Stderr)
			require.Equal(t, got, onTerminal)
			few := y.runOn(t, newScreen(t, 40), stderr, "search", "-q", "--limit", "7", "lib")
			few.Stderr = unwrapNotes(few.Stderr)
			require.Len(t, few.Lines(), 7)
			require.Equal(t, y.note, few.Stderr, "a pipe gets the seven that were asked for")
		})
	}
}

// unwrapNotes joins the lines of each note, which omg wraps on a terminal.
func unwrapNotes(text string) string { return strings.ReplaceAll(text, "\n     ", " ") }

// requireFits checks that no line of a text has more than the given number of columns.
func requireFits(t *testing.T, columns int, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), columns, line)
	}
}

func testColor(t *testing.T, all []way) {
	y := all[1].forTest(t)
	s := newScreen(t, 80)
	wide := y.with("COLUMNS=0") // omg then does not wrap lines, as if the output went to a pipe
	for _, command := range [][]string{{"search", "--limit", "20", "lib"}, {"info", "bash", "glibc"}, {"installed"}, {"explicit"}} {
		plain := y.Omg(command...)
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
			{"NO_COLOR=", "", stdout, true}, // by no-color.org, an empty NO_COLOR has no effect
		} {
			here, args := wide, command
			if c.env != "" {
				here = wide.with(c.env)
			}
			if c.color != "" {
				args = append(slices.Clone(command), "--color", c.color)
			}
			got := here.runOn(t, s, c.which, args...)
			require.Zero(t, got.Code, "%v %+v", command, c)
			require.Equal(t, c.colored, strings.Contains(got.Stdout, "\x1b["), "%v %+v", command, c)
			require.Equal(t, plain.Stdout, colors.ReplaceAllString(got.Stdout, ""), "%v %+v", command, c)
			require.NotContains(t, got.Stderr, "\x1b", "%v %+v", command, c)
		}
	}
	// Output for programs is never coloured, and errors in plain text are complete.
	for _, args := range []string{"search -q lib", "search --json lib", "search --format {{.name}} lib"} {
		require.NotContains(t, y.runOn(t, s, stdout, append(strings.Fields(args), "--color", "always")...).Stdout, "\x1b", args)
	}
	wrong := y.runOn(t, s, stdout|stderr, "info", "no-such-package")
	require.Equal(t, 1, wrong.Code)
	require.Equal(t, "omg: error: package \"no-such-package\" was not found\n", wrong.Stdout)
	wrong = y.runOn(t, s, stderr, "search", "lib", "--color", "sometimes")
	require.Equal(t, 2, wrong.Code)
	require.Equal(t, "omg: error: --color must be auto, always or never, not \"sometimes\"\nomg: hint: see omg search --help\n", wrong.Stderr)
}

// testWidth changes a terminal's size between commands.
func testWidth(t *testing.T, all []way) {
	y := all[0].forTest(t)
	s := newScreen(t, 80)
	args := []string{"search", "--limit", "0", "--color", "never", "lib"}
	plain := y.Omg(args...).Stdout
	at := map[int]string{}
	for _, columns := range []int{80, 30, 200, 80, 0, 1} {
		s.resize(t, columns)
		got := y.runOn(t, s, stdout, args...)
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

	// As in pacman, COLUMNS overrides the width of the terminal, and also sets the width for output to a pipe.
	s.resize(t, 200)
	require.Equal(t, at[30], y.with("COLUMNS=30").runOn(t, s, stdout, args...).Stdout)
	require.Equal(t, at[30], y.with("COLUMNS=30").Omg(args...).Stdout)
	require.Equal(t, plain, y.with("COLUMNS=0").runOn(t, s, stdout, args...).Stdout)
	require.Equal(t, at[200], y.with("COLUMNS=wide").runOn(t, s, stdout, args...).Stdout)
}

// testReaderGoes closes a pipe, as head does, and a terminal, in the middle of the output. omg must end immediately,
// without an error message.
func testReaderGoes(t *testing.T, all []way) {
	for _, y := range all {
		for _, terminal := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, terminal %v", y.Name, terminal), func(t *testing.T) {
				y := y.forTest(t)
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
				cmd := y.Command("search", "--limit", "0", "e")
				cmd.Stdout, cmd.Stderr = written, &errs
				omg := harness.Start(t, cmd)
				require.NoError(t, written.Close())
				_, err = io.ReadFull(read, make([]byte, 100))
				require.NoError(t, err)
				require.NoError(t, read.Close())
				omg.Wait()
				if !terminal {
					require.Equal(t, y.note, errs.String())
				}
			})
		}
	}
}

// TestOmg_Interrupted types Ctrl-C while omg waits for a daemon that does not answer.
func TestOmg_Interrupted(t *testing.T) {
	need.Terminal(t)
	s := harness.New(t, harness.WithoutDatabases())
	l, err := net.Listen("unix", s.Socket())
	require.NoError(t, err)
	defer l.Close()
	screen := newScreen(t, 80)
	cmd := s.Command("omg", "--socket", s.Socket(), "search", "lib")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = screen.tty, screen.tty, screen.tty
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	omg := harness.Start(t, cmd)
	require.NoError(t, screen.tty.Close())
	peer, err := l.Accept()
	require.NoError(t, err)
	defer peer.Close()
	_, err = io.ReadFull(peer, make([]byte, 4)) // omg has sent its request and is waiting for the reply
	require.NoError(t, err)
	_, err = screen.master.Write([]byte{3})
	require.NoError(t, err)
	omg.Wait()
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	require.True(t, status.Signaled(), "a shell must see that it was interrupted")
	require.Equal(t, syscall.SIGINT, status.Signal())
	out, _ := io.ReadAll(screen.master) // ReadAll returns an error once no process has the terminal open; the error is ignored
	require.Equal(t, "^C", string(out))
}
