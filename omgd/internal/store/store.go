// Package store keeps data across restarts in a Pebble database: the last status, a history of statuses, and
// replies of servers. omgd can answer requests without this data: if the database cannot be opened, or fails
// later, the store continues in memory and reports that.
//
// A value is MessagePack that passes wire.CheckMessagePack, and is stored under a key in a bucket. The database's key is
// the bucket's name, a zero byte and the key. In the database, two big-endian numbers of 8 bytes precede the
// value: a number that grows with every write, and the value's time in nanoseconds since 1970. The database's
// key "schema" has the constant schema as its value. The last status is in the bucket "status". The history
// is in the bucket "history", under the numbers of the writes.
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

// DirName is the store's directory in the data directory.
const DirName = "cache.pebble"

// The limits of a bucket. If a bucket exceeds them, the values that were written longest ago are dropped.
const (
	MaxBucketEntries = 1000
	MaxBucketBytes   = 8 << 20
	// MaxValue is the limit of a value, in bytes. MaxKey is the limit of a bucket's name and a key together,
	// in bytes.
	MaxValue = 4 << 20
	MaxKey   = 1 << 10
)

const (
	schemaVersion = 1
	// maxAsideStores is how many damaged or incompatible stores stay on disk after they were set aside.
	maxAsideStores  = 3
	asideTimeFormat = "20060102T150405.000"

	bucketStatus  = "status"
	bucketHistory = "history"
	keyLast       = "last"
)

var (
	// ErrValue means that a value cannot be stored: the value or its key is too large or invalid, or the
	// value does not pass wire.CheckMessagePack.
	ErrValue = errors.New("value cannot be stored")
	// ErrClosed means that the store was closed.
	ErrClosed = errors.New("the store is closed")
)

// StatusEntry is a stored status.
type StatusEntry struct {
	At     time.Time
	Status []byte // the status in MessagePack
}

// Store keeps values across restarts. Its methods may be called concurrently. State and LastStatus never wait
// for the disk; the other methods do.
type Store struct {
	log    *slog.Logger
	fs     vfs.FS
	limits Limits

	mu            sync.Mutex // guards the following fields; never held during disk access
	engine        *engine    // nil if nothing can be stored, or after Close
	closed        bool
	state         string
	why           string
	lastStatus    StatusEntry // the latest status, whether or not it is on disk yet
	hasLastStatus bool

	opMu  sync.Mutex // locked during each operation on the engine
	index valueIndex // guarded by opMu
}

// Limits are the limits of a store. A field that is 0 means its default, which is in parentheses below.
type Limits struct {
	// MemorySize is the size of the write buffer and the read cache together, in bytes
	// (2 MiB).
	MemorySize int64
	// OpenTimeout, OperationTimeout and CloseTimeout are the timeouts of opening the store, of one operation and of
	// closing the store (5, 30 and 1 s). An operation can take seconds while a pacman transaction writes to the disk.
	// If an operation still runs when the store is closed, it is abandoned when CloseTimeout expires.
	OpenTimeout, OperationTimeout, CloseTimeout time.Duration
}

func (l Limits) withDefaults() Limits {
	return Limits{
		MemorySize: cmp.Or(l.MemorySize, 2<<20), OpenTimeout: cmp.Or(l.OpenTimeout, 5*time.Second),
		OperationTimeout: cmp.Or(l.OperationTimeout, 30*time.Second), CloseTimeout: cmp.Or(l.CloseTimeout, time.Second),
	}
}

// Open opens the store in the directory dir, or makes a new one. A store that is damaged or has another
// schema is set aside: it is renamed to a name that contains the time. If no store can be opened (another
// omgd uses it, the disk is full or read-only), the store is in memory only.
func Open(dir string, limits Limits, log *slog.Logger) *Store {
	return openWithFS(dir, vfs.Default, limits, log)
}

func openWithFS(dir string, fs vfs.FS, limits Limits, log *slog.Logger) *Store {
	s := &Store{log: log, fs: fs, limits: limits.withDefaults(), state: "ok"}
	err := s.open(dir)
	if err != nil && isDamageError(err) {
		aside := dir + "." + time.Now().UTC().Format(asideTimeFormat)
		if rerr := os.Rename(dir, aside); rerr == nil {
			log.Warn("store set aside", "as", aside, "err", oneLine(err))
			pruneAside(dir, log)
			why := fmt.Sprintf("the old store was moved to %s: %s", aside, oneLine(err))
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

// open opens the database in dir and loads its contents.
func (s *Store) open(dir string) error {
	e, err := openDisk(dir, s.limits, s.fs, s.log)
	if err != nil {
		return err
	}
	found, err := runWithTimeout(e, e.limits.OpenTimeout, func() (loadedData, error) { return loadAll(e.db, s.log) })
	if err != nil {
		_ = e.close()
		return err
	}
	e.valuesLoaded.Store(true)
	s.engine, s.index = e, found.valueIndex
	s.lastStatus, s.hasLastStatus = found.lastStatusEntry, found.lastStatusEntry.Status != nil
	return nil
}

// isLocked reports whether an error of pebble.LockDirectory means that the lock is held, by another process
// or by this one. If this process holds the lock, the error contains no errno.
func isLocked(err error) bool {
	var errno syscall.Errno
	return !errors.As(err, &errno) || errors.Is(err, unix.EAGAIN)
}

// isDamageError reports whether an error of opening means that the store is damaged or has another schema. Other
// causes are transient: a held lock, a full or read-only disk, a lack of memory, a timeout.
func isDamageError(err error) bool {
	for _, transient := range []error{
		errLocked, errStopped, fs.ErrPermission, unix.ENOSPC, unix.EDQUOT, unix.EROFS, unix.EMFILE, unix.ENFILE, unix.ENOMEM,
	} {
		if errors.Is(err, transient) {
			return false
		}
	}
	return true
}

// pruneAside removes old stores that were set aside, except the latest maxAsideStores of them.
func pruneAside(dir string, log *slog.Logger) {
	entries, err := os.ReadDir(filepath.Dir(dir))
	if err != nil {
		return
	}
	var names []string // sorted below, oldest first
	for _, e := range entries {
		if at, ok := strings.CutPrefix(e.Name(), filepath.Base(dir)+"."); ok {
			if _, err := time.Parse(asideTimeFormat, at); err == nil {
				names = append(names, e.Name())
			}
		}
	}
	slices.Sort(names)
	for _, name := range names[:max(0, len(names)-maxAsideStores)] {
		if err := os.RemoveAll(filepath.Join(filepath.Dir(dir), name)); err != nil {
			log.Warn("cannot remove an old store", "err", err)
		}
	}
}

// toMemory replaces the engine by an engine in memory. The caller holds s.opMu, or no other goroutine uses the store
// yet.
func (s *Store) toMemory(why error) {
	s.log.Warn("store in memory only", "err", oneLine(why))
	e, err := openMemory(s.limits, s.log)
	if err != nil {
		s.log.Warn("cannot open a store in memory", "err", err)
	}
	s.index = valueIndex{}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.engine, s.state, s.why = e, "memory", oneLine(why)
}

// oneLine returns the text of an error as one line, because Pebble's errors have several lines.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// withEngine calls f() with the engine. If f fails, the store continues with an engine in memory, and withEngine calls f
// again with that engine.
func withEngine[T any](s *Store, f func(*engine) (T, error)) (v T, err error) {
	s.opMu.Lock()
	defer s.opMu.Unlock()
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
		_ = e.close() // close() does nothing if the engine has stopped
		s.toMemory(err)
	}
	return v, err
}

// State returns the state of the store, with the reason: "ok", "new" (the old store was set aside) or
// "memory" (the store could not be opened, or failed).
func (s *Store) State() (state, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state, s.why
}

// PutStatus stores a status. When it returns without an error, the status is on disk, or the store is in
// memory. If changed is set, PutStatus also appends the status to the history.
func (s *Store) PutStatus(status []byte, at time.Time, changed bool) error {
	if err := checkValue(bucketStatus, keyLast, status); err != nil {
		return err
	}
	status = slices.Clone(status)
	s.mu.Lock()
	s.lastStatus, s.hasLastStatus = StatusEntry{at, status}, true
	s.mu.Unlock()
	_, err := withEngine(s, func(e *engine) (struct{}, error) {
		w := []pendingValue{{bucketStatus, keyLast, status}}
		if changed {
			w = append(w, pendingValue{bucketHistory, string(binary.BigEndian.AppendUint64(nil, s.index.seq+1)), status})
		}
		return struct{}{}, s.commit(e, at, true, w...)
	})
	return err
}

// LastStatus returns the status that was stored last, by this omgd or an earlier one.
func (s *Store) LastStatus() (StatusEntry, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lastStatus, s.hasLastStatus
}

// History returns the last n statuses of the history, the oldest first. If n is negative, it returns all of
// them.
func (s *Store) History(n int) []StatusEntry {
	if n < 0 {
		n = math.MaxInt
	}
	out, err := withEngine(s, func(e *engine) ([]StatusEntry, error) {
		return runWithTimeout(e, e.limits.OperationTimeout, func() ([]StatusEntry, error) { return readStatusHistory(e.db, n) })
	})
	if err != nil {
		s.log.Warn("cannot read the history", "err", err)
	}
	return out
}

// Put stores a value. The value is not synced to the disk: it can be lost if the process is killed right
// after Put.
func (s *Store) Put(bucket, key string, value []byte, at time.Time) error {
	if err := checkValue(bucket, key, value); err != nil {
		return err
	}
	_, err := withEngine(s, func(e *engine) (struct{}, error) {
		return struct{}{}, s.commit(e, at, false, pendingValue{bucket, key, value})
	})
	return err
}

// Get returns a value that Put has stored. The result ok is false if the value is missing or damaged.
func (s *Store) Get(bucket, key string) (value []byte, at time.Time, ok bool) {
	type found struct {
		record
		ok bool
	}
	v, err := withEngine(s, func(e *engine) (found, error) {
		r, ok, err := readRecord(e, bucket, key)
		return found{r, ok}, err
	})
	if err != nil {
		return nil, time.Time{}, false
	}
	return v.body, v.at, v.ok
}

// Close closes the store. If an operation still waits for the disk, Close abandons it when the timeout
// Limits.CloseTimeout expires.
func (s *Store) Close() error {
	s.mu.Lock()
	e, closed := s.engine, s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	if e != nil {
		close(e.storeClosing)
	}
	s.opMu.Lock()
	defer s.opMu.Unlock()
	s.mu.Lock()
	e = s.engine // read the field again: the old engine may have failed and been replaced
	s.engine = nil
	s.mu.Unlock()
	if e == nil {
		return nil
	}
	return e.close()
}

// MemoryUse returns the size of the database in memory, in bytes: that of its write buffer and its block cache.
func (s *Store) MemoryUse() uint64 {
	n, err := withEngine(s, func(e *engine) (uint64, error) {
		m := e.db.Metrics()
		return m.MemTable.Size + uint64(max(0, m.BlockCache.Size)), nil
	})
	if err != nil {
		return 0
	}
	return n
}
