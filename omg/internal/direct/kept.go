package direct

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/pulled"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/sources"
)

// Kept is what a process that keeps running has read from the files of one system. All its requests share it. A request reads the files
// again if they have changed.
type Kept struct {
	backend  *Backend
	changed  func()
	local    *keptReading[*localDatabase]
	snapshot *keptReading[*snapshot.Snapshot]
}

// Keep returns a Kept for the system that the options name. It calls the function changed, unless it is nil, when it has read files again
// because they changed, and must be closed.
func Keep(o backend.Options, changed func()) *Kept {
	return keep(&Backend{o: o, env: paths.ProcessEnv()}, changed)
}

func keep(b *Backend, changed func()) *Kept {
	k := &Kept{backend: b, changed: changed}
	k.local = newKeptReading(k.readLocal)
	k.snapshot = newKeptReading(k.readSnapshot)
	return k
}

// Backend returns a backend that answers from what is kept. The options must name the same system.
func (k *Kept) Backend(o backend.Options) backend.Backend {
	return &Backend{o: o, env: k.backend.env, kept: k}
}

// Close ends all reading, and closes the files. A request that has not ended yet may still use them.
func (k *Kept) Close() {
	k.snapshot.close()
	k.local.close()
}

// readLocal reads pacman's configuration and the local database. It reads only the packages that have changed again.
func (k *Kept) readLocal(ctx context.Context, earlier *keptValue[*localDatabase]) (*keptValue[*localDatabase], error) {
	c := k.backend.settings()
	pacman, err := k.backend.pacmanConfig(&c)
	if err != nil {
		return nil, err
	}
	var before *pacmandb.Local
	if earlier != nil && earlier.value.pacman.DBPath == pacman.DBPath {
		before = earlier.value.local
	}
	s := k.readStamps(pacman)
	l := readLocal(ctx, pacman, before)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	l.stamps = s
	if earlier != nil && !slices.Equal(earlier.stamps.list, s.list) && k.changed != nil {
		k.changed()
	}
	return &keptValue[*localDatabase]{value: l, stamps: s}, nil
}

// readSnapshot makes a snapshot of all sources. Its stamps are those of the local database: they were read before everything else.
func (k *Kept) readSnapshot(ctx context.Context, _ *keptValue[*snapshot.Snapshot]) (*keptValue[*snapshot.Snapshot], error) {
	l, release, err := k.local.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	r := &snapshotReader{Backend: k.backend, config: k.backend.settings(), readsNews: true, readsFiles: true}
	in, err := r.readWith(ctx, l.ownSetup(), func() *localDatabase { return l })
	if err != nil {
		r.close()
		return nil, err
	}
	return &keptValue[*snapshot.Snapshot]{value: snapshot.Build(*in), stamps: l.stamps, closeFiles: r.close}, nil
}

// pathStamp is the stamp of a file or directory; zero if it does not exist.
type pathStamp struct {
	path  string
	stamp sourcefile.Stamp
}

func stampPath(path string) pathStamp {
	stamp, _ := sourcefile.StampOfPath(path)
	return pathStamp{path, stamp}
}

// readStamps returns the stamps of what a snapshot is read from. Pacman creates its lock in the database directory, so that each
// transaction changes the stamp of this directory. omg replaces its own files by renaming others, so that the stamps of their
// directories are sufficient.
func (k *Kept) readStamps(pacman *sources.PacmanSetup) *stamps {
	dirs, files := pacman.WatchPaths()
	list := slices.Concat(dirs, files)
	for i := range pacman.Repositories {
		list = append(list, pacman.Repositories[i].DatabasePath, pacman.Repositories[i].FilesDatabasePath())
	}
	env, o := k.backend.env, &k.backend.o
	settings, _ := env.ConfigFiles(false)
	list = append(list, settings...)
	list = append(list, env.ChosenIndexPaths(o.IndexPaths)...)
	for _, dir := range env.DataDirs(o.DataDir) {
		list = append(list, dir, paths.IndexDir(dir), pulled.Dir(dir))
	}
	data := env.DataDir(o.DataDir)
	list = append(list, filepath.Join(data, sources.DownloadDir), filepath.Join(data, sources.FilesDownloadDir))
	slices.Sort(list)
	s, now := &stamps{at: clock.Now()}, time.Now()
	for _, path := range slices.Compact(list) {
		p := stampPath(path)
		s.list = append(s.list, p)
		s.changedRecently = s.changedRecently || p.stamp.MayStillChange(now)
	}
	return s
}

// stamps identifies the state of files.
type stamps struct {
	at   time.Time // when they were read
	list []pathStamp
	// changedRecently means that a file changed so recently that a further change may not show in its stamp.
	changedRecently bool
}

// areCurrent reports whether no file has changed.
func (s *stamps) areCurrent() bool {
	return !slices.ContainsFunc(s.list, func(p pathStamp) bool { return stampPath(p.path) != p })
}

// keptValue is what was read, with the stamps that the files had before.
type keptValue[T any] struct {
	value      T
	stamps     *stamps
	closeFiles func() // closes what the value reads; nil if it reads nothing
}

// keptReading keeps what a function reads, for concurrent requests. It starts the function at most once at a time.
type keptReading[T any] struct {
	read    func(ctx context.Context, earlier *keptValue[T]) (*keptValue[T], error)
	ctx     context.Context // ends with close
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	current  *pendingValue[T] // nil before the first request, and after close
	isClosed bool
}

// pendingValue is a value that is being read, or was read.
type pendingValue[T any] struct {
	done  chan struct{} // closed at the end of the reading; then the next two fields are set
	value *keptValue[T]
	err   error
	users int // the requests that use it, and 1 while it is the current value
}

func newKeptReading[T any](read func(context.Context, *keptValue[T]) (*keptValue[T], error)) *keptReading[T] {
	k := &keptReading[T]{read: read}
	k.ctx, k.cancel = context.WithCancel(context.Background())
	return k
}

// errClosed means that nothing is read any more.
var errClosed = errors.New("the files are closed")

// maxAge is the time after which files are read again although they have not changed: whether a source is stale depends on the time.
const maxAge = 10 * time.Minute

// maxAttempts limits how often a request waits for a new reading because the files changed during the last one.
const maxAttempts = 3

// acquire returns the value that is in the files, and a function that must be called after its use.
func (k *keptReading[T]) acquire(ctx context.Context) (value T, release func(), err error) {
	for attempt := 1; ; attempt++ {
		p := k.use()
		if p == nil {
			return value, nil, errClosed
		}
		release := func() { k.release(p) }
		select {
		case <-p.done:
		case <-ctx.Done():
		}
		// A request that was given up fails also if the reading has ended: select would choose one of the two at random.
		if err := ctx.Err(); err != nil {
			release()
			return value, nil, err
		}
		if p.err != nil {
			release()
			if k.ctx.Err() != nil {
				return value, nil, errClosed
			}
			return value, nil, p.err
		}
		// The reading may have begun before this request, and the files may have changed in between.
		if attempt == maxAttempts || p.value.stamps.areCurrent() {
			return p.value.value, release, nil
		}
		release()
	}
}

// use returns the current value. It begins to read if there is none, or if the files have changed.
func (k *keptReading[T]) use() *pendingValue[T] {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.isClosed {
		return nil
	}
	if k.current == nil || k.current.needsReading() {
		k.begin()
	}
	k.current.users++
	return k.current
}

func (p *pendingValue[T]) needsReading() bool {
	select {
	case <-p.done:
		return p.err != nil || p.value.stamps.changedRecently || clock.Now().Sub(p.value.stamps.at) > maxAge || !p.value.stamps.areCurrent()
	default:
		return false
	}
}

// begin replaces the current value by one that is being read. k.mu must be locked.
func (k *keptReading[T]) begin() {
	before := k.current
	p := &pendingValue[T]{done: make(chan struct{}), users: 1}
	k.current = p
	k.running.Go(func() {
		var earlier *keptValue[T]
		if before != nil {
			earlier = before.value // its reading has ended
			defer k.release(before)
		}
		p.value, p.err = k.read(k.ctx, earlier)
		close(p.done)
	})
}

// release ends a use of a value. The last one closes the files.
func (k *keptReading[T]) release(p *pendingValue[T]) {
	k.mu.Lock()
	p.users--
	isLast := p.users == 0
	k.mu.Unlock()
	if isLast && p.value != nil && p.value.closeFiles != nil {
		p.value.closeFiles()
	}
}

func (k *keptReading[T]) close() {
	k.cancel()
	k.mu.Lock()
	p := k.current
	k.current, k.isClosed = nil, true
	k.mu.Unlock()
	k.running.Wait()
	if p != nil {
		k.release(p)
	}
}

// withKept returns the result of the function answer for the kept snapshot.
func withKept[R any](ctx context.Context, k *Kept, answer func(*snapshot.Snapshot) (R, error)) (result R, err error) {
	s, release, err := k.snapshot.acquire(ctx)
	if err != nil {
		return result, err
	}
	defer release()
	return answer(s.WithCheckTime(clock.Now()))
}
