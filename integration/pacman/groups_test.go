package pacman

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/need"
)

// TestGroupsAndList compares omg groups and omg list with pacman -Sg, -Qg and -Sl, also with a repository that is not for searches.
func TestGroupsAndList(t *testing.T) {
	need.Program(t, "pacman")
	s := harness.New(t, harness.WithGenerated(fixture.Options{Packages: 900, Installed: 300, Seed: 31}))
	conf := string(harness.ReadFile(t, s.PacmanConf))
	require.Contains(t, conf, "[extra]\n")
	for name, w := range map[string]*comparison{
		"all":      newComparison(t, s),
		"no extra": newComparison(t, s.SecondSystem(t, strings.Replace(conf, "[extra]\n", "[extra]\nUsage = Sync\n", 1))),
	} {
		t.Run(name, func(t *testing.T) {
			w := w.forSubtest(t)
			offered, installed := w.pacman("-Sg").Lines(), w.pacman("-Qgq").Lines()
			require.Greater(t, len(offered), 10)
			require.GreaterOrEqual(t, len(w.pacman("-Sl").Lines()), 900)
			w.same(
				newQuestion("-Sl", "list"), newQuestion("-Slq", "list -q"), newQuestion("-Sl extra", "list extra"),
				newQuestion("-Sl multilib core", "list multilib core"), newQuestion("-Sg", "groups"), newQuestion("-Sg", "groups -q"),
				newQuestion("-Qg", "groups --installed"), newQuestion("-Sg no-such-group", "groups no-such-group"),
				newQuestion("-Sg "+offered[0]+" "+offered[1], "groups "+offered[0]+" "+offered[1]),
			)
			for i, g := range offered {
				w.same(newQuestion("-Sgq "+g, "groups -q "+g))
				if i < 5 {
					w.same(newQuestion("-Sg "+g, "groups "+g), newQuestion("-Qg "+g, "groups -i "+g), newQuestion("-Qgq "+g, "groups -iq "+g))
				}
			}
			require.NotEmpty(t, installed)
			for _, way := range w.ways {
				require.Equal(t, exit.Usage, way.Omg("list", "no-such-repository").Code)
			}
		})
	}
}

// TestSearch_ExactGroup compares omg search group:=NAME with the members that pacman -Sg lists.
func TestSearch_ExactGroup(t *testing.T) {
	need.Program(t, "pacman")
	w := newComparison(t, harness.New(t, harness.WithGenerated(fixture.Options{Packages: 900, Installed: 300, Seed: 32})))
	for _, g := range w.pacman("-Sg").Lines() {
		want := w.pacman("-Sgq", g).Lines()
		slices.Sort(want)
		for _, way := range w.ways {
			got := way.RunOK("search", "-q", "--no-aur", "--", "group:="+strings.ToUpper(g))
			slices.Sort(got)
			require.Equal(t, slices.Compact(want), slices.Compact(got), "%s: %s", way.Name, g)
		}
	}
}
