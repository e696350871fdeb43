// Package refresh keeps the daemon's state right. It is the only writer: it
// looks at the databases and the index files at the start, when they change and
// from time to time, has an index built when there is none or its sources have
// changed, and swaps a new state in.
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
	"sync/atomic"
	"time"

	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/shared/answers"
	"github.com/omg-arch/omg/shared/catalog"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

const (
	interval = 300 * time.Second
	// settle is how long the databases must be quiet after a change before they
	// are read: a transaction touches many files one after the other.
	settle = 200 * time.Millisecond
)

// Config says what a worker refreshes.
type Config struct {
	Catalog catalog.Config
	// Given are index files built elsewhere: served as they are, never rebuilt.
	Given []string
	// Own is the index file that is ours to build.
	Own    string
	Trust  func(uid uint32) bool
	Holder *state.Holder
	Log    *slog.Logger
}

// Worker refreshes the state in its Holder.
type Worker struct {
	Config
	kick       chan struct{}
	suspect    atomic.Bool
	checks     sync.WaitGroup
	indexes    map[string]*opened
	stamps     catalog.Stamps
	generation uint64
	last       *snapshot
}

// opened is an index file as it was when it was mapped.
type opened struct {
	index *state.Index
	stamp pacmandb.FileStamp
	bad   error
}

// snapshot is what the current state was made from, to know a change.
type snapshot struct {
	indexes []*state.Index
	view    pkgindex.View
	sources []wire.Source
}

// New returns a worker. Its Run does the work; what else it has may be called
// before, too.
func New(c Config) *Worker {
	return &Worker{Config: c, kick: make(chan struct{}, 1), indexes: make(map[string]*opened)}
}

// Kick asks for a refresh soon. It never waits.
func (w *Worker) Kick() {
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

// Suspect says that an index contradicted itself or vanished under a reader:
// all of them are checked as a whole, soon.
func (w *Worker) Suspect() {
	w.suspect.Store(true)
	w.Kick()
}

// Run refreshes until ctx is done, and leaves no state.
func (w *Worker) Run(ctx context.Context) {
	watch := newWatcher(w.Log, w.irrelevant)
	defer watch.Close()
	defer w.closeAll()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		w.refresh(ctx)
		watch.Set(w.watched())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-w.kick:
		case <-watch.Changed():
			if !watch.Settle(ctx, settle) {
				return
			}
		}
	}
}

// irrelevant are the changes in watched directories that say nothing: whatever
// lies beside an index file but is none.
func (w *Worker) irrelevant(path string) bool {
	if filepath.Dir(path) != filepath.Dir(w.Own) {
		return false
	}
	return path != w.Own && !slices.Contains(w.Given, path)
}

// watched are the directories in which something may change.
func (w *Worker) watched() []string {
	dirs := []string{filepath.Dir(w.Own)}
	for _, p := range w.Given {
		dirs = append(dirs, filepath.Dir(p))
	}
	if repos, err := w.Catalog.ReadRepos(); err == nil {
		for _, r := range repos.List {
			dirs = append(dirs, filepath.Dir(r.Path))
		}
		if repos.Config != nil {
			for _, f := range repos.Config.Files {
				dirs = append(dirs, filepath.Dir(f))
			}
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// refresh looks at everything once. A panic is this refresh's and not the
// daemon's.
func (w *Worker) refresh(ctx context.Context) {
	defer func() {
		if r := recover(); r != nil {
			w.Log.Error("refresh failed", "panic", r)
		}
	}()
	if w.suspect.Swap(false) {
		for path, o := range w.indexes {
			w.note(path, o, o.index.Check())
		}
	}
	repos, err := w.Catalog.ReadRepos()
	if err != nil {
		w.Log.Warn("cannot read the repositories", "err", err)
		if w.last == nil {
			w.Holder.Swap(nil, err.Error())
		}
		return
	}
	indexes, why, err := w.usable(ctx, repos)
	if err != nil {
		w.Log.Warn("no usable index", "err", err)
		if w.last == nil {
			w.Holder.Swap(nil, err.Error())
			return
		}
		// What is mapped goes on being served, and says that it is old.
		indexes, why = w.last.indexes, []string{}
		for _, r := range repos.List {
			why = append(why, r.Name+" cannot be read: "+err.Error())
		}
	}
	w.publish(snapshot{indexes: indexes, view: repos.View(), sources: repos.Sources(why)})
}

// publish swaps a new state in if it differs from the current one.
func (w *Worker) publish(next snapshot) {
	if w.last != nil && slices.Equal(next.indexes, w.last.indexes) && equalView(next.view, w.last.view) &&
		slices.Equal(next.sources, w.last.sources) {
		return
	}
	files := make([]*pkgindex.File, len(next.indexes))
	for i, x := range next.indexes {
		files[i] = x.File
	}
	set, err := pkgindex.NewSet(files, next.view)
	if err != nil {
		w.Log.Error("cannot use the index", "err", err)
		return
	}
	w.generation++
	w.Holder.Swap(state.New(answers.Data{
		Set: set, Generation: w.generation, Sources: next.sources,
	}, next.indexes), "")
	w.last = &next
	w.Log.Info("new state", "generation", w.generation, "packages", set.Packages())
}

func equalView(a, b pkgindex.View) bool {
	return slices.Equal(a.Repos, b.Repos) && slices.Equal(a.NoSearch, b.NoSearch) && slices.Equal(a.Installed, b.Installed)
}

// usable returns the mapped indexes to serve, and what is stale in them. Given
// ones are served as they are; when none can be used, or none is given, ours is
// served, built first unless it is current.
func (w *Worker) usable(ctx context.Context, repos *catalog.Repos) (indexes []*state.Index, stale []string, err error) {
	for _, path := range w.Given {
		x, err := w.open(path)
		if err != nil {
			w.Log.Error("cannot use the given index", "err", err)
			continue
		}
		indexes = append(indexes, x)
		stale = append(stale, repos.Stale(x.File, w.stamps)...)
	}
	if len(indexes) > 0 {
		return indexes, stale, nil
	}
	x, err := w.open(w.Own)
	if err == nil {
		if w.stamps == nil {
			w.stamps = catalog.ReadStamps(w.Own, w.Trust)
		}
		if stale = repos.Stale(x.File, w.stamps); len(stale) == 0 {
			return []*state.Index{x}, nil, nil
		}
		w.Log.Info("the index is not current", "why", stale)
	} else if !errors.Is(err, fs.ErrNotExist) {
		w.Log.Warn("cannot use the index, building it anew", "err", err)
	}
	if err := w.buildIndex(ctx, w.Own); err != nil {
		return nil, nil, err
	}
	w.stamps = catalog.ReadStamps(w.Own, w.Trust)
	if x, err = w.open(w.Own); err != nil {
		return nil, nil, err
	}
	return []*state.Index{x}, repos.Stale(x.File, w.stamps), nil
}

// open maps an index, or returns the mapping that there is if the file is still
// the same. A newly mapped one is checked as a whole in the background.
func (w *Worker) open(path string) (*state.Index, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	stamp := pacmandb.StampOf(fi)
	old := w.indexes[path]
	if old != nil && old.stamp == stamp {
		return old.index, old.bad
	}
	f, err := pkgindex.Open(path, w.Trust)
	if err != nil {
		return nil, err
	}
	if old != nil {
		old.index.Release()
	}
	o := &opened{index: state.NewIndex(f), stamp: stamp}
	w.indexes[path] = o
	w.checkLater(o.index)
	return o.index, nil
}

// checkLater reads a newly mapped index as a whole without holding anything up.
func (w *Worker) checkLater(x *state.Index) {
	x.Retain()
	w.checks.Go(func() {
		defer x.Release()
		if err := x.Check(); err != nil {
			w.Suspect()
		}
	})
}

// note remembers that an index failed its check, so that it is not used again
// until its file is another one.
func (w *Worker) note(path string, o *opened, err error) {
	if err != nil && o.bad == nil {
		o.bad = fmt.Errorf("%s: %w", path, err)
		w.Log.Error("the index failed its check", "err", o.bad)
	}
}

func (w *Worker) closeAll() {
	w.checks.Wait()
	w.Holder.Swap(nil, "the daemon is ending")
	for _, o := range w.indexes {
		o.index.Release()
	}
}
