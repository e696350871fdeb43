// Package metrics tests what omgd shows of itself, with real Prometheus tools.
package metrics

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/programs"
	"github.com/omg-arch/omg/shared/fixture"
)

func TestMain(m *testing.M) { programs.Main(m) }

// world is a generated system with an omgd.
type world struct {
	home, db string
	args     []string
	env      []string
}

func newWorld(t *testing.T, env ...string) *world {
	t.Helper()
	w := &world{home: t.TempDir()}
	w.db = filepath.Join(w.home, "db")
	require.NoError(t, fixture.Write(w.db, fixture.Options{Packages: 200, Seed: 4, Installed: 30}))
	conf := filepath.Join(w.home, "pacman.conf")
	require.NoError(t, os.WriteFile(conf, []byte("[core]\n[extra]\n[multilib]\n"), 0o644))
	w.env = programs.Env(w.home, env...)
	w.args = []string{"--dbpath", w.db, "--pacman-config", conf, "--data-dir", filepath.Join(w.home, "data")}
	return w
}

// start starts omgd and waits until it answers.
func (w *world) start(t *testing.T) *programs.Daemon {
	t.Helper()
	d := programs.Start(t, w.env, w.args...)
	require.Eventually(t, func() bool { return w.omg(t, d, "explicit").Code == 0 }, 10*time.Second, 20*time.Millisecond)
	return d
}

func (w *world) omg(t *testing.T, d *programs.Daemon, args ...string) programs.Result {
	t.Helper()
	return programs.Run(t, w.env, "omg", append([]string{"--socket", d.Socket}, args...)...)
}

func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("there is no %s: make deps installs it", name)
	}
	return path
}

func TestMetrics(t *testing.T) {
	promtool := tool(t, "promtool")
	w := newWorld(t)
	d := w.start(t)
	w.omg(t, d, "search", "lib")
	w.omg(t, d, "search", "lib")
	w.omg(t, d, "search", "repo:nope", "zebra")
	r := w.omg(t, d, "metrics")
	require.Zero(t, r.Code, r.Stderr)
	check := exec.Command(promtool, "check", "metrics")
	check.Stdin = strings.NewReader(r.Stdout)
	said, err := check.CombinedOutput()
	require.NoError(t, err, string(said))
	require.Empty(t, string(said), "promtool has nothing to say")
	for _, line := range []string{
		`omg_cache_hits_total{cache="search"} 1`, `omg_errors_total{kind="invalid"} 1`, `omg_packages{count="installed"} 30`,
		`omg_index_packages 200`, `omg_source_ok{source="core",state="ok"} 1`, `omg_request_duration_seconds_count{operation="search"} 3`,
	} {
		require.Contains(t, r.Stdout, line+"\n")
	}
	require.Regexp(t, `omg_memory_bytes\{component="index_map"\} [1-9]`, r.Stdout)
	require.Regexp(t, `omg_build_info\{version="[^"]+"\} 1`, r.Stdout)
	require.NotContains(t, r.Stdout, "zebra", "no query is named")

	rules := filepath.Join(programs.Root(t), "packaging", "prometheus", "omg.rules.yml")
	said, err = exec.Command(promtool, "check", "rules", rules).CombinedOutput()
	require.NoError(t, err, string(said))

	// What rules and dashboard ask for is there.
	names := regexp.MustCompile(`omg_[a-z_]+`)
	known := map[string]bool{"omg_vulnerabilities": true, "omg_fetches_total": true} // while a tracker is asked
	for _, n := range names.FindAllString(r.Stdout, -1) {
		known[n] = true
	}
	asked := 0
	for _, file := range []string{rules, filepath.Join(filepath.Dir(rules), "omg-dashboard.json")} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, n := range names.FindAllString(string(text), -1) {
			require.True(t, known[n], "%s asks for %s", file, n)
			asked++
		}
	}
	require.Greater(t, asked, 10)
}

// TestScrape has a real Prometheus server scrape omgd, and others refused.
func TestScrape(t *testing.T) {
	prometheus := tool(t, "prometheus")
	port := freePort(t)
	address := fmt.Sprintf("127.0.0.1:%d", port)
	w := newWorld(t, "OMG_METRICS_ADDRESS="+address)
	w.start(t)

	get := func(host string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/metrics", nil)
		require.NoError(t, err)
		req.Host = host
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(body)
	}
	code, body := get(address)
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, body, "omg_index_packages 200\n")
	code, body = get("evil.example.org")
	require.Equal(t, http.StatusForbidden, code)
	require.NotContains(t, body, "omg_")

	config := filepath.Join(w.home, "prometheus.yml")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil,
		"global: {scrape_interval: 200ms, scrape_timeout: 200ms}\nscrape_configs: [{job_name: omg, static_configs: [{targets: ['%s']}]}]\n", address), 0o644))
	web := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	cmd := exec.Command(prometheus, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(w.home, "tsdb"), "--web.listen-address="+web, "--log.level=error")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	var answer struct {
		Data struct {
			Result []struct{ Value []any }
		}
	}
	require.Eventually(t, func() bool {
		resp, err := http.Get("http://" + web + "/api/v1/query?query=omg_index_packages")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return json.NewDecoder(resp.Body).Decode(&answer) == nil && len(answer.Data.Result) == 1
	}, 30*time.Second, 100*time.Millisecond, "the series is there")
	require.Equal(t, "200", answer.Data.Result[0].Value[1])
}

// TestSocketOfMetrics serves them on a socket that only the owner can open.
func TestSocketOfMetrics(t *testing.T) {
	dir, err := os.MkdirTemp("", "omg-metrics-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "m.sock")
	w := newWorld(t, "OMG_METRICS_ADDRESS="+path)
	w.start(t)
	fi, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), fi.Mode().Perm())
	client := http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", path) }}}
	defer client.CloseIdleConnections()
	resp, err := client.Get("http://omg/metrics")
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Contains(t, string(body), "omg_build_info")
}

// TestProfiles serves Go's profiles on a socket that only the owner can open.
func TestProfiles(t *testing.T) {
	dir, err := os.MkdirTemp("", "omg-pprof-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "p.sock")
	w := newWorld(t, "OMG_DEBUG_PPROF="+path)
	d := w.start(t)
	fi, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), fi.Mode().Perm())
	client := http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", path) }}}
	resp, err := client.Get("http://omg/debug/pprof/goroutine?debug=1")
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Contains(t, string(body), "goroutine profile")
	client.CloseIdleConnections()
	d.Stop(t)
	require.NoFileExists(t, path)
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// TestHealth has parts fail and come back.
func TestHealth(t *testing.T) {
	w := newWorld(t)
	r := programs.Run(t, w.env, "omg", "--socket", filepath.Join(w.home, "none"), "health")
	require.Equal(t, 3, r.Code, "nobody answers")

	d := w.start(t)
	component := func(name string) (state, why string) {
		var all struct {
			State      string
			Components []struct {
				Name, State, Why string
				Since            int64
			}
		}
		r := w.omg(t, d, "health", "--json")
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
	require.Eventually(t, func() bool { state, _ := component("libalpm"); return state == "degraded" }, 10*time.Second, 50*time.Millisecond,
		"there is no worker beside these programs")
	require.Equal(t, 6, w.omg(t, d, "health").Code)
	require.Equal(t, []string{"socket", "index", "refresh", "libalpm", "store"}, w.omg(t, d, "health", "-q").Lines())

	db := filepath.Join(w.db, "sync", "extra.db")
	whole, err := os.ReadFile(db)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(db, whole[:len(whole)/2], 0o644))
	require.Eventually(t, func() bool {
		state, why := component("index")
		return state == "degraded" && strings.Contains(why, "extra")
	}, 15*time.Second, 100*time.Millisecond, "a damaged database is named")
	require.NoError(t, os.WriteFile(db, whole, 0o644))
	require.Eventually(t, func() bool { state, _ := component("index"); return state == "ok" }, 20*time.Second, 100*time.Millisecond)
}

// What is asked of the daemon itself has nothing to do with which databases the command line names.
func TestQuestionsAboutTheDaemonReachIt(t *testing.T) {
	w := newWorld(t)
	d := w.start(t)
	env := append(append([]string{}, w.env...), "OMG_SOCKET_PATH="+d.Socket)
	for _, c := range []struct{ command, want string }{
		{"metrics", "omg_build_info"}, {"refresh", "refreshed"}, {"cache clear", "forgotten"}, {"daemon log-level", "info"},
	} {
		args := append([]string{"--dbpath", t.TempDir()}, strings.Fields(c.command)...)
		r := programs.Run(t, env, "omg", args...)
		require.Zero(t, r.Code, "%s: %s", c.command, r.Stderr)
		require.Contains(t, r.Stdout, c.want)
	}
	r := programs.Run(t, env, "omg", "--dbpath", t.TempDir(), "health") // 0 or 6, as the machine has a libalpm or not
	require.Contains(t, r.Stdout, "socket: ok", r.Stderr)
	r = programs.Run(t, env, "omg", "--dbpath", t.TempDir(), "explicit")
	require.Equal(t, 3, r.Code, "omgd answered for databases that it does not have: %s", r.Stdout)
}
