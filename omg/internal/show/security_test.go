package show

import (
	"bufio"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/wire"
)

func TestVulnerable(t *testing.T) {
	p := &wire.VulnerablePackage{
		Name: "tool", Installed: "1-1", Update: "2-1",
		Advisories: []wire.Advisory{
			{Name: "AVG-2", Severity: "High", Verdict: "fixable", Issues: []string{"CVE-2026-1", "CVE-2026-2"}, Ticket: "74225"},
			{Name: "AVG-1", Severity: "Low", Verdict: "affected"},
		},
	}
	line := func(s Style) string { return write(func(w *bufio.Writer) { s.PrintVulnerable(w, p) }) }
	require.Equal(t, "tool 1-1 -> 2-1 (AVG-2 High, fixable; AVG-1 Low, affected)\n", line(Style{}))
	require.Equal(t, "\x1b[0;1mtool \x1b[1;32m1-1\x1b[0m -> \x1b[1;32m2-1\x1b[0m (AVG-2 High, fixable; AVG-1 Low, affected)\n", line(Style{Color: true}))
	p.Update, p.Foreign, p.Advisories = "", true, p.Advisories[:1]
	require.Equal(t, "tool 1-1 (AVG-2 High, fixable) [in no repository]\n", line(Style{}))
	require.Equal(t, `    CVE-2026-1 https://security.archlinux.org/CVE-2026-1
    CVE-2026-2 https://security.archlinux.org/CVE-2026-2
    ticket 74225 https://bugs.archlinux.org/task/74225
`, write(func(w *bufio.Writer) { Style{}.PrintIssues(w, p) }))
}

func TestAdvisories_AllFields(t *testing.T) {
	p := &wire.VulnerablePackage{Name: "tool", Advisories: []wire.Advisory{
		{
			Name: "AVG-2", Severity: "High", Verdict: "fixable", Status: "Fixed", Type: "arbitrary code execution", AffectedVersion: "1-1",
			FixedVersion: "2-1", Issues: []string{"CVE-2026-1", "CVE-2026-2\x1b"}, Ticket: "74225", AnnouncementIDs: []string{"ASA-202601-1"},
		},
		{Name: "AVG-1", Severity: "Low", Verdict: "affected", Status: "Vulnerable"},
	}}
	require.Equal(t, `Advisory        : AVG-2
Severity        : High
Verdict         : fixable
Status          : Fixed
Type            : arbitrary code execution
Affected        : 1-1
Fixed In        : 2-1
Issues          : CVE-2026-1  CVE-2026-2`+"\uFFFD"+`
Announced As    : ASA-202601-1
Ticket          : https://bugs.archlinux.org/task/74225
URL             : https://security.archlinux.org/AVG-2

Advisory        : AVG-1
Severity        : Low
Verdict         : affected
Status          : Vulnerable
Type            : None
Affected        : None
Fixed In        : None
Issues          : None
Announced As    : None
URL             : https://security.archlinux.org/AVG-1

`, write(func(w *bufio.Writer) { Style{}.PrintAdvisories(w, p) }))
}

// TestAdvisories_AfterPacmansLines checks that fields that pacman does not print follow all fields of pacman, and are
// printed only if they have a value.
func TestAdvisories_AfterPacmansLines(t *testing.T) {
	list := []string{"AVG-2 (High, fixable)", "AVG-1 (Low, affected)"}
	const lines = "Advisories      : AVG-2 (High, fixable)\n                  AVG-1 (Low, affected)\n\n"
	pkg := repoPackage()
	without := printed(Style{}.PrintInfo, pkg)
	pkg.Advisories = list
	require.Equal(t, strings.TrimSuffix(without, "\n")+lines, printed(Style{}.PrintInfo, pkg))
	installed := &wire.InstalledPackage{Package: *repoPackage()}
	show := func() string { return write(func(w *bufio.Writer) { Style{}.PrintInstalled(w, installed) }) }
	without = show()
	installed.Advisories = list
	require.Equal(t, strings.TrimSuffix(without, "\n")+lines, show())
}

func TestStatus_Security(t *testing.T) {
	st := &wire.StatusResult{}
	shown := func() string { return write(func(w *bufio.Writer) { Style{}.PrintStatus(w, st, 0, time.Unix(0, 0)) }) }
	require.Contains(t, shown(), "Security        : unknown\n")
	st.Counts.Security = &wire.SecurityCounts{Unconfirmed: 3}
	require.Contains(t, shown(), "Security        : 0\n                  3 unconfirmed\n")
	st.Counts.Security = &wire.SecurityCounts{
		Vulnerabilities: 15, Critical: 1, High: 2, Medium: 3, Low: 4, Unknown: 5, Fixable: 7, InTesting: 6, Affected: 2, Unconfirmed: 9,
	}
	require.Contains(t, shown(), `Security        : 15 (1 critical, 2 high, 3 medium, 4 low, 5 of unknown severity)
                  7 fixable, 6 fixed in testing, 2 without a fix, 9 unconfirmed
`)
}
