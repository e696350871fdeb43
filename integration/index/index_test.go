package index

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/programs"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/wire"
)

func TestMain(m *testing.M) { programs.Main(m) }

type world struct {
	t              *testing.T
	home, db, conf string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, home: t.TempDir()}
	w.db, w.conf = filepath.Join(w.home, "db"), filepath.Join(w.home, "pacman.conf")
	require.NoError(t, fixture.Write(w.db, fixture.Options{Packages: 300, Seed: 1}))
	require.NoError(t, os.WriteFile(w.conf, []byte(fixture.Config), 0o644))
	return w
}

func (w *world) index(env []string, args ...string) programs.Result {
	w.t.Helper()
	return programs.Run(w.t, append(programs.Env(w.home), env...), "omg-index", args...)
}

func (w *world) build(env []string, args ...string) programs.Result {
	w.t.Helper()
	r := w.index(env, append([]string{"build", "--dbpath", w.db, "--pacman-config", w.conf}, args...)...)
	require.Zero(w.t, r.Code, r.Stderr)
	require.Empty(w.t, r.Stderr, "nothing but the summary when piped")
	return r
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return b
}

func TestTheSameDatabasesGiveTheSameBytes(t *testing.T) {
	w := newWorld(t)
	epoch := []string{"SOURCE_DATE_EPOCH=1000000000"}
	one, two, later := filepath.Join(w.home, "1"), filepath.Join(w.home, "2"), filepath.Join(w.home, "3")
	w.build(epoch, "-o", one)
	w.build(epoch, "-o", two)
	require.Equal(t, read(t, one), read(t, two))
	w.build([]string{"SOURCE_DATE_EPOCH=1000000001"}, "-o", later)
	require.NotEqual(t, read(t, one), read(t, later), "but for the time")
	require.Equal(t, len(read(t, one)), len(read(t, later)))
	bad := w.index([]string{"SOURCE_DATE_EPOCH=yesterday"}, "build", "--dbpath", w.db)
	require.Equal(t, 2, bad.Code)
	require.Contains(t, bad.Stderr, "SOURCE_DATE_EPOCH")
}

func TestSummaryAndPlace(t *testing.T) {
	w := newWorld(t)
	r := w.build(nil)
	path := filepath.Join(w.home, ".local/share/omg/repos.omgidx")
	require.FileExists(t, path)
	require.Equal(t, []string{"core: 24 packages", "extra: 252 packages", "multilib: 24 packages"}, r.Lines()[:3])
	require.Regexp(t, "^"+path+`: 300 packages, \d+ bytes, \d+ms$`, r.Lines()[3])
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	for _, e := range entries {
		require.NotContains(t, e.Name(), "tmp")
	}
	xdg := filepath.Join(w.home, "xdg")
	w.build([]string{"XDG_DATA_HOME=" + xdg})
	require.FileExists(t, filepath.Join(xdg, "omg/repos.omgidx"))
	w.build(nil, "--data-dir", filepath.Join(w.home, "data"))
	require.FileExists(t, filepath.Join(w.home, "data/repos.omgidx"))
}

func TestOneRepositoryAndOneFile(t *testing.T) {
	w := newWorld(t)
	out := filepath.Join(w.home, "x")
	r := w.build(nil, "--repo", "multilib", "--repo", "core", "-o", out)
	require.Equal(t, []string{"core: 24 packages", "multilib: 24 packages"}, r.Lines()[:2], "in the order of the configuration")
	r = w.index(nil, "build", "--db", filepath.Join(w.db, "sync/extra.db"), "-o", out)
	require.Zero(t, r.Code, r.Stderr)
	require.Equal(t, "extra: 252 packages", r.Lines()[0])
	r = w.index(nil, "build", "--dbpath", w.db, "--pacman-config", w.conf, "--repo", "nonsense", "-o", out)
	require.Equal(t, 2, r.Code)
	require.Contains(t, r.Stderr, `"nonsense"`)
	// Without a pacman.conf that names repositories: all that are there.
	empty := filepath.Join(w.home, "empty.conf")
	require.NoError(t, os.WriteFile(empty, []byte("[options]\n"), 0o644))
	r = w.index(nil, "build", "--dbpath", w.db, "--pacman-config", empty, "-o", out)
	require.Zero(t, r.Code, r.Stderr)
	require.Len(t, r.Lines(), 4)
}

func TestInfoVerifyDump(t *testing.T) {
	w := newWorld(t)
	out := filepath.Join(w.home, "x.omgidx")
	w.build([]string{"SOURCE_DATE_EPOCH=1000000000"}, "-o", out)
	var info struct {
		Schema, Format, Packages int
		Built                    int64
		Sources                  []struct {
			Name, SHA256 string
			Packages     int
		}
	}
	r := w.index(nil, "info", "--json", out)
	require.Zero(t, r.Code, r.Stderr)
	require.NoError(t, json.Unmarshal([]byte(r.Stdout), &info))
	require.Equal(t, 1, info.Schema)
	require.Equal(t, 300, info.Packages)
	require.EqualValues(t, 1_000_000_000, info.Built)
	require.Len(t, info.Sources, 3)
	require.Equal(t, "core", info.Sources[0].Name)
	require.Len(t, info.Sources[0].SHA256, 64)
	require.Contains(t, w.index(nil, "info", out).Stdout, "2001-09-09T01:46:40Z")
	require.Equal(t, out+": 300 packages, ok\n", w.index(nil, "verify", out).Stdout)

	want := map[string]wire.Package{}
	for p := range fixture.Packages(fixture.Options{Packages: 300, Seed: 1}) {
		want[p.Repo+"/"+p.Name] = p
	}
	require.Len(t, want, 300)
	lines := w.index(nil, "dump", out).Lines()
	require.Len(t, lines, 300)
	for _, line := range lines {
		var p wire.Package
		require.NoError(t, json.Unmarshal([]byte(line), &p))
		require.Equal(t, want[p.Repo+"/"+p.Name], p)
	}
}

func TestEveryCompression(t *testing.T) {
	var dumps []string
	for _, c := range []fixture.Compression{fixture.Gzip, fixture.Zstd, fixture.XZ, fixture.None} {
		w := newWorld(t)
		require.NoError(t, os.RemoveAll(w.db))
		require.NoError(t, fixture.Write(w.db, fixture.Options{Packages: 300, Seed: 1, Compression: c}))
		out := filepath.Join(w.home, "x")
		w.build(nil, "-o", out)
		lines := w.index(nil, "dump", out).Lines()
		slices.Sort(lines)
		dumps = append(dumps, strings.Join(lines, "\n"))
	}
	for _, d := range dumps[1:] {
		require.Equal(t, dumps[0], d)
	}
}

// TestMissingDatabase: as for pacman, a configured repository without a database
// has no packages, and that is said.
func TestMissingDatabase(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, os.Remove(filepath.Join(w.db, "sync/multilib.db")))
	out := filepath.Join(w.home, "x")
	r := w.index(nil, "build", "--dbpath", w.db, "--pacman-config", w.conf, "-o", out)
	require.Zero(t, r.Code, r.Stderr)
	require.Equal(t, "omg-index: warning: multilib has no database: pacman -Sy downloads it\n", r.Stderr)
	require.Equal(t, []string{"core: 24 packages", "extra: 252 packages"}, r.Lines()[:2])
	omg := programs.Run(t, programs.Env(w.home), "omg", "--no-daemon", "--index", out, "--dbpath", w.db, "--pacman-config", w.conf, "search", "--json", "lib")
	require.Zero(t, omg.Code, omg.Stderr)
	require.Contains(t, omg.Stdout, `{"name":"multilib","state":"missing"`)
}
