package network

import (
	"cmp"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/fakeserver"
	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/wire"
)

// startWithDump starts omgd with an AUR that has its dump, and waits until that is
// searched.
func (w *world) startWithDump() {
	w.T.Helper()
	w.dump.Store(true)
	w.start(long)
	w.awaitDump()
}

func (w *world) awaitDump() {
	w.T.Helper()
	harness.Await(w.T, func() bool {
		a := w.search(wire.SearchRequest{Words: []string{"spotify"}, Offline: true})
		return a.code == 0 && len(a.names) == 1 && a.source().State == wire.SourceOK
	}, "the dump is searched; omgd printed: %s", w.omgd.Stderr)
}

// TestDump_Searches: a thousand different searches with a dump ask the AUR
// nothing, whatever they look for.
func TestDump_Searches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
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
		require.Zero(t, w.search(r).code)
	}
	require.Zero(t, w.server.Count("search"))
	require.Equal(t, dumps, w.server.Count("dump"))
}

// TestDump_ThenNoNetwork: with a dump, an AUR that is gone is not missed, after a
// restart either, and a live question that fails is answered by the dump.
func TestDump_ThenNoNetwork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startWithDump()
	w.omgd.Stop()
	w.server.Refuse()
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

// TestDump_LiveBeside: what is newer than the dump is found by asking: a name that
// the dump lacks, and anything with --live.
func TestDump_LiveBeside(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
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

// refused has the texts for a dump, where they differ from those in said: a dump is
// downloaded as it is, and refused when it is read.
var refused = map[string]string{
	"truncated JSON": `dump was rejected: .*truncated`,
	"gzip of 10 GiB": `too large`,
}

// TestDump_Faults: an AUR that misbehaves over its dump leaves the last good one,
// and a new omgd with nothing but that serves it.
func TestDump_Faults(t *testing.T) {
	t.Parallel()
	for _, sw := range fakeserver.Switches() {
		t.Run(url.PathEscape(sw.Name), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.startWithDump()
			w.omgd.Stop()
			// What was to be asked for later is asked for now.
			require.NoError(t, os.RemoveAll(w.Path("data", "cache.pebble")))
			index := harness.Read(t, w.Index("aur"))
			sw.On(w.server)
			if sw.Hangs {
				w.start(long, "OMG_NETWORK_TIMEOUT=200ms")
			} else {
				w.start(long)
			}
			var got answer
			harness.Await(t, func() bool {
				got = w.search(words("spotify"))
				return len(got.names) == 1 && got.source().State == wire.SourceStale && got.source().Why != "its age is unknown"
			}, "the dump is stale; omgd printed: %s", w.omgd.Stderr)
			require.Regexp(t, cmp.Or(refused[sw.Name], said[sw.Name]), got.source().Why)
			require.Equal(t, index, harness.Read(t, w.Index("aur")))
			for _, dir := range []string{w.Data, w.Indexes()} {
				left, err := filepath.Glob(filepath.Join(dir, ".*.tmp"))
				require.NoError(t, err)
				require.Empty(t, left)
			}
		})
	}
}
