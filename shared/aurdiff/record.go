package aurdiff

import (
	"errors"
	"fmt"
	"hash/maphash"

	"github.com/omg-arch/omg/shared/journal"
)

// maxEvents limits the events of one comparison, which are in memory until they are written.
const maxEvents = 200_000

// acceptSmallDumpAfter is the time in seconds after which a small dump becomes the new baseline. If a dump that was refused so long
// ago had about as few packages, the AUR has really become smaller.
const acceptSmallDumpAfter = 7 * day

// RecordResult describes what RecordInJournal added to a journal.
type RecordResult struct {
	journal.Observation
	EventCount int
	// AlreadyRecorded is true if the journal already had the later dump. RecordInJournal then added nothing.
	AlreadyRecorded bool
	// CompareErr is the reason why the later dump was not compared; nil if it was compared. CompareErr wraps ErrPartial or
	// journal.ErrTooLarge.
	CompareErr error
	// JournalState describes the journal before RecordInJournal opened it. DroppedEntries is the number of entries that RecordInJournal dropped because the
	// journal had become too large.
	JournalState   journal.State
	DroppedEntries int
}

// RecordInJournal adds the events between two observations to the journal at path. If old is nil, the later observation is recorded
// as a baseline without events. If the journal already has an observation of a more recent dump, the error wraps ErrOlder.
func RecordInJournal(path string, old, later *Observation) (r RecordResult, err error) {
	h := newJournalHistory(old)
	w, err := journal.OpenWriter(path, h.addEntry)
	if err != nil {
		return r, err
	}
	defer func() {
		r.JournalState, r.DroppedEntries = w.InitialState, w.DroppedEntries
		err = errors.Join(err, w.Close())
	}()
	e := &journal.Entry{Observation: journal.Observation{
		Outcome: journal.OutcomeBaseline, Source: journal.SourceDump, Between: journal.Interval{From: later.At, To: later.At},
		PackageCount: uint64(later.PackageCount), SHA256: later.SHA256,
	}}
	switch {
	case h.lastAccepted.SHA256 == later.SHA256 && h.lastAccepted.Outcome != 0:
		r.AlreadyRecorded, r.Observation = true, h.lastAccepted
		return r, nil
	case h.lastAccepted.Outcome != 0 && (old == nil || h.lastAccepted.SHA256 != old.SHA256) && later.At <= h.lastAccepted.Between.To:
		return r, fmt.Errorf("%w: the last dump in the journal is from %s, this dump is from %s", ErrOlder, journal.FormatTime(h.lastAccepted.Between.To), journal.FormatTime(later.At))
	case old != nil:
		if r.CompareErr, err = h.fillEntry(e, old, later); err != nil {
			return r, err
		}
	}
	if e.Outcome == journal.OutcomeRefused && h.lastObservation.Outcome == journal.OutcomeRefused && h.lastObservation.SHA256 == later.SHA256 {
		r.AlreadyRecorded, r.Observation = true, h.lastObservation
		return r, nil
	}
	err = w.Append(e)
	if errors.Is(err, journal.ErrTooLarge) {
		r.CompareErr, e.Outcome, e.Events = err, journal.OutcomeBaseline, nil
		err = w.Append(e)
	}
	r.Observation, r.EventCount = e.Observation, len(e.Events)
	return r, err
}

// fillEntry compares two observations, and sets the outcome and the events of the entry. If the observations cannot be
// compared, the result why is the reason, and the entry gets no events.
func (h *journalHistory) fillEntry(e *journal.Entry, old, later *Observation) (why, err error) {
	between := IntervalBetween(old, later)
	err = compareBeyond(old, later, h.partialEvents, func(event journal.Event) error {
		if len(e.Events) == maxEvents {
			return journal.ErrTooLarge
		}
		if !h.hasEvent(&event) {
			e.Events = append(e.Events, event)
		}
		return nil
	})
	switch {
	case err == nil:
		e.Outcome, e.Between = journal.OutcomeCompared, between
		return nil, nil
	case errors.Is(err, journal.ErrTooLarge):
		e.Events = nil
		return err, nil
	case errors.Is(err, ErrPartial) && h.confirmsRefused(later):
		return err, nil
	case errors.Is(err, ErrPartial):
		e.Outcome, e.Between = journal.OutcomeRefused, between
		return err, nil
	}
	return nil, err
}

// journalHistory holds what was read from a journal.
type journalHistory struct {
	// since is the time of the earlier observation that is compared, in Unix seconds; 0 without such an observation.
	since int64
	// lastObservation is the last observation in the journal. The Outcome of this and the next two fields is 0 if the journal has no
	// such observation.
	lastObservation journal.Observation
	// lastAccepted is the last observation that was not refused.
	lastAccepted journal.Observation
	// firstRefused is the first refused observation after lastAccepted.
	firstRefused journal.Observation
	// eventHashes holds hashes, made with seed, of the events that the journal has after the time since. Usually it is empty,
	// because the journal ends with the earlier observation.
	eventHashes map[uint64]struct{}
	seed        maphash.Seed
	// partialEvents holds, by package base, the events of partial observations after the time since. They are the same changes that the
	// comparison finds, only seen earlier or more often.
	partialEvents map[string][]journal.Event
}

func newJournalHistory(old *Observation) *journalHistory {
	h := &journalHistory{seed: maphash.MakeSeed(), eventHashes: map[uint64]struct{}{}, partialEvents: map[string][]journal.Event{}}
	if old != nil {
		h.since = old.At
	}
	return h
}

// addEntry adds an entry of the journal to the history.
func (h *journalHistory) addEntry(e *journal.Entry) error {
	if e.Outcome == journal.OutcomePartial {
		if h.since > 0 && e.Between.To > h.since {
			for _, event := range e.Events {
				h.partialEvents[event.Base] = append(h.partialEvents[event.Base], event)
			}
		}
		return nil
	}
	h.lastObservation = e.Observation
	if e.Outcome == journal.OutcomeRefused {
		if h.firstRefused.Outcome == 0 {
			h.firstRefused = e.Observation
		}
		return nil
	}
	h.lastAccepted, h.firstRefused = e.Observation, journal.Observation{}
	if h.since > 0 && e.Between.To > h.since {
		for i := range e.Events {
			h.eventHashes[h.hashEvent(&e.Events[i])] = struct{}{}
		}
	}
	return nil
}

// hasEvent reports whether the journal already has the same event after the time since. The intervals of the events may differ.
func (h *journalHistory) hasEvent(e *journal.Event) bool {
	if len(h.eventHashes) == 0 {
		return false
	}
	_, found := h.eventHashes[h.hashEvent(e)]
	return found
}

func (h *journalHistory) hashEvent(e *journal.Event) uint64 {
	type identity struct {
		base, from, to string
		kind           journal.EventKind
	}
	return maphash.Comparable(h.seed, identity{e.Base, e.From, e.To, e.Kind})
}

// confirmsRefused reports whether a small dump confirms the first refused dump: it has about as many packages, and is at least
// acceptSmallDumpAfter newer.
func (h *journalHistory) confirmsRefused(later *Observation) bool {
	if h.firstRefused.Outcome == 0 || later.At < h.firstRefused.Between.To+acceptSmallDumpAfter {
		return false
	}
	before, packages := int64(h.firstRefused.PackageCount), int64(later.PackageCount)
	return max(before, packages)-min(before, packages) < before/10+1
}
