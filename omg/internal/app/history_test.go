package app

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/exit"
)

func TestPackageHistory(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	f := fake{pkgs: &backend.PackageHistory{OmittedCount: 1, Transactions: []backend.Transaction{
		{At: at, Command: "pacman -Syu\x1b[2J", FullUpgrade: true, Result: "completed", Changes: []backend.PackageChange{
			{Action: "upgraded", Name: "bash", Old: "1-1", New: "2-1"}, {Action: "reinstalled", Name: "zlib-ng", Old: "3-1", New: "3-1"},
		}},
		{At: at.Add(time.Hour), Result: "interrupted", Changes: []backend.PackageChange{
			{Action: "removed", Name: "bash", Old: "2-1"}, {Action: "installed", Name: "-Rdd", New: "1-1"},
		}},
	}}}
	code, out, stderr := f.run(t, "history")
	require.Equal(t, exit.OK, code)
	require.Equal(t, "omg: note: 1 transaction before; --limit 0 shows all\n", stderr)
	require.Equal(t, `2026-01-02 02:04  pacman -Syu`+"\ufffd"+`[2J [full upgrade]
  upgraded     bash     1-1 -> 2-1
  reinstalled  zlib-ng  3-1

2026-01-02 03:04 [interrupted]
  removed      bash  2-1
  installed    -Rdd  1-1
`, out)
	_, out, stderr = f.run(t, "history", "-q")
	require.Equal(t, "bash\nzlib-ng\n", out)
	require.Contains(t, stderr, "left out 1 package")
	_, out, _ = f.run(t, "history", "--format", "{{.at}} {{.action}} {{.name}} {{.old}}>{{.new}} {{.full_upgrade}} {{.result}}")
	require.Equal(t, "2026-01-02T03:04:05+01:00 upgraded bash 1-1>2-1 true completed\n2026-01-02T03:04:05+01:00 reinstalled zlib-ng 3-1>3-1 true completed\n"+
		"2026-01-02T04:04:05+01:00 removed bash 2-1>  interrupted\n", out)
	_, out, _, after := f.runBackend(t, "history", "--json", "--since", "2026-01-01", "--log", "/l", "-n", "5", "bash", "zlib")
	require.Contains(t, out, `"at":"2026-01-02T04:04:05+01:00","result":"interrupted","changes":[{"action":"removed","name":"bash","old":"2-1"},`)
	require.Equal(t, backend.PackageHistoryRequest{LogFile: "/l", Names: []string{"bash", "zlib"}, Since: 1767225600, Limit: 5}, *after.historyRequest)

	f.pkgs = &backend.PackageHistory{}
	code, _, stderr = f.run(t, "history", "x")
	require.Equal(t, exit.NotFound, code)
	require.Equal(t, "omg: error: pacman's log has no change of \"x\"\n", stderr)
	_, _, stderr = f.run(t, "history", "--since", "2026-01-01", "x")
	require.Equal(t, "omg: error: pacman's log has no change of \"x\" after 2026-01-01 00:00:00\n", stderr)
	f.pkgs = &backend.PackageHistory{Partial: true, Why: "a file is damaged"}
	code, _, stderr = f.run(t, "history", "x")
	require.Equal(t, exit.Failed, code)
	require.Equal(t, "omg: note: partial: a file is damaged\n", stderr)
	for _, line := range []string{"--limit -1", "--since never", "--log=", "-q --json"} {
		code, _, _ = f.run(t, append([]string{"history"}, strings.Fields(line)...)...)
		require.Equal(t, exit.Usage, code, line)
	}
}
