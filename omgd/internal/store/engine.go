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
// which cannot be recovered, or it retries without a pause. So failStopFS does not return such an error to
// Pebble: the goroutine that would get the error blocks forever, the engine stops, and callers that wait for
// the engine get errStopped. This leaks a few goroutines and two megabytes, once, and leaves the directory as
// after a crash.
type engine struct {
	db   *pebble.DB
	lock io.Closer // nil for a database in memory
	log  *slog.Logger

	limits Limits

	isDiskOpened atomic.Bool   // set when openDisk is done: after that, a failed write stops the engine
	valuesLoaded atomic.Bool   // set when the values are loaded: after that, a failed background job stops the engine
	storeClosing chan struct{} // closed by Store.Close; from then on, limits.CloseTimeout is the timeout of an operation
	stopped      chan struct{} // closed by stop
	stopOnce     sync.Once
	why          error // why the engine stopped; set before the channel stopped is closed
}

func newEngine(limits Limits, log *slog.Logger) *engine {
	return &engine{log: log, limits: limits, stopped: make(chan struct{}), storeClosing: make(chan struct{})}
}

// openDisk opens the database in dir.
func openDisk(dir string, limits Limits, fs vfs.FS, log *slog.Logger) (*engine, error) {
	e := newEngine(limits, log)
	db, err := runWithTimeout(e, limits.OpenTimeout, func() (db *pebble.DB, err error) {
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
		o := pebbleOptions(e)
		o.FS = failStopFS{fs, e}
		o.Lock = lock
		return pebble.Open(dir, o)
	})
	if err != nil {
		return nil, err
	}
	e.db = db
	e.isDiskOpened.Store(true)
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
	o := pebbleOptions(e)
	o.FS = vfs.NewMem()
	o.DisableWAL = true
	db, err := runWithTimeout(e, limits.OpenTimeout, func() (*pebble.DB, error) { return pebble.Open("", o) })
	if err != nil {
		return nil, err
	}
	e.db = db
	return e, nil
}

// pebbleOptions returns options with which Pebble needs little memory and CPU time, and logs little.
func pebbleOptions(e *engine) *pebble.Options {
	o := &pebble.Options{
		CacheSize:    e.limits.MemorySize / 2,
		MemTableSize: uint64(e.limits.MemorySize / 2),
		MaxOpenFiles: 16,
		// The oldest format that this Pebble can write, so that an older omgd can open it.
		FormatMajorVersion: pebble.FormatMinSupported,
		Logger:             logger{e},
		EventListener: &pebble.EventListener{
			// Without this function, Pebble would immediately retry a failed background job, again and again.
			BackgroundError: func(err error) {
				if e.valuesLoaded.Load() {
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
	e.stopOnce.Do(func() {
		e.why = fmt.Errorf("%w: %w", errStopped, err)
		close(e.stopped)
	})
}

// halt stops the engine and never returns, because Pebble, which calls it, must not continue.
func (e *engine) halt(err error) {
	e.stop(err)
	select {}
}

// runWithTimeout runs the Pebble operation f in a goroutine. It returns when f returns, when the engine stops, or after
// the timeout. Variables that f sets may be read only after runWithTimeout has returned without an error.
func runWithTimeout[T any](e *engine, timeout time.Duration, f func() (T, error)) (v T, err error) {
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
	closing := e.storeClosing
	for {
		select {
		case r := <-done:
			return r.v, r.err
		case <-e.stopped:
			return v, e.why
		case <-closing:
			closing = nil
			timer.Reset(e.limits.CloseTimeout)
		case <-timer.C:
			e.stop(errors.New("the disk does not respond"))
		}
	}
}

// close closes the database, unless the engine has stopped.
func (e *engine) close() error {
	_, err := runWithTimeout(e, e.limits.CloseTimeout, func() (struct{}, error) {
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

// failStopFS is a file system that stops the engine at the first failed write.
type failStopFS struct {
	vfs.FS
	e *engine
}

func (g failStopFS) checkWrite(err error) error {
	if err != nil && g.e.isDiskOpened.Load() {
		g.e.halt(err)
	}
	return err
}

func (g failStopFS) wrapFile(f vfs.File, err error) (vfs.File, error) {
	if g.checkWrite(err) != nil {
		return nil, err
	}
	return failStopFile{f, g}, nil
}

func (g failStopFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return g.wrapFile(g.FS.Create(name, c))
}

func (g failStopFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return g.wrapFile(g.FS.OpenReadWrite(name, c, opts...))
}

func (g failStopFS) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return g.wrapFile(g.FS.ReuseForWrite(oldname, newname, c))
}

func (g failStopFS) OpenDir(name string) (vfs.File, error) { return g.wrapFile(g.FS.OpenDir(name)) }

func (g failStopFS) Rename(oldname, newname string) error {
	return g.checkWrite(g.FS.Rename(oldname, newname))
}

func (g failStopFS) Link(oldname, newname string) error {
	return g.checkWrite(g.FS.Link(oldname, newname))
}

// failStopFile is a file of failStopFS that is opened for writing.
type failStopFile struct {
	vfs.File
	g failStopFS
}

func (f failStopFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	return n, f.g.checkWrite(err)
}

func (f failStopFile) WriteAt(p []byte, at int64) (int, error) {
	n, err := f.File.WriteAt(p, at)
	return n, f.g.checkWrite(err)
}

func (f failStopFile) Sync() error { return f.g.checkWrite(f.File.Sync()) }

func (f failStopFile) SyncData() error { return f.g.checkWrite(f.File.SyncData()) }

func (f failStopFile) SyncTo(n int64) (bool, error) {
	full, err := f.File.SyncTo(n)
	return full, f.g.checkWrite(err)
}

func (f failStopFile) Close() error { return f.g.checkWrite(f.File.Close()) }
