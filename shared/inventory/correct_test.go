package inventory

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/wire"
)

func installed(name, version string, reason pacmandb.Reason, depends ...string) *pacmandb.Installed {
	return &pacmandb.Installed{Package: wire.Package{Name: name, Version: version, Depends: depends, Desc: "about " + name}, Reason: reason}
}

func names(list []*pacmandb.Installed) (out []string) {
	for _, p := range list {
		out = append(out, p.Name)
	}
	return out
}

// TestCorrect: what another reader says counts in every list, and the picture that
// was is not changed.
func TestCorrect(t *testing.T) {
	local := &pacmandb.Local{Packages: []*pacmandb.Installed{
		installed("a", "1-1", pacmandb.ReasonExplicit, "b"),
		installed("b", "1-1", pacmandb.ReasonDepend),
		installed("c", "1-1", pacmandb.ReasonDepend),
	}}
	inv := Alone("/db", local, "")
	inv.Foreign = local.Packages[:1]
	inv.Outdated = pacmandb.Outdated{
		Updates:      []pacmandb.Update{{Name: "b", Installed: "1-1", Version: "2-1", Repo: "core"}},
		Replacements: []pacmandb.Replacement{{Name: "c", By: "d"}},
	}
	require.Equal(t, []string{"c"}, names(inv.Orphans(false)))
	verdicts := []Verdict{
		{Name: "a", Version: "1-1", Reason: pacmandb.ReasonDepend, Need: NeedOptional, Repo: "core", Offered: "3-1", Order: 1, Ignored: true},
		{Name: "b", Version: "2-1", Reason: pacmandb.ReasonDepend, Need: NeedNone},
		{Name: "e", Version: "5-1", Reason: pacmandb.ReasonExplicit, Need: NeedNone, Repo: "extra", Offered: "4-1", Order: -1},
	}
	next := inv.Correct(verdicts, true)
	require.Equal(t, []string{"a", "b", "e"}, next.Names())
	require.Equal(t, []string{"e"}, names(next.Local.Explicit()))
	require.Equal(t, []string{"b"}, names(next.Orphans(false)))
	require.Equal(t, []string{"a", "b"}, names(next.Orphans(true)))
	require.Equal(t, []string{"b"}, names(next.Foreign))
	require.Equal(t, pacmandb.Outdated{
		Updates:      []pacmandb.Update{{Name: "a", Installed: "1-1", Version: "3-1", Repo: "core", Ignored: true}},
		Newer:        []pacmandb.Update{{Name: "e", Installed: "5-1", Version: "4-1", Repo: "extra"}},
		Replacements: inv.Outdated.Replacements,
	}, next.Outdated)
	require.Equal(t, map[string]string{"a": "1-1", "b": "2-1", "e": "5-1"}, next.Versions)
	require.Equal(t, "about a", next.Local.Find("a").Desc, "the rest is ours")
	require.Empty(t, next.Local.Find("b").Desc, "of another version we know nothing")

	// Of the repositories it said nothing.
	next = inv.Correct(verdicts, false)
	require.Equal(t, inv.Foreign, next.Foreign)
	require.Equal(t, inv.Outdated, next.Outdated)

	require.Equal(t, []string{"a", "b", "c"}, inv.Names())
	require.Equal(t, pacmandb.ReasonExplicit, inv.Local.Find("a").Reason)
	require.Equal(t, []string{"c"}, names(inv.Orphans(false)))
}
