package show

import (
	"bufio"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/wire"
)

// PrintCountChange prints a line that lists the counts that have changed. For a count that was unknown before, the line shows only
// the new value.
func (s Style) PrintCountChange(w *bufio.Writer, before *wire.Counts, e *wire.CountsHistoryEntry) {
	p := printer{s, w}
	p.writeRaw(time.Unix(e.At, 0).Format(time.DateTime))
	var changes []string
	add := func(name string, was, is *uint32) {
		switch {
		case is == nil && was != nil:
			changes = append(changes, name+" "+formatNumber(*was)+" -> unknown")
		case is == nil || was != nil && *was == *is:
		case was == nil:
			changes = append(changes, name+" "+formatNumber(*is))
		default:
			changes = append(changes, name+" "+formatNumber(*was)+" -> "+formatNumber(*is))
		}
	}
	now := &e.Counts
	add("installed", before.Installed, now.Installed)
	add("explicit", before.Explicit, now.Explicit)
	add("orphans", before.Orphans, now.Orphans)
	add("foreign", before.Foreign, now.Foreign)
	add("updates", before.Updates, now.Updates)
	add("ignored", before.Ignored, now.Ignored)
	add("aur_updates", before.AURUpdates, now.AURUpdates)
	add("vulnerabilities", vulnerabilityCount(before), vulnerabilityCount(now))
	was, is := findingCounts(before), findingCounts(now)
	for i, level := range []string{wire.FindingLevelAct, wire.FindingLevelLook, wire.FindingLevelNote} {
		add("aur_findings."+level, was[i], is[i])
	}
	if len(changes) == 0 {
		changes = []string{"other counts changed"}
	}
	const column = len(time.DateTime) + 2
	p.writeRaw("  ")
	p.wrapWords(strings.Join(changes, ", "), column, column)
	p.writeRaw("\n")
}

func vulnerabilityCount(c *wire.Counts) *uint32 {
	if c.Security == nil {
		return nil
	}
	return &c.Security.Vulnerabilities
}

// findingCounts returns the numbers of packages with findings of the levels act, look and note; nil if they are unknown.
func findingCounts(c *wire.Counts) (counts [3]*uint32) {
	if f := c.AURFindings; f != nil {
		counts = [3]*uint32{&f.Act, &f.Look, &f.Note}
	}
	return counts
}
