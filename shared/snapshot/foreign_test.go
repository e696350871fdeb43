package snapshot

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/wire"
)

// withForeign returns inputs with five installed packages: four foreign packages, and one that is in a repository.
func withForeign(t testing.TB) Inputs {
	t.Helper()
	list := LocalInput{Packages: &pacmandb.Local{}}
	for _, name := range []string{"gone", "later", "official", "other", "x-git"} {
		list.Packages.Packages = append(list.Packages.Packages, installed(name, "1-1", pacmandb.ReasonExplicit))
	}
	return Inputs{PacmanConfig: &pacmandb.Config{}, Repositories: []IndexedSource{repository(t, "core", "official", "1-1")}, Local: list}
}

// replies returns the AUR's replies to queries for three packages. One of these packages, called gone, is not in the AUR.
// The parameter at is the time of the replies, in Unix seconds.
func replies(at int64) *AURReplies {
	return &AURReplies{
		RepliedAt: time.Unix(at, 0), QueriedNames: []string{"gone", "later", "x-git"},
		Packages: map[string]*wire.Package{
			"later": {Name: "later", Version: "3-1", AUR: &wire.AUR{OutOfDate: 5}},
			"x-git": {Name: "x-git", Version: "1-1", AUR: &wire.AUR{Maintainer: "m"}},
		},
	}
}

// TestForeign checks that the AUR's replies take precedence over the dump unless the dump is newer. A package that was
// queried but is not in the AUR has the state gone.
func TestForeign(t *testing.T) {
	dump := func(t testing.TB) *IndexedSource {
		return aur(t, "gone", "2-1", "later", "2-1", "other", "1-1", "official", "9-1")
	}
	ofDump := []string{"update 2-1", "update 2-1", "current 1-1", "unknown "}
	for name, c := range map[string]struct {
		aur     *IndexedSource
		replies *AURReplies
		states  []string
		known   bool
	}{
		"a dump":                     {dump(t), nil, ofDump, true},
		"a dump that is later":       {dump(t), replies(checked - 1), ofDump, true},
		"replies at the same moment": {dump(t), replies(checked), []string{"gone ", "update 3-1", "current 1-1", "vcs 1-1"}, true},
		"replies that are later":     {dump(t), replies(checked + 1), []string{"gone ", "update 3-1", "current 1-1", "vcs 1-1"}, true},
		"replies without a dump":     {lostAUR(wire.SourceMissing, "not yet"), replies(1), []string{"gone ", "update 3-1", "unknown ", "vcs 1-1"}, true},
		"replies without an AUR":     {nil, replies(1), []string{"gone ", "update 3-1", "unknown ", "vcs 1-1"}, true},
		"nothing":                    {nil, nil, []string{"unknown ", "unknown ", "unknown ", "unknown "}, false},
		"a dump that failed":         {lostAUR(wire.SourceFailed, "damaged"), nil, []string{"unknown ", "unknown ", "unknown ", "unknown "}, false},
	} {
		t.Run(name, func(t *testing.T) {
			in := withForeign(t)
			in.AUR, in.AURReplies = c.aur, c.replies
			s := build(t, in)
			out, err := s.Outdated()
			require.NoError(t, err)
			var names, states []string
			for _, p := range out.Foreign {
				names, states = append(names, p.Name), append(states, p.State+" "+p.AURVersion)
			}
			require.Equal(t, []string{"gone", "later", "other", "x-git"}, names, "the package official is in a repository")
			require.Equal(t, c.states, states)
			status, err := s.Status()
			require.NoError(t, err)
			require.EqualValues(t, 4, *status.Counts.Foreign)
			if !c.known {
				require.Nil(t, status.Counts.AURUpdates, "unknown is not 0")
				require.Nil(t, status.Counts.AUR)
				return
			}
			require.NotNil(t, status.Counts.AURUpdates)
			require.NotNil(t, status.Counts.AUR)
		})
	}
}

// TestForeign_Counts checks that ignored updates are counted separately, and that all packages that are flagged out of date
// or orphaned are counted, whether they have an update or not.
func TestForeign_Counts(t *testing.T) {
	in := withForeign(t)
	in.AUR, in.AURReplies = aur(t, "gone", "2-1", "later", "2-1", "other", "0-1"), replies(checked+1)
	counts := func() (uint32, wire.AURCounts) {
		status, err := build(t, in).Status()
		require.NoError(t, err)
		return *status.Counts.AURUpdates, *status.Counts.AUR
	}
	updates, n := counts()
	require.EqualValues(t, 1, updates)
	require.Equal(t, wire.AURCounts{InstalledNewer: 1, VCS: 1, Gone: 1, OutOfDate: 1, Orphaned: 1}, n)
	in.PacmanConfig = &pacmandb.Config{IgnorePkg: []string{"lat*"}}
	updates, n = counts()
	require.Zero(t, updates)
	require.Equal(t, wire.AURCounts{Ignored: 1, InstalledNewer: 1, VCS: 1, Gone: 1, OutOfDate: 1, Orphaned: 1}, n)
	out, err := build(t, in).Outdated()
	require.NoError(t, err)
	require.Equal(t, wire.ForeignPackage{
		Name: "later", Installed: "1-1", AURVersion: "3-1", State: wire.ForeignUpdate, Ignored: true, OutOfDate: 5, Orphan: true,
	}, out.Foreign[1])
}

// TestForeignState checks how the AUR's version decides the state of a package, except for packages that are built from
// their latest sources.
func TestForeignState(t *testing.T) {
	for _, c := range []struct{ name, installed, version, want string }{
		{"a", "1-1", "1-2", wire.ForeignUpdate},
		{"a", "1-1", "1-1", wire.ForeignCurrent},
		{"a", "1:1-1", "2-1", wire.ForeignInstalledNewer},
		{"a-git", "1-1", "2-1", wire.ForeignVCS},
		{"a-svn", "1-1", "1-1", wire.ForeignVCS},
		{"a-nightly", "2-1", "1-1", wire.ForeignVCS},
		{"git-a", "1-1", "2-1", wire.ForeignUpdate},
	} {
		require.Equal(t, c.want, foreignState(c.name, c.installed, c.version), "%+v", c)
	}
}
