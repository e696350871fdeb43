package publish

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/wire"
)

// scale is how large TestCrowd is.
type scale struct {
	// crowds are the numbers of simulated machines that are compared, and daemons is the number of real ones.
	crowds  []int
	daemons int
	// packages and aurPackages are those of the real machines.
	packages, aurPackages int
}

func scaleOfTest() scale {
	if os.Getenv("OMG_SOAK") != "" {
		return scale{[]int{100, 1000, 10_000}, 50, 15_000, 100_000}
	}
	return scale{[]int{10, 100, 300}, 5, attackPackages, attackPackages}
}

const (
	crowdName    = "crowd"
	machinesName = "machines"
	// textCount is the number of texts of records that a machine gets: those of three repositories, of the AUR, and of its votes.
	textCount = 5
)

// site is an origin with two published directories, one for simulated machines and one for real ones.
type site struct {
	t               *testing.T
	root            string
	crowd, machines *publisher
	origin          *server
	now             time.Time
	pullerTest      string // the program that simulates machines
}

// startSite publishes two days into both directories. The origin serves the first one.
func startSite(t *testing.T, sc scale) *site {
	t.Helper()
	s := &site{t: t, root: t.TempDir(), now: time.Now().Truncate(time.Second), pullerTest: filepath.Join(t.TempDir(), "puller.test")}
	publishDays := func(name string, packages, aurPackages int) *publisher {
		p := newPublisher(t, 0, 3, harness.WithTestClock(), harness.WithEnv(testTime(s.now.Add(-26*time.Hour))))
		p.packages, p.aurPackages, p.noFiles = packages, aurPackages, true
		for day := 1; day <= 2; day++ {
			p.System = p.WithEnv(testTime(s.now.Add(time.Duration(24*(day-2)-1) * time.Hour)))
			p.publish(day)
			copied := filepath.Join(s.root, fmt.Sprint(day), name)
			require.NoError(t, os.MkdirAll(filepath.Dir(copied), 0o755))
			out, err := exec.Command("cp", "-a", p.dir, copied).CombinedOutput() // with the times, as the guide says
			require.NoError(t, err, "%s", out)
		}
		return p
	}
	s.crowd = publishDays(crowdName, attackPackages, attackPackages)
	s.machines = publishDays(machinesName, sc.packages, sc.aurPackages)
	s.serve(1)
	// Machines ask for the signature once an hour, and edges keep it for a minute. Here, an hour takes a minute.
	s.origin = startNginx(t, "omg-origin.conf", map[string]string{"/srv/omg": filepath.Join(s.root, "current"), "max-age=60": "max-age=1"})
	build := exec.Command("go", "test", "-c", "-tags", "urfave_cli_no_docs", "-o", s.pullerTest, "./omg-index/internal/puller")
	build.Dir = harness.ProjectRoot(t)
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return s
}

func testTime(at time.Time) string { return "OMG_TEST_TIME=" + at.Format(time.RFC3339) }

// serve has the origin serve what was published of a day. All files change at once.
func (s *site) serve(day int) {
	s.t.Helper()
	next := filepath.Join(s.root, "next")
	require.NoError(s.t, os.Symlink(fmt.Sprint(day), next))
	require.NoError(s.t, os.Rename(next, filepath.Join(s.root, "current")))
}

// startEdges starts two caches, which have nothing.
func (s *site) startEdges() (edges []*server) {
	s.t.Helper()
	for range 2 {
		edges = append(edges, startNginx(s.t, "omg-edge.conf", map[string]string{
			"http://omg.example.org": s.origin.URL, "/var/cache/nginx/omg": filepath.Join(s.t.TempDir(), "cache"),
		}))
	}
	return edges
}

// awaitDay waits until the edges have the signatures of a day.
func (s *site) awaitDay(edges []*server, day int) {
	s.t.Helper()
	for _, edge := range edges {
		for _, name := range []string{crowdName, machinesName} {
			const signature = "manifest.json.minisig"
			want := string(harness.ReadFile(s.t, filepath.Join(s.root, fmt.Sprint(day), name, signature)))
			harness.Await(s.t, func() bool { return get(s.t, edge.URL+"/"+name+"/"+signature) == want }, "the signature of day %d", day)
		}
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	r, err := http.Get(url)
	require.NoError(t, err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return string(body)
}

// load is what the origin has sent.
type load struct {
	// Requests and Bytes are those of files that never change, and Signatures is the number of requests for a signature.
	Requests, Signatures int
	Bytes                int64
}

// sent returns what the origin has sent below a directory since its start. nginx writes its log in the order in which its responses end.
func (s *site) sent(name string) (l load) {
	s.t.Helper()
	marker := "/end-" + fmt.Sprint(time.Now().UnixNano())
	get(s.t, s.origin.URL+marker)
	harness.Await(s.t, func() bool { _, n := s.origin.sentBytes(marker); return n == 1 }, "the last request in the log of the origin")
	all, n := s.origin.sentBytes("/" + name + "/")
	signatures, m := s.origin.sentBytes("/" + name + "/manifest.json.minisig")
	return load{Requests: n - m, Signatures: m, Bytes: all - signatures}
}

func (l load) minus(before load) load {
	return load{Requests: l.Requests - before.Requests, Signatures: l.Signatures - before.Signatures, Bytes: l.Bytes - before.Bytes}
}

// crowdResult is what the program of omg-index/internal/puller prints about a crowd.
type crowdResult struct {
	Pulled, Stale, Sources, Patches, Whole int
	Bytes                                  int64
	Errors                                 []string
}

// pull has each machine of a crowd pull once from the edges. The directory dir has what they have pulled before.
func (s *site) pull(dir string, machines int, edges []*server, at time.Time) (r crowdResult) {
	s.t.Helper()
	text, err := json.Marshal(map[string]any{
		"Machines": machines, "Dir": dir, "Keys": []string{s.crowd.key}, "Mirrors": []string{edges[0].URL + "/" + crowdName, edges[1].URL + "/" + crowdName}, "Now": at.Unix(),
	})
	require.NoError(s.t, err)
	cmd := exec.Command(s.pullerTest, "-test.run=^TestPull_Crowd$", "-test.timeout=2h")
	cmd.Env = append(os.Environ(), "OMG_TEST_CROWD="+string(text))
	out, err := cmd.CombinedOutput()
	require.NoError(s.t, err, "%s", out)
	_, line, found := strings.Cut(string(out), "\ncrowd ")
	require.True(s.t, found, "%s", out)
	line, _, _ = strings.Cut(line, "\n")
	require.NoError(s.t, json.Unmarshal([]byte(line), &r))
	require.Empty(s.t, r.Errors)
	require.Equal(s.t, machines, r.Pulled)
	require.Equal(s.t, machines*textCount, r.Sources)
	return r
}

// TestCrowd has crowds of machines pull two days through two edges, and compares what has left the origin: it does not depend on their number. Real
// machines pull from the same edges. Then the origin ends: everybody goes on with what the edges have, and sees its age.
func TestCrowd(t *testing.T) {
	sc := scaleOfTest()
	s := startSite(t, sc)
	var edges []*server
	var dir string
	var first load
	for i, n := range sc.crowds {
		s.serve(1)
		edges, dir = s.startEdges(), filepath.Join(t.TempDir(), "crowd")
		before, begin := s.sent(crowdName), time.Now()
		r := s.pull(dir, n, edges, s.now.Add(-time.Hour))
		require.Equal(t, crowdResult{Pulled: n, Sources: textCount * n, Whole: textCount * n, Bytes: r.Bytes}, r)
		received := r.Bytes
		s.serve(2)
		s.awaitDay(edges, 2)
		r = s.pull(dir, n, edges, s.now)
		require.Equal(t, crowdResult{Pulled: n, Sources: textCount * n, Patches: textCount * n, Bytes: r.Bytes}, r)
		s.pull(filepath.Join(t.TempDir(), "new"), len(edges), edges, s.now) // without these, the edges would have only the patches of day 2
		seconds := int(time.Since(begin)/time.Second) + 1
		got := s.sent(crowdName).minus(before)
		t.Logf("%d machines received %d bytes in %d s: the origin sent %d bytes for %d requests, and replied to %d requests for signatures",
			n, received+r.Bytes, seconds, got.Bytes, got.Requests, got.Signatures)
		require.Equal(t, len(edges)*(2+3*textCount), got.Requests, "each edge has requested each file once: two manifests, the texts of two days, and the patches")
		require.LessOrEqual(t, got.Signatures, len(edges)*(seconds+1), "each edge requests the signature at most once a second")
		got.Signatures = 0
		if i == 0 {
			first = got
		}
		require.Equal(t, first, got)
	}

	daemons := s.startDaemons(sc.daemons, edges)
	s.origin.stop()
	largest, late := sc.crowds[len(sc.crowds)-1], s.now.Add(49*time.Hour)
	r := s.pull(dir, largest, edges, late)
	require.Equal(t, crowdResult{Pulled: largest, Stale: largest, Sources: textCount * largest, Bytes: r.Bytes}, r)
	r = s.pull(filepath.Join(t.TempDir(), "new"), 10, edges, late)
	require.Equal(t, crowdResult{Pulled: 10, Stale: 10, Sources: textCount * 10, Whole: textCount * 10, Bytes: r.Bytes}, r, "new machines get everything from the edges")
	for _, d := range daemons {
		d.requireMarked(t, late)
	}
	for _, d := range daemons {
		require.True(t, d.Running())
	}
}

// daemon is a real machine, whose clock the test sets.
type daemon struct {
	*harness.Daemon
	clock string
}

// startDaemons starts real machines, two at a time, and waits until they have pulled. What leaves the origin does not depend on their number.
func (s *site) startDaemons(n int, edges []*server) (list []*daemon) {
	s.t.Helper()
	before := s.sent(machinesName)
	var first load
	for i := range n {
		urls := []string{edges[i%2].URL + "/" + machinesName, edges[1-i%2].URL + "/" + machinesName}
		m := harness.New(s.t, harness.WithoutDatabases(), harness.WithTestClock())
		d := &daemon{clock: m.Path("clock")}
		harness.WriteFile(s.t, m.PacmanConf, fixture.PacmanConfig)
		harness.WriteFile(s.t, filepath.Join(m.DB, "local", "ALPM_DB_VERSION"), "9\n")
		harness.WriteFile(s.t, d.clock, s.now.Format(time.RFC3339))
		m = m.WithEnv("OMG_INDEX_URLS="+strings.Join(urls, ","), "OMG_INDEX_KEYS="+s.machines.key, "OMG_NETWORK_TIMEOUT=2m", "OMG_AUR_ENABLED=true",
			"OMG_AUR_LIVE_ENABLED=false", "OMG_TEST_TIME="+d.clock)
		d.Daemon = m.LaunchDaemon()
		list = append(list, d)
		if i%2 == 1 || i == n-1 {
			for _, d := range list[max(len(list)-2, 0):] {
				awaitPulled(d.Daemon, 2)
			}
		}
		if i == 1 {
			first = s.sent(machinesName).minus(before)
		}
	}
	got := s.sent(machinesName).minus(before)
	s.t.Logf("the origin sent %d bytes for %d requests to 2 machines with omgd, and %d bytes for %d requests to %d", first.Bytes, first.Requests, got.Bytes, got.Requests, n)
	first.Signatures, got.Signatures = 0, 0
	require.Equal(s.t, first, got)
	require.Equal(s.t, len(edges)*(1+textCount), got.Requests)
	return list
}

// omg runs omg, which must succeed. On a busy machine, omgd may need longer for a reply than omg waits: then omg runs again.
func (d *daemon) omg(t *testing.T, args ...string) (r harness.Result) {
	t.Helper()
	harness.Await(t, func() bool {
		r = d.Omg(args...)
		return !strings.Contains(r.Stderr, "omgd does not respond")
	}, "omgd replies to omg %v", args)
	return requireOK(t, r)
}

// requireMarked moves the clock of a machine, and checks that it still answers and that everybody sees the age.
func (d *daemon) requireMarked(t *testing.T, at time.Time) {
	t.Helper()
	search := func() harness.Result { return d.omg(t, "search", "--limit", "5", "lib") }
	before := search()
	require.NotEmpty(t, before.Stdout)
	require.NotContains(t, before.Stderr, "old data")
	harness.ReplaceFile(t, d.clock, at.Format(time.RFC3339))
	d.omg(t, "refresh")
	d.AwaitStatus(func(st *wire.StatusResult) bool {
		return len(st.Sources) == 4 && !slices.ContainsFunc(st.Sources, func(s wire.Source) bool { return s.State != wire.SourceStale })
	}, "stale sources only")
	status := d.omg(t, "status").Stdout
	require.Regexp(t, `core \(pulled\) +stale +not confirmed by a mirror for 2 days`, status)
	require.Regexp(t, `Pulled +: sequence \d+, published 2 days ago, expired 2 hours ago, confirmed by a mirror 2 days ago`, status)
	after := search()
	require.Equal(t, before.Stdout, after.Stdout)
	require.Contains(t, after.Stderr, "old data: not confirmed by a mirror for 2 days")
}
