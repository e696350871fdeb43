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

// pollInterval is the pause between two comparisons of the paths that inotify cannot watch. A comparison
// calls stat once for each directory that inotify cannot watch, and once for each file in it that matters.
const pollInterval = time.Second

// watcher reports changes in directories. If inotify cannot watch a directory, because a limit of the kernel
// is reached, the watcher compares the directory every pollInterval instead. Each time it also tries again to
// watch the directory.
type watcher struct {
	inotify            inotifyCalls
	isPathIgnored      func(path string) bool
	log                *slog.Logger
	changed            chan struct{}
	pollingRequested   chan struct{} // has a value if polling has to begin
	stopSignal         chan struct{}
	goroutineWaitGroup sync.WaitGroup

	mu           sync.Mutex // guards the following fields
	fsWatcher    *fsnotify.Watcher
	watchedPaths *watchedPaths
	pathStates   map[string]pathState // the last state of each path that inotify does not watch; nil if inotify watches all paths
	problem      *wire.Problem
}

// inotifyCalls has the system calls that can fail because a limit of the kernel is reached.
type inotifyCalls struct {
	open func() (*fsnotify.Watcher, error)
	add  func(w *fsnotify.Watcher, dir string) error
}

func realInotifyCalls() inotifyCalls {
	return inotifyCalls{fsnotify.NewWatcher, (*fsnotify.Watcher).Add}
}

// pathState is the last known state of a path. The stamp is zero if the path does not exist. The field changedRecently is
// set if the path changed just before it was compared: another change so soon after that might not show in
// the times of the path.
type pathState struct {
	stamp           sourcefile.Stamp
	changedRecently bool
}

// newWatcher returns a watcher without directories. The watcher ignores a change of a path if ignore(path)
// returns true.
func newWatcher(log *slog.Logger, in inotifyCalls, ignore func(path string) bool) *watcher {
	w := &watcher{
		inotify: in, log: log, isPathIgnored: ignore, watchedPaths: &watchedPaths{},
		changed: make(chan struct{}, 1), pollingRequested: make(chan struct{}, 1), stopSignal: make(chan struct{}),
	}
	w.goroutineWaitGroup.Go(w.poll)
	return w
}

// forward signals a change for each event of inotify. An error is treated like a change, because events are
// lost if the kernel's queue is full.
func (w *watcher) forward(from *fsnotify.Watcher) {
	for {
		select {
		case e, ok := <-from.Events:
			if !ok {
				return
			}
			if w.isPathIgnored(e.Name) {
				continue
			}
		case err, ok := <-from.Errors:
			if !ok {
				return
			}
			w.log.Debug("watching", "err", err)
		}
		w.signalChange()
	}
}

// signalChange reports a change, unless an earlier one was reported and not received yet.
func (w *watcher) signalChange() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// SetPaths makes the watcher watch these directories, and no other directories.
func (w *watcher) SetPaths(to *watchedPaths) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.watchedPaths = to
	if w.fsWatcher != nil {
		for _, dir := range w.fsWatcher.WatchList() {
			if !slices.Contains(to.dirs, dir) {
				_ = w.fsWatcher.Remove(dir)
			}
		}
	}
	w.watchAll()
}

// watchAll tries to watch all directories that inotify does not watch yet. If that fails for some
// directories, they are polled, and watchAll records the problem. watchAll reports whether one of the polled
// paths has changed since the last comparison.
func (w *watcher) watchAll() (changed bool) {
	var unwatched []string
	var why error
	if w.fsWatcher == nil {
		var err error
		if w.fsWatcher, err = w.inotify.open(); err != nil {
			w.fsWatcher, unwatched, why = nil, w.watchedPaths.dirs, err
		} else {
			from := w.fsWatcher
			w.goroutineWaitGroup.Go(func() { w.forward(from) })
		}
	}
	if w.fsWatcher != nil {
		have := w.fsWatcher.WatchList()
		for _, dir := range w.watchedPaths.dirs {
			if slices.Contains(have, dir) {
				continue
			}
			if err := w.inotify.add(w.fsWatcher, dir); err != nil {
				unwatched = append(unwatched, dir)
				if why == nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTDIR) {
					why = fmt.Errorf("cannot watch %s: %w", dir, err)
				}
			}
		}
	}
	if why == nil { // a missing directory is not a problem: another watch reports its creation
		w.setProblem(nil)
		w.pathStates = nil
		return false
	}
	w.setProblem(why)
	changed = w.compare(unwatched)
	select {
	case w.pollingRequested <- struct{}{}:
	default:
	}
	return changed
}

// setProblem records why some directories cannot be watched; nil means that all are watched.
func (w *watcher) setProblem(why error) {
	if why == nil {
		if w.problem != nil {
			w.log.Info("watching by inotify again")
		}
		w.problem = nil
		return
	}
	text := why.Error()
	switch { // the kernel's messages for these errors mention disks and files, and not inotify
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

// compare compares these directories, and the files in them that matter, with their state at the last
// comparison. It reports whether a path has changed. A path that is compared for the first time has not
// changed.
func (w *watcher) compare(dirs []string) (changed bool) {
	now := time.Now()
	next := make(map[string]pathState, len(dirs)+len(w.watchedPaths.relevantFiles))
	look := func(path string) {
		var s pathState
		if fi, err := os.Stat(path); err == nil {
			s.stamp = sourcefile.StampOf(fi)
			s.changedRecently = s.stamp.MayStillChange(now)
		}
		last, known := w.pathStates[path]
		changed = changed || known && (last.stamp != s.stamp || last.changedRecently)
		next[path] = s
	}
	for _, dir := range dirs {
		look(dir)
	}
	for path := range w.watchedPaths.relevantFiles {
		if slices.Contains(dirs, filepath.Dir(path)) {
			look(path)
		}
	}
	w.pathStates = next
	return changed
}

// poll calls pollOnce every pollInterval while there are paths that inotify does not watch.
func (w *watcher) poll() {
	for {
		select {
		case <-w.stopSignal:
			return
		case <-w.pollingRequested:
		}
		select {
		case <-w.stopSignal:
			return
		case <-time.After(pollInterval):
		}
		w.pollOnce()
	}
}

// pollOnce compares the paths that inotify does not watch, and tries again to watch them.
func (w *watcher) pollOnce() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pathStates == nil {
		return
	}
	// A path that inotify can watch now may have changed since the last comparison.
	before, paths := *w.problem, len(w.pathStates)
	if w.watchAll() || w.problem == nil || *w.problem != before || len(w.pathStates) != paths {
		w.signalChange()
	}
}

// Problem returns why some directories cannot be watched, or nil if all are watched.
func (w *watcher) Problem() *wire.Problem {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.problem
}

// Changed returns the channel that has a value after a change.
func (w *watcher) Changed() <-chan struct{} { return w.changed }

// WaitQuiet waits until nothing has changed for the given duration. After ten times that duration it stops
// waiting. It returns false if ctx ends first.
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

// Close stops watching, and waits for the watcher's goroutines.
func (w *watcher) Close() {
	close(w.stopSignal)
	w.mu.Lock()
	if w.fsWatcher != nil {
		_ = w.fsWatcher.Close()
	}
	w.mu.Unlock()
	w.goroutineWaitGroup.Wait()
}
