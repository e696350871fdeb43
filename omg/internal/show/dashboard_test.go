package show

import (
	"bufio"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/wire"
)

const dashboardNow = 1_000_000_000

func number(n uint32) *uint32 { return &n }

func dashboardText(d *Dashboard, width int) string {
	return write(func(w *bufio.Writer) { Style{Width: width}.PrintDashboard(w, d, time.Unix(dashboardNow, 0)) })
}

func TestDashboard_Everything(t *testing.T) {
	repo := func(name string) wire.Source {
		return wire.Source{Name: name, Kind: wire.KindRepository, State: wire.SourceOK, AsOf: dashboardNow - 90_000, SyncedAt: dashboardNow - 7200}
	}
	failed := repo("multilib")
	failed.State, failed.Why = wire.SourceFailed, "the database is cut off"
	d := &Dashboard{MissingModules: "6.17.1-arch1-1", Status: &wire.StatusResult{
		Basis: wire.Basis{ConfirmedAt: dashboardNow, Sources: []wire.Source{
			repo("core"), repo("extra"), failed,
			{Name: "aur", Kind: wire.KindAUR, State: wire.SourceOK, AsOf: dashboardNow - 18_000},
			{Name: "tracker", Kind: wire.KindTracker, State: wire.SourceStale, Why: "the server does not respond", AsOf: dashboardNow - 600},
		}},
		Counts: wire.Counts{
			Orphans: number(3), Foreign: number(4), Updates: number(12), Ignored: number(1), AURUpdates: number(2), Replacements: number(0),
			AURFindings: &wire.FindingCounts{Look: 2, Note: 1},
			Security:    &wire.SecurityCounts{Vulnerabilities: 4, Critical: 1, High: 2, Low: 1, Fixable: 3, Affected: 1},
		},
		RepositoryUpdates: []wire.RepositoryCount{{Repo: "core", Count: 3}, {Repo: "extra", Count: 9}},
		PartialCounts:     []string{"updates"},
		Problems:          []wire.Problem{{Name: "libalpm", State: "missing", Why: "not installed"}, {Name: "db.lck", State: "busy"}},
	}}
	require.Equal(t, `Updates     12? (3 core, 9 extra), 2 from the AUR, 1 ignored
Security    4 (1 critical, 2 high, 1 low), an update fixes 3
AUR         2 to look at, 1 with notes
Orphans     3
Reboot      needed: the modules of the running kernel 6.17.1-arch1-1 are not
            installed any more
Data        core, extra synchronized by pacman 2 hours ago
            AUR 5 hours old
            advisories 10 minutes old
Problems    libalpm: missing: not installed
            multilib: failed: the database is cut off
            advisories: stale: the server does not respond

omg doctor    check for common problems and suggest fixes
omg security  list the security advisories for installed packages
omg outdated  list the updates
`, dashboardText(d, 0))
}

func TestDashboard_NothingToDo(t *testing.T) {
	d := &Dashboard{Status: &wire.StatusResult{
		Basis: wire.Basis{Sources: []wire.Source{
			{Name: "core", Kind: wire.KindRepository, State: wire.SourceOK, AsOf: dashboardNow - 90_000},
			{Name: "aur", Kind: wire.KindAUR, State: wire.SourceMissing, Why: wire.NotDownloadedYet},
		}},
		Counts: wire.Counts{Orphans: number(0), Foreign: number(0), Updates: number(0), Ignored: number(0)},
	}}
	require.Equal(t, `Updates     0
Security    unknown
Orphans     0
Data        core 1 day old
            AUR not downloaded

omg setup   set up the daemon, its sources and the shell prompt
omg browse  find packages while you type
omg status  show all counts and sources
`, dashboardText(d, 0))
}

func TestDashboard_Unknown(t *testing.T) {
	shown := dashboardText(&Dashboard{Status: &wire.StatusResult{Basis: wire.Basis{Stale: true, Why: "no local database"}, Counts: wire.Counts{Foreign: number(2)}}}, 0)
	require.Contains(t, shown, "Updates     unknown, unknown from the AUR\nSecurity    unknown\nOrphans     unknown\n")
	require.Contains(t, shown, "Problems    no local database\n")
	require.NotContains(t, shown, "\nAUR ")
}

// TestDashboard_Fits checks that a dashboard fits on a terminal of the smallest size, however much there is to say.
func TestDashboard_Fits(t *testing.T) {
	long := strings.Repeat("ein langes Wort 漢字 ", 40)
	st := &wire.StatusResult{Basis: wire.Basis{Stale: true, Why: long}, Counts: wire.Counts{
		AURFindings: &wire.FindingCounts{Act: 1}, Security: &wire.SecurityCounts{Vulnerabilities: 1, Low: 1}, Updates: number(1), Orphans: number(1),
	}}
	for range 30 {
		st.Problems = append(st.Problems, wire.Problem{Name: "x", State: "failed", Why: long + strings.Repeat("x", 200)})
		st.Sources = append(st.Sources, wire.Source{
			Name: strings.Repeat("r", 90), Kind: wire.KindRepository, State: wire.SourceOK, AsOf: int64(len(st.Sources)) * 10_000_000,
		})
		st.RepositoryUpdates = append(st.RepositoryUpdates, wire.RepositoryCount{Repo: "repository", Count: 9})
	}
	for _, width := range []int{0, 40, 80, 200} {
		shown := dashboardText(&Dashboard{Status: st, MissingModules: "6", UnreadNews: []NewsEntry{newsEntry(1, long)}}, width)
		lines := strings.Split(strings.TrimSuffix(shown, "\n"), "\n")
		require.LessOrEqual(t, len(lines), 23, "one line is for the prompt")
		for _, line := range lines[:len(lines)-dashboardCommands] {
			fits := 80
			if width == 40 {
				fits = 40
			}
			require.LessOrEqual(t, textWidth(line), fits, line)
		}
		require.Contains(t, shown, "…")
		require.Contains(t, shown, "and 29 more\n")
		require.Equal(t, 1, strings.Count(shown, "\nNews        1 unread: ein langes Wort"))
	}
}

// TestDashboard_News checks the row of the unread news, and that they are read before an upgrade.
func TestDashboard_News(t *testing.T) {
	st := &wire.StatusResult{Counts: wire.Counts{Updates: number(3)}, Basis: wire.Basis{Sources: []wire.Source{
		{Name: "news", Kind: wire.KindNews, State: wire.SourceOK, ChangedAt: dashboardNow - 7200},
	}}}
	require.Equal(t, `Updates     3
Security    unknown
News        2 unread: linux-firmware requires manual intervention
Orphans     unknown
Data        news downloaded 2 hours ago

omg news      list Arch's news that you have not read
omg outdated  list the updates
omg browse    find packages while you type
`, dashboardText(&Dashboard{Status: st, UnreadNews: []NewsEntry{newsEntry(1, "linux-firmware requires manual intervention"), newsEntry(2, "b")}}, 80))
	st.Sources[0].State, st.Sources[0].Why = wire.SourceMissing, wire.NotDownloadedYet
	require.Contains(t, dashboardText(&Dashboard{Status: st}, 80), "\nData        news not downloaded\n")
	require.NotContains(t, dashboardText(&Dashboard{Status: st}, 80), "\nNews")
}
