package snapshot

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// lostAUR returns an AUR without an index, in the given state.
func lostAUR(state wire.SourceState, why string) *IndexedSource {
	return &IndexedSource{Source: wire.Source{Name: wire.SourceAUR, Kind: wire.KindAUR, State: state, Why: why}}
}

func TestAURBase(t *testing.T) {
	in := aur(t, "yay", "1-1")
	in.Index = index(t, pkgindex.KindAUR, wire.SourceAUR,
		wire.Package{Name: "yay", Version: "1-1", AUR: &wire.AUR{}}, wire.Package{Name: "part", Base: "whole", Version: "1-1", AUR: &wire.AUR{}})
	s := build(t, Inputs{AUR: in})
	for name, want := range map[string]string{"yay": "yay", "part": "whole", "whole": "", "gone": ""} {
		base, err := s.AURBase(name)
		require.NoError(t, err)
		require.Equal(t, want, base, name)
	}
}

// TestNeedsAURQuery checks that a search that includes the AUR must query the AUR if the request is live, or if the snapshot has
// no index of the AUR.
func TestNeedsAURQuery(t *testing.T) {
	core := []IndexedSource{repository(t, "core", "a", "1-1")}
	known := build(t, Inputs{Repositories: core, AUR: aur(t, "yay", "1-1")})
	unknown := build(t, Inputs{Repositories: core, AUR: lostAUR(wire.SourceMissing, "not downloaded yet")})
	none := build(t, Inputs{Repositories: core})
	require.True(t, known.HasAUR())
	for _, s := range []*Snapshot{unknown, none} {
		require.False(t, s.HasAUR())
	}
	for name, c := range map[string]struct {
		request         *wire.SearchRequest
		known, elsewise bool
	}{
		"all":              {query("a"), false, true},
		"live":             {&wire.SearchRequest{Words: []string{"a"}, Live: true}, true, true},
		"without the AUR":  {&wire.SearchRequest{Words: []string{"a"}, Live: true, NoAUR: true}, false, false},
		"a repository":     {&wire.SearchRequest{Words: []string{"a"}, Live: true, Repos: []string{"core"}}, false, false},
		"the AUR":          {&wire.SearchRequest{Words: []string{"a"}, Repos: []string{"aur"}}, false, true},
		"the AUR by word":  {query("a", "repo:aur"), false, true},
		"both":             {&wire.SearchRequest{Words: []string{"a"}, Repos: []string{"core", "aur"}}, false, true},
		"another, by word": {query("a", "repo:core"), false, false},
	} {
		require.Equal(t, c.known, known.NeedsAURQuery(c.request), name)
		require.Equal(t, c.elsewise, unknown.NeedsAURQuery(c.request), name)
		require.Equal(t, c.elsewise, none.NeedsAURQuery(c.request), name)
	}
}

func TestInAUR(t *testing.T) {
	s := build(t, Inputs{Repositories: []IndexedSource{repository(t, "core", "a", "1-1")}})
	for target, want := range map[string]string{"yay": "yay", "aur/yay": "yay", "aur/a/b": "a/b", "": ""} {
		name, ok := s.ParseAURTarget(target)
		require.True(t, ok, target)
		require.Equal(t, want, name)
	}
	for _, target := range []string{"core/yay", "/yay", "AUR/yay"} {
		_, ok := s.ParseAURTarget(target)
		require.False(t, ok, target)
	}
}

// TestRepositoryNamedAUR checks that the name aur means a configured repository with this name, and not the AUR, which is a
// separate source.
func TestRepositoryNamedAUR(t *testing.T) {
	own := repository(t, "aur", "yay", "12-1")
	for name, in := range map[string]Inputs{
		"both":           {Repositories: []IndexedSource{own}, AUR: aur(t, "yay", "13-1")},
		"no AUR":         {Repositories: []IndexedSource{own}},
		"the AUR is off": {Repositories: []IndexedSource{own}, AUR: lostAUR(wire.SourceMissing, "not downloaded yet")},
	} {
		s := build(t, in)
		_, inAUR := s.ParseAURTarget("aur/yay")
		require.False(t, inAUR, name)
		f, err := s.Info(&wire.InfoRequest{Names: []string{"aur/yay"}})
		require.NoError(t, err, name)
		require.Len(t, f.Hits, 1, name)
		require.Equal(t, pkgindex.KindRepo, s.searchFileSet.SourceKindOf(f.Hits[0]), name)
		f, err = s.Search(&wire.SearchRequest{Words: []string{"yay"}, Repos: []string{"aur"}})
		require.NoError(t, err, name)
		require.Len(t, f.Hits, 1, name)
		require.Equal(t, pkgindex.KindRepo, s.searchFileSet.SourceKindOf(f.Hits[0]), name)
		require.False(t, s.NeedsAURQuery(&wire.SearchRequest{Words: []string{"yay"}, Repos: []string{"aur"}}), name)
		f, err = s.Search(&wire.SearchRequest{Words: []string{"yay"}, OnlyAUR: true, Repos: []string{"aur"}})
		if name != "both" {
			require.Equal(t, wire.CodeNetwork, wire.CodeOf(err), name)
			continue
		}
		require.NoError(t, err)
		require.Len(t, f.Hits, 1)
		require.Equal(t, pkgindex.KindAUR, s.searchFileSet.SourceKindOf(f.Hits[0]))
	}
	lost := build(t, Inputs{Repositories: []IndexedSource{{Source: wire.Source{Name: "aur", Kind: wire.KindRepository, State: wire.SourceFailed}}}, AUR: aur(t, "yay", "13-1")})
	_, err := lost.Search(&wire.SearchRequest{Words: []string{"yay"}, Repos: []string{"aur"}})
	require.Equal(t, wire.CodeNotReady, wire.CodeOf(err), "the repository, though it cannot be read")
}

// TestWithoutAUR checks that a snapshot without the AUR finds only packages of the repositories, that the AUR is not in its
// sources, and that a search of the AUR finds nothing instead of returning an error.
func TestWithoutAUR(t *testing.T) {
	core := repository(t, "core", "yay-theme", "1-1")
	for name, a := range map[string]*IndexedSource{"known": aur(t, "yay", "1-1"), "missing": lostAUR(wire.SourceMissing, "not yet"), "none": nil} {
		t.Run(name, func(t *testing.T) {
			s := build(t, Inputs{Repositories: []IndexedSource{core}, AUR: a})
			before := search(t, s, query("yay"))
			official, err := s.WithoutAUR()
			require.NoError(t, err)
			require.Equal(t, []string{"core/yay-theme"}, search(t, official, query("yay")))
			require.Empty(t, search(t, official, &wire.SearchRequest{Words: []string{"yay"}, Repos: []string{"aur"}}))
			require.Equal(t, []wire.Source{core.Source}, official.SearchBasis().Sources)
			require.Equal(t, before, search(t, s, query("yay")), "the snapshot stays as it is")
		})
	}
}

// TestWithAUR checks that the AUR's reply replaces the AUR's earlier data in a copy of the snapshot.
func TestWithAUR(t *testing.T) {
	s := build(t, Inputs{
		Repositories: []IndexedSource{repository(t, "core", "yay-theme", "1-1")}, AUR: aur(t, "yay", "1-1", "yay-bin", "1-1"),
		Local: local(installed("yay-git", "0-1", pacmandb.ReasonExplicit)),
	})
	reply := AURQueryResult{
		Packages: index(t, pkgindex.KindAUR, wire.SourceAUR, packages("yay", "2-1", "yay-git", "1-1", "yay-theme", "1-1")...),
		Source:   wire.Source{Name: wire.SourceAUR, Kind: wire.KindAUR, State: wire.SourceOK, ChangedAt: checked + 9},
	}
	both, source := s.WithAUR(reply)
	require.Equal(t, reply.Source, source)
	require.ElementsMatch(t, []string{"core/yay-theme", "aur/yay", "aur/yay-git", "aur/yay-theme"}, search(t, both, query("yay")))
	f, err := both.Search(&wire.SearchRequest{Words: []string{"yay"}, Repos: []string{"aur"}})
	require.NoError(t, err)
	for _, p := range found(t, both, f, false) {
		require.Equal(t, p.Name == "yay-theme", p.Shadowed, p.Name)
		require.Equal(t, p.Name == "yay-git", p.InstalledVersion != "", p.Name)
	}
	hits, err := both.LookupAUR("yay")
	require.NoError(t, err)
	require.Len(t, hits, 1)
	hits, err = both.LookupAUR("yay-bin")
	require.NoError(t, err)
	require.Empty(t, hits)
	require.ElementsMatch(t, []string{"core/yay-theme", "aur/yay", "aur/yay-bin"}, search(t, s, query("yay")), "the snapshot stays as it is")
}

// TestWithAUR_Fails checks that after a failed query, searches use the AUR's earlier data, which is marked as stale and has
// its earlier times, and that WithAUR returns nil if the snapshot has no earlier data.
func TestWithAUR_Fails(t *testing.T) {
	core := repository(t, "core", "a", "1-1")
	failed := AURQueryResult{Source: wire.Source{Name: wire.SourceAUR, Kind: wire.KindAUR, State: wire.SourceFailed, Why: "slow"}}
	s := build(t, Inputs{Repositories: []IndexedSource{core}, AUR: aur(t, "yay", "1-1")})
	both, source := s.WithAUR(failed)
	require.Equal(t, []string{"aur/yay"}, search(t, both, query("yay")))
	require.Equal(t, wire.Source{
		Name: wire.SourceAUR, Kind: wire.KindAUR, State: wire.SourceStale, Why: "slow", AsOf: checked - 60, ChangedAt: checked,
	}, source)

	for _, a := range []*IndexedSource{nil, lostAUR(wire.SourceMissing, "not yet")} {
		both, source = build(t, Inputs{Repositories: []IndexedSource{core}, AUR: a}).WithAUR(failed)
		require.Nil(t, both)
		require.Equal(t, failed.Source, source)
	}
}
