package answers

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// aur returns an index of the AUR with packages of these names.
func aur(t testing.TB, names ...string) *pkgindex.File {
	t.Helper()
	list := named(names...)
	for i := range list {
		list[i].AUR = &wire.AUR{Maintainer: "m"}
	}
	return index(t, pkgindex.KindAUR, wire.SourceAUR, list...)
}

// aurSource returns the description of the AUR as a source in the given state.
func aurSource(state wire.SourceState, why string) wire.Source {
	return wire.Source{Name: wire.SourceAUR, Kind: wire.KindAUR, State: state, Why: why}
}

// halves holds the two parts of a live answer: the chunks that were emitted before the query to the AUR, and the chunks that
// were emitted after it.
type halves struct {
	queried       bool
	names         []string // the names for which the AUR was queried
	first, second [][]byte
}

func (h *halves) answer(t testing.TB, answer func(Emit) error) error {
	t.Helper()
	return answer(func(b []byte, more bool) error {
		require.NoError(t, wire.CheckMessagePack(b))
		b = append([]byte(nil), b...)
		if h.queried {
			h.second = append(h.second, b)
		} else {
			require.True(t, more, "the second part follows")
			h.first = append(h.first, b)
		}
		return nil
	})
}

func list(packages []wire.Package) (names []string) {
	for _, p := range packages {
		names = append(names, p.Repo+"/"+p.Name)
	}
	return names
}

// TestSearchLive checks that the packages of the repositories are emitted before the AUR is queried, and that the second
// part has the total of both parts.
func TestSearchLive(t *testing.T) {
	in := snapshot.Inputs{Generation: 7, Repositories: []snapshot.IndexedSource{repository(t, "core", named("yay-theme", "yay-docs", "other")...)}}
	known := in
	known.AUR = &snapshot.IndexedSource{Source: wire.Source{Name: wire.SourceAUR, Kind: wire.KindAUR, State: wire.SourceOK, AsOf: 3, ChangedAt: 4}, Index: aur(t, "yay-old")}
	unknown := in
	unknown.AUR = &snapshot.IndexedSource{Source: aurSource(wire.SourceMissing, "not downloaded yet")}
	core := in.Repositories[0].Source
	stale := wire.Source{Name: wire.SourceAUR, Kind: wire.KindAUR, State: wire.SourceStale, Why: "slow", AsOf: 3, ChangedAt: 4}
	reply := snapshot.AURQueryResult{Packages: aur(t, "yay", "yay-bin", "yay-theme"), Source: aurSource(wire.SourceOK, "")}
	failed := snapshot.AURQueryResult{Source: aurSource(wire.SourceFailed, "slow")}
	official := []string{"core/yay-docs", "core/yay-theme"}
	for name, c := range map[string]struct {
		in      snapshot.Inputs
		request wire.SearchRequest
		reply   snapshot.AURQueryResult
		first   []string
		second  []string
		total   uint32
		source  wire.Source
	}{
		"answered":             {unknown, wire.SearchRequest{Words: []string{"yay"}}, reply, official, []string{"aur/yay", "aur/yay-bin", "aur/yay-theme"}, 5, reply.Source},
		"answered, known":      {known, wire.SearchRequest{Words: []string{"yay"}}, reply, official, []string{"aur/yay", "aur/yay-bin", "aur/yay-theme"}, 5, reply.Source},
		"with a limit":         {known, wire.SearchRequest{Words: []string{"yay"}, Limit: 1}, reply, official[:1], []string{"aur/yay"}, 5, reply.Source},
		"without the first":    {known, wire.SearchRequest{Words: []string{"yay"}, Skip: 1}, reply, official[1:], []string{"aur/yay-bin", "aur/yay-theme"}, 5, reply.Source},
		"sorted":               {known, wire.SearchRequest{Words: []string{"yay"}, Limit: 1, Sort: wire.SortName}, reply, official[:1], []string{"aur/yay"}, 5, reply.Source},
		"the AUR alone":        {known, wire.SearchRequest{Words: []string{"yay", "repo:aur"}}, reply, nil, []string{"aur/yay", "aur/yay-bin", "aur/yay-theme"}, 3, reply.Source},
		"failed, known":        {known, wire.SearchRequest{Words: []string{"yay"}}, failed, official, []string{"aur/yay-old"}, 3, stale},
		"failed, unknown":      {unknown, wire.SearchRequest{Words: []string{"yay"}}, failed, official, nil, 2, failed.Source},
		"failed, none":         {in, wire.SearchRequest{Words: []string{"yay"}}, failed, official, nil, 2, failed.Source},
		"nothing in the repos": {known, wire.SearchRequest{Words: []string{"bin"}}, reply, nil, []string{"aur/yay-bin"}, 1, reply.Source},
	} {
		t.Run(name, func(t *testing.T) {
			e := encoder(t, c.in)
			var h halves
			require.NoError(t, h.answer(t, func(emit Emit) error {
				return e.SearchLive(&c.request, func() snapshot.AURQueryResult { h.queried = true; return c.reply }, emit)
			}))
			first := searched(t, h.first)
			require.ElementsMatch(t, c.first, list(first.Packages))
			repositories := []wire.Source{core}
			if name == "the AUR alone" {
				repositories = nil
			}
			require.Equal(t, wire.Basis{Generation: 7, Sources: repositories}, first.Basis)
			require.Zero(t, first.Total)
			second := searched(t, h.second)
			require.ElementsMatch(t, c.second, list(second.Packages))
			for _, p := range second.Packages {
				require.Equal(t, p.Name == "yay-theme", p.Shadowed, p.Name)
			}
			all := searched(t, append(h.first, h.second...))
			require.Equal(t, c.total, all.Total)
			require.Equal(t, append(repositories, c.source), all.Sources)
			require.EqualValues(t, 7, all.Generation)
		})
	}
}

// TestSearchLive_Errors checks that a search fails if it finds nothing in the repositories and the AUR's data is unknown. If
// a repository could not be read, the search returns a partial result instead, which is more useful.
func TestSearchLive_Errors(t *testing.T) {
	in := snapshot.Inputs{Repositories: []snapshot.IndexedSource{repository(t, "core", named("firefox")...)}}
	failed := snapshot.AURQueryResult{Source: aurSource(wire.SourceFailed, "slow")}
	ask := func(in snapshot.Inputs, r *wire.SearchRequest) (h halves, err error) {
		e := encoder(t, in)
		err = h.answer(t, func(emit Emit) error {
			return e.SearchLive(r, func() snapshot.AURQueryResult { h.queried = true; return failed }, emit)
		})
		return h, err
	}
	h, err := ask(in, &wire.SearchRequest{Words: []string{"firefxo"}})
	require.Equal(t, wire.CodeNetwork, wire.CodeOf(err))
	require.ErrorContains(t, err, "slow")
	require.Equal(t, []string{"firefox"}, wire.SuggestedNames(searched(t, h.first).Suggestions), "similar names are in the first part")
	require.Empty(t, h.second)

	degraded := in
	degraded.Repositories = append(degraded.Repositories, snapshot.IndexedSource{Source: wire.Source{Name: "extra", Kind: wire.KindRepository, State: wire.SourceFailed}})
	h, err = ask(degraded, &wire.SearchRequest{Words: []string{"firefxo"}})
	require.NoError(t, err)
	all := searched(t, append(h.first, h.second...))
	require.True(t, all.Partial)
	require.Zero(t, all.Total)

	for _, r := range []*wire.SearchRequest{{Words: []string{"("}, Regex: true}, {Words: []string{"a"}, Repos: []string{"none"}}} {
		h, err = ask(in, r)
		require.Equal(t, wire.CodeInvalid, wire.CodeOf(err))
		require.False(t, h.queried, "the AUR is not queried for an invalid request")
		require.Empty(t, h.first)
	}
}

// TestSearchLive_Chunks checks a live search whose reply has many chunks with packages of the repositories and many
// chunks with packages of the AUR.
func TestSearchLive_Chunks(t *testing.T) {
	const n = 3000
	var official, aurNames []string
	for i := range n {
		official, aurNames = append(official, fmt.Sprintf("official-%04d", i)), append(aurNames, fmt.Sprintf("theirs-%04d", i))
	}
	e := encoder(t, snapshot.Inputs{Repositories: []snapshot.IndexedSource{repository(t, "core", named(official...)...)}})
	reply := snapshot.AURQueryResult{Packages: aur(t, aurNames...), Source: aurSource(wire.SourceOK, "")}
	all := chunks(t, func(emit Emit) error {
		return e.SearchLive(&wire.SearchRequest{Words: []string{"i"}}, func() snapshot.AURQueryResult { return reply }, emit)
	})
	require.Greater(t, len(all), 4)
	got := searched(t, all)
	require.EqualValues(t, 2*n, got.Total)
	require.Len(t, got.Packages, 2*n)
	for i, p := range got.Packages {
		require.Equal(t, map[bool]string{true: "core", false: "aur"}[i < n], p.Repo)
	}
}

// TestInfoLive checks that the AUR is queried only for unknown names that the AUR may have.
func TestInfoLive(t *testing.T) {
	in := snapshot.Inputs{Generation: 7, Repositories: []snapshot.IndexedSource{repository(t, "core", named("bash")...)}}
	known := in
	known.AUR = &snapshot.IndexedSource{Source: wire.Source{Name: wire.SourceAUR, Kind: wire.KindAUR, State: wire.SourceOK, AsOf: 3, ChangedAt: 4}, Index: aur(t, "yay-old")}
	core := in.Repositories[0].Source
	reply := snapshot.AURQueryResult{Packages: aur(t, "yay"), Source: aurSource(wire.SourceOK, "")}
	failed := snapshot.AURQueryResult{Source: aurSource(wire.SourceFailed, "slow")}
	stale := wire.Source{Name: wire.SourceAUR, Kind: wire.KindAUR, State: wire.SourceStale, Why: "slow", AsOf: 3, ChangedAt: 4}
	request := []string{"yay", "bash", "core/none", "aur/none", "basj", "yay-old"}
	for name, c := range map[string]struct {
		in            snapshot.Inputs
		names         []string
		reply         snapshot.AURQueryResult
		queried       []string
		first, second []string
		missing       []string
		source        wire.Source
	}{
		"answered": {
			in, request, reply, []string{"yay", "none", "basj", "yay-old"}, []string{"core/bash"}, []string{"aur/yay"}, []string{"core/none", "aur/none", "basj", "yay-old"}, reply.Source,
		},
		"answered, known": {
			known, request, reply, []string{"yay", "none", "basj"}, []string{"core/bash", "aur/yay-old"}, []string{"aur/yay"}, []string{"core/none", "aur/none", "basj"}, reply.Source,
		},
		"failed": {
			in, request, failed, []string{"yay", "none", "basj", "yay-old"}, []string{"core/bash"}, nil, []string{"yay", "core/none", "aur/none", "basj", "yay-old"}, failed.Source,
		},
		"failed, known": {
			known, request, failed, []string{"yay", "none", "basj"}, []string{"core/bash", "aur/yay-old"}, nil, []string{"yay", "core/none", "aur/none", "basj"}, stale,
		},
		"nothing here": {in, []string{"yay"}, reply, []string{"yay"}, nil, []string{"aur/yay"}, nil, reply.Source},
		"known to be nowhere, too": {
			in, []string{"core/none", "yay"}, failed, []string{"yay"}, nil, nil, []string{"core/none", "yay"}, failed.Source,
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := encoder(t, c.in)
			var h halves
			require.NoError(t, h.answer(t, func(emit Emit) error {
				return e.InfoLive(&wire.InfoRequest{Names: c.names}, func(names []string) snapshot.AURQueryResult {
					h.queried, h.names = true, names
					return c.reply
				}, emit)
			}))
			require.Equal(t, c.queried, h.names)
			first := lookedUp(t, h.first)
			require.Equal(t, c.first, list(first.Packages))
			require.Equal(t, wire.Basis{Generation: 7, Sources: []wire.Source{core}}, first.Basis, "the source aur is in the second part")
			require.Empty(t, first.Missing)
			require.Equal(t, c.second, list(lookedUp(t, h.second).Packages))
			all := lookedUp(t, append(h.first, h.second...))
			var missing []string
			for _, m := range all.Missing {
				missing = append(missing, m.Name)
				require.Equal(t, m.Name == "basj" || m.Name == "yay" && c.in.AUR != nil, len(m.Suggestions) > 0, "%+v", m)
			}
			require.Equal(t, c.missing, missing)
			require.Equal(t, []wire.Source{core, c.source}, all.Sources)
		})
	}
}

// TestInfoLive_Errors checks that a look-up fails if it finds nothing and the AUR's data is unknown, unless a repository
// could not be read.
func TestInfoLive_Errors(t *testing.T) {
	in := snapshot.Inputs{Repositories: []snapshot.IndexedSource{repository(t, "core", named("bash")...)}}
	ask := func(in snapshot.Inputs, names ...string) (h halves, err error) {
		e := encoder(t, in)
		err = h.answer(t, func(emit Emit) error {
			return e.InfoLive(&wire.InfoRequest{Names: names}, func([]string) snapshot.AURQueryResult {
				h.queried = true
				return snapshot.AURQueryResult{Source: aurSource(wire.SourceFailed, "slow")}
			}, emit)
		})
		return h, err
	}
	h, err := ask(in, "yay", "aur/bash")
	require.Equal(t, wire.CodeNetwork, wire.CodeOf(err))
	require.ErrorContains(t, err, `packages "yay", "aur/bash" are in no repository, and the AUR could not be queried: slow`)
	require.Empty(t, h.second)

	degraded := in
	degraded.Repositories = append(degraded.Repositories, snapshot.IndexedSource{Source: wire.Source{Name: "extra", Kind: wire.KindRepository, State: wire.SourceFailed}})
	h, err = ask(degraded, "yay")
	require.NoError(t, err)
	all := lookedUp(t, append(h.first, h.second...))
	require.True(t, all.Partial)
	require.Len(t, all.Missing, 1)

	lost := snapshot.Inputs{Repositories: degraded.Repositories[1:]}
	h, err = ask(lost, "yay")
	require.Equal(t, wire.CodeNotReady, wire.CodeOf(err))
	require.False(t, h.queried)
}

// TestLive_EmitFails checks that the AUR is not queried if the first part of the answer cannot be emitted because the client
// has disconnected.
func TestLive_EmitFails(t *testing.T) {
	e := encoder(t, snapshot.Inputs{Repositories: []snapshot.IndexedSource{repository(t, "core", named("bash")...)}})
	gone := errors.New("gone")
	emit := func([]byte, bool) error { return gone }
	require.ErrorIs(t, e.SearchLive(&wire.SearchRequest{Words: []string{"a"}}, func() snapshot.AURQueryResult {
		t.Error("asked")
		return snapshot.AURQueryResult{}
	}, emit), gone)
	require.ErrorIs(t, e.InfoLive(&wire.InfoRequest{Names: []string{"a"}}, func([]string) snapshot.AURQueryResult {
		t.Error("asked")
		return snapshot.AURQueryResult{}
	}, emit), gone)
}
