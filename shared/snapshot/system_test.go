package snapshot

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// checked is when the inputs of every snapshot in the tests were last found to be current, in Unix seconds.
const checked = 1_700_000_000

// generated returns the inputs of a generated system, without unreadable sources.
func generated(t testing.TB, o fixture.Options) Inputs {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "db")
	require.NoError(t, fixture.WriteDatabases(dir, o))
	conf := filepath.Join(dir, "pacman.conf")
	require.NoError(t, os.WriteFile(conf, []byte(fixture.PacmanConfig), 0o644))
	config, err := pacmandb.ReadConfig(conf)
	require.NoError(t, err)
	in := Inputs{Generation: 7, CheckedAt: time.Unix(checked, 0), DBPath: dir, PacmanConfig: config}
	files, err := pacmandb.ListRepoFiles(dir, config)
	require.NoError(t, err)
	require.Len(t, files, 3)
	for _, f := range files {
		in.Repositories = append(in.Repositories, read(t, f))
	}
	if o.Installed > 0 {
		in.Local.Packages, err = pacmandb.ReadLocal(t.Context(), dir)
		require.NoError(t, err)
	}
	return in
}

// read reads the database of a repository into an index.
func read(t testing.TB, f pacmandb.RepoFile) IndexedSource {
	t.Helper()
	b := pkgindex.NewBuilder("test", checked)
	into := b.AddSource(f.Name, pkgindex.KindRepo)
	_, err := pacmandb.ReadSync(t.Context(), f.Path, f.Name, into.Add, nil)
	require.NoError(t, err)
	s := currentSource(f.Name, opened(t, b))
	s.Usage = f.Usage
	return s
}

func opened(t testing.TB, b *pkgindex.Builder) *pkgindex.File {
	t.Helper()
	data, err := b.Bytes()
	require.NoError(t, err)
	f, err := pkgindex.OpenBytes(data)
	require.NoError(t, err)
	return f
}

// index returns an index of one source with packages in the given order.
func index(t testing.TB, kind pkgindex.SourceKind, name string, packages ...wire.Package) *pkgindex.File {
	t.Helper()
	b := pkgindex.NewBuilder("test", checked)
	into := b.AddSource(name, kind)
	for _, p := range packages {
		p.Repo = name
		require.NoError(t, into.Add(&p))
	}
	return opened(t, b)
}

// repository returns a repository with packages; pairs are alternating names and versions of the packages.
func repository(t testing.TB, name string, pairs ...string) IndexedSource {
	t.Helper()
	return currentSource(name, index(t, pkgindex.KindRepo, name, packages(pairs...)...))
}

// aur returns an AUR with packages; pairs are alternating names and versions of the packages.
func aur(t testing.TB, pairs ...string) *IndexedSource {
	t.Helper()
	list := packages(pairs...)
	for i := range list {
		list[i].AUR = &wire.AUR{Maintainer: "m"}
	}
	return &IndexedSource{
		Source: wire.Source{Name: wire.SourceAUR, Kind: wire.KindAUR, State: wire.SourceOK, AsOf: checked - 60, ChangedAt: checked},
		Index:  index(t, pkgindex.KindAUR, wire.SourceAUR, list...),
	}
}

func packages(pairs ...string) (list []wire.Package) {
	for pair := range slices.Chunk(pairs, 2) {
		list = append(list, wire.Package{Name: pair[0], Version: pair[1]})
	}
	return list
}

func currentSource(name string, f *pkgindex.File) IndexedSource {
	return IndexedSource{
		Source: wire.Source{Name: name, Kind: wire.KindRepository, State: wire.SourceOK, AsOf: checked - 60, ChangedAt: checked - 30},
		Usage:  pacmandb.UsageAll, Index: f,
	}
}

// lost returns a copy of the source s that has no index, with the given state and reason.
func lost(s IndexedSource, state wire.SourceState, why string) IndexedSource {
	s.Index, s.State, s.Why = nil, state, why
	return s
}

// local returns a local database with these packages, which it sorts by name.
func local(packages ...*pacmandb.Installed) LocalInput {
	slices.SortFunc(packages, func(a, b *pacmandb.Installed) int { return strings.Compare(a.Name, b.Name) })
	return LocalInput{Packages: &pacmandb.Local{Packages: packages}}
}

func installed(name, version string, reason pacmandb.Reason, depends ...string) *pacmandb.Installed {
	return &pacmandb.Installed{Package: wire.Package{Name: name, Version: version, Depends: depends, Desc: "about " + name}, Reason: reason}
}

func build(t testing.TB, in Inputs) *Snapshot {
	t.Helper()
	s := Build(in)
	require.NoError(t, s.ComputeAll())
	return s
}

// names returns the names of installed packages.
func names(list []*pacmandb.Installed) (out []string) {
	for _, p := range list {
		out = append(out, p.Name)
	}
	return out
}

// found returns the packages that a search or a look-up found.
func found(t testing.TB, s *Snapshot, f *Matches, details bool) (list []wire.Package) {
	t.Helper()
	require.NoError(t, s.EachPackage(f.Hits, details, func(p *wire.Package) error {
		list = append(list, *p)
		return nil
	}))
	return list
}

// search returns the packages that a search finds, as repository/name.
func search(t testing.TB, s *Snapshot, r *wire.SearchRequest) (list []string) {
	t.Helper()
	f, err := s.Search(r)
	require.NoError(t, err)
	for _, p := range found(t, s, f, false) {
		list = append(list, p.Repo+"/"+p.Name)
	}
	return list
}

func query(words ...string) *wire.SearchRequest { return &wire.SearchRequest{Words: words} }

// requireCode requires that err has the given code, and that the text of err contains the given part.
func requireCode(t testing.TB, err error, code wire.Code, part string) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, code, wire.CodeOf(err), "%v", err)
	require.ErrorContains(t, err, part)
}
