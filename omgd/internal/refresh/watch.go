package refresh

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// watcher tells that something changed in one of some directories. Without
// inotify (its limits used up) it tells nothing, and the interval is left.
type watcher struct {
	fs      *fsnotify.Watcher
	log     *slog.Logger
	changed chan struct{}
	done    chan struct{}
}

// newWatcher returns a watcher of nothing yet, which passes over the files for
// which ignore returns true.
func newWatcher(log *slog.Logger, ignore func(path string) bool) *watcher {
	w := &watcher{log: log, changed: make(chan struct{}, 1), done: make(chan struct{})}
	fs, err := fsnotify.NewWatcher()
	if err != nil {
		log.Warn("changes are seen at the next interval only", "err", err)
		close(w.done)
		return w
	}
	w.fs = fs
	go w.forward(ignore)
	return w
}

// forward turns events, and errors (the queue was full: something changed),
// into at most one pending signal.
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

// Changed has a value when something changed since it was last received from.
func (w *watcher) Changed() <-chan struct{} { return w.changed }

// Settle waits until nothing changed for a while, at most ten times as long. It
// returns false when ctx is done.
func (w *watcher) Settle(ctx context.Context, quiet time.Duration) bool {
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
