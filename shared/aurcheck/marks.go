package aurcheck

import (
	"cmp"
	"slices"
	"time"

	"github.com/omg-arch/omg/shared/aurlevel"
	"github.com/omg-arch/omg/shared/incidents"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// omg states the reasons why findings may be missing, and must not import this package: its limits are the same.
const (
	// maxJournalAge is the age of the journal's last observation, in seconds, from which the journal is old.
	maxJournalAge = 48 * 60 * 60
	// maxClockDifference is how far, in seconds, the time of an observation can be ahead of this machine's clock.
	maxClockDifference = 60 * 60
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

// Findings returns the marks of the packages that were added, for the snapshots of omgd.
func (c *Check) Findings(reading *JournalReading, result *Result, now int64) *snapshot.AURFindings {
	found := &snapshot.AURFindings{Marks: make(map[string]*wire.AURMark, len(c.packages)), Incomplete: LacksEvents(reading, result, now)}
	for i := range c.packages {
		found.Marks[c.packages[i].Name] = nil
	}
	for i := range result.Packages {
		p := &result.Packages[i]
		found.Marks[p.Name] = newMark(p.Findings)
	}
	return found
}

// AddIncidents adds the marks of the installed packages that match a known incident, also of those that are in a repository.
func AddIncidents(found *snapshot.AURFindings, local *pacmandb.Local, lists []incidents.State, now time.Time) {
	for i := range lists {
		found.Incomplete = found.Incomplete || lists[i].Problem != ""
	}
	if local == nil {
		return
	}
	for _, p := range local.Packages {
		installed := incidents.Package{Name: p.Name, Base: p.Base, Version: p.Version, BuildDate: p.BuildDate, InstallDate: p.InstallDate}
		var findings []aurlevel.Finding
		for _, m := range incidents.MatchAll(lists, &installed, now) {
			findings = append(findings, aurlevel.FindIncident(m.Kind))
		}
		if len(findings) == 0 {
			continue
		}
		slices.SortStableFunc(findings, func(a, b aurlevel.Finding) int { return cmp.Compare(b.Level, a.Level) })
		mark := newMark(findings)
		if other := found.Marks[p.Name]; other != nil { // its level is at most that of an incident
			mark.Reasons = append(mark.Reasons, other.Reasons[:min(len(other.Reasons), wire.MaxMarkReasons-len(mark.Reasons))]...)
		}
		found.Marks[p.Name] = mark
	}
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
