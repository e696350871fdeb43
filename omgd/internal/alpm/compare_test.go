package alpm

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omgd/internal/alpmproto"
)

func sample() *ReaderFacts {
	return &ReaderFacts{
		Databases: []alpmproto.Database{{Name: "core", PackageCount: 3}, {Name: "extra", PackageCount: 5}},
		Installed: []alpmproto.PackageFacts{
			{Name: "a", Version: "1-1", Repo: "core", Offered: "1-1", NeedLevel: alpmproto.StrictlyRequired},
			{Name: "b", Version: "1-1", Reason: 1, Repo: "core", Offered: "2-1", VersionOrder: 1},
			{Name: "c", Version: "1-1", Reason: 1, NeedLevel: alpmproto.OptionallyRequired},
			{Name: "d", Version: "3-1", Repo: "extra", Offered: "2-1", VersionOrder: -1},
			{Name: "e", Version: "1-1", Repo: "extra", Offered: "2-1", VersionOrder: 1, Ignored: true},
		},
	}
}

func TestFacts_Lists(t *testing.T) {
	f := sample()
	require.Equal(t, []string{"a", "d", "e"}, f.Explicit())
	require.Equal(t, []string{"b"}, f.Orphans(false))
	require.Equal(t, []string{"b", "c"}, f.Orphans(true))
	require.Equal(t, []string{"c"}, f.Foreign())
	require.Len(t, f.Updates(), 2)
	require.True(t, f.Updates()[1].Ignored)
}

func TestCompareFacts_Differences(t *testing.T) {
	require.Empty(t, CompareFacts(sample(), sample()))
	for want, change := range map[string]func(libalpm, ours *ReaderFacts){
		"a: libalpm says installed (1-1), omg says not installed":                           func(_, f *ReaderFacts) { f.Installed = f.Installed[1:] },
		"e: libalpm says installed (1-1), omg says not installed":                           func(_, f *ReaderFacts) { f.Installed = f.Installed[:4] },
		"c: libalpm says not installed, omg says installed (1-1)":                           func(f, _ *ReaderFacts) { f.Installed = append(f.Installed[:2:2], f.Installed[3:]...) },
		"e: libalpm says not installed, omg says installed (1-1)":                           func(f, _ *ReaderFacts) { f.Installed = f.Installed[:4] },
		"a: libalpm says 2-1, omg says 1-1":                                                 func(f, _ *ReaderFacts) { f.Installed[0].Version = "2-1" },
		"a: libalpm says installed as a dependency, omg says explicitly installed":          func(f, _ *ReaderFacts) { f.Installed[0].Reason = 1 },
		"a: libalpm says installed for the unknown reason 7, omg says explicitly installed": func(f, _ *ReaderFacts) { f.Installed[0].Reason = 7 },
		"a: libalpm says not required, omg says required":                                   func(f, _ *ReaderFacts) { f.Installed[0].NeedLevel = alpmproto.NotRequired },
		"a: libalpm says foreign, omg says same as core/1-1":                                func(f, _ *ReaderFacts) { f.Installed[0].Repo = "" },
		"d: libalpm says update to extra/2-1, omg says newer than extra/2-1":                func(f, _ *ReaderFacts) { f.Installed[3].VersionOrder = 1 },
		"e: libalpm says update to extra/2-1, omg says ignored update to extra/2-1":         func(f, _ *ReaderFacts) { f.Installed[4].Ignored = false },
		"core: libalpm says 2 packages, omg says 3":                                         func(f, _ *ReaderFacts) { f.Databases[0].PackageCount = 2 },
		"libalpm read the databases core, omg read core extra":                              func(f, _ *ReaderFacts) { f.Databases = f.Databases[:1] },
		"libalpm read the databases none, omg read core extra":                              func(f, _ *ReaderFacts) { f.Databases = nil },
	} {
		libalpm, ours := sample(), sample()
		change(libalpm, ours)
		require.Equal(t, []string{want}, CompareFacts(libalpm, ours))
	}
}

func TestCompareFacts_DamagedDatabases(t *testing.T) {
	libalpm, ours := sample(), sample()
	libalpm.Databases[1] = alpmproto.Database{Name: "extra", Err: "damaged"}
	for i := range libalpm.Installed { // if the databases are not read, every package looks foreign
		if p := &libalpm.Installed[i]; p.Repo == "extra" {
			p.Repo, p.Offered, p.VersionOrder, p.Ignored = "", "", 0, false
		}
	}
	require.Equal(t, []string{"extra: libalpm cannot read the database (damaged), omg reads 5 packages"}, CompareFacts(libalpm, ours))
	require.Equal(t, []string{"extra: libalpm reads 5 packages, omg cannot read the database (damaged)"}, CompareFacts(ours, libalpm))
	require.Empty(t, CompareFacts(libalpm, libalpm))
	libalpm.Installed[0].NeedLevel = alpmproto.NotRequired
	require.Len(t, CompareFacts(libalpm, ours), 2, "facts that do not depend on repositories are still compared")
}

func TestCompareFacts_Bounded(t *testing.T) {
	many := sample()
	for i := range 100 {
		many.Installed = append(many.Installed, alpmproto.PackageFacts{Name: fmt.Sprintf("p%09000d", i), Version: "1-1"})
	}
	got := CompareFacts(many, sample())
	require.Len(t, got, MaxDifferences+1)
	require.Equal(t, "and 80 more", got[MaxDifferences])
	for _, line := range got {
		require.LessOrEqual(t, len(line), 300)
	}
}
