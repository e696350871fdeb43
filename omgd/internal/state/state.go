// Package state holds the daemon's picture of the world: immutable, and swapped
// whole by the one writer, package refresh.
package state

import (
	"sync/atomic"

	"github.com/omg-arch/omg/shared/answers"
	"github.com/omg-arch/omg/shared/catalog"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
)

// Index is a mapped index file that several states may share. It is unmapped
// when the last of them is gone.
type Index struct {
	*pkgindex.File
	refs atomic.Int64
}

// NewIndex takes a file over; the caller holds the first reference.
func NewIndex(f *pkgindex.File) *Index {
	x := &Index{File: f}
	x.refs.Store(1)
	return x
}

// Retain adds a reference.
func (x *Index) Retain() { x.refs.Add(1) }

// Release gives a reference back.
func (x *Index) Release() {
	if x.refs.Add(-1) == 0 {
		_ = x.Close()
	}
}

// State is what requests are answered from. A handler acquires it when a
// request starts and releases it when the answer is copied out.
type State struct {
	answers.Data
	// Machine is what libalpm sees.
	Machine Machine
	indexes []*Index
	refs    atomic.Int64
}

// Machine are the databases of this machine: those that the state shows, unless
// omgd's own are shown in their place.
type Machine struct {
	Repos   *catalog.Repos
	Set     *pkgindex.Set
	Indexes []*Index // of the Set
	// Local is what is installed as we read it; Whole says that all of it could be
	// read, and all of the repositories.
	Local *pacmandb.Local
	Whole bool
}

// New makes a state of data that reads the indexes; it retains them.
func New(data answers.Data, machine Machine, indexes []*Index) *State {
	for _, x := range indexes {
		x.Retain()
	}
	s := &State{Data: data, Machine: machine, indexes: indexes}
	s.Prepare()
	s.refs.Store(1)
	return s
}

// Indexes are the files that the state reads.
func (s *State) Indexes() []*Index { return s.indexes }

// tryRetain adds a reference unless the state is already gone.
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

// Release gives a reference back; with the last one the indexes are released.
func (s *State) Release() {
	if s.refs.Add(-1) == 0 {
		for _, x := range s.indexes {
			x.Release()
		}
	}
}

// Holder is the place where the current state is found.
type Holder struct {
	// Checked is when the state was last found right, in Unix seconds.
	Checked atomic.Int64

	current atomic.Pointer[State]
	absent  atomic.Pointer[string]
}

// Acquire returns the current state, or nil and why there is none. The caller
// releases it.
func (h *Holder) Acquire() (*State, string) {
	for {
		s := h.current.Load()
		if s == nil {
			if why := h.absent.Load(); why != nil {
				return nil, *why
			}
			return nil, "the index is being built"
		}
		if !s.tryRetain() {
			continue // swapped out and gone since the load
		}
		if h.current.Load() == s {
			return s, ""
		}
		s.Release()
	}
}

// Swap makes s the current state; the holder takes the caller's reference over.
// Nil, with a reason, leaves none.
func (h *Holder) Swap(s *State, why string) {
	h.absent.Store(&why)
	if old := h.current.Swap(s); old != nil {
		old.Release()
	}
}
