package pkgindex

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fold"
	"github.com/omg-arch/omg/shared/wire"
)

// TestSortByAURField checks the order of results that are sorted by votes, popularity or modification time. Packages of
// repositories have no such numbers. They come last, in the default order.
func TestSortByAURField(t *testing.T) {
	b := NewBuilder("test", 0)
	core := b.AddSource("core", KindRepo)
	for _, name := range []string{"tool", "tool-b"} {
		require.NoError(t, core.Add(&wire.Package{Repo: "core", Name: name, Version: "1"}))
	}
	aur := b.AddSource("aur", KindAUR)
	for _, p := range []wire.Package{
		{Name: "tool", AUR: &wire.AUR{Votes: 1, Popularity: 3, Modified: 20}},
		{Name: "tool-x", AUR: &wire.AUR{Votes: 9, Popularity: 1, Modified: 10}},
		{Name: "atool", AUR: &wire.AUR{Votes: 5, Popularity: 2, Modified: 30}},
	} {
		p.Repo, p.Version = "aur", "1"
		require.NoError(t, aur.Add(&p))
	}
	data, err := b.Bytes()
	require.NoError(t, err)
	f, err := OpenBytes(data)
	require.NoError(t, err)
	set := NewFileSet([]*File{f}, FileSetOptions{})
	names := func(r wire.SearchRequest, limit int) (list []string) {
		r.Words = []string{"tool"}
		q, err := ParseQuery(&r)
		require.NoError(t, err)
		found, err := set.Search(q, 0, limit)
		require.NoError(t, err)
		for _, h := range found.Hits {
			p, err := set.ReadPackage(h)
			require.NoError(t, err)
			list = append(list, p.Repo+"/"+p.Name)
		}
		return list
	}
	require.Equal(t, []string{"core/tool", "aur/tool", "core/tool-b", "aur/tool-x", "aur/atool"}, names(wire.SearchRequest{}, 0))
	require.Equal(t, []string{"aur/tool-x", "aur/atool", "aur/tool", "core/tool", "core/tool-b"}, names(wire.SearchRequest{Sort: wire.SortVotes}, 0))
	require.Equal(t, []string{"aur/tool", "aur/atool", "aur/tool-x", "core/tool", "core/tool-b"}, names(wire.SearchRequest{Sort: wire.SortPopularity}, 0))
	require.Equal(t, []string{"aur/atool", "aur/tool"}, names(wire.SearchRequest{Sort: wire.SortModified}, 2))
	require.Equal(t, []string{"core/tool", "core/tool-b"}, names(wire.SearchRequest{NoAUR: true}, 0))
	require.Equal(t, 2, set.RepoPackageCount())
	for name, want := range map[string]bool{"tool": true, "tool-b": true, "tool-x": false, "Tool": false, "nothing": false} {
		found, err := set.HasRepoPackage(name)
		require.NoError(t, err)
		require.Equal(t, want, found, name)
	}
	require.Equal(t, 5, set.PackageCount())
	_, err = ParseQuery(&wire.SearchRequest{Words: []string{"tool"}, Sort: "colour"})
	require.ErrorIs(t, err, ErrQuery)
}

// TestSearch_Pages checks that pages are parts of the whole result, in every order, and that the whole result is sorted by name as a
// simple sort does it, whether a word finds few packages or many.
func TestSearch_Pages(t *testing.T) {
	packages := tinyPackages(3, 2000)
	view := FileSetOptions{Repos: []string{"extra", "core"}}
	for _, set := range []*FileSet{
		NewFileSet([]*File{build(t, packages, "core", "extra", "aur")}, view),
		NewFileSet([]*File{build(t, packages, "extra"), build(t, packages, "core", "aur")}, view),
		NewFileSet([]*File{build(t, packages, "core", "extra", "aur")}, FileSetOptions{Repos: []string{"core"}}),
	} {
		for _, words := range [][]string{nil, {"a"}, {"ab"}, {"bab"}, {"name:abab"}, {"a", "b"}, {"depends:a"}, {"nothing"}} {
			for _, order := range sortOrders {
				r := wire.SearchRequest{Words: words, Sort: order, AllRepos: true}
				all, total := findPage(t, set, 0, 0, r)
				require.Len(t, all, total)
				switch order {
				case wire.SortName, wire.SortRepo:
					want := slices.Clone(all)
					slices.SortStableFunc(want, func(a, b string) int {
						repoA, nameA, _ := strings.Cut(a, "/")
						repoB, nameB, _ := strings.Cut(b, "/")
						byRepo := cmp.Compare(slices.Index(set.SourceNames(), repoA), slices.Index(set.SourceNames(), repoB))
						if order == wire.SortRepo && byRepo != 0 {
							return byRepo
						}
						return cmp.Or(strings.Compare(fold.String(nameA), fold.String(nameB)), byRepo)
					})
					require.Equal(t, want, all, "%q by %s", words, order)
				}
				for _, skip := range []int{0, 1, 7, total / 2, max(total-1, 0), total, total + 1, math.MaxUint32} {
					for _, limit := range []int{0, 1, 10, total, math.MaxInt} {
						page, n := findPage(t, set, skip, limit, r)
						require.Equal(t, total, n)
						want := all[min(skip, total):]
						if limit > 0 {
							want = want[:min(limit, len(want))]
						}
						require.Equal(t, want, page, "%q by %s, without %d, at most %d", words, order, skip, limit)
					}
				}
			}
		}
	}
}

// TestSortByName_Damaged checks that a search notices that the index does not have each package once in the order of names.
func TestSortByName_Damaged(t *testing.T) {
	f := build(t, tinyPackages(3, 400), "core", "extra", "aur")
	f.nameSection = slices.Concat(f.nameSection[:4], f.nameSection[:4], f.nameSection[8:])
	q, err := ParseQuery(&wire.SearchRequest{AllRepos: true, Sort: wire.SortName})
	require.NoError(t, err)
	_, err = NewFileSet([]*File{f}, FileSetOptions{}).Search(q, 0, 0)
	require.ErrorIs(t, err, ErrDamaged)
}
