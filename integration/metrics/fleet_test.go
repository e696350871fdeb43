package metrics

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/wire"
)

// TestFleet has a real Prometheus server scrape omg-fleet web with the alert rules, and checks that all metrics in the rules, the dashboard and the
// documentation exist.
func TestFleet(t *testing.T) {
	t.Parallel()
	promtool := need.Program(t, "promtool")
	s := harness.New(t)
	dir := s.Path("inventories")
	require.NoError(t, os.Mkdir(dir, 0o755))
	yes, updates := true, uint32(12)
	document, err := inventory.Encode(&inventory.Inventory{
		Schema: inventory.Schema, Host: "web1", At: clock.Now().Unix(), RebootNeeded: &yes,
		Counts: wire.Counts{Updates: &updates, Security: &wire.SecurityCounts{Vulnerabilities: 2, High: 2}, AURFindings: &wire.FindingCounts{Note: 1}},
		Parts:  []inventory.Part{{Name: inventory.PartPackages, State: inventory.PartOK}},
	})
	require.NoError(t, err)
	harness.WriteFile(t, filepath.Join(dir, "web1.json"), document)
	harness.WriteFile(t, filepath.Join(dir, "broken.json"), "{")
	roster, login, token := s.Path("roster"), s.Path("login"), s.Path("token")
	harness.WriteFile(t, roster, "web1\ngone\n")
	for path, text := range map[string]string{login: "the token of the users", token: "the token of Prometheus"} {
		harness.WriteFile(t, path, text+"\n")
		require.NoError(t, os.Chmod(path, 0o600))
	}
	scrape := func(address, token string) (code int, body string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/metrics", nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(r)
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
	address := onPort(t, func(address string) *harness.Process {
		return harness.Start(t, s.Command("omg-fleet", "--from", dir, "--roster", roster, "web", "--listen", address, "--token-file", login, "--metrics-token-file", token))
	}, func(address string) bool {
		code, _ := scrape(address, "the token of Prometheus")
		return code == http.StatusOK
	})
	code, body := scrape(address, "the token of the users")
	require.Equal(t, http.StatusUnauthorized, code)
	require.NotContains(t, body, "omg_fleet")
	_, body = scrape(address, "the token of Prometheus")
	for _, line := range []string{
		`omg_fleet_hosts{state="answered"} 1`, `omg_fleet_hosts{state="missing"} 1`, `omg_fleet_hosts{state="unreadable"} 1`, "omg_fleet_updates 12",
	} {
		require.Contains(t, body, line+"\n")
	}
	require.NotContains(t, body, "web1")
	check := exec.Command(promtool, "check", "metrics")
	check.Stdin = strings.NewReader(body)
	says, err := check.CombinedOutput()
	require.NoError(t, err, string(says))
	require.Empty(t, string(says), "promtool has nothing to say")

	packaging := filepath.Join(harness.ProjectRoot(t), "packaging", "prometheus")
	rules := filepath.Join(packaging, "omg-fleet.rules.yml")
	requireExist(t, body, rules, filepath.Join(packaging, "omg-fleet-dashboard.json"), filepath.Join(harness.ProjectRoot(t), "docs", "fleet-web.md"))
	web := startPrometheus(t, s, fmt.Sprintf(`rule_files: [%q]
scrape_configs:
  - job_name: omg-fleet
    authorization: {credentials_file: %q}
    static_configs: [{targets: ['%s']}]`, rules, token, address))
	harness.Await(t, func() bool {
		return slices.Equal(series(t, web, `sum(omg_fleet_hosts{state!="answered"})`), []string{"2"})
	}, "the series is there")
	code, body = get(t, http.DefaultClient, "http://"+web+"/api/v1/rules", web)
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, body, "OmgFleetHostsSilent")
	require.NotContains(t, body, `"health":"err"`)
}

// TestFleet_Rules evaluates the alert rules with series of numbers.
func TestFleet_Rules(t *testing.T) {
	t.Parallel()
	says, err := exec.Command(need.Program(t, "promtool"), "test", "rules", filepath.Join("testdata", "omg-fleet.rules.test.yml")).CombinedOutput()
	require.NoError(t, err, string(says))
	alerts := strings.Count(string(harness.ReadFile(t, filepath.Join(harness.ProjectRoot(t), "packaging", "prometheus", "omg-fleet.rules.yml"))), "- alert: ")
	require.Positive(t, alerts)
	tests := string(harness.ReadFile(t, filepath.Join("testdata", "omg-fleet.rules.test.yml")))
	require.Equal(t, alerts, strings.Count(tests, "exp_alerts:"), "each alert is seen to fire")
}
