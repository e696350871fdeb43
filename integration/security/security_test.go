// Package security tests omg security with the real programs and a tracker that
// misbehaves.
package security

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/fakeserver"
	"github.com/omg-arch/omg/integration/programs"
	"github.com/omg-arch/omg/shared/corpus"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pacmandb"
)

func TestMain(m *testing.M) { programs.Main(m) }

// tracker serves all.json as the real one does.
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

// says has the tracker answer with a text that is not its own.
func says(text string) func(*fakeserver.Server) {
	return func(s *fakeserver.Server) {
		s.Set(func(w http.ResponseWriter, _ *http.Request, _ http.Handler, _ <-chan struct{}) {
			_, _ = w.Write([]byte(text))
		})
	}
}

// world is a generated system with one package that a record concerns.
type world struct {
	home, db, conf string
	victim         *pacmandb.Installed
	env            []string
}

func newWorld(t *testing.T, url string) *world {
	t.Helper()
	w := &world{home: t.TempDir()}
	w.db, w.conf = filepath.Join(w.home, "db"), filepath.Join(w.home, "pacman.conf")
	require.NoError(t, fixture.Write(w.db, fixture.Options{Packages: 100, Seed: 2, Installed: 20}))
	require.NoError(t, os.WriteFile(w.conf, []byte("[core]\n[extra]\n[multilib]\n"), 0o644))
	local, err := pacmandb.ReadLocal(t.Context(), w.db)
	require.NoError(t, err)
	w.victim = local.Packages[3]
	w.env = programs.Env(w.home, "OMG_TRACKER_ENABLED=true", "OMG_TRACKER_URL="+url, "OMG_TRACKER_INTERVAL=1m", "OMG_NETWORK_TIMEOUT=500ms", "OMG_NETWORK_PROXY=none")
	return w
}

// record is one of the tracker's, about the victim.
func (w *world) record(name, affected, fixed string) string {
	fix := "null"
	if fixed != "" {
		fix = `"` + fixed + `"`
	}
	return fmt.Sprintf(`{"name":%q,"packages":[%q],"status":"Vulnerable","severity":"High","type":"multiple issues","affected":%q,"fixed":%s,"ticket":null,"issues":["CVE-2026-1"],"advisories":[]}`,
		name, w.victim.Name, affected, fix)
}

func (w *world) start(t *testing.T) *programs.Daemon {
	t.Helper()
	return programs.Start(t, w.env, "--dbpath", w.db, "--pacman-config", w.conf, "--data-dir", filepath.Join(w.home, "data"))
}

type status struct {
	Counts struct {
		Installed int
		Security  *struct{ Vulnerabilities, Unconfirmed int }
	}
	Sources []struct {
		Name, State, Why string
		Changed          int64
	}
}

func (s *status) tracker() (state, why string, changed int64) {
	for _, x := range s.Sources {
		if x.Name == "tracker" {
			return x.State, x.Why, x.Changed
		}
	}
	return "", "", 0
}

func (w *world) status(t *testing.T, d *programs.Daemon) status {
	t.Helper()
	r := programs.Run(t, w.env, "omg", "--socket", d.Socket, "status", "--json")
	var s status
	require.NoError(t, json.Unmarshal([]byte(r.Stdout), &s), r.Stderr)
	return s
}

func (w *world) omg(t *testing.T, d *programs.Daemon, args ...string) programs.Result {
	t.Helper()
	return programs.Run(t, w.env, "omg", append([]string{"--socket", d.Socket}, args...)...)
}

// eventually waits until a status is as it should be.
func (w *world) eventually(t *testing.T, d *programs.Daemon, what string, is func(s status) bool) status {
	t.Helper()
	var s status
	require.Eventually(t, func() bool { s = w.status(t, d); return is(s) }, 15*time.Second, 50*time.Millisecond, what)
	return s
}

// TestTrackerAnswers goes from the tracker's records to each place that shows them.
func TestTrackerAnswers(t *testing.T) {
	s := newTracker(t)
	w := newWorld(t, s.URL)
	body := "[" + w.record("AVG-1", w.victim.Version, "") + "," + w.record("AVG-2", "0-0", "") + `,{"name":5},"x"]`
	s.body.Store(&body)
	d := w.start(t)
	w.eventually(t, d, "counted", func(s status) bool {
		c := s.Counts.Security
		return c != nil && c.Vulnerabilities == 1 && c.Unconfirmed == 1
	})
	r := w.omg(t, d, "security")
	require.Equal(t, fmt.Sprintf("%s %s (AVG-1 High, affected)\n", w.victim.Name, w.victim.Version), r.Stdout)
	require.Contains(t, r.Stderr, "2 of the tracker's records could not be read")
	require.Zero(t, r.Code)
	require.Contains(t, w.omg(t, d, "audit", "--all").Stdout, "AVG-1 High, affected; AVG-2 High, unconfirmed")
	require.Contains(t, w.omg(t, d, "security", "--cve").Stdout, "    CVE-2026-1 https://security.archlinux.org/CVE-2026-1\n")
	require.Equal(t, w.victim.Name+"\n", w.omg(t, d, "security", "-q", "--severity", "high", w.victim.Name).Stdout)
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
		r := w.omg(t, d, append([]string{"security"}, c.args...)...)
		require.Equal(t, c.code, r.Code, "%q: %s%s", c.args, r.Stdout, r.Stderr)
	}
	require.Contains(t, w.omg(t, d, "info", w.victim.Name).Stdout, "Advisories      : AVG-1 (High, affected)\n")
	require.Contains(t, w.omg(t, d, "status").Stdout, "Security        : 1 (critical 0, high 1, medium 0, low 0, unknown 0)\n")
	file, err := os.ReadFile(strings.TrimSuffix(d.Socket, ".sock") + ".status")
	require.NoError(t, err)
	require.NotEmpty(t, file)
}

// TestTrackerFaults has the tracker fail in each way: before it ever answered,
// what it says is unknown; afterwards what it said stays, with its age.
func TestTrackerFaults(t *testing.T) {
	faults := map[string]func(*fakeserver.Server){
		"HTML":                   says("<html>hello</html>"),
		"wrong types throughout": says(`[{"name":1},{"packages":"x"}]`),
	}
	for _, s := range fakeserver.Switches() {
		if !s.TLS {
			faults[s.Name] = s.On
		}
	}
	require.Contains(t, faults, "connection refused")
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTracker(t)
			w := newWorld(t, s.URL)
			body := "[" + w.record("AVG-1", w.victim.Version, "") + "]"
			s.body.Store(&body)

			// Never answered: unknown, which is neither a finding nor an all-clear.
			fault(s.Server)
			d := w.start(t)
			st := w.eventually(t, d, "asked", func(s status) bool {
				state, why, _ := s.tracker()
				return state == "missing" && why != "" && why != "not asked yet"
			})
			require.Nil(t, st.Counts.Security)
			require.Equal(t, 20, st.Counts.Installed)
			r := w.omg(t, d, "security", "--fail-on", "low")
			require.Equal(t, 4, r.Code, r.Stdout)
			require.Contains(t, r.Stderr, "not known")
			require.Equal(t, 4, w.omg(t, d, "outdated", "--security").Code)
			d.Stop(t)

			// Answered once; then it fails after a restart with an old answer.
			s.Off(t)
			d = w.start(t)
			w.eventually(t, d, "counted", func(s status) bool { return s.Counts.Security != nil && s.Counts.Security.Vulnerabilities == 1 })
			d.Stop(t)
			asked := len(s.Asked())
			d = w.start(t)
			w.eventually(t, d, "remembered", func(s status) bool { return s.Counts.Security != nil && s.Counts.Security.Vulnerabilities == 1 })
			require.Len(t, s.Asked(), asked, "a young answer is not asked for again")
			require.Equal(t, 5, w.omg(t, d, "security", "--fail-on", "high").Code)
			d.Stop(t)

			fault(s.Server)
			w.env = append(w.env, "OMG_TRACKER_INTERVAL=1s")
			d = w.start(t)
			st = w.eventually(t, d, "asked again", func(s status) bool { _, why, _ := s.tracker(); return why != "" })
			require.Equal(t, 1, st.Counts.Security.Vulnerabilities, "old counts stay")
			_, _, changed := st.tracker()
			require.NotZero(t, changed, "with their age")
			require.Equal(t, 5, w.omg(t, d, "security", "--fail-on", "high").Code)
		})
	}
}

// TestAnotherTree audits the corpus by a file of real records, without a daemon.
func TestAnotherTree(t *testing.T) {
	db := corpus.DB(t)
	home := t.TempDir()
	conf := filepath.Join(home, "pacman.conf")
	require.NoError(t, os.WriteFile(conf, []byte("[core]\n[extra]\n[multilib]\n"), 0o644))
	omg := func(args ...string) programs.Result {
		return programs.Run(t, programs.Env(home), "omg", append([]string{"--dbpath", db, "--pacman-config", conf, "security", "--source", corpus.AVG(t)}, args...)...)
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
	require.NoError(t, os.WriteFile(filepath.Join(home, "bad.json"), []byte("<html>"), 0o644))
	bad := programs.Run(t, programs.Env(home), "omg", "--dbpath", db, "security", "--source", filepath.Join(home, "bad.json"))
	require.Equal(t, 3, bad.Code)
	require.Contains(t, bad.Stderr, "bad.json: not the security tracker's advisories")
	require.Equal(t, 4, programs.Run(t, programs.Env(home), "omg", "--dbpath", db, "security").Code)
}
