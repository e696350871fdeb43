package snapshot

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/wire"
)

// uncorrected returns inputs whose field LibalpmResult is nil. The function corrected returns a correction that fits these
// inputs.
func uncorrected(t testing.TB) Inputs {
	t.Helper()
	replacer := wire.Package{Name: "d", Version: "1-1", Replaces: []string{"c"}}
	return Inputs{
		Repositories: []IndexedSource{currentSource("core", index(t, "repo", "core", append(packages("b", "2-1", "c", "1-1"), replacer)...))},
		Local: local(
			installed("a", "1-1", pacmandb.ReasonExplicit, "b"), installed("b", "1-1", pacmandb.ReasonDepend), installed("c", "1-1", pacmandb.ReasonDepend),
		),
	}
}

// corrected returns a correction for the inputs of uncorrected: a result of libalpm that differs from omg's result.
func corrected(repositories bool) *LibalpmResult {
	return &LibalpmResult{AllRepositoriesRead: repositories, Packages: []LibalpmPackage{
		{Name: "a", Version: "1-1", InstallReason: pacmandb.ReasonDepend, NeedLevel: NeedOptional, Repo: "core", OfferedVersion: "3-1", VersionOrder: 1, Ignored: true},
		{Name: "b", Version: "2-1", InstallReason: pacmandb.ReasonDepend, NeedLevel: NeedNone},
		{Name: "e", Version: "5-1", InstallReason: pacmandb.ReasonExplicit, NeedLevel: NeedNone, Repo: "extra", OfferedVersion: "4-1", VersionOrder: -1},
	}}
}

// lists returns, for each filter, the names of the installed packages that the filter selects.
func lists(t testing.TB, s *Snapshot, filters ...string) (lists [][]string) {
	t.Helper()
	for _, filter := range filters {
		f, err := s.Installed(&wire.InstalledRequest{Filter: filter})
		require.NoError(t, err)
		lists = append(lists, names(f.Packages))
	}
	return lists
}

// TestLibalpmResult checks that libalpm's result replaces omg's in every list, and that the inputs do not change.
func TestLibalpmResult(t *testing.T) {
	in := uncorrected(t)
	filters := []string{"", wire.FilterExplicit, wire.FilterOrphans, wire.FilterOrphansOrOptional, wire.FilterForeign}
	uncorrectedLists := [][]string{{"a", "b", "c"}, {"a"}, {"c"}, {"c"}, {"a"}}
	require.Equal(t, uncorrectedLists, lists(t, build(t, in), filters...))

	next := in
	next.LibalpmResult = corrected(true)
	s := build(t, next)
	require.Equal(t, [][]string{{"a", "b", "e"}, {"e"}, {"b"}, {"a", "b"}, {"b"}}, lists(t, s, filters...))
	out, err := s.Outdated()
	require.NoError(t, err)
	require.Equal(t, []wire.Update{{Name: "a", Installed: "1-1", Version: "3-1", Repo: "core", Ignored: true}}, out.Updates)
	require.Equal(t, []wire.Update{{Name: "e", Installed: "5-1", Version: "4-1", Repo: "extra"}}, out.InstalledNewer)
	require.Empty(t, out.Replacements, "c is not installed")
	f, err := s.Installed(&wire.InstalledRequest{})
	require.NoError(t, err)
	require.Equal(t, "about a", f.Packages[0].Desc, "omg read the same version, so it knows the description")
	require.Empty(t, f.Packages[1].Desc, "omg read another version, so the description is unknown")
	status, err := s.Status()
	require.NoError(t, err)
	c := status.Counts
	require.Equal(t, []uint32{3, 1, 1, 2, 1, 0, 1}, []uint32{*c.Installed, *c.Explicit, *c.Orphans, *c.OrphansOrOptional, *c.Foreign, *c.Updates, *c.Ignored})

	require.Equal(t, uncorrectedLists, lists(t, build(t, in), filters...))
	require.Equal(t, pacmandb.ReasonExplicit, in.Local.Packages.Find("a").Reason)
}

// TestLibalpmResult_Replacements checks that a correction does not change the list of replacements, because libalpm's result
// has no such list.
func TestLibalpmResult_Replacements(t *testing.T) {
	in := uncorrected(t)
	in.LibalpmResult = &LibalpmResult{AllRepositoriesRead: true, Packages: []LibalpmPackage{
		{Name: "c", Version: "1-1", InstallReason: pacmandb.ReasonDepend, Repo: "core", OfferedVersion: "1-1"},
	}}
	in.Repositories = []IndexedSource{currentSource("core", index(t, "repo", "core", wire.Package{Name: "d", Version: "1-1", Replaces: []string{"c"}}, wire.Package{Name: "c", Version: "1-1"}))}
	out, err := build(t, in).Outdated()
	require.NoError(t, err)
	require.Equal(t, []wire.Replacement{{ReplacedName: "c", Installed: "1-1", By: "d", Version: "1-1", Repo: "core"}}, out.Replacements)
}

// TestLibalpmResult_InstalledOnly checks that libalpm's result replaces only the installed packages, and not their comparison
// with repositories, if libalpm could not read all repositories or omg downloads databases.
func TestLibalpmResult_InstalledOnly(t *testing.T) {
	for name, change := range map[string]func(*Inputs){
		"repositories unread": func(in *Inputs) { in.LibalpmResult = corrected(false) },
		"other repositories": func(in *Inputs) { // libalpm read pacman's databases, not those that omg downloaded
			in.LibalpmResult = corrected(true)
			in.DownloadedRepositories = in.Repositories
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := uncorrected(t)
			change(&in)
			s := build(t, in)
			require.Equal(t, [][]string{{"a", "b", "e"}, {"a", "e"}}, lists(t, s, "", wire.FilterForeign))
			out, err := s.Outdated()
			require.NoError(t, err)
			require.Empty(t, out.Updates, "the installed version of b is libalpm's")
		})
	}
}
