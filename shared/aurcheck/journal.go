package aurcheck

import (
	"slices"

	"github.com/omg-arch/omg/shared/journal"
)

// JournalReading describes a journal that was read, and how completely. Its interval is that from the first to the last
// observation that was not refused; it is empty if there is no such observation.
type JournalReading struct {
	Observed journal.Interval
	// CompleteSince is the time after which no observation is missing, in Unix seconds: the time of the first observation or, if
	// the journal has gaps, the end of the last gap. It is 0 if there is no observation.
	CompleteSince int64
	// LastDigest is the digest of the dump that was observed last; zeros if it is unknown.
	LastDigest journal.Digest
	// Problem is what is wrong with the file of the journal, or missing from it; empty if nothing is. Incomplete means that the file is damaged, so
	// that events may be missing.
	Problem    string
	Incomplete bool
	// LastRefused means that the last dump of the AUR was not compared, because it was probably incomplete.
	LastRefused bool
}

// HasObservation reports whether the journal has an observation that was not refused.
func (r *JournalReading) HasObservation() bool { return r.Observed.To != 0 }

// AddProblem adds a reason why events or their values may be missing, unless it is empty.
func (r *JournalReading) AddProblem(problem string) {
	switch {
	case problem == "":
	case r.Problem == "":
		r.Problem = problem
	default:
		r.Problem += "; " + problem
	}
}

// ReadJournal reads a journal, and calls the function visit for each entry that was not refused. The entry is only valid during
// the call. The function trust is that of journal.Read.
func ReadJournal(path string, trust func(uid uint32) bool, visit func(*journal.Entry) error) (JournalReading, error) {
	var reading JournalReading
	namesLeftOut := false
	state, err := journal.Read(path, trust, func(e *journal.Entry) error {
		namesLeftOut = namesLeftOut || slices.ContainsFunc(e.Events, func(event journal.Event) bool { return event.IsWithoutName() })
		if e.Outcome == journal.OutcomePartial {
			return visit(e) // it says nothing about most packages
		}
		if reading.LastRefused = e.Outcome == journal.OutcomeRefused; reading.LastRefused {
			return nil
		}
		if !reading.HasObservation() {
			reading.Observed.From = e.Between.From
		}
		if e.Between.From > reading.Observed.To || e.Outcome == journal.OutcomeBaseline {
			reading.CompleteSince = e.Between.From
		}
		reading.Observed.To, reading.LastDigest = e.Between.To, e.SHA256
		return visit(e)
	})
	reading.Problem, reading.Incomplete = state.Problem(), state.DamagedEntries > 0 || state.RestLost
	if namesLeftOut {
		reading.AddProblem("the names of maintainers are left out: what follows from them is unknown")
	}
	return reading, err
}
