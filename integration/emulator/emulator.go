// Package emulator is a terminal in memory: a pseudo-terminal for programs, and an emulator that holds what the programs show on it.
package emulator

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// Terminal is a terminal on which programs can be started.
type Terminal struct {
	outer, inner *os.File // the ends of the pseudo-terminal: the user's, and that of the programs

	mu       sync.Mutex
	vt       *vt.Emulator
	title    string
	updating bool          // a program is drawing a frame: mode 2026, synchronized output
	changed  chan struct{} // closed when the screen changes next
	arrived  time.Time
	received int64
	output   []byte
	done     sync.WaitGroup
}

// maxOutput is how much output is kept.
const maxOutput = 16 << 20

// Open opens a terminal of a size.
func Open(columns, rows int) (*Terminal, error) {
	blocking, inner, err := pty.Open()
	if err != nil {
		return nil, err
	}
	outer, err := withDeadlines(blocking)
	if err != nil {
		return nil, errors.Join(err, inner.Close())
	}
	t := &Terminal{outer: outer, inner: inner, vt: vt.NewEmulator(columns, rows), changed: make(chan struct{})}
	setUpdating := func(updating bool) func(ansi.Mode) {
		return func(mode ansi.Mode) {
			if mode == ansi.ModeSynchronizedOutput {
				t.updating = updating
			}
		}
	}
	t.vt.SetCallbacks(vt.Callbacks{
		Title: func(title string) { t.title = title }, EnableMode: setUpdating(true), DisableMode: setUpdating(false),
	})
	if err := t.Resize(columns, rows); err != nil {
		return nil, errors.Join(err, outer.Close(), inner.Close())
	}
	t.done.Go(t.receive)
	t.done.Go(func() { _, _ = io.Copy(outer, t.vt) }) // answers to questions of the programs
	return t, nil
}

// withDeadlines closes a file and returns it as one whose reads can have a deadline, and end when it is closed.
func withDeadlines(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	err = errors.Join(unix.SetNonblock(fd, true), f.Close())
	return os.NewFile(uintptr(fd), f.Name()), err
}

// Attach makes the terminal the controlling terminal of a command that is not started yet, and its streams that are not set.
func (t *Terminal) Attach(cmd *exec.Cmd) {
	attributes := syscall.SysProcAttr{}
	if cmd.SysProcAttr != nil {
		attributes = *cmd.SysProcAttr
	}
	attributes.Setsid, attributes.Setctty, attributes.Ctty = true, true, 3+len(cmd.ExtraFiles)
	cmd.SysProcAttr = &attributes
	if cmd.Stdin == nil {
		cmd.Stdin, attributes.Ctty = t.inner, 0
	}
	if cmd.Stdout == nil {
		cmd.Stdout, attributes.Ctty = t.inner, 1
	}
	if cmd.Stderr == nil {
		cmd.Stderr, attributes.Ctty = t.inner, 2
	}
	if attributes.Ctty > 2 {
		cmd.ExtraFiles = append(cmd.ExtraFiles, t.inner)
	}
}

// Inner returns the end of the programs, for questions about the state of the terminal.
func (t *Terminal) Inner() *os.File { return t.inner }

// Write sends what a user types.
func (t *Terminal) Write(p []byte) (int, error) { return t.outer.Write(p) }

// Resize changes the size, which sends SIGWINCH to the programs.
func (t *Terminal) Resize(columns, rows int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.vt.Resize(columns, rows)
	return pty.Setsize(t.inner, &pty.Winsize{Cols: uint16(columns), Rows: uint16(rows)})
}

// Close closes the terminal. The programs get SIGHUP.
func (t *Terminal) Close() error {
	err := t.inner.Close()
	err = errors.Join(err, t.outer.Close())
	if w, ok := t.vt.InputPipe().(io.Closer); ok {
		err = errors.Join(err, w.Close())
	}
	t.done.Wait()
	return err
}

// heldTime is how long the end of what was read is held back.
const heldTime = 20 * time.Millisecond

// wholeSequence matches output that ends with a control sequence (ECMA-48, 5.4).
var wholeSequence = regexp.MustCompile(`\x1b\[[0-?]*[ -/]*[@-~]$`)

// receive gives the output of the programs to the emulator. A read can end between the characters of a grapheme cluster, which the emulator
// would then put into two cells. Therefore an end that is not a control sequence is held back until more arrives, or nothing has arrived
// for a time.
func (t *Terminal) receive() {
	buffer, held := make([]byte, 64<<10), []byte(nil)
	for {
		n, err := t.outer.Read(buffer)
		arrived := time.Now()
		held = append(held, buffer[:n]...)
		end := len(held)
		if n > 0 && !wholeSequence.Match(held[max(0, end-32):]) {
			end = max(0, bytes.LastIndexByte(held, '\x1b'))
		}
		t.feed(held[:end], n, arrived)
		held = append(held[:0], held[end:]...)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.feed(held, 0, arrived)
			return
		}
		deadline := time.Time{}
		if len(held) > 0 {
			deadline = time.Now().Add(heldTime)
		}
		_ = t.outer.SetReadDeadline(deadline)
	}
}

// feed gives output to the emulator. Received is the number of bytes that have arrived at a time.
func (t *Terminal) feed(output []byte, received int, arrived time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if received > 0 {
		t.received, t.arrived = t.received+int64(received), arrived
	}
	t.output = append(t.output, output[:min(len(output), maxOutput-len(t.output))]...)
	if len(output) > 0 {
		_, _ = t.vt.Write(output)
		close(t.changed)
		t.changed = make(chan struct{})
	}
}

// Output returns the first 16 MiB that the programs have written.
func (t *Terminal) Output() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.output)
}

// Await waits until the screen satisfies a condition, which is checked at each change, but not while a program draws a frame. It returns the last screen, and whether it satisfies
// the condition: if not, it has waited for the whole time.
func (t *Terminal) Await(limit time.Duration, such func(*Screen) bool) (*Screen, bool) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		t.mu.Lock()
		screen, changed, updating := t.screen(), t.changed, t.updating
		t.mu.Unlock()
		if !updating && such(screen) {
			return screen, true
		}
		select {
		case <-changed:
		case <-timer.C:
			return screen, false
		}
	}
}

// AwaitQuiet waits until the screen has not changed for a time. A test must not rely on this, because a program can be slow.
func (t *Terminal) AwaitQuiet(quiet time.Duration) *Screen {
	for {
		t.mu.Lock()
		screen, changed := t.screen(), t.changed
		t.mu.Unlock()
		select {
		case <-changed:
		case <-time.After(quiet):
			return screen
		}
	}
}

// AwaitText waits until the screen contains a text.
func (t *Terminal) AwaitText(limit time.Duration, text string) (*Screen, bool) {
	return t.Await(limit, func(s *Screen) bool { return strings.Contains(s.String(), text) })
}

// Screen returns what the terminal shows.
func (t *Terminal) Screen() *Screen {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.screen()
}
