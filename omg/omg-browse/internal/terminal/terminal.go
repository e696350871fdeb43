// Package terminal is the screen and the keyboard: a layer over tcell that draws styled text into parts of lines, names keys as the
// configuration does, and gives the terminal back in the state in which it was.
package terminal

import (
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/clipperhouse/displaywidth"
	"github.com/gdamore/tcell/v3"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omg/omg-browse/internal/styled"
)

// Screen is the terminal of the process, /dev/tty. Standard input and output are not used.
type Screen struct {
	screen tcell.Screen
	tty    *tty
	decoder
	// received is the first signal that ends the browser, and ended what Ended returns.
	received, ended    chan os.Signal
	resized, continued chan os.Signal
}

// Open takes over the terminal. The terminal is asked nothing: some terminals answer late, and their answers would be read as keys.
func Open() (*Screen, error) {
	t, err := openTTY("/dev/tty")
	if err != nil {
		return nil, err
	}
	screen, err := tcell.NewTerminfoScreenFromTty(t, tcell.OptNegotiation(false), tcell.OptSanitizeContent(true))
	if err != nil {
		t.Close()
		return nil, err
	}
	// The size is known. From these, tcell would make a screen of any size, also of a negative one.
	for _, name := range []string{"COLUMNS", "LINES"} {
		_ = os.Unsetenv(name) // it can only fail for other names
	}
	s := &Screen{screen: screen, tty: t}
	s.notify()
	if err := screen.Init(); err != nil {
		s.stopNotify()
		t.Rescue()
		t.Close()
		return nil, err
	}
	s.takeInput()
	return s, nil
}

// notify asks for signals. Each kind has its own channel, so that many of one kind do not replace another.
func (s *Screen) notify() {
	channel := func(signals ...os.Signal) chan os.Signal {
		c := make(chan os.Signal, 1)
		signal.Notify(c, signals...)
		return c
	}
	s.received, s.ended = channel(syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT), make(chan os.Signal, 1)
	s.resized, s.continued = channel(syscall.SIGWINCH), channel(syscall.SIGCONT)
	go func() {
		if sig, ok := <-s.received; ok {
			s.tty.abandonOutput() // the end of the browser must not wait for a terminal that takes no output
			s.ended <- sig
		}
	}()
}

func (s *Screen) stopNotify() {
	for _, c := range []chan os.Signal{s.received, s.resized, s.continued} {
		signal.Stop(c)
	}
	close(s.received)
}

// Ended returns the channel with a signal that ends the browser: SIGTERM, SIGHUP, SIGINT or SIGQUIT.
func (s *Screen) Ended() <-chan os.Signal { return s.ended }

// Resized returns the channel that says that the size of the window has changed: then Resize must be called.
func (s *Screen) Resized() <-chan os.Signal { return s.resized }

// Continued returns the channel that says that the process was stopped and continued: then Continue must be called.
func (s *Screen) Continued() <-chan os.Signal { return s.continued }

// Close gives the terminal back. It is deferred: if its goroutine panics, the trace is printed on the restored terminal.
func (s *Screen) Close() {
	if cause := recover(); cause != nil {
		s.tty.Rescue() // tcell may be locked
		panic(cause)
	}
	_ = s.giveBack()
	s.screen.Fini()
	s.stopNotify()
}

// giveBack gives the terminal back. It drops keys that wait: tcell cannot stop while it has events that nobody takes.
func (s *Screen) giveBack() error {
	done := make(chan struct{})
	defer close(done)
	go func() {
		for {
			select {
			case <-s.screen.EventQ():
			case <-done:
				return
			}
		}
	}()
	return s.screen.Suspend()
}

// RescueOnPanic is deferred in the other goroutines. It does what Close does if one of them panics.
func (s *Screen) RescueOnPanic() {
	if cause := recover(); cause != nil {
		s.tty.Rescue()
		panic(cause)
	}
}

// stopWait is how long Suspend waits for the signal that has continued the process. Otherwise the kernel has ignored that to stop, because no
// shell could continue the process group, or the signal to continue comes later: then Continue does once more what Suspend has done.
const stopWait = 200 * time.Millisecond

// Suspend gives the terminal back and stops the process group, as Ctrl-Z does for other programs. It returns when the shell has continued
// it, and the terminal is taken over again.
func (s *Screen) Suspend() error {
	if err := s.giveBack(); err != nil {
		return err
	}
	stopGroup()
	select {
	case <-s.continued:
	case <-time.After(stopWait):
	}
	if err := s.screen.Resume(); err != nil {
		return err
	}
	s.screen.Sync()
	return nil
}

// stopGroup stops the process group, and returns after it was continued. Another thread of this process can receive the signal to the group, some
// time after the call. So this thread has a signal of its own, which it receives when the mask is restored. If the process was stopped and
// continued before that, there is no second stop: SIGCONT removes all signals to stop that wait.
func stopGroup() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	stop, before := unix.Sigset_t{}, unix.Sigset_t{}
	stop.Val[0] = 1 << (unix.SIGTSTP - 1)
	_ = unix.PthreadSigmask(unix.SIG_BLOCK, &stop, &before)
	_ = unix.Tgkill(unix.Getpid(), unix.Gettid(), unix.SIGTSTP)
	_ = unix.Kill(0, unix.SIGTSTP)
	_ = unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil)
}

// Continue takes over the terminal again after another program has used it. It does not stop tcell, which would lose keys.
func (s *Screen) Continue() error {
	if err := s.tty.Retake(); err != nil {
		return err
	}
	s.takeInput()
	s.screen.Sync()
	return nil
}

// takeInput has the terminal report the mouse and where pasted texts begin and end.
func (s *Screen) takeInput() {
	s.screen.EnablePaste()
	s.screen.EnableMouse(tcell.MouseButtonEvents)
}

// Resize adapts the screen to the size of the window, and returns it.
func (s *Screen) Resize() (width, height int) {
	s.screen.Sync()
	return s.Size()
}

// Size returns the number of columns and lines.
func (s *Screen) Size() (width, height int) { return s.screen.Size() }

// Colors returns the number of colours; 0 if the terminal has none, or NO_COLOR is set.
func (s *Screen) Colors() int { return s.screen.Colors() }

// Show sends what has changed to the terminal.
func (s *Screen) Show() { s.screen.Show() }

// Redraw sends the whole screen to the terminal.
func (s *Screen) Redraw() { s.screen.Sync() }

// Copy copies a text to the clipboard, if the terminal can (OSC 52).
func (s *Screen) Copy(text string) { s.screen.SetClipboard([]byte(text)) }

// ShowCursor places the cursor.
func (s *Screen) ShowCursor(x, y int) { s.screen.ShowCursor(x, y) }

// Put draws a text at a position. It is cut after a number of columns, and the rest of these columns becomes blank in its style.
func (s *Screen) Put(x, y, columns int, text string, style styled.Style) {
	look := s.convert(style)
	end := x + columns
	for g := displaywidth.StringGraphemes(text); g.Next(); {
		if x+g.Width() > end { // half of a wide character would remain
			break
		}
		if g.Width() > 0 {
			s.screen.Put(x, y, g.Value(), look)
			x += g.Width()
		}
	}
	for ; x < end; x++ {
		s.screen.Put(x, y, " ", look)
	}
}

// convert returns tcell's form of a style. Without colours, tcell would show dark colours in reverse.
func (s *Screen) convert(style styled.Style) tcell.Style {
	look := tcell.StyleDefault.Bold(style.Bold).Dim(style.Dim).Reverse(style.Reverse)
	if style.Underline {
		look = look.Underline(true)
	}
	if s.Colors() == 0 {
		return look
	}
	if style.Color != 0 {
		look = look.Foreground(tcell.PaletteColor(int(style.Color)))
	}
	if style.Background != 0 {
		look = look.Background(tcell.PaletteColor(int(style.Background)))
	}
	return look
}
