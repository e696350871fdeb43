package aur

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/corpus"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/wire"
)

// requireLines runs omg, which must succeed, and returns its lines.
func requireLines(t *testing.T, omg func(...string) harness.Result, args ...string) []string {
	t.Helper()
	r := omg(args...)
	require.Zero(t, r.Code, "omg %s: %s", strings.Join(args, " "), r.Stderr)
	return r.Lines()
}

// TestForeign_Corpus checks four foreign packages: for three of them the AUR has a later version, as vercmp decides,
// and for one it has the installed version.
func TestForeign_Corpus(t *testing.T) {
	t.Parallel()
	vercmp := need.Program(t, "vercmp")
	s := harness.New(t, harness.WithCorpus())
	build(s, corpus.AURDump(t))
	for name, omg := range map[string]func(...string) harness.Result{"directly": s.RunWithoutDaemon, "daemon": s.StartDaemon().Omg} {
		t.Run(name, func(t *testing.T) {
			installed := map[string]string{}
			for _, line := range requireLines(t, omg, "foreign") {
				name, version, _ := strings.Cut(line, " ")
				installed[name] = version
			}
			var all wire.OutdatedResult
			require.NoError(t, json.Unmarshal([]byte(omg("outdated", "--json").Stdout), &all))
			var names, updates []string
			for _, f := range all.Foreign {
				names = append(names, f.Name)
				require.Equal(t, installed[f.Name], f.Installed)
				newer := strings.TrimSpace(s.Run(vercmp, f.AURVersion, f.Installed).Stdout)
				require.Equal(t, map[string]string{"1": wire.ForeignUpdate, "0": wire.ForeignCurrent, "-1": wire.ForeignInstalledNewer}[newer], f.State, f.Name)
				if f.State == wire.ForeignUpdate {
					updates = append(updates, f.Name)
				}
			}
			require.Equal(t, []string{"google-chrome", "spotify", "visual-studio-code-bin", "yay-bin"}, names)
			require.Len(t, updates, 3)

			repos := requireLines(t, omg, "outdated", "--no-aur")
			require.Len(t, repos, 48)
			lines := requireLines(t, omg, "outdated")
			require.Equal(t, repos, lines[:48], "the AUR's come after them, apart")
			require.Len(t, lines, 51)
			for i, line := range lines[48:] {
				require.Contains(t, line, updates[i]+" ")
				require.Contains(t, line, " -> ")
				require.Contains(t, line, " [aur]")
			}
			require.Equal(t, updates, requireLines(t, omg, "outdated", "--aur", "-q"))

			var st wire.StatusResult
			require.NoError(t, json.Unmarshal([]byte(omg("status", "--json").Stdout), &st))
			require.EqualValues(t, 48, *st.Counts.Updates)
			require.EqualValues(t, 3, *st.Counts.AURUpdates)
			require.Contains(t, omg("status").Stdout, "AUR Updates     : 3\n")
		})
	}
}
