package direct

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/aurdump"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/wire"
)

// options describes the generated databases.
var options = fixture.Options{Packages: 120, Installed: 20, Seed: 3}

// generated returns the generated packages, by repository and name.
func generated() map[string][]wire.Package {
	all := map[string][]wire.Package{}
	for p := range fixture.GeneratePackages(options) {
		all[p.Repo] = append(all[p.Repo], p)
	}
	return all
}

// testSystem is a system with generated databases and a user's environment.
type testSystem struct {
	t     *testing.T
	home  string
	o     backend.Options
	env   map[string]string
	notes []string
}

// newTestSystem makes a test system with databases, without indexes and with the AUR disabled.
func newTestSystem(t *testing.T) *testSystem {
	t.Helper()
	w := &testSystem{t: t, home: t.TempDir()}
	require.NoError(t, os.Chmod(w.home, 0o755))
	require.NoError(t, fixture.WriteDatabases(w.path("db"), options))
	w.write("pacman.conf", fmt.Sprintf("[options]\nDBPath = %s\nRootDir = %s\nLogFile = %s\n[core]\n[extra]\n[multilib]\n", w.path("db"), w.path("root"), w.path("pacman.log")))
	w.write("config.toml", "[aur]\nenabled = false\n")
	w.env = map[string]string{"HOME": w.home, "XDG_RUNTIME_DIR": w.path("run"), "XDG_DATA_HOME": w.path("share"), "OMG_CONFIG": w.path("config.toml")}
	w.o = backend.Options{PacmanConfig: w.path("pacman.conf")}
	return w
}

func (w *testSystem) path(name string) string { return filepath.Join(w.home, name) }

// database returns the path of a repository's database.
func (w *testSystem) database(repo string) string { return w.path("db/sync/" + repo + ".db") }

// index returns the path of omg's own index of a source.
func (w *testSystem) index(name string) string {
	kind := pkgindex.KindRepo
	if name == wire.SourceAUR {
		kind = pkgindex.KindAUR
	}
	return sources.IndexPath(paths.IndexDir(w.path("share/omg")), kind, name)
}

func (w *testSystem) write(name, text string) {
	w.t.Helper()
	path := w.path(name)
	require.NoError(w.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(w.t, os.WriteFile(path, []byte(text), 0o644))
}

// backend returns a new backend with the test system's options.
func (w *testSystem) backend() *Backend {
	w.notes = nil
	o := w.o
	o.PrintNote = func(line string) { w.notes = append(w.notes, line) }
	return &Backend{o: o, env: paths.Env{UID: os.Getuid(), Root: w.path("root"), Getenv: func(name string) string { return w.env[name] }}}
}

// pacman returns pacman's configuration.
func (w *testSystem) pacman() *sources.PacmanSetup {
	w.t.Helper()
	p, err := sources.Config{PacmanConfig: w.path("pacman.conf")}.ReadPacmanSetup()
	require.NoError(w.t, err)
	return p
}

// build writes one index of the given repositories, and its origin file.
func (w *testSystem) build(path string, repositories ...string) {
	w.t.Helper()
	b := pkgindex.NewBuilder("test", 1)
	var origins sources.IndexOrigins
	pacman := w.pacman()
	for i := range pacman.Repositories {
		r := &pacman.Repositories[i]
		if !slices.Contains(repositories, r.Name) {
			continue
		}
		f, _, err := r.ReadPackages(w.t.Context(), b.AddSource(r.Name, pkgindex.KindRepo), nil)
		require.NoError(w.t, err)
		origins = append(origins, sources.OriginOfFile(&f.File))
	}
	require.Len(w.t, origins, len(repositories))
	w.writeIndex(path, b)
	require.NoError(w.t, origins.Write(path))
}

// buildOwn writes omg's own indexes, one for each repository.
func (w *testSystem) buildOwn() {
	w.t.Helper()
	for _, repo := range []string{"core", "extra", "multilib"} {
		w.build(w.index(repo), repo)
	}
}

// aurPackages is the number of packages in the generated AUR.
const aurPackages = 50

// buildAUR writes an index of a generated AUR.
func (w *testSystem) buildAUR(path string) {
	w.t.Helper()
	var dump bytes.Buffer
	require.NoError(w.t, fixture.WriteAURDump(&dump, aurPackages, options.Seed))
	require.NoError(w.t, os.WriteFile(w.path("aur.json.gz"), dump.Bytes(), 0o644))
	b := pkgindex.NewBuilder("test", 1)
	into := b.AddSource(wire.SourceAUR, pkgindex.KindAUR)
	f, err := aurdump.Read(w.t.Context(), w.path("aur.json.gz"), into.Add)
	require.NoError(w.t, err)
	into.SetFileInfo(f.HexDigest(), f.Stamp.Size, f.Stamp.MtimeSeconds())
	w.writeIndex(path, b)
}

// writeIndex writes an index without fsync.
func (w *testSystem) writeIndex(path string, b *pkgindex.Builder) {
	w.t.Helper()
	text, err := b.Bytes()
	require.NoError(w.t, err)
	require.NoError(w.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(w.t, os.WriteFile(path, text, 0o644))
}

// search returns the names of the packages that a search finds, and the result of the search.
func (w *testSystem) search(r wire.SearchRequest) ([]string, *wire.SearchResult, error) {
	w.t.Helper()
	var names []string
	result, err := w.backend().Search(w.t.Context(), &r, func(p *wire.Package) error {
		names = append(names, p.Repo+"/"+p.Name)
		return nil
	}, nil)
	return names, result, err
}

// info returns the packages that a look-up finds, and the result of the look-up.
func (w *testSystem) info(names ...string) ([]wire.Package, *wire.InfoResult, error) {
	w.t.Helper()
	var found []wire.Package
	result, err := w.backend().Info(w.t.Context(), &wire.InfoRequest{Names: names}, func(p *wire.Package) error {
		found = append(found, *p)
		return nil
	}, nil)
	return found, result, err
}

// ask sends a request to a new backend, and requires a result without an error.
func ask[R any](w *testSystem, question func(*Backend, context.Context) (*R, error)) *R {
	w.t.Helper()
	r, err := question(w.backend(), w.t.Context())
	require.NoError(w.t, err)
	return r
}

// source returns the source with the given name.
func source(t *testing.T, list []wire.Source, name string) wire.Source {
	t.Helper()
	i := slices.IndexFunc(list, func(s wire.Source) bool { return s.Name == name })
	require.GreaterOrEqual(t, i, 0, "no source %s in %v", name, list)
	return list[i]
}

// bad is a way to make a database unreadable.
type bad struct {
	name  string
	state wire.SourceState // the state of the repository if there is no index
	says  string
	make  func(t *testing.T, path string)
}

// content returns a function that replaces the content of a database file by the result of the function damage, which gets
// the good content.
func content(damage func(good []byte) []byte) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		good, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, damage(good), 0o644))
	}
}

// instead returns a function that removes a database, and then calls the function create, which creates something else at
// the same path, such as a directory or a pipe.
func instead(create func(path string) error) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		require.NoError(t, os.Remove(path))
		require.NoError(t, create(path))
	}
}

// badDatabases returns all ways to make a database unreadable. They include removing the read permission, unless the
// tests run as root.
func badDatabases() []bad {
	list := []bad{
		{"missing", wire.SourceMissing, "no database: download it with pacman -Syu", func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) }},
		{"empty", wire.SourceFailed, "empty", content(func([]byte) []byte { return nil })},
		{"a page of a dead mirror", wire.SourceFailed, "not a package database", content(func([]byte) []byte { return []byte("<html>404</html>\n") })},
		{"the text of a link", wire.SourceFailed, "not a package database", content(func([]byte) []byte { return []byte("extra.db.tar.gz") })},
		{"cut off", wire.SourceFailed, "the file is truncated", content(func(good []byte) []byte { return good[:len(good)/2] })},
		{"a flipped bit", wire.SourceFailed, "damaged", content(func(good []byte) []byte {
			b := bytes.Clone(good)
			b[len(b)/2] ^= 1
			return b
		})},
		{"a directory", wire.SourceFailed, "not a regular file", instead(func(path string) error { return os.Mkdir(path, 0o755) })},
		{"a pipe", wire.SourceFailed, "not a regular file", instead(func(path string) error { return syscall.Mkfifo(path, 0o644) })},
		{"a link to nowhere", wire.SourceFailed, "no such file", instead(func(path string) error { return os.Symlink("/nowhere/extra.db", path) })},
		{"a link to itself", wire.SourceFailed, "too many levels", instead(func(path string) error { return os.Symlink(filepath.Base(path), path) })},
		{"below a file", wire.SourceFailed, "not a directory", instead(func(path string) error { return os.Symlink(filepath.Join(filepath.Dir(path), "core.db/x"), path) })},
	}
	if os.Getuid() != 0 {
		list = append(list, bad{"unreadable", wire.SourceFailed, "permission denied: run chmod a+r on it", func(t *testing.T, path string) { require.NoError(t, os.Chmod(path, 0)) }})
	}
	return list
}

// year returns the year of a time in Unix seconds.
func year(unix int64) int { return time.Unix(unix, 0).UTC().Year() }

// writeAUR writes an index of the AUR with the given packages, from a dump of the time asOf.
func (w *testSystem) writeAUR(asOf int64, packages ...*wire.Package) {
	w.t.Helper()
	b := pkgindex.NewBuilder("test", 1)
	into := b.AddSource(wire.SourceAUR, pkgindex.KindAUR)
	for _, p := range packages {
		require.NoError(w.t, into.Add(p))
	}
	into.SetFileInfo("", 0, asOf)
	w.writeIndex(w.index(wire.SourceAUR), b)
}
