// Package security tests omg security with the real programs and a tracker that misbehaves.
package security

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/fakeserver"
	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/corpus"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/statusfile"
	"github.com/omg-arch/omg/shared/wire"
)

func TestMain(m *testing.M) { harness.MainParallel(m, "8") }

// tracker serves all.json like the real one.
type tracker struct {
	*fakeserver.Server
	body atomic.Pointer[string]
}

func newTracker(t *testing.T) *tracker {
	t.Helper()
	s := &tracker{}
	s.Server = fakeserver.Serve(t, s, nil)
	return s
}

func (s *tracker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := *s.body.Load()
	etag := fmt.Sprintf(`"%d"`, len(body))
	if r.URL.Path != "/all.json" {
		http.NotFound(w, r)
		return
	}
	if r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("ETag", etag)
	_, _ = w.Write([]byte(body))
}

// answerText makes the tracker answer every request with this text.
func answerText(text string) func(*fakeserver.Server) {
	return func(s *fakeserver.Server) {
		s.SetFault(func(w http.ResponseWriter, _ *http.Request, _ http.Handler, _ <-chan struct{}) {
			_, _ = w.Write([]byte(text))
		})
	}
}

// trackerSystem is a generated system. The advisories of its tracker concern the installed package victim.
type trackerSystem struct {
	*harness.System
	tracker *tracker
	victim  *pacmandb.Installed
	omgd    *harness.Daemon
}

func newTrackerSystem(t *testing.T) *trackerSystem {
	t.Helper()
	w := &trackerSystem{tracker: newTracker(t)}
	w.System = harness.New(t, harness.WithGenerated(fixture.Options{Packages: 100, Seed: 2, Installed: 20}), harness.WithEnv(
		"OMG_TRACKER_ENABLED=true", "OMG_TRACKER_URL="+w.tracker.URL, "OMG_TRACKER_INTERVAL=24h", "OMG_NETWORK_TIMEOUT=2m", "OMG_NETWORK_PROXY=none"))
	local, err := pacmandb.ReadLocal(t.Context(), w.DB)
	require.NoError(t, err)
	w.victim = local.Packages[3]
	return w
}

// record returns an advisory about the package victim, in the tracker's format.
func (w *trackerSystem) record(name, affected, fixed string) string {
	fix := "null"
	if fixed != "" {
		fix = `"` + fixed + `"`
	}
	return fmt.Sprintf(`{"name":%q,"packages":[%q],"status":"Vulnerable","severity":"High","type":"multiple issues","affected":%q,"fixed":%s,"ticket":null,"issues":["CVE-2026-1"],"advisories":[]}`,
		name, w.victim.Name, affected, fix)
}

// serveRecords makes the tracker serve these advisories.
func (w *trackerSystem) serveRecords(records string) {
	body := "[" + records + "]"
	w.tracker.body.Store(&body)
}

// start starts omgd with additional environment variables.
func (w *trackerSystem) start(more ...string) {
	w.T.Helper()
	w.omgd = w.WithEnv(more...).StartDaemon()
}

// source returns the tracker in a status.
func source(r *wire.StatusResult) wire.Source {
	for _, s := range r.Sources {
		if s.Name == wire.SourceTracker {
			return s
		}
	}
	return wire.Source{}
}

// awaitCounts waits until the status has these numbers of vulnerabilities.
func (w *trackerSystem) awaitCounts(vulnerabilities, unconfirmed uint32) {
	w.T.Helper()
	w.omgd.AwaitStatus(func(r *wire.StatusResult) bool {
		c := r.Counts.Security
		return c != nil && c.Vulnerabilities == vulnerabilities && c.Unconfirmed == unconfirmed
	}, fmt.Sprintf("%d vulnerabilities and %d unconfirmed ones", vulnerabilities, unconfirmed))
}

// TestTracker_Answers checks every output that shows advisories of the tracker.
func TestTracker_Answers(t *testing.T) {
	t.Parallel()
	w := newTrackerSystem(t)
	w.serveRecords(w.record("AVG-1", w.victim.Version, "") + "," + w.record("AVG-2", "0-0", "") + `,{"name":5},"x"`)
	w.start()
	w.awaitCounts(1, 1)
	r := w.omgd.Omg("security")
	require.Equal(t, fmt.Sprintf("%s %s (AVG-1 High, affected)\n", w.victim.Name, w.victim.Version), r.Stdout)
	require.Contains(t, r.Stderr, "2 records of the security tracker could not be read")
	require.Zero(t, r.Code)
	require.Contains(t, w.omgd.Omg("audit", "--all").Stdout, "AVG-1 High, affected; AVG-2 High, unconfirmed")
	require.Contains(t, w.omgd.Omg("security", "--cve").Stdout, "    CVE-2026-1 https://security.archlinux.org/CVE-2026-1\n")
	require.Equal(t, w.victim.Name+"\n", w.omgd.Omg("security", "-q", "--severity", "high", w.victim.Name).Stdout)
	for _, c := range []struct {
		args []string
		code int
	}{
		{[]string{"--severity", "critical"}, 1},
		{[]string{"--fixable"}, 1},
		{[]string{"--fail-on", "high"}, 5},
		{[]string{"--fail-on", "critical"}, 0},
		{[]string{"--fail-on", "terrible"}, 2},
		{[]string{"no-such-package"}, 1},
		{[]string{"--json"}, 0},
	} {
		r := w.omgd.Omg(append([]string{"security"}, c.args...)...)
		require.Equal(t, c.code, r.Code, "%q: %s%s", c.args, r.Stdout, r.Stderr)
	}
	require.Contains(t, w.omgd.Omg("info", w.victim.Name).Stdout, "Advisories      : AVG-1 (High, affected)\n")
	require.Contains(t, w.omgd.Omg("status").Stdout, "Security        : 1 (1 high)\n")
	harness.Await(t, func() bool {
		file, err := statusfile.Read(w.Path("omg.status"))
		return err == nil && file.Vulnerabilities == statusfile.NewNumber(1)
	}, "the status file has the vulnerability")
}

// TestTracker_Faults has the tracker fail in each way: before its first answer, the result is unknown; afterwards its
// last answer stays, with its age.
func TestTracker_Faults(t *testing.T) {
	t.Parallel()
	faults := fakeserver.Misbehaviours()
	for name, text := range map[string]string{"HTML": "<html>hello</html>", "wrong types throughout": `[{"name":1},{"packages":"x"}]`} {
		faults = append(faults, fakeserver.Misbehaviour{Name: name, SwitchOn: answerText(text)})
	}
	for _, fault := range faults {
		if fault.NeedsTLS {
			continue // the fault needs TLS, and the tracker of this test uses plain http
		}
		t.Run(url.PathEscape(fault.Name), func(t *testing.T) {
			t.Parallel()
			w := newTrackerSystem(t)
			w.serveRecords(w.record("AVG-1", w.victim.Version, ""))
			var failing []string
			if fault.Hangs {
				failing = append(failing, "OMG_NETWORK_TIMEOUT=200ms") // ends every request that hangs
			}

			// The tracker has never answered: the result is unknown. It is neither a finding nor an all-clear.
			fault.SwitchOn(w.tracker.Server)
			w.start(failing...)
			w.omgd.AwaitStatus(func(r *wire.StatusResult) bool {
				s := source(r)
				return s.State == wire.SourceMissing && s.Why != "" && s.Why != "not downloaded yet"
			}, "a tracker that fails")
			st := w.omgd.Status()
			require.Nil(t, st.Counts.Security)
			require.EqualValues(t, 20, *st.Counts.Installed)
			r := w.omgd.Omg("security", "--fail-on", "low")
			require.Equal(t, 4, r.Code, r.Stdout)
			require.Contains(t, r.Stderr, "no data of the security tracker")
			require.Equal(t, 4, w.omgd.Omg("outdated", "--security").Code)
			w.omgd.Stop()

			// The tracker answers once. The next daemon uses this answer and sends no request.
			w.tracker.StopFaults(t)
			w.start()
			w.awaitCounts(1, 0)
			w.omgd.Stop()
			asked := len(w.tracker.RequestTargets())
			w.start()
			w.awaitCounts(1, 0)
			require.Equal(t, 5, w.omgd.Omg("security", "--fail-on", "high").Code)
			w.omgd.Stop()
			require.Len(t, w.tracker.RequestTargets(), asked, "a young answer is not asked for again")

			// The tracker fails when omgd sends the next request.
			fault.SwitchOn(w.tracker.Server)
			w.start(append(failing, "OMG_TRACKER_INTERVAL=1s")...)
			w.omgd.AwaitStatus(func(r *wire.StatusResult) bool { return source(r).Why != "" }, "a tracker that fails")
			st = w.omgd.Status()
			require.EqualValues(t, 1, st.Counts.Security.Vulnerabilities, "old counts stay")
			require.NotZero(t, source(&st).ChangedAt, "with their age")
			require.Equal(t, 5, w.omgd.Omg("security", "--fail-on", "high").Code)
		})
	}
}

// TestSecurity_AnotherTree checks the corpus against a file of real records, without a daemon.
func TestSecurity_AnotherTree(t *testing.T) {
	t.Parallel()
	s := harness.New(t, harness.WithCorpus())
	omg := func(args ...string) harness.Result {
		return s.Run("omg", slices.Concat(s.DatabaseFlags(), []string{"security", "--source", corpus.Advisories(t)}, args)...)
	}
	var all struct {
		Schema   int
		Packages []struct {
			Name       string
			Advisories []struct {
				Name    string
				Counted bool
			}
		}
	}
	r := omg("--json", "--all")
	require.Zero(t, r.Code, r.Stderr)
	require.NoError(t, json.Unmarshal([]byte(r.Stdout), &all))
	require.Equal(t, 1, all.Schema)
	counted, unconfirmed := 0, 0
	for _, p := range all.Packages {
		for _, a := range p.Advisories {
			if a.Counted {
				counted++
			} else {
				unconfirmed++
			}
		}
	}
	require.Equal(t, 13, counted)
	require.Equal(t, 3, unconfirmed)
	require.Equal(t, 5, omg("--fail-on", "critical").Code)
}

// TestSecurity_NoRecords checks that a file without the tracker's records is refused, and that without a file the
// result is unknown.
func TestSecurity_NoRecords(t *testing.T) {
	t.Parallel()
	s := harness.New(t)
	bad := s.Path("bad.json")
	harness.WriteFile(t, bad, "<html>")
	harness.RequireError(t, s.RunWithoutDaemon("security", "--source", bad), "omg", 3, "bad.json: not a list of advisories")
	require.Equal(t, 4, s.RunWithoutDaemon("security").Code)
}
