package pacmandb

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// chains returns a system with few packages, whose relations are easy to see.
func chains(t *testing.T) (*oracle, *Local) {
	db := newTestDB(t)
	dep := []string{"REASON", "1"}
	db.install("app", "1-1", "DEPENDS", "middle\nvirtual>=2")
	db.install("tool", "1-1", "DEPENDS", "app\nlow")
	db.install("middle", "1-1", append(dep, "DEPENDS", "low>=1\nabsent")...)
	db.install("provider", "1-1", append(dep, "PROVIDES", "virtual=2\nbare", "DEPENDS", "low", "OPTDEPENDS", "extra: for more")...)
	db.install("provider-old", "1-1", append(dep, "PROVIDES", "virtual=1")...)
	db.install("provider-any", "1-1", append(dep, "PROVIDES", "virtual")...)
	db.install("bare-user", "1-1", append(dep, "DEPENDS", "bare>=1\nbare")...)
	db.install("low", "1-1", dep...)
	db.install("extra", "1-1", dep...)
	db.install("itself", "1-1", append(dep, "DEPENDS", "itself")...)
	db.install("ring-a", "1-1", append(dep, "DEPENDS", "ring-b")...)
	db.install("ring-b", "1-1", append(dep, "DEPENDS", "ring-a>1")...)
	db.install("ring-c", "1-1", append(dep, "DEPENDS", "ring-d")...)
	db.install("ring-d", "1-1", append(dep, "DEPENDS", "ring-c=1-1")...)
	db.install("odd-reason", "1-1", "REASON", "2")
	return newOracle(t, db.dir), mustRead(t, db.dir)
}

func TestRelations_Pacman(t *testing.T) {
	o, l := chains(t)
	r := ComputeRelations(l.Packages)
	require.Equal(t, o.lines("-Qdtq"), names(r.Orphans(false)))
	require.Equal(t, o.lines("-Qdttq"), names(r.Orphans(true)))
	require.NotEqual(t, r.Orphans(true), r.Orphans(false))
	require.Equal(t, o.lines("-Qeq"), names(l.ExplicitPackages()))
	require.Equal(t, o.lines("-Qdq"), names(l.DependPackages()))
	for _, target := range []string{"virtual", "virtual=1", "virtual>=2", "virtual>3", "bare", "bare=1", "low<2", "low>1", "app"} {
		got := ""
		if p := r.Satisfier(target); p != nil {
			got = p.Name + "\n"
		}
		require.Equal(t, o.run("-Qq", target), got, target)
	}
	require.Nil(t, r.RequiredBy("nope"))
	require.False(t, r.IsUnneeded("nope", true))
	require.Empty(t, ComputeRelations(nil).Orphans(false))

	requireFieldsEqual(t, o, l)
	require.Equal(t, []string{"app", "bare-user"}, r.RequiredBy("provider"))
	require.Equal(t, []string{"provider"}, r.OptionalFor("extra"))
	require.Equal(t, []string{"itself"}, r.RequiredBy("itself"))
}

func TestWhy(t *testing.T) {
	_, l := chains(t)
	r := ComputeRelations(l.Packages)
	require.Equal(t, []Chain{
		{{"tool", "low"}, {"low", ""}},
		{{"app", "middle"}, {"middle", "low>=1"}, {"low", ""}},
	}, r.Why("low"))
	require.Equal(t, []Chain{{{"app", "virtual>=2"}, {"provider", ""}}}, r.Why("provider"))
	require.Equal(t, []Chain{{{"app", ""}}, {{"tool", "app"}, {"app", ""}}}, r.Why("app"))
	require.Empty(t, r.Why("provider-old"))
	require.Empty(t, r.Why("ring-c"))
	require.Empty(t, r.Why("extra"))

	require.Equal(t, []Chain{
		{{"app", "middle"}, {"middle", ""}},
		{{"app", "virtual>=2"}, {"provider", ""}},
		{{"app", "middle"}, {"middle", "low>=1"}, {"low", ""}},
	}, r.DependencyChains("app"))
	require.Equal(t, []Chain{{{"ring-c", "ring-d"}, {"ring-d", ""}}}, r.DependencyChains("ring-c"))
	require.Empty(t, r.DependencyChains("low"))
	require.Empty(t, r.DependencyChains("itself"))
}
