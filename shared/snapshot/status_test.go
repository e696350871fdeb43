package snapshot

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// TestStatus_Counts checks that each count of a status equals the length of the list that another request returns.
func TestStatus_Counts(t *testing.T) {
	in := generated(t, fixture.Options{Packages: 800, Installed: 300, Seed: 3})
	in.PacmanConfig.IgnorePkg = []string{"a*", "l*"}
	s := build(t, in)
	status, err := s.Status()
	require.NoError(t, err)
	out, err := s.Outdated()
	require.NoError(t, err)
	ignored := 0
	for _, u := range out.Updates {
		if u.Ignored {
			ignored++
		}
	}
	require.NotZero(t, ignored)
	require.Less(t, ignored, len(out.Updates))
	length := func(filter string) *uint32 {
		f, err := s.Installed(&wire.InstalledRequest{Filter: filter})
		require.NoError(t, err)
		n := uint32(len(f.Packages))
		return &n
	}
	number := func(n int) *uint32 { u := uint32(n); return &u }
	require.Equal(t, wire.Counts{
		Installed: number(300), Explicit: length(wire.FilterExplicit), Orphans: length(wire.FilterOrphans),
		OrphansOrOptional: length(wire.FilterOrphansOrOptional), Foreign: length(wire.FilterForeign),
		Updates: number(len(out.Updates) - ignored), Ignored: number(ignored), Replacements: number(len(out.Replacements)),
	}, status.Counts)
	require.Empty(t, status.PartialCounts)
	byRepository := map[string]uint32{}
	for _, u := range out.Updates {
		if !u.Ignored {
			byRepository[u.Repo]++
		}
	}
	require.Greater(t, len(byRepository), 1)
	require.Len(t, status.RepositoryUpdates, len(byRepository))
	for _, r := range status.RepositoryUpdates {
		require.Equal(t, byRepository[r.Repo], r.Count, r.Repo)
	}
	require.Equal(t, out.Basis, status.Basis)
	require.Nil(t, status.ComparedSources)
	require.Equal(t, wire.IndexStatus{Packages: 800}, status.Index, "an index in memory has no file and no time")
	require.True(t, s.IsComplete())
}

// TestStatus_Index checks that a status lists each index file once, and has the latest build time of all files.
func TestStatus_Index(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, built int64, repos ...string) *pkgindex.File {
		b := pkgindex.NewBuilder("test", built)
		for _, repo := range repos {
			kind := pkgindex.KindRepo
			if repo == wire.SourceAUR {
				kind = pkgindex.KindAUR
			}
			require.NoError(t, b.AddSource(repo, kind).Add(&wire.Package{Repo: repo, Name: "a", Version: "1-1"}))
		}
		path := filepath.Join(dir, name)
		require.NoError(t, b.WriteFile(path))
		f, err := pkgindex.Open(path, nil)
		require.NoError(t, err)
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	two := write("two", 5, "core", "extra")
	a := aur(t)
	a.Index = write("aur", 4, "aur")
	status, err := build(t, Inputs{
		Repositories: []IndexedSource{currentSource("core", two), currentSource("extra", two), currentSource("multilib", write("multilib", 9, "multilib"))}, AUR: a,
	}).Status()
	require.NoError(t, err)
	at := func(name string) string { return filepath.Join(dir, name) }
	require.Equal(t, wire.IndexStatus{Packages: 4, BuiltAt: 9, Files: []string{at("two"), at("multilib"), at("aur")}}, status.Index)
}

// TestStatus_Told checks that a status contains the problems and runtimes of the inputs, and that adding problems to the
// status does not change the inputs.
func TestStatus_Told(t *testing.T) {
	in := Inputs{
		Problems: append(make([]wire.Problem, 0, 5), wire.Problem{Name: "db.lck", State: "busy"}), Runtimes: []wire.Runtime{{Runtime: "go", Version: "1.30"}},
		CheckedAt: time.Unix(checked, 0),
	}
	s := build(t, in)
	for range 2 {
		status, err := s.Status()
		require.NoError(t, err)
		require.Equal(t, []wire.Problem{{Name: "db.lck", State: "busy"}}, status.Problems)
		require.Equal(t, in.Runtimes, status.Runtimes)
		status.Problems = append(status.Problems, wire.Problem{Name: "store"})
	}
	require.Empty(t, in.Problems[:2][1].Name, "the inputs are not changed")
}

// TestWithCheckTime checks that WithCheckTime changes nothing but the time of the check.
func TestWithCheckTime(t *testing.T) {
	s := build(t, generated(t, fixture.Options{Packages: 100, Installed: 20, Seed: 3}))
	later := s.WithCheckTime(time.Unix(checked+60, 0))
	before, err := s.Status()
	require.NoError(t, err)
	after, err := later.Status()
	require.NoError(t, err)
	require.EqualValues(t, checked, before.ConfirmedAt)
	require.EqualValues(t, checked+60, after.ConfirmedAt)
	after.ConfirmedAt = before.ConfirmedAt
	require.Equal(t, before, after)
	require.Equal(t, s.Generation(), later.Generation())
	require.Equal(t, time.Unix(checked+60, 0), later.Inputs().CheckedAt)
	never, err := build(t, Inputs{}).Status()
	require.NoError(t, err)
	require.Zero(t, never.ConfirmedAt)
}

// TestDownloaded checks that installed packages are compared with the databases that omg downloads, and that searches use
// pacman's databases unless SearchDownloaded is set.
func TestDownloaded(t *testing.T) {
	downloaded := repository(t, "core", "a", "2-1", "b", "1-1")
	downloaded.Downloaded, downloaded.AsOf = true, checked
	in := Inputs{
		PacmanConfig: &pacmandb.Config{Repos: []pacmandb.Repo{{Name: "core"}}},
		Repositories: []IndexedSource{repository(t, "core", "a", "1-1")}, DownloadedRepositories: []IndexedSource{downloaded}, AUR: aur(t),
		Local: local(installed("a", "1-1", pacmandb.ReasonExplicit), installed("b", "1-1", pacmandb.ReasonExplicit)),
	}
	for _, shown := range []bool{false, true} {
		in.SearchDownloaded = shown
		s := build(t, in)
		status, err := s.Status()
		require.NoError(t, err)
		require.EqualValues(t, 1, *status.Counts.Updates)
		require.EqualValues(t, 0, *status.Counts.Foreign)
		out, err := s.Outdated()
		require.NoError(t, err)
		require.Equal(t, []wire.Update{{Name: "a", Installed: "1-1", Version: "2-1", Repo: "core"}}, out.Updates)
		require.Equal(t, []wire.Source{downloaded.Source, in.AUR.Source}, out.Sources)
		f, err := s.Search(query(""))
		require.NoError(t, err)
		if shown {
			require.Equal(t, 2, f.Total)
			require.Equal(t, []wire.Source{downloaded.Source, in.AUR.Source}, status.Sources)
			require.Nil(t, status.ComparedSources, "Sources lists the compared databases")
		} else {
			require.Equal(t, 1, f.Total)
			require.Equal(t, []wire.Source{in.Repositories[0].Source, in.AUR.Source}, status.Sources)
			require.Equal(t, []wire.Source{downloaded.Source}, status.ComparedSources)
		}
		require.Equal(t, status.Sources, f.Sources)
		n, ok := s.RepoPackageCount("core")
		require.True(t, ok)
		require.Equal(t, 1, n, "of pacman's own")
		_, facts := s.ComparisonFacts()
		version, ok := facts.Lookup(0, "a")
		require.True(t, ok)
		require.Equal(t, "1-1", version, "the facts are compared with libalpm, which reads pacman's database")
	}
}
