package network

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/fakeserver"
	"github.com/omg-arch/omg/integration/programs"
	"github.com/omg-arch/omg/shared/wire"
)

// said is what a person reads when the AUR could not be asked.
var said = map[string]string{
	"connection refused":     `cannot be reached: connection refused`,
	"no answer":              `does not answer in time`,
	"5 s late":               `does not answer in time`,
	"a body that drips":      `does not answer in time`,
	"429":                    `takes no more requests from here for now`,
	"429 with Retry-After":   `takes no more requests from here for now`,
	"502":                    `is out of order \(502 Bad Gateway\)`,
	"503":                    `is out of order \(503 Service Unavailable\)`,
	"truncated JSON":         `cannot be asked`,
	"a body of 1 GiB":        `cannot be asked: too large|does not answer in time`,
	"gzip of 10 GiB":         `cannot be asked: too large|does not answer in time`,
	"a wrong content length": `cannot be asked: ended before its end`,
	"a redirect loop":        `cannot be asked: redirected too often`,
	"a redirect to http":     `cannot be asked: .*not over TLS`,
	"an expired certificate": `cannot be asked: .*expired`,
}

// TestSwitches: however the AUR misbehaves, the repositories answer at once, a person
// reads what is wrong, nothing breaks, and when the AUR is back, so are its answers.
func TestSwitches(t *testing.T) {
	switches := fakeserver.Switches()
	require.NotEmpty(t, switches)
	databases(t) // once, before they run at the same time
	for _, sw := range switches {
		t.Run(url.PathEscape(sw.Name), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.start()
			usual := w.search(wire.SearchRequest{Words: []string{"lib"}, Offline: true})
			require.NotEmpty(t, usual.names)
			require.Equal(t, wire.SourceMissing, usual.source().State)
			files := openFiles(t, w.omgd.Pid)

			sw.On(w.server)
			if sw.Answers && sw.Late < deadline {
				require.Eventually(t, func() bool { return w.omg("info", "yay").Code == 0 }, 10*time.Second, 10*time.Millisecond)
				return
			}
			got := w.search(wire.SearchRequest{Words: []string{"lib"}})
			require.Equal(t, usual.names, got.names)
			require.Equal(t, usual.result.Total, got.result.Total)
			require.Equal(t, wire.SourceMissing, got.source().State)
			require.Regexp(t, said[sw.Name], got.source().Why)
			if got.end >= deadline {
				require.Less(t, got.first, got.end-deadline/5, "the repositories do not wait for the AUR")
			}
			require.Equal(t, wire.CodeNetwork, w.search(wire.SearchRequest{Words: []string{"spotify"}}).code)
			require.Equal(t, wire.CodeNetwork, w.search(wire.SearchRequest{Words: []string{"glibc"}, Repos: []string{"aur"}}).code)

			info := w.omg("info", "yay")
			require.Equal(t, 4, info.Code, info.Stderr)
			require.Regexp(t, `^omg: error: .*yay is in no repository, and the AUR `, info.Stderr)
			require.Empty(t, info.Stdout)
			both := w.omg("info", "-q", "glibc", "yay")
			require.Equal(t, 4, both.Code, both.Stderr)
			require.Contains(t, both.Stdout, "glibc\n")
			require.Contains(t, both.Stderr, "aur: missing: the AUR ")
			require.Zero(t, w.omg("search", "lib").Code)
			require.Zero(t, w.omg("info", "glibc").Code)
			for i := range 3 {
				w.search(wire.SearchRequest{Words: []string{fmt.Sprint("more", i)}})
			}

			w.server.Off(t)
			require.Eventually(t, func() bool { return w.omg("info", "yay").Code == 0 }, 20*time.Second, 50*time.Millisecond)
			back := w.search(wire.SearchRequest{Words: []string{"spotify"}})
			require.Equal(t, []string{"aur/spotify"}, back.names)
			require.Equal(t, wire.SourceOK, back.source().State)
			require.NotContains(t, w.omgd.Stderr(), "panic")
			require.Eventually(t, func() bool { return openFiles(t, w.omgd.Pid) <= files+4 }, 10*time.Second, 50*time.Millisecond, "open files")
		})
	}
}

// TestIPv6Fails: where the AUR's name has an address of each kind and only the old
// one answers, so does the AUR, whether the other refuses or says nothing.
func TestIPv6Fails(t *testing.T) {
	databases(t)
	for name, fail := range map[string]func(w *world){
		"refuses":      func(*world) {},
		"says nothing": func(w *world) { w.server.DeadIPv6(w.t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			fail(w)
			hosts, omgd := filepath.Join(w.home, "hosts"), filepath.Join(w.home, "omgd")
			require.NoError(t, os.WriteFile(hosts, []byte("::1 localhost\n127.0.0.1 localhost\n"), 0o644))
			require.NoError(t, os.WriteFile(omgd, fmt.Appendf(nil, "#!/bin/sh\nmount --bind %s /etc/hosts && exec %s \"$@\"\n",
				hosts, filepath.Join(programs.Dir(t), "omgd")), 0o755))
			unshare := filepath.Join(w.home, "unshare")
			require.NoError(t, os.WriteFile(unshare, fmt.Appendf(nil, "#!/bin/sh\nexec unshare --mount --map-root-user %s \"$@\"\n", omgd), 0o755))
			if err := exec.Command("unshare", "--mount", "--map-root-user", "true").Run(); err != nil {
				t.Skip("no name spaces may be made here")
			}
			w.env = append(w.env, "OMG_AUR_URL="+strings.Replace(w.server.URL, "127.0.0.1", "localhost", 1), "OMG_AUR_LIVE_DEADLINE=10s")
			w.startAt(unshare)
			usual := w.search(wire.SearchRequest{Words: []string{"lib"}, Offline: true})
			require.NotEmpty(t, usual.names)
			got := w.search(wire.SearchRequest{Words: []string{"spotify"}})
			require.Equal(t, []string{"aur/spotify"}, got.names, got.source().Why)
			require.Equal(t, wire.SourceOK, got.source().State)
			info := w.omg("info", "yay")
			require.Zero(t, info.Code, info.Stderr)
			require.Zero(t, w.omg("info", "glibc").Code)
		})
	}
}

func openFiles(t *testing.T, pid int) int {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	require.NoError(t, err)
	return len(entries)
}

// TestLiveFields: each field of a search has its own question to the AUR, and what
// comes back is found by the same words.
func TestLiveFields(t *testing.T) {
	w := newWorld(t)
	w.start()
	for words, want := range map[string][]string{
		"yay":                {"aur/yay", "aur/yay-bin"},
		"name:yay":           {"aur/yay", "aur/yay-bin"},
		"about zoom":         {"aur/zoom", "aur/zoom-beta"},
		"keyword:key-paru":   {"aur/paru"},
		"repo:aur yay bin":   {"aur/yay-bin"},
		"depends:glibc yay":  {"aur/yay", "aur/yay-bin"},
		"provides:yay":       {"aur/yay-bin"},
		"name:zoom desc:bet": {"aur/zoom-beta"},
	} {
		got := w.search(wire.SearchRequest{Words: strings.Fields(words)})
		require.Zero(t, got.code, words)
		require.Equal(t, wire.SourceOK, got.source().State, "%s: %s", words, got.source().Why)
		aur := slices.DeleteFunc(got.names, func(n string) bool { return !strings.HasPrefix(n, "aur/") })
		require.ElementsMatch(t, want, aur, words)
		require.GreaterOrEqual(t, int(got.result.Total), len(want))
	}
	before := w.server.Count("search")
	for _, refused := range []wire.SearchRequest{
		{Words: []string{"^yay"}, Regex: true},
		{Words: []string{"y"}, Repos: []string{"aur"}},
		{Words: []string{"yay"}, Repos: []string{"core"}},
		{Words: []string{"repo:core", "yay"}},
		{Words: []string{"colour:("}, Regex: true},
		{Words: []string{"yay"}, Offline: true},
	} {
		w.search(refused)
	}
	require.Equal(t, before, w.server.Count("search"), "the AUR is not asked what it cannot answer")
	none := w.omg("info", "no-such-package")
	require.Equal(t, 1, none.Code, none.Stderr)
	offline := w.omg("info", "--offline", "spotify")
	require.Equal(t, 4, offline.Code)
	require.Contains(t, offline.Stderr, "offline")
}

// TestRestartWithoutNetwork: what was said before is said by the next daemon, with
// its age, when there is no network.
func TestRestartWithoutNetwork(t *testing.T) {
	w := newWorld(t)
	w.start()
	require.Equal(t, []string{"aur/spotify"}, w.search(wire.SearchRequest{Words: []string{"spotify"}}).names)
	require.Zero(t, w.omg("info", "spotify").Code)
	w.omgd.Stop(t)
	w.server.Refuse()
	w.start()
	got := w.search(wire.SearchRequest{Words: []string{"spotify"}})
	require.Equal(t, []string{"aur/spotify"}, got.names)
	require.Equal(t, wire.SourceStale, got.source().State)
	require.Contains(t, got.source().Why, "connection refused; what it said is less than a minute old")
	info := w.omg("info", "spotify")
	require.Zero(t, info.Code)
	require.Contains(t, info.Stderr, "aur: stale")
	require.Equal(t, 4, w.omg("info", "paru").Code)
	w.server.Accept(t)
	require.Eventually(t, func() bool { return w.omg("info", "paru").Code == 0 }, 10*time.Second, 50*time.Millisecond)
}

// TestEqualQuestions: a thousand equal questions at once are one request.
func TestEqualQuestions(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.server.Reset()
	w.server.Set(fakeserver.Delay(deadline / 2))
	const connections, each = 25, 40
	done := make(chan error, connections)
	for range connections {
		conn := w.dial()
		go func() {
			for range each {
				if _, err := conn.Send(wire.OpSearch, &wire.SearchRequest{Words: []string{"zoom"}}); err != nil {
					done <- err
					return
				}
			}
			for left := each; left > 0; {
				r, err := conn.Receive(t.Context())
				if err != nil {
					done <- err
					return
				}
				if !r.More {
					left--
				}
			}
			done <- nil
		}()
	}
	for range connections {
		require.NoError(t, <-done)
	}
	require.Equal(t, 1, w.server.Count("search"))
}

// TestNothingIsAskedWhenDisabled: an AUR that is not wanted is no source, and not
// asked.
func TestNothingIsAskedWhenDisabled(t *testing.T) {
	w := newWorld(t)
	w.start("OMG_AUR_ENABLED=false")
	got := w.search(wire.SearchRequest{Words: []string{"yay"}})
	require.Empty(t, got.names)
	require.Empty(t, got.source())
	require.Equal(t, 1, w.omg("info", "yay").Code)
	require.Empty(t, w.server.Asked())
	require.NoFileExists(t, filepath.Join(w.home, ".local", "share", "omg", "aur.json.gz"))
}
