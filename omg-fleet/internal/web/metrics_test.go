package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg-fleet/internal/resident"
	"github.com/omg-arch/omg/shared/inventory"
)

const testMetricsToken = "the token of Prometheus"

func newMetricsSite(t *testing.T) *site {
	t.Helper()
	return newSite(t, func(o *Options) { o.MetricsToken = testMetricsToken })
}

// read fills the fleet as a watcher does.
func (s *site) read(fill func()) {
	s.t.Helper()
	require.NoError(s.t, s.fleet.Read(s.t.Context(), func(context.Context) error {
		fill()
		return nil
	}))
}

// scrape returns the metrics, without comments, as lines.
func (s *site) scrape() (lines []string) {
	s.t.Helper()
	r := s.request(http.MethodGet, metricsPath, "")
	r.Header.Set("Authorization", "Bearer "+testMetricsToken)
	w := s.send(r)
	require.Equal(s.t, http.StatusOK, w.Code, w.Body)
	for line := range strings.Lines(w.Body.String()) {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

func TestMetrics(t *testing.T) {
	s := newMetricsSite(t)
	s.read(s.fill)
	s.fleet.Contact("web1", resident.Contact{Heard: time.Unix(1_700_000_000, 0)})
	s.fleet.Contact("web2", resident.Contact{Heard: time.Unix(1_600_000_000, 0), IsSilent: true})
	s.fleet.Refuse("bad", "bad", errors.New("damaged"))
	lines := s.scrape()
	for _, line := range []string{
		"omg_fleet_source_ok 1", `omg_fleet_hosts{state="answered"} 1`, `omg_fleet_hosts{state="missing"} 1`, `omg_fleet_hosts{state="old"} 1`,
		`omg_fleet_hosts{state="silent"} 1`, `omg_fleet_hosts{state="unreadable"} 1`, `omg_fleet_hosts{state="future"} 0`, "omg_fleet_duplicates 0",
		"omg_fleet_updates 112", "omg_fleet_hosts_with_updates 2", `omg_fleet_hosts_unknown{number="updates"} 3`,
		`omg_fleet_advisories{severity="high"} 2`, `omg_fleet_advisories{severity="low"} 0`, `omg_fleet_hosts_with_advisories{severity="high"} 1`,
		`omg_fleet_hosts_unknown{number="advisories"} 4`, `omg_fleet_findings{level="act"} 1`, `omg_fleet_hosts_with_findings{level="act"} 1`,
		`omg_fleet_hosts_with_findings{level="look"} 0`, "omg_fleet_hosts_reboot_needed 1", `omg_fleet_hosts_unknown{number="reboot"} 4`,
		"omg_fleet_oldest_contact_timestamp_seconds 1.6e+09", "omg_fleet_latest_contact_timestamp_seconds 1.7e+09",
	} {
		require.Contains(t, lines, line)
	}
	s.fleet.SetProblem("the disk is gone")
	require.Contains(t, s.scrape(), "omg_fleet_source_ok 0")
}

// TestMetrics_Unknown checks that what is not known is absent.
func TestMetrics_Unknown(t *testing.T) {
	s := newMetricsSite(t)
	away := errors.New("no server can be reached")
	require.ErrorIs(t, s.fleet.Read(t.Context(), func(context.Context) error { return away }), away)
	lines := s.scrape()
	require.Len(t, lines, 2, "%q", lines)
	require.Contains(t, lines, "omg_fleet_source_ok 0")
	require.Contains(t, lines[0], "omg_fleet_build_info")

	s.read(func() {
		s.put("web1", &inventory.Inventory{Parts: []inventory.Part{{Name: inventory.PartPackages, State: inventory.PartOK}}})
	})
	lines = s.scrape()
	require.Contains(t, lines, `omg_fleet_hosts_unknown{number="updates"} 1`)
	for _, name := range []string{"updates", "advisories", "findings", "hosts_with", "hosts_reboot_needed", "oldest_contact", "latest_contact"} {
		require.False(t, slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, "omg_fleet_"+name) }), "%s: %q", name, lines)
	}
}

// TestMetrics_Cardinality checks that the number of metrics does not depend on the hosts, and that no metric has what a host has sent.
func TestMetrics_Cardinality(t *testing.T) {
	s := newMetricsSite(t)
	s.read(s.fill)
	before := len(s.scrape())
	s.read(func() {
		for i := range 100 {
			s.put(fmt.Sprintf("evil%d", i), &inventory.Inventory{
				Host: "evil", Identity: fmt.Sprintf("%032x", i), OmgVersion: "evil", Kernel: "evil",
				Parts: []inventory.Part{{Name: inventory.PartName(fmt.Sprint("evil", i)), State: "evil", Why: "evil"}},
			})
		}
	})
	lines := s.scrape()
	require.Len(t, lines, before)
	require.NotContains(t, strings.Join(lines, "\n"), "evil")
}

// TestMetrics_Token checks that nobody gets metrics without the token, and that this token does not log in.
func TestMetrics_Token(t *testing.T) {
	s := newMetricsSite(t)
	s.read(s.fill)
	get := func(authorization string) int {
		r := s.request(http.MethodGet, metricsPath, "")
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		w := s.send(r)
		if w.Code != http.StatusOK {
			require.NotContains(t, w.Body.String(), "omg_fleet")
			require.Equal(t, "Bearer", w.Header().Get("WWW-Authenticate"))
		}
		return w.Code
	}
	require.Equal(t, http.StatusOK, get("Bearer "+testMetricsToken))
	require.Equal(t, http.StatusOK, get("bearer "+testMetricsToken))
	for _, authorization := range []string{"", "Bearer", "Bearer ", "Bearer " + testToken, "Basic " + testMetricsToken, testMetricsToken, "Bearer " + testMetricsToken + "x"} {
		require.Equal(t, http.StatusUnauthorized, get(authorization), authorization)
	}
	require.Equal(t, http.StatusForbidden, s.login(testMetricsToken).Code)
	require.Empty(t, s.cookie)
	s.login(testToken)
	require.Equal(t, http.StatusUnauthorized, get(""), "a browser cannot be made to send metrics elsewhere")

	for name, change := range map[string]func(*Options){
		"no token":              func(*Options) {},
		"no token, but a proxy": func(o *Options) { o.Token, o.UserHeader = "", "X-User" },
	} {
		s := newSite(t, change)
		s.login(testToken)
		r := s.request(http.MethodGet, metricsPath, "")
		r.Header.Set("X-User", "somebody")
		r.Header.Set("Authorization", "Bearer ")
		require.Equal(t, http.StatusNotFound, s.send(r).Code, name)
	}
}
