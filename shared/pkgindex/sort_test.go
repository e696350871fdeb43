package pkgindex

import (
	"testing"

	"github.com/stretchr/testify/require"

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
		found, err := set.Search(q, limit)
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
