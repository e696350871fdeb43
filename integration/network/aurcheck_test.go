package network

import (
	"encoding/json"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/paths"
)

// askedNames returns the names in each info request that the AUR has got.
func (w *aurSystem) askedNames() (requests [][]string) {
	w.T.Helper()
	for _, target := range w.server.RequestTargets() {
		u, err := url.Parse(target)
		require.NoError(w.T, err)
		if strings.HasSuffix(u.Path, "/info") {
			requests = append(requests, u.Query()["arg[]"])
		}
	}
	return requests
}

// awaitJournal waits until omgd has begun the journal.
func (w *aurSystem) awaitJournal() {
	w.T.Helper()
	path := filepath.Join(paths.IndexDir(w.Data), journal.FileName)
	harness.Await(w.T, func() bool { return len(w.Run("omg-index", "journal", "--export", path).Lines()) > 0 }, "the journal begins; omgd printed: %s", w.omgd.Stderr)
}

// TestAURCheck_Live checks what omg aur check says about an attack that began after the last dump: a package is adopted and updated, and gets a
// dependency that is new in the AUR.
func TestAURCheck_Live(t *testing.T) {
	t.Parallel()
	w := newAURSystem(t)
	list := packages()
	list[2].MakeDepends = []string{"zoom"} // of paru
	w.aur.Replace(t, list)
	w.startWithDump()
	w.awaitJournal()
	check := func(args ...string) harness.Result {
		return w.omgd.Omg(append([]string{"--data-dir", w.Data, "aur", "check"}, args...)...)
	}

	live := slices.Clone(list)
	mallory := "mallory\x1b[31m"
	live[2].Maintainer, live[2].LastModified = &mallory, time.Now().Unix()
	live[2].Depends = []string{"glibc", "atomic-new"}
	live[4].PendingRequests = new(1) // of zoom
	w.aur.ReplaceLive(live)
	w.server.ResetCounts()
	r := check("--fail-on", "look", "paru", "own-tool")
	require.Equal(t, 5, r.Code, r.Stderr)
	require.Regexp(t, `(?m)^paru\n    look: adopted by "mallory\\x1b\[31m" between .*, last updated .*\n    look: needs what neither a repository nor the last dump of the AUR has: "atomic-new"\n`, r.Stdout)
	require.Regexp(t, `(?m)^zoom, required by paru\n    note: without a maintainer\n    note: 1 request about it is open \(to delete, merge, orphan or adopt it\)$`, r.Stdout)
	require.Regexp(t, `the AUR was asked .* about 1 package and 1 dependency`, r.Stderr)
	require.Contains(t, r.Stderr, `because they could be private: "own-tool"`)
	require.Equal(t, [][]string{{"paru"}, {"zoom"}}, w.askedNames(), "the name that the dump lacks does not leave the machine")

	r = check("--json", "paru")
	var got struct {
		Live struct {
			At                  string
			Asked, Dependencies int
		}
		Packages []struct {
			Name     string
			Findings []struct {
				Reason string
				Events []struct{ Source string }
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(r.Stdout), &got), r.Stdout)
	require.NotEmpty(t, got.Live.At)
	require.Equal(t, "adopted-and-updated", got.Packages[0].Findings[0].Reason)
	require.Equal(t, journal.SourceRPC, got.Packages[0].Findings[0].Events[0].Source)
	require.Len(t, w.askedNames(), 2, "a reply is used again for some minutes")

	w.server.ResetCounts()
	require.Equal(t, 1, check("--offline", "paru", "nosuch").Code)
	require.Empty(t, w.askedNames())
	w.aur.ReplaceLive(slices.Delete(slices.Clone(live), 1, 2))
	r = check("yay-bin")
	require.Regexp(t, `(?m)^yay-bin .*\n    note: deleted between `, r.Stdout)
}

// TestAURCheck_LiveFails checks that omg aur check says that the AUR was not asked, and why: without a network, with live queries disabled, and if
// the AUR's reply cannot be used.
func TestAURCheck_LiveFails(t *testing.T) {
	t.Parallel()
	w := newAURSystem(t)
	w.startWithDump()
	w.awaitJournal()
	check := func(args ...string) harness.Result {
		return w.omgd.Omg(append([]string{"--data-dir", w.Data}, args...)...)
	}
	w.server.RefuseConnections()
	r := check("aur", "check", "--fail-on", "look", "paru")
	require.Equal(t, 4, r.Code, r.Stderr)
	require.Contains(t, r.Stderr, "the AUR was not asked what changed since its last dump: ")
	require.Contains(t, r.Stderr, "connection refused")
	r = check("--strict", "aur", "check", "paru")
	require.Equal(t, 3, r.Code)
	require.Empty(t, r.Stdout)
	require.Contains(t, r.Stderr, "the result is partial: the AUR was not asked")
	require.Equal(t, 0, check("aur", "check", "--fail-on", "look", "--offline", "paru").Code)
	w.omgd.Stop()

	w.server.AcceptConnections(t)
	w.start(long, "OMG_AUR_LIVE_ENABLED=false")
	w.awaitDump()
	w.server.ResetCounts()
	r = check("aur", "check", "paru")
	require.Equal(t, 4, r.Code, r.Stderr)
	require.Contains(t, r.Stderr, "live queries are disabled (aur.live.enabled)")
	require.Empty(t, w.askedNames())
	w.omgd.Stop()

	w.start(long)
	w.awaitDump()
	live := packages()
	live[2].Version = ""
	w.aur.ReplaceLive(live)
	r = check("aur", "check", "paru")
	require.Equal(t, 4, r.Code, r.Stderr)
	require.Contains(t, r.Stderr, "the AUR's reply contains packages that omgd cannot read")
	require.NotContains(t, r.Stdout, "deleted")
}
