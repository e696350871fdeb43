package show

import (
	"bufio"
	"strings"

	"github.com/omg-arch/omg/omg/internal/backend"
)

// PrintTransaction prints a transaction of pacman: a line with its time, in the local time zone, and its command, and a line for each
// change.
func (s Style) PrintTransaction(w *bufio.Writer, t *backend.Transaction) {
	p := printer{s, w}
	p.setColor(titleColor)
	p.writeRaw(t.At.Local().Format(minuteFormat))
	p.setColor(resetColor)
	const column = len(minuteFormat) + 2
	at := column
	if t.Command != "" {
		p.writeRaw("  ")
		at = p.wrapWords(t.Command, column, column)
	}
	// startMark starts a new line if a mark does not fit on this one.
	startMark := func(text string) {
		if at += len(" []") + len(text); p.Width > column && at > p.Width {
			p.newline(column - 1)
			at = column + len("[]") + len(text)
		}
	}
	if t.FullUpgrade {
		startMark("full upgrade")
		p.printMark("full upgrade")
	}
	if t.Result != "" && t.Result != "completed" {
		startMark(t.Result)
		p.setColor(warnColor)
		p.writeRaw(" [" + t.Result + "]")
		p.setColor(resetColor)
	}
	p.writeRaw("\n")
	width := 0
	for i := range t.Changes {
		width = max(width, min(32, textWidth(p.clean(t.Changes[i].Name))))
	}
	for i := range t.Changes {
		p.printChange(&t.Changes[i], width)
	}
}

func (p printer) printChange(c *backend.PackageChange, width int) {
	const actionWidth = len("reinstalled")
	name := p.clean(c.Name)
	p.writeRaw("  " + c.Action + strings.Repeat(" ", max(0, actionWidth-len(c.Action))) + "  " + name)
	p.writeRaw(strings.Repeat(" ", max(0, width-textWidth(name))) + "  ")
	switch {
	case c.New == "" || c.Old == c.New:
		p.writeClean(c.Old)
	case c.Old == "":
		p.setColor(versionColor)
		p.writeClean(c.New)
		p.setColor(resetColor)
	default:
		p.writeClean(c.Old)
		p.writeRaw(" -> ")
		p.setColor(versionColor)
		p.writeClean(c.New)
		p.setColor(resetColor)
	}
	p.writeRaw("\n")
}
