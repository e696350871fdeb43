package show

import (
	"bufio"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/wire"
)

// State is the state of a check. Its zero value means that the check does not apply.
type State int

const (
	StateNone State = iota
	StateOK
	StateWarn
)

// checkColumn is the column after the state of a check, componentColumn the column after the state of a component.
const (
	checkColumn     = 6
	componentColumn = 10
)

// State prints a line for a check: its state, its name in a column that is nameWidth wide, and what the check found.
func (s Style) State(w *bufio.Writer, state State, name string, nameWidth int, found string) {
	word, color := "info", colorMeta
	switch state {
	case StateOK:
		word, color = "ok", colorVersion
	case StateWarn:
		word, color = "warn", colorWarn
	}
	p := printer{s, w}
	p.state(word, color, checkColumn)
	p.row(name, nameWidth, found)
	p.raw("\n")
}

// Advice prints a line that says what to do about a problem. It must be called after State, which prints the line of the
// check. The advice is indented to the column in which State has printed what the check found.
func (s Style) Advice(w *bufio.Writer, nameWidth int, todo string) {
	p := printer{s, w}
	p.raw(strings.Repeat(" ", checkColumn+nameWidth+2))
	p.text(todo)
	p.raw("\n")
}

// ComponentName returns the name of a component of the daemon, with its version.
func ComponentName(c *wire.Component) string {
	if c.Version == "" {
		return c.Name
	}
	return c.Name + " " + c.Version
}

// Component prints a line for a component of the daemon: its state, its name in a column that is nameWidth wide, the
// reason for the state, and how long the component has been in this state.
func (s Style) Component(w *bufio.Writer, c *wire.Component, nameWidth int, now time.Time) {
	p := printer{s, w}
	color := colorWarn
	switch c.State {
	case wire.HealthOK:
		color = colorVersion
	case wire.HealthFailed:
		color = colorFailed
	}
	p.state(c.State, color, componentColumn)
	var found []string
	if c.Why != "" {
		found = append(found, c.Why)
	}
	if c.Since != 0 {
		since := "for less than a minute"
		if age, old := strings.CutSuffix(RelativeTime(c.Since, now), " ago"); old {
			since = "for " + age
		}
		found = append(found, since)
	}
	p.row(ComponentName(c), nameWidth, strings.Join(found, ", "))
	p.raw("\n")
}

// row prints a name, and a text in the column after it.
func (p printer) row(name string, nameWidth int, text string) {
	p.text(name)
	if text != "" {
		p.raw(strings.Repeat(" ", max(0, nameWidth-width(name))+2))
		p.text(text)
	}
}

// state prints a coloured state, and blanks up to a column.
func (p printer) state(word, color string, column int) {
	p.color(color)
	p.text(word)
	p.color(colorNone)
	p.raw(blanks[:max(1, column-len(word))])
}
