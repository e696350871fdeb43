// Package store remembers across restarts, in Pebble: the last status, a history of
// what it was before, and answers of others. It is never what an answer depends
// on: where it cannot be opened, or fails later, it goes on in memory and says so.
//
// A value is MessagePack that passes wire.Check. It has a key in a bucket, and on
// disk the key is the bucket's name, a zero byte and the key; before the value
// stand, big-endian, a number that grows with every write (8 bytes) and the
// value's time (8 bytes, nanoseconds since 1970). The key "schema" has the number
// below. The last status is in the bucket "status", the history in "history" by
// the number of the write.
package store

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sys/unix"
)

// Name is the store's directory in the data directory.
const Name = "cache.pebble"

// The most that a bucket holds. What was written longest ago is dropped.
const (
	MaxEntries = 1000
	MaxBytes   = 8 << 20
	// MaxValue is the most that one value may have, MaxKey a key.
	MaxValue = 4 << 20
	MaxKey   = 1 << 10
)

const (
	schema = 1
	// maxAside is how many stores that were set aside are kept.
	maxAside = 3
	asideFmt = "20060102T150405.000"

	bucketStatus  = "status"
	bucketHistory = "history"
	keyLast       = "last"
)

var (
	// ErrValue means that a value or its key cannot be stored: it is too large, or
	// it is not MessagePack as wire.Check wants it.
	ErrValue = errors.New("not a value for the store")
	// ErrClosed means that the store was closed.
	ErrClosed = errors.New("the store is closed")
)

// Entry is a remembered status.
type Entry struct {
	At     time.Time
	Status []byte // MessagePack
}

// Store is the store. Its methods may be called at the same time; only State and
// LastStatus never wait for the disk.
type Store struct {
	log    *slog.Logger
	fs     vfs.FS
	limits Limits

	mu      sync.Mutex // what follows, for an instant
	engine  *engine    // nil: nothing can be stored, or closed
	closed  bool
	state   string
	why     string
	last    Entry // of this process, whether or not the disk has it
	hasLast bool

	op    sync.Mutex // one operation at a time
	index index      // guarded by op
}

// Limits are what a store may take. A zero field has its default.
type Limits struct {
	// Memory is for what is being written and what was read, in bytes (2 MiB).
	Memory int64
	// Open, Operation and Close are how long the disk may take for each before it
	// is given up (5, 30 and 1 s). A sync can take seconds while a transaction
	// writes. Close also is what is left of Operation once the store is to be closed.
	Open, Operation, Close time.Duration
}

func (l Limits) withDefaults() Limits {
	return Limits{
		Memory: cmp.Or(l.Memory, 2<<20), Open: cmp.Or(l.Open, 5*time.Second),
		Operation: cmp.Or(l.Operation, 30*time.Second), Close: cmp.Or(l.Close, time.Second),
	}
}

// Open opens the store in dir, or a new one: one that will not open, or that a
// later version wrote, is set aside under a name with the time. Where that fails
// too (another omgd has it, the disk is full or read-only) the store is in memory.
func Open(dir string, limits Limits, log *slog.Logger) *Store {
	return open(dir, vfs.Default, limits, log)
}

func open(dir string, fs vfs.FS, limits Limits, log *slog.Logger) *Store {
	s := &Store{log: log, fs: fs, limits: limits.withDefaults(), state: "ok"}
	err := s.open(dir)
	if err != nil && damaged(err) {
		aside := dir + "." + time.Now().UTC().Format(asideFmt)
		if rerr := os.Rename(dir, aside); rerr == nil {
			log.Warn("the store is set aside", "as", aside, "err", line(err))
			pruneAside(dir, log)
			why := fmt.Sprintf("the old one is set aside as %s: %s", aside, line(err))
			if err = s.open(dir); err == nil {
				s.state, s.why = "new", why
			}
		}
	}
	if err != nil {
		s.toMemory(err)
	}
	return s
}

// open opens the database in dir and reads what it has.
func (s *Store) open(dir string) error {
	e, err := openDisk(dir, s.limits, s.fs, s.log)
	if err != nil {
		return err
	}
	found, err := do(e, e.limits.Open, func() (contents, error) { return load(e.db, s.log) })
	if err != nil {
		_ = e.close()
		return err
	}
	e.loaded.Store(true)
	s.engine, s.index = e, found.index
	s.last, s.hasLast = found.last, found.last.Status != nil
	return nil
}

// taken says that a lock is held: by another process, or by this one, for which
// Pebble has no error number.
func taken(err error) bool {
	var no syscall.Errno
	return !errors.As(err, &no) || errors.Is(err, unix.EAGAIN)
}

// damaged says that the store itself is what cannot be opened. Everything else
// passes: a lock, a full or read-only disk, no memory, no answer.
func damaged(err error) bool {
	for _, passing := range []error{
		errLocked, errStopped, fs.ErrPermission, unix.ENOSPC, unix.EDQUOT, unix.EROFS, unix.EMFILE, unix.ENFILE, unix.ENOMEM,
	} {
		if errors.Is(err, passing) {
			return false
		}
	}
	return true
}

// pruneAside removes all but the latest stores that were set aside.
func pruneAside(dir string, log *slog.Logger) {
	entries, err := os.ReadDir(filepath.Dir(dir))
	if err != nil {
		return
	}
	var names []string // by time
	for _, e := range entries {
		if at, ok := strings.CutPrefix(e.Name(), filepath.Base(dir)+"."); ok {
			if _, err := time.Parse(asideFmt, at); err == nil {
				names = append(names, e.Name())
			}
		}
	}
	slices.Sort(names)
	for _, name := range names[:max(0, len(names)-maxAside)] {
		if err := os.RemoveAll(filepath.Join(filepath.Dir(dir), name)); err != nil {
			log.Warn("an old store cannot be removed", "err", err)
		}
	}
}

// toMemory goes on in memory. op is held, or nobody else has the store yet.
func (s *Store) toMemory(why error) {
	s.log.Warn("the store is in memory only", "err", line(why))
	e, err := openMemory(s.limits, s.log)
	if err != nil {
		s.log.Warn("there is no store in memory either", "err", err)
	}
	s.index = index{}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.engine, s.state, s.why = e, "memory", line(why)
}

// line is an error on one line; Pebble's have more.
func line(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// use runs an operation on the engine there is. Where that fails the store goes to
// memory and f is run again there.
func use[T any](s *Store, f func(*engine) (T, error)) (v T, err error) {
	s.op.Lock()
	defer s.op.Unlock()
	for range 2 {
		s.mu.Lock()
		e, closed := s.engine, s.closed
		s.mu.Unlock()
		if closed {
			return v, ErrClosed
		}
		if e == nil {
			return v, errStopped
		}
		if v, err = f(e); err == nil {
			return v, err
		}
		_ = e.close() // nothing, if it has stopped
		s.toMemory(err)
	}
	return v, err
}

// State says how the store is: "ok", "new" (why: the old one was set aside),
// "memory" (why: it could not be opened, or failed).
func (s *Store) State() (state, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state, s.why
}

// PutStatus remembers a status. When it returns without an error the status is on
// the disk, or the store is in memory. A status that changed, but for its time and
// generation, which the caller leaves out of facts, is added to the history.
func (s *Store) PutStatus(status []byte, at time.Time, changed bool) error {
	if err := check(bucketStatus, keyLast, status); err != nil {
		return err
	}
	status = slices.Clone(status)
	s.mu.Lock()
	s.last, s.hasLast = Entry{at, status}, true
	s.mu.Unlock()
	_, err := use(s, func(e *engine) (struct{}, error) {
		w := []write{{bucketStatus, keyLast, status}}
		if changed {
			w = append(w, write{bucketHistory, string(binary.BigEndian.AppendUint64(nil, s.index.seq+1)), status})
		}
		return struct{}{}, s.commit(e, at, true, w...)
	})
	return err
}

// LastStatus is the status that was remembered last, by this or an earlier omgd.
func (s *Store) LastStatus() (Entry, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last, s.hasLast
}

// History returns the statuses of the past, the oldest first: the last n of them,
// all if n is negative.
func (s *Store) History(n int) []Entry {
	if n < 0 {
		n = math.MaxInt
	}
	out, err := use(s, func(e *engine) ([]Entry, error) {
		return do(e, e.limits.Operation, func() ([]Entry, error) { return history(e.db, n) })
	})
	if err != nil {
		s.log.Warn("the history cannot be read", "err", err)
	}
	return out
}

// Put remembers a value. It may be lost when the process is killed right after.
func (s *Store) Put(bucket, key string, value []byte, at time.Time) error {
	if err := check(bucket, key, value); err != nil {
		return err
	}
	_, err := use(s, func(e *engine) (struct{}, error) {
		return struct{}{}, s.commit(e, at, false, write{bucket, key, value})
	})
	return err
}

// Get returns a value that Put remembered. One that is damaged is not there.
func (s *Store) Get(bucket, key string) (value []byte, at time.Time, ok bool) {
	type found struct {
		record
		ok bool
	}
	v, err := use(s, func(e *engine) (found, error) {
		r, ok, err := read(e, bucket, key)
		return found{r, ok}, err
	})
	if err != nil {
		return nil, time.Time{}, false
	}
	return v.body, v.at, v.ok
}

// Close closes the store. An operation that the disk holds up is given up.
func (s *Store) Close() error {
	s.mu.Lock()
	e, closed := s.engine, s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	if e != nil {
		close(e.closing)
	}
	s.op.Lock()
	defer s.op.Unlock()
	s.mu.Lock()
	e = s.engine // another one, if that failed just now
	s.engine = nil
	s.mu.Unlock()
	if e == nil {
		return nil
	}
	return e.close()
}

// Memory is how many bytes the database keeps in memory: what is not yet written
// to its tables, and blocks of them.
func (s *Store) Memory() uint64 {
	n, err := use(s, func(e *engine) (uint64, error) {
		m := e.db.Metrics()
		return m.MemTable.Size + uint64(max(0, m.BlockCache.Size)), nil
	})
	if err != nil {
		return 0
	}
	return n
}
