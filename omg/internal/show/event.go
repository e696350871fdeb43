package show

import (
	"bufio"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/journal"
)

// minutes is the format of times in lists.
const minutes = "2006-01-02 15:04"

// Event prints a line about an event of a package base, in the local time zone.
func (s Style) Event(w *bufio.Writer, e *journal.Event) {
	p := printer{s, w}
	p.raw(time.Unix(e.Between.From, 0).Format(minutes) + " to " + time.Unix(e.Between.To, 0).Format(minutes) + "  ")
	p.color(colorTitle)
	p.text(e.Base)
	p.color(colorNone)
	p.raw("  " + strings.ReplaceAll(e.Kind.String(), "-", " ") + ": ")
	p.text(localTime(e.From))
	if e.From != "" && e.To != "" {
		p.raw(" -> ")
	}
	p.text(localTime(e.To))
	p.raw("\n")
}

// localTime returns a value of an event in the local time zone if it is a time, otherwise unchanged.
func localTime(value string) string {
	at, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return value
	}
	return at.Local().Format(minutes)
}
