package pacman

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/need"
)

// TestSize compares the packages that omg size counts as needed only by a package with those that pacman -Rs would remove.
func TestSize(t *testing.T) {
	need.Program(t, "pacman")
	s := harness.New(t, harness.WithGenerated(fixture.Options{Packages: 900, Installed: 600, Seed: 41}))
	// Dependencies that only packages of this test need: a chain, a package that two of them need, and a cycle.
	for _, p := range [][]string{
		{"top", "DEPENDS", "mid\nshared-lib"},
		{"mid", "REASON", "1", "DEPENDS", "low>=1\nshared-lib", "SIZE", "70"},
		{"low", "REASON", "1", "PROVIDES", "low-so=1", "SIZE", "500"},
		{"shared-lib", "REASON", "1"},
		{"other", "DEPENDS", "own-dep\nwanted"},
		{"own-dep", "REASON", "1", "DEPENDS", "in-cycle"},
		{"wanted"},
		{"in-cycle", "REASON", "1", "DEPENDS", "back"},
		{"back", "REASON", "1", "DEPENDS", "in-cycle"},
		{"unversioned", "DEPENDS", "low-so>=2"},
	} {
		s.Install(p[0], "1-1", p[1:]...)
	}
	w := newComparison(t, s)
	isRemovable := 0
	var all struct {
		TotalSize uint64 `json:"total_size"`
		Packages  []struct {
			Name        string   `json:"name"`
			OnlyNeeded  []string `json:"only_needed"`
			Size        uint64   `json:"size"`
			RemovedSize uint64   `json:"removed_size"`
			RequiredBy  int      `json:"required_by"`
		} `json:"packages"`
	}
	answer := w.ways[0].Omg("size", "--json").Stdout
	for _, way := range w.ways {
		r := way.Omg("size", "--json")
		require.Zero(t, r.Code, r.Stderr)
		require.Equal(t, answer, r.Stdout, way.Name)
	}
	require.NoError(t, json.Unmarshal([]byte(answer), &all))
	installed := w.installed()
	sizes := map[string]uint64{}
	var total uint64
	for _, p := range installed {
		sizes[p.Name] = p.ISize
		total += p.ISize
	}
	require.Equal(t, total, all.TotalSize)
	require.Len(t, all.Packages, len(installed))
	withMore := 0
	for _, p := range all.Packages {
		if p.RequiredBy > 0 {
			continue
		}
		if isRemovable++; isRemovable > 120 && !slices.Contains([]string{"top", "other", "unversioned"}, p.Name) {
			continue // pacman reads all packages for each answer
		}
		removed := w.pacman("-Rs", "--print", "--print-format", "%n", p.Name).Lines()
		slices.Sort(removed)
		got := append([]string{p.Name}, p.OnlyNeeded...)
		slices.Sort(got)
		require.Equal(t, removed, got)
		var size uint64
		for _, name := range removed {
			size += sizes[name]
		}
		require.Equal(t, size, p.RemovedSize)
		if len(removed) > 1 {
			withMore++
		}
	}
	require.Greater(t, isRemovable, 50)
	require.Greater(t, withMore, 10)
}
