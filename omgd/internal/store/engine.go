package store

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

var (
	// errStopped means that the engine failed and does nothing more.
	errStopped = errors.New("store stopped")
	// errLocked means that another process has the store open.
	errLocked = errors.New("another omgd has it open")
)

// engine is one open Pebble database, kept from taking the process with it.
//
// Pebble takes an error of a write for the end of the program: it calls Fatalf, or
// panics with a lock released that a deferred call releases again, which nothing
// can recover, or tries again without a pause. So here such an error never
// reaches it: the goroutine that would get it stays where it is for ever, the
// engine is stopped, and whoever waits for it is told so. What is left behind is a
// few goroutines and two megabytes, once, and a directory as after a crash.
type engine struct {
	db   *pebble.DB
	lock io.Closer // nil in memory
	log  *slog.Logger

	limits Limits

	opened  atomic.Bool   // a failed write stops it, and no longer fails Open
	loaded  atomic.Bool   // a failed job stops it, since load has found no damage
	closing chan struct{} // closed when there is no time left to wait
	stopped chan struct{} // closed by stop
	once    sync.Once
	why     error // set before stopped is closed
}

func newEngine(limits Limits, log *slog.Logger) *engine {
	return &engine{log: log, limits: limits, stopped: make(chan struct{}), closing: make(chan struct{})}
}

// openDisk opens the database in dir.
func openDisk(dir string, limits Limits, fs vfs.FS, log *slog.Logger) (*engine, error) {
	e := newEngine(limits, log)
	db, err := do(e, limits.Open, func() (db *pebble.DB, err error) {
		if err := fs.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
		// Pebble's own lock would be kept by an Open that never returns, and its
		// error would not tell a lock that is taken from a damaged store.
		lock, err := pebble.LockDirectory(dir, fs)
		if err != nil {
			if taken(err) {
				err = errLocked
			}
			return nil, err
		}
		defer func() {
			if db == nil { // also after a panic
				_ = lock.Close()
			}
		}()
		e.lock = lock
		o := options(e)
		o.FS = guardFS{fs, e}
		o.Lock = lock
		return pebble.Open(dir, o)
	})
	if err != nil {
		return nil, err
	}
	e.db = db
	e.opened.Store(true)
	return e, nil
}

// openMemory opens a database that ends with the process.
func openMemory(limits Limits, log *slog.Logger) (*engine, error) {
	e := newEngine(limits, log)
	o := options(e)
	o.FS = vfs.NewMem()
	o.DisableWAL = true
	db, err := do(e, limits.Open, func() (*pebble.DB, error) { return pebble.Open("", o) })
	if err != nil {
		return nil, err
	}
	e.db = db
	return e, nil
}

// options make Pebble small and quiet.
func options(e *engine) *pebble.Options {
	o := &pebble.Options{
		CacheSize:    e.limits.Memory / 2,
		MemTableSize: uint64(e.limits.Memory / 2),
		MaxOpenFiles: 16,
		// The oldest format that this Pebble writes: an older omgd opens it too.
		FormatMajorVersion: pebble.FormatMinSupported,
		Logger:             logger{e},
		EventListener: &pebble.EventListener{
			// A background job that failed would be tried again at once, for ever.
			BackgroundError: func(err error) {
				if e.loaded.Load() {
					e.halt(err)
				}
			},
			// The reader gets the error as well.
			DataCorruption: func(pebble.DataCorruptionInfo) {},
		},
	}
	// The usual one wakes up ten times in a second. This one grants a compaction
	// when one is asked for or has ended, which is enough for one database.
	o.Experimental.CompactionScheduler = pebble.NewConcurrencyLimitSchedulerWithNoPeriodicGrantingForTest()
	return o
}

// stop makes every operation fail from now on.
func (e *engine) stop(err error) {
	e.once.Do(func() {
		e.why = fmt.Errorf("%w: %w", errStopped, err)
		close(e.stopped)
	})
}

// halt stops the engine and never returns: the caller is Pebble, which cannot go
// on.
func (e *engine) halt(err error) {
	e.stop(err)
	select {}
}

// do runs an operation of Pebble's beside the caller, who is told when it ends, when
// the engine stops and when patience does. What f sets may be read only after
// success.
func do[T any](e *engine, patience time.Duration, f func() (T, error)) (v T, err error) {
	type result struct {
		v   T
		err error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		defer func() {
			if p := recover(); p != nil {
				r.err = fmt.Errorf("store: panic: %v", p)
			}
			done <- r
		}()
		r.v, r.err = f()
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	closing := e.closing
	for {
		select {
		case r := <-done:
			return r.v, r.err
		case <-e.stopped:
			return v, e.why
		case <-closing:
			closing = nil
			timer.Reset(e.limits.Close)
		case <-timer.C:
			e.stop(errors.New("no answer from the disk"))
		}
	}
}

// close closes the database; one that has stopped stays as it is.
func (e *engine) close() error {
	_, err := do(e, e.limits.Close, func() (struct{}, error) {
		err := e.db.Close()
		if e.lock != nil {
			err = errors.Join(err, e.lock.Close())
		}
		return struct{}{}, err
	})
	return err
}

// logger gives what Pebble says to the log.
type logger struct{ e *engine }

func (l logger) Infof(string, ...any) {}

func (l logger) Errorf(format string, args ...any) {
	l.e.log.Debug("store", "msg", fmt.Sprintf(format, args...))
}

// Fatalf must not return.
func (l logger) Fatalf(format string, args ...any) { l.e.halt(fmt.Errorf(format, args...)) }

// guardFS stops the engine at the first error of a write.
type guardFS struct {
	vfs.FS
	e *engine
}

func (g guardFS) guard(err error) error {
	if err != nil && g.e.opened.Load() {
		g.e.halt(err)
	}
	return err
}

func (g guardFS) file(f vfs.File, err error) (vfs.File, error) {
	if g.guard(err) != nil {
		return nil, err
	}
	return guardFile{f, g}, nil
}

func (g guardFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return g.file(g.FS.Create(name, c))
}

func (g guardFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return g.file(g.FS.OpenReadWrite(name, c, opts...))
}

func (g guardFS) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return g.file(g.FS.ReuseForWrite(oldname, newname, c))
}

func (g guardFS) OpenDir(name string) (vfs.File, error) { return g.file(g.FS.OpenDir(name)) }

func (g guardFS) Rename(oldname, newname string) error { return g.guard(g.FS.Rename(oldname, newname)) }

func (g guardFS) Link(oldname, newname string) error { return g.guard(g.FS.Link(oldname, newname)) }

// guardFile is a file that Pebble writes.
type guardFile struct {
	vfs.File
	g guardFS
}

func (f guardFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	return n, f.g.guard(err)
}

func (f guardFile) WriteAt(p []byte, at int64) (int, error) {
	n, err := f.File.WriteAt(p, at)
	return n, f.g.guard(err)
}

func (f guardFile) Sync() error { return f.g.guard(f.File.Sync()) }

func (f guardFile) SyncData() error { return f.g.guard(f.File.SyncData()) }

func (f guardFile) SyncTo(n int64) (bool, error) {
	full, err := f.File.SyncTo(n)
	return full, f.g.guard(err)
}

func (f guardFile) Close() error { return f.g.guard(f.File.Close()) }
