package network

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/fakeserver"
	"github.com/omg-arch/omg/shared/wire"
)

// startWithDump starts omgd with an AUR that has its dump, and waits until that is
// searched.
func (w *world) startWithDump() {
	w.t.Helper()
	w.dump.Store(true)
	w.start()
	w.awaitDump()
}

func (w *world) awaitDump() {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		a := w.search(wire.SearchRequest{Words: []string{"spotify"}, Offline: true})
		return a.code == 0 && len(a.names) == 1 && a.source().State == wire.SourceOK
	}, 20*time.Second, 20*time.Millisecond, "%s", w.omgd.Stderr())
}

// TestSearchesWithDump: a thousand different searches with a dump ask the AUR
// nothing, whatever they look for.
func TestSearchesWithDump(t *testing.T) {
	w := newWorld(t)
	w.startWithDump()
	dumps := w.server.Count("dump")
	require.Equal(t, 1, dumps)
	conn := w.dial()
	for i := range 1000 {
		r := wire.SearchRequest{Words: []string{fmt.Sprintf("yay%d", i)}}
		switch i % 4 {
		case 1:
			r.Words = []string{fmt.Sprintf("keyword:%d", i)}
		case 2:
			r = wire.SearchRequest{Words: []string{"yay"}, Repos: []string{"aur"}, Limit: uint32(i)}
		case 3:
			r = wire.SearchRequest{Words: []string{fmt.Sprintf("^yay%d", i)}, Regex: true}
		}
		require.NoError(t, conn.Call(t.Context(), wire.OpSearch, &r, func([]byte, bool) error { return nil }))
	}
	require.Zero(t, w.server.Count("search"))
	require.Equal(t, dumps, w.server.Count("dump"))
}

// TestDumpThenNoNetwork: with a dump, an AUR that is gone is not missed, after a
// restart either, and a live question that fails is answered by the dump.
func TestDumpThenNoNetwork(t *testing.T) {
	w := newWorld(t)
	w.startWithDump()
	w.omgd.Stop(t)
	w.server.Refuse()
	w.start()
	w.awaitDump()
	for _, args := range [][]string{{"search", "-q", "--repo", "aur", "yay"}, {"search", "-q", "--repo", "aur", "--live", "yay"}} {
		got := w.omg(args...)
		require.Zero(t, got.Code, got.Stderr)
		require.ElementsMatch(t, []string{"yay", "yay-bin"}, got.Lines(), "%q", args)
	}
	require.Contains(t, w.omg("search", "--live", "yay").Stderr, "aur: stale: the AUR cannot be reached: connection refused")
	require.Zero(t, w.omg("info", "yay").Code)
	none := w.omg("info", "no-such-package")
	require.Equal(t, 1, none.Code, "the dump says that there is none")
	require.Contains(t, none.Stderr, "aur: stale")
}

// TestLiveBesideDump: what is newer than the dump is found by asking: a name that the
// dump lacks, and anything with --live.
func TestLiveBesideDump(t *testing.T) {
	w := newWorld(t)
	w.startWithDump()
	w.aur.Replace(t, append(packages(), fakeserver.Package{Record: fakeserver.Record{Name: "yay-new", Version: "9-1"}}))
	require.NotContains(t, w.search(wire.SearchRequest{Words: []string{"yay"}}).names, "aur/yay-new")
	require.Zero(t, w.server.Count("search"))
	require.Contains(t, w.search(wire.SearchRequest{Words: []string{"yay"}, Live: true}).names, "aur/yay-new")
	require.Equal(t, 1, w.omg("info", "--offline", "yay-new").Code)
	got := w.omg("info", "--format", "{{.name}} {{.version}}", "yay-new", "yay")
	require.Zero(t, got.Code, got.Stderr)
	require.ElementsMatch(t, []string{"yay 1-1", "yay-new 9-1"}, got.Lines())
}

// refused is what is said of a dump, where that differs: it is downloaded as it is,
// and refused when it is read.
var refused = map[string]string{
	"truncated JSON": `dump is refused: .*cut off`,
	"gzip of 10 GiB": `too large|does not answer in time`,
}

// TestDumpSwitches: an AUR that misbehaves over its dump leaves the last good one, and
// a new omgd with nothing but that serves it.
func TestDumpSwitches(t *testing.T) {
	databases(t)
	for _, sw := range fakeserver.Switches() {
		if sw.Answers {
			continue
		}
		t.Run(sw.Name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.env = append(w.env, "OMG_AUR_INTERVAL=1m", "OMG_NETWORK_TIMEOUT=2s")
			w.startWithDump()
			w.omgd.Stop(t)
			// What was to be asked for later is asked for now.
			data := filepath.Join(w.home, ".local", "share", "omg")
			require.NoError(t, os.RemoveAll(filepath.Join(data, "cache.pebble")))
			index, err := os.ReadFile(filepath.Join(data, "aur.omgidx"))
			require.NoError(t, err)
			w.server.Reset()
			sw.On(w.server)
			w.start()
			require.Eventually(t, func() bool {
				a := w.search(wire.SearchRequest{Words: []string{"spotify"}})
				return len(a.names) == 1 && a.source().State == wire.SourceStale && a.source().Why != "of unknown age"
			}, 20*time.Second, 50*time.Millisecond, "%s", w.omgd.Stderr())
			got := w.search(wire.SearchRequest{Words: []string{"spotify"}})
			require.Regexp(t, cmp.Or(refused[sw.Name], said[sw.Name]), got.source().Why)
			kept, err := os.ReadFile(filepath.Join(data, "aur.omgidx"))
			require.NoError(t, err)
			require.Equal(t, index, kept)
			left, err := filepath.Glob(filepath.Join(data, ".*.tmp"))
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}
