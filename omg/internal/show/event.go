package show

import (
	"bufio"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/journal"
)

// minuteFormat is the format of times in lists.
const minuteFormat = "2006-01-02 15:04"

// PrintEvent prints a line about an event of a package base, in the local time zone.
func (s Style) PrintEvent(w *bufio.Writer, e *journal.Event) {
	p := printer{s, w}
	p.writeRaw(time.Unix(e.Between.From, 0).Format(minuteFormat) + " to " + time.Unix(e.Between.To, 0).Format(minuteFormat) + "  ")
	p.setColor(titleColor)
	p.writeClean(e.Base)
	p.setColor(resetColor)
	p.writeRaw("  " + strings.ReplaceAll(e.Kind.String(), "-", " ") + ": ")
	p.writeClean(localTime(e.From))
	if e.From != "" && e.To != "" {
		p.writeRaw(" -> ")
	}
	p.writeClean(localTime(e.To))
	p.writeRaw("\n")
}

// localTime returns a value of an event in the local time zone if it is a time, otherwise unchanged.
func localTime(value string) string {
	at, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return value
	}
	return at.Local().Format(minuteFormat)
}
