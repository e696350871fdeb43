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
	// errStopped means that the engine has failed; no operation works any more.
	errStopped = errors.New("store stopped")
	// errLocked means that another process has the store open.
	errLocked = errors.New("another omgd uses the store")
)

// engine is an open Pebble database whose failures cannot end the process.
//
// Pebble ends the program after a failed write: it calls Fatalf, or it panics and unlocks a mutex twice,
// which cannot be recovered, or it retries without a pause. So guardFS does not return such an error to
// Pebble: the goroutine that would get the error blocks forever, the engine stops, and callers that wait for
// the engine get errStopped. This leaks a few goroutines and two megabytes, once, and leaves the directory as
// after a crash.
type engine struct {
	db   *pebble.DB
	lock io.Closer // nil for a database in memory
	log  *slog.Logger

	limits Limits

	opened  atomic.Bool   // set when openDisk is done: after that, a failed write stops the engine
	loaded  atomic.Bool   // set when the values are loaded: after that, a failed background job stops the engine
	closing chan struct{} // closed by Store.Close; from then on, limits.Close is the timeout of an operation
	stopped chan struct{} // closed by stop
	once    sync.Once
	why     error // why the engine stopped; set before the channel stopped is closed
}

func newEngine(limits Limits, log *slog.Logger) *engine {
	return &engine{log: log, limits: limits, stopped: make(chan struct{}), closing: make(chan struct{})}
}

// openDisk opens the database in dir.
func openDisk(dir string, limits Limits, fs vfs.FS, log *slog.Logger) (*engine, error) {
	e := newEngine(limits, log)
	db, err := do(e, limits.Open, func() (db *pebble.DB, err error) {
		if err := makeDir(fs, dir); err != nil {
			return nil, err
		}
		// Take the lock before pebble.Open is called. The error of pebble.Open would not tell whether another
		// process has the lock or the store is damaged. And a pebble.Open that never returns would keep the
		// lock.
		lock, err := pebble.LockDirectory(dir, fs)
		if err != nil {
			if isLocked(err) {
				err = errLocked
			}
			return nil, err
		}
		defer func() {
			if db == nil { // pebble.Open has failed or panicked
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

// makeDir makes the store's directory, and syncs its parent so that the directory survives a power cut.
// Pebble syncs the parent only if Pebble itself makes the directory.
func makeDir(fs vfs.FS, dir string) error {
	if _, err := fs.Stat(dir); err == nil {
		return nil
	}
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	parent, err := fs.OpenDir(fs.PathDir(dir))
	if err != nil {
		return err
	}
	return errors.Join(parent.Sync(), parent.Close())
}

// openMemory opens a database in memory.
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

// options returns options with which Pebble needs little memory and CPU time, and logs little.
func options(e *engine) *pebble.Options {
	o := &pebble.Options{
		CacheSize:    e.limits.Memory / 2,
		MemTableSize: uint64(e.limits.Memory / 2),
		MaxOpenFiles: 16,
		// The oldest format that this Pebble can write, so that an older omgd can open it.
		FormatMajorVersion: pebble.FormatMinSupported,
		Logger:             logger{e},
		EventListener: &pebble.EventListener{
			// Without this function, Pebble would immediately retry a failed background job, again and again.
			BackgroundError: func(err error) {
				if e.loaded.Load() {
					e.halt(err)
				}
			},
			// Ignore this event, because the reader gets the error as well.
			DataCorruption: func(pebble.DataCorruptionInfo) {},
		},
	}
	// Pebble's default scheduler wakes up ten times a second. The scheduler here runs only when a compaction
	// is requested or has ended, which is enough for one database.
	o.Experimental.CompactionScheduler = pebble.NewConcurrencyLimitSchedulerWithNoPeriodicGrantingForTest()
	return o
}

// stop makes all operations fail from now on.
func (e *engine) stop(err error) {
	e.once.Do(func() {
		e.why = fmt.Errorf("%w: %w", errStopped, err)
		close(e.stopped)
	})
}

// halt stops the engine and never returns, because Pebble, which calls it, must not continue.
func (e *engine) halt(err error) {
	e.stop(err)
	select {}
}

// do runs the Pebble operation f in a goroutine. It returns when f returns, when the engine stops, or after
// the timeout. Variables that f sets may be read only after do has returned without an error.
func do[T any](e *engine, timeout time.Duration, f func() (T, error)) (v T, err error) {
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
	timer := time.NewTimer(timeout)
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
			e.stop(errors.New("the disk does not respond"))
		}
	}
}

// close closes the database, unless the engine has stopped.
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

// logger passes Pebble's messages to the log.
type logger struct{ e *engine }

func (l logger) Infof(string, ...any) {}

func (l logger) Errorf(format string, args ...any) {
	l.e.log.Debug("store", "msg", fmt.Sprintf(format, args...))
}

// Fatalf never returns, because Pebble does not expect it to return.
func (l logger) Fatalf(format string, args ...any) { l.e.halt(fmt.Errorf(format, args...)) }

// guardFS is a file system that stops the engine at the first failed write.
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

// guardFile is a file of guardFS that is opened for writing.
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
