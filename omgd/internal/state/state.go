// Package state holds the daemon's current snapshot. Only package refresh replaces the snapshot. A request
// acquires the snapshot and then releases it, so that no index is unmapped while the request reads it.
package state

import (
	"sync/atomic"

	"github.com/omg-arch/omg/shared/answers"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// IndexFile is an open index file, of packages or of files.
type IndexFile interface {
	// Check checks the whole file.
	Check() error
	// Size returns the size of the file in bytes; 0 if the file is closed.
	Size() int64
	Close() error
}

// MappedIndex is a mapped index file that several snapshots may share. The file is unmapped when the last
// reference is released.
type MappedIndex struct {
	IndexFile
	refs atomic.Int64
}

// NewMappedIndex takes over the file f. It returns the first reference to the MappedIndex.
func NewMappedIndex(f IndexFile) *MappedIndex {
	x := &MappedIndex{IndexFile: f}
	x.refs.Store(1)
	return x
}

// Retain adds a reference.
func (x *MappedIndex) Retain() { x.refs.Add(1) }

// Release drops a reference. Dropping the last reference unmaps the file.
func (x *MappedIndex) Release() {
	if x.refs.Add(-1) == 0 {
		_ = x.Close()
	}
}

// State is a snapshot with the indexes that it reads.
type State struct {
	*answers.Encoder
	indexes []*MappedIndex
	refs    atomic.Int64
	release func() // the method dropRef as a function value, made only once so that Acquire allocates nothing
}

// New returns a State with the snapshot s and the indexes that s reads. The State adds a reference to each
// index.
func New(s *snapshot.Snapshot, indexes []*MappedIndex) *State {
	for _, x := range indexes {
		x.Retain()
	}
	st := &State{Encoder: answers.New(s), indexes: indexes}
	st.release = st.dropRef
	st.refs.Store(1)
	return st
}

// Indexes returns the files that the snapshot reads.
func (s *State) Indexes() []*MappedIndex { return s.indexes }

// tryRetain adds a reference, unless no reference is left. It reports whether it has added a reference.
func (s *State) tryRetain() bool {
	for {
		n := s.refs.Load()
		if n == 0 {
			return false
		}
		if s.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// dropRef drops a reference. Dropping the last reference releases the indexes.
func (s *State) dropRef() {
	if s.refs.Add(-1) == 0 {
		for _, x := range s.indexes {
			x.Release()
		}
	}
}

// Holder holds the current state.
type Holder struct {
	current       atomic.Pointer[State]
	absenceReason atomic.Pointer[string]
	changed       atomic.Pointer[chan struct{}]
}

// NewHolder returns a holder without a state.
func NewHolder() *Holder {
	h := &Holder{}
	h.announce()
	return h
}

// Acquire returns the current state and the function that releases it. If there is no state, it returns an
// error with the reason.
func (h *Holder) Acquire() (s *State, release func(), err error) {
	for {
		s := h.current.Load()
		if s == nil {
			why := "the databases are being read"
			if absent := h.absenceReason.Load(); absent != nil {
				why = *absent
			}
			return nil, nil, wire.Errorf(wire.CodeNotReady, "%s", why)
		}
		if !s.tryRetain() {
			continue // this state was replaced and dropped after it was loaded
		}
		if h.current.Load() == s {
			return s, s.release, nil
		}
		s.dropRef()
	}
}

// IsStarting reports whether there is no snapshot yet, or a repository in the snapshot still waits for its
// first index.
func (h *Holder) IsStarting() bool {
	st, release, err := h.Acquire()
	if err != nil {
		return h.absenceReason.Load() == nil
	}
	defer release()
	return st.HasBuildingIndex()
}

// Changed returns a channel that is closed when another state becomes the current one.
func (h *Holder) Changed() <-chan struct{} { return *h.changed.Load() }

// announce closes the channel that Changed has returned and makes a new one.
func (h *Holder) announce() {
	next := make(chan struct{})
	if old := h.changed.Swap(&next); old != nil {
		close(*old)
	}
}

// Swap makes s the current state, and takes over the caller's reference to s.
func (h *Holder) Swap(s *State) {
	if old := h.current.Swap(s); old != nil {
		old.dropRef()
	}
	h.announce()
}

// SetError removes the current state. From then on, Acquire returns an error; the parameter why is its text.
func (h *Holder) SetError(why string) {
	h.absenceReason.Store(&why)
	h.Swap(nil)
}
