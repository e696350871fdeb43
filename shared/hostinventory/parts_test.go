package hostinventory

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/wire"
)

// TestAnswers checks that what is unknown or partial in an answer stays so in the inventory.
func TestAnswers(t *testing.T) {
	failed := wire.Basis{Generation: 3, Partial: true, Sources: []wire.Source{{Name: "core", Kind: wire.KindRepository, State: wire.SourceFailed, Why: "damaged"}}}
	installed := func(names ...string) *wire.InstalledResult {
		r := &wire.InstalledResult{Basis: wire.Basis{Generation: 3}}
		for _, name := range names {
			r.Packages = append(r.Packages, wire.InstalledPackage{Package: wire.Package{Repo: "local", Name: name, Version: "1-1"}, Reason: "explicit", InstallDate: 5})
		}
		return r
	}
	a := &answers{
		fromDaemon: true, status: &wire.StatusResult{Basis: wire.Basis{Generation: 3}}, installed: installed("b", "a", "own"), foreign: installed("own"),
		outdated: &wire.OutdatedResult{Basis: failed, Foreign: []wire.ForeignPackage{{Name: "own", Installed: "1-1", AURVersion: "2-1", State: wire.ForeignUpdate}, {Name: "x", State: wire.ForeignUnknown}}},
		security: &wire.SecurityResult{Basis: wire.Basis{Generation: 3, Sources: []wire.Source{{Name: wire.SourceTracker, Kind: wire.KindTracker, State: wire.SourceStale}}}},
		repos:    map[string]string{"a": "core", "b": "extra"}, why: map[inventory.PartName]string{inventory.PartFindings: "no journal"},
	}
	require.True(t, a.isOneSnapshot())
	v := a.inventory()
	require.Equal(t, []inventory.HostPackage{
		{Name: "a", Version: "1-1", Reason: "explicit", InstalledAt: 5, Repo: "core"},
		{Name: "b", Version: "1-1", Reason: "explicit", InstalledAt: 5, Repo: "extra"},
		{Name: "own", Version: "1-1", Reason: "explicit", InstalledAt: 5, Foreign: true},
	}, v.Packages)
	require.Equal(t, []inventory.HostUpdate{{Name: "own", Installed: "1-1", Version: "2-1", Repo: "aur"}}, v.Updates)
	require.NotNil(t, v.Advisories, "none is not unknown")
	require.Nil(t, v.Findings)
	require.Equal(t, []inventory.Part{
		{Name: inventory.PartPackages, State: inventory.PartOK},
		{Name: inventory.PartUpdates, State: inventory.PartPartial, Why: "core: damaged"},
		{Name: inventory.PartAdvisories, State: inventory.PartStale, Why: "the data of the security tracker is old"},
		{Name: inventory.PartFindings, State: inventory.PartUnknown, Why: "no journal"},
	}, v.Parts)
	require.Equal(t, "updates: partial: core: damaged", v.Problem())

	a.foreign.Partial = true
	own := a.inventory().Packages[2]
	require.Equal(t, inventory.HostPackage{Name: "own", Version: "1-1", Reason: "explicit", InstalledAt: 5}, own, "a repository that could not be read may have it")

	a.installed.Generation = 4
	require.False(t, a.isOneSnapshot())
}
