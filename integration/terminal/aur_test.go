package terminal

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/paths"
)

// TestAUR checks what only a terminal gets: the line that says that there are no findings, and the marks of omg outdated.
func TestAUR(t *testing.T) {
	need.Terminal(t)
	s := harness.New(t, harness.WithEnv("TERM=xterm-256color"), harness.WithGenerated(fixture.Options{Packages: 30, Installed: 3, Seed: 1}))
	now := time.Now().Unix()
	for name, facts := range map[string]string{
		"old": `"Maintainer":null,"LastModified":1600000000`, "new": fmt.Sprintf(`"Maintainer":"eva","LastModified":%d`, now-40_000),
	} {
		text := `{"Name":"taken","PackageBase":"taken","Version":"2-1",` + facts + `}`
		for i := range 20 {
			text += fmt.Sprintf(`,{"Name":"f%d","PackageBase":"f","Version":"1-1","Maintainer":"eva","LastModified":%d}`, i, now-40_000)
		}
		harness.WriteFile(t, s.Path(name+".json"), "["+text+"]")
	}
	s.Install("taken", "1-1")
	directory := paths.IndexDir(s.Data)
	require.NoError(t, os.MkdirAll(directory, 0o755))
	for name, age := range map[string]time.Duration{"old": 30 * time.Hour, "new": 6 * time.Hour} {
		require.NoError(t, os.Chtimes(s.Path(name+".json"), time.Time{}, time.Now().Add(-age)))
	}
	for _, args := range [][]string{
		{"journal", "--to", filepath.Join(directory, "aur.omgjournal"), s.Path("old.json")},
		{"journal", "--to", filepath.Join(directory, "aur.omgjournal"), s.Path("old.json"), s.Path("new.json")},
		{"build", "--aur", s.Path("new.json"), "--data-dir", s.Data},
	} {
		r := s.Run("omg-index", args...)
		require.Zero(t, r.Code, r.Stderr)
	}
	d := s.StartDaemon()
	harness.Await(t, func() bool {
		return d.Omg("status", "--format", "{{.counts.aur_findings.look}}").Stdout == "1\n"
	}, "omgd counts the finding; it printed: %s", d.Stderr)
	daemon := way{d.AnswerWay("daemon"), ""}

	shown := daemon.runOn(t, newScreen(t, 100), stdout, "outdated", "--aur", "--color", "never")
	require.Equal(t, "aur  taken  1-1 -> 2-1 [look]\n\n1 update from the AUR\n", shown.Stdout, shown.Stderr)
	piped := daemon.runOn(t, newScreen(t, 100), stderr, "outdated", "--aur")
	require.Equal(t, "taken 1-1 -> 2-1 [aur]\n", piped.Stdout)

	directly := way{s.DatabasesAnswerWay(), ""}
	directly.Args = append(directly.Args, "--data-dir", s.Data)
	shown = directly.runOn(t, newScreen(t, 100), stdout, "aur", "check", "--offline", "f")
	require.Equal(t, "20 packages checked, no findings\n", shown.Stdout, shown.Stderr)
	require.Empty(t, directly.runOn(t, newScreen(t, 100), stdout, "aur", "check", "--offline", "nosuch").Stdout)
	shown = directly.runOn(t, newScreen(t, 100), stdout, "aur", "check", "--offline", "-q", "f")
	require.Empty(t, shown.Stdout)
	piped = directly.runOn(t, newScreen(t, 100), stderr, "aur", "check", "--offline", "f")
	require.Empty(t, piped.Stdout)
}
