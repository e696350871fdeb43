package show

import (
	"bufio"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/wire"
)

func signed(n int64) *int64     { return &n }
func unsigned(n uint64) *uint64 { return &n }

func tableText(s Style, t *UpdateTable) string {
	return write(func(w *bufio.Writer) { s.PrintUpdateTable(w, t) })
}

func exampleTable() *UpdateTable {
	return &UpdateTable{
		Updates: []wire.Update{
			{Repo: "core", Name: "bash", Installed: "5.2.37-1", Version: "5.2.37-2", DownloadSize: unsigned(1_900_000), SizeChange: signed(-2048)},
			{
				Repo: "extra", Name: "firefox", Installed: "1:128.0-1", Version: "1:129.0.1-1", DownloadSize: unsigned(73_600_000), SizeChange: signed(1_300_000),
				Fixes: []string{"AVG-1", "AVG-2"}, Severity: "High",
			},
			{Repo: "extra", Name: "vim", Installed: "9-1", Version: "10-1", Ignored: true},
		},
		Replacements: []wire.Replacement{{Repo: "extra", ReplacedName: "old", Installed: "1-1", By: "new", Version: "2-1"}},
		Foreign: []wire.ForeignPackage{
			{Name: "yay", Installed: "12.0-1", AURVersion: "12.1-1", State: wire.ForeignUpdate, AURFindings: &wire.AURMark{Level: wire.FindingLevelLook}},
		},
	}
}

func TestUpdateTable(t *testing.T) {
	require.Equal(t, `core   bash     5.2.37-1 -> 5.2.37-2       1.8 MiB  -2.0 KiB
extra  firefox  1:128.0-1 -> 1:129.0.1-1  70.2 MiB  +1.2 MiB [security High]
extra  vim      9-1 -> 10-1 [ignored]
extra  new      2-1 [replaces old 1-1]

aur    yay      12.0-1 -> 12.1-1 [look]

3 updates (1 ignored), 1 replacement, 1 from the AUR, download 72.0 MiB, installed size +1.2 MiB
`, tableText(Style{}, exampleTable()))

	table := exampleTable()
	table.ShowAdvisories, table.Partial, table.Foreign = true, true, nil
	shown := tableText(Style{Width: 50}, table)
	require.Contains(t, shown, "core   bash     5.2.37-1 -> 5.2.37-2\n", "without room, the sizes are left out")
	require.Contains(t, shown, "1:129.0.1-1\n    [security High: AVG-1 AVG-2]\n")
	require.Contains(t, shown, "3? updates (1 ignored)")
	table.AlwaysShowSizes = true
	require.Contains(t, tableText(Style{Width: 50}, table), "5.2.37-2\n     1.8 MiB  -2.0 KiB\n")

	dated := &UpdateTable{ShowBuildDates: true, Updates: []wire.Update{
		{Repo: "core", Name: "a", Installed: "1", Version: "2", BuiltAt: time.Date(2026, 3, 4, 12, 0, 0, 0, time.Local).Unix()},
		{Repo: "core", Name: "b", Installed: "1", Version: "2", Ignored: true},
	}}
	require.Equal(t, "core  a  1 -> 2 [built 2026-03-04]\ncore  b  1 -> 2 [build date unknown] [ignored]\n\n2 updates (1 ignored)\n", tableText(Style{}, dated))

	require.Empty(t, tableText(Style{}, &UpdateTable{}))
	unknown := &UpdateTable{Updates: []wire.Update{{Repo: "core", Name: "a", Installed: "1", Version: "2"}}}
	require.Equal(t, "core  a  1 -> 2\n\n1 update\n", tableText(Style{}, unknown), "an unknown size is not zero")
	unknown.Updates = append(unknown.Updates, exampleTable().Updates[0])
	require.Contains(t, tableText(Style{}, unknown), "2 updates, download 1.8 MiB, installed size -2.0 KiB (without 1 of unknown size)\n")
}

// TestUpdateTable_Fits checks that no line is wider than the terminal, and that no name is cut off that would fit.
func TestUpdateTable_Fits(t *testing.T) {
	table := exampleTable()
	table.Updates = append(table.Updates, wire.Update{
		Repo: "extra-testing-unstable", Name: strings.Repeat("名", 30), Installed: strings.Repeat("1.", 60), Version: strings.Repeat("2.", 60), Ignored: true,
	}, wire.Update{Repo: "r", Name: "haskell-language-server-with-a-long-name", Installed: "20240101.r12.g0123456-1", Version: "20240102.r12.g0123456-1"})
	for _, width := range []int{40, 60, 80, 120, 200} {
		shown := tableText(Style{Width: width}, table)
		for line := range strings.Lines(shown) {
			require.LessOrEqual(t, textWidth(strings.TrimSuffix(line, "\n")), width, line)
		}
		require.Contains(t, shown, "firefox")
	}
}

func TestVersionChange(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"1.19-1", "1.2-1", "1.<19-1> -> 1.(2-1)"},
		{"5.2.37-1", "5.2.37-2", "5.2.37-<1> -> 5.2.37-(2)"},
		{"1:1-1", "2:1-1", "<1:1-1> -> (2:1-1)"},
		{"1-1", "1-1.1", "1-<1> -> 1-(1.1)"},
	} {
		shown := write(func(w *bufio.Writer) { printer{Style{Color: true}, w}.printVersionChange(c.old, c.new) })
		shown = strings.NewReplacer(failedColor, "<", versionColor, "(").Replace(shown)
		shown = strings.Replace(shown, resetColor, ">", 1)
		require.Equal(t, c.want, strings.Replace(shown, resetColor, ")", 1))
	}
}

// TestUpdateTable_Clean checks that a hostile database cannot control the terminal.
func TestUpdateTable_Clean(t *testing.T) {
	const bad = "a\x1b]0;x\x07\n"
	shown := tableText(Style{}, &UpdateTable{
		Updates:      []wire.Update{{Repo: bad, Name: bad, Installed: bad, Version: bad, Fixes: []string{bad}, Severity: bad}},
		Replacements: []wire.Replacement{{Repo: bad, ReplacedName: bad, Installed: bad, By: bad, Version: bad}},
		Foreign:      []wire.ForeignPackage{{Name: bad, Installed: bad, AURVersion: bad, State: wire.ForeignInstalledNewer}}, ShowAdvisories: true,
	})
	require.NotContains(t, shown, "\x1b")
	require.NotContains(t, shown, "\x07")
	require.Equal(t, 6, strings.Count(shown, "\n"))
}
