package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omgd/internal/logging"
	"github.com/omg-arch/omg/omgd/internal/store"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/wire"
)

const indexProgram = "omg-index"

// TestMain runs the tests, or builds an index if the program runs under the name omg-index. Each test makes a
// link of that name to the test program, because omgd runs the omg-index beside itself.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) != indexProgram {
		await.RunTestMain(m)
	}
	if err := buildIndex(os.Args[len(os.Args)-1]); err != nil {
		fmt.Fprintln(os.Stderr, indexProgram+": error: "+err.Error())
		os.Exit(3)
	}
	os.Exit(0)
}

// buildIndex writes the index of a database to standard output. If there is a pipe beside the database
// directory, buildIndex first waits until a process opens the pipe for writing.
func buildIndex(database string) error {
	if pipe, err := os.Open(pipeOf(filepath.Dir(filepath.Dir(database)))); err == nil {
		_ = pipe.Close()
	}
	repo, err := sources.RepositoryFromFile(database)
	if err != nil {
		return err
	}
	b := pkgindex.NewBuilder("test", 1)
	if _, _, err := repo.ReadPackages(context.Background(), b.AddSource(repo.Name, pkgindex.KindRepo), nil); err != nil {
		return err
	}
	return b.WriteTo(os.Stdout)
}

// pipeOf returns the path of the pipe that the builds of a database directory wait for.
func pipeOf(db string) string { return db + ".pipe" }

// testSystem has generated databases, and the options of the omgd that uses them. The options disable all
// network sources. Their timeouts are so long that even a slow machine does not reach them.
type testSystem struct {
	options
	t *testing.T
}

func newTestSystem(t *testing.T) *testSystem {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	link := filepath.Join(filepath.Dir(self), indexProgram)
	require.NoError(t, os.Symlink(self, link))
	t.Cleanup(func() { _ = os.Remove(link) })

	dir, err := os.MkdirTemp("", "omgd-") // a short path, because a socket's path has at most 107 bytes
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	w := &testSystem{t: t, options: options{
		env: paths.Env{Getenv: func(string) string { return "" }, UID: os.Getuid()}, config: config.Default(),
		socket: filepath.Join(dir, "run", "omg.sock"), data: filepath.Join(dir, "data"),
		dbpath: filepath.Join(dir, "db"), pacmanConfig: filepath.Join(dir, "pacman.conf"),
		log: slog.New(slog.DiscardHandler), logging: quiet(t),
		store: store.Limits{OpenTimeout: await.Timeout, OperationTimeout: await.Timeout, CloseTimeout: await.Timeout},
	}}
	require.NoError(t, fixture.WriteDatabases(w.dbpath, fixture.Options{Packages: 300, Installed: 30, Seed: 1}))
	require.NoError(t, os.WriteFile(w.pacmanConfig, []byte(fixture.PacmanConfig), 0o644))
	w.config.AUR.Enabled, w.config.AUR.LiveQueries.Enabled, w.config.Tracker.Enabled = false, false, false
	l := &w.config.Limits
	for _, limit := range []*config.Duration{&l.ReadTimeout, &l.WriteTimeout, &l.UnreadTimeout, &l.ShutdownTimeout} {
		*limit = config.Duration(await.Timeout)
	}
	return w
}

func quiet(t *testing.T) *logging.Log {
	t.Helper()
	l, err := logging.New("error", false, io.Discard)
	require.NoError(t, err)
	return l
}

// database and index return the paths of a repository's database and index.
func (w *testSystem) database(repo string) string { return filepath.Join(w.dbpath, "sync", repo+".db") }

func (w *testSystem) index(repo string) string {
	return sources.IndexPath(paths.IndexDir(w.data), pkgindex.KindRepo, repo)
}

// write replaces a repository's database by a new file, as pacman does.
func (w *testSystem) write(repo string, content []byte) {
	w.t.Helper()
	path := w.database(repo)
	require.NoError(w.t, os.WriteFile(path+".part", content, 0o644))
	require.NoError(w.t, os.Rename(path+".part", path))
}

// content returns the database of a repository in a generated system with this number of packages.
func content(t *testing.T, repo string, packages int) []byte {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, fixture.WriteDatabases(dir, fixture.Options{Packages: packages, Seed: uint64(packages)}))
	b, err := os.ReadFile(filepath.Join(dir, "sync", repo+".db"))
	require.NoError(t, err)
	return b
}

// packages returns the number of packages in a repository's database.
func (w *testSystem) packages(repo string) int {
	w.t.Helper()
	r, err := sources.RepositoryFromFile(w.database(repo))
	require.NoError(w.t, err)
	f, err := r.BuildInMemory(w.t.Context(), nil)
	require.NoError(w.t, err)
	return int(f.DocCount())
}

// running is a running daemon.
type running struct {
	*daemon
	t    *testing.T
	stop func() // stops the daemon, waits until it has ended and requires that there was no error
}

// serve starts a daemon. The daemon is stopped when the test ends.
func (w *testSystem) serve() *running {
	w.t.Helper()
	d, err := openDaemon(w.options)
	require.NoError(w.t, err)
	return serveDaemon(w.t, d)
}

func serveDaemon(t *testing.T, d *daemon) *running {
	t.Helper()
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.serve(ctx, func() {}) }()
	r := &running{daemon: d, t: t}
	stopped := false
	r.stop = func() {
		t.Helper()
		if !stopped {
			stopped = true
			end()
			require.NoError(t, await.Receive(t, ended, "the end of omgd"))
		}
	}
	t.Cleanup(r.stop)
	return r
}

// dial connects to the daemon.
func (r *running) dial() *client.Conn {
	r.t.Helper()
	conn, err := client.Dial(context.Background(), r.socket, client.Options{Timeout: await.Timeout})
	require.NoError(r.t, err)
	r.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// queryStatus returns the status that the daemon sends to a client.
func (r *running) queryStatus() *wire.StatusResult {
	r.t.Helper()
	s, err := r.dial().Status(r.t.Context())
	require.NoError(r.t, err)
	return s
}

// states returns the repositories of the daemon by name. The state of a repository is "building" while its
// index is built.
func (r *running) states() map[string]wire.Source {
	st, release, err := r.snapshotHolder.Acquire()
	if err != nil {
		return nil
	}
	defer release()
	states := map[string]wire.Source{}
	for _, s := range st.Inputs().Repositories {
		if s.Building || strings.Contains(s.Why, "is being indexed") {
			s.State = "building"
		}
		states[s.Name] = s.Source
	}
	return states
}

// awaitStates waits until the repository core is in the state coreState, and the two other repositories are
// in the state otherState.
func (r *running) awaitStates(coreState, otherState wire.SourceState) {
	r.t.Helper()
	await.Condition(r.t, func() bool {
		s := r.states()
		return s["core"].State == coreState && s["extra"].State == otherState && s["multilib"].State == otherState
	}, "core is %s, and the others are %s: %s", coreState, otherState, func() string { return fmt.Sprint(r.states()) })
}

// awaitCurrent waits until all repositories are up to date.
func (r *running) awaitCurrent() {
	r.t.Helper()
	r.awaitStates(wire.SourceOK, wire.SourceOK)
}

// search searches for all packages of these repositories, or of all repositories if none is given.
func (r *running) search(repos ...string) (n int, result *wire.SearchResult, err error) {
	r.t.Helper()
	result, err = r.dial().Search(r.t.Context(), &wire.SearchRequest{Words: []string{""}, Repos: repos}, func(*wire.Package) error { n++; return nil }, func() {})
	return n, result, err
}

// found does what search() does, and requires that there is no error.
func (r *running) found(repos ...string) (int, *wire.SearchResult) {
	r.t.Helper()
	n, result, err := r.search(repos...)
	require.NoError(r.t, err)
	require.EqualValues(r.t, n, result.Total)
	return n, result
}

// problems returns the names and states of the problems in a status, except the problem of libalpm: tests in
// this package have no omg-alpm-worker.
func problems(s *wire.StatusResult) (list []string) {
	for _, p := range s.Problems {
		if p.Name != "libalpm" {
			list = append(list, p.Name+": "+p.State)
		}
	}
	return list
}

// tree returns the mode, time and content of each file in a directory and below.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		var content bytes.Buffer
		if fi.Mode().IsRegular() {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			content.Write(b)
		}
		all[path] = fmt.Sprint(fi.Mode(), fi.ModTime().UnixNano(), content.String())
		return nil
	}))
	return all
}
