// Package resident keeps the states of all hosts and their installed packages in memory, so that questions about them need no file. What
// is kept has a bounded size, whatever the hosts send.
package resident

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/omg-arch/omg/omg-fleet/internal/question"
	"github.com/omg-arch/omg/shared/inventory"
)

// Limits of all hosts together.
const (
	maxHosts     = 100_000
	maxAllPacked = 512 << 20
)

// Fleet is the states of all hosts. Its methods may be called by several goroutines.
type Fleet struct {
	mu       sync.RWMutex
	hosts    []*host // by number; nil is free
	free     []uint32
	bySource map[string]uint32
	order    []uint32 // the numbers by name; nil if it has to be sorted again
	table    table
	packed   int // bytes of all compressed states
	roster   []string
	missing  string // why a host of the roster may not be there
	problem  string
	readAt   time.Time // see ReadAt
	isFull   bool
	version  uint64
	changed  chan struct{} // closed at the next change
}

// host is one source of documents. Its fields are replaced and never changed.
type host struct {
	source, name string
	contact      Contact
	err          error // why the last document was refused
	summary      *inventory.Inventory
	packed       []byte
	builds       []uint32 // sorted
}

// New returns a fleet without hosts.
func New() *Fleet {
	return &Fleet{bySource: map[string]uint32{}, table: newTable(), missing: question.MissingFile, changed: make(chan struct{})}
}

// Put replaces what is kept of a host by an entry. The source identifies where the document comes from: it is the path of the file, or the
// name of the host if a host has only one source. An entry that cannot be kept is refused, and the host has the reason.
func (f *Fleet) Put(source, name string, e *Entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e.err != nil {
		f.refuse(source, name, e.err)
		return
	}
	n, h := f.find(source, name)
	if h == nil {
		return
	}
	before := h.builds
	builds, err := f.numbers(e.packages)
	switch {
	case err != nil:
	case f.table.pairs+len(builds)-len(before) > maxPairs || f.table.text > maxText:
		err = fmt.Errorf("the hosts have more packages together than are kept")
	case f.packed+len(e.packed)-len(h.packed) > maxAllPacked:
		err = fmt.Errorf("the states of all hosts are larger than %d MiB", maxAllPacked>>20)
	}
	if err == nil && h.summary != nil && slices.Equal(builds, before) && bytes.Equal(e.packed, h.packed) {
		return // a file was copied again
	}
	if err != nil {
		for _, one := range builds {
			f.table.release(one)
		}
		f.refuse(source, name, err)
		return
	}
	f.table.replace(n, before, builds)
	f.packed += len(e.packed) - len(h.packed)
	f.hosts[n] = &host{source: h.source, name: h.name, contact: h.contact, summary: e.summary, packed: e.packed, builds: builds}
	f.change()
}

// Refuse records that the document of a host cannot be used. What was known of the host is forgotten.
func (f *Fleet) Refuse(source, name string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuse(source, name, err)
}

func (f *Fleet) refuse(source, name string, err error) {
	if n, h := f.find(source, name); h != nil {
		f.drop(n)
		f.hosts[n] = &host{source: h.source, name: h.name, contact: h.contact, err: err}
		f.change()
	}
}

// Contact is what is known of a host besides its document.
type Contact struct {
	// Heard is when the host was last heard; zero if this is not known.
	Heard time.Time
	// ConfirmedAt is when the host has last said that its document is still right, in Unix seconds by the host's clock; 0 if it does not say
	// so.
	ConfirmedAt int64
	// ClockAhead is how many seconds the host's clock is ahead of the one by which it was heard; 0 if this is not known.
	ClockAhead int64
	// IsSilent means that signs of life of the host are overdue.
	IsSilent bool
	// HasSeveral means that several agents publish with the name of the host.
	HasSeveral bool
}

// Contact records what is known of a source. That it was heard again is no change, unless it was silent.
func (f *Fleet) Contact(source string, c Contact) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n, found := f.bySource[source]; found {
		h := *f.hosts[n]
		before := h.contact
		h.contact = c
		f.hosts[n] = &h
		if before.IsSilent != c.IsSilent || before.HasSeveral != c.HasSeveral {
			f.change()
		}
	}
}

// Remove forgets a source.
func (f *Fleet) Remove(source string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, found := f.bySource[source]
	if !found {
		return
	}
	f.drop(n)
	f.hosts[n] = nil
	f.free = append(f.free, n)
	delete(f.bySource, source)
	f.order = nil
	f.change()
}

// SetRoster sets the names of all hosts, sorted; nil if there is no roster.
func (f *Fleet) SetRoster(names []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Equal(names, f.roster) || (names == nil) != (f.roster == nil) {
		f.roster = names
		f.change()
	}
}

// ExplainMissing sets why a host of the roster may not be there. Otherwise, it is that it has no file.
func (f *Fleet) ExplainMissing(why string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.missing = why
}

// SetProblem sets what is wrong with the place from which all documents come, so that the states may be old; empty if nothing is.
func (f *Fleet) SetProblem(text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if text != f.problem {
		f.problem = text
		f.change()
	}
}

// Problem returns what SetProblem has set, or that hosts are left out.
func (f *Fleet) Problem() string {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.problem == "" && f.isFull {
		return fmt.Sprintf("there are more than %d hosts: the others are left out", maxHosts)
	}
	return f.problem
}

// Version returns a number that grows with each change.
func (f *Fleet) Version() uint64 {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.version
}

// Wait waits until the version is another one than seen, and returns it.
func (f *Fleet) Wait(ctx context.Context, seen uint64) (uint64, error) {
	for {
		f.mu.RLock()
		version, changed := f.version, f.changed
		f.mu.RUnlock()
		if version != seen {
			return version, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return version, ctx.Err()
		}
	}
}

// change wakes those who wait for a change.
func (f *Fleet) change() {
	f.version++
	close(f.changed)
	f.changed = make(chan struct{})
}

// find returns the host of a source, which is added if it is new; nil if there are too many hosts.
func (f *Fleet) find(source, name string) (uint32, *host) {
	if n, found := f.bySource[source]; found {
		return n, f.hosts[n]
	}
	h := &host{source: strings.Clone(source), name: strings.Clone(name)}
	var n uint32
	switch last := len(f.free) - 1; {
	case last >= 0:
		n, f.free = f.free[last], f.free[:last]
		f.hosts[n] = h
	case len(f.hosts) == maxHosts:
		f.isFull = true
		return 0, nil
	default:
		n = uint32(len(f.hosts))
		f.hosts = append(f.hosts, h)
	}
	f.bySource[h.source] = n
	f.order = nil
	return n, h
}

// drop removes the packages and the state of a host.
func (f *Fleet) drop(n uint32) {
	h := f.hosts[n]
	f.table.replace(n, h.builds, nil)
	f.packed -= len(h.packed)
}

// numbers returns the numbers of the builds of a host, sorted.
func (f *Fleet) numbers(packages []namedVersion) ([]uint32, error) {
	f.table.round++
	builds := make([]uint32, 0, len(packages))
	for _, p := range packages {
		n := f.table.number(p)
		of := f.table.builds[n].of
		if of.seen == f.table.round { // otherwise one host could count several times
			return builds, fmt.Errorf("it has the package %.40q twice", p.name)
		}
		of.seen = f.table.round
		builds = append(builds, n)
	}
	slices.Sort(builds)
	return builds, nil
}
