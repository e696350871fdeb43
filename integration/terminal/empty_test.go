package terminal

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/fakeserver"
	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/wire"
)

// TestEmptyLists checks that omg says on a terminal that there is nothing to list, and prints nothing if it is piped, like pacman.
func TestEmptyLists(t *testing.T) {
	need.Terminal(t)
	s := harness.New(t, harness.WithEnv("TERM=xterm-256color"), harness.WithGenerated(fixture.Options{Packages: 30, Seed: 1}))
	harness.WriteFile(t, s.Path("db/local/ALPM_DB_VERSION"), "9\n")
	empty := way{AnswerWay: s.DatabasesAnswerWay()}
	for line, note := range map[string]string{
		"installed":          "no packages are installed",
		"installed a b":      `no installed package matches "a b"`,
		"installed --deps":   "no packages installed as dependencies",
		"explicit":           "no explicitly installed packages",
		"orphans":            "no orphans",
		"orphans --required": "no orphans",
		"foreign":            "no foreign packages",
		"outdated":           "no updates",
		"outdated --devel":   "no installed package is built from a VCS",
		"size":               "nothing to show",
		"aur ack --list":     "no acknowledged findings",
		"groups --installed": "no groups",
	} {
		for _, on := range []stream{stdout, stderr} {
			r := empty.runOn(t, newScreen(t, 100), on, strings.Fields(line)...)
			require.Equal(t, exit.NotFound, r.Code, "%s: %s", line, r.Stderr)
			require.Equal(t, on == stdout, strings.Contains(strings.ReplaceAll(r.Stderr, "\r", ""), "omg: note: "+note+"\n"), "%s: %s", line, r.Stderr)
		}
		r := empty.runOn(t, newScreen(t, 100), stdout, append(strings.Fields(line), "-q")...)
		require.Equal(t, exit.NotFound, r.Code, "%s: %s", line, r.Stderr)
		require.NotContains(t, r.Stderr, note)
	}
}

// TestNoAdvisories checks that omg distinguishes on a terminal that there are no advisories from there being no data of the tracker.
func TestNoAdvisories(t *testing.T) {
	need.Terminal(t)
	server := fakeserver.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "[]") }), nil)
	s := harness.New(t, harness.WithGenerated(fixture.Options{Packages: 100, Installed: 20, Seed: 2}), harness.WithEnv("TERM=xterm-256color", "PAGER=cat",
		"OMG_TRACKER_ENABLED=true", "OMG_TRACKER_URL="+server.URL, "OMG_NETWORK_TIMEOUT=2m", "OMG_NETWORK_PROXY=none"))
	d := s.StartDaemon()
	d.AwaitStatus(func(r *wire.StatusResult) bool { return r.Counts.Security != nil }, "no advisories")
	daemon := way{d.AnswerWay("daemon"), ""}
	updates := daemon.runOn(t, newScreen(t, 100), stdout, "outdated", "--security")
	require.Zero(t, updates.Code, updates.Stderr)
	require.Equal(t, "omg: note: none of these updates fixes a security advisory\n", updates.Stderr)
	require.Empty(t, daemon.runOn(t, newScreen(t, 100), stderr, "outdated", "--security").Stderr)
	none := daemon.runOn(t, newScreen(t, 100), stdout, "security")
	require.Equal(t, exit.NotFound, none.Code)
	require.Equal(t, "omg: note: no security advisories\n", none.Stderr)
	require.Equal(t, "omg: note: no such security advisories\n", daemon.runOn(t, newScreen(t, 100), stdout, "security", "--fixable").Stderr)
}
