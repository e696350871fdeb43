package terminal

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gdamore/tcell/v3"
	"github.com/gdamore/tcell/v3/vt"
	"golang.org/x/sys/unix"
)

const (
	// restoreWait is how long the terminal may take for the sequences that restore it.
	restoreWait = time.Second
	// maxHeld is the size at which output is written although the frame has not ended.
	maxHeld = 1 << 20
	// maxTyped is the most that is read of what was typed at once. The kernel keeps no more of it.
	maxTyped = 4096
	// maxColumns and maxLines limit what is drawn of a window. A pseudo-terminal can have 65,535 of each, for which no memory suffices.
	maxColumns, maxLines = 1000, 300
)

// tty is the terminal of the process, /dev/tty, with what tcell needs. It differs from tcell's own in these ways: keys that were typed before
// the screen is up are kept, bytes that are not UTF-8 are dropped, no key is read in two parts, because the first one could be taken for Esc, each
// frame is one write, the size has limits, and a terminal that takes no output does not delay the end of the program.
type tty struct {
	file    *os.File   // not blocking, so that deadlines end reads and writes
	reading sync.Mutex // is held by Read: tcell does not wait for the end of its last one
	typed   []byte     // what has been read, and not been passed to tcell yet
	partial []byte     // the beginning of a character whose rest has not been read yet
	// columns and lines are the size of a window that does not know its own.
	columns, lines int

	mu    sync.Mutex    // the terminal may be restored from any goroutine
	saved *unix.Termios // the modes before Start; nil while the terminal is not taken over
	held  bytes.Buffer
}

func openTTY(path string) (*tty, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	t := &tty{file: os.NewFile(uintptr(fd), path), columns: variable("COLUMNS", 80, maxColumns), lines: variable("LINES", 24, maxLines)}
	if _, err := t.termios(); err != nil {
		t.file.Close()
		return nil, &os.PathError{Op: "open", Path: path, Err: errors.New("not a terminal")}
	}
	return t, nil
}

// control runs a function with the file descriptor.
func (t *tty) control(f func(fd int) error) error {
	conn, err := t.file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := conn.Control(func(fd uintptr) { failed = f(int(fd)) }); err != nil {
		return err
	}
	return failed
}

func (t *tty) termios() (state *unix.Termios, err error) {
	err = t.control(func(fd int) (err error) {
		state, err = unix.IoctlGetTermios(fd, unix.TCGETS)
		return err
	})
	return state, err
}

func (t *tty) setTermios(state *unix.Termios) error {
	return t.control(func(fd int) error { return unix.IoctlSetTermios(fd, unix.TCSETS, state) })
}

// Start takes over the terminal: no echo, no lines, and no signals from keys. Input that waits is kept.
func (t *tty) Start() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	state, err := t.termios()
	if err != nil {
		return err
	}
	if err := t.setTermios(rawModes(state)); err != nil {
		return err
	}
	t.saved = state
	return t.file.SetDeadline(time.Time{})
}

// Retake takes over the terminal again that another program has used although it was not given back. What tcell writes next is written first.
func (t *tty) Retake() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.saved == nil {
		return nil
	}
	t.held.WriteString(vt.PmAltScreen.Disable() + vt.PmAltScreen.Enable() + "\x1b[?1h\x1b=\x1b(B\x1b)0" + vt.PmAutoMargin.Disable())
	return t.setTermios(rawModes(t.saved))
}

// rawModes returns the modes of the terminal while it is taken over.
func rawModes(state *unix.Termios) *unix.Termios {
	raw := *state
	raw.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	raw.Oflag &^= unix.OPOST
	raw.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	raw.Cflag = raw.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	return &raw
}

// Drain ends the reads, and limits the time for the sequences that restore the terminal.
func (t *tty) Drain() error {
	return errors.Join(t.file.SetReadDeadline(time.Now()), t.file.SetWriteDeadline(time.Now().Add(restoreWait)))
}

// Stop restores the terminal's modes. It waits for the end of a Read, which Drain has ended: otherwise the next key would go to it. What has been
// read and not been passed on is dropped: it is not meant for what comes next.
func (t *tty) Stop() error {
	t.reading.Lock()
	defer t.reading.Unlock()
	t.typed = nil
	t.mu.Lock()
	defer t.mu.Unlock()
	err := t.Drain() // again: the process may have been stopped since tcell has called it
	return errors.Join(err, t.flush(), t.restore())
}

// restore sets the modes that the terminal had before Start.
func (t *tty) restore() error {
	if t.saved == nil {
		return nil
	}
	err := t.setTermios(t.saved)
	t.saved = nil
	return err
}

// Rescue restores the terminal without tcell, which cannot do it any more after a panic inside of it.
func (t *tty) Rescue() {
	t.abandonOutput()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.saved == nil {
		return
	}
	_ = t.Drain()
	t.held.Reset() // a part of a frame
	t.held.WriteString(vt.PmSyncOutput.Disable() + vt.PmMouseButton.Disable() + vt.PmMouseSgr.Disable() + vt.PmBracketedPaste.Disable() +
		vt.PmAutoMargin.Enable() + vt.PmShowCursor.Enable() + "\x1b[?1l\x1b>" + "\x1b[m" + "\x1b[?1049l")
	_ = t.flush()
	_ = t.restore()
}

// abandonOutput ends a write that the terminal does not take.
func (t *tty) abandonOutput() { _ = t.file.SetWriteDeadline(time.Now()) }

// Read reads what was typed.
func (t *tty) Read(p []byte) (int, error) {
	t.reading.Lock()
	defer t.reading.Unlock()
	if len(t.typed) == 0 {
		if err := t.readTyped(); err != nil {
			return 0, err
		}
	}
	n := copy(p, t.typed[:partLength(t.typed, len(p))])
	t.typed = t.typed[n:]
	return n, nil
}

// partLength returns the length of the beginning of a text that fits into a size and, if more follows, ends before a character or a key. A key
// begins with ESC, some with two.
func partLength(text []byte, size int) int {
	if len(text) <= size {
		return len(text)
	}
	key := bytes.LastIndexByte(text[:size+1], '\x1b')
	for key > 0 && text[key-1] == '\x1b' {
		key--
	}
	if key > 0 {
		return key
	}
	for n := size; n > 0; n-- {
		if utf8.RuneStart(text[n]) {
			return n
		}
	}
	return size
}

// readTyped reads what was typed. It leaves out bytes that are not UTF-8: tcell would decode the first of them again and again.
func (t *tty) readTyped() error {
	buf := make([]byte, maxTyped)
	kept := copy(buf, t.partial)
	n, err := t.file.Read(buf[kept:])
	rest := buf[:kept+n]
	valid := rest[:0]
	for len(rest) > 0 && utf8.FullRune(rest) {
		r, size := utf8.DecodeRune(rest)
		if r != utf8.RuneError || size > 1 {
			valid = append(valid, rest[:size]...)
		}
		rest = rest[size:]
	}
	t.partial = append(t.partial[:0], rest...)
	t.typed = valid
	return err
}

// Write holds the output until the frame is complete, or the terminal is stopped.
func (t *tty) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.saved == nil { // the terminal belongs to another program
		return len(p), nil
	}
	t.held.Write(p)
	if t.held.Len() >= maxHeld || bytes.HasSuffix(t.held.Bytes(), []byte(vt.PmSyncOutput.Disable())) {
		return len(p), t.flush()
	}
	return len(p), nil
}

func (t *tty) flush() error {
	_, err := t.file.Write(t.held.Bytes())
	t.held.Reset()
	return err
}

// NotifyResize does nothing: tcell would draw in another goroutine, also while the terminal is given back.
func (t *tty) NotifyResize(chan<- bool) {}

// WindowSize returns the size of the window, or of the part of it that is drawn. A terminal that does not know it has that of COLUMNS and
// LINES, or 80×24.
func (t *tty) WindowSize() (size tcell.WindowSize, err error) {
	err = t.control(func(fd int) error {
		ws, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
		if err != nil {
			return err
		}
		size.Width, size.Height = min(int(ws.Col), maxColumns), min(int(ws.Row), maxLines)
		return nil
	})
	if size.Width == 0 {
		size.Width = t.columns
	}
	if size.Height == 0 {
		size.Height = t.lines
	}
	return size, err
}

// variable returns the number in an environment variable, or another one if there is none from 1 to most.
func variable(name string, otherwise, most int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil && n > 0 && n <= most {
		return n
	}
	return otherwise
}

func (t *tty) Close() error { return t.file.Close() }
