package pkgindex

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/wire"
)

// TestBuilder_AnyOrder adds packages in several orders, and checks that the index has the same bytes. Some names differ only in case, and two
// provides have the same hash.
func TestBuilder_AnyOrder(t *testing.T) {
	first, second := equalHashes(t)
	packages := []wire.Package{
		{Repo: "core", Name: "abc", Version: "1", Provides: []string{first}},
		{Repo: "core", Name: "ABC", Version: "1", Provides: []string{second}},
		{Repo: "core", Name: "Abc", Version: "2", Depends: []string{"abc-x"}},
		{Repo: "core", Name: "abc-x", Version: "1"},
		{Repo: "core", Name: "x", Version: "1", Depends: []string{second, first}},
	}
	taken := map[string]bool{"x": true}
	for _, p := range tinyPackages(1, 400) {
		if p.Repo == "core" && !taken[p.Name] {
			taken[p.Name] = true
			packages = append(packages, p)
		}
	}
	data := func() []byte {
		b := NewBuilder("test", 1)
		s := b.AddSource("core", KindRepo)
		for i := range packages {
			require.NoError(t, s.Add(&packages[i]))
		}
		data, err := b.Bytes()
		require.NoError(t, err)
		return data
	}
	want := data()
	rng := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		rng.Shuffle(len(packages), func(i, j int) { packages[i], packages[j] = packages[j], packages[i] })
		require.Equal(t, want, data())
	}
	f, err := OpenBytes(want)
	require.NoError(t, err)
	require.NoError(t, f.Verify())
}

// equalHashes returns two names with the same hash in the section TERM.
func equalHashes(t *testing.T) (first, second string) {
	t.Helper()
	names := map[uint32]string{}
	for i := range 1_000_000 {
		name := strconv.Itoa(i)
		h := termHash(termProvides, name)
		if earlier, ok := names[h]; ok {
			return earlier, name
		}
		names[h] = name
	}
	require.Fail(t, "no two names with the same hash")
	return "", ""
}
