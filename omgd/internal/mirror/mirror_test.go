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
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omgd/internal/fetch"
	"github.com/omg-arch/omg/omgd/internal/store"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/catalog"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
)

func TestMain(m *testing.M) { await.Main(m) }

var quiet = slog.New(slog.DiscardHandler)

// database is a database with one package of a version.
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

// web is a mirror.
type web struct {
	*httptest.Server
	mu     sync.Mutex
	files  map[string]served
	answer http.HandlerFunc // in place of the files, unless nil
	asked  []*http.Request
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
		s.asked = append(s.asked, r)
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

func (s *web) says(h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = h
}

// requests are what was asked for since the last time.
func (s *web) requests() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	return asked
}

// world is a mirror of ours, what it remembers and what pacman.conf says.
type world struct {
	t       *testing.T
	home    string
	conf    pacmandb.Config
	bad     error // of pacman.conf
	changed atomic.Int64
	client  *fetch.Client
	store   *store.Store
	m       *Mirror
}

func newWorld(t *testing.T, repos ...pacmandb.Repo) *world {
	t.Helper()
	for i := range repos {
		if repos[i].Usage == 0 {
			repos[i].Usage = pacmandb.UsageAll
		}
	}
	w := &world{t: t, home: t.TempDir(), conf: pacmandb.Config{Repos: repos}}
	w.open()
	t.Cleanup(w.close)
	return w
}

func (w *world) open() {
	w.t.Helper()
	var err error
	w.client, err = fetch.New(config.Network{Proxy: "none", Timeout: config.Duration(await.Hang)}, "omg-test")
	require.NoError(w.t, err)
	w.store = store.Open(filepath.Join(w.home, "store"), store.Limits{Open: await.Hang, Operation: await.Hang, Close: await.Hang}, quiet)
	w.m = New(Config{
		Sync: config.Sync{Own: true, Interval: config.Duration(time.Hour)}, Fetch: w.client, Store: w.store, Log: quiet,
		Dir: filepath.Join(w.home, "sync"), Pacman: func() (*pacmandb.Config, error) { return &w.conf, w.bad },
		Build: build, Changed: func() { w.changed.Add(1) },
	})
}

func (w *world) close() {
	w.client.Close()
	require.NoError(w.t, w.store.Close())
}

// restart ends it and starts another.
func (w *world) restart() {
	w.t.Helper()
	w.close()
	w.open()
}

// build does what omg-index does.
func build(ctx context.Context, db, index string) error {
	repos := &catalog.Repos{}
	if err := repos.Add(strings.TrimSuffix(filepath.Base(db), ".db"), db); err != nil {
		return err
	}
	b, err := repos.Build(ctx, "test", 1, nil)
	if err != nil {
		return err
	}
	return b.WriteFile(index)
}

func (w *world) round() error {
	w.t.Helper()
	k, err := w.m.round(w.t.Context())
	w.m.note(k)
	_, serr := os.Stat(filepath.Join(w.m.Dir, ".new"))
	require.ErrorIs(w.t, serr, os.ErrNotExist, "what was staged is gone")
	return err
}

// version is that of the package in the index of a repository's database, empty for
// no index.
func (w *world) version(repo string) string {
	w.t.Helper()
	f, err := pkgindex.Open(catalog.OwnIndex(w.m.Dir, repo), nil)
	if errors.Is(err, os.ErrNotExist) {
		return ""
	}
	require.NoError(w.t, err)
	defer f.Close()
	set, err := pkgindex.NewSet([]*pkgindex.File{f}, pkgindex.View{})
	require.NoError(w.t, err)
	hits, err := set.Lookup(repo, "a")
	require.NoError(w.t, err)
	require.Len(w.t, hits, 1)
	p, err := set.Package(hits[0])
	require.NoError(w.t, err)
	return p.Version
}

var day = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// TestRound goes through the life of a database: there is none, there is one, it is
// still right, it is another one, and there is none to be had.
func TestRound(t *testing.T) {
	s := newWeb(t)
	s.has("/core/core.db", served{database("1-1"), day, `"one"`})
	w := newWorld(t, pacmandb.Repo{Name: "core", Servers: []string{s.URL + "/core/"}, Signature: pacmandb.SignatureNever})
	require.NoError(t, w.round())
	require.Equal(t, "1-1", w.version("core"))
	fi, err := os.Stat(filepath.Join(w.m.Dir, "core.db"))
	require.NoError(t, err)
	require.True(t, fi.ModTime().Equal(day), "the time is the mirror's")
	require.Empty(t, w.m.Why("core"))
	require.Empty(t, s.requests()[0].Header.Get("If-Modified-Since"))

	before := pacmandb.StampOf(fi).CtimeNS
	require.NoError(t, w.round())
	asked := s.requests()
	require.Len(t, asked, 1)
	require.Equal(t, `"one"`, asked[0].Header.Get("If-None-Match"))
	require.Equal(t, day.Format(http.TimeFormat), asked[0].Header.Get("If-Modified-Since"))
	fi, err = os.Stat(filepath.Join(w.m.Dir, "core.db"))
	require.NoError(t, err)
	require.True(t, fi.ModTime().Equal(day))
	require.Greater(t, pacmandb.StampOf(fi).CtimeNS, before, "that it is right is remembered")

	s.has("/core/core.db", served{database("2-1"), day.Add(time.Hour), `"two"`})
	w.restart()
	require.NoError(t, w.round())
	require.Equal(t, `"one"`, s.requests()[0].Header.Get("If-None-Match"), "remembered across a restart")
	require.Equal(t, "2-1", w.version("core"))

	s.says(func(rw http.ResponseWriter, _ *http.Request) { http.Error(rw, "<html>", http.StatusBadGateway) })
	require.Error(t, w.round())
	require.Equal(t, "2-1", w.version("core"))
	require.Contains(t, w.m.Why("core"), s.URL+"/core/: refused: 502")
	s.says(nil)
	require.NoError(t, w.round())
	require.Empty(t, w.m.Why("core"))

	// Without its index a database is worth nothing, and is asked for as a whole.
	require.NoError(t, os.Remove(catalog.OwnIndex(w.m.Dir, "core")))
	s.requests()
	require.NoError(t, w.round())
	require.Equal(t, "2-1", w.version("core"))
	require.Empty(t, s.requests()[0].Header.Get("If-None-Match"))
}

// TestServers: the first that has the database is believed, unless it is behind.
func TestServers(t *testing.T) {
	a, b := newWeb(t), newWeb(t)
	w := newWorld(t, pacmandb.Repo{Name: "core", Servers: []string{a.URL, "ftp://127.0.0.1/core", b.URL}, Signature: pacmandb.SignatureNever})
	b.has("/core.db", served{database("1-1"), day, `"b"`})
	require.NoError(t, w.round())
	require.Equal(t, "1-1", w.version("core"))

	a.has("/core.db", served{database("0-1"), day.Add(-time.Hour), `"a"`})
	a.requests()
	require.NoError(t, w.round())
	require.Equal(t, "1-1", w.version("core"), "a mirror that is behind takes nothing away")
	require.Empty(t, a.requests()[0].Header.Get("If-None-Match"), "the tag is the other server's")
	a.says(func(rw http.ResponseWriter, _ *http.Request) { // and has no idea of conditions
		rw.Header().Set("Last-Modified", day.Add(-time.Hour).Format(http.TimeFormat))
		_, _ = rw.Write(database("0-1"))
	})
	require.NoError(t, w.round())
	require.Equal(t, "1-1", w.version("core"))

	a.says(nil)
	a.has("/core.db", served{database("3-1"), day.Add(time.Hour), ""})
	require.NoError(t, w.round())
	require.Equal(t, "3-1", w.version("core"))

	many := make([]string, 50)
	for i := range many {
		many[i] = fmt.Sprintf("%s/none%d", a.URL, i)
	}
	w.conf.Repos[0].Servers = many
	a.requests()
	require.ErrorContains(t, w.round(), "none0: refused: 404", "the first is named")
	require.Len(t, a.requests(), maxServers)
	w.conf.Repos[0].Servers = []string{"ftp://127.0.0.1"}
	require.ErrorContains(t, w.round(), "ftp is not a way to download")
	w.conf.Repos[0].Servers = nil
	require.ErrorContains(t, w.round(), "pacman.conf names no server of core")
	require.Equal(t, "3-1", w.version("core"))
	w.bad = errors.New("broken")
	require.ErrorContains(t, w.round(), "broken")
	require.Equal(t, "3-1", w.version("core"))
}

// TestFaults: after each, what was there stays, nothing else is left, and it is said
// what happened.
func TestFaults(t *testing.T) {
	whole := database("2-1")
	for name, c := range map[string]struct {
		handle http.HandlerFunc
		why    string
	}{
		"503 in HTML": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusServiceUnavailable) }, "503"},
		"HTML":        {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>welcome</html>") }, "its database is refused"},
		"nothing":     {func(http.ResponseWriter, *http.Request) {}, "its database is refused"},
		"truncated":   {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(whole[:len(whole)/2]) }, "its database is refused"},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000")
			_, _ = w.Write(whole)
		}, "ended before its end"},
		"a gigabyte": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1073741824")
			w.WriteHeader(200)
		}, "too large"},
		"in a circle": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/core.db", http.StatusFound) }, "redirected too often"},
		"to a file": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(http.StatusFound)
		}, "not over TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newWeb(t)
			s.has("/core.db", served{database("1-1"), day, ""})
			w := newWorld(t, pacmandb.Repo{Name: "core", Servers: []string{s.URL}, Signature: pacmandb.SignatureNever})
			s.says(c.handle)
			require.Error(t, w.round())
			require.Empty(t, w.version("core"))
			require.Contains(t, w.m.Why("core"), c.why)
			require.Contains(t, w.m.Why("core"), s.URL)
			s.says(nil)
			require.NoError(t, w.round())
			s.says(c.handle)
			require.Error(t, w.round())
			require.Equal(t, "1-1", w.version("core"))
			left, err := os.ReadDir(w.m.Dir)
			require.NoError(t, err)
			require.Len(t, left, 2)
		})
	}
}

// TestSignatures: one is stored where there may be one, and must be there where
// pacman.conf requires it.
func TestSignatures(t *testing.T) {
	s := newWeb(t)
	s.has("/core.db", served{database("1-1"), day, ""})
	w := newWorld(t, pacmandb.Repo{Name: "core", Servers: []string{s.URL}, Signature: pacmandb.SignatureRequired})
	signature := filepath.Join(w.m.Dir, "core.db.sig")
	require.ErrorIs(t, w.round(), errUnsigned)
	require.Empty(t, w.version("core"))

	w.conf.Repos[0].Signature = pacmandb.SignatureOptional
	require.NoError(t, w.round())
	require.Equal(t, "1-1", w.version("core"))
	require.NoFileExists(t, signature)

	w.conf.Repos[0].Signature = pacmandb.SignatureRequired
	s.has("/core.db.sig", served{[]byte("signed"), day, ""})
	s.has("/core.db", served{database("2-1"), day.Add(time.Hour), ""})
	require.NoError(t, w.round())
	require.Equal(t, "2-1", w.version("core"))
	b, err := os.ReadFile(signature)
	require.NoError(t, err)
	require.Equal(t, "signed", string(b))

	s.has("/core.db.sig", served{make([]byte, maxSignature+1), day, ""})
	s.has("/core.db", served{database("3-1"), day.Add(2 * time.Hour), ""})
	require.ErrorIs(t, w.round(), fetch.ErrTooLarge)
	require.Equal(t, "2-1", w.version("core"))

	w.conf.Repos[0].Signature = pacmandb.SignatureNever
	s.requests()
	require.NoError(t, w.round())
	require.Equal(t, "3-1", w.version("core"))
	require.Len(t, s.requests(), 1, "no signature is asked for")
	require.NoFileExists(t, signature, "the old one is another database's")
}

// TestFiles: a server may be a directory.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t, pacmandb.Repo{Name: "my own", Servers: []string{"file://" + dir}, Signature: pacmandb.SignatureOptional})
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
	require.NoError(t, os.Truncate(path, maxDatabase+1))
	require.ErrorIs(t, w.round(), fetch.ErrTooLarge)
	require.Equal(t, "2-1", w.version("my own"))
}

// TestRepositories: only what pacman -Sy downloads is, and what is no longer
// configured goes.
func TestRepositories(t *testing.T) {
	s := newWeb(t)
	repos := []pacmandb.Repo{}
	for _, name := range []string{"core", "extra", "local-only"} {
		repos = append(repos, pacmandb.Repo{Name: name, Servers: []string{s.URL}, Signature: pacmandb.SignatureNever})
		s.has("/"+name+".db", served{database("1-1"), day, ""})
	}
	repos[2].Usage = pacmandb.UsageSearch
	w := newWorld(t, repos...)
	require.NoError(t, w.round())
	require.Equal(t, []string{"1-1", "1-1", ""}, []string{w.version("core"), w.version("extra"), w.version("local-only")})
	foreign := filepath.Join(w.m.Dir, "notes")
	require.NoError(t, os.WriteFile(foreign, nil, 0o644))
	w.conf.Repos = w.conf.Repos[1:]
	require.NoError(t, w.round())
	require.Empty(t, w.version("core"))
	require.Equal(t, "1-1", w.version("extra"))
	require.FileExists(t, foreign)
}

// TestNoRoom: where nothing can be written, that is said of each repository.
func TestNoRoom(t *testing.T) {
	w := newWorld(t, pacmandb.Repo{Name: "core", Servers: []string{"http://127.0.0.1:9"}})
	require.NoError(t, os.WriteFile(w.m.Dir, nil, 0o644))
	k, err := w.m.round(t.Context())
	require.Error(t, err)
	w.m.note(k)
	require.Contains(t, w.m.Why("core"), "not a directory")
}

// shelf is a store that holds one value.
type shelf struct{ value []byte }

func (s *shelf) Put(_, _ string, value []byte, _ time.Time) error {
	s.value = bytes.Clone(value)
	return nil
}

func (s *shelf) Get(_, _ string) ([]byte, time.Time, bool) {
	return s.value, time.Time{}, s.value != nil
}

// TestRun_AsksWhenItIsDue: once an hour, counted from the last round, be it from
// before a restart.
func TestRun_AsksWhenItIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, home := t.TempDir(), t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(server, "core.db"), database("1-1"), 0o644))
		repo := pacmandb.Repo{Name: "core", Servers: []string{"file://" + server}, Signature: pacmandb.SignatureNever, Usage: pacmandb.UsageAll}
		began, rounds, kept := time.Now(), []time.Duration(nil), &shelf{}
		run := func(d time.Duration) {
			changed := 0
			before := len(rounds)
			m := New(Config{
				Sync: config.Sync{Own: true, Interval: config.Duration(time.Hour)}, Store: kept, Log: quiet, Dir: filepath.Join(home, "sync"),
				Pacman: func() (*pacmandb.Config, error) { // is read once in each round
					rounds = append(rounds, time.Since(began))
					return &pacmandb.Config{Repos: []pacmandb.Repo{repo}}, nil
				},
				Build: build, Changed: func() { changed++ },
			})
			start := time.Now()
			ctx, end := context.WithTimeout(t.Context(), d)
			defer end()
			m.Run(ctx)
			require.Equal(t, d, time.Since(start), "it ends when it is told to")
			require.Empty(t, m.Why("core"))
			require.Equal(t, len(rounds)-before, changed)
		}
		run(10 * time.Minute)
		require.Equal(t, []time.Duration{0}, rounds)
		run(49 * time.Minute)
		require.Len(t, rounds, 1, "not asked for so soon")
		run(8 * time.Minute)
		require.Len(t, rounds, 2)
		require.InDelta(t, 63*time.Minute, rounds[1], float64(3*time.Minute), "an hour and up to a tenth of one later")
		run(23 * time.Hour)
		require.InDelta(t, 23, len(rounds), 2)
	})
}
