package show

import (
	"bufio"
	"fmt"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/wire"
)

// maxChartColumns is the largest width of a chart.
const maxChartColumns = 60

// chartLabelWidth is the width of the name and the range in front of a chart.
const chartLabelWidth = 27

// PrintCountChart prints a chart of the numbers of updates, advisories and installed packages over time. Each column is an equal part of the
// time from the first to the last entry, with the number at its end. A number that was unknown is a blank. With unicode, the columns are
// block elements, otherwise digits from 0, for the smallest number, to 9. Counts that never changed are left out.
func (s Style) PrintCountChart(w *bufio.Writer, entries []wire.CountsHistoryEntry, unicode bool) {
	columns := maxChartColumns
	if s.Width > 0 {
		columns = min(columns, s.Width-chartLabelWidth-1)
	}
	if len(entries) < 2 || columns < 10 {
		return
	}
	p := printer{s, w}
	printed := false
	for _, c := range []struct {
		name  string
		value func(*wire.Counts) *uint32
	}{
		{"updates", func(c *wire.Counts) *uint32 { return c.Updates }}, {"advisories", vulnerabilityCount}, {"installed", func(c *wire.Counts) *uint32 { return c.Installed }},
	} {
		values := sampleCounts(entries, columns, c.value)
		low, high, known := countRange(values)
		if !known || low == high {
			continue
		}
		printed = true
		p.writeRaw(fmt.Sprintf("%-11s%15s ", c.name, formatNumber(low)+" to "+formatNumber(high)) + drawCounts(values, low, high, unicode) + "\n")
	}
	if printed {
		from, to := time.Unix(entries[0].At, 0), time.Unix(lastTime(entries), 0)
		p.writeRaw(strings.Repeat(" ", chartLabelWidth) + from.Format(time.DateOnly) + " to " + to.Format(time.DateOnly) + "\n")
	}
}

// sampleCounts returns a number for each column, or nil where it is unknown. If the clock was set back, an entry counts as if it had
// the time of the latest one before it.
func sampleCounts(entries []wire.CountsHistoryEntry, columns int, value func(*wire.Counts) *uint32) []*uint32 {
	begin, end := entries[0].At, lastTime(entries)
	values := make([]*uint32, columns)
	at, next := begin, 0
	var current *uint32
	for column := range values {
		limit := begin + (end-begin)*int64(column+1)/int64(columns)
		for next < len(entries) {
			if at = max(at, entries[next].At); at > limit {
				break
			}
			current = value(&entries[next].Counts)
			next++
		}
		values[column] = current
	}
	return values
}

// lastTime returns the latest time of the entries.
func lastTime(entries []wire.CountsHistoryEntry) int64 {
	last := entries[0].At
	for i := range entries {
		last = max(last, entries[i].At)
	}
	return last
}

func countRange(values []*uint32) (low, high uint32, known bool) {
	for _, v := range values {
		switch {
		case v == nil:
		case !known:
			low, high, known = *v, *v, true
		default:
			low, high = min(low, *v), max(high, *v)
		}
	}
	return low, high, known
}

func drawCounts(values []*uint32, low, high uint32, unicode bool) string {
	levels := []rune("0123456789")
	if unicode {
		levels = []rune("▁▂▃▄▅▆▇█")
	}
	var b strings.Builder
	for _, v := range values {
		if v == nil {
			b.WriteByte(' ')
			continue
		}
		b.WriteRune(levels[uint64(*v-low)*uint64(len(levels)-1)/uint64(high-low)])
	}
	return strings.TrimRight(b.String(), " ")
}
