package aurcheck

import (
	"slices"
	"time"

	"github.com/omg-arch/omg/shared/aurlevel"
	"github.com/omg-arch/omg/shared/wire"
)

// The limits of the journal's last observation, in seconds.
const (
	maxJournalAge      = int64(wire.MaxJournalAge / time.Second)
	maxClockDifference = int64(wire.MaxClockDifference / time.Second)
)

// LacksEvents reports whether events may be missing from a journal, or the journal's events end at another time than the indexed dump:
// then findings may be missing. The basis of the packages can be another reason why findings are missing.
func LacksEvents(reading *JournalReading, result *Result, now int64) bool {
	switch {
	case reading.Incomplete, reading.Problem != "", reading.LastRefused, result.HasOtherDump, len(result.Shortened) > 0:
		return true
	case !reading.HasObservation(), reading.Observed.To > now+maxClockDifference, reading.Observed.To < now-maxJournalAge:
		return true
	}
	hasGap := reading.CompleteSince != reading.Observed.From
	return hasGap && reading.CompleteSince > now-aurlevel.MaxEventAge
}

// Packages returns the packages that were added, with what the latest dump of the AUR contains about them.
func (c *Check) Packages() []Package { return c.packages }

// NewMarks returns the marks of packages that were checked, for the snapshots of omgd. The parameter found lists those with findings,
// which can be others too.
func NewMarks(checked []Package, found []CheckedPackage) map[string]*wire.AURMark {
	marks := make(map[string]*wire.AURMark, len(checked))
	for i := range checked {
		marks[checked[i].Name] = nil
	}
	for i := range found {
		marks[found[i].Name] = newMark(found[i].Findings)
	}
	return marks
}

// ApplyLevels gives the findings about packages the levels in the settings, and leaves out the packages that have no findings then.
func ApplyLevels(found []CheckedPackage, levels aurlevel.Levels) []CheckedPackage {
	for i := range found {
		found[i].Findings = levels.Apply(found[i].Findings)
	}
	found = slices.DeleteFunc(found, func(p CheckedPackage) bool { return len(p.Findings) == 0 })
	sortPackages(found)
	return found
}

// newMark returns the mark of a package with the given findings, of which the first has the highest level.
func newMark(findings []aurlevel.Finding) *wire.AURMark {
	mark := &wire.AURMark{Level: findings[0].Level.String()}
	for i := range findings {
		if reason := string(findings[i].Reason); len(mark.Reasons) < wire.MaxMarkReasons && !slices.Contains(mark.Reasons, reason) {
			mark.Reasons = append(mark.Reasons, reason)
		}
	}
	return mark
}
