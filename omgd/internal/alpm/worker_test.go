package alpm

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/omg-arch/omg/omgd/internal/alpmproto"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/corpus"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/wire"
)

var testDir string // directory of the programs that several tests use

func TestMain(m *testing.M) {
	var err error
	if testDir, err = os.MkdirTemp("", "omg-alpm-test-"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(testDir)
	for begin := time.Now(); time.Since(begin) < await.Timeout; {
		if err = goleak.Find(); err == nil {
			break
		}
	}
	if err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// buildWorker builds omg-alpm-worker with the flags that the Makefile uses.
func buildWorker(name string, args ...string) (*Worker, error) {
	path := filepath.Join(testDir, name)
	cmd := exec.Command("go", append(append([]string{"build", "-C", "../../alpm-worker", "-buildvcs=false", "-o", path}, args...), ".")...)
	cmd.Env = append(os.Environ(), "CGO_CFLAGS=-O2 -g -D__alpm_list_t=_alpm_list_t -D__alpm_handle_t=_alpm_handle_t")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	return &Worker{path: path, timeout: await.Timeout}, nil
}

var (
	buildReal = sync.OnceValues(func() (*Worker, error) { return buildWorker("worker", "-tags=libalpm") })
	buildStub = sync.OnceValues(func() (*Worker, error) { return buildWorker("stub") })
)

// realWorker returns a Worker that runs an omg-alpm-worker linked with this machine's libalpm.
func realWorker(t testing.TB) *Worker {
	t.Helper()
	need.LibAlpm(t)
	w, err := buildReal()
	require.NoError(t, err)
	return w
}

// config returns a pacman configuration with the database directory db and these repositories.
func config(t testing.TB, db string, repos ...string) *pacmandb.Config {
	t.Helper()
	c := &pacmandb.Config{RootDir: "/", DBPath: db}
	for _, name := range repos {
		c.Repos = append(c.Repos, pacmandb.Repo{Name: name, Usage: pacmandb.UsageAll})
	}
	return c
}

// ours returns the facts that omg's own code finds in the databases.
func ours(t testing.TB, c *pacmandb.Config) *ReaderFacts {
	t.Helper()
	l, err := pacmandb.ReadLocal(t.Context(), c.DBPath)
	require.NoError(t, err)
	in := snapshot.Inputs{DBPath: c.DBPath, PacmanConfig: c, Local: snapshot.LocalInput{Packages: l}}
	var databases []alpmproto.Database
	for _, r := range c.Repos {
		d := alpmproto.Database{Name: r.Name}
		src := snapshot.IndexedSource{Usage: r.Usage, Source: wire.Source{Name: r.Name, Kind: wire.KindRepository}}
		repo := sources.Repository{Name: r.Name, DatabasePath: filepath.Join(c.DBPath, "sync", r.Name+".db")}
		if src.Index, err = repo.BuildInMemory(t.Context(), nil); err != nil {
			src.State, src.Why, d.Err = wire.SourceFailed, err.Error(), err.Error()
		} else {
			facts, _ := src.Index.IndexInfo().FindSource(pkgindex.KindRepo, r.Name)
			d.PackageCount = int(facts.PackageCount)
		}
		databases = append(databases, d)
		in.Repositories = append(in.Repositories, src)
	}
	s := snapshot.Build(in)
	config, facts := s.ComparisonFacts()
	return OwnFacts(l, config, facts, databases)
}

func databases(c *pacmandb.Config) Databases {
	return Databases{Path: c.DBPath, Repos: c.Repos, IgnorePkg: c.IgnorePkg, IgnoreGroup: c.IgnoreGroup}
}

// requireAgreement requires that libalpm and omg's own code find the same facts, and returns the facts.
func requireAgreement(t *testing.T, w *Worker, c *pacmandb.Config) *ReaderFacts {
	t.Helper()
	want := ours(t, c)
	got, err := w.Facts(t.Context(), databases(c))
	require.NoError(t, err)
	require.NotEmpty(t, got.LibAlpm)
	require.NotEmpty(t, got.Installed)
	require.Equal(t, want.Databases, got.Databases)
	require.Equal(t, want.Installed, got.Installed)
	require.Empty(t, CompareFacts(got, want))
	return got
}

func requirePacmanAgrees(t *testing.T, c *pacmandb.Config, f *ReaderFacts) {
	t.Helper()
	need.Program(t, "pacman")
	var updates []string
	for _, u := range f.Updates() {
		line := u.Name + " " + u.Installed + " -> " + u.Version
		if u.Ignored {
			line += " [ignored]"
		}
		updates = append(updates, line)
	}
	for option, got := range map[string][]string{
		"-Qeq": f.Explicit(), "-Qdtq": f.Orphans(false), "-Qdttq": f.Orphans(true), "-Qmq": f.Foreign(), "-Qu": updates,
	} {
		require.Equal(t, pacman(t, c, option), got, option)
	}
}

// pacman runs the real pacman, and returns the lines that it prints.
func pacman(t testing.TB, c *pacmandb.Config, args ...string) []string {
	t.Helper()
	var conf strings.Builder
	fmt.Fprintf(&conf, "[options]\nArchitecture = x86_64\nSigLevel = Never\n")
	if len(c.IgnorePkg) > 0 {
		fmt.Fprintf(&conf, "IgnorePkg = %s\n", strings.Join(c.IgnorePkg, " "))
	}
	if len(c.IgnoreGroup) > 0 {
		fmt.Fprintf(&conf, "IgnoreGroup = %s\n", strings.Join(c.IgnoreGroup, " "))
	}
	for _, r := range c.Repos {
		fmt.Fprintf(&conf, "[%s]\nServer = file:///nowhere\n", r.Name)
		for name, u := range map[string]pacmandb.Usage{
			"Sync": pacmandb.UsageSync, "Search": pacmandb.UsageSearch, "Install": pacmandb.UsageInstall, "Upgrade": pacmandb.UsageUpgrade,
		} {
			if r.Usage&u != 0 {
				fmt.Fprintf(&conf, "Usage = %s\n", name)
			}
		}
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "pacman.conf")
	require.NoError(t, os.WriteFile(file, []byte(conf.String()), 0o644))
	cmd := exec.Command("pacman", append([]string{"--config", file, "-b", c.DBPath, "-r", dir}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TZ=UTC")
	out, err := cmd.Output()
	if exit := new(exec.ExitError); err != nil {
		require.ErrorAs(t, err, &exit)
	}
	if len(out) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

func TestFacts_Corpus(t *testing.T) {
	w := realWorker(t)
	db := corpus.PrivateDBPath(t)
	for name, test := range map[string]func(*testing.T, *Worker, *pacmandb.Config){
		"facts": testFacts, "search": testSearch, "info": testInfo,
	} {
		t.Run(name, func(t *testing.T) { test(t, w, config(t, db, "core", "extra", "multilib")) })
	}
}

func testFacts(t *testing.T, w *Worker, c *pacmandb.Config) {
	f := requireAgreement(t, w, c)
	require.Len(t, f.Installed, 924)
	require.Len(t, f.Updates(), 48)
	requirePacmanAgrees(t, c, f)

	c.IgnorePkg, c.IgnoreGroup = []string{"lib*", "qt5-[a-m]*"}, []string{"xorg*"}
	c.Repos = []pacmandb.Repo{c.Repos[2], c.Repos[0]}
	c.Repos[1].Usage = pacmandb.UsageSync | pacmandb.UsageSearch
	requirePacmanAgrees(t, c, requireAgreement(t, w, c))
}

func TestFacts_Generated(t *testing.T) {
	w := realWorker(t)
	for _, o := range []fixture.Options{
		{Packages: 1500, Installed: 400, Seed: 1, DuplicatePackages: 100},
		{Packages: 300, Installed: 290, Seed: 2, Compression: fixture.Zstd},
		{Packages: 50, Installed: 1, Seed: 3, Compression: fixture.XZ, NoSignatures: true},
	} {
		db := t.TempDir()
		require.NoError(t, fixture.WriteDatabases(db, o))
		c := config(t, db, "core", "extra", "multilib")
		requireAgreement(t, w, c)
		c.IgnorePkg = []string{"*a*"}
		c.Repos[1].Usage = pacmandb.UsageInstall
		requireAgreement(t, w, c)
	}
}

func TestFacts_Version(t *testing.T) {
	facts, err := realWorker(t).Facts(t.Context(), Databases{Path: emptyDatabases(t)})
	require.NoError(t, err)
	require.Regexp(t, `^\d+\.\d+`, facts.LibAlpm)
}

// emptyDatabases returns a database directory without installed packages.
func emptyDatabases(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "local"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "local", "ALPM_DB_VERSION"), []byte("9\n"), 0o644))
	return dir
}

func testSearch(t *testing.T, w *Worker, c *pacmandb.Config) {
	c.Repos[2].Usage = pacmandb.UsageSync
	for _, words := range [][]string{
		{"firefox"},
		{"git"},
		{"lib"},
		{"^lib.*[0-9]$"},
		{"a+?", "(x|y)"},
		{"lib", "perl"},
		{"c++"},
		{"base-devel"},
		{"nothing-has-this"},
	} {
		found, err := w.Search(t.Context(), databases(c), words)
		require.NoError(t, err)
		var got []string
		for _, p := range found.Packages {
			got = append(got, p.Name)
		}
		require.Equal(t, pacman(t, c, append([]string{"-Ssq", "--"}, words...)...), got, words)
	}
	for _, bad := range []string{"(", "[", "a{2"} {
		_, err := w.Search(t.Context(), databases(c), []string{"lib", bad})
		var werr *wire.Error
		require.ErrorAs(t, err, &werr)
		require.Equal(t, wire.CodeInvalid, werr.Code)
		require.Contains(t, werr.Message, "regular expression")
	}
	_, err := w.Search(t.Context(), databases(c), nil)
	require.ErrorContains(t, err, "without words")
}

func testInfo(t *testing.T, w *Worker, c *pacmandb.Config) {
	var names []string
	var want []wire.Package
	for _, r := range c.Repos {
		_, err := pacmandb.ReadSync(t.Context(), filepath.Join(c.DBPath, "sync", r.Name+".db"), r.Name, func(p *wire.Package) error {
			names = append(names, r.Name+"/"+p.Name)
			want = append(want, clone(p))
			return nil
		}, nil)
		require.NoError(t, err)
	}
	require.Greater(t, len(want), 3000)
	found, err := w.Info(t.Context(), databases(c), names)
	require.NoError(t, err)
	require.Equal(t, want, found.Packages)

	found, err = w.Info(t.Context(), databases(c), []string{"zlib", "no-such", "core/firefox", "firefox", "zlib"})
	require.NoError(t, err)
	var got []string
	for _, p := range found.Packages {
		got = append(got, p.Repo+"/"+p.Name)
	}
	require.Equal(t, []string{"core/zlib", "extra/firefox", "core/zlib"}, got)
}

// clone copies a package, because the package's slices are only valid during the callback. Empty lists become
// nil, as in a reply.
func clone(p *wire.Package) wire.Package {
	c := *p
	for _, l := range []*[]string{
		&c.Groups, &c.Licenses, &c.Provides, &c.Depends, &c.OptDepends, &c.MakeDepends,
		&c.CheckDepends, &c.Conflicts, &c.Replaces, &c.Validation,
	} {
		*l = append([]string(nil), *l...)
	}
	return c
}

// tree lists dir and everything in it, each file with its mode, size, inode and times.
func tree(t testing.TB, dir string) []string {
	t.Helper()
	var out []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		st := fi.Sys().(*syscall.Stat_t)
		out = append(out, fmt.Sprint(path, fi.Mode(), fi.Size(), st.Ino, st.Mtim, st.Ctim))
		return nil
	}))
	require.NotEmpty(t, out)
	return out
}

// TestWorker_ChangesNothing checks that requests change no file. The check matters most if root runs it,
// because root's libalpm can create missing files.
func TestWorker_ChangesNothing(t *testing.T) {
	w := realWorker(t)
	for name, damage := range map[string]func(db string) error{
		"nothing":    func(string) error { return nil },
		"no local":   func(db string) error { return os.RemoveAll(filepath.Join(db, "local")) },
		"no version": func(db string) error { return os.Remove(filepath.Join(db, "local/ALPM_DB_VERSION")) },
		"no sync":    func(db string) error { return os.RemoveAll(filepath.Join(db, "sync")) },
		"other version": func(db string) error {
			return os.WriteFile(filepath.Join(db, "local/ALPM_DB_VERSION"), []byte("8\n"), 0o644)
		},
		"empty version": func(db string) error { return os.WriteFile(filepath.Join(db, "local/ALPM_DB_VERSION"), nil, 0o644) },
		"local is empty": func(db string) error {
			if err := os.RemoveAll(filepath.Join(db, "local")); err != nil {
				return err
			}
			return os.Mkdir(filepath.Join(db, "local"), 0o755)
		},
		"nothing at all": func(db string) error {
			if err := os.RemoveAll(db); err != nil {
				return err
			}
			return os.Mkdir(db, 0o755)
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := filepath.Join(t.TempDir(), "db")
			require.NoError(t, fixture.WriteDatabases(db, fixture.Options{Packages: 60, Installed: 20, Seed: 4}))
			require.NoError(t, damage(db))
			before := tree(t, db)
			d := databases(config(t, db, "core", "extra", "none"))
			_, err := w.Facts(t.Context(), d)
			if name == "nothing" || name == "no sync" {
				require.NoError(t, err)
			} else {
				var werr *wire.Error
				require.ErrorAs(t, err, &werr)
				require.Equal(t, alpmproto.CodeOpenFailed, werr.Code, werr.Message)
			}
			_, _ = w.Search(t.Context(), d, []string{"a"})
			_, _ = w.Info(t.Context(), d, []string{"glibc"})
			require.Equal(t, before, tree(t, db))
		})
	}
}

func TestWorker_Stub(t *testing.T) {
	w, err := buildStub()
	require.NoError(t, err)
	_, err = w.Facts(t.Context(), Databases{Path: "/"})
	require.ErrorIs(t, err, ErrWithoutLibalpm)
	require.EqualError(t, err, "omg-alpm-worker was built without libalpm")
}

// TestWorker_LibraryGone checks the error of a worker whose library does not exist. It replaces the library's
// name in the real program.
func TestWorker_LibraryGone(t *testing.T) {
	b, err := os.ReadFile(realWorker(t).path)
	require.NoError(t, err)
	const needed = "libalpm.so."
	require.Contains(t, string(b), needed)
	path := filepath.Join(t.TempDir(), "worker")
	require.NoError(t, fixture.WriteExecutable(path, []byte(strings.ReplaceAll(string(b), needed, "libnope.so."))))
	_, err = (&Worker{path: path, timeout: await.Timeout}).Facts(t.Context(), Databases{Path: "/"})
	require.ErrorIs(t, err, ErrMissingLibrary)
	require.ErrorContains(t, err, "libnope.so.")
}

func BenchmarkFacts(b *testing.B) {
	w := realWorker(b)
	d := databases(config(b, corpus.PrivateDBPath(b), "core", "extra", "multilib"))
	b.ReportAllocs()
	for b.Loop() {
		_, err := w.Facts(context.Background(), d)
		require.NoError(b, err)
	}
}

// BenchmarkFactsOfNothing measures the time of a request about empty databases. No other request takes less
// time.
func BenchmarkFactsOfNothing(b *testing.B) {
	w, d := realWorker(b), Databases{Path: emptyDatabases(b)}
	b.ReportAllocs()
	for b.Loop() {
		_, err := w.Facts(context.Background(), d)
		require.NoError(b, err)
	}
}
