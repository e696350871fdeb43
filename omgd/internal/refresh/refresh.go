// Package refresh keeps the daemon's snapshot up to date; no other package replaces the snapshot. It reads
// the sources at the start, when they change, and once an interval. It has the index of a repository built if
// the index is missing, or if the repository's database has changed. Then it makes a new snapshot the current
// one.
//
// One refresh:
//
//	pacman.conf ─> local database ─> each repository and its index ─> snapshot.Inputs ─> snapshot.Build ─> swap
//
// A refresh does not wait long for the build of an index. Until the build ends, the snapshot has the earlier
// index, marked as stale, or no index. The end of the build causes another refresh.
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
	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/wire"
)

const (
	// DefaultInterval is the default time between two refreshes if nothing changes.
	DefaultInterval = 300 * time.Second
	// debounce is how long the files must stay unchanged after a change before they are read, because a
	// pacman transaction changes many files.
	debounce = 50 * time.Millisecond
	// rereadPause is the pause before the local database is read a second time. That is necessary if the
	// database changed so shortly before the first reading that a further change would not show in the files'
	// times.
	rereadPause = 100 * time.Millisecond
	// buildWait is how long a refresh waits for indexes that are being built, so that
	// most changes are published in one step.
	buildWait = time.Second
)

// Config configures a Refresher.
type Config struct {
	// Interval is the time between two refreshes if nothing changes; 0 means DefaultInterval.
	Interval time.Duration
	Pacman   sources.Config
	// StaticIndexes are index files that were built elsewhere, or directories of such files. They are used as
	// they are, and never rebuilt.
	StaticIndexes []string
	// IndexDir is the directory of the index files that omgd builds.
	IndexDir string
	// SharedIndexDir is a directory of indexes that another omgd builds, empty for none. An index in this
	// directory is used if it is up to date, so that it need not be built again.
	SharedIndexDir string
	// Build builds the index of a database, with the shares of machines in the file at the path popularity, unless it is "". BuildFiles
	// builds the index of a database with file lists. If one of them is nil, omg-index builds the index.
	Build          func(ctx context.Context, database, popularity string) (IndexImage[*pkgindex.File], error)
	BuildFiles     func(ctx context.Context, database string) (IndexImage[*filesindex.File], error)
	IsTrustedOwner func(uid uint32) bool
	SnapshotHolder *state.Holder
	Log            *slog.Logger
	// Alpm runs omg-alpm-worker.
	Alpm *alpm.Worker
	// TrackerData returns the advisories of the security tracker; nil if the tracker is disabled.
	TrackerData func() *snapshot.TrackerData
	// News returns Arch's news; nil if they are disabled.
	News func() *snapshot.NewsData
	// Popularity describes the shares of machines, which are in the file at the path that PopularityPath returns; nil if they are disabled.
	Popularity     func() *snapshot.PopularityData
	PopularityPath func() string
	// AURSource returns the state of the AUR. AURReplies returns the AUR's replies about the foreign packages, or nil
	// if there are none yet. Both functions are nil if the AUR is disabled. AURStaleAfter is the age from which an
	// AURSource index that was built elsewhere is stale.
	AURSource  func() wire.Source
	AURReplies func() *snapshot.AURReplies
	// AURFindings returns the findings about the foreign packages, or nil while they are unknown; nil if they are not computed.
	AURFindings   func() *snapshot.AURFindings
	AURStaleAfter time.Duration
	// DownloadedDatabases has the downloaded databases; nil if downloads are disabled.
	DownloadedDatabases *sources.Downloads
	SearchDownloads     bool
	// DownloadedFiles has the downloaded databases with file lists; nil if these downloads are disabled.
	DownloadedFiles *sources.Downloads
	// Pulled returns the pulled indexes; nil if omgd pulls none.
	Pulled func() *sources.Pulled
	// ReadRuntimes returns the active runtimes, and the versions of the system's runtimes. Its parameter has the
	// versions of the runtimes that are installed as packages. ReadRuntimes is nil in the system-wide daemon.
	ReadRuntimes func(system map[string]string) ([]wire.Runtime, map[string]string)
	// OnSuccess is called after every refresh that did not fail.
	OnSuccess func()
	// OnRefresh is called with the duration of each refresh, unless it is nil.
	OnRefresh func(time.Duration)
}

// Refresher refreshes the snapshot in its Holder.
type Refresher struct {
	config          Config
	kick            chan struct{}
	interval        atomic.Int64  // the time between two refreshes, in nanoseconds
	intervalChanged chan struct{} // has a value after the interval was changed
	ended           chan struct{} // closed when Run has returned
	checkNeeded     atomic.Bool
	builds          *indexBuilds[*pkgindex.File]
	listBuilds      *indexBuilds[*filesindex.File]
	watchedPaths    atomic.Pointer[watchedPaths]
	inotify         inotifyCalls            // tests replace it
	watcher         atomic.Pointer[watcher] // nil before Run

	// Only the goroutine that refreshes uses the following fields.
	mappedFiles *mappedFiles[*pkgindex.File]
	mappedLists *mappedFiles[*filesindex.File]
	generation  uint64
	nextPause   time.Duration    // the pause before the next refresh; 0 means the regular interval
	lastInputs  *snapshot.Inputs // the inputs of the current snapshot

	libAlpmComparison libalpmConfirmation
	lastFailure       atomic.Pointer[wire.Problem] // why the last refresh failed, nil if it did not

	mu                      sync.Mutex
	waiters                 []chan struct{} // closed at the end of the requested refresh, which has not begun yet
	requestedRefreshEndedAt time.Time       // when the last requested refresh ended
	userPause               time.Duration   // userRefreshPause; tests set another value
}

// New returns a Refresher. Run does the work; the other methods may be called before Run.
func New(c Config) *Refresher {
	if c.Build == nil {
		c.Build = c.buildIndex
	}
	if c.BuildFiles == nil {
		c.BuildFiles = buildFilesIndex
	}
	r := &Refresher{
		config: c, kick: make(chan struct{}, 1), intervalChanged: make(chan struct{}, 1), ended: make(chan struct{}),
		userPause: userRefreshPause, inotify: realInotifyCalls(),
	}
	r.libAlpmComparison.comparisonRequested = make(chan struct{}, 1)
	packages := indexKind[*pkgindex.File]{
		database: func(r *sources.Repository) string { return r.DatabasePath },
		build: func(ctx context.Context, database string, content buildContent) (IndexImage[*pkgindex.File], error) {
			popularity := ""
			if content.sharesSHA256 != "" {
				popularity = r.config.PopularityPath()
			}
			return r.config.Build(ctx, database, popularity)
		},
		open: pkgindex.Open,
		sourceOf: func(f *pkgindex.File, repo string) (pkgindex.SourceInfo, bool) {
			return f.IndexInfo().FindSource(pkgindex.KindRepo, repo)
		},
	}
	r.mappedFiles = newMappedFiles(&c, packages.open, r.CheckIndexes)
	r.builds = newIndexBuilds(r, packages, maxBuilds)
	lists := r.fileListKind()
	r.mappedLists = newMappedFiles(&c, lists.open, r.CheckIndexes)
	r.listBuilds = newIndexBuilds(r, lists, maxListBuilds)
	r.interval.Store(int64(cmp.Or(c.Interval, DefaultInterval)))
	return r
}

// Kick requests a refresh, and does not wait for it.
func (r *Refresher) Kick() {
	select {
	case r.kick <- struct{}{}:
	default:
	}
}

// userRefreshPause is the time after a requested refresh during which another request does not cause a refresh.
const userRefreshPause = 5 * time.Second

// Refresh requests a refresh and waits for its end. If the last requested refresh ended less than userRefreshPause
// ago, Refresh does nothing and returns false.
func (r *Refresher) Refresh(ctx context.Context) (bool, error) {
	r.mu.Lock()
	if time.Since(r.requestedRefreshEndedAt) < r.userPause {
		r.mu.Unlock()
		return false, nil
	}
	done := make(chan struct{})
	r.waiters = append(r.waiters, done)
	r.Kick() // r.mu is still locked, so that takeWaiters gets both the request and the kick, or neither
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

// takeWaiters takes over the pending requests for a refresh. It returns the function that tells these
// requests that the refresh has ended.
func (r *Refresher) takeWaiters() func() {
	r.mu.Lock()
	defer r.mu.Unlock()
	waiting := r.waiters
	r.waiters = nil
	select {
	case <-r.kick: // the refresh that begins now also serves this request
	default:
	}
	return func() {
		if len(waiting) == 0 {
			return
		}
		r.mu.Lock()
		r.requestedRefreshEndedAt = time.Now()
		r.mu.Unlock()
		for _, done := range waiting {
			close(done)
		}
	}
}

// CheckIndexes requests a complete check of all indexes. It is called when an index was found to be damaged or
// truncated.
func (r *Refresher) CheckIndexes() {
	r.checkNeeded.Store(true)
	r.Kick()
}

// Interval returns the time between two refreshes if nothing changes.
func (r *Refresher) Interval() time.Duration { return time.Duration(r.interval.Load()) }

// SetInterval changes the interval. The new interval begins now.
func (r *Refresher) SetInterval(d time.Duration) {
	if r.interval.Swap(int64(d)) == int64(d) {
		return
	}
	select {
	case r.intervalChanged <- struct{}{}:
	default:
	}
}

// Run refreshes the snapshot until ctx ends. The last snapshot stays until Close is called.
func (r *Refresher) Run(ctx context.Context) {
	defer close(r.ended)
	watch := newWatcher(r.config.Log, r.inotify, r.irrelevant)
	defer watch.Close()
	r.watcher.Store(watch)
	var helpers sync.WaitGroup
	helpersCtx, stop := context.WithCancel(ctx)
	helpers.Go(func() { r.runConfirmation(helpersCtx) })
	r.builds.setContext(helpersCtx)
	r.listBuilds.setContext(helpersCtx)
	defer func() {
		stop()
		helpers.Wait()
		r.builds.wait()
		r.listBuilds.wait()
	}()
	tick := time.NewTicker(r.Interval())
	defer tick.Stop()
	for {
		r.refresh(ctx, watch)
		var again <-chan time.Time
		if r.nextPause > 0 {
			again = time.After(r.nextPause)
		}
		select {
		case <-ctx.Done():
			return
		case <-r.intervalChanged:
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

// watchedPaths lists the watched directories. In some of them only certain files matter.
type watchedPaths struct {
	dirs          []string
	filteredDirs  map[string]bool // the directories in which only the paths in the field relevantFiles matter
	relevantFiles map[string]bool // the paths that matter in the directories of the field filteredDirs
}

// irrelevant reports whether a changed path does not matter, although its directory is watched. An example is
// another file beside pacman.conf.
func (r *Refresher) irrelevant(path string) bool {
	w := r.watchedPaths.Load()
	return w != nil && w.filteredDirs[filepath.Dir(path)] && !w.relevantFiles[path]
}

// watchedIndexes returns the index files to watch, because other programs may write, remove or damage them.
// These are the files in IndexDir and Config.StaticIndexes. The result dirs has the directories in
// StaticIndexes, in which all files matter.
func (r *Refresher) watchedIndexes(pacman *sources.PacmanSetup) (dirs, files []string) {
	for _, path := range r.config.StaticIndexes {
		if fi, err := os.Stat(path); err == nil && fi.IsDir() {
			dirs = append(dirs, path)
		} else {
			files = append(files, path)
		}
	}
	for i := range pacman.Repositories {
		name := pacman.Repositories[i].Name
		files = append(files, sources.IndexPath(r.config.IndexDir, pkgindex.KindRepo, name), sources.FilesIndexPath(r.config.IndexDir, name))
	}
	return dirs, append(files, sources.IndexPath(r.config.IndexDir, pkgindex.KindAUR, wire.SourceAUR))
}

// watchFiles watches the files that pacman's configuration lists, and the index files. It reports whether a
// directory is watched now that was not watched before.
func (r *Refresher) watchFiles(watch *watcher, pacman *sources.PacmanSetup) (more bool) {
	whole, files := pacman.WatchPaths()
	dirs, indexes := r.watchedIndexes(pacman)
	whole, files = append(whole, dirs...), append(files, indexes...)
	w := &watchedPaths{filteredDirs: map[string]bool{}, relevantFiles: map[string]bool{}}
	for _, path := range files {
		w.relevantFiles[path] = true
		if dir := filepath.Dir(path); !slices.Contains(whole, dir) && !w.filteredDirs[dir] {
			w.filteredDirs[dir] = true
			w.dirs = append(w.dirs, dir)
		}
	}
	w.dirs = append(w.dirs, whole...)
	before := r.watchedPaths.Swap(w)
	more = before == nil
	for _, dir := range w.dirs {
		more = more || !slices.Contains(before.dirs, dir)
	}
	watch.SetPaths(w)
	return more
}

// readPacman reads pacman's configuration, and watches the files that it lists. If that adds a directory to
// watch, it reads the configuration again, so that it misses no change that happened before the directory was
// watched.
func (r *Refresher) readPacman(watch *watcher) (*sources.PacmanSetup, error) {
	for {
		pacman, err := r.config.Pacman.ReadPacmanSetup()
		if err != nil || watch == nil || !r.watchFiles(watch, pacman) {
			return pacman, err
		}
	}
}

// refresh runs one refresh. A panic makes this refresh fail, but does not end the daemon.
func (r *Refresher) refresh(ctx context.Context, watch *watcher) {
	defer r.takeWaiters()()
	if r.config.OnRefresh != nil {
		start := time.Now()
		defer func() { r.config.OnRefresh(time.Since(start)) }()
	}
	r.nextPause = 0
	if err := r.runGuarded("the refresh", func() error { return r.readAndPublish(ctx, watch) }); err != nil {
		r.fail(err)
	}
}

// readAndPublish collects the inputs, and publishes a snapshot of them.
func (r *Refresher) readAndPublish(ctx context.Context, watch *watcher) error {
	if r.checkNeeded.Swap(false) {
		r.mappedFiles.checkAll()
		r.mappedLists.checkAll()
	}
	pacman, err := r.readPacman(watch)
	if err != nil {
		return err
	}
	lock := sources.ExaminePacmanLock(pacman.DBPath)
	if lock.UntilStale > 0 && r.canAwaitTransaction() {
		r.nextPause = lock.UntilStale // a transaction is running: try again later
		return nil
	}
	in, files := r.gather(ctx, pacman, lock)
	if r.lastInputs == nil {
		for _, path := range pacman.RemoveUnusedIndexes(r.config.IndexDir, r.config.IsTrustedOwner) {
			r.config.Log.Info("unused index removed", "path", path)
		}
	}
	// If a pacman transaction began while the inputs were collected, they may be a mixture of old and new
	// data.
	if now := sources.ExaminePacmanLock(pacman.DBPath); now.UntilStale > 0 && r.canAwaitTransaction() {
		r.nextPause = now.UntilStale
		return nil
	}
	return r.publish(in, files)
}

// canAwaitTransaction reports whether the current snapshot can answer requests until a transaction ends. For that, the
// snapshot must exist, and no repository may wait for its first index.
func (r *Refresher) canAwaitTransaction() bool {
	return r.lastInputs != nil && !slices.ContainsFunc(r.lastInputs.Repositories, func(s snapshot.IndexedSource) bool { return s.Building })
}

// fail records that a refresh failed, for the status. The current snapshot stays. If there is none, the
// reason becomes the error of the Holder.
func (r *Refresher) fail(err error) {
	r.config.Log.Warn("refresh failed", "err", err)
	r.lastFailure.Store(&wire.Problem{Name: "refresh", State: "failed", Why: err.Error()})
	if r.lastInputs == nil {
		r.config.SnapshotHolder.SetError(err.Error())
	}
}

// Problems returns the problems of the refresher, which are shown in the status.
func (r *Refresher) Problems() (list []wire.Problem) {
	var watch *wire.Problem
	if w := r.watcher.Load(); w != nil {
		watch = w.Problem()
	}
	for _, p := range []*wire.Problem{r.lastFailure.Load(), watch, r.builds.problem(), r.listBuilds.problem(), r.libAlpmComparison.problem.Load()} {
		if p != nil {
			list = append(list, *p)
		}
	}
	return list
}

// Close drops the snapshot and the indexes. It must be called after Run and all requests have ended.
func (r *Refresher) Close() {
	r.config.SnapshotHolder.SetError("omgd is shutting down")
	r.mappedFiles.close()
	r.mappedLists.close()
}
