package network

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/integration/fakeserver"
	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/wire"
)

// liveReasons maps faults to the reason that omg prints if the AUR does not answer.
var liveReasons = map[string]string{
	"connection refused":     `cannot be reached: connection refused`,
	"no answer":              `did not answer in time`,
	"an answer that is late": `did not answer in time`,
	"a body that drips":      `did not answer in time`,
	"429":                    `refuses requests for now`,
	"429 with Retry-After":   `refuses requests for now`,
	"502":                    `reports an error \(502 Bad Gateway\)`,
	"503":                    `reports an error \(503 Service Unavailable\)`,
	"truncated JSON":         `request to the AUR failed`,
	"a body of 1 GiB":        `request to the AUR failed: too large`,
	"gzip of 10 GiB":         `request to the AUR failed: too large`,
	"a wrong content length": `request to the AUR failed: the response is truncated`,
	"a redirect loop":        `request to the AUR failed: too many redirects`,
	"a redirect to http":     `request to the AUR failed: .*not over TLS`,
	"an expired certificate": `request to the AUR failed: .*expired`,
}

// TestLive_Faults checks each fault of the AUR: omg prints the results of the repositories and the reason why the AUR's
// are missing, and prints the AUR's results again when the fault ends.
//
// If a fault makes a request fail, the test waits for the failure without a time limit. If a fault makes a request
// hang, a deadline ends the request. After three failures in a row omgd sends no requests for five deadlines, so the
// test causes only two failures before the AUR comes back.
func TestLive_Faults(t *testing.T) {
	t.Parallel()
	for _, sw := range fakeserver.Misbehaviours() {
		t.Run(url.PathEscape(sw.Name), func(t *testing.T) {
			t.Parallel()
			w := newAURSystem(t)
			if sw.Hangs {
				w.start(short)
			} else {
				w.start(long)
			}
			offline := words("lib")
			offline.Offline = true
			usual := w.search(offline)
			require.NotEmpty(t, usual.names)
			require.Equal(t, wire.SourceMissing, usual.source().State)
			files := openFiles(t, w.omgd.PID())

			sw.SwitchOn(w.server)
			got := w.search(words("lib"))
			require.Equal(t, usual.names, got.names)
			require.Equal(t, usual.result.Total, got.result.Total)
			require.Equal(t, wire.SourceMissing, got.source().State)
			require.Regexp(t, liveReasons[sw.Name], got.source().Why)
			require.Equal(t, len(got.names), got.early, "the repositories come before what is known of the AUR")
			require.Equal(t, wire.CodeNetwork, w.search(words("spotify")).code)

			w.server.StopFaults(t)
			var back answer
			harness.Await(t, func() bool {
				back = w.search(words("spotify"))
				// A reply that arrives after the deadline is stored, and answers a later search that fails. It is stale then.
				return back.code == 0 && back.source().State == wire.SourceOK
			}, "the AUR answers again")
			require.Equal(t, []string{"aur/spotify"}, back.names)
			harness.Await(t, func() bool { return w.omgd.Omg("info", "yay").Code == 0 }, "the AUR answers the command line")

			sw.SwitchOn(w.server)
			info := w.omgd.Omg("info", "zoom")
			require.Equal(t, 4, info.Code, info.Stderr)
			require.Regexp(t, `^omg: error: .*"zoom" is in no repository, and the AUR could not be queried: the (request to the )?(AUR )?`+liveReasons[sw.Name], info.Stderr)
			require.Empty(t, info.Stdout)
			both := w.omgd.Omg("info", "-q", "glibc", "paru")
			require.Equal(t, 4, both.Code, both.Stderr)
			require.Contains(t, both.Stdout, "glibc\n")
			require.Contains(t, both.Stderr, "AUR: not searched (the ")
			require.Equal(t, wire.CodeNetwork, w.search(wire.SearchRequest{Words: []string{"glibc"}, Repos: []string{"aur"}}).code)
			require.Zero(t, w.omgd.Omg("search", "lib").Code)
			require.Zero(t, w.omgd.Omg("info", "glibc").Code)
			for i := range 3 {
				w.search(words(fmt.Sprint("more", i)))
			}

			w.server.StopFaults(t)
			require.NotContains(t, w.omgd.Stderr(), "panic")
			harness.Await(t, func() bool { return openFiles(t, w.omgd.PID()) <= files+4 }, "open files: at most 4 more than %d", files)
		})
	}
}

// TestLive_NobodyWaitsForTheAUR checks that search and info send the results of the repositories before the AUR has
// answered.
func TestLive_NobodyWaitsForTheAUR(t *testing.T) {
	t.Parallel()
	w := newAURSystem(t)
	w.start(long)
	w.aur.Replace(t, append(packages(), fakeserver.Package{Record: fakeserver.Record{Name: "lib-of-the-aur", Version: "1-1"}}))
	offline := words("lib")
	offline.Offline = true
	usual := w.search(offline)
	require.NotEmpty(t, usual.names)

	gate := w.server.Hold("search")
	_, err := w.conn.Send(wire.OpSearch, &wire.SearchRequest{Words: []string{"lib"}})
	require.NoError(t, err)
	var got answer
	for len(got.names) < len(usual.names) {
		r, err := w.conn.Receive(t.Context())
		require.NoError(t, err)
		require.Nil(t, r.Err)
		require.True(t, r.More)
		got.addChunk(t, r.Result)
	}
	require.Equal(t, usual.names, got.names)
	require.Empty(t, got.source(), "the AUR is no source yet")
	held := gate.Next(t)
	require.Contains(t, held.URI, "/search/lib")
	held.Answer()
	r, err := w.conn.Receive(t.Context())
	require.NoError(t, err)
	require.Nil(t, r.Err)
	require.False(t, r.More)
	got.addChunk(t, r.Result)
	require.Equal(t, append(usual.names, "aur/lib-of-the-aur"), got.names)
	require.Equal(t, usual.result.Total+1, got.result.Total)
	require.Equal(t, wire.SourceOK, got.source().State)

	gate = w.server.Hold("info")
	_, err = w.conn.Send(wire.OpInfo, &wire.InfoRequest{Names: []string{"glibc", "yay"}})
	require.NoError(t, err)
	var info wire.InfoResult
	var names []string
	take := func(p *wire.Package) error {
		names = append(names, p.Repo+"/"+p.Name)
		return nil
	}
	r, err = w.conn.Receive(t.Context())
	require.NoError(t, err)
	require.Nil(t, r.Err)
	require.True(t, r.More)
	require.NoError(t, wire.DecodeInfoResult(r.Result, &info, take))
	require.Equal(t, []string{"core/glibc"}, names)
	for held = gate.Next(t); !strings.HasSuffix(held.URI, "=yay"); held = gate.Next(t) {
		held.Answer() // omgd's own request about the installed yay-bin
	}
	held.Answer()
	r, err = w.conn.Receive(t.Context())
	require.NoError(t, err)
	require.Nil(t, r.Err)
	require.False(t, r.More)
	require.NoError(t, wire.DecodeInfoResult(r.Result, &info, take))
	require.Equal(t, []string{"core/glibc", "aur/yay"}, names)
	require.Empty(t, info.Missing)
}

// TestLive_Breaker checks that after three failures in a row omgd does not ask the AUR for a while and tells the user
// so, and then asks the AUR again.
func TestLive_Breaker(t *testing.T) {
	t.Parallel()
	w := newAURSystem(t)
	w.start(long) // the pause after failures is five times this deadline
	w.server.SetFault(fakeserver.ErrorStatus(http.StatusServiceUnavailable))
	for i := range 3 {
		require.Equal(t, wire.CodeNetwork, w.search(words(fmt.Sprint("question", i))).code)
	}
	w.server.SetFault(nil)
	for range 10 {
		got := w.search(words("lib"))
		require.Equal(t, "the last request failed; omgd tries again soon", got.source().Why)
	}
	require.Equal(t, 3, w.server.Count("search"))
	w.omgd.Stop()

	w.start(short)
	w.server.SetFault(fakeserver.ErrorStatus(http.StatusServiceUnavailable))
	harness.Await(t, func() bool {
		got := w.search(words("lib"))
		return strings.Contains(got.source().Why, "tries again soon")
	}, "omgd asks no more")
	w.server.SetFault(nil)
	harness.Await(t, func() bool { return w.search(words("spotify")).code == 0 }, "the AUR is asked again")
}

// TestLive_IPv6Fails checks that an AUR with an IPv4 and an IPv6 address is reached by IPv4 if IPv6 is refused or
// hangs.
func TestLive_IPv6Fails(t *testing.T) {
	t.Parallel()
	need.IPv6(t)
	need.Root(t) // in another user namespace omgd does not trust root's directories
	need.MountPoint(t, "/etc/hosts")
	if !harness.RunIsolated(t) {
		return
	}
	hosts := filepath.Join(t.TempDir(), "hosts")
	harness.WriteFile(t, hosts, "::1 localhost\n127.0.0.1 localhost\n")
	require.NoError(t, unix.Mount(hosts, "/etc/hosts", "", unix.MS_BIND, ""))
	for name, six := range map[string]fakeserver.IPv6Failure{"refuses": fakeserver.RefuseIPv6, "says nothing": fakeserver.HangIPv6} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newAURSystemOf(t, func(h http.Handler, c *fakeserver.Certificates) *fakeserver.Server {
				return fakeserver.ServeWithBrokenIPv6(t, six, h, c)
			})
			w.start(long, "OMG_AUR_URL="+strings.Replace(w.server.URL, "127.0.0.1", "localhost", 1))
			offline := words("lib")
			offline.Offline = true
			require.NotEmpty(t, w.search(offline).names)
			got := w.search(words("spotify"))
			require.Equal(t, []string{"aur/spotify"}, got.names, got.source().Why)
			require.Equal(t, wire.SourceOK, got.source().State)
			info := w.omgd.Omg("info", "yay")
			require.Zero(t, info.Code, info.Stderr)
			require.Zero(t, w.omgd.Omg("info", "glibc").Code)
		})
	}
}

func openFiles(t *testing.T, pid int) int {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	require.NoError(t, err)
	return len(entries)
}

// TestLive_Fields checks that omgd sends the AUR a request for the field that a search names, and that the results
// match all words of the search. A search that the AUR cannot answer causes no request.
func TestLive_Fields(t *testing.T) {
	t.Parallel()
	w := newAURSystem(t)
	w.start(long)
	for text, want := range map[string][]string{
		"yay":                {"aur/yay", "aur/yay-bin"},
		"name:yay":           {"aur/yay", "aur/yay-bin"},
		"about zoom":         {"aur/zoom", "aur/zoom-beta"},
		"keyword:key-paru":   {"aur/paru"},
		"repo:aur yay bin":   {"aur/yay-bin"},
		"depends:glibc yay":  {"aur/yay", "aur/yay-bin"},
		"provides:yay":       {"aur/yay-bin"},
		"name:zoom desc:bet": {"aur/zoom-beta"},
	} {
		got := w.search(words(strings.Fields(text)...))
		require.Zero(t, got.code, text)
		require.Equal(t, wire.SourceOK, got.source().State, "%s: %s", text, got.source().Why)
		aur := slices.DeleteFunc(got.names, func(n string) bool { return !strings.HasPrefix(n, "aur/") })
		require.ElementsMatch(t, want, aur, text)
		require.GreaterOrEqual(t, int(got.result.Total), len(want))
	}
	before := w.server.Count("search")
	for _, request := range []wire.SearchRequest{
		{Words: []string{"^yay"}, Regex: true},
		{Words: []string{"y"}, Repos: []string{"aur"}},
		{Words: []string{"yay"}, Repos: []string{"core"}},
		{Words: []string{"repo:core", "yay"}},
		{Words: []string{"colour:("}, Regex: true},
		{Words: []string{"yay"}, Offline: true},
	} {
		w.search(request)
	}
	require.Equal(t, before, w.server.Count("search"), "the AUR is not asked what it cannot answer")
	none := w.omgd.Omg("info", "no-such-package")
	require.Equal(t, 1, none.Code, none.Stderr)
	offline := w.omgd.Omg("info", "--offline", "spotify")
	require.Equal(t, 4, offline.Code)
	require.Contains(t, offline.Stderr, "offline")
}

// TestLive_RestartWithoutNetwork checks that without a network the next daemon repeats the AUR's last answers, with
// their age.
func TestLive_RestartWithoutNetwork(t *testing.T) {
	t.Parallel()
	w := newAURSystem(t)
	w.start(long)
	require.Equal(t, []string{"aur/spotify"}, w.search(words("spotify")).names)
	require.Zero(t, w.omgd.Omg("info", "spotify").Code)
	w.omgd.Stop()
	w.server.RefuseConnections()
	w.start(long)
	got := w.search(words("spotify"))
	require.Equal(t, []string{"aur/spotify"}, got.names)
	require.Equal(t, wire.SourceStale, got.source().State)
	require.Regexp(t, `connection refused; its last reply is (less than a minute|[0-9]+ minutes) old`, got.source().Why)
	require.Equal(t, 4, w.omgd.Omg("info", "paru").Code)
	w.server.AcceptConnections(t)
	paru := w.omgd.Omg("info", "paru")
	require.Zero(t, paru.Code, paru.Stderr)
	w.server.RefuseConnections()
	info := w.omgd.Omg("info", "spotify")
	require.Zero(t, info.Code)
	require.Contains(t, info.Stderr, "AUR: old data")
}

// TestLive_EqualQuestions checks that a thousand equal and concurrent requests cause only one request to the AUR.
func TestLive_EqualQuestions(t *testing.T) {
	t.Parallel()
	w := newAURSystem(t)
	w.start(long)
	gate := w.server.Hold("search")
	const connections, each = 25, 40
	wait, done := make(chan error, connections), make(chan error, connections)
	for range connections {
		conn := w.omgd.Dial()
		go func() {
			// receive reads one chunk of each reply. The first chunk has the repositories' results and is sent before
			// the AUR has answered. The second chunk is the last.
			receive := func(more bool) error {
				for range each {
					r, err := conn.Receive(t.Context())
					switch {
					case err != nil:
						return err
					case r.Err != nil:
						return r.Err
					case r.More != more:
						return errors.New("a part too many, or too few")
					}
				}
				return nil
			}
			for range each {
				if _, err := conn.Send(wire.OpSearch, &wire.SearchRequest{Words: []string{"zoom"}}); err != nil {
					wait <- err
					return
				}
			}
			err := receive(true)
			wait <- err
			if err == nil {
				done <- receive(false)
			}
		}()
	}
	for range connections {
		require.NoError(t, harness.Receive(t, wait, "the repositories' answers"))
	}
	gate.Next(t).Answer()
	for range connections {
		require.NoError(t, harness.Receive(t, done, "the AUR's answers"))
	}
	require.Equal(t, 1, w.server.Count("search"))
}

// TestLive_Disabled checks that omgd sends no request to a disabled AUR, and that no result lists the AUR as a source.
func TestLive_Disabled(t *testing.T) {
	t.Parallel()
	w := newAURSystem(t)
	w.start("OMG_AUR_ENABLED=false")
	got := w.search(words("yay"))
	require.Empty(t, got.names)
	require.Empty(t, got.source())
	require.Equal(t, 1, w.omgd.Omg("info", "yay").Code)
	w.omgd.Stop()
	require.Empty(t, w.server.RequestTargets())
	require.NoFileExists(t, w.Path("data", "aur.json.gz"))
}
