package terminal

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omg/omg-browse/internal/styled"
	"github.com/omg-arch/omg/shared/await"
)

// modeVariable chooses what this program does when a test starts it in a terminal.
const modeVariable = "OMG_TEST_TERMINAL"

func TestMain(m *testing.M) {
	switch mode := os.Getenv(modeVariable); mode {
	case "":
		os.Exit(m.Run())
	case "shell":
		os.Exit(shell())
	default:
		os.Exit(program(mode))
	}
}

// program opens the terminal and prints its events and signals on standard output, until the key q or a signal that ends programs.
func program(mode string) int {
	s, err := Open()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer s.Close()
	draw := func() {
		s.Put(0, 0, 10, "drawn", styled.Style{Bold: true})
		s.Show()
	}
	draw()
	fmt.Println("open")
	switch mode {
	case "panic":
		panic("boom")
	case "panic elsewhere":
		go func() {
			defer s.RescueOnPanic()
			panic("boom")
		}()
	case "flood":
		for range 100 { // more than the kernel keeps for a terminal
			s.Redraw()
		}
	}
	for {
		select {
		case e := <-s.Events():
			switch e := s.Event(e).(type) {
			case nil:
			case Key:
				fmt.Printf("key %s%s\n", e.Name, e.Text)
				switch e.Name + e.Text {
				case "q":
					return 0
				case "ctrl-z":
					if err := s.Suspend(); err != nil {
						fmt.Println(err)
						return 1
					}
					draw()
					fmt.Println("resumed")
				}
			case Paste:
				fmt.Printf("paste %d %q\n", len(e.Text), e.Text[:min(len(e.Text), 20)])
			case Lost:
				fmt.Println("lost")
				return 1
			default:
				fmt.Printf("%T%v\n", e, e)
			}
		case <-s.Resized():
			width, height := s.Resize()
			fmt.Println("size", width, height)
		case <-s.Continued():
			if err := s.Continue(); err != nil {
				return 1
			}
			fmt.Println("continued")
		case sig := <-s.Ended():
			fmt.Println(sig)
			return 1
		}
	}
}

// shell starts the program as a shell does, in a process group of its own. When it stops, shell says so and continues it after a line of
// standard input.
func shell() int {
	signal.Ignore(syscall.SIGTTOU)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), modeVariable+"=program")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Foreground: true, Ctty: 0}
	if err := cmd.Start(); err != nil {
		fmt.Println(err)
		return 1
	}
	for {
		var status syscall.WaitStatus
		if _, err := syscall.Wait4(cmd.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil {
			fmt.Println(err)
			return 1
		}
		if !status.Stopped() {
			return status.ExitStatus()
		}
		fmt.Println("stopped")
		_, _ = bufio.NewReader(os.NewFile(3, "continue")).ReadString('\n')
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGCONT)
	}
}

// session is the program in a terminal.
type session struct {
	t             *testing.T
	cmd           *exec.Cmd
	master, slave *os.File
	lines         *bufio.Scanner
	stderr        string // the file with standard error
	before        *unix.Termios
	mu            sync.Mutex
	screen        bytes.Buffer // what the program wrote to the terminal
	resume        *os.File
	isReading     sync.WaitGroup
}

func start(t *testing.T, mode, typed string) *session {
	t.Helper()
	s := &session{t: t}
	var err error
	s.master, s.slave, err = pty.Open()
	require.NoError(t, err)
	t.Cleanup(func() { s.master.Close(); s.slave.Close() })
	require.NoError(t, pty.Setsize(s.master, &pty.Winsize{Cols: 80, Rows: 24}))
	s.before = s.modes()
	_, err = s.master.WriteString(typed)
	require.NoError(t, err)

	s.cmd = exec.Command("/proc/self/exe")
	s.cmd.Env = append(os.Environ(), modeVariable+"="+mode, "TERM=xterm-256color", "LC_ALL=C.UTF-8")
	s.stderr = filepath.Join(t.TempDir(), "stderr")
	stderr, err := os.Create(s.stderr)
	require.NoError(t, err)
	defer stderr.Close()
	s.cmd.Stdin, s.cmd.Stderr = s.slave, stderr
	stdout, err := s.cmd.StdoutPipe()
	require.NoError(t, err)
	resume, resumeEnd, err := os.Pipe()
	require.NoError(t, err)
	s.resume = resumeEnd
	t.Cleanup(func() { resumeEnd.Close() })
	s.cmd.ExtraFiles = []*os.File{resume}
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
	require.NoError(t, s.cmd.Start())
	resume.Close()
	guard := time.AfterFunc(await.Timeout, func() { _ = s.cmd.Process.Kill() })
	t.Cleanup(func() { guard.Stop() })
	s.lines = bufio.NewScanner(stdout)
	if mode != "flood" && mode != "lost" {
		s.isReading.Go(func() { s.read() })
	}
	s.expect("open")
	return s
}

// read reads what the program writes to the terminal, as a terminal does.
func (s *session) read() {
	buf := make([]byte, 4096)
	for {
		n, err := s.master.Read(buf)
		s.mu.Lock()
		s.screen.Write(buf[:n])
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (s *session) modes() *unix.Termios {
	s.t.Helper()
	state, err := unix.IoctlGetTermios(int(s.slave.Fd()), unix.TCGETS)
	require.NoError(s.t, err)
	return state
}

// expect reads the next line that the program prints.
func (s *session) expect(want string) {
	s.t.Helper()
	require.True(s.t, s.lines.Scan(), "no line %q; stderr: %s", want, s.errors())
	require.Equal(s.t, want, s.lines.Text())
}

// errors returns what the program has printed on standard error.
func (s *session) errors() string {
	text, err := os.ReadFile(s.stderr)
	require.NoError(s.t, err)
	return string(text)
}

func (s *session) typeKeys(keys string) {
	s.t.Helper()
	_, err := s.master.WriteString(keys)
	require.NoError(s.t, err)
}

// end waits for the end of the program, and checks that it has given the terminal back.
func (s *session) end(code int) string {
	s.t.Helper()
	for s.lines.Scan() {
	}
	err := s.cmd.Wait()
	require.Equal(s.t, code, s.cmd.ProcessState.ExitCode(), "%v: %s", err, s.errors())
	require.Equal(s.t, s.before, s.modes())
	s.slave.Close() // the read of the other end returns
	s.isReading.Wait()
	screen := s.screen.String()
	if screen != "" {
		for _, sequence := range []string{"\x1b[?1049l", "\x1b[?25h", "\x1b[?1000l", "\x1b[?2004l", "\x1b[?7h"} {
			require.Greater(s.t, strings.LastIndex(screen, sequence), strings.LastIndex(screen, "drawn"), "%q restores the terminal", sequence)
		}
	}
	return s.errors()
}

func TestScreen_KeysTypedBefore(t *testing.T) {
	s := start(t, "program", "ab\n")
	s.expect("key a")
	s.expect("key b")
	s.expect("key ctrl-j")
	require.NotEqual(t, s.before, s.modes())
	s.typeKeys("q")
	require.Empty(t, s.end(0))
}

func TestScreen_Keys(t *testing.T) {
	s := start(t, "program", "")
	for keys, want := range map[string]string{
		"é": "é", "\x1bx": "alt-x", "\x1bX": "alt-X", "\x1b1": "alt-1", "\x01": "ctrl-a", "\x1b\x02": "alt-ctrl-b", "\x00": "ctrl-space", "\x1b ": "alt-space",
		"\r": "enter", "\x1b\r": "alt-enter", "\t": "tab", "\x1b[Z": "shift-tab", "\x7f": "backspace", "\x1b\x7f": "alt-backspace",
		"\x1b[1;3C": "alt-right", "\x1b[1;2B": "shift-down", "\x1b[1;5H": "ctrl-home", "\x1b[6~": "pgdn", "\x1bOP": "f1", "\x1c": "ctrl-\\", " ": " ",
	} {
		s.typeKeys(keys)
		s.expect("key " + want)
	}
	s.typeKeys("q")
	s.end(0)
}

// TestScreen_NotUTF8 checks that bytes that are not UTF-8 are no keys, and that the keys after them arrive.
func TestScreen_NotUTF8(t *testing.T) {
	s := start(t, "program", "\xff")
	for _, keys := range []string{"\x80", "\xc3(", "\xed\xa0\x80", "\xf8\x88\x80\x80\x80", "\xf4\x90\x80\x80", "\xc0\x80", "\x1b[M\xff\xff\xff\x1b[Z", "\xe2\x82"} {
		s.typeKeys(keys)
	}
	s.expect("key (")
	s.expect("key shift-tab")
	s.typeKeys("\xac") // the rest of €
	s.expect("key €")
	s.typeKeys("\xe2\x82q")
	s.expect("key q")
	s.end(0)
}

func TestScreen_Paste(t *testing.T) {
	s := start(t, "program", "")
	s.typeKeys("\x1b[200~a\rb\nc\tq\x03d\x1b[201~x")
	s.expect(`paste 9 "a b c q d"`)
	s.expect("key x")
	s.typeKeys("\x1b[200~" + strings.Repeat("word\r\n", 10_000/6) + "\x1b[201~")
	s.expect(fmt.Sprintf("paste %d %q", 10_000/6*6, strings.Repeat("word  ", 4)[:20]))
	s.typeKeys("\x1b[200~" + strings.Repeat("x", maxPaste+5) + "\x1b[201~y")
	s.expect(fmt.Sprintf("paste %d %q", maxPaste, strings.Repeat("x", 20)))
	s.expect("key y")
	s.typeKeys("q")
	s.end(0)
}

func TestScreen_Mouse(t *testing.T) {
	s := start(t, "program", "")
	s.typeKeys("\x1b[<0;5;3M")
	s.expect("terminal.Click{4 2 false false}")
	s.typeKeys("\x1b[<0;5;3m\x1b[<64;1;1M\x1b[<65;80;24M\x1b[<2;2;2M\x1b[<2;2;2m")
	s.expect("terminal.Wheel{0 0 false}")
	s.expect("terminal.Wheel{79 23 true}")
	s.expect("terminal.Click{1 1 false true}")
	s.typeKeys("q")
	s.end(0)
}

func TestScreen_Resize(t *testing.T) {
	s := start(t, "program", "")
	for _, size := range [][2]uint16{{1, 1}, {300, 100}, {2, 50}, {80, 24}} {
		require.NoError(t, pty.Setsize(s.master, &pty.Winsize{Cols: size[0], Rows: size[1]}))
		s.expect(fmt.Sprintf("size %d %d", size[0], size[1]))
	}
	require.NoError(t, pty.Setsize(s.master, &pty.Winsize{Cols: 65535, Rows: 65535}))
	s.expect("size 1000 300")
	s.typeKeys("q")
	s.end(0)
}

// TestScreen_SizeOfEnvironment checks that a wrong size in the environment is not used.
func TestScreen_SizeOfEnvironment(t *testing.T) {
	t.Setenv("COLUMNS", "-1")
	t.Setenv("LINES", "99999999")
	s := start(t, "program", "")
	require.NoError(t, pty.Setsize(s.master, &pty.Winsize{}))
	s.expect("size 80 24")
	s.typeKeys("q")
	s.end(0)
}

func TestScreen_Signals(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT} {
		s := start(t, "program", "")
		require.NoError(t, s.cmd.Process.Signal(sig))
		s.expect(sig.String())
		require.Empty(t, s.end(1))
	}
}

// TestScreen_Suspend checks that another program finds the terminal as it was, and that the screen is drawn again.
func TestScreen_Suspend(t *testing.T) {
	s := start(t, "shell", "")
	raw := s.modes()
	// The signal to continue can arrive after the program has gone on. Then it is handled as in TestScreen_Continue.
	late := 0
	expect := func(want string) {
		require.True(t, s.lines.Scan(), "no line %q; stderr: %s", want, s.errors())
		for s.lines.Text() == "continued" {
			late++
			require.True(t, s.lines.Scan(), "no line %q; stderr: %s", want, s.errors())
		}
		require.Equal(t, want, s.lines.Text())
	}
	for columns := range uint16(2) {
		s.typeKeys("\x1a")
		expect("key ctrl-z")
		expect("stopped")
		require.Equal(t, s.before, s.modes())
		require.NoError(t, pty.Setsize(s.master, &pty.Winsize{Cols: 60 + columns, Rows: 20}))
		fmt.Fprintln(s.resume)
		expect("resumed")
		expect(fmt.Sprintf("size %d 20", 60+columns))
		require.Equal(t, raw, s.modes())
	}
	s.typeKeys("q")
	expect("key q")
	s.end(0)
	require.Equal(t, 3+late, strings.Count(s.screen.String(), "\x1b[?1049h"))
	require.Equal(t, 5+late, strings.Count(s.screen.String(), "drawn"), "also after each change of the size")
}

// TestScreen_SuspendWithoutShell checks that the program goes on if nothing could continue it: its process group is orphaned.
func TestScreen_SuspendWithoutShell(t *testing.T) {
	s := start(t, "program", "")
	s.typeKeys("\x1a")
	s.expect("key ctrl-z")
	s.expect("resumed")
	s.typeKeys("q")
	s.expect("key q")
	s.end(0)
}

// TestScreen_Continue checks that a program that was stopped without a key takes over the terminal again, and loses no keys.
func TestScreen_Continue(t *testing.T) {
	s := start(t, "program", "")
	raw := s.modes()
	for range 20 {
		require.NoError(t, unix.IoctlSetTermios(int(s.slave.Fd()), unix.TCSETS, s.before)) // as a shell does
		require.NoError(t, s.cmd.Process.Signal(syscall.SIGCONT))
		s.expect("continued")
		s.typeKeys("x")
		s.expect("key x")
		require.Equal(t, raw, s.modes())
	}
	const keys = "abcdefghijklm"
	for i := range keys {
		s.typeKeys(keys[i : i+1])
		require.NoError(t, s.cmd.Process.Signal(syscall.SIGCONT))
	}
	s.typeKeys("q")
	got := ""
	for s.lines.Scan() {
		if key, ok := strings.CutPrefix(s.lines.Text(), "key "); ok {
			got += key
		} else {
			require.Equal(t, "continued", s.lines.Text())
		}
	}
	require.Equal(t, keys+"q", got)
	s.end(0)
	last := s.screen.String()
	last = last[strings.LastIndex(last, "\x1b[?1049h"):]
	for _, sequence := range []string{"\x1b[?1h", "\x1b[?7l", "\x1b[?25l", "\x1b[?1000h", "\x1b[?1006h", "\x1b[?2004h", "drawn"} {
		require.Contains(t, last, sequence)
	}
}

func TestScreen_Panic(t *testing.T) {
	for _, mode := range []string{"panic", "panic elsewhere"} {
		s := start(t, mode, "")
		stderr := s.end(2)
		require.Contains(t, stderr, "panic: boom")
		require.Contains(t, stderr, "terminal_test.go", "the trace shows where")
	}
}

func TestScreen_Lost(t *testing.T) {
	s := start(t, "lost", "")
	require.NoError(t, s.slave.Close())
	require.NoError(t, s.master.Close())
	for s.lines.Scan() {
		require.Contains(t, []string{"lost", "hangup", "continued"}, s.lines.Text())
	}
	_ = s.cmd.Wait()
	require.Contains(t, []string{"exit status 1", "signal: hangup"}, s.cmd.ProcessState.String(), s.errors())
}

// TestScreen_TerminalTakesNoOutput checks that a signal ends the program although a write waits.
func TestScreen_TerminalTakesNoOutput(t *testing.T) {
	s := start(t, "flood", "")
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	s.expect("terminated")
	s.end(1)
}

// TestTTY_ReadsWholeKeys checks that no part of what was typed ends within a key or a character.
func TestTTY_ReadsWholeKeys(t *testing.T) {
	input, typing, err := os.Pipe()
	require.NoError(t, err)
	defer input.Close()
	defer typing.Close()
	terminal := &tty{file: input}
	for _, c := range []struct {
		typed string
		parts []string
	}{
		{"abcdefgh", []string{"abcdefgh"}},
		{"abcdefgh\x1b[6~", []string{"abcdefgh", "\x1b[6~"}},
		{"abcdefg\x1b[6~", []string{"abcdefg", "\x1b[6~"}},
		{"abcdef\x1b\x1b[A", []string{"abcdef", "\x1b\x1b[A"}},
		{"abcdefg\x1b\x1b[A", []string{"abcdefg", "\x1b\x1b[A"}},
		{"\x1b[6~\x1b[1;3C", []string{"\x1b[6~", "\x1b[1;3C"}},
		{"\x1b[<0;120;40M", []string{"\x1b[<0;120", ";40M"}}, // its beginning is no other key
		{"\x1b\x1b[1;3Cabcde", []string{"\x1b\x1b[1;3Ca", "bcde"}},
		{"äääéé€", []string{"äääé", "é€"}},
		{"abcdefg€", []string{"abcdefg", "€"}},
		{"\xffab€\xffcdef€", []string{"ab€cde", "f€"}},
	} {
		_, err := io.WriteString(typing, c.typed)
		require.NoError(t, err)
		for _, want := range c.parts {
			part := make([]byte, 8)
			n, err := terminal.Read(part)
			require.NoError(t, err)
			require.Equal(t, want, string(part[:n]), "%q", c.typed)
		}
	}
}

// TestTTY_FrameIsOneWrite checks that a frame, and what was written before it, is one write.
func TestTTY_FrameIsOneWrite(t *testing.T) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	file, other := os.NewFile(uintptr(ends[0]), ""), os.NewFile(uintptr(ends[1]), "")
	defer file.Close()
	defer other.Close()
	terminal := &tty{file: file, saved: &unix.Termios{}}
	for _, part := range []string{"\x1b[?1049h", "\x1b[?2026h", "drawn", "\x1b[?2026l", "\x1b[?2026h", "again", "\x1b[?2026l"} {
		n, err := io.WriteString(terminal, part)
		require.NoError(t, err)
		require.Equal(t, len(part), n)
	}
	buf := make([]byte, 100)
	for _, want := range []string{"\x1b[?1049h\x1b[?2026hdrawn\x1b[?2026l", "\x1b[?2026hagain\x1b[?2026l"} {
		n, err := other.Read(buf)
		require.NoError(t, err)
		require.Equal(t, want, string(buf[:n]))
	}
}

func TestOpenTTY_Errors(t *testing.T) {
	for _, path := range []string{"/dev/null", t.TempDir(), t.TempDir() + "/missing"} {
		_, err := openTTY(path)
		require.ErrorContains(t, err, path)
	}
}
