package snapshot

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/wire"
)

// withFindings returns inputs with four foreign packages, all of which were checked: there are findings about two of them.
func withFindings(t testing.TB) Inputs {
	t.Helper()
	in := withForeign(t)
	in.AUR = aur(t, "later", "2-1", "other", "1-1", "x-git", "1-1", "official", "9-1")
	in.AURFindings = &AURFindings{Marks: map[string]*wire.AURMark{
		"gone":  nil,
		"later": {Level: wire.FindingLevelLook, Reasons: []string{"recreated", "orphaned"}},
		"other": nil,
		"x-git": {Level: wire.FindingLevelNote, Reasons: []string{"orphaned"}},
		// A package that was removed, or is in a repository since it was checked.
		"removed":  {Level: wire.FindingLevelAct, Reasons: []string{"listed"}},
		"official": {Level: wire.FindingLevelAct, Reasons: []string{"listed"}},
	}}
	return in
}

// TestFindings_Counts checks that only foreign packages are counted, that unknown findings are not counted as zero, and that the
// counts are partial if findings may be missing.
func TestFindings_Counts(t *testing.T) {
	found := &wire.FindingCounts{Look: 1, Note: 1}
	for name, c := range map[string]struct {
		change  func(in *Inputs)
		want    *wire.FindingCounts
		partial bool
	}{
		"complete":                       {func(*Inputs) {}, found, false},
		"incomplete":                     {func(in *Inputs) { in.AURFindings.Incomplete = true }, found, true},
		"old dump":                       {func(in *Inputs) { in.AUR.State = wire.SourceStale }, found, true},
		"no AUR":                         {func(in *Inputs) { in.AUR = nil }, found, true},
		"a package that was not checked": {func(in *Inputs) { delete(in.AURFindings.Marks, "other") }, found, true},
		"unknown":                        {func(in *Inputs) { in.AURFindings = nil }, nil, false},
		"no foreign packages": {func(in *Inputs) {
			in.AURFindings, in.AUR = nil, nil
			in.Local = local(installed("official", "1-1", pacmandb.ReasonExplicit))
		}, &wire.FindingCounts{}, false},
		"unreadable repository": {func(in *Inputs) {
			in.Repositories = append(in.Repositories, IndexedSource{Source: wire.Source{Name: "extra", Kind: wire.KindRepository, State: wire.SourceFailed, Why: "damaged"}})
		}, found, true},
		"no foreign packages, and an unreadable repository": {func(in *Inputs) {
			in.AURFindings, in.Local = nil, local(installed("official", "1-1", pacmandb.ReasonExplicit))
			in.Repositories = append(in.Repositories, IndexedSource{Source: wire.Source{Name: "extra", Kind: wire.KindRepository, State: wire.SourceFailed, Why: "damaged"}})
		}, &wire.FindingCounts{}, false},
		"unknown packages": {func(in *Inputs) { in.Local = LocalInput{FailureReason: "damaged"} }, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			in := withFindings(t)
			c.change(&in)
			status, err := build(t, in).Status()
			require.NoError(t, err)
			require.Equal(t, c.want, status.Counts.AURFindings)
			if c.partial {
				require.Contains(t, status.PartialCounts, "aur_findings")
			} else {
				require.NotContains(t, status.PartialCounts, "aur_findings")
			}
		})
	}
}

// TestFindings_Marks checks which packages have a mark: installed foreign ones, and the AUR's packages with their names.
func TestFindings_Marks(t *testing.T) {
	in := withFindings(t)
	s := build(t, in)
	want := in.AURFindings.Marks["later"]
	require.Equal(t, want, s.DescribeInstalled(in.Local.Packages.Find("later"), true).AURFindings)
	require.Nil(t, s.DescribeInstalled(in.Local.Packages.Find("later"), false).AURFindings, "a list has no details")
	require.Nil(t, s.DescribeInstalled(in.Local.Packages.Find("other"), true).AURFindings)
	outdated, err := s.Outdated()
	require.NoError(t, err)
	for _, p := range outdated.Foreign {
		require.Equal(t, in.AURFindings.Marks[p.Name], p.AURFindings, p.Name)
	}
	for target, mark := range map[string]*wire.AURMark{"later": want, "other": nil, "core/official": nil, "aur/official": nil} {
		info, err := s.Info(&wire.InfoRequest{Names: []string{target}})
		require.NoError(t, err)
		packages := found(t, s, info, true)
		require.Len(t, packages, 1, target)
		require.Equal(t, mark, packages[0].AURFindings, target)
	}
	search, err := s.Search(query("later"))
	require.NoError(t, err)
	require.Nil(t, found(t, s, search, false)[0].AURFindings, "a list has no details")
}

// TestFindingCounts_Levels checks that a level that a later version may add is not lost.
func TestFindingCounts_Levels(t *testing.T) {
	var n wire.FindingCounts
	for _, level := range []string{wire.FindingLevelAct, wire.FindingLevelLook, wire.FindingLevelNote, "later"} {
		n.Add(level)
	}
	require.Equal(t, wire.FindingCounts{Act: 1, Look: 2, Note: 1}, n)
}
