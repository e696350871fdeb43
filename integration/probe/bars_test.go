package probe

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/wire"
)

// TestBars checks the text for status bars: unknown numbers are shown as unknown, and the number of the AUR is left out if there is none.
func TestBars(t *testing.T) {
	for _, c := range []struct {
		name        string
		env         []string
		installed   string // the version of bash; in the repository it is 2-1
		mine        bool   // a package that is in no repository is installed
		text, state string
	}{
		{"no AUR", nil, "1-1", true, "1", "updates"},
		{"no data of the AUR", []string{"OMG_AUR_ENABLED=true", "OMG_AUR_URL=http://127.0.0.1:1"}, "1-1", true, "1+?", "updates"},
		{"no updates, as far as is known", []string{"OMG_AUR_ENABLED=true", "OMG_AUR_URL=http://127.0.0.1:1"}, "2-1", true, "0+?", "stale"},
		{"nothing from the AUR", []string{"OMG_AUR_ENABLED=true", "OMG_AUR_URL=http://127.0.0.1:1"}, "1-1", false, "1", "updates"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := harness.New(t, harness.WithoutDatabases(), harness.WithEnv(c.env...))
			harness.WriteFile(t, s.PacmanConf, "[options]\nDBPath = "+s.DB+"\n[core]\n")
			harness.WriteFile(t, s.SyncDBPath("core"), harness.BuildDatabase(t, harness.NewPackageEntry("bash", "2-1")))
			s.Install("bash", c.installed)
			if c.mine {
				s.Install("mine", "1-1")
			}
			d := s.StartDaemon()
			d.AwaitStatus(func(r *wire.StatusResult) bool { return r.Counts.Updates != nil }, "the updates")
			harness.WriteProgram(t, s.Path("omg-once"), []byte("#!/bin/sh\nexec omg --socket "+d.Socket+" \"$@\" --count 1\n"))
			bar := func(form string) string {
				script := filepath.Join(harness.ProjectRoot(t), "packaging/bars/omg-bar.in")
				r := harness.Run(t, s.WithEnv("OMG_PROGRAM="+s.Path("omg-once"), "PATH="+s.Bin+":/usr/bin:/bin").Command("/bin/sh", script, form))
				require.Zero(t, r.Code, r.Stderr)
				return r.Stdout
			}
			// The first status that is sent may be an earlier one than that of the last snapshot.
			plain := ""
			harness.Await(t, func() bool { plain = bar("plain"); return plain == "?\n"+c.text+"\n" }, "the text %q; the last text was %s", c.text, func() string { return plain })
			lines := strings.Split(strings.TrimSpace(bar("waybar")), "\n")
			require.Len(t, lines, 2)
			var module struct{ Text, Class string }
			require.NoError(t, json.Unmarshal([]byte(lines[1]), &module))
			require.Equal(t, c.text, module.Text)
			require.Equal(t, c.state, module.Class)
		})
	}
}
