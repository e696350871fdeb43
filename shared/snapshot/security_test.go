package snapshot

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/advisories"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/wire"
)

// about returns an advisory that concerns the given packages.
func about(name, severity, affected, fixed string, status advisories.RecordStatus, packages ...string) advisories.Record {
	s, _ := advisories.ParseSeverity(severity)
	return advisories.Record{
		Name: name, Packages: packages, Status: status, Severity: s, AffectedVersion: affected, FixedIn: fixed, Issues: []string{"CVE-" + name[4:]},
	}
}

// tracked returns the data of a tracker that has just sent the given advisories.
func tracked(records ...advisories.Record) *TrackerData {
	return &TrackerData{Records: records, RepliedAt: time.Now().Unix(), StaleAfter: time.Hour}
}

// TestSecurity checks that the advisories of the tracker are in every result that should contain them.
func TestSecurity(t *testing.T) {
	in := generated(t, fixture.Options{Packages: 300, Installed: 60, Seed: 3})
	out, err := build(t, in).Outdated()
	require.NoError(t, err)
	require.NotEmpty(t, out.Updates)
	require.NotEmpty(t, out.Foreign)
	fixable, foreign := out.Updates[0].Name, out.Foreign[0].Name
	version := func(name string) string { return in.Local.Packages.Find(name).Version }
	affected := ""
	for _, p := range in.Local.Packages.Packages {
		official := !slices.ContainsFunc(out.Foreign, func(f wire.ForeignPackage) bool { return f.Name == p.Name })
		if official && p.Name != fixable {
			affected = p.Name
		}
	}
	require.NotEmpty(t, affected)
	in.Tracker = tracked(
		about("AVG-1", "High", version(fixable), out.Updates[0].Version, advisories.StatusFixed, fixable),
		about("AVG-2", "Critical", "0-1", "", advisories.StatusVulnerable, fixable),
		about("AVG-3", "Medium", version(affected), "", advisories.StatusVulnerable, affected, "is-not-installed"),
		about("AVG-4", "Unknown", version(affected), "99999:1-1", advisories.StatusTesting, affected),
		about("AVG-5", "Low", version(foreign), "", advisories.StatusVulnerable, foreign),
		about("AVG-6", "Critical", "99999:1-1", "", advisories.StatusNotAffected, foreign),
	)
	in.Tracker.SkippedCount = 2
	s := build(t, in)

	f, err := s.Security(&wire.SecurityRequest{})
	require.NoError(t, err)
	require.EqualValues(t, 7, f.Generation)
	require.EqualValues(t, checked, f.ConfirmedAt)
	require.False(t, f.Stale || f.Partial)
	require.Equal(t, 2, f.SkippedCount)
	require.Len(t, f.Sources, 4)
	require.Equal(t, wire.Source{Name: wire.SourceTracker, Kind: wire.KindTracker, State: wire.SourceOK, ChangedAt: in.Tracker.RepliedAt}, f.Sources[0])
	lines := []string{}
	for _, p := range f.Packages {
		v := ConvertVulnerable(p, p.Findings)
		require.Equal(t, v.Advisories[0].Severity, v.Severity, "the worst advisory is the first")
		for _, a := range v.Advisories {
			lines = append(lines, fmt.Sprintf("%s %t %s %s %s %t", v.Name, v.Foreign, a.Name, a.Severity, a.Verdict, a.Counted))
		}
	}
	require.Equal(t, []string{
		fixable + " false AVG-1 High fixable true", fixable + " false AVG-2 Critical unconfirmed false",
		affected + " false AVG-3 Medium affected true", affected + " false AVG-4 Unknown fixed-in-testing true",
		foreign + " true AVG-5 Low affected true",
	}, lines)
	require.Equal(t, out.Updates[0].Version, f.Packages[0].UpdateVersion)
	require.Empty(t, f.Packages[1].UpdateVersion)

	f, err = s.Security(&wire.SecurityRequest{Packages: []string{foreign, "none", "none", "is-not-installed"}})
	require.NoError(t, err)
	require.Equal(t, []string{"none", "is-not-installed"}, f.NotInstalled)
	require.Len(t, f.Packages, 1)
	require.Equal(t, foreign, f.Packages[0].Name)

	status, err := s.Status()
	require.NoError(t, err)
	require.Equal(t, &wire.SecurityCounts{
		Vulnerabilities: 4, High: 1, Medium: 1, Low: 1, Unknown: 1, Fixable: 1, InTesting: 1, Affected: 2, Unconfirmed: 1,
	}, status.Counts.Security)
	require.Equal(t, wire.SourceTracker, status.Sources[len(status.Sources)-1].Name)

	out, err = s.Outdated()
	require.NoError(t, err)
	for _, u := range out.Updates {
		require.Equal(t, u.Name == fixable, slices.Equal(u.Fixes, []string{"AVG-1"}), u.Name)
		require.Equal(t, u.Name == fixable, u.Severity == "High", u.Name)
	}

	words := []string{"AVG-3 (Medium, affected)", "AVG-4 (Unknown, fixed-in-testing)"}
	info, err := s.Info(&wire.InfoRequest{Names: []string{affected}})
	require.NoError(t, err)
	require.Equal(t, words, found(t, s, info, true)[0].Advisories)
	require.Equal(t, words, s.DescribeInstalled(in.Local.Packages.Find(affected), true).Advisories)
	all, err := s.Search(query(""))
	require.NoError(t, err)
	for _, p := range found(t, s, all, false) {
		require.Empty(t, p.Advisories, "a list has no details")
	}
}

// TestSecurity_AUR checks that an advisory about a package of a repository is not shown for the AUR's package of the same
// name.
func TestSecurity_AUR(t *testing.T) {
	s := build(t, Inputs{
		Repositories: []IndexedSource{repository(t, "core", "bash", "1-1")}, AUR: aur(t, "bash", "1-1"),
		Local:   local(installed("bash", "1-1", pacmandb.ReasonExplicit)),
		Tracker: tracked(about("AVG-1", "High", "1-1", "", advisories.StatusVulnerable, "bash")),
	})
	f, err := s.Info(&wire.InfoRequest{Names: []string{"bash"}})
	require.NoError(t, err)
	for _, p := range found(t, s, f, true) {
		require.Equal(t, p.Repo == "core", len(p.Advisories) > 0, p.Repo)
	}
}

// TestSecurity_NoRepositories checks that no package is marked as foreign, and no update is said to resolve an advisory, if
// no repository could be read.
func TestSecurity_NoRepositories(t *testing.T) {
	s := build(t, Inputs{
		Local:        local(installed("bash", "1-1", pacmandb.ReasonExplicit)),
		Repositories: []IndexedSource{lost(repository(t, "core"), wire.SourceFailed, "damaged")},
		Tracker:      tracked(about("AVG-1", "High", "1-1", "2-1", advisories.StatusFixed, "bash")),
	})
	f, err := s.Security(&wire.SecurityRequest{})
	require.NoError(t, err)
	require.True(t, f.Partial)
	require.Len(t, f.Packages, 1)
	require.False(t, f.Packages[0].Foreign)
	require.Equal(t, advisories.VerdictAffected, f.Packages[0].Findings[0].Verdict)
}

// TestSecurity_Unknown checks that without data of the tracker or of installed packages, a request for advisories fails and
// the status has no counts of advisories.
func TestSecurity_Unknown(t *testing.T) {
	in := generated(t, fixture.Options{Packages: 100, Installed: 20, Seed: 3})
	ask := func() (*VulnerablePackageMatches, error) { return build(t, in).Security(&wire.SecurityRequest{}) }
	counted := func() *wire.SecurityCounts {
		status, err := build(t, in).Status()
		require.NoError(t, err)
		return status.Counts.Security
	}
	_, err := ask()
	requireCode(t, err, wire.CodeNetwork, "it is disabled (tracker.enabled)")
	require.Nil(t, counted())
	in.Tracker = &TrackerData{LastError: "refused"}
	_, err = ask()
	requireCode(t, err, wire.CodeNetwork, "refused")
	require.Nil(t, counted())

	in.Tracker = &TrackerData{RepliedAt: 1}
	f, err := ask()
	require.NoError(t, err)
	require.Empty(t, f.Packages)
	require.Equal(t, &wire.SecurityCounts{}, counted(), "if the tracker has no advisories, the counts are 0 and not nil")
	in.Local.FailureReason = "cannot be read"
	f, err = ask()
	require.NoError(t, err)
	require.True(t, f.Stale)
	_, err = build(t, in).Security(&wire.SecurityRequest{Packages: slices.Repeat([]string{"x"}, maxLookupNames+1)})
	requireCode(t, err, wire.CodeInvalid, "10001 names")

	in.Local.Packages = nil
	_, err = ask()
	requireCode(t, err, wire.CodeNotReady, "cannot be read")
	require.Nil(t, counted())
}

func TestTracker_Source(t *testing.T) {
	now := time.Unix(checked, 0)
	for name, c := range map[string]struct {
		tracker TrackerData
		want    wire.Source
	}{
		"not downloaded yet": {TrackerData{}, wire.Source{State: wire.SourceMissing, Why: "not downloaded yet"}},
		"refused":            {TrackerData{LastError: "refused"}, wire.Source{State: wire.SourceMissing, Why: "refused"}},
		"young":              {TrackerData{RepliedAt: checked - 3600}, wire.Source{State: wire.SourceOK, ChangedAt: checked - 3600}},
		"old":                {TrackerData{RepliedAt: checked - 3601}, wire.Source{State: wire.SourceStale, ChangedAt: checked - 3601, Why: "not downloaded for 1 hours"}},
		"old and slow":       {TrackerData{RepliedAt: checked - 3601, LastError: "slow"}, wire.Source{State: wire.SourceStale, ChangedAt: checked - 3601, Why: "slow"}},
		"young but slow": {
			TrackerData{RepliedAt: checked, AsOf: 5, LastError: "slow"}, wire.Source{State: wire.SourceOK, AsOf: 5, ChangedAt: checked, Why: "slow"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.tracker.StaleAfter = time.Hour
			c.want.Name, c.want.Kind = wire.SourceTracker, wire.KindTracker
			require.Equal(t, c.want, c.tracker.source(now))
		})
	}
	require.Equal(t, wire.SourceOK, (&TrackerData{RepliedAt: 1}).source(now).State, "without a limit")
}

// TestTracker_BecomesStale checks that the tracker becomes stale with time although the snapshot stays the same.
func TestTracker_BecomesStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := build(t, Inputs{
			Local: local(installed("a", "1-1", pacmandb.ReasonExplicit)), Repositories: []IndexedSource{repository(t, "core", "a", "1-1")}, Tracker: tracked(),
		})
		state := func() wire.SourceState {
			status, err := s.Status()
			require.NoError(t, err)
			return status.Sources[len(status.Sources)-1].State
		}
		require.Equal(t, wire.SourceOK, state())
		time.Sleep(time.Hour)
		require.Equal(t, wire.SourceOK, state())
		time.Sleep(time.Second)
		require.Equal(t, wire.SourceStale, state())
	})
}

// TestWords checks that the details of a package list only the first of thousands of advisories, and how many more exist.
func TestWords(t *testing.T) {
	finding := func(i int) advisories.Finding {
		r := about(fmt.Sprintf("AVG-%04d", i), "Low", "1-1", "", advisories.StatusVulnerable)
		return advisories.Finding{Record: &r, Verdict: advisories.VerdictAffected}
	}
	var findings []advisories.Finding
	for i := range 3000 {
		findings = append(findings, finding(i))
	}
	lines := advisoryLines(findings)
	require.Len(t, lines, 51)
	require.Equal(t, "AVG-0049 (Low, affected)", lines[49])
	require.Equal(t, "and 2950 more", lines[50])
	require.Len(t, advisoryLines(findings[:50]), 50)
	require.Empty(t, advisoryLines(nil))
}
