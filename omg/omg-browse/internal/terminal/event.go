package terminal

import (
	"fmt"
	"strings"
	"time"

	"github.com/gdamore/tcell/v3"
)

// Event is something that has happened on the terminal: one of the types below.
type Event any

// The events.
type (
	// Key is a key. Text is the character of a key that types one, and Name the name of another one, such as "ctrl-y", "alt-1" or "pgdn".
	Key struct{ Name, Text string }
	// Paste is a text from the clipboard.
	Paste struct{ Text string }
	// Click is a click of the left button, or the second one of a double click. The right button is that of another program's menu
	// or marks.
	Click struct {
		X, Y          int
		Double, Right bool
	}
	// Wheel is a step of the wheel; Down means towards the user.
	Wheel struct {
		X, Y int
		Down bool
	}
	// Lost means that the terminal has gone.
	Lost struct{ Err error }
)

const (
	// maxPaste is the maximum length of a text from the clipboard, in bytes. The rest is left out.
	maxPaste = 64 << 10
	// doubleClick is the maximum time between the clicks of a double click.
	doubleClick = 400 * time.Millisecond
)

// decoder makes events of tcell's.
type decoder struct {
	isPasting bool
	paste     strings.Builder

	down    bool // the left button is down
	clicked time.Time
	last    Click // the last click
	second  bool  // the button is down for the second time at the same place
}

// Events returns the channel with what Event takes.
func (s *Screen) Events() <-chan tcell.Event { return s.screen.EventQ() }

// Event converts what comes from the channel. It returns nil if there is nothing to do yet.
func (d *decoder) Event(e tcell.Event) Event {
	switch e := e.(type) {
	case *tcell.EventPaste:
		d.isPasting = e.Start()
		if d.isPasting {
			d.paste.Reset()
			return nil
		}
		return Paste{d.paste.String()}
	case *tcell.EventKey:
		name, text := keyName(e)
		if !d.isPasting {
			return Key{name, text}
		}
		if text == "" {
			text = " " // a newline, a tab or another control character
		}
		if d.paste.Len()+len(text) <= maxPaste {
			d.paste.WriteString(text)
		}
	case *tcell.EventMouse:
		return d.mouse(e)
	case *tcell.EventError:
		return Lost{e}
	case nil: // the channel was closed
		return Lost{}
	}
	return nil
}

// mouse makes clicks of buttons that go down and up. A double click is complete when the button goes up: otherwise the end of the browser
// would leave this event to the shell.
func (d *decoder) mouse(e *tcell.EventMouse) Event {
	x, y := e.Position()
	buttons := e.Buttons()
	switch {
	case buttons&tcell.WheelUp != 0:
		return Wheel{X: x, Y: y}
	case buttons&tcell.WheelDown != 0:
		return Wheel{X: x, Y: y, Down: true}
	case buttons&tcell.ButtonPrimary != 0 && !d.down:
		d.down = true
		c := Click{X: x, Y: y}
		d.second = c == d.last && e.When().Sub(d.clicked) <= doubleClick
		d.last, d.clicked = c, e.When()
		if d.second {
			return nil
		}
		return c
	case buttons&tcell.ButtonSecondary != 0 && !d.down:
		d.down = true
		return Click{X: x, Y: y, Right: true}
	case buttons == tcell.ButtonNone:
		d.down = false
		if d.second {
			d.second, d.clicked = false, time.Time{}
			c := d.last
			c.Double = true
			return c
		}
	}
	return nil
}

// keyName returns the name of a key, or the character of a key that types one as text.
func keyName(e *tcell.EventKey) (name, text string) {
	mod, key := e.Modifiers(), e.Key()
	var prefix string
	if mod&tcell.ModAlt != 0 {
		prefix = "alt-"
	}
	if key == tcell.KeyRune {
		char := e.Str()
		switch {
		case mod&tcell.ModCtrl != 0 && char == "m": // Alt-Enter, which has the code of Ctrl-M
			return prefix + "enter", ""
		case mod&tcell.ModCtrl != 0 && char == "h":
			return prefix + "backspace", ""
		case char == " " && mod&(tcell.ModAlt|tcell.ModCtrl) != 0:
			char = "space"
		}
		if mod&tcell.ModCtrl != 0 {
			prefix += "ctrl-"
		}
		if prefix == "" {
			return "", char
		}
		return prefix + char, ""
	}
	if key == tcell.KeyBacktab {
		return prefix + "shift-tab", ""
	}
	if key >= tcell.KeyCtrlA && key <= tcell.KeyCtrlZ {
		return fmt.Sprintf("%sctrl-%c", prefix, 'a'+rune(key-tcell.KeyCtrlA)), ""
	}
	if mod&tcell.ModCtrl != 0 {
		prefix += "ctrl-"
	}
	if mod&tcell.ModShift != 0 {
		prefix += "shift-"
	}
	return prefix + strings.ToLower(tcell.KeyNames[key]), ""
}
