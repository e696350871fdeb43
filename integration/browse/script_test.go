package browse

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
	"golang.org/x/tools/txtar"

	"github.com/omg-arch/omg/integration/demo"
	"github.com/omg-arch/omg/integration/emulator"
	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

const scriptDir = "testdata"

// quietTime is how long a screen does not change before it is recorded.
const quietTime = time.Second

// recording means that the screens in the scripts are written, and limit is how long a script waits for something: a person who records
// does not want to wait for long.
var (
	recording = os.Getenv("UPDATE") != ""
	limit     = map[bool]time.Duration{false: harness.HangTimeout, true: 10 * time.Second}[recording]
)

var commands = harness.Commands{
	"demo": cmdDemo, "omgd-kill": cmdKill, "browse": cmdBrowse, "shell": cmdShell, "type": cmdType, "key": cmdKey, "paste": cmdPaste,
	"resize": cmdResize, "signal": cmdSignal, "shows": cmdShows, "hides": cmdHides, "looks": cmdLooks, "cursor": cmdCursor,
	"screen": cmdScreen, "ends": cmdEnds,
}

// session is the terminal of a script.
type session struct {
	*emulator.Terminal
	program *harness.Process
	before  *unix.Termios
	screens map[string]string
}

func sessionOf(ts *testscript.TestScript, x *harness.Script) *session {
	s, ok := x.State.(*session)
	if !ok {
		ts.Fatalf("no program runs: a script begins with browse or shell")
	}
	return s
}

func parseSize(text string) (columns, rows int, ok bool) {
	left, right, found := strings.Cut(text, "x")
	columns, err1 := strconv.Atoi(left)
	rows, err2 := strconv.Atoi(right)
	return columns, rows, found && err1 == nil && err2 == nil
}

func cmdDemo(ts *testscript.TestScript, x *harness.Script, args []string) {
	if len(args) != 0 || x.Daemon != nil {
		ts.Fatalf("usage: demo, while no omgd runs")
	}
	demo.Write(x.System)
	demo.WriteFileLists(x.System)
	x.Daemon = demo.StartDaemon(x.System)
}

func cmdKill(ts *testscript.TestScript, x *harness.Script, _ []string) {
	if x.Daemon == nil {
		ts.Fatalf("no omgd runs")
	}
	x.Daemon.Kill()
	x.Daemon = nil
}

// flags are the flags with which omg-browse uses the system of a script.
func flags(x *harness.Script) []string {
	return append([]string{"--socket", x.Socket()}, x.PathFlags()...)
}

func cmdBrowse(ts *testscript.TestScript, x *harness.Script, args []string) {
	open(ts, x, args, func(args []string) []string { return slices.Concat([]string{"omg-browse"}, flags(x), args) })
	awaitScreen(ts, x, "something", func(s *emulator.Screen) bool { return strings.TrimSpace(s.String()) != "" })
}

func cmdShell(ts *testscript.TestScript, x *harness.Script, args []string) {
	bash := need.Program(x.T, "bash")
	open(ts, x, args, func([]string) []string { return []string{bash, "--norc", "-i"} })
	cmdShows(ts, x, []string{"$"})
}

// open starts a program on a terminal. The first argument can be the size of the terminal; the others go into the command line.
func open(ts *testscript.TestScript, x *harness.Script, args []string, line func([]string) []string) {
	columns, rows := 80, 24
	if len(args) > 0 {
		if c, r, ok := parseSize(args[0]); ok {
			columns, rows, args = c, r, args[1:]
		}
	}
	need.Terminal(x.T)
	terminal, err := emulator.Open(columns, rows)
	ts.Check(err)
	s := &session{Terminal: terminal, screens: map[string]string{}}
	if last, ok := x.State.(*session); ok {
		s.screens = last.screens
	} else {
		ts.Defer(func() { record(ts, s.screens) })
	}
	x.State = s
	s.before, err = unix.IoctlGetTermios(int(terminal.Inner().Fd()), unix.TCGETS)
	ts.Check(err)
	words := line(args)
	system := x.WithEnv("TERM=xterm-256color", "PS1=$ ", "HISTFILE=", "BROWSE="+strings.Join(append([]string{x.Program("omg-browse")}, flags(x)...), " "))
	cmd := system.Command(words[0], words[1:]...)
	cmd.Dir = ts.Getenv("WORK")
	if words[0] == "omg-browse" {
		names, err := os.Create(ts.MkAbs("names"))
		ts.Check(err)
		ts.Defer(func() { _ = names.Close() })
		cmd.Stdout = names
	}
	terminal.Attach(cmd)
	s.program = harness.Start(x.T, cmd)
	ts.Defer(func() {
		s.program.Kill()
		ts.Check(terminal.Close())
	})
}

// record writes the screens that a script has shown into its file.
func record(ts *testscript.TestScript, screens map[string]string) {
	if len(screens) == 0 {
		return
	}
	path := filepath.Join(scriptDir, ts.Name()+".txtar")
	archive, err := txtar.ParseFile(path)
	ts.Check(err)
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range screens {
			if !yield(name) {
				return
			}
		}
	}) {
		file := txtar.File{Name: name, Data: []byte(screens[name])}
		if i := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == name }); i >= 0 {
			archive.Files[i] = file
		} else {
			archive.Files = append(archive.Files, file)
		}
	}
	ts.Check(os.WriteFile(path, txtar.Format(archive), 0o644))
}

func cmdType(ts *testscript.TestScript, x *harness.Script, args []string) {
	_, err := io.WriteString(sessionOf(ts, x), strings.Join(args, " "))
	ts.Check(err)
}

func cmdKey(ts *testscript.TestScript, x *harness.Script, args []string) {
	for _, name := range args {
		text, err := emulator.Key(name)
		ts.Check(err)
		_, err = io.WriteString(sessionOf(ts, x), text)
		ts.Check(err)
	}
}

func cmdPaste(ts *testscript.TestScript, x *harness.Script, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: paste FILE")
	}
	_, err := io.WriteString(sessionOf(ts, x), "\x1b[200~"+ts.ReadFile(args[0])+"\x1b[201~")
	ts.Check(err)
}

func cmdResize(ts *testscript.TestScript, x *harness.Script, args []string) {
	for _, arg := range args {
		columns, rows, ok := parseSize(arg)
		if !ok {
			ts.Fatalf("usage: resize 80x24…")
		}
		ts.Check(sessionOf(ts, x).Resize(columns, rows))
	}
}

var signals = map[string]syscall.Signal{"TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "CONT": syscall.SIGCONT}

func cmdSignal(ts *testscript.TestScript, x *harness.Script, args []string) {
	if len(args) != 1 || signals[args[0]] == 0 {
		ts.Fatalf("usage: signal TERM|HUP|INT|CONT")
	}
	sessionOf(ts, x).program.Signal(signals[args[0]])
}

// awaitScreen waits until a script's screen satisfies a condition.
func awaitScreen(ts *testscript.TestScript, x *harness.Script, what string, such func(*emulator.Screen) bool) {
	if screen, ok := sessionOf(ts, x).Await(limit, such); !ok {
		ts.Fatalf("the screen does not show %s:\n%s\ncursor %d %d", what, screen, screen.X, screen.Y)
	}
}

func cmdShows(ts *testscript.TestScript, x *harness.Script, args []string) {
	for _, text := range args {
		awaitScreen(ts, x, strconv.Quote(text), func(s *emulator.Screen) bool { return strings.Contains(s.String(), text) })
	}
}

func cmdHides(ts *testscript.TestScript, x *harness.Script, args []string) {
	for _, text := range args {
		awaitScreen(ts, x, "no "+strconv.Quote(text), func(s *emulator.Screen) bool { return !strings.Contains(s.String(), text) })
	}
}

func cmdLooks(ts *testscript.TestScript, x *harness.Script, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: looks LOOK TEXT")
	}
	var last string
	such := func(s *emulator.Screen) bool {
		column, line, found := s.Find(args[1])
		last = ""
		if found {
			last = s.Cells[line][column].Look.String()
		}
		return found && last == args[0]
	}
	if screen, ok := sessionOf(ts, x).Await(limit, such); !ok {
		ts.Fatalf("%q looks %q, not %q:\n%s", args[1], last, args[0], screen)
	}
}

func cmdCursor(ts *testscript.TestScript, x *harness.Script, args []string) {
	awaitScreen(ts, x, fmt.Sprintf("the cursor at %v", args), func(s *emulator.Screen) bool {
		return !s.Hidden && slices.Equal(args, []string{strconv.Itoa(s.X), strconv.Itoa(s.Y)})
	})
}

func cmdScreen(ts *testscript.TestScript, x *harness.Script, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: screen FILE")
	}
	s := sessionOf(ts, x)
	if recording {
		s.screens[args[0]] = s.AwaitQuiet(quietTime).String()
		return
	}
	want := ts.ReadFile(args[0])
	awaitScreen(ts, x, args[0]+":\n"+want, func(s *emulator.Screen) bool { return s.String() == want })
}

func cmdEnds(ts *testscript.TestScript, x *harness.Script, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: ends CODE [LINE…]")
	}
	s := sessionOf(ts, x)
	r := s.program.Wait()
	if strconv.Itoa(r.Code) != args[0] {
		ts.Fatalf("exit code %d, not %s: %s", r.Code, args[0], s.Screen())
	}
	var lines []string
	if names, _ := os.ReadFile(ts.MkAbs("names")); len(names) > 0 { // a shell has no such file
		lines = strings.Split(strings.TrimSuffix(string(names), "\n"), "\n")
	}
	if !slices.Equal(lines, args[1:]) {
		ts.Fatalf("it printed %q, not %q", lines, args[1:])
	}
	ts.Check(s.checkRestored())
}

// checkRestored checks that a program has left the terminal as it was.
func (s *session) checkRestored() error {
	after, err := unix.IoctlGetTermios(int(s.Inner().Fd()), unix.TCGETS)
	if err != nil {
		return err
	}
	if *after != *s.before {
		return fmt.Errorf("the terminal has other settings than before: %+v, not %+v", after, s.before)
	}
	var missing string
	restored := func(screen *emulator.Screen) bool {
		output := s.Output()
		missing = ""
		for _, mode := range []string{"?1000", "?1002", "?1003", "?1004", "?1006", "?2004"} {
			if strings.LastIndex(output, "\x1b["+mode+"h") > strings.LastIndex(output, "\x1b["+mode+"l") {
				missing = "the mode " + mode + " is still set"
			}
		}
		if screen.Alternate || screen.Hidden {
			missing = "the previous screen or the cursor is not shown"
		}
		return missing == ""
	}
	if screen, ok := s.Await(limit, restored); !ok {
		return fmt.Errorf("%s:\n%s", missing, screen)
	}
	return nil
}
