package network

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/fakeserver"
	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/wire"
)

// startWithDump starts omgd with an AUR that serves a dump, and waits until searches use the dump's index.
func (w *aurSystem) startWithDump() {
	w.T.Helper()
	w.dump.Store(true)
	w.start(long)
	w.awaitDump()
}

func (w *aurSystem) awaitDump() {
	w.T.Helper()
	harness.Await(w.T, func() bool {
		a := w.search(wire.SearchRequest{Words: []string{"spotify"}, Offline: true})
		return a.code == 0 && len(a.names) == 1 && a.source().State == wire.SourceOK
	}, "the dump is searched; omgd printed: %s", w.omgd.Stderr)
}

// TestDump_Searches checks that a thousand different searches with a dump send no request to the AUR.
func TestDump_Searches(t *testing.T) {
	t.Parallel()
	w := newAURSystem(t)
	w.startWithDump()
	dumps := w.server.Count("dump")
	require.Equal(t, 1, dumps)
	for i := range 1000 {
		r := words(fmt.Sprintf("yay%d", i))
		switch i % 4 {
		case 1:
			r = words(fmt.Sprintf("keyword:%d", i))
		case 2:
			r = wire.SearchRequest{Words: []string{"yay"}, Repos: []string{"aur"}, Limit: uint32(i)}
		case 3:
			r = wire.SearchRequest{Words: []string{fmt.Sprintf("^yay%d", i)}, Regex: true}
		}
		var got answer
		harness.Await(t, func() bool { // a search for an expression has a limit of five seconds, which a busy machine reaches
			got = w.search(r)
			return !r.Regex || got.code != wire.CodeInvalid
		}, "a search for %q that is not stopped", r.Words)
		require.Zero(t, got.code)
	}
	require.Zero(t, w.server.Count("search"))
	require.Equal(t, dumps, w.server.Count("dump"))
}

// TestDump_ThenNoNetwork checks that after omgd has downloaded a dump, all packages of the AUR are found without a
// network, even after a restart. If a live request fails, the answer comes from the dump.
func TestDump_ThenNoNetwork(t *testing.T) {
	t.Parallel()
	w := newAURSystem(t)
	w.startWithDump()
	w.omgd.Stop()
	w.server.RefuseConnections()
	w.start(long)
	w.awaitDump()
	for _, args := range [][]string{{"search", "-q", "--repo", "aur", "yay"}, {"search", "-q", "--repo", "aur", "--live", "yay"}} {
		got := w.omgd.Omg(args...)
		require.Zero(t, got.Code, got.Stderr)
		require.ElementsMatch(t, []string{"yay", "yay-bin"}, got.Lines(), "%q", args)
	}
	require.Contains(t, w.omgd.Omg("search", "--live", "yay").Stderr, "AUR: old data: the AUR cannot be reached: connection refused")
	require.Zero(t, w.omgd.Omg("info", "yay").Code)
	none := w.omgd.Omg("info", "no-such-package")
	require.Equal(t, 1, none.Code, "the dump says that there is none")
	require.Contains(t, none.Stderr, "AUR: old data")
}

// TestDump_LiveBeside checks that omgd asks the AUR about a name that the dump lacks, and about every name with
// --live.
func TestDump_LiveBeside(t *testing.T) {
	t.Parallel()
	w := newAURSystem(t)
	w.startWithDump()
	w.aur.Replace(t, append(packages(), fakeserver.Package{Record: fakeserver.Record{Name: "yay-new", Version: "9-1"}}))
	require.NotContains(t, w.search(words("yay")).names, "aur/yay-new")
	require.Zero(t, w.server.Count("search"))
	require.Contains(t, w.search(wire.SearchRequest{Words: []string{"yay"}, Live: true}).names, "aur/yay-new")
	require.Equal(t, 1, w.omgd.Omg("info", "--offline", "yay-new").Code)
	got := w.omgd.Omg("info", "--format", "{{.name}} {{.version}}", "yay-new", "yay")
	require.Zero(t, got.Code, got.Stderr)
	require.ElementsMatch(t, []string{"yay 1-1", "yay-new 9-1"}, got.Lines())
}

// dumpReasons maps a fault to the reason that omg prints if the download of a dump has this fault. It contains only
// faults for which liveReasons has another reason. The reasons differ because omgd first stores a dump unchecked, and
// refuses it only when it reads the stored dump.
var dumpReasons = map[string]string{
	"truncated JSON": `dump was rejected: its checksum is not a SHA-256`,
	"gzip of 10 GiB": `too large`,
}

// TestDump_Faults checks that omgd uses the last good dump after a failed download, also after a restart.
func TestDump_Faults(t *testing.T) {
	t.Parallel()
	for _, sw := range fakeserver.Misbehaviours() {
		t.Run(url.PathEscape(sw.Name), func(t *testing.T) {
			t.Parallel()
			w := newAURSystem(t)
			w.startWithDump()
			w.omgd.Stop()
			// omgd has stored when it may send the next request. Remove the stored time, so that omgd sends a request
			// immediately.
			require.NoError(t, os.RemoveAll(w.Path("data", "cache.pebble")))
			index := harness.ReadFile(t, w.IndexPath("aur"))
			sw.SwitchOn(w.server)
			if sw.Hangs {
				w.start(long, "OMG_NETWORK_TIMEOUT=200ms")
			} else {
				w.start(long)
			}
			var got answer
			harness.Await(t, func() bool {
				got = w.search(words("spotify"))
				return len(got.names) == 1 && got.source().State == wire.SourceStale && got.source().Why != "the age of the dump is unknown"
			}, "the dump is stale; omgd printed: %s", w.omgd.Stderr)
			require.Regexp(t, cmp.Or(dumpReasons[sw.Name], liveReasons[sw.Name]), got.source().Why)
			require.Equal(t, index, harness.ReadFile(t, w.IndexPath("aur")))
			for _, dir := range []string{w.Data, w.IndexDir()} {
				left, err := filepath.Glob(filepath.Join(dir, ".*.tmp"))
				require.NoError(t, err)
				require.Empty(t, left)
			}
		})
	}
}

// TestDump_Checksum checks that a dump with another checksum than the published one does not replace the last dump, that omg status says so,
// and that the dump is used once the checksum is right.
func TestDump_Checksum(t *testing.T) {
	t.Parallel()
	w := newAURSystem(t)
	w.startWithDump()
	index := harness.ReadFile(t, w.IndexPath("aur"))
	w.aur.SetChecksum("SHA256 (packages-meta-ext-v1.json.gz) = " + strings.Repeat("0", 64))
	w.nextDump(append(packages(), fakeserver.Package{Record: fakeserver.Record{Name: "paru-new", Version: "1-1"}}))
	const reason = "the AUR's dump was rejected: it does not match its checksum"
	harness.Await(t, func() bool { return strings.Contains(w.omgd.Omg("status").Stdout, reason) }, "omg status says why; omgd printed: %s", w.omgd.Stderr)
	require.Equal(t, index, harness.ReadFile(t, w.IndexPath("aur")))
	w.aur.SetChecksum("")
	w.nextDump(append(packages(), fakeserver.Package{Record: fakeserver.Record{Name: "paru-new", Version: "1-1"}}))
	harness.Await(t, func() bool { return w.omgd.Omg("info", "--offline", "paru-new").Code == 0 }, "the dump is used; omgd printed: %s", w.omgd.Stderr)
}

// TestDump_Age checks that the age of the AUR's data is the age of the dump, not of its download, with and without omgd.
func TestDump_Age(t *testing.T) {
	t.Parallel()
	w := newAURSystem(t)
	written := time.Now().Add(-20 * time.Hour)
	w.aur.SetModified(written)
	w.startWithDump()
	aur := wire.FindSourceByKind(w.omgd.Status().Sources, wire.KindAUR)
	require.Equal(t, written.Unix(), aur.AsOf)
	require.Greater(t, aur.ChangedAt, written.Add(19*time.Hour).Unix(), "the time of the download")
	require.Regexp(t, `aur +ok +20 hours old, downloaded .*, next request in (23 hours|1 day)`, w.omgd.Omg("status").Stdout)
	w.omgd.Stop()
	var r wire.StatusResult
	require.NoError(t, json.Unmarshal([]byte(w.RunWithoutDaemon("status", "--json").Stdout), &r))
	require.Equal(t, written.Unix(), wire.FindSourceByKind(r.Sources, wire.KindAUR).AsOf)
}

// TestRefreshSources checks that a user can make omgd ask the AUR before the planned time, but not as often as the user likes.
func TestRefreshSources(t *testing.T) {
	t.Parallel()
	w := newAURSystem(t)
	w.Env = append(w.Env, "OMG_AUR_INTERVAL=1h") // a request can be demanded after 150 seconds
	w.startWithDump()
	// While the first request has not ended, a demand joins it.
	got := w.omgd.AwaitOutput(`(?m)^aur: no new request: the last request was (just now|\d minutes? ago), and the next one is possible in \d minutes?$`, "refresh", "--sources")
	require.Zero(t, got.Code, got.Stderr)
	require.Equal(t, 1, w.server.Count("dump"))
	w.omgd.Stop()

	w.Env = append(w.Env, "OMG_AUR_INTERVAL=1m") // after 2.5 seconds
	w.start(long)
	harness.Await(t, func() bool {
		got = w.omgd.Omg("refresh", "--sources")
		return strings.Contains(got.Stdout, "aur: up to date, next request in 1 minute\n")
	}, "a demanded request: %v", &got)
	require.Greater(t, w.server.Count("dump"), 1)
	w.omgd.Stop()
	got = w.RunWithoutDaemon("refresh", "--sources")
	require.Equal(t, 3, got.Code)
	require.Contains(t, got.Stderr, "needs a running omgd")
}
