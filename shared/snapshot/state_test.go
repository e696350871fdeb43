package snapshot

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// TestSearch_States checks that a search for a state finds the packages that are marked as installed, also after libalpm's correction and
// with another AUR, and that its basis is that of the installed packages as well.
func TestSearch_States(t *testing.T) {
	in := generated(t, fixture.Options{Packages: 1800, Installed: 100, Seed: 3})
	s := build(t, in)
	explicit, err := s.Explicit()
	require.NoError(t, err)
	check := func(s *Snapshot) {
		t.Helper()
		var installed, chosen []string
		all, err := s.Search(query(""))
		require.NoError(t, err)
		require.NoError(t, s.EachMatch(all, func(p *wire.Package) error {
			if p.InstalledVersion != "" {
				installed = append(installed, p.Repo+"/"+p.Name)
				for _, name := range explicit.Names {
					if name == p.Name {
						chosen = append(chosen, p.Repo+"/"+p.Name)
					}
				}
			}
			return nil
		}))
		require.NotEmpty(t, chosen)
		require.Greater(t, len(installed), len(chosen))
		for word, want := range map[string][]string{"is:installed": installed, "is:explicit": chosen} {
			found, err := s.Search(query("", word))
			require.NoError(t, err)
			require.Equal(t, len(want), found.Total)
			var got []string
			require.NoError(t, s.EachMatch(found, func(p *wire.Package) error {
				got = append(got, p.Repo+"/"+p.Name)
				return nil
			}))
			require.Equal(t, want, got)
			require.False(t, found.Partial)
		}
	}
	check(s)
	b := pkgindex.NewBuilder("test", 0)
	require.NoError(t, b.AddSource(wire.SourceAUR, pkgindex.KindAUR).Add(&wire.Package{Repo: wire.SourceAUR, Name: explicit.Names[0], Version: "1", AUR: &wire.AUR{}}))
	data, err := b.Bytes()
	require.NoError(t, err)
	aur, err := pkgindex.OpenBytes(data)
	require.NoError(t, err)
	withAUR, _ := s.WithAUR(AURQueryResult{Packages: aur})
	check(withAUR)

	found, err := s.Search(query("firefxo", "is:installed"))
	require.NoError(t, err)
	require.Empty(t, found.Suggestions, "a package that is not in the state is no suggestion")

	in.Local.UnreadablePackages = "an unreadable package"
	found, err = build(t, in).Search(query("is:installed"))
	require.NoError(t, err)
	require.True(t, found.Partial)
	require.Equal(t, "an unreadable package", found.Why)
	in.Local.Packages, in.Local.FailureReason = nil, "no local database"
	_, err = Build(in).Search(query("is:installed"))
	requireCode(t, err, wire.CodeNotReady, "no local database")
	_, err = Build(in).Search(query("lib"))
	require.NoError(t, err)
	_, err = s.Search(query("is:foreign"))
	requireCode(t, err, wire.CodeInvalid, "is:installed or is:explicit")
}
