package refresh

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omgd/internal/alpm"
	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/popularity"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/wire"
)

func TestMain(m *testing.M) { await.RunTestMain(m) }

// builder builds indexes in the test's process, and counts the builds.
type builder struct {
	mu     sync.Mutex
	counts map[string]int
	// If this function is not nil, it is called before each build, with the name of the repository. If it
	// returns an error, the build fails with that error.
	before func(ctx context.Context, repo string) error
}

func (b *builder) build(ctx context.Context, database, popularityPath string) (IndexImage[*pkgindex.File], error) {
	repo, err := sources.RepositoryFromFile(database)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	b.counts[repo.Name]++
	before := b.before
	b.mu.Unlock()
	if before != nil {
		if err := before(ctx, repo.Name); err != nil {
			return nil, err
		}
	}
	file := pkgindex.NewBuilder("test", 1)
	into := file.AddSource(repo.Name, pkgindex.KindRepo)
	if popularityPath != "" {
		shares, err := popularity.Read(ctx, popularityPath)
		if err != nil {
			return nil, err
		}
		into.SetShares(shares)
	}
	if _, _, err := repo.ReadPackages(ctx, into, nil); err != nil {
		return nil, err
	}
	data, err := file.Bytes()
	return &image{data}, err
}

// set sets the function that is called before each build.
func (b *builder) set(before func(ctx context.Context, repo string) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.before = before
}

// built returns how many builds of each repository have begun since the last call of built().
func (b *builder) built() map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	counts := b.counts
	b.counts = map[string]int{}
	return counts
}

// image is an index that the builder has built.
type image struct{ data []byte }

func (i *image) Open() (*pkgindex.File, error) { return pkgindex.OpenBytes(i.data) }

func (i *image) Write(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return atomicfile.Write(path, i.data, atomicfile.Options{Mode: 0o644})
}

func (i *image) Close() {}

// testSystem is a system with generated databases, and a refresher that reads them.
type testSystem struct {
	*Refresher
	t       *testing.T
	db      string // the database directory
	builder *builder
}

// generated describes the databases of a test system: core has 8 packages, and extra has 84.
var generated = fixture.Options{Packages: 100, Installed: 10, Seed: 1}

// newTestSystem returns a test system without indexes. It does not start the refresher.
func newTestSystem(t *testing.T, change func(*Config)) *testSystem {
	t.Helper()
	w := &testSystem{t: t, db: filepath.Join(t.TempDir(), "db"), builder: &builder{counts: map[string]int{}}}
	conf := filepath.Join(filepath.Dir(w.db), "pacman.conf")
	require.NoError(t, fixture.WriteDatabases(w.db, generated))
	require.NoError(t, os.WriteFile(conf, []byte(fixture.PacmanConfig), 0o644))
	w.start(Config{
		Pacman: sources.Config{DBPath: w.db, PacmanConfig: conf}, IndexDir: filepath.Join(filepath.Dir(w.db), "index"),
		Build: w.builder.build, IsTrustedOwner: func(uid uint32) bool { return int(uid) == os.Getuid() },
		Log: slog.New(slog.DiscardHandler), Alpm: alpm.New(),
	}, change)
	t.Cleanup(func() { w.end() })
	return w
}

// start makes the refresher, with a new Holder.
func (w *testSystem) start(c Config, change func(*Config)) {
	c.SnapshotHolder = state.NewHolder()
	if change != nil {
		change(&c)
	}
	w.Refresher = New(c)
	w.builds.setContext(w.t.Context())
}

// end closes a refresher for which Run is not called.
func (w *testSystem) end() {
	w.builds.wait()
	w.Close()
}

// restart closes the refresher and makes a new one with the same files.
func (w *testSystem) restart(change func(*Config)) {
	w.t.Helper()
	w.end()
	w.start(w.config, change)
}

// settle refreshes until no refresh is requested any more.
func (w *testSystem) settle() {
	w.t.Helper()
	for n := 0; ; n++ {
		require.Less(w.t, n, 20, "the refreshes do not end")
		w.refresh(w.t.Context(), nil)
		synctest.Wait()
		if len(w.kick) == 0 {
			return
		}
	}
}

// elapse waits until the next refresh is due, refreshes, and returns how long it waited.
func (w *testSystem) elapse() (waited time.Duration) {
	w.t.Helper()
	require.Positive(w.t, w.nextPause, "no refresh is due later")
	waited = w.nextPause
	time.Sleep(waited)
	w.settle()
	return waited
}

// inVirtualTime runs a test in virtual time, which begins one hour in the future. So the files that the test
// writes look an hour old: they have not changed just now, and they are not stale.
func inVirtualTime(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	later := time.Now().Add(time.Hour)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(later))
		f(t)
	})
}

// state returns the current state. It is released when the test ends.
func (w *testSystem) state() *state.State {
	w.t.Helper()
	st, release, err := w.config.SnapshotHolder.Acquire()
	require.NoError(w.t, err)
	w.t.Cleanup(release)
	return st
}

// generation returns the generation of the current snapshot.
func (w *testSystem) generation() uint64 {
	w.t.Helper()
	st, release, err := w.config.SnapshotHolder.Acquire()
	require.NoError(w.t, err)
	defer release()
	return st.Generation()
}

// source returns the repository with this name in the current snapshot.
func (w *testSystem) source(name string) snapshot.IndexedSource {
	w.t.Helper()
	st, release, err := w.config.SnapshotHolder.Acquire()
	require.NoError(w.t, err)
	defer release()
	for _, s := range st.Inputs().Repositories {
		if s.Name == name {
			return s
		}
	}
	require.Fail(w.t, "no repository", name)
	return snapshot.IndexedSource{}
}

// requireCurrent requires that these repositories are up to date, with all their packages.
func (w *testSystem) requireCurrent(names ...string) {
	w.t.Helper()
	for _, name := range names {
		s := w.source(name)
		require.Equal(w.t, wire.SourceOK, s.State, "%s: %s", name, s.Why)
		require.Empty(w.t, s.Why)
		require.False(w.t, s.Outdated || s.Building)
		require.NotNil(w.t, s.Index)
		require.Equal(w.t, w.docs(name), s.Index.DocCount(), name)
	}
}

// docs returns the number of packages in a repository's database.
func (w *testSystem) docs(name string) uint32 {
	w.t.Helper()
	r, err := sources.RepositoryFromFile(w.database(name))
	require.NoError(w.t, err)
	f, err := r.BuildInMemory(w.t.Context(), nil)
	require.NoError(w.t, err)
	return f.DocCount()
}

// found returns the result of a search for all packages.
func (w *testSystem) found() *snapshot.Matches {
	w.t.Helper()
	st, release, err := w.config.SnapshotHolder.Acquire()
	require.NoError(w.t, err)
	defer release()
	found, err := st.Snapshot.Search(&wire.SearchRequest{Words: []string{""}})
	require.NoError(w.t, err)
	return found
}

// database and index return the paths of a repository's database and index.
func (w *testSystem) database(repo string) string { return filepath.Join(w.db, "sync", repo+".db") }

func (w *testSystem) index(repo string) string {
	return sources.IndexPath(w.config.IndexDir, pkgindex.KindRepo, repo)
}

// write replaces a repository's database by a new file, as pacman does.
func (w *testSystem) write(repo string, content []byte) {
	w.t.Helper()
	path := w.database(repo)
	require.NoError(w.t, os.WriteFile(path+".part", content, 0o644))
	require.NoError(w.t, os.Rename(path+".part", path))
}

// content returns the content of a database of this repository. With seed 1 it is the test system's content.
func content(t *testing.T, repo string, seed uint64) []byte {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "db")
	require.NoError(t, fixture.WriteDatabases(dir, fixture.Options{Packages: 100 + int(seed), Seed: seed}))
	b, err := os.ReadFile(filepath.Join(dir, "sync", repo+".db"))
	require.NoError(t, err)
	return b
}

// original returns the current content of a repository's database, so that a test can restore it later.
func (w *testSystem) original(repo string) []byte {
	w.t.Helper()
	b, err := os.ReadFile(w.database(repo))
	require.NoError(w.t, err)
	return b
}

// problemNames returns the name and the state of each problem.
func problemNames(list []wire.Problem) (names []string) {
	for _, p := range list {
		names = append(names, p.Name+": "+p.State)
	}
	return names
}

var errRefused = errors.New("refused")

// stampOf returns the stamp of a file.
func stampOf(t *testing.T, path string) sourcefile.Stamp {
	t.Helper()
	s, err := sourcefile.StampOfPath(path)
	require.NoError(t, err)
	return s
}
