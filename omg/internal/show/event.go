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
	interval := intervalText(e.Between) + "  "
	p.writeRaw(interval)
	p.setColor(titleColor)
	p.writeClean(e.Base)
	p.setColor(resetColor)
	p.writeRaw("  ")
	var values []string
	for _, value := range []*string{e.From, e.To} {
		if value != nil {
			values = append(values, localTime(*value))
		}
	}
	text := strings.ReplaceAll(e.Event, "-", " ")
	if len(values) > 0 { // the names of maintainers can be left out
		text += ": " + strings.Join(values, " -> ")
	}
	p.wrapWords(text, len(interval)+textWidth(p.clean(e.Base))+2, 4)
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
