package aurdiff

import (
	"errors"
	"fmt"
	"hash/maphash"

	"github.com/omg-arch/omg/shared/journal"
)

// maxEvents limits the events of one comparison, which are in memory until they are written.
const maxEvents = 200_000

// acceptAfter is the time in seconds after which a dump that lacks packages is believed, if an earlier one lacked the
// same: the AUR has become smaller.
const acceptAfter = 7 * day

// Recorded describes what Record added to a journal.
type Recorded struct {
	journal.Observation
	Events int
	// Known is set if the journal already had the later dump, and nothing was added.
	Known bool
	// Why is the reason why a dump was not compared: it wraps ErrPartial or journal.ErrTooLarge, or is nil.
	Why error
	// State is the state of the journal as it was found, and Dropped the number of its oldest entries that were dropped.
	State   journal.State
	Dropped int
}

// Record adds to the journal at path what happened between two observations. Without the observation old, the
// observation now becomes a baseline, from which nothing follows. If the journal has an observation later than now, the
// error wraps ErrOlder.
func Record(path string, old, now *Observation) (r Recorded, err error) {
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
		Outcome: journal.Baseline, Source: journal.SourceDump, Between: journal.Interval{From: now.At, To: now.At},
		Packages: uint64(now.Packages), SHA256: now.SHA256,
	}}
	switch {
	case h.last.SHA256 == now.SHA256 && h.last.Outcome != 0:
		r.Known, r.Observation = true, h.last
		return r, nil
	case h.last.Outcome != 0 && (old == nil || h.last.SHA256 != old.SHA256) && now.At <= h.last.Between.To:
		return r, fmt.Errorf("%w: the journal has one of %s, and this one is of %s", ErrOlder, journal.Time(h.last.Between.To), journal.Time(now.At))
	case old != nil:
		if r.Why, err = h.compare(e, old, now); err != nil {
			return r, err
		}
	}
	if e.Outcome == journal.Refused && h.latest.Outcome == journal.Refused && h.latest.SHA256 == now.SHA256 {
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

// compare fills an entry with what happened between two observations. The result why is the reason if they cannot be
// compared, and the entry says so.
func (h *history) compare(e *journal.Entry, old, now *Observation) (why, err error) {
	between := Between(old, now)
	err = Compare(old, now, func(event journal.Event) error {
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
	case errors.Is(err, ErrPartial) && h.confirms(now):
		return err, nil
	case errors.Is(err, ErrPartial):
		e.Outcome, e.Between = journal.Refused, between
		return err, nil
	}
	return nil, err
}

// history is what a journal has about earlier observations.
type history struct {
	since int64
	// latest is the last one, and last the last one that was not refused; the Outcome is 0 if there is none.
	latest, last journal.Observation
	// refused is the first one after last that was refused; its Outcome is 0 if there is none.
	refused journal.Observation
	// seed and events hold hashes of the events after the earlier observation. Usually there are none: the earlier
	// observation is the last one of the journal.
	seed   maphash.Seed
	events map[uint64]struct{}
}

func newHistory(old *Observation) *history {
	h := &history{seed: maphash.MakeSeed(), events: map[uint64]struct{}{}}
	if old != nil {
		h.since = old.At
	}
	return h
}

// read adds an entry of the journal.
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

// has reports whether the journal has an event, with whatever interval, after the earlier observation.
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

// confirms reports whether a dump that lacks packages confirms one that was refused some time before.
func (h *history) confirms(now *Observation) bool {
	if h.refused.Outcome == 0 || now.At < h.refused.Between.To+acceptAfter {
		return false
	}
	before, packages := int64(h.refused.Packages), int64(now.Packages)
	return max(before, packages)-min(before, packages) < before/10+1
}
