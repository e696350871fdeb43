package show

import (
	"bufio"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/wire"
)

// CheckState is the state of a check. Its zero value means that the check does not apply.
type CheckState int

const (
	StateNotApplicable CheckState = iota
	StateOK
	StateWarn
	StateOff // what is checked is not set up
)

// checkStateWidth is the column after the state of a check, componentStateWidth the column after the state of a component.
const (
	checkStateWidth     = 6
	componentStateWidth = 10
)

// PrintCheck prints a line for a check: its state, its name in a column that is nameWidth wide, and what the check found.
func (s Style) PrintCheck(w *bufio.Writer, state CheckState, name string, nameWidth int, found string) {
	word, color := "info", markColor
	switch state {
	case StateOK:
		word, color = "ok", versionColor
	case StateWarn:
		word, color = "warn", warnColor
	case StateOff:
		word = "off"
	}
	p := printer{s, w}
	p.printState(word, color, checkStateWidth)
	p.printRow(checkStateWidth, name, nameWidth, found)
	p.writeRaw("\n")
}

// PrintAdvice prints a line that says what to do about a problem. It must be called after PrintCheck, which prints the line of the
// check. The advice is indented to the column in which PrintCheck has printed what the check found.
func (s Style) PrintAdvice(w *bufio.Writer, nameWidth int, todo string) {
	p := printer{s, w}
	column := checkStateWidth + nameWidth + 2
	p.writeRaw(strings.Repeat(" ", column))
	p.wrapWords(todo, column, column)
	p.writeRaw("\n")
}

// PrintSentence prints a text, and wraps it on a terminal, with its further lines indented.
func (s Style) PrintSentence(w *bufio.Writer, text string) {
	p := printer{s, w}
	p.wrapWords(text, 0, 4)
	p.writeRaw("\n")
}

// ComponentName returns the name of a component of the daemon, with its version.
func ComponentName(c *wire.Component) string {
	if c.Version == "" {
		return c.Name
	}
	return c.Name + " " + c.Version
}

// PrintComponent prints a line for a component of the daemon: its state, its name in a column that is nameWidth wide, the
// reason for the state, and how long the component has been in this state.
func (s Style) PrintComponent(w *bufio.Writer, c *wire.Component, nameWidth int, now time.Time) {
	p := printer{s, w}
	color := warnColor
	switch c.State {
	case wire.HealthOK:
		color = versionColor
	case wire.HealthFailed:
		color = failedColor
	}
	p.printState(c.State, color, componentStateWidth)
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
	p.printRow(componentStateWidth, ComponentName(c), nameWidth, strings.Join(found, ", "))
	p.writeRaw("\n")
}

// printRow prints a name in the column start, and a text in the column after it.
func (p printer) printRow(start int, name string, nameWidth int, text string) {
	p.writeClean(name)
	if text != "" {
		p.writeRaw(strings.Repeat(" ", max(0, nameWidth-textWidth(name))+2))
		column := start + max(nameWidth, textWidth(name)) + 2
		p.wrapWords(text, column, column)
	}
}

// printState prints a coloured state, and blanks up to a column.
func (p printer) printState(word, color string, column int) {
	p.setColor(color)
	p.writeClean(word)
	p.setColor(resetColor)
	p.writeRaw(blanks[:max(1, column-len(word))])
}
