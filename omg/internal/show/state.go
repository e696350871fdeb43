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

// checkColumn is the column after the states of checks, componentColumn after those of components.
const (
	checkColumn     = 6
	componentColumn = 10
)

// State prints a line for a check: its state first, then what was checked and what was found.
func (s Style) State(w *bufio.Writer, state State, name, found string) {
	word, color := "info", colorMeta
	switch state {
	case StateOK:
		word, color = "ok", colorVersion
	case StateWarn:
		word, color = "warn", colorWarn
	}
	p := printer{s, w}
	p.state(word, color, checkColumn)
	p.text(because(name, found))
	p.raw("\n")
}

// Advice prints what to do about the check before it.
func (s Style) Advice(w *bufio.Writer, todo string) {
	p := printer{s, w}
	p.raw(blanks[:checkColumn])
	p.text(todo)
	p.raw("\n")
}

// Component prints a line for a component of the daemon: its state first, and for how long it has had this state.
func (s Style) Component(w *bufio.Writer, c *wire.Component, now time.Time) {
	p := printer{s, w}
	color := colorWarn
	switch c.State {
	case wire.HealthOK:
		color = colorVersion
	case wire.HealthFailed:
		color = colorFailed
	}
	p.state(c.State, color, componentColumn)
	line := c.Name
	if c.Version != "" {
		line += " " + c.Version
	}
	p.text(because(line, c.Why))
	if c.Since != 0 {
		if age, found := strings.CutSuffix(Moment(c.Since, now), " ago"); found {
			p.text(", for " + age)
		} else {
			p.text(", since " + age)
		}
	}
	p.raw("\n")
}

// state prints a coloured state, and blanks up to a column.
func (p printer) state(word, color string, column int) {
	p.color(color)
	p.text(word)
	p.color(colorNone)
	p.raw(blanks[:max(1, column-len(word))])
}
