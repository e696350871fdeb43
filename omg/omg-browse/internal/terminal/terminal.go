// Package terminal is the screen and the keyboard: a layer over tcell that draws styled text into parts of lines, and names keys as the
// configuration does.
package terminal

import (
	"fmt"
	"strings"

	"github.com/clipperhouse/displaywidth"
	"github.com/gdamore/tcell/v3"

	"github.com/omg-arch/omg/omg/omg-browse/internal/styled"
)

// Screen is the terminal of the process, /dev/tty. Standard input and output are not used.
type Screen struct{ tcell.Screen }

// Open takes over the terminal. The terminal is asked nothing: some terminals answer late, and their answers would be read as keys.
func Open() (*Screen, error) {
	s, err := tcell.NewTerminfoScreen(tcell.OptNegotiation(false), tcell.OptSanitizeContent(true))
	if err != nil {
		return nil, err
	}
	if err := s.Init(); err != nil {
		return nil, err
	}
	s.EnablePaste()
	s.EnableMouse(tcell.MouseButtonEvents)
	return &Screen{s}, nil
}

// Put draws a text at a position. It is cut after a number of columns, and the rest of these columns becomes blank in its style.
func (s *Screen) Put(x, y, columns int, text string, style styled.Style) {
	look := convert(style)
	end := x + columns
	for g := displaywidth.StringGraphemes(text); g.Next(); {
		if x+g.Width() > end { // half of a wide character would remain
			break
		}
		if g.Width() > 0 {
			s.Screen.Put(x, y, g.Value(), look)
			x += g.Width()
		}
	}
	for ; x < end; x++ {
		s.Screen.Put(x, y, " ", look)
	}
}

func convert(style styled.Style) tcell.Style {
	look := tcell.StyleDefault.Bold(style.Bold).Dim(style.Dim).Reverse(style.Reverse)
	if style.Underline {
		look = look.Underline(true)
	}
	if style.Color != 0 {
		look = look.Foreground(tcell.PaletteColor(int(style.Color)))
	}
	return look
}

// KeyName returns the name of a key, such as "ctrl-y", "alt-1" or "pgdn". It returns the character of a key that types one as text.
func KeyName(e *tcell.EventKey) (name, text string) {
	var prefix string
	mod, key := e.Modifiers(), e.Key()
	if mod&tcell.ModAlt != 0 {
		prefix = "alt-"
	}
	switch {
	case key == tcell.KeyRune:
		if prefix == "" {
			return "", e.Str()
		}
		return prefix + e.Str(), ""
	case key == tcell.KeyBacktab:
		return prefix + "shift-tab", ""
	case key == tcell.KeyBackspace, key == tcell.KeyBackspace2:
		return prefix + "backspace", ""
	}
	if n, ok := names[key]; ok {
		if mod&tcell.ModCtrl != 0 {
			prefix += "ctrl-"
		}
		if mod&tcell.ModShift != 0 {
			prefix += "shift-"
		}
		return prefix + n, ""
	}
	if key >= tcell.KeyCtrlA && key <= tcell.KeyCtrlZ {
		return fmt.Sprintf("%sctrl-%c", prefix, 'a'+rune(key-tcell.KeyCtrlA)), ""
	}
	return prefix + strings.ToLower(tcell.KeyNames[key]), ""
}

var names = map[tcell.Key]string{
	tcell.KeyEnter: "enter", tcell.KeyTab: "tab", tcell.KeyEsc: "esc", tcell.KeyUp: "up", tcell.KeyDown: "down",
	tcell.KeyLeft: "left", tcell.KeyRight: "right", tcell.KeyHome: "home", tcell.KeyEnd: "end", tcell.KeyPgUp: "pgup", tcell.KeyPgDn: "pgdn",
	tcell.KeyDelete: "delete", tcell.KeyInsert: "insert",
}
