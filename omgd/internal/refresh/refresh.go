// Package refresh keeps the daemon's state right. It is the only writer: it
// looks at the databases and the index files at the start, when they change and
// from time to time, has an index built when there is none or its sources have
// changed, and swaps a new state in.
package refresh

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omg-arch/omg/omgd/internal/alpm"
	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/shared/answers"
	"github.com/omg-arch/omg/shared/catalog"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/runtimes"
	"github.com/omg-arch/omg/shared/wire"
)

const (
	// Interval is the usual time between two looks at databases that are not seen to
	// change.
	Interval = 300 * time.Second
	// settle is how long the databases must be quiet after a change before they
	// are read: a transaction touches many files one after the other.
	settle = 50 * time.Millisecond
	// recheck is when a database is looked at again that changed so shortly before
	// it was read that a further change would not show in its times.
	recheck = 100 * time.Millisecond
)

// Config says what a worker refreshes.
type Config struct {
	// Every is how long a state goes unchecked when nothing is seen to change; 0 for
	// Interval.
	Every   time.Duration
	Catalog catalog.Config
	// Given are index files built elsewhere: served as they are, never rebuilt.
	Given []string
	// Own is the index file that is ours to build, OwnAUR the AUR's, which is served
	// when it is there.
	Own    string
	OwnAUR string
	Trust  func(uid uint32) bool
	Holder *state.Holder
	Log    *slog.Logger
	// Alpm asks libalpm.
	Alpm *alpm.Worker
	// Tracker is what is known of the security tracker; nil where it is not asked.
	Tracker func() *answers.Tracker
	// AUR says how far the AUR's data can be believed; nil where it is not asked.
	AUR func() wire.Source
	// Asked is what the AUR said of the foreign packages, nil for nothing yet; nil
	// where it is not asked.
	Asked func() *answers.Asked
	// Mirror are the databases that omgd downloads for itself, which updates are
	// counted against; nil for none. MirrorSearch has searches show them, too.
	Mirror       *Mirror
	MirrorSearch bool
	// Runtimes looks at the versions of runtimes, given those of the system's
	// packages, and returns what runs and what the system has; nil where nobody does.
	Runtimes func(system map[string]string) ([]wire.Runtime, map[string]string)
	// Refreshed is called after every refresh that found out what there is.
	Refreshed func()
	// Took is told how long each refresh took; nil tells nobody.
	Took func(time.Duration)
}

// Worker refreshes the state in its Holder.
type Worker struct {
	Config
	kick       chan struct{}
	interval   atomic.Int64  // nanoseconds
	retime     chan struct{} // interval has changed
	ended      chan struct{} // closed when Run has returned
	suspect    atomic.Bool
	checks     sync.WaitGroup
	indexes    map[string]*opened
	stamps     catalog.Stamps
	buildAfter time.Time // no build before
	buildErr   error     // why the last one failed
	generation uint64
	again      time.Duration // until the next refresh, 0 for the interval

	known atomic.Pointer[watch]

	confirmations chan struct{}             // a state waits for libalpm's word
	failed        atomic.Pointer[wire.Part] // why the last refresh came to nothing, nil if it did not
	unconfirmed   atomic.Bool               // libalpm was asked and did not answer
	libalpm       atomic.Pointer[wire.Part] // what is wrong with it
	version       atomic.Pointer[string]    // of libalpm, as it said last
	word          atomic.Pointer[word]      // what it says where it differs, nil for nothing

	mu      sync.Mutex
	waiting []chan struct{} // who asked for a refresh that has not begun
	userAt  time.Time       // when the last one that a user asked for ended
	pause   time.Duration   // userPause, unless a test has another

	last *snapshot
}

// opened is an index file as it was when it was mapped.
type opened struct {
	index *state.Index
	stamp pacmandb.FileStamp
	bad   error
}

// New returns a worker. Its Run does the work; what else it has may be called
// before, too.
func New(c Config) *Worker {
	w := &Worker{
		Config: c, kick: make(chan struct{}, 1), retime: make(chan struct{}, 1), ended: make(chan struct{}), confirmations: make(chan struct{}, 1),
		indexes: make(map[string]*opened), pause: userPause,
	}
	w.interval.Store(int64(cmp.Or(c.Every, Interval)))
	return w
}

// Kick asks for a refresh soon. It never waits.
func (w *Worker) Kick() {
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

// userPause is how long after a refresh that a user asked for the next one is
// not done again.
const userPause = 5 * time.Second

// Refresh looks at everything now and returns when that is done. It returns
// false, at once, when a user's refresh was done shortly before.
func (w *Worker) Refresh(ctx context.Context) (bool, error) {
	w.mu.Lock()
	if time.Since(w.userAt) < w.pause {
		w.mu.Unlock()
		return false, nil
	}
	done := make(chan struct{})
	w.waiting = append(w.waiting, done)
	w.Kick() // before anyone takes it from waiting
	w.mu.Unlock()
	select {
	case <-done:
		return true, nil
	case <-w.ended:
		return false, ErrEnded
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// ErrEnded means that nothing is refreshed any more.
var ErrEnded = wire.Errorf(wire.CodeShuttingDown, "omgd is ending")

// takeWaiting returns a function that tells those who asked for a refresh until
// now that it is done.
func (w *Worker) takeWaiting() func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	waiting := w.waiting
	w.waiting = nil
	select {
	case <-w.kick: // asks for no more than what begins now
	default:
	}
	return func() {
		if len(waiting) == 0 {
			return
		}
		w.mu.Lock()
		w.userAt = time.Now()
		w.mu.Unlock()
		for _, done := range waiting {
			close(done)
		}
	}
}

// Suspect says that an index contradicted itself or vanished under a reader:
// all of them are checked as a whole, soon.
func (w *Worker) Suspect() {
	w.suspect.Store(true)
	w.Kick()
}

// Every is how long a state goes unchecked when nothing is seen to change.
func (w *Worker) Every() time.Duration { return time.Duration(w.interval.Load()) }

// SetInterval changes it, from now on.
func (w *Worker) SetInterval(d time.Duration) {
	if w.interval.Swap(int64(d)) == int64(d) {
		return
	}
	select {
	case w.retime <- struct{}{}:
	default:
	}
}

// Run refreshes until ctx is done. The state stays until Close.
func (w *Worker) Run(ctx context.Context) {
	defer close(w.ended)
	watch := newWatcher(w.Log, w.irrelevant)
	defer watch.Close()
	confirmed := make(chan struct{})
	confirmCtx, stop := context.WithCancel(ctx)
	go func() {
		defer close(confirmed)
		w.confirm(confirmCtx)
	}()
	defer func() {
		stop()
		<-confirmed
	}()
	tick := time.NewTicker(w.Every())
	defer tick.Stop()
	for {
		// Watched before it is looked at: a change in between is seen by one or the
		// other.
		known := w.watched()
		w.known.Store(known)
		watch.Set(known.dirs)
		w.refresh(ctx)
		var again <-chan time.Time
		if w.again > 0 {
			again = time.After(w.again)
		}
		select {
		case <-ctx.Done():
			return
		case <-w.retime:
			tick.Reset(w.Every())
		case <-tick.C:
		case <-again:
		case <-w.kick:
		case <-watch.Changed():
			if !watch.Settle(ctx, settle) {
				return
			}
		}
	}
}

// irrelevant are the changes in watched directories that say nothing: whatever
// lies beside an index or beside pacman's configuration and is neither.
func (w *Worker) irrelevant(path string) bool {
	known := w.known.Load()
	return known != nil && known.partly[filepath.Dir(path)] && !known.files[path]
}

// watch is what is watched: directories, in some of which only files matter.
type watch struct {
	dirs   []string
	partly map[string]bool // directories of which only some files matter
	files  map[string]bool // these
}

// watched is what may change.
func (w *Worker) watched() *watch {
	known := &watch{partly: map[string]bool{}, files: map[string]bool{}}
	whole := map[string]bool{}
	file := func(path string) {
		known.files[path] = true
		known.partly[filepath.Dir(path)] = true
	}
	file(w.Own)
	if w.OwnAUR != "" {
		file(w.OwnAUR)
	}
	for _, p := range w.Given {
		file(p)
	}
	// Without databases there is a directory to watch all the same.
	if repos, _ := w.Catalog.ReadRepos(); repos != nil {
		whole[repos.DBPath] = true
		whole[filepath.Join(repos.DBPath, "local")] = true
		whole[filepath.Join(repos.DBPath, "sync")] = true
		if repos.Config != nil {
			for _, f := range repos.Config.Files {
				file(f)
			}
		}
	} else if w.Catalog.DBPath != "" {
		whole[w.Catalog.DBPath] = true
		whole[filepath.Join(w.Catalog.DBPath, "sync")] = true
	}
	for dir := range whole {
		delete(known.partly, dir)
		known.dirs = append(known.dirs, dir)
	}
	for dir := range known.partly {
		known.dirs = append(known.dirs, dir)
	}
	return known
}

// refresh looks at everything once. A panic is this refresh's and not the
// daemon's.
func (w *Worker) refresh(ctx context.Context) {
	defer w.takeWaiting()()
	if err := w.guarded("the refresh", func() error {
		w.look(ctx)
		return nil
	}); err != nil {
		w.fail(err)
	}
}

func (w *Worker) look(ctx context.Context) {
	if w.Took != nil {
		start := time.Now()
		defer func() { w.Took(time.Since(start)) }()
	}
	w.again = 0
	if w.suspect.Swap(false) {
		for path, o := range w.indexes {
			w.note(path, o, o.index.Check())
		}
	}
	repos, err := w.Catalog.ReadRepos()
	if err != nil && !errors.Is(err, catalog.ErrNoDatabases) {
		w.fail(err)
		return
	}
	next := snapshot{repos: repos}
	locked := catalog.LockOf(repos.DBPath)
	if locked.Wait > 0 && w.last != nil {
		w.again = locked.Wait // a transaction is under way: its end is awaited
		return
	}
	if locked.Part != nil {
		next.parts = append(next.parts, *locked.Part)
	}
	if err := w.guarded("the AUR's index", func() error {
		next.aur, next.aurSource = w.mapAUR()
		return nil
	}); err != nil {
		next.aurSource = &wire.Source{Name: wire.SourceAUR, State: wire.SourceFailed, Why: err.Error()}
	}
	err = w.guarded("the repositories", func() (err error) {
		next.indexes, next.others, next.stale, err = w.usable(ctx, repos)
		return err
	})
	if errors.Is(err, errMoved) {
		w.again = recheck
		return
	}
	if err != nil {
		w.Log.Warn("no usable index", "err", err)
		if w.last != nil {
			next.indexes, next.others = w.last.indexes, w.last.others
		}
		// What is mapped goes on being served, and says that it is old. Where there
		// is nothing, what is installed is known all the same.
		if len(next.indexes) == 0 {
			next.noIndex = err.Error()
		}
		for _, r := range repos.List {
			next.stale = append(next.stale, r.Name+" is not indexed anew: "+err.Error())
		}
	}
	next.renewed, next.mirrored = w.renew(repos)
	next.local, next.why = w.readLocal(ctx, repos.DBPath)
	if part := catalog.Unread(next.local); part != nil {
		next.parts = append(next.parts, *part)
	}
	// What was read while a transaction began may be half old and half new.
	if now := catalog.LockOf(repos.DBPath); now.Wait > 0 && w.last != nil {
		w.again = now.Wait
		return
	}
	if w.Tracker != nil {
		next.tracker = w.Tracker()
	}
	if w.Asked != nil {
		next.asked = w.Asked()
	}
	if w.Runtimes != nil {
		if err := w.guarded("runtimes", func() error {
			next.runtimes, next.system = w.Runtimes(systemRuntimes(next.local))
			return nil
		}); err != nil {
			next.parts = append(next.parts, wire.Part{Name: "runtimes", State: "failed", Why: err.Error()})
		}
	}
	if !w.publish(next) {
		return
	}
	w.failed.Store(nil)
	if next.why == "" {
		w.Holder.Checked.Store(time.Now().Unix())
	}
	if w.Refreshed != nil {
		w.Refreshed()
	}
}

// readLocal returns what is installed: the last reading if nothing changed since.
// If it cannot be read, the last reading stays, and why says so.
func (w *Worker) readLocal(ctx context.Context, dbpath string) (local *pacmandb.Local, why string) {
	var last *pacmandb.Local
	if w.last != nil && w.last.repos.DBPath == dbpath {
		last = w.last.local
	}
	if last != nil {
		if stamp, err := pacmandb.LocalStamp(dbpath); err == nil && stamp.Same(last.Stamp) {
			return last, ""
		}
	}
	err := w.guarded("what is installed", func() (err error) {
		local, err = pacmandb.Reread(ctx, dbpath, last)
		return err
	})
	if err != nil {
		w.Log.Warn("cannot read what is installed", "err", err)
		return last, err.Error()
	}
	if local.Stamp.Fresh {
		w.again = recheck // so young that a further change need not show
	}
	if last != nil && local.SamePackages(last) && !local.Stamp.Fresh && last.Stamp == local.Stamp {
		return last, ""
	}
	return local, ""
}

// systemRuntimes are the versions of the runtimes that are packages, nil if what
// is installed is not known.
func systemRuntimes(local *pacmandb.Local) map[string]string {
	if local == nil {
		return nil
	}
	versions := make(map[string]string)
	for _, p := range local.Packages {
		if runtime, ok := runtimes.SystemPackage(p.Name); ok {
			versions[runtime] = runtimes.PackageVersion(p.Version)
		}
	}
	return versions
}

// Close drops the state and the indexes, when Run and all requests have ended.
func (w *Worker) Close() {
	w.checks.Wait()
	w.Holder.Swap(nil, "the daemon is ending")
	for _, o := range w.indexes {
		o.index.Release()
	}
}
