package index

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/wire"
)

const epoch = "SOURCE_DATE_EPOCH=1000000000"

// generated has the options of the databases in these tests.
var generated = fixture.Options{Packages: 300, Seed: 1}

func newSystem(t *testing.T) *harness.System {
	t.Helper()
	return harness.New(t, harness.WithGenerated(generated))
}

// build builds an index in the home directory, which must succeed without a warning, and returns its path.
func build(s *harness.System, name string, args ...string) (path string, r harness.Result) {
	s.T.Helper()
	path = s.Path(name)
	r = s.BuildIndexes(append([]string{"-o", path}, args...)...)
	require.Empty(s.T, r.Stderr, "nothing but the summary when piped")
	return path, r
}

// dump returns the packages of an index.
func dump(s *harness.System, path string) (all []wire.Package) {
	s.T.Helper()
	r := s.Run("omg-index", "dump", path)
	require.Zero(s.T, r.Code, r.Stderr)
	for _, line := range r.Lines() {
		var p wire.Package
		require.NoError(s.T, json.Unmarshal([]byte(line), &p))
		all = append(all, p)
	}
	return all
}

func TestInfo_JSON(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	path, _ := build(s.WithEnv(epoch), "x.omgidx")
	var info struct {
		Schema, Format, Packages int
		Built                    int64
		Sources                  []struct {
			Name, SHA256 string
			Packages     int
		}
	}
	r := s.Run("omg-index", "info", "--json", path)
	require.Zero(t, r.Code, r.Stderr)
	require.NoError(t, json.Unmarshal([]byte(r.Stdout), &info))
	require.Equal(t, 1, info.Schema)
	require.Equal(t, 300, info.Packages)
	require.EqualValues(t, 1_000_000_000, info.Built)
	require.Len(t, info.Sources, 3)
	require.Equal(t, "core", info.Sources[0].Name)
	require.Len(t, info.Sources[0].SHA256, 64)
}

func TestDump_EveryPackage(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	path, _ := build(s, "x.omgidx")
	want := map[string]wire.Package{}
	for p := range fixture.GeneratePackages(generated) {
		want[p.Repo+"/"+p.Name] = p
	}
	require.Len(t, want, 300)
	packages := dump(s, path)
	require.Len(t, packages, 300)
	for _, p := range packages {
		require.Equal(t, want[p.Repo+"/"+p.Name], p)
	}
}

func TestBuild_EveryCompression(t *testing.T) {
	t.Parallel()
	var dumps []string
	for _, c := range []fixture.Compression{fixture.Gzip, fixture.Zstd, fixture.XZ, fixture.Uncompressed} {
		options := generated
		options.Compression = c
		s := harness.New(t, harness.WithGenerated(options))
		path, _ := build(s, "x.omgidx")
		lines := s.Run("omg-index", "dump", path).Lines()
		require.Len(t, lines, 300)
		slices.Sort(lines)
		dumps = append(dumps, strings.Join(lines, "\n"))
	}
	for _, d := range dumps[1:] {
		require.Equal(t, dumps[0], d)
	}
}

func TestBuild_NoTemporaryFiles(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.BuildIndexes()
	require.Equal(t, []string{"index"}, harness.ListDir(t, s.Data))
	require.Equal(t, []string{
		"core.omgidx", "core.omgidx.origin", "extra.omgidx", "extra.omgidx.origin", "multilib.omgidx", "multilib.omgidx.origin",
	}, harness.ListDir(t, s.IndexDir()))
}
