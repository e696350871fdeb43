package mirror

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omgd/internal/store"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/upstream"
)

func TestMain(m *testing.M) { await.RunTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// database returns a database with one package that has this version.
func database(version string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	desc := fmt.Sprintf("%%FILENAME%%\na-%[1]s-any.pkg.tar.zst\n\n%%NAME%%\na\n\n%%VERSION%%\n%[1]s\n\n%%ARCH%%\nany\n\n", version)
	_ = w.WriteHeader(&tar.Header{Name: "a-" + version + "/desc", Mode: 0o644, Size: int64(len(desc))})
	_, _ = io.WriteString(w, desc)
	_, _ = w.Close(), z.Close()
	return b.Bytes()
}

// web is a fake mirror server.
type web struct {
	*httptest.Server
	mu       sync.Mutex
	files    map[string]served
	answer   http.HandlerFunc // answers all requests; nil means that the server sends the content of the field files
	received []*http.Request
}

type served struct {
	body []byte
	at   time.Time
	etag string
}

func newWeb(t *testing.T) *web {
	t.Helper()
	s := &web{files: map[string]served{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.received = append(s.received, r)
		f, ok := s.files[r.URL.Path]
		answer := s.answer
		s.mu.Unlock()
		switch {
		case answer != nil:
			answer(w, r)
		case !ok:
			http.NotFound(w, r)
		default:
			if f.etag != "" {
				w.Header().Set("ETag", f.etag)
			}
			http.ServeContent(w, r, "", f.at, bytes.NewReader(f.body))
		}
	}))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s
}

func (s *web) has(path string, f served) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[path] = f
}

func (s *web) respond(h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = h
}

// requests returns all requests that have arrived since the last call of requests().
func (s *web) requests() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	received := s.received
	s.received = nil
	return received
}

// testSystem has a Downloader, its store and its pacman.conf.
type testSystem struct {
	t       *testing.T
	home    string
	conf    pacmandb.Config
	bad     error // the error of reading pacman.conf
	changed atomic.Int64
	client  *fetch.Client
	store   *store.Store
	m       *Downloader
}

func newTestSystem(t *testing.T, repos ...pacmandb.Repo) *testSystem {
	t.Helper()
	for i := range repos {
		if repos[i].Usage == 0 {
			repos[i].Usage = pacmandb.UsageAll
		}
	}
	w := &testSystem{t: t, home: t.TempDir(), conf: pacmandb.Config{Repos: repos}}
	w.open()
	t.Cleanup(w.close)
	return w
}

func (w *testSystem) open() {
	w.t.Helper()
	var err error
	w.client, err = fetch.New(config.Network{Proxy: "none", Timeout: config.Duration(await.Timeout)}, "omg-test")
	require.NoError(w.t, err)
	w.store = store.Open(filepath.Join(w.home, "store"), store.Limits{OpenTimeout: await.Timeout, OperationTimeout: await.Timeout, CloseTimeout: await.Timeout}, quiet)
	w.m = New(Config{
		Kind: Packages, Interval: time.Hour, Fetch: w.client, Store: w.store, Log: quiet,
		Dir: filepath.Join(w.home, "sync"), ReadConfig: func() (*pacmandb.Config, error) { return &w.conf, w.bad },
		BuildIndex: build, OnRoundDone: func() { w.changed.Add(1) },
	})
}

func (w *testSystem) close() {
	w.client.Close()
	require.NoError(w.t, w.store.Close())
}

// restart closes the Downloader and makes a new one with the same files.
func (w *testSystem) restart() {
	w.t.Helper()
	w.close()
	w.open()
}

// build builds an index as omg-index does, but in the test's process.
func build(ctx context.Context, db, index string) error {
	repo, err := sources.RepositoryFromFile(db)
	if err != nil {
		return err
	}
	b := pkgindex.NewBuilder("test", 1)
	if _, _, err := repo.ReadPackages(ctx, b.AddSource(repo.Name, pkgindex.KindRepo), nil); err != nil {
		return err
	}
	return b.WriteFile(index)
}

func (w *testSystem) round() error {
	w.t.Helper()
	k, err := w.m.round(w.t.Context())
	w.m.save(k)
	_, serr := os.Stat(filepath.Join(w.m.Dir, ".new"))
	require.ErrorIs(w.t, serr, os.ErrNotExist, "the staging directory is removed")
	return err
}

// version returns the version of the package in the index of a repository. It is empty if there is no index.
func (w *testSystem) version(repo string) string {
	w.t.Helper()
	f, err := pkgindex.Open(sources.IndexPath(w.m.Dir, pkgindex.KindRepo, repo), nil)
	if errors.Is(err, os.ErrNotExist) {
		return ""
	}
	require.NoError(w.t, err)
	defer f.Close()
	set := pkgindex.NewFileSet([]*pkgindex.File{f}, pkgindex.FileSetOptions{})
	hits, err := set.Lookup(repo, "a")
	require.NoError(w.t, err)
	require.Len(w.t, hits, 1)
	p, err := set.ReadPackage(hits[0])
	require.NoError(w.t, err)
	return p.Version
}

var day = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// TestMirror_Round checks the rounds in the life of a database: there is no database yet, the first is
// downloaded, it has not changed, it has changed, and the server fails.
func TestMirror_Round(t *testing.T) {
	s := newWeb(t)
	s.has("/core/core.db", served{database("1-1"), day, `"one"`})
	w := newTestSystem(t, pacmandb.Repo{Name: "core", Servers: []string{s.URL + "/core/"}, SignaturePolicy: pacmandb.SignatureNever})
	require.NoError(t, w.round())
	require.Equal(t, "1-1", w.version("core"))
	fi, err := os.Stat(filepath.Join(w.m.Dir, "core.db"))
	require.NoError(t, err)
	require.True(t, fi.ModTime().Equal(day), "the time comes from the server")
	require.Empty(t, w.m.FailureReason("core"))
	require.Empty(t, s.requests()[0].Header.Get("If-Modified-Since"))

	before := sourcefile.StampOf(fi).CtimeNS
	require.NoError(t, w.round())
	received := s.requests()
	require.Len(t, received, 1)
	require.Equal(t, `"one"`, received[0].Header.Get("If-None-Match"))
	require.Equal(t, day.Format(http.TimeFormat), received[0].Header.Get("If-Modified-Since"))
	fi, err = os.Stat(filepath.Join(w.m.Dir, "core.db"))
	require.NoError(t, err)
	require.True(t, fi.ModTime().Equal(day))
	require.Greater(t, sourcefile.StampOf(fi).CtimeNS, before, "the ctime records that the database is up to date")

	s.has("/core/core.db", served{database("2-1"), day.Add(time.Hour), `"two"`})
	w.restart()
	require.NoError(t, w.round())
	require.Equal(t, `"one"`, s.requests()[0].Header.Get("If-None-Match"), "the ETag survives a restart")
	require.Equal(t, "2-1", w.version("core"))

	s.respond(func(rw http.ResponseWriter, _ *http.Request) { http.Error(rw, "<html>", http.StatusBadGateway) })
	require.Error(t, w.round())
	require.Equal(t, "2-1", w.version("core"))
	require.Contains(t, w.m.FailureReason("core"), s.URL+"/core/: refused: 502")
	s.respond(nil)
	require.NoError(t, w.round())
	require.Empty(t, w.m.FailureReason("core"))

	// A database is downloaded again if its index is missing.
	require.NoError(t, os.Remove(sources.IndexPath(w.m.Dir, pkgindex.KindRepo, "core")))
	s.requests()
	require.NoError(t, w.round())
	require.Equal(t, "2-1", w.version("core"))
	require.Empty(t, s.requests()[0].Header.Get("If-None-Match"))
}

// TestMirror_Servers checks that a database comes from the first server that has it, unless that server's
// database is older than the local one.
func TestMirror_Servers(t *testing.T) {
	a, b := newWeb(t), newWeb(t)
	w := newTestSystem(t, pacmandb.Repo{Name: "core", Servers: []string{a.URL, "ftp://127.0.0.1/core", b.URL}, SignaturePolicy: pacmandb.SignatureNever})
	b.has("/core.db", served{database("1-1"), day, `"b"`})
	require.NoError(t, w.round())
	require.Equal(t, "1-1", w.version("core"))

	a.has("/core.db", served{database("0-1"), day.Add(-time.Hour), `"a"`})
	a.requests()
	require.NoError(t, w.round())
	require.Equal(t, "1-1", w.version("core"), "an older database on a mirror is ignored")
	require.Empty(t, a.requests()[0].Header.Get("If-None-Match"), "the ETag belongs to the other server")
	a.respond(func(rw http.ResponseWriter, _ *http.Request) { // the server ignores If-Modified-Since and If-None-Match
		rw.Header().Set("Last-Modified", day.Add(-time.Hour).Format(http.TimeFormat))
		_, _ = rw.Write(database("0-1"))
	})
	require.NoError(t, w.round())
	require.Equal(t, "1-1", w.version("core"))

	a.respond(nil)
	a.has("/core.db", served{database("3-1"), day.Add(time.Hour), ""})
	require.NoError(t, w.round())
	require.Equal(t, "3-1", w.version("core"))

	many := make([]string, 50)
	for i := range many {
		many[i] = fmt.Sprintf("%s/none%d", a.URL, i)
	}
	w.conf.Repos[0].Servers = many
	a.requests()
	err := w.round()
	for i := range upstream.MaxServers {
		require.ErrorContains(t, err, fmt.Sprintf("/none%d: refused: 404", i), "the error has all servers that were asked")
	}
	require.Len(t, a.requests(), upstream.MaxServers)
	w.conf.Repos[0].Servers = []string{"ftp://127.0.0.1"}
	require.ErrorContains(t, w.round(), "URL scheme ftp is not supported")
	w.conf.Repos[0].Servers = nil
	require.ErrorContains(t, w.round(), "pacman.conf has no Server for core")
	require.Equal(t, "3-1", w.version("core"))
	w.bad = errors.New("broken")
	require.ErrorContains(t, w.round(), "broken")
	require.Equal(t, "3-1", w.version("core"))
}

// TestMirror_Faults checks that after each fault the last database stays, no other files are left, and FailureReason
// returns the reason.
func TestMirror_Faults(t *testing.T) {
	whole := database("2-1")
	for name, c := range map[string]struct {
		handle http.HandlerFunc
		why    string
	}{
		"503 in HTML": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusServiceUnavailable) }, "503"},
		"HTML":        {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>welcome</html>") }, "its database was rejected"},
		"nothing":     {func(http.ResponseWriter, *http.Request) {}, "its database was rejected"},
		"truncated":   {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(whole[:len(whole)/2]) }, "its database was rejected"},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000")
			_, _ = w.Write(whole)
		}, "the response is truncated"},
		"a gigabyte": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1073741824")
			w.WriteHeader(200)
		}, "too large"},
		"in a circle": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/core.db", http.StatusFound) }, "too many redirects"},
		"to a file": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(http.StatusFound)
		}, "not over TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newWeb(t)
			s.has("/core.db", served{database("1-1"), day, ""})
			w := newTestSystem(t, pacmandb.Repo{Name: "core", Servers: []string{s.URL}, SignaturePolicy: pacmandb.SignatureNever})
			s.respond(c.handle)
			require.Error(t, w.round())
			require.Empty(t, w.version("core"))
			require.Contains(t, w.m.FailureReason("core"), c.why)
			require.Contains(t, w.m.FailureReason("core"), s.URL)
			s.respond(nil)
			require.NoError(t, w.round())
			s.respond(c.handle)
			require.Error(t, w.round())
			require.Equal(t, "1-1", w.version("core"))
			left, err := os.ReadDir(w.m.Dir)
			require.NoError(t, err)
			require.Len(t, left, 2)
		})
	}
}

// TestMirror_Signatures checks that a signature is stored if pacman.conf allows signatures, and that a
// database without a signature is rejected if pacman.conf requires one.
func TestMirror_Signatures(t *testing.T) {
	s := newWeb(t)
	s.has("/core.db", served{database("1-1"), day, ""})
	w := newTestSystem(t, pacmandb.Repo{Name: "core", Servers: []string{s.URL}, SignaturePolicy: pacmandb.SignatureRequired})
	signature := filepath.Join(w.m.Dir, "core.db.sig")
	require.ErrorIs(t, w.round(), upstream.ErrUnsigned)
	require.Empty(t, w.version("core"))

	w.conf.Repos[0].SignaturePolicy = pacmandb.SignatureOptional
	require.NoError(t, w.round())
	require.Equal(t, "1-1", w.version("core"))
	require.NoFileExists(t, signature)

	w.conf.Repos[0].SignaturePolicy = pacmandb.SignatureRequired
	s.has("/core.db.sig", served{[]byte("signed"), day, ""})
	s.has("/core.db", served{database("2-1"), day.Add(time.Hour), ""})
	require.NoError(t, w.round())
	require.Equal(t, "2-1", w.version("core"))
	b, err := os.ReadFile(signature)
	require.NoError(t, err)
	require.Equal(t, "signed", string(b))

	s.has("/core.db.sig", served{make([]byte, upstream.MaxSignatureSize+1), day, ""})
	s.has("/core.db", served{database("3-1"), day.Add(2 * time.Hour), ""})
	require.ErrorIs(t, w.round(), fetch.ErrTooLarge)
	require.Equal(t, "2-1", w.version("core"))

	w.conf.Repos[0].SignaturePolicy = pacmandb.SignatureNever
	s.requests()
	require.NoError(t, w.round())
	require.Equal(t, "3-1", w.version("core"))
	require.Len(t, s.requests(), 1, "no signature is requested")
	require.NoFileExists(t, signature, "the old signature belongs to another database")
}

// TestMirror_FileServer checks that the server of a repository may be a directory.
func TestMirror_FileServer(t *testing.T) {
	dir := t.TempDir()
	w := newTestSystem(t, pacmandb.Repo{Name: "my own", Servers: []string{"file://" + dir}, SignaturePolicy: pacmandb.SignatureOptional})
	require.ErrorIs(t, w.round(), os.ErrNotExist)
	path := filepath.Join(dir, "my own.db")
	write := func(version string, at time.Time) {
		require.NoError(t, os.WriteFile(path, database(version), 0o644))
		require.NoError(t, os.Chtimes(path, at, at))
	}
	write("1-1", day)
	require.NoError(t, w.round())
	require.Equal(t, "1-1", w.version("my own"))
	require.NoError(t, w.round())
	write("2-1", day.Add(time.Minute))
	require.NoError(t, w.round())
	require.Equal(t, "2-1", w.version("my own"))
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Mkdir(path, 0o755))
	require.ErrorContains(t, w.round(), "not a regular file")
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.WriteFile(path, nil, 0o644))
	require.NoError(t, os.Truncate(path, Packages.MaxSize+1))
	require.ErrorIs(t, w.round(), fetch.ErrTooLarge)
	require.Equal(t, "2-1", w.version("my own"))
}

// TestMirror_Repositories checks that only the databases that pacman -Sy downloads are downloaded, and that
// the files of repositories that are no longer configured are removed.
func TestMirror_Repositories(t *testing.T) {
	s := newWeb(t)
	repos := []pacmandb.Repo{}
	for _, name := range []string{"core", "extra", "local-only", "my.own", "aur"} {
		repos = append(repos, pacmandb.Repo{Name: name, Servers: []string{s.URL}, SignaturePolicy: pacmandb.SignatureNever})
		s.has("/"+name+".db", served{database("1-1"), day, ""})
	}
	repos[2].Usage = pacmandb.UsageSearch
	w := newTestSystem(t, repos...)
	require.NoError(t, w.round())
	require.Equal(t, []string{"1-1", "1-1", ""}, []string{w.version("core"), w.version("extra"), w.version("local-only")})
	require.NoError(t, w.round(), "nothing has changed")
	for _, name := range []string{"my.own", "aur"} {
		require.Equal(t, "1-1", w.version(name), name)
	}
	foreign := filepath.Join(w.m.Dir, "notes")
	require.NoError(t, os.WriteFile(foreign, nil, 0o644))
	w.conf.Repos = w.conf.Repos[1:2]
	require.NoError(t, w.round())
	require.Equal(t, "1-1", w.version("extra"))
	require.FileExists(t, foreign)
	left, err := os.ReadDir(w.m.Dir)
	require.NoError(t, err)
	require.Len(t, left, 3, "extra's database, its index and the notes: %s", left)
}

// TestMirror_Files checks that the lists of files are downloaded apart from the packages, with results of their own.
func TestMirror_Files(t *testing.T) {
	s := newWeb(t)
	s.has("/core.db", served{database("1-1"), day, `"db"`})
	s.has("/core.files", served{[]byte("a list"), day, `"files"`})
	s.has("/core.files.sig", served{[]byte("a signature"), day, ""})
	w := newTestSystem(t, pacmandb.Repo{Name: "core", Servers: []string{s.URL}, SignaturePolicy: pacmandb.SignatureOptional, Usage: pacmandb.UsageAll})
	require.NoError(t, w.round())
	packages := w.m
	built := 0
	w.m = New(Config{
		Kind: Files, Interval: time.Hour, Fetch: w.client, Store: w.store, Log: quiet, Dir: filepath.Join(w.home, "files"),
		ReadConfig: packages.ReadConfig, OnRoundDone: func() {},
		BuildIndex: func(_ context.Context, db, index string) error {
			built++
			content, err := os.ReadFile(db)
			if err != nil || string(content) != "a list" {
				return errors.New("it is no list")
			}
			return os.WriteFile(index, []byte("an index"), 0o644)
		},
	})
	for range 2 {
		require.NoError(t, w.round())
		require.Equal(t, 1, built, "the second time, the server says that nothing has changed")
	}
	for _, path := range []string{filepath.Join(w.m.Dir, "core.files"), filepath.Join(w.m.Dir, "core.files.sig"), sources.FilesIndexPath(w.m.Dir, "core")} {
		require.FileExists(t, path)
	}
	s.has("/core.files", served{[]byte("<html>"), day.Add(time.Hour), `"other"`})
	require.ErrorContains(t, w.round(), "it is no list")
	require.Contains(t, w.m.FailureReason("core"), "it is no list")
	require.FileExists(t, sources.FilesIndexPath(w.m.Dir, "core"), "the last good list stays")
	require.Empty(t, packages.FailureReason("core"))
	w.conf.Repos = nil
	require.NoError(t, w.round())
	left, err := os.ReadDir(w.m.Dir)
	require.NoError(t, err)
	require.Empty(t, left)
	require.Equal(t, "1-1", func() string { w.m = packages; return w.version("core") }())
}

// TestMirror_CannotWrite checks that each repository has the error if the directory is not writable.
func TestMirror_CannotWrite(t *testing.T) {
	w := newTestSystem(t, pacmandb.Repo{Name: "core", Servers: []string{"http://127.0.0.1:9"}})
	require.NoError(t, os.WriteFile(w.m.Dir, nil, 0o644))
	k, err := w.m.round(t.Context())
	require.Error(t, err)
	w.m.save(k)
	require.Contains(t, w.m.FailureReason("core"), "not a directory")
}

// oneValue is a store.ValueStore that holds one value.
type oneValue struct{ value []byte }

func (s *oneValue) Put(_, _ string, value []byte, _ time.Time) error {
	s.value = bytes.Clone(value)
	return nil
}

func (s *oneValue) Get(_, _ string) ([]byte, time.Time, bool) {
	return s.value, time.Time{}, s.value != nil
}

// TestRun_AsksWhenItIsDue checks that a round begins an hour after the last round, also across restarts.
func TestRun_AsksWhenItIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, home := t.TempDir(), t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(server, "core.db"), database("1-1"), 0o644))
		repo := pacmandb.Repo{Name: "core", Servers: []string{"file://" + server}, SignaturePolicy: pacmandb.SignatureNever, Usage: pacmandb.UsageAll}
		began, rounds, kept := time.Now(), []time.Duration(nil), &oneValue{}
		run := func(d time.Duration) {
			changed := 0
			before := len(rounds)
			m := New(Config{
				Kind: Packages, Interval: time.Hour, Store: kept, Log: quiet, Dir: filepath.Join(home, "sync"),
				ReadConfig: func() (*pacmandb.Config, error) { // each round calls ReadConfig once
					rounds = append(rounds, time.Since(began))
					return &pacmandb.Config{Repos: []pacmandb.Repo{repo}}, nil
				},
				BuildIndex: build, OnRoundDone: func() { changed++ },
			})
			start := time.Now()
			ctx, end := context.WithTimeout(t.Context(), d)
			defer end()
			m.Run(ctx)
			require.Equal(t, d, time.Since(start), "Run ends with its context")
			require.Empty(t, m.FailureReason("core"))
			require.Equal(t, len(rounds)-before, changed)
		}
		run(10 * time.Minute)
		require.Equal(t, []time.Duration{0}, rounds)
		run(49 * time.Minute)
		require.Len(t, rounds, 1, "the next round is not due yet")
		run(8 * time.Minute)
		require.Len(t, rounds, 2)
		require.InDelta(t, 63*time.Minute, rounds[1], float64(3*time.Minute), "an hour and up to a tenth of one later")
		run(23 * time.Hour)
		require.InDelta(t, 23, len(rounds), 2)
	})
}
