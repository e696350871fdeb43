package refresh

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// watcher watches directories for changes. Without inotify (its limits are reached) it
// reports none, and changes are only seen once an interval.
type watcher struct {
	fs      *fsnotify.Watcher
	log     *slog.Logger
	changed chan struct{}
	done    chan struct{}
}

// newWatcher returns a watcher without directories. It ignores changes of paths for which
// ignore returns true.
func newWatcher(log *slog.Logger, ignore func(path string) bool) *watcher {
	w := &watcher{log: log, changed: make(chan struct{}, 1), done: make(chan struct{})}
	fs, err := fsnotify.NewWatcher()
	if err != nil {
		log.Warn("inotify not available", "err", err)
		close(w.done)
		return w
	}
	w.fs = fs
	go w.forward(ignore)
	return w
}

// forward turns events into at most one pending signal. Errors count as a change: if the
// queue was full, events were lost.
func (w *watcher) forward(ignore func(string) bool) {
	defer close(w.done)
	for {
		select {
		case e, ok := <-w.fs.Events:
			if !ok {
				return
			}
			if ignore(e.Name) {
				continue
			}
		case err, ok := <-w.fs.Errors:
			if !ok {
				return
			}
			w.log.Debug("watching", "err", err)
		}
		select {
		case w.changed <- struct{}{}:
		default:
		}
	}
}

// Set watches these directories and no others.
func (w *watcher) Set(dirs []string) {
	if w.fs == nil {
		return
	}
	have := w.fs.WatchList()
	for _, d := range have {
		if !slices.Contains(dirs, d) {
			_ = w.fs.Remove(d)
		}
	}
	for _, d := range dirs {
		if slices.Contains(have, d) {
			continue
		}
		if err := w.fs.Add(d); err != nil {
			w.log.Debug("cannot watch", "dir", d, "err", err)
		}
	}
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

func (w *watcher) Close() {
	if w.fs != nil {
		_ = w.fs.Close()
	}
	<-w.done
}
