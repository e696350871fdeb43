// Package metrics tests the metrics of omgd and omg-fleet, and the health of omgd, with real Prometheus tools.
package metrics

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/freeport"
	"github.com/omg-arch/omg/shared/need"
)

func TestMain(m *testing.M) { harness.MainParallel(m, "4") }

func TestMetrics(t *testing.T) {
	t.Parallel()
	promtool := need.Program(t, "promtool")
	s := harness.New(t)
	d := s.StartDaemon()
	var r harness.Result
	searches := 1
	d.Omg("search", "repo:nope", "zebra")
	// A refresh may replace the snapshot at any time, and the replies in the caches with it.
	harness.Await(t, func() bool {
		searches++
		d.Omg("search", "lib")
		r = d.Omg("metrics")
		return strings.Contains(r.Stdout, `omg_cache_hits_total{cache="search"} 1`+"\n")
	}, "a search is answered from the cache: %s", func() string { return r.Stdout + r.Stderr })
	harness.Await(t, func() bool { // a request is counted when its reply is being sent
		r = d.Omg("metrics")
		return strings.Contains(r.Stdout, fmt.Sprintf("omg_request_duration_seconds_count{operation=\"search\"} %d\n", searches))
	}, "%d searches are counted in %s", searches, func() string { return r.Stdout + r.Stderr })
	require.Zero(t, r.Code, r.Stderr)
	check := exec.Command(promtool, "check", "metrics")
	check.Stdin = strings.NewReader(r.Stdout)
	says, err := check.CombinedOutput()
	require.NoError(t, err, string(says))
	require.Empty(t, string(says), "promtool has nothing to say")
	for _, line := range []string{
		`omg_cache_hits_total{cache="search"} 1`, `omg_request_errors_total{kind="invalid"} 1`, `omg_installed_packages{count="installed"} 20`,
		`omg_index_packages 200`, `omg_source_ok{kind="repository",source="core",state="ok"} 1`,
	} {
		require.Contains(t, r.Stdout, line+"\n")
	}
	require.Regexp(t, `omg_memory_bytes\{component="index_map"\} [1-9]`, r.Stdout)
	require.Regexp(t, `omg_build_info\{version="[^"]+"\} 1`, r.Stdout)
	require.NotContains(t, r.Stdout, "zebra", "no query is named")

	root := harness.ProjectRoot(t)
	rules := filepath.Join(root, "packaging", "prometheus", "omg.rules.yml")
	says, err = exec.Command(promtool, "check", "rules", rules).CombinedOutput()
	require.NoError(t, err, string(says))
	// These metrics exist only with a tracker or a journal.
	requireExist(t, r.Stdout+" omg_vulnerabilities omg_outgoing_requests_total omg_aur_findings", rules, filepath.Join(filepath.Dir(rules), "omg-dashboard.json"))
}

// metricName matches the name of a metric.
var metricName = regexp.MustCompile(`omg_[a-z_]+`)

// requireExist checks that all metrics in files are in a text.
func requireExist(t *testing.T, known string, files ...string) {
	t.Helper()
	all := metricName.FindAllString(known, -1)
	for _, file := range files {
		names := metricName.FindAllString(string(harness.ReadFile(t, file)), -1)
		require.Greater(t, len(names), 5, file)
		for _, n := range names {
			require.Contains(t, all, n, file)
		}
	}
}

// onPort starts a program that listens on an address and waits until it is ready.
func onPort(t *testing.T, start func(address string) *harness.Process, ready func(address string) bool) (address string) {
	t.Helper()
	address = freeport.TakeAddress(t)
	p := start(address)
	harness.Await(t, func() bool { return !p.Running() || ready(address) }, "%q is ready: %s", p.Cmd.Args, p.Stderr)
	require.True(t, p.Running(), "%q: %s", p.Cmd.Args, p.Stderr())
	return address
}

// get sends an HTTP request and returns the response. Without a response, code is 0 and body is the error.
func get(t *testing.T, client *http.Client, url, host string) (code int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	req.Host = host
	resp, err := client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(b)
}

// TestMetrics_Scraped has a real Prometheus server scrape omgd, and checks that other requests are refused.
func TestMetrics_Scraped(t *testing.T) {
	t.Parallel()
	s := harness.New(t)
	address := onPort(t, func(address string) *harness.Process {
		next := s.WithEnv("OMG_METRICS_ADDRESS=" + address)
		return harness.Start(t, next.Command("omgd", append(next.PathFlags(), "--foreground")...))
	}, func(address string) bool {
		_, body := get(t, http.DefaultClient, "http://"+address+"/metrics", address)
		return strings.Contains(body, "omg_index_packages 200\n")
	})
	code, body := get(t, http.DefaultClient, "http://"+address+"/metrics", address)
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, body, "omg_index_packages 200\n")
	code, body = get(t, http.DefaultClient, "http://"+address+"/metrics", "evil.example.org")
	require.Equal(t, http.StatusForbidden, code)
	require.NotContains(t, body, "omg_")

	web := startPrometheus(t, s, fmt.Sprintf("scrape_configs: [{job_name: omg, static_configs: [{targets: ['%s']}]}]", address))
	harness.Await(t, func() bool { return slices.Equal(series(t, web, "omg_index_packages"), []string{"200"}) }, "the series is there")
}

// startPrometheus starts a server that scrapes each second, and returns its address.
func startPrometheus(t *testing.T, s *harness.System, scrapes string) (web string) {
	t.Helper()
	prometheus := need.Program(t, "prometheus")
	config := s.Path("prometheus.yml")
	harness.WriteFile(t, config, "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"+scrapes+"\n")
	tsdb := 0
	return onPort(t, func(web string) *harness.Process {
		tsdb++
		return harness.Start(t, s.Command(prometheus, "--config.file="+config, "--storage.tsdb.path="+s.Path(fmt.Sprint("tsdb", tsdb)),
			"--web.listen-address="+web, "--log.level=error"))
	}, func(web string) bool {
		// Another server may have got the port. Only the Prometheus of this test replies with this data directory.
		code, body := get(t, http.DefaultClient, "http://"+web+"/api/v1/status/flags", web)
		return code == http.StatusOK && strings.Contains(body, s.Path("tsdb"))
	})
}

// series returns the present values of the series of a query.
func series(t *testing.T, web, query string) (values []string) {
	t.Helper()
	var answer struct {
		Data struct {
			Result []struct{ Value []any }
		}
	}
	code, body := get(t, http.DefaultClient, "http://"+web+"/api/v1/query?query="+url.QueryEscape(query), web)
	if code != http.StatusOK || json.Unmarshal([]byte(body), &answer) != nil {
		return nil
	}
	for _, r := range answer.Data.Result {
		values = append(values, fmt.Sprint(r.Value[1]))
	}
	return values
}

// socketClient returns a client of a socket.
func socketClient(t *testing.T, path string) *http.Client {
	t.Helper()
	fi, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), fi.Mode().Perm(), "only the owner can open it")
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", path) }}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// TestMetrics_Socket checks that only the owner can open the socket of the metrics.
func TestMetrics_Socket(t *testing.T) {
	t.Parallel()
	s := harness.New(t)
	path := s.Path("m.sock")
	s.WithEnv("OMG_METRICS_ADDRESS=" + path).LaunchDaemon()
	code, body := get(t, socketClient(t, path), "http://omg/metrics", "omg")
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, body, "omg_build_info")
}

// TestProfiles checks that only the owner can open the socket of Go's profiles.
func TestProfiles(t *testing.T) {
	t.Parallel()
	s := harness.New(t)
	path := s.Path("p.sock")
	d := s.WithEnv("OMG_DEBUG_PPROF=" + path).LaunchDaemon()
	code, body := get(t, socketClient(t, path), "http://omg/debug/pprof/goroutine?debug=1", "omg")
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, body, "goroutine profile")
	d.Stop()
	require.NoFileExists(t, path)
}

// TestHealth checks that the health report names parts of omgd that fail, and drops them when they recover.
func TestHealth(t *testing.T) {
	t.Parallel()
	s := harness.New(t)
	s.Bin = s.Path("bin") // without a libalpm worker
	harness.CopyPrograms(t, s.Bin)
	r := s.Run("omg", "--socket", s.Path("none"), "health")
	require.Equal(t, 3, r.Code, "nobody answers")

	d := s.StartDaemon()
	component := func(name string) (state, why string) {
		t.Helper()
		var all struct {
			State      string
			Components []struct {
				Name, State, Why string
				Since            int64
			}
		}
		r := d.Omg("health", "--json")
		require.NoError(t, json.Unmarshal([]byte(r.Stdout), &all), r.Stderr)
		for _, c := range all.Components {
			require.NotZero(t, c.Since)
			if c.Name == name {
				return c.State, c.Why
			}
		}
		return "", ""
	}
	state, why := component("index")
	require.Equal(t, "ok", state, why)
	state, _ = component("store")
	require.Equal(t, "ok", state)
	harness.Await(t, func() bool { state, _ := component("libalpm"); return state == "degraded" }, "libalpm's worker is missed")
	require.Equal(t, 6, d.Omg("health").Code)
	require.Equal(t, []string{"socket", "index", "refresh", "libalpm", "store", "watch"}, d.Omg("health", "-q").Lines())

	whole := harness.ReadFile(t, s.SyncDBPath("extra"))
	harness.WriteFile(t, s.SyncDBPath("extra"), whole[:len(whole)/2])
	harness.Await(t, func() bool {
		state, why = component("index")
		return state == "degraded" && strings.Contains(why, "extra")
	}, "a damaged database is named, not %s", func() string { return state + " " + why })
	harness.WriteFile(t, s.SyncDBPath("extra"), whole)
	harness.Await(t, func() bool { state, why = component("index"); return state == "ok" }, "the index is ok again, not %s", func() string { return why })
}

// TestAdministration_OtherDatabases checks that a request about the daemon itself reaches it although the command line
// names other databases.
func TestAdministration_OtherDatabases(t *testing.T) {
	t.Parallel()
	s := harness.New(t)
	d := s.StartDaemon()
	other := t.TempDir()
	omg := func(args ...string) harness.Result {
		t.Helper()
		return s.WithEnv("OMG_SOCKET_PATH="+d.Socket).Run("omg", slices.Concat([]string{"--dbpath", other, "--pacman-config", s.PacmanConf}, args)...)
	}
	for _, c := range []struct{ command, want string }{
		{"metrics", "omg_build_info"}, {"refresh", "refreshed"}, {"cache clear", "cleared"}, {"daemon log-level", "info"},
	} {
		r := omg(strings.Fields(c.command)...)
		require.Zero(t, r.Code, "%s: %s", c.command, r.Stderr)
		require.Contains(t, r.Stdout, c.want)
	}
	r := omg("health") // the exit code is 0 or 6, depending on the machine's libalpm
	require.Regexp(t, `(?m)^ok +socket `, r.Stdout, r.Stderr)
	r = omg("explicit")
	require.Equal(t, 3, r.Code, "omgd answered for databases that it does not have: %s", r.Stdout)
}
