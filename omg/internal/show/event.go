package show

import (
	"bufio"
	"strings"
	"time"

	"github.com/omg-arch/omg/omg/internal/backend"
)

// minuteFormat is the format of times in lists.
const minuteFormat = "2006-01-02 15:04"

// PrintEvent prints a line about an event of a package base, in the local time zone.
func (s Style) PrintEvent(w *bufio.Writer, e *backend.AUREvent) {
	p := printer{s, w}
	p.writeRaw(intervalText(e.Between) + "  ")
	p.setColor(titleColor)
	p.writeClean(e.Base)
	p.setColor(resetColor)
	p.writeRaw("  ")
	p.writeClean(strings.ReplaceAll(e.Event, "-", " "))
	p.writeRaw(": ")
	if e.From != nil {
		p.writeClean(localTime(*e.From))
	}
	if e.From != nil && e.To != nil {
		p.writeRaw(" -> ")
	}
	if e.To != nil {
		p.writeClean(localTime(*e.To))
	}
	p.writeRaw("\n")
}

// intervalText returns an interval in the local time zone.
func intervalText(i backend.Interval) string {
	return i[0].Local().Format(minuteFormat) + " to " + i[1].Local().Format(minuteFormat)
}

// localTime returns a value of an event in the local time zone if it is a time, otherwise unchanged.
func localTime(value string) string {
	at, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return value
	}
	return at.Local().Format(minuteFormat)
}
