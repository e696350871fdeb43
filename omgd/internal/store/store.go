// Package store remembers across restarts, in Pebble: the last status and a
// history of what it was before. It is never what an answer depends on: where it
// cannot be opened, or fails later, it goes on in memory and says so.
//
// Keys: "schema" (the number below), "last" (the last status), "h" and the time in
// nanoseconds, big-endian (a status at that time). A status is 8 bytes of Unix
// seconds, big-endian, and MessagePack.
package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/wire"
)

// Name is the store's directory in the data directory.
const Name = "cache.pebble"

const (
	schema     = 1
	maxHistory = 1000
	// patience is how long a write may take before the store is given up: a disk
	// that hangs must not hang the daemon.
	patience = 10 * time.Second
)

var (
	keySchema  = []byte("schema")
	keyLast    = []byte("last")
	keyHistory = []byte("h")
)

// errFatal is what Pebble calls fatal for the program; here it is for the store.
var errFatal = errors.New("store failed")

// Entry is a remembered status.
type Entry struct {
	At     time.Time
	Status []byte // MessagePack
}

// Store is the store. Its methods are for one goroutine at a time but State.
type Store struct {
	log *slog.Logger

	mu    sync.Mutex
	db    *pebble.DB // nil: in memory
	state string
	why   string

	last    Entry // of this process, whether or not the disk has it
	history int   // records on disk
}

// Open opens the store in dir, or a new one: one that will not open, or that a
// later version wrote, is set aside under a name with the time. Where that fails
// too (another omgd has it, the disk is full or read-only) the store is in memory.
func Open(dir string, log *slog.Logger) *Store {
	s := &Store{log: log, state: "ok"}
	err := s.open(dir)
	if err != nil && !inUse(err) && !noDisk(err) {
		aside := fmt.Sprintf("%s.%s", dir, time.Now().UTC().Format("20060102T150405.000"))
		if rerr := os.Rename(dir, aside); rerr == nil {
			log.Warn("the store is set aside", "as", aside, "err", err)
			why := fmt.Sprintf("set aside as %s: %v", aside, err)
			if err = s.open(dir); err == nil {
				s.state, s.why = "new", why
			}
		}
	}
	if err != nil {
		s.fail(err)
	}
	return s
}

// inUse says that another process holds the store's lock.
func inUse(err error) bool { return errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) }

// noDisk says that nothing can be written there, and nothing is wrong with what
// was written before.
func noDisk(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EROFS) || errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EDQUOT)
}

func (s *Store) open(dir string) (err error) {
	var db *pebble.DB
	if err := s.do(func() error {
		db, err = pebble.Open(dir, options(s))
		return err
	}); err != nil {
		return err
	}
	s.db = db
	if err := s.checkSchema(); err != nil {
		_ = db.Close()
		s.db = nil
		return err
	}
	return s.load()
}

// options make Pebble small: it holds some hundred kilobytes.
func options(s *Store) *pebble.Options {
	const mebi = 1 << 20
	return &pebble.Options{
		CacheSize:                   mebi,
		MemTableSize:                mebi,
		MaxOpenFiles:                16,
		MemTableStopWritesThreshold: 2,
		Logger:                      logger{s},
	}
}

func (s *Store) checkSchema() error {
	v, closer, err := s.db.Get(keySchema)
	if errors.Is(err, pebble.ErrNotFound) {
		return s.do(func() error { return s.db.Set(keySchema, []byte{schema}, pebble.Sync) })
	}
	if err != nil {
		return err
	}
	defer closer.Close()
	if len(v) != 1 || v[0] != schema {
		return fmt.Errorf("schema %v, this omgd has %d", v, schema)
	}
	return nil
}

// load reads the last status and counts the history.
func (s *Store) load() error {
	if v, closer, err := s.db.Get(keyLast); err == nil {
		e, ok := decode(v)
		_ = closer.Close()
		if ok {
			s.last = e
		} else {
			s.log.Warn("the last status is damaged and forgotten")
		}
	} else if !errors.Is(err, pebble.ErrNotFound) {
		return err
	}
	return s.each(func([]byte, []byte) bool { s.history++; return true })
}

// decode checks a value before anything believes it.
func decode(v []byte) (Entry, bool) {
	if len(v) < 8 || wire.Check(v[8:]) != nil {
		return Entry{}, false
	}
	return Entry{time.Unix(int64(binary.BigEndian.Uint64(v)), 0), append([]byte(nil), v[8:]...)}, true
}

// each calls f with the history's records, the oldest first.
func (s *Store) each(f func(key, value []byte) bool) error {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: keyHistory, UpperBound: []byte("i")})
	if err != nil {
		return err
	}
	for ok := it.First(); ok; ok = it.Next() {
		if !f(it.Key(), it.Value()) {
			break
		}
	}
	return it.Close()
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
	s.last = Entry{at, append([]byte(nil), status...)}
	if s.memory() {
		return nil
	}
	value := append(binary.BigEndian.AppendUint64(nil, uint64(at.Unix())), status...)
	err := s.do(func() error {
		b := s.db.NewBatch()
		defer b.Close()
		if err := b.Set(keyLast, value, nil); err != nil {
			return err
		}
		if changed {
			key := binary.BigEndian.AppendUint64(append([]byte(nil), keyHistory...), uint64(at.UnixNano()))
			if err := b.Set(key, value, nil); err != nil {
				return err
			}
			s.history++
			if err := s.dropOldest(b); err != nil {
				return err
			}
		}
		return b.Commit(pebble.Sync)
	})
	if err != nil {
		s.fail(err)
	}
	return err
}

// dropOldest keeps the history within its bound.
func (s *Store) dropOldest(b *pebble.Batch) error {
	if s.history <= maxHistory {
		return nil
	}
	var err error
	over := s.history - maxHistory
	if ierr := s.each(func(key, _ []byte) bool {
		err = b.Delete(key, nil)
		over--
		s.history--
		return err == nil && over > 0
	}); ierr != nil {
		return ierr
	}
	return err
}

// LastStatus is the status that was remembered last, by this or an earlier omgd.
func (s *Store) LastStatus() (Entry, bool) { return s.last, s.last.Status != nil }

// History returns the statuses of the past, the oldest first.
func (s *Store) History() []Entry {
	var out []Entry
	if s.memory() {
		return nil
	}
	if err := s.each(func(_, v []byte) bool {
		if e, ok := decode(v); ok {
			out = append(out, e)
		}
		return true
	}); err != nil {
		s.log.Warn("the history cannot be read", "err", err)
	}
	return out
}

// Close closes the store.
func (s *Store) Close() error {
	if s.memory() {
		return nil
	}
	return s.do(s.db.Close)
}

func (s *Store) memory() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.db == nil || s.state == "memory"
}

// fail goes on in memory. The database is left as it is: closing one that failed
// may wait for ever.
func (s *Store) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != "memory" {
		s.state, s.why = "memory", err.Error()
		s.log.Warn("the store is in memory only", "err", err)
	}
}

// do runs an operation of Pebble's beside the caller: what Pebble takes for fatal
// ends that goroutine and not the daemon, and a disk that hangs is given up.
func (s *Store) do(f func() error) error {
	result := make(chan error, 1)
	go func() {
		err := errFatal
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("%w: %v", errFatal, r)
			}
			result <- err
		}()
		err = f()
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err := <-result:
		return err
	case <-timer.C:
		return fmt.Errorf("%w: no answer from the disk for %s", errFatal, patience)
	}
}

// logger gives what Pebble says to the log.
type logger struct{ s *Store }

func (l logger) Infof(string, ...any) {}

func (l logger) Errorf(format string, args ...any) {
	l.s.log.Warn("store", "msg", fmt.Sprintf(format, args...))
}

// Fatalf must not return. It ends the goroutine it is called in, which is do's or
// one of Pebble's own, and the store with it.
func (l logger) Fatalf(format string, args ...any) {
	l.s.fail(fmt.Errorf("%w: %s", errFatal, fmt.Sprintf(format, args...)))
	runtime.Goexit()
}
