package pkgindex

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/popularity"
	"github.com/omg-arch/omg/shared/wire"
)

// readShares returns shares of machines that have packages, which are given in percent.
func readShares(t testing.TB, percentages map[string]float64) *popularity.Shares {
	t.Helper()
	path := filepath.Join(t.TempDir(), "popularity.json")
	require.NoError(t, os.WriteFile(path, []byte(fixture.PopularityReply(percentages)), 0o600))
	shares, err := popularity.Read(t.Context(), path)
	require.NoError(t, err)
	return shares
}

// sharedNames are names of packages that a search for "editor" finds at the same place and with the same closeness. Three packages need
// editor-a, and none needs the others.
var sharedNames = []string{"editor-a", "editor-b", "editor-c"}

// indexWithShares returns an index of these packages.
func indexWithShares(t testing.TB, shares *popularity.Shares) []byte {
	t.Helper()
	b := NewBuilder("test", 0)
	s := b.AddSource("extra", KindRepo)
	s.SetShares(shares)
	for _, name := range sharedNames {
		require.NoError(t, s.Add(&wire.Package{Repo: "extra", Name: name, Version: "1-1", Desc: "Text editor"}))
	}
	for _, name := range []string{"x", "y", "z"} {
		require.NoError(t, s.Add(&wire.Package{Repo: "extra", Name: name, Version: "1-1", Depends: []string{"editor-a"}}))
	}
	data, err := b.Bytes()
	require.NoError(t, err)
	return data
}

// namesInOrder returns the names that a search for "editor" finds, and their ranks.
func namesInOrder(t testing.TB, index []byte) (names []string, ranks []wire.SearchRank) {
	t.Helper()
	f, err := OpenBytes(index)
	require.NoError(t, err)
	require.NoError(t, f.Verify())
	set := NewFileSet([]*File{f}, FileSetOptions{})
	q, err := ParseQuery(&wire.SearchRequest{Words: []string{"editor"}})
	require.NoError(t, err)
	found, err := set.Search(q, 0, 0)
	require.NoError(t, err)
	explainer := set.NewExplainer(q)
	for _, h := range found.Hits {
		p, err := set.ReadPackage(h)
		require.NoError(t, err)
		names = append(names, p.Name)
		rank, err := explainer.Explain(h)
		require.NoError(t, err)
		ranks = append(ranks, rank)
	}
	return names, ranks
}

// TestShares_Order checks that a share belongs to the prominence instead of the packages that need the package, and that this decides
// between equally close packages.
func TestShares_Order(t *testing.T) {
	names, ranks := namesInOrder(t, indexWithShares(t, nil))
	require.Equal(t, sharedNames, names)
	require.EqualValues(t, prominenceBase+2*prominenceNeeded, ranks[0].Prominence, "three packages need it")
	require.EqualValues(t, prominenceBase, ranks[1].Prominence)

	names, ranks = namesInOrder(t, indexWithShares(t, readShares(t, map[string]float64{"editor-c": 40.95, "editor-b": 0.03})))
	require.Equal(t, []string{"editor-c", "editor-a", "editor-b"}, names)
	require.EqualValues(t, prominenceBase+12*prominenceShare, ranks[0].Prominence, "4,096 is 2 to the power of 12")
	require.InDelta(t, 40.95, *ranks[0].Share, 0)
	require.EqualValues(t, 12*prominenceShare, *ranks[0].SharePoints)
	require.EqualValues(t, prominenceBase+2*prominenceNeeded, ranks[1].Prominence, "its share is unknown")
	require.Nil(t, ranks[1].Share)
	require.Nil(t, ranks[1].SharePoints)
	require.EqualValues(t, prominenceBase+2*prominenceShare, ranks[2].Prominence)

	names, _ = namesInOrder(t, indexWithShares(t, readShares(t, map[string]float64{"editor-c": 0.01, "editor-b": 0.02, "editor-a": 0})))
	require.Equal(t, []string{"editor-b", "editor-c", "editor-a"}, names, "a known share of 0 counts, and not that three packages need editor-a")
}

// TestShares_OtherPackages checks that shares of other packages change nothing but the facts and the section SHAR, which an index without
// shares has empty.
func TestShares_OtherPackages(t *testing.T) {
	without := takeApart(t, indexWithShares(t, nil))
	require.Empty(t, without.sections[sharesSection])
	with := takeApart(t, indexWithShares(t, readShares(t, map[string]float64{"editor": 9, "Editor-a": 8, "editor-a-git": 7})))
	require.Equal(t, make([]byte, 6*shareEntrySize), with.sections[sharesSection])
	require.NotEqual(t, without.sections[factsSection], with.sections[factsSection])
	for _, name := range format.Sections {
		if !slices.Contains([]string{factsSection, sharesSection}, name) {
			require.Equal(t, without.sections[name], with.sections[name], name)
		}
	}
}

// TestShares_Reset checks that a database that changes while it is read does not lose the shares.
func TestShares_Reset(t *testing.T) {
	shares := readShares(t, map[string]float64{"a": 1})
	b := NewBuilder("test", 0)
	s := b.AddSource("extra", KindRepo)
	s.SetShares(shares)
	require.NoError(t, s.Add(&wire.Package{Repo: "extra", Name: "a", Version: "1-1"}))
	s.Reset()
	require.NoError(t, s.Add(&wire.Package{Repo: "extra", Name: "a", Version: "2-1"}))
	data, err := b.Bytes()
	require.NoError(t, err)
	f, err := OpenBytes(data)
	require.NoError(t, err)
	require.Equal(t, shares.SHA256, f.IndexInfo().Sources[0].PopularitySHA256)
	share, known := f.share(0).value()
	require.True(t, known)
	require.Equal(t, popularity.Share(100), share)
}
