package refresh

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/wire"
)

// pollInterval is how often paths are compared that inotify cannot watch. A comparison is
// one stat of each directory and of each file that matters in it.
const pollInterval = time.Second

// watcher reports changes in directories. A directory that inotify cannot watch, because
// the kernel's limits are reached, is compared every pollInterval instead, and each time
// the watcher tries to watch it again.
type watcher struct {
	inotify inotify
	ignore  func(path string) bool
	log     *slog.Logger
	changed chan struct{}
	polling chan struct{} // has a value when polling has to begin
	stop    chan struct{}
	running sync.WaitGroup

	mu      sync.Mutex // guards the following fields
	fs      *fsnotify.Watcher
	watched *watched
	seen    map[string]seen // by path, of what inotify does not watch; nil if it watches all
	problem *wire.Problem
}

// inotify has the system calls that can fail at the kernel's limits.
type inotify struct {
	open func() (*fsnotify.Watcher, error)
	add  func(w *fsnotify.Watcher, dir string) error
}

func kernelInotify() inotify { return inotify{fsnotify.NewWatcher, (*fsnotify.Watcher).Add} }

// seen is a path's stamp, zero if it does not exist. If the path had changed so shortly
// before that a further change need not show in its times, fresh is set.
type seen struct {
	stamp sourcefile.Stamp
	fresh bool
}

// newWatcher returns a watcher without directories. It ignores changes of paths for which
// ignore returns true.
func newWatcher(log *slog.Logger, in inotify, ignore func(path string) bool) *watcher {
	w := &watcher{
		inotify: in, log: log, ignore: ignore, watched: &watched{},
		changed: make(chan struct{}, 1), polling: make(chan struct{}, 1), stop: make(chan struct{}),
	}
	w.running.Go(w.poll)
	return w
}

// forward turns events into signals. Errors count as a change: if the queue was full,
// events were lost.
func (w *watcher) forward(from *fsnotify.Watcher) {
	for {
		select {
		case e, ok := <-from.Events:
			if !ok {
				return
			}
			if w.ignore(e.Name) {
				continue
			}
		case err, ok := <-from.Errors:
			if !ok {
				return
			}
			w.log.Debug("watching", "err", err)
		}
		w.signal()
	}
}

// signal reports a change, unless one is reported already.
func (w *watcher) signal() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// Set watches these directories and no others.
func (w *watcher) Set(to *watched) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.watched = to
	if w.fs != nil {
		for _, dir := range w.fs.WatchList() {
			if !slices.Contains(to.dirs, dir) {
				_ = w.fs.Remove(dir)
			}
		}
	}
	w.watchAll()
}

// watchAll watches all directories that are not watched yet. If that fails for some, they
// are polled, and the watcher has a problem. It reports whether one of them has changed
// since the last comparison.
func (w *watcher) watchAll() (changed bool) {
	var unwatched []string
	var why error
	if w.fs == nil {
		var err error
		if w.fs, err = w.inotify.open(); err != nil {
			w.fs, unwatched, why = nil, w.watched.dirs, err
		} else {
			from := w.fs
			w.running.Go(func() { w.forward(from) })
		}
	}
	if w.fs != nil {
		have := w.fs.WatchList()
		for _, dir := range w.watched.dirs {
			if slices.Contains(have, dir) {
				continue
			}
			if err := w.inotify.add(w.fs, dir); err != nil {
				unwatched = append(unwatched, dir)
				if why == nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTDIR) {
					why = fmt.Errorf("cannot watch %s: %w", dir, err)
				}
			}
		}
	}
	if why == nil { // a directory that is not there appears in one that is watched
		w.setProblem(nil)
		w.seen = nil
		return false
	}
	w.setProblem(why)
	changed = w.compare(unwatched)
	select {
	case w.polling <- struct{}{}:
	default:
	}
	return changed
}

// setProblem records why some directories cannot be watched, nil if all are.
func (w *watcher) setProblem(why error) {
	if why == nil {
		if w.problem != nil {
			w.log.Info("watching by inotify again")
		}
		w.problem = nil
		return
	}
	text := why.Error()
	switch { // the kernel's own texts are about disks and files
	case errors.Is(why, unix.ENOSPC):
		text = "the limit of inotify watches is reached: raise fs.inotify.max_user_watches"
	case errors.Is(why, unix.EMFILE):
		text = "the limit of inotify instances is reached: raise fs.inotify.max_user_instances"
	}
	if w.problem == nil || w.problem.Why != text {
		w.log.Warn("inotify not usable, polling", "err", text)
	}
	w.problem = &wire.Problem{Name: "watch", State: "polling", Why: text}
}

// compare compares directories, and the files that matter in them, with the last
// comparison, and reports whether one has changed. A new path has not.
func (w *watcher) compare(dirs []string) (changed bool) {
	now := time.Now()
	next := make(map[string]seen, len(dirs)+len(w.watched.files))
	look := func(path string) {
		var s seen
		if fi, err := os.Stat(path); err == nil {
			s.stamp = sourcefile.StampOf(fi)
			s.fresh = s.stamp.Fresh(now)
		}
		last, known := w.seen[path]
		changed = changed || known && (last.stamp != s.stamp || last.fresh)
		next[path] = s
	}
	for _, dir := range dirs {
		look(dir)
	}
	for path := range w.watched.files {
		if slices.Contains(dirs, filepath.Dir(path)) {
			look(path)
		}
	}
	w.seen = next
	return changed
}

// poll compares what inotify does not watch, while there is such a thing.
func (w *watcher) poll() {
	for {
		select {
		case <-w.stop:
			return
		case <-w.polling:
		}
		select {
		case <-w.stop:
			return
		case <-time.After(pollInterval):
		}
		w.pollOnce()
	}
}

// pollOnce compares what inotify does not watch, and tries to watch it.
func (w *watcher) pollOnce() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen == nil {
		return
	}
	// What inotify can watch now may have changed since the last comparison.
	before, paths := *w.problem, len(w.seen)
	if w.watchAll() || w.problem == nil || *w.problem != before || len(w.seen) != paths {
		w.signal()
	}
}

// Problem returns why some directories cannot be watched, nil if all are.
func (w *watcher) Problem() *wire.Problem {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.problem
}

// Changed returns the channel that has a value after a change.
func (w *watcher) Changed() <-chan struct{} { return w.changed }

// WaitQuiet waits until there was no change for quiet, at most ten times as long. It returns
// false if ctx ends.
func (w *watcher) WaitQuiet(ctx context.Context, quiet time.Duration) bool {
	end := time.NewTimer(10 * quiet)
	defer end.Stop()
	for {
		t := time.NewTimer(quiet)
		select {
		case <-ctx.Done():
			t.Stop()
			return false
		case <-end.C:
			t.Stop()
			return true
		case <-t.C:
			return true
		case <-w.changed:
			t.Stop()
		}
	}
}

// Close stops watching.
func (w *watcher) Close() {
	close(w.stop)
	w.mu.Lock()
	if w.fs != nil {
		_ = w.fs.Close()
	}
	w.mu.Unlock()
	w.running.Wait()
}
