package show

import (
	"bufio"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/wire"
)

// Change prints a line that lists the counts that have changed. For a count that was unknown before, the line shows only
// the new value.
func (s Style) Change(w *bufio.Writer, before *wire.Counts, e *wire.HistoryEntry) {
	p := printer{s, w}
	p.raw(time.Unix(e.At, 0).Format(time.DateTime))
	var changes []string
	add := func(name string, was, is *uint32) {
		switch {
		case is == nil && was != nil:
			changes = append(changes, name+" "+number(*was)+" -> unknown")
		case is == nil || was != nil && *was == *is:
		case was == nil:
			changes = append(changes, name+" "+number(*is))
		default:
			changes = append(changes, name+" "+number(*was)+" -> "+number(*is))
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
	add("vulnerabilities", vulnerabilities(before), vulnerabilities(now))
	if len(changes) == 0 {
		changes = []string{"other counts changed"}
	}
	p.raw("  " + strings.Join(changes, ", ") + "\n")
}

func vulnerabilities(c *wire.Counts) *uint32 {
	if c.Security == nil {
		return nil
	}
	return &c.Security.Vulnerabilities
}
