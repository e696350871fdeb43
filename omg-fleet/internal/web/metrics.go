package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/omg-arch/omg/omg-fleet/internal/question"
	"github.com/omg-arch/omg/shared/metrics"
	buildversion "github.com/omg-arch/omg/shared/version"
	"github.com/omg-arch/omg/shared/wire"
)

// metricsPath is the path of the metrics, which is the default of Prometheus.
const metricsPath = "/metrics"

// metrics returns a handler that sends the metrics to those who have their token. No metric has the name of a host or of a package, so that
// their number does not depend on what hosts send.
func (s *Server) metrics() http.HandlerFunc {
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics.BuildInfo("omg_fleet_build_info", "omg-fleet", buildversion.String()), metrics.Collector(s.collect))
	handler := metrics.Handler(registry)
	token := sha256.Sum256([]byte(s.options.MetricsToken))
	return func(w http.ResponseWriter, r *http.Request) {
		scheme, credentials, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		sum := sha256.Sum256([]byte(credentials))
		if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(sum[:], token[:]) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			s.fail(w, http.StatusUnauthorized, "The metrics need their token.")
			return
		}
		handler.ServeHTTP(w, r)
	}
}

var (
	sourceOKDesc      = metrics.NewDesc("omg_fleet_source_ok", "1 if the last reading of the directory or of the servers has succeeded, otherwise 0.")
	readDesc          = metrics.NewDesc("omg_fleet_read_timestamp_seconds", "Time of the last successful reading of the directory or of the servers.")
	hostsDesc         = metrics.NewDesc("omg_fleet_hosts", "Hosts by state.", "state")
	duplicatesDesc    = metrics.NewDesc("omg_fleet_duplicates", "Hosts with the name or the identity of another host.")
	oldestContactDesc = metrics.NewDesc("omg_fleet_oldest_contact_timestamp_seconds", "Time at which the host was last heard that was not heard for longest.")
	latestContactDesc = metrics.NewDesc("omg_fleet_latest_contact_timestamp_seconds", "Time at which a host was last heard.")
	unknownDesc       = metrics.NewDesc("omg_fleet_hosts_unknown", "Hosts of which a number is not known.", "number")
	updatesDesc       = metrics.NewDesc("omg_fleet_updates", "Updates from repositories on all hosts.")
	advisoriesDesc    = metrics.NewDesc("omg_fleet_advisories", "Advisories for installed packages on all hosts, by severity.", "severity")
	findingsDesc      = metrics.NewDesc("omg_fleet_findings", "Installed packages of the AUR with findings on all hosts, by the highest level.", "level")
	withUpdatesDesc   = metrics.NewDesc("omg_fleet_hosts_with_updates", "Hosts with updates from repositories.")
	withAdvisoryDesc  = metrics.NewDesc("omg_fleet_hosts_with_advisories", "Hosts with advisories for installed packages, by severity.", "severity")
	withFindingDesc   = metrics.NewDesc("omg_fleet_hosts_with_findings", "Hosts with findings about packages of the AUR, by level.", "level")
	rebootDesc        = metrics.NewDesc("omg_fleet_hosts_reboot_needed", "Hosts that need a reboot.")
)

// collect makes metrics from the states of all hosts. A number that no host has told is absent, and so are all numbers before the first reading.
func (s *Server) collect(value func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string)) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) { value(d, prometheus.GaugeValue, v, labels...) }
	readAt := s.fleet.ReadAt() // before the view, which then has what was read
	v := s.current()
	gauge(sourceOKDesc, metrics.OneIf(v.Problem == ""))
	if readAt.IsZero() {
		return
	}
	gauge(readDesc, float64(readAt.Unix()))
	hosts := map[question.State]int{question.Answered: v.Summary.Answered}
	for _, silent := range v.Summary.Silent {
		hosts[silent.State]++
	}
	for _, state := range question.States {
		gauge(hostsDesc, float64(hosts[state]), string(state))
	}
	gauge(duplicatesDesc, float64(len(v.Summary.Duplicates)))
	var oldest, latest time.Time
	advisories, findings := map[string]*total{}, map[string]*total{}
	for i := range v.rows {
		r := &v.rows[i]
		if at := r.Contact; !at.IsZero() {
			if oldest.IsZero() || at.Before(oldest) {
				oldest = at
			}
			if at.After(latest) {
				latest = at
			}
		}
		if r.Counts == nil {
			continue
		}
		if c := r.Counts.Security; c != nil {
			addTotals(advisories, map[string]uint32{"critical": c.Critical, "high": c.High, "medium": c.Medium, "low": c.Low, "unknown": c.Unknown})
		}
		if c := r.Counts.AURFindings; c != nil {
			addTotals(findings, map[string]uint32{wire.FindingLevelAct: c.Act, wire.FindingLevelLook: c.Look, wire.FindingLevelNote: c.Note})
		}
	}
	if !latest.IsZero() {
		gauge(oldestContactDesc, float64(oldest.Unix()))
		gauge(latestContactDesc, float64(latest.Unix()))
	}
	for number, t := range map[string]total{"updates": v.Totals.Updates, "advisories": v.Totals.Advisories, "findings": v.Totals.Findings, "reboot": v.Totals.Reboot} {
		gauge(unknownDesc, float64(t.Unknown), number)
	}
	if t := v.Totals.Updates; t.Known > 0 {
		gauge(updatesDesc, float64(t.Sum))
		gauge(withUpdatesDesc, float64(t.Hosts))
	}
	for severity, t := range advisories {
		gauge(advisoriesDesc, float64(t.Sum), severity)
		gauge(withAdvisoryDesc, float64(t.Hosts), severity)
	}
	for level, t := range findings {
		gauge(findingsDesc, float64(t.Sum), level)
		gauge(withFindingDesc, float64(t.Hosts), level)
	}
	if t := v.Totals.Reboot; t.Known > 0 {
		gauge(rebootDesc, float64(t.Hosts))
	}
}

// addTotals adds the numbers of a host to the totals with the same names.
func addTotals(totals map[string]*total, numbers map[string]uint32) {
	for name, n := range numbers {
		if totals[name] == nil {
			totals[name] = &total{}
		}
		totals[name].add(&n)
	}
}
