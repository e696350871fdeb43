package service

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

func TestMain(m *testing.M) { await.RunTestMain(m) }

// holder returns a Holder whose state is made from generated packages and from the given inputs.
func holder(t testing.TB, in snapshot.Inputs, o fixture.Options) *state.Holder {
	t.Helper()
	h := state.NewHolder()
	h.Swap(stateOf(t, in, repositories(t, o)))
	return h
}

// repositories returns repositories with generated packages, each with its own index.
func repositories(t testing.TB, o fixture.Options) (list []snapshot.IndexedSource) {
	t.Helper()
	var names []string
	builders := map[string]*pkgindex.Builder{}
	into := map[string]*pkgindex.SourceBuilder{}
	for p := range fixture.GeneratePackages(o) {
		if into[p.Repo] == nil {
			names = append(names, p.Repo)
			builders[p.Repo] = pkgindex.NewBuilder("test", 1)
			into[p.Repo] = builders[p.Repo].AddSource(p.Repo, pkgindex.KindRepo)
		}
		require.NoError(t, into[p.Repo].Add(&p))
	}
	for _, name := range names {
		data, err := builders[name].Bytes()
		require.NoError(t, err)
		f, err := pkgindex.OpenBytes(data)
		require.NoError(t, err)
		list = append(list, snapshot.IndexedSource{Index: f, Usage: pacmandb.UsageAll, Source: wire.Source{
			Name: name, Kind: wire.KindRepository, State: wire.SourceOK, AsOf: 1_790_000_000, ChangedAt: 1_790_000_000,
		}})
	}
	return list
}

// building returns a copy of a list of repositories, in which the first index of each repository is still being
// built.
func building(list []snapshot.IndexedSource) []snapshot.IndexedSource {
	list = slices.Clone(list)
	for i := range list {
		s := &list[i]
		s.Index, s.Building, s.State, s.Why = nil, true, wire.SourceFailed, "the database is being indexed"
	}
	return list
}

// stateOf returns a State of these inputs and these repositories.
func stateOf(t testing.TB, in snapshot.Inputs, repositories []snapshot.IndexedSource) *state.State {
	t.Helper()
	in.Repositories = repositories
	s := snapshot.Build(in)
	var indexes []*state.MappedIndex
	for _, r := range repositories {
		if r.Index != nil {
			indexes = append(indexes, state.NewMappedIndex(r.Index))
		}
	}
	st := state.New(s, indexes)
	for _, x := range indexes {
		x.Release() // the State has its own reference
	}
	return st
}
