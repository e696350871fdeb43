package refresh

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/omg-arch/omg/omgd/internal/indexer"
	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/wire"
)

// IndexImage is an index that is not on disk yet.
type IndexImage[F state.IndexFile] interface {
	Open() (F, error)
	Write(path string) error
	Close()
}

// indexKind has the functions for one kind of indexes.
type indexKind[F state.IndexFile] struct {
	// database returns the path of a repository's database of this kind.
	database func(*sources.Repository) string
	// build builds the index of a database.
	build func(ctx context.Context, database string, content buildContent) (IndexImage[F], error)
	// open maps an index file.
	open func(path string, trust func(uid uint32) bool) (F, error)
	// sourceOf returns the facts about the database of a repository from which an index was built. It reports whether there are any.
	sourceOf func(f F, repo string) (pkgindex.SourceInfo, bool)
}

// buildIndex builds the index of a database by running omg-index.
func (c *Config) buildIndex(ctx context.Context, database, popularity string) (IndexImage[*pkgindex.File], error) {
	image, err := indexer.BuildRepository(ctx, c.Log, database, popularity)
	if err != nil {
		return nil, err
	}
	return image, nil
}

// indexBuilds runs the builds of one kind of indexes, for each index file one build at a time. The end of each build causes a
// refresh.
type indexBuilds[F state.IndexFile] struct {
	r             *Refresher
	kind          indexKind[F]
	ctx           context.Context // set by setContext; the builds are canceled when this context ends
	slots         chan struct{}   // limits the number of concurrent builds
	taskWaitGroup sync.WaitGroup

	mu                sync.Mutex
	jobs              map[string]*buildJob[F] // the last build of each index, by the path of the index
	memoryOnlyReasons map[string]string       // why an index is in memory only, by the path of the index
	done              chan struct{}           // closed when the last running build ends; nil while no build runs
}

// maxBuilds is how many indexes of packages may be built concurrently.
const maxBuilds = 2

// The pause after the first failed build of an index, and the longest pause. The pause doubles with each
// failure. If the database changes, its index is built immediately.
const (
	firstRetryPause = 5 * time.Second
	maxRetryPause   = 5 * time.Minute
)

// buildContent identifies what an index is built from: the stamp of the database, and the digest of the file with the shares of machines,
// which is empty if there is none.
type buildContent struct {
	databaseStamp sourcefile.Stamp
	sharesSHA256  string
}

// buildJob is the last build of one index.
type buildJob[F state.IndexFile] struct {
	content    buildContent
	running    bool
	result     *mappedFile[F] // the built index; nil as soon as takeResult has returned it
	err        error
	retryPause time.Duration
	notBefore  time.Time // an index of the same content is not built again before this time
}

func newIndexBuilds[F state.IndexFile](r *Refresher, kind indexKind[F], concurrent int) *indexBuilds[F] {
	return &indexBuilds[F]{r: r, kind: kind, slots: make(chan struct{}, concurrent), jobs: map[string]*buildJob[F]{}, memoryOnlyReasons: map[string]string{}}
}

func (b *indexBuilds[F]) setContext(ctx context.Context) { b.ctx = ctx }

// wait waits for all builds to end and drops their results.
func (b *indexBuilds[F]) wait() {
	b.taskWaitGroup.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, j := range b.jobs {
		if j.result != nil {
			j.result.index.Release()
			j.result = nil
		}
	}
}

// problem returns the problem that indexes are in memory only, or nil if there are no such indexes.
func (b *indexBuilds[F]) problem() *wire.Problem {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.memoryOnlyReasons) == 0 {
		return nil
	}
	first := slices.Min(slices.Collect(maps.Keys(b.memoryOnlyReasons)))
	return &wire.Problem{Name: "index", State: "memory", Why: b.memoryOnlyReasons[first]}
}

// takeResult returns the result of the last build of the index at path. A second call returns nil, until the
// next build has ended. The database may have changed since the build.
func (b *indexBuilds[F]) takeResult(path string) *mappedFile[F] {
	b.mu.Lock()
	defer b.mu.Unlock()
	j := b.jobs[path]
	if j == nil {
		return nil
	}
	result := j.result
	j.result = nil
	return result
}

// hasBuilt reports whether the last build of the index at path was of this content and has succeeded.
func (b *indexBuilds[F]) hasBuilt(path string, content buildContent) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	j := b.jobs[path]
	return j != nil && j.content == content && !j.running && j.err == nil
}

// ensureBuild starts a build of the index at path, unless a build of this index runs. The result err is the error of
// the last build of the same content; it is nil if no build of this content has failed. The result wait is the pause
// before a failed build is tried again; it is 0 if a build runs.
func (b *indexBuilds[F]) ensureBuild(path string, repo *sources.Repository, content buildContent) (wait time.Duration, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	j := b.jobs[path]
	if j == nil {
		j = &buildJob[F]{retryPause: firstRetryPause}
		b.jobs[path] = j
	}
	same := j.content == content
	switch {
	case j.running && same:
		return 0, j.err // report the last error until a build of this content succeeds
	case j.running:
		return 0, nil
	case same && j.err != nil && time.Now().Before(j.notBefore):
		return time.Until(j.notBefore), j.err
	case !same:
		j.retryPause, j.err = firstRetryPause, nil
	}
	j.content, j.running = content, true
	if b.done == nil {
		b.done = make(chan struct{})
	}
	b.taskWaitGroup.Go(func() { b.run(path, *repo, content, j) })
	return 0, j.err
}

// await waits until no build runs, but at most for the duration limit.
func (b *indexBuilds[F]) await(ctx context.Context, limit time.Duration) {
	b.mu.Lock()
	done := b.done
	b.mu.Unlock()
	if done == nil {
		return
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (b *indexBuilds[F]) run(path string, repo sources.Repository, content buildContent, j *buildJob[F]) {
	var result *mappedFile[F]
	b.slots <- struct{}{}
	err := b.r.runGuarded("the index of "+repo.Name, func() (err error) {
		result, err = b.build(path, &repo, content)
		return err
	})
	<-b.slots
	b.mu.Lock()
	defer b.mu.Unlock()
	b.r.Kick() // b.mu is still locked: takeResult cannot return the result before the refresh is requested
	j.running, j.err, j.result = false, err, result
	if err != nil {
		b.r.config.Log.Warn("index not built", "database", b.kind.database(&repo), "err", err)
		j.notBefore = time.Now().Add(j.retryPause)
		j.retryPause = min(2*j.retryPause, maxRetryPause)
	} else {
		j.retryPause = firstRetryPause
	}
	idle := true
	for _, other := range b.jobs {
		idle = idle && !other.running
	}
	if idle {
		close(b.done)
		b.done = nil
	}
}

// build builds an index and writes it to disk. If the index cannot be written, it stays in memory.
func (b *indexBuilds[F]) build(path string, repo *sources.Repository, content buildContent) (*mappedFile[F], error) {
	database := b.kind.database(repo)
	image, err := b.kind.build(b.ctx, database, content)
	if err != nil {
		return nil, err
	}
	defer image.Close()
	file, err := image.Open()
	if err != nil {
		return nil, err
	}
	src, ok := b.kind.sourceOf(file, repo.Name)
	if !ok {
		_ = file.Close()
		return nil, fmt.Errorf("the index built from %s has no repository %s", database, repo.Name)
	}
	origin, stamp := sources.Origin{Path: database}, content.databaseStamp
	// Record the stamp only if the build has read the content that had this stamp. Without a recorded stamp,
	// the next refresh compares the digest of the database.
	if src.FileSize == stamp.Size && src.AsOf == stamp.MtimeSeconds() {
		if now, err := sourcefile.StampOfPath(database); err == nil && now == stamp {
			origin.Stamp, origin.SHA256 = stamp, src.SHA256
		}
	}
	o := newMappedFile(file)
	o.origins = sources.IndexOrigins{origin}
	err = image.Write(path)
	if err == nil {
		err = o.origins.Write(path)
	}
	if err != nil {
		b.recordKeptInMemory(path, err)
		return o, nil
	}
	onDisk, err := b.kind.open(path, b.r.config.IsTrustedOwner)
	if err != nil {
		b.recordKeptInMemory(path, err)
		return o, nil
	}
	fi, err := sourcefile.StampOfPath(path)
	if err != nil {
		_ = onDisk.Close()
		b.recordKeptInMemory(path, err)
		return o, nil
	}
	b.mu.Lock()
	delete(b.memoryOnlyReasons, path)
	b.mu.Unlock()
	o.index.Release()
	mapped := newMappedFile(onDisk)
	mapped.stamp, mapped.origins = fi, o.origins
	return mapped, nil
}

// recordKeptInMemory records why an index is in memory and not on disk.
func (b *indexBuilds[F]) recordKeptInMemory(path string, err error) {
	b.r.config.Log.Warn("index kept in memory", "path", path, "err", err)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.memoryOnlyReasons[path] = err.Error()
}
