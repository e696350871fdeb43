package app

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/sources"
)

// TestBuild_Directory checks that without --output, build writes an index and its origin for each source in the data
// directory.
func TestBuild_Directory(t *testing.T) {
	w := newTestSystem(t)
	r := w.built()
	require.Equal(t, []string{"core: 24 packages", "extra: 252 packages", "multilib: 24 packages"}, r.lines()[:3])
	require.Regexp(t, "^"+w.indexes()+`: 300 packages, \d+ bytes, \S+s$`, r.lines()[3])
	require.Equal(t, []string{
		"core.omgidx", "core.omgidx.origin", "extra.omgidx", "extra.omgidx.origin", "multilib.omgidx", "multilib.omgidx.origin",
	}, w.files(w.indexes()))
	for _, repo := range []string{"core", "extra", "multilib"} {
		path := filepath.Join(w.indexes(), repo+".omgidx")
		f, err := pkgindex.Open(path, nil)
		require.NoError(t, err)
		require.NoError(t, f.Check())
		require.Len(t, f.IndexInfo().Sources, 1)
		require.Equal(t, repo, f.IndexInfo().Sources[0].Name)
		require.NoError(t, f.Close())
		origins := sources.ReadOrigins(path, func(uint32) bool { return true })
		require.Len(t, origins, 1)
		require.Equal(t, w.database(repo), origins[0].Path)
	}

	t.Setenv("XDG_DATA_HOME", w.path("xdg"))
	w.built()
	require.Len(t, w.files(w.path("xdg/omg/index")), 6)
	w.built("--data-dir", w.path("data"), "--repo", "core")
	require.Equal(t, []string{"core.omgidx", "core.omgidx.origin"}, w.files(w.path("data/index")))
}

// TestBuild_KilledWriter checks that the next build removes the temporary files of an omg-index that was killed.
func TestBuild_KilledWriter(t *testing.T) {
	w := newTestSystem(t)
	require.NoError(t, os.MkdirAll(w.indexes(), 0o755))
	for _, name := range []string{".core.omgidx.999999998.tmp", ".core.omgidx.999999999.tmp", ".core.omgidx.origin.999999999.tmp"} {
		require.NoError(t, os.WriteFile(filepath.Join(w.indexes(), name), []byte("half"), 0o600))
	}
	w.built("--repo", "core")
	require.Equal(t, []string{"core.omgidx", "core.omgidx.origin"}, w.files(w.indexes()))
}

// TestBuild_Names checks that build accepts every repository name that pacman accepts, and that each repository has its
// own index file, different from the AUR's.
func TestBuild_Names(t *testing.T) {
	w := newTestSystem(t)
	text := w.read(w.database("core"))
	names := []string{"aur", "core.files", "a%b", "..", strings.Repeat("x", 120)}
	conf := "[options]\n"
	for _, name := range names {
		require.NoError(t, os.WriteFile(w.database(name), text, 0o644))
		conf += "[" + name + "]\n"
	}
	w.write("pacman.conf", conf)
	r := w.built()
	require.Len(t, r.lines(), len(names)+1)
	files := slices.DeleteFunc(w.files(w.indexes()), func(name string) bool { return strings.HasSuffix(name, ".origin") })
	require.Len(t, files, len(names))
	require.NotContains(t, files, "aur.omgidx")
	require.Equal(t, exit.OK, w.run("verify").code)
}

// TestBuild_BadDatabase checks that build reports a database that cannot be read, keeps the old index of that database
// and builds the other indexes. With --output, it writes nothing.
func TestBuild_BadDatabase(t *testing.T) {
	bad := map[string]struct {
		make func(t *testing.T, path string)
		says string
	}{
		"a page of a dead mirror": {func(t *testing.T, path string) { require.NoError(t, os.WriteFile(path, []byte("<html>"), 0o644)) }, "not a package database: download it again with pacman -Syyu"},
		"empty":                   {func(t *testing.T, path string) { require.NoError(t, os.WriteFile(path, nil, 0o644)) }, "empty: download it again with pacman -Syyu"},
		"cut off":                 {func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 20_000)) }, "truncated: download it again with pacman -Syyu"},
		"a directory": {func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path))
			require.NoError(t, os.Mkdir(path, 0o755))
		}, "not a regular file"},
		"a link to itself": {func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path))
			require.NoError(t, os.Symlink("extra.db", path))
		}, "too many levels"},
	}
	for name, c := range bad {
		t.Run(name, func(t *testing.T) {
			w := newTestSystem(t)
			t.Setenv("SOURCE_DATE_EPOCH", "1000000000")
			w.built()
			w.built("-o", w.path("one.omgidx"))
			before := w.tree()
			c.make(t, w.database("extra"))
			t.Setenv("SOURCE_DATE_EPOCH", "1000000001")

			r := w.build("-o", w.path("one.omgidx"))
			require.Equal(t, exit.Failed, r.code)
			require.Empty(t, r.stdout)
			require.Regexp(t, `^omg-index: error: [^\n]*`+w.database("extra")+`[^\n]*\n$`, r.stderr)
			require.Contains(t, r.stderr, c.says)
			require.Equal(t, before, w.tree(), "nothing is written, and nothing left behind")

			r = w.build()
			require.Equal(t, exit.Failed, r.code)
			require.Equal(t, []string{"core: 24 packages", "multilib: 24 packages"}, r.lines()[:2])
			require.Contains(t, r.lines()[2], ": 48 packages, ")
			require.Equal(t, 1, strings.Count(r.stderr, "\n"))
			require.Contains(t, r.stderr, "omg-index: error: ")
			require.Contains(t, r.stderr, c.says)
			after := w.tree()
			require.Len(t, after, len(before))
			for path, text := range after {
				changed := strings.HasSuffix(path, "index/core.omgidx") || strings.HasSuffix(path, "index/multilib.omgidx")
				require.Equal(t, changed, before[path] != text, path)
			}
		})
	}
	w := newTestSystem(t)
	for _, repo := range []string{"core", "extra", "multilib"} {
		require.NoError(t, os.WriteFile(w.database(repo), nil, 0o644))
	}
	r := w.build()
	require.Equal(t, exit.Failed, r.code)
	require.Empty(t, r.stdout, "nothing was built")
	require.Equal(t, 3, strings.Count(r.stderr, "omg-index: error: "))
	require.Empty(t, w.files(w.indexes()))
}

func TestBuild_MissingDatabase(t *testing.T) {
	w := newTestSystem(t)
	require.NoError(t, os.Remove(w.database("multilib")))
	for _, to := range [][]string{nil, {"-o", w.path("x")}} {
		r := w.build(to...)
		require.Equal(t, exit.OK, r.code)
		require.Equal(t, "omg-index: warning: multilib has no database: download it with pacman -Syu\n", r.stderr)
		require.Equal(t, []string{"core: 24 packages", "extra: 252 packages"}, r.lines()[:2])
	}
	r := w.build("--repo", "multilib")
	require.Equal(t, exit.Usage, r.code)
	require.Contains(t, r.stderr, "multilib has no database")
	require.NoError(t, os.RemoveAll(w.path("db/sync")))
	r = w.build()
	require.Equal(t, exit.Failed, r.code)
	require.Contains(t, r.stderr, "omg-index: error: no package databases in "+w.path("db")+"/sync: download them with pacman -Syu\n")
}

// TestBuild_File checks that with --output, build writes one file with all sources.
func TestBuild_File(t *testing.T) {
	w := newTestSystem(t)
	out := w.path("one.omgidx")
	r := w.built("--repo", "multilib", "--repo", "core", "-o", out)
	require.Equal(t, []string{"core: 24 packages", "multilib: 24 packages"}, r.lines()[:2], "in the order of the configuration")
	require.Regexp(t, "^"+out+`: 48 packages, \d+ bytes, \S+s$`, r.lines()[2])
	require.Len(t, sources.ReadOrigins(out, func(uint32) bool { return true }), 2)
	require.NoDirExists(t, w.indexes())

	r = w.run("build", "--db", w.database("extra"), "--output", out)
	require.Equal(t, exit.OK, r.code, r.stderr)
	require.Equal(t, "extra: 252 packages", r.lines()[0])

	// If pacman.conf names no repositories, all existing databases are used.
	w.write("pacman.conf", "[options]\n")
	require.Len(t, w.built("-o", out).lines(), 4)
}

// TestBuild_StandardOutput checks that --output "-" writes to standard output, which may be a file or a pipe.
func TestBuild_StandardOutput(t *testing.T) {
	w := newTestSystem(t)
	t.Setenv("SOURCE_DATE_EPOCH", "1000000000")
	w.built("-o", w.path("one.omgidx"))
	want := w.read(w.path("one.omgidx"))
	stdout := os.Stdout
	t.Cleanup(func() { os.Stdout = stdout })
	run := func(f *os.File) string {
		os.Stdout = f
		defer func() { os.Stdout = stdout }()
		var errs bytes.Buffer
		code := Run(t.Context(), slices.Concat([]string{"omg-index", "build", "-o", "-"}, w.config()), f, &errs)
		require.Equal(t, exit.OK, code)
		return errs.String()
	}
	f, err := os.Create(w.path("out"))
	require.NoError(t, err)
	require.Empty(t, run(f))
	require.NoError(t, f.Close())
	require.Equal(t, want, w.read(w.path("out")), "an index and nothing else")

	r, p, err := os.Pipe()
	require.NoError(t, err)
	got := make(chan []byte)
	go func() {
		var b bytes.Buffer
		_, _ = b.ReadFrom(r)
		got <- b.Bytes()
	}()
	require.Empty(t, run(p))
	require.NoError(t, p.Close())
	require.Equal(t, want, <-got)
	require.NoError(t, r.Close())
}

// TestBuild_Reproducible checks that the same databases give the same bytes in any directory, except for the build
// time.
func TestBuild_Reproducible(t *testing.T) {
	w := newTestSystem(t)
	t.Setenv("SOURCE_DATE_EPOCH", "1000000000")
	w.built("-o", w.path("1"))
	w.built("-o", w.path("2"))
	w.built()
	require.Equal(t, w.read(w.path("1")), w.read(w.path("2")))
	core := w.read(filepath.Join(w.indexes(), "core.omgidx"))
	require.NoError(t, os.Rename(w.path("db"), w.path("moved")))
	require.Equal(t, exit.OK, w.run("build", "--dbpath", w.path("moved"), "--pacman-config", w.path("pacman.conf")).code)
	require.Equal(t, core, w.read(filepath.Join(w.indexes(), "core.omgidx")), "the index does not contain the path of the database")
	require.NoError(t, os.Rename(w.path("moved"), w.path("db")))
	t.Setenv("SOURCE_DATE_EPOCH", "1000000001")
	w.built("-o", w.path("3"))
	require.NotEqual(t, w.read(w.path("1")), w.read(w.path("3")))
	require.Len(t, w.read(w.path("3")), len(w.read(w.path("1"))))
	for _, wrong := range []string{"yesterday", "-1", "1.5"} {
		t.Setenv("SOURCE_DATE_EPOCH", wrong)
		r := w.build()
		require.Equal(t, exit.Usage, r.code)
		require.Contains(t, r.stderr, "SOURCE_DATE_EPOCH is \""+wrong+"\"")
	}
}

// TestBuild_Compressions checks that the packages do not depend on the compression of the database.
func TestBuild_Compressions(t *testing.T) {
	w := newTestSystem(t)
	var dumps []string
	for _, c := range []fixture.Compression{fixture.Gzip, fixture.Zstd, fixture.XZ, fixture.Uncompressed} {
		require.NoError(t, os.RemoveAll(w.path("db")))
		o := options
		o.Compression = c
		require.NoError(t, fixture.WriteDatabases(w.path("db"), o))
		w.built("-o", w.path("x"))
		lines := w.run("dump", w.path("x")).lines()
		slices.Sort(lines)
		dumps = append(dumps, strings.Join(lines, "\n"))
	}
	for _, d := range dumps[1:] {
		require.Equal(t, dumps[0], d)
	}
}

// TestBuild_AUR checks that build makes an index of the AUR's dump.
func TestBuild_AUR(t *testing.T) {
	w := newTestSystem(t)
	dump := w.path("packages-meta-ext-v1.json.gz")
	var b bytes.Buffer
	require.NoError(t, fixture.WriteAURDump(&b, 100, 1))
	require.NoError(t, os.WriteFile(dump, b.Bytes(), 0o644))
	r := w.run("build", "--aur", dump)
	require.Equal(t, exit.OK, r.code, r.stderr)
	require.Equal(t, "aur: 100 packages", r.lines()[0])
	require.Equal(t, []string{"aur.omgidx", "aur.omgidx.origin"}, w.files(w.indexes()), "nothing else")
	good := w.read(filepath.Join(w.indexes(), "aur.omgidx"))

	r = w.built("--aur", dump)
	require.Equal(t, []string{"core: 24 packages", "extra: 252 packages", "multilib: 24 packages", "aur: 100 packages"}, r.lines()[:4])
	r = w.built("--aur", dump, "--repo", "core", "-o", w.path("x"))
	require.Equal(t, []string{"core: 24 packages", "aur: 100 packages"}, r.lines()[:2])

	t.Setenv("SOURCE_DATE_EPOCH", "1000000000")
	for text, says := range map[string]string{
		"": "download packages-meta-ext-v1.json.gz again", "<html>": "not a dump of the AUR: download packages-meta-ext-v1.json.gz again",
		string(b.Bytes()[:b.Len()/2]): "truncated: download packages-meta-ext-v1.json.gz again",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(w.indexes(), "aur.omgidx"), good, 0o644))
		require.NoError(t, os.WriteFile(dump, []byte(text), 0o644))
		r := w.build("--aur", dump)
		require.Equal(t, exit.Failed, r.code)
		require.Contains(t, r.stderr, says)
		require.Equal(t, "core: 24 packages", r.lines()[0])
		require.Equal(t, good, w.read(filepath.Join(w.indexes(), "aur.omgidx")))
	}
	require.NoError(t, os.Remove(dump))
	r = w.run("build", "--aur", dump)
	require.Equal(t, exit.Failed, r.code)
	require.Equal(t, "omg-index: error: open "+dump+": no such file or directory\n", r.stderr)
}

// TestBuild_Usage checks that wrong arguments are refused with an error about the argument, and that no file is
// changed.
func TestBuild_Usage(t *testing.T) {
	w := newTestSystem(t)
	require.NoError(t, os.Symlink(w.path("elsewhere"), w.path("link")))
	require.NoError(t, syscall.Mkfifo(w.path("pipe"), 0o600))
	before := w.tree()
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"core"}, exit.Usage, `build takes no arguments, got "core": name a database with --db`},
		{[]string{"-o", ""}, exit.Usage, "--output needs the path of a file"},
		{[]string{"-o", w.path("link")}, exit.Usage, "a symbolic link, which would be replaced"},
		{[]string{"-o", w.path("pipe")}, exit.Usage, "not a regular file"},
		{[]string{"-o", w.database("core")}, exit.Usage, "the index is built from this file: name another file"},
		{[]string{"-o", w.path("nothing/x")}, exit.Failed, "hint: make the directory " + w.path("nothing") + " first"},
		{[]string{"-o", w.path("db")}, exit.Failed, "is a directory"},
		{[]string{"--aur", ""}, exit.Usage, "--aur needs the path of the AUR's dump"},
		{[]string{"--repo", "nonsense"}, exit.Usage, `pacman.conf has no repository "nonsense"`},
		{[]string{"--repo", "core", "--db", w.database("core")}, exit.Usage, "--repo and --db exclude each other"},
		{[]string{"--db", w.database("core"), "--db", w.path("core.db")}, exit.Usage, `two databases are named "core"`},
		{[]string{"--pacman-config", w.path("none.conf")}, exit.Failed, "none.conf"},
		{[]string{"--nonsense"}, exit.Usage, "nonsense"},
	} {
		r := w.build(c.args...)
		require.Equal(t, c.code, r.code, c.args)
		require.Empty(t, r.stdout, c.args)
		require.Contains(t, r.stderr, c.says, c.args)
		require.True(t, strings.HasPrefix(r.stderr, "omg-index: error: "), r.stderr)
		require.Equal(t, before, w.tree(), "nothing is left behind")
	}
	require.NoError(t, os.WriteFile(w.path("data"), nil, 0o644))
	r := w.build("--data-dir", w.path("data"))
	require.Equal(t, exit.Failed, r.code)
	require.Contains(t, r.stderr, "not a directory")
}

// TestBuild_Unwritable checks that build reports an index that it cannot write, and still writes the other indexes.
func TestBuild_Unwritable(t *testing.T) {
	w := newTestSystem(t)
	require.NoError(t, os.MkdirAll(filepath.Join(w.indexes(), "extra.omgidx"), 0o755))
	r := w.build()
	require.Equal(t, exit.Failed, r.code)
	require.Contains(t, r.stderr, "omg-index: error: cannot write the index: write "+filepath.Join(w.indexes(), "extra.omgidx")+": is a directory\n")
	require.Equal(t, []string{"core: 24 packages", "multilib: 24 packages"}, r.lines()[:2])
	require.Equal(t, []string{"core.omgidx", "core.omgidx.origin", "extra.omgidx", "multilib.omgidx", "multilib.omgidx.origin"}, w.files(w.indexes()))

	need.NotRoot(t)
	require.NoError(t, os.Chmod(w.indexes(), 0o555))
	t.Cleanup(func() { _ = os.Chmod(w.indexes(), 0o755) })
	r = w.build()
	require.Equal(t, exit.Failed, r.code)
	require.Empty(t, r.stdout)
	require.Contains(t, r.stderr, "permission denied")
}

// TestBuild_Interrupted checks that an interrupted build leaves only the old indexes.
func TestBuild_Interrupted(t *testing.T) {
	w := newTestSystem(t)
	w.built()
	w.built("-o", w.path("x"))
	before := w.tree()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, to := range [][]string{nil, {"-o", w.path("x")}} {
		r := w.runIn(ctx, slices.Concat([]string{"build"}, w.config(), to)...)
		require.Equal(t, exit.Failed, r.code)
		require.Empty(t, r.stdout)
		require.Equal(t, "omg-index: error: interrupted\n", r.stderr)
		require.Equal(t, before, w.tree())
	}
}

// TestBuild_SummaryNotWritten checks that build fails if its summary cannot be written, although the index was built.
func TestBuild_SummaryNotWritten(t *testing.T) {
	w := newTestSystem(t)
	for _, to := range [][]string{nil, {"-o", w.path("x")}} {
		var errs bytes.Buffer
		code := Run(t.Context(), slices.Concat([]string{"omg-index", "build"}, w.config(), to), full{}, &errs)
		require.Equal(t, exit.Failed, code)
		require.Contains(t, errs.String(), "no space left on device")
	}
}
