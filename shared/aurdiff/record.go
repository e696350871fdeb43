package aurdiff

import (
	"errors"
	"fmt"
	"hash/maphash"

	"github.com/omg-arch/omg/shared/journal"
)

// maxEvents limits the events of one comparison, which are in memory until they are written.
const maxEvents = 200_000

// acceptAfter is the time in seconds after which a small dump becomes the new baseline. If a dump that was refused so long
// ago had about as few packages, the AUR has really become smaller.
const acceptAfter = 7 * day

// Recorded describes what Record added to a journal.
type Recorded struct {
	journal.Observation
	Events int
	// Known is true if the journal already had the later dump. Record then added nothing.
	Known bool
	// Why is the reason why the later dump was not compared; nil if it was compared. Why wraps ErrPartial or
	// journal.ErrTooLarge.
	Why error
	// State describes the journal before Record opened it. Dropped is the number of entries that Record dropped because the
	// journal had become too large.
	State   journal.State
	Dropped int
}

// Record adds the events between two observations to the journal at path. If old is nil, the later observation is recorded
// as a baseline without events. If the journal already has an observation of a more recent dump, the error wraps ErrOlder.
func Record(path string, old, later *Observation) (r Recorded, err error) {
	h := newHistory(old)
	w, err := journal.OpenWriter(path, h.read)
	if err != nil {
		return r, err
	}
	defer func() {
		r.State, r.Dropped = w.State, w.Dropped
		err = errors.Join(err, w.Close())
	}()
	e := &journal.Entry{Observation: journal.Observation{
		Outcome: journal.Baseline, Source: journal.SourceDump, Between: journal.Interval{From: later.At, To: later.At},
		Packages: uint64(later.Packages), SHA256: later.SHA256,
	}}
	switch {
	case h.last.SHA256 == later.SHA256 && h.last.Outcome != 0:
		r.Known, r.Observation = true, h.last
		return r, nil
	case h.last.Outcome != 0 && (old == nil || h.last.SHA256 != old.SHA256) && later.At <= h.last.Between.To:
		return r, fmt.Errorf("%w: the last dump in the journal is from %s, this dump is from %s", ErrOlder, journal.Time(h.last.Between.To), journal.Time(later.At))
	case old != nil:
		if r.Why, err = h.compare(e, old, later); err != nil {
			return r, err
		}
	}
	if e.Outcome == journal.Refused && h.latest.Outcome == journal.Refused && h.latest.SHA256 == later.SHA256 {
		r.Known, r.Observation = true, h.latest
		return r, nil
	}
	err = w.Append(e)
	if errors.Is(err, journal.ErrTooLarge) {
		r.Why, e.Outcome, e.Events = err, journal.Baseline, nil
		err = w.Append(e)
	}
	r.Observation, r.Events = e.Observation, len(e.Events)
	return r, err
}

// compare compares two observations, and sets the outcome and the events of the entry. If the observations cannot be
// compared, the result why is the reason, and the entry gets no events.
func (h *history) compare(e *journal.Entry, old, later *Observation) (why, err error) {
	between := Between(old, later)
	err = Compare(old, later, func(event journal.Event) error {
		if len(e.Events) == maxEvents {
			return journal.ErrTooLarge
		}
		if !h.has(&event) {
			e.Events = append(e.Events, event)
		}
		return nil
	})
	switch {
	case err == nil:
		e.Outcome, e.Between = journal.Compared, between
		return nil, nil
	case errors.Is(err, journal.ErrTooLarge):
		e.Events = nil
		return err, nil
	case errors.Is(err, ErrPartial) && h.confirms(later):
		return err, nil
	case errors.Is(err, ErrPartial):
		e.Outcome, e.Between = journal.Refused, between
		return err, nil
	}
	return nil, err
}

// history holds what was read from a journal.
type history struct {
	// since is the time of the earlier observation that is compared, in Unix seconds; 0 without such an observation.
	since int64
	// latest is the last observation in the journal. The Outcome of this and the next two fields is 0 if the journal has no
	// such observation.
	latest journal.Observation
	// last is the last observation that was not refused.
	last journal.Observation
	// refused is the first refused observation after last.
	refused journal.Observation
	// events holds hashes, made with seed, of the events that the journal has after the time since. Usually it is empty,
	// because the journal ends with the earlier observation.
	events map[uint64]struct{}
	seed   maphash.Seed
}

func newHistory(old *Observation) *history {
	h := &history{seed: maphash.MakeSeed(), events: map[uint64]struct{}{}}
	if old != nil {
		h.since = old.At
	}
	return h
}

// read adds an entry of the journal to the history.
func (h *history) read(e *journal.Entry) error {
	h.latest = e.Observation
	if e.Outcome == journal.Refused {
		if h.refused.Outcome == 0 {
			h.refused = e.Observation
		}
		return nil
	}
	h.last, h.refused = e.Observation, journal.Observation{}
	if h.since > 0 && e.Between.To > h.since {
		for i := range e.Events {
			h.events[h.hash(&e.Events[i])] = struct{}{}
		}
	}
	return nil
}

// has reports whether the journal already has the same event after the time since. The intervals of the events may differ.
func (h *history) has(e *journal.Event) bool {
	if len(h.events) == 0 {
		return false
	}
	_, found := h.events[h.hash(e)]
	return found
}

func (h *history) hash(e *journal.Event) uint64 {
	type identity struct {
		base, from, to string
		kind           journal.Kind
	}
	return maphash.Comparable(h.seed, identity{e.Base, e.From, e.To, e.Kind})
}

// confirms reports whether a small dump confirms the first refused dump: it has about as many packages, and is at least
// acceptAfter newer.
func (h *history) confirms(later *Observation) bool {
	if h.refused.Outcome == 0 || later.At < h.refused.Between.To+acceptAfter {
		return false
	}
	before, packages := int64(h.refused.Packages), int64(later.Packages)
	return max(before, packages)-min(before, packages) < before/10+1
}
