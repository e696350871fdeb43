// Package refresh keeps the daemon's snapshot up to date, and is its only writer. It
// reads the sources at the start, when they change and once an interval, has the index
// of a repository built if it is missing or its database has changed, and swaps a new
// snapshot in.
//
// One refresh:
//
//	pacman.conf ─> local database ─> each repository and its index ─> snapshot.Inputs ─> snapshot.Build ─> swap
//
// A refresh does not wait long for the build of an index: it publishes a snapshot with
// the earlier index, marked as stale, or without one. The end of the build causes
// another refresh.
package refresh

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omg-arch/omg/omgd/internal/alpm"
	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/wire"
)

const (
	// DefaultInterval is the default time between two refreshes without a change.
	DefaultInterval = 300 * time.Second
	// debounce is how long the files must be unchanged after a change before they are
	// read: a transaction changes many of them.
	debounce = 50 * time.Millisecond
	// freshPause is the pause before the local database is read again if it changed so
	// shortly before it was read that a further change would not show in its times.
	freshPause = 100 * time.Millisecond
	// buildWait is how long a refresh waits for indexes that are being built, so that
	// most changes are published in one step.
	buildWait = time.Second
)

// Config configures a Refresher.
type Config struct {
	// Interval is the time between two refreshes without a change; 0 for DefaultInterval.
	Interval time.Duration
	Pacman   sources.Config
	// StaticIndexes are index files built elsewhere: served as they are, never rebuilt.
	StaticIndexes []string
	// IndexDir is the directory of the index files that omgd builds.
	IndexDir string
	// SharedIndexDir is a directory of indexes that another omgd builds, empty for none.
	// An index there that is current is used instead of building one.
	SharedIndexDir string
	// Build builds the index of a database; nil for indexer.Build.
	Build  func(ctx context.Context, database string) (Image, error)
	Trust  func(uid uint32) bool
	Holder *state.Holder
	Log    *slog.Logger
	// Alpm runs libalpm's worker.
	Alpm *alpm.Worker
	// Tracker returns the security tracker's records; nil if it is disabled.
	Tracker func() *snapshot.TrackerData
	// AUR returns the state of the AUR, and Replies its replies about the foreign packages,
	// nil for none yet. Both are nil if the AUR is disabled. StaleAUR is the age from which
	// an AUR index that was built elsewhere is stale.
	AUR      func() wire.Source
	Replies  func() *snapshot.AURReplies
	StaleAUR time.Duration
	// Downloads are the downloaded databases; nil if they are disabled.
	Downloads       *sources.Downloads
	SearchDownloads bool
	// Runtimes takes the versions of runtimes that are installed packages, and returns the
	// active runtimes and the system's; nil if it is disabled.
	Runtimes func(system map[string]string) ([]wire.Runtime, map[string]string)
	// OnSuccess is called after every refresh that did not fail.
	OnSuccess func()
	// OnRefresh is called with the duration of each refresh, unless it is nil.
	OnRefresh func(time.Duration)
}

// Refresher refreshes the snapshot in its Holder.
type Refresher struct {
	config   Config
	kick     chan struct{}
	interval atomic.Int64  // nanoseconds
	retime   chan struct{} // interval has changed
	ended    chan struct{} // closed when Run has returned
	suspect  atomic.Bool
	builds   *builds
	watching atomic.Pointer[watched]
	inotify  inotify                 // tests change it
	watcher  atomic.Pointer[watcher] // nil before Run

	// The following fields belong to the goroutine that refreshes.
	files      *files
	generation uint64
	again      time.Duration    // pause before the next refresh, 0 for the interval
	last       *snapshot.Inputs // of the current snapshot

	confirm confirmation
	failed  atomic.Pointer[wire.Problem] // why the last refresh failed, nil if it did not

	mu      sync.Mutex
	waiting []chan struct{} // for the end of a refresh that has been requested and has not begun
	userAt  time.Time       // when the last requested refresh ended
	pause   time.Duration   // userPause; tests change it
}

// New returns a refresher. Run does the work; the other methods may be called before it.
func New(c Config) *Refresher {
	if c.Build == nil {
		c.Build = buildIndex
	}
	r := &Refresher{
		config: c, kick: make(chan struct{}, 1), retime: make(chan struct{}, 1), ended: make(chan struct{}),
		pause: userPause, inotify: kernelInotify(),
	}
	r.confirm.pending = make(chan struct{}, 1)
	r.files = newFiles(c.Trust, c.Log, r.Recheck)
	r.builds = newBuilds(r)
	r.interval.Store(int64(cmp.Or(c.Interval, DefaultInterval)))
	return r
}

// Kick asks for a refresh soon. It never waits.
func (r *Refresher) Kick() {
	select {
	case r.kick <- struct{}{}:
	default:
	}
}

// userPause is how long after a requested refresh a further request has no effect.
const userPause = 5 * time.Second

// Refresh requests a refresh and waits for its end. It returns false, at once, if the
// last requested refresh ended less than userPause ago.
func (r *Refresher) Refresh(ctx context.Context) (bool, error) {
	r.mu.Lock()
	if time.Since(r.userAt) < r.pause {
		r.mu.Unlock()
		return false, nil
	}
	done := make(chan struct{})
	r.waiting = append(r.waiting, done)
	r.Kick() // under the lock, so that takeWaiting gets both or neither
	r.mu.Unlock()
	select {
	case <-done:
		return true, nil
	case <-r.ended:
		return false, ErrStopped
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// ErrStopped means that Run has ended.
var ErrStopped = wire.Errorf(wire.CodeShuttingDown, "omgd is shutting down")

// takeWaiting takes the pending requests for a refresh, and returns the function that
// reports its end to them.
func (r *Refresher) takeWaiting() func() {
	r.mu.Lock()
	defer r.mu.Unlock()
	waiting := r.waiting
	r.waiting = nil
	select {
	case <-r.kick: // served by the refresh that begins now
	default:
	}
	return func() {
		if len(waiting) == 0 {
			return
		}
		r.mu.Lock()
		r.userAt = time.Now()
		r.mu.Unlock()
		for _, done := range waiting {
			close(done)
		}
	}
}

// Recheck requests a complete check of all indexes, because one was found to be damaged
// or truncated.
func (r *Refresher) Recheck() {
	r.suspect.Store(true)
	r.Kick()
}

// Interval returns the time between two refreshes without a change.
func (r *Refresher) Interval() time.Duration { return time.Duration(r.interval.Load()) }

// SetInterval changes the interval and restarts it.
func (r *Refresher) SetInterval(d time.Duration) {
	if r.interval.Swap(int64(d)) == int64(d) {
		return
	}
	select {
	case r.retime <- struct{}{}:
	default:
	}
}

// Run refreshes until ctx ends. The snapshot stays until Close.
func (r *Refresher) Run(ctx context.Context) {
	defer close(r.ended)
	watch := newWatcher(r.config.Log, r.inotify, r.irrelevant)
	defer watch.Close()
	r.watcher.Store(watch)
	var helpers sync.WaitGroup
	helpersCtx, stop := context.WithCancel(ctx)
	helpers.Go(func() { r.confirmAll(helpersCtx) })
	r.builds.begin(helpersCtx)
	defer func() {
		stop()
		helpers.Wait()
		r.builds.wait()
	}()
	tick := time.NewTicker(r.Interval())
	defer tick.Stop()
	for {
		r.refresh(ctx, watch)
		var again <-chan time.Time
		if r.again > 0 {
			again = time.After(r.again)
		}
		select {
		case <-ctx.Done():
			return
		case <-r.retime:
			tick.Reset(r.Interval())
		case <-tick.C:
		case <-again:
		case <-r.kick:
		case <-watch.Changed():
			if !watch.WaitQuiet(ctx, debounce) {
				return
			}
		}
	}
}

// watched are the watched directories. In some of them only certain files matter.
type watched struct {
	dirs   []string
	partly map[string]bool // directories in which only files matters
	files  map[string]bool // the paths that matter there
}

// irrelevant reports whether a change in a watched directory is of a file that does not
// matter, such as one beside pacman.conf.
func (r *Refresher) irrelevant(path string) bool {
	w := r.watching.Load()
	return w != nil && w.partly[filepath.Dir(path)] && !w.files[path]
}

// watchedIndexes returns the index files to watch, because other programs may write,
// remove or damage them: those of IndexDir and of Config.StaticIndexes. dirs are directories in
// StaticIndexes, in which all files matter.
func (r *Refresher) watchedIndexes(pacman *sources.Pacman) (dirs, files []string) {
	for _, given := range r.config.StaticIndexes {
		if fi, err := os.Stat(given); err == nil && fi.IsDir() {
			dirs = append(dirs, given)
		} else {
			files = append(files, given)
		}
	}
	for i := range pacman.Repositories {
		files = append(files, sources.IndexPath(r.config.IndexDir, pkgindex.KindRepo, pacman.Repositories[i].Name))
	}
	return dirs, append(files, sources.IndexPath(r.config.IndexDir, pkgindex.KindAUR, wire.SourceAUR))
}

// watch watches the files that pacman's configuration names, and the indexes. It reports
// whether there are more directories than before.
func (r *Refresher) watch(watch *watcher, pacman *sources.Pacman) (more bool) {
	whole, files := pacman.WatchPaths()
	dirs, indexes := r.watchedIndexes(pacman)
	whole, files = append(whole, dirs...), append(files, indexes...)
	w := &watched{partly: map[string]bool{}, files: map[string]bool{}}
	for _, path := range files {
		w.files[path] = true
		if dir := filepath.Dir(path); !slices.Contains(whole, dir) && !w.partly[dir] {
			w.partly[dir] = true
			w.dirs = append(w.dirs, dir)
		}
	}
	w.dirs = append(w.dirs, whole...)
	before := r.watching.Swap(w)
	more = before == nil
	for _, dir := range w.dirs {
		more = more || !slices.Contains(before.dirs, dir)
	}
	watch.Set(w)
	return more
}

// readPacman reads pacman's configuration and watches the files that it names. It reads
// again when there are more files to watch, so that no change in between is missed.
func (r *Refresher) readPacman(watch *watcher) (*sources.Pacman, error) {
	for {
		pacman, err := r.config.Pacman.Read()
		if err != nil || watch == nil || !r.watch(watch, pacman) {
			return pacman, err
		}
	}
}

// refresh refreshes once. A panic fails this refresh and not the daemon.
func (r *Refresher) refresh(ctx context.Context, watch *watcher) {
	defer r.takeWaiting()()
	if r.config.OnRefresh != nil {
		start := time.Now()
		defer func() { r.config.OnRefresh(time.Since(start)) }()
	}
	r.again = 0
	if err := r.guarded("the refresh", func() error { return r.read(ctx, watch) }); err != nil {
		r.fail(err)
	}
}

// read gathers the inputs and publishes them.
func (r *Refresher) read(ctx context.Context, watch *watcher) error {
	if r.suspect.Swap(false) {
		r.files.checkAll()
	}
	pacman, err := r.readPacman(watch)
	if err != nil {
		return err
	}
	lock := sources.ReadLock(pacman.DBPath)
	if lock.Wait > 0 && r.canWait() {
		r.again = lock.Wait // a transaction is running: try again later
		return nil
	}
	in, files := r.gather(ctx, pacman, lock)
	if r.last == nil {
		for _, path := range pacman.RemoveUnused(r.config.IndexDir, r.config.Trust) {
			r.config.Log.Info("unused index removed", "path", path)
		}
	}
	// If a transaction began meanwhile, the inputs may be half old and half new.
	if now := sources.ReadLock(pacman.DBPath); now.Wait > 0 && r.canWait() {
		r.again = now.Wait
		return nil
	}
	return r.publish(in, files)
}

// canWait reports whether the current snapshot can answer until a transaction ends: it
// exists and no repository waits for its first index.
func (r *Refresher) canWait() bool {
	return r.last != nil && !slices.ContainsFunc(r.last.Repositories, func(s snapshot.IndexedSource) bool { return s.Building })
}

// fail records that a refresh failed, for the status. The current snapshot stays; if
// there is none, the holder gets the reason.
func (r *Refresher) fail(err error) {
	r.config.Log.Warn("refresh failed", "err", err)
	r.failed.Store(&wire.Problem{Name: "refresh", State: "failed", Why: err.Error()})
	if r.last == nil {
		r.config.Holder.SetError(err.Error())
	}
}

// Problems returns the problems of the refresher, for the status.
func (r *Refresher) Problems() (list []wire.Problem) {
	var watch *wire.Problem
	if w := r.watcher.Load(); w != nil {
		watch = w.Problem()
	}
	for _, p := range []*wire.Problem{r.failed.Load(), watch, r.builds.problem(), r.confirm.problem.Load()} {
		if p != nil {
			list = append(list, *p)
		}
	}
	return list
}

// Close drops the snapshot and the indexes, when Run and all requests have ended.
func (r *Refresher) Close() {
	r.config.Holder.SetError("omgd is shutting down")
	r.files.close()
}
