package answers

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// aurSet is a set with packages of the AUR: name, version, by turns.
func aurSet(t *testing.T, pairs ...string) *pkgindex.Set {
	t.Helper()
	b := pkgindex.NewBuilder("test", 1000)
	if len(pairs) > 0 {
		s := b.Source(wire.SourceAUR, pkgindex.KindAUR)
		for i := 0; i < len(pairs); i += 2 {
			require.NoError(t, s.Add(&wire.Package{Repo: wire.SourceAUR, Name: pairs[i], Version: pairs[i+1], AUR: &wire.AUR{Maintainer: "m"}}))
		}
	}
	data, err := b.Bytes()
	require.NoError(t, err)
	f, err := pkgindex.OpenBytes(data)
	require.NoError(t, err)
	set, err := pkgindex.NewSet([]*pkgindex.File{f}, pkgindex.View{})
	require.NoError(t, err)
	return set
}

// TestCompareForeign: what the AUR was asked for after the dump counts before the
// dump, and what it does not have then is gone.
func TestCompareForeign(t *testing.T) {
	inv := &inventory.Inventory{Foreign: []*pacmandb.Installed{
		{Package: wire.Package{Name: "gone", Version: "1-1"}},
		{Package: wire.Package{Name: "later", Version: "1-1"}},
		{Package: wire.Package{Name: "other", Version: "1-1"}},
		{Package: wire.Package{Name: "x-git", Version: "1-1"}},
	}}
	asked := func(at int64) *Asked {
		return &Asked{
			At: time.Unix(at, 0), Names: []string{"gone", "later", "x-git"},
			Packages: map[string]*wire.Package{
				"later": {Name: "later", Version: "3-1", AUR: &wire.AUR{OutOfDate: 5}},
				"x-git": {Name: "x-git", Version: "1-1", AUR: &wire.AUR{Maintainer: "m"}},
			},
		}
	}
	states := func(set *pkgindex.Set, asked *Asked) (states []string, known bool) {
		f, err := CompareForeign(inv, &pacmandb.Config{}, set, 1000, asked)
		require.NoError(t, err)
		for _, p := range f.Packages {
			states = append(states, p.State+" "+p.Version)
		}
		return states, f.Known
	}
	dump := aurSet(t, "gone", "2-1", "later", "2-1", "other", "1-1")

	got, known := states(dump, nil)
	require.True(t, known)
	require.Equal(t, []string{"update 2-1", "update 2-1", "current 1-1", "unknown "}, got)

	got, _ = states(dump, asked(999))
	require.Equal(t, []string{"update 2-1", "update 2-1", "current 1-1", "unknown "}, got, "the dump is younger")

	got, _ = states(dump, asked(1001))
	require.Equal(t, []string{"gone ", "update 3-1", "current 1-1", "vcs 1-1"}, got)

	got, known = states(aurSet(t), asked(1))
	require.True(t, known)
	require.Equal(t, []string{"gone ", "update 3-1", "unknown ", "vcs 1-1"}, got, "without a dump")

	got, known = states(aurSet(t), nil)
	require.False(t, known)
	require.Equal(t, []string{"unknown ", "unknown ", "unknown ", "unknown "}, got)
	var none wire.Counts
	(&Foreign{Known: known}).count(&none)
	(*Foreign)(nil).count(&none)
	require.Equal(t, wire.Counts{}, none, "what is not known is not 0")

	f, err := CompareForeign(inv, &pacmandb.Config{IgnorePkg: []string{"lat*"}}, dump, 1000, asked(1001))
	require.NoError(t, err)
	var c wire.Counts
	f.count(&c)
	require.Zero(t, *c.AURUpdates)
	require.Equal(t, &wire.AURCounts{Ignored: 1, VCS: 1, Gone: 1, OutOfDate: 1, Orphaned: 1}, c.AUR)
}
