package aurcheck

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/aurlevel"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/wire"
)

// TestLacksEvents checks what makes findings uncertain. A journal that began recently does not: what was before it cannot be known.
func TestLacksEvents(t *testing.T) {
	const start = now - 10*day
	for name, c := range map[string]struct {
		change func(reading *JournalReading, result *Result)
		want   bool
	}{
		"complete":             {func(*JournalReading, *Result) {}, false},
		"no observation":       {func(r *JournalReading, _ *Result) { r.Observed, r.CompleteSince = journal.Interval{}, 0 }, true},
		"damaged":              {func(r *JournalReading, _ *Result) { r.Problem, r.Incomplete = "damaged", true }, true},
		"torn":                 {func(r *JournalReading, _ *Result) { r.Problem = "torn" }, true},
		"refused":              {func(r *JournalReading, _ *Result) { r.LastRefused = true }, true},
		"another dump":         {func(_ *JournalReading, r *Result) { r.HasOtherDump = true }, true},
		"too many events":      {func(_ *JournalReading, r *Result) { r.Shortened = []string{"a"} }, true},
		"two days old":         {func(r *JournalReading, _ *Result) { r.Observed.To = now - 2*day }, false},
		"older":                {func(r *JournalReading, _ *Result) { r.Observed.To = now - 2*day - 1 }, true},
		"in the future":        {func(r *JournalReading, _ *Result) { r.Observed.To = now + 2*60*60 }, true},
		"a recent gap":         {func(r *JournalReading, _ *Result) { r.CompleteSince = now - 5*day }, true},
		"an early gap":         {func(r *JournalReading, _ *Result) { r.Observed.From, r.CompleteSince = now-400*day, now-200*day }, false},
		"packages not checked": {func(_ *JournalReading, r *Result) { r.NotInAUR = []string{"own"} }, false},
	} {
		reading, result := &JournalReading{Observed: journal.Interval{From: start, To: now}, CompleteSince: start}, &Result{}
		c.change(reading, result)
		require.Equal(t, c.want, LacksEvents(reading, result, now), name)
	}
}

// TestNewMark checks that a mark has each reason once, and not more than the protocol allows.
func TestNewMark(t *testing.T) {
	findings := []aurlevel.Finding{{Level: aurlevel.LevelLook, Reason: "a"}, {Level: aurlevel.LevelLook, Reason: "a"}}
	for _, reason := range []aurlevel.Reason{"b", "c", "d", "e", "f", "g", "h", "i", "j"} {
		findings = append(findings, aurlevel.Finding{Level: aurlevel.LevelNote, Reason: reason})
	}
	require.Equal(t, &wire.AURMark{Level: "look", Reasons: []string{"a", "b", "c", "d", "e", "f", "g", "h"}}, newMark(findings))
}
