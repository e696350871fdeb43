// Package metrics has the daemon's metrics for Prometheus. A metric never contains a user, a package or a
// query.
package metrics

import (
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/omg-arch/omg/shared/metrics"
	"github.com/omg-arch/omg/shared/wire"
)

// Callbacks return numbers that the daemon has anyway. They are called when the metrics are requested, so
// that nothing is counted twice.
type Callbacks struct {
	// Connections returns the number of open connections.
	Connections func() int
	// Caches returns the hits and misses of each cache, by the cache's name.
	Caches func() map[string]CacheCounts
	// Memory returns the memory of each component in bytes, by the component's name.
	Memory func() map[string]uint64
	// Status returns the current status. It returns false while there is none.
	Status func() (*wire.StatusResult, bool)
	// Health returns the state of the daemon's components.
	Health func() wire.HealthResult
}

// CacheCounts counts how often a reply was found in a cache (Hits), and how often none was found (Misses).
type CacheCounts struct{ Hits, Misses uint64 }

// Metrics has the daemon's metrics.
type Metrics struct {
	registry    *prometheus.Registry
	requests    *prometheus.HistogramVec
	failures    *prometheus.CounterVec
	connections prometheus.Counter
	refreshes   prometheus.Histogram
	fetches     *prometheus.CounterVec
}

// New returns new metrics. The parameter version is the version of omgd, for the metric omg_build_info.
func New(version string, s Callbacks) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "omg_request_duration_seconds", Help: "Time from the last byte of a request to the last byte of its reply.",
			Buckets: []float64{2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 5e-3, 2.5e-2, 0.1, 0.5, 2.5, 10},
		}, []string{"operation"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "omg_request_errors_total", Help: "Requests that failed, by kind of error.",
		}, []string{"kind"}),
		connections: prometheus.NewCounter(prometheus.CounterOpts{Name: "omg_accepted_connections_total", Help: "Accepted connections."}),
		refreshes: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "omg_refresh_duration_seconds", Help: "Duration of a refresh.",
			Buckets: []float64{1e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1, 5, 30},
		}),
		fetches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "omg_outgoing_requests_total", Help: "Requests to other hosts.",
		}, []string{"host", "outcome"}),
	}
	m.registry.MustRegister(m.requests, m.failures, m.connections, m.refreshes, m.fetches, metrics.BuildInfo("omg_build_info", "omgd", version), metrics.Collector(s.collect))
	return m
}

// RequestObserver returns the function that records the duration of a request of this operation. The returned
// function allocates nothing.
func (m *Metrics) RequestObserver(operation string) func(time.Duration) {
	observer := m.requests.WithLabelValues(operation)
	return func(took time.Duration) { observer.Observe(took.Seconds()) }
}

// errorKindByCode maps error codes to the values of the label "kind".
var errorKindByCode = map[wire.Code]string{
	wire.CodeNotFound: "not_found", wire.CodeInvalid: "invalid", wire.CodeInternal: "internal", wire.CodeNetwork: "network",
	wire.CodeBusy: "busy", wire.CodeShuttingDown: "shutting_down", wire.CodeNotAllowed: "not_allowed", wire.CodeTooLarge: "too_large",
	wire.CodeNotReady: "not_ready", wire.CodeVersion: "version",
}

// CountError counts a request that was answered with an error.
func (m *Metrics) CountError(code wire.Code) {
	kind, ok := errorKindByCode[code]
	if !ok {
		kind = strconv.Itoa(int(code))
	}
	m.failures.WithLabelValues(kind).Inc()
}

// CountConnection counts an accepted connection.
func (m *Metrics) CountConnection() { m.connections.Inc() }

// ObserveRefresh records the duration of a refresh.
func (m *Metrics) ObserveRefresh(took time.Duration) { m.refreshes.Observe(took.Seconds()) }

// CountFetch counts an outgoing request to a host.
func (m *Metrics) CountFetch(host string, err error) {
	outcome := "ok"
	if err != nil {
		outcome = "error"
	}
	m.fetches.WithLabelValues(host, outcome).Inc()
}

// Text returns all metrics in Prometheus' text format.
func (m *Metrics) Text() (string, error) { return metrics.Text(m.registry) }

var (
	connectionsDesc     = metrics.NewDesc("omg_connections", "Open connections.")
	cacheHitsDesc       = metrics.NewDesc("omg_cache_hits_total", "Cache hits.", "cache")
	cacheMissesDesc     = metrics.NewDesc("omg_cache_misses_total", "Cache misses.", "cache")
	memoryDesc          = metrics.NewDesc("omg_memory_bytes", "Memory by component.", "component")
	generationDesc      = metrics.NewDesc("omg_snapshot_generation", "Generation of the current snapshot.")
	snapshotCheckedDesc = metrics.NewDesc("omg_snapshot_checked_timestamp_seconds", "Time of the last successful check of the snapshot.")
	indexPackagesDesc   = metrics.NewDesc("omg_index_packages", "Packages in the index.")
	packageCountsDesc   = metrics.NewDesc("omg_installed_packages", "Numbers of installed packages, such as those with updates; absent while unknown.", "count")
	vulnerabilitiesDesc = metrics.NewDesc("omg_vulnerabilities", "Advisories for installed packages by severity; absent while unknown.", "severity")
	aurFindingsDesc     = metrics.NewDesc("omg_aur_findings", "Installed packages of the AUR with findings, by the highest level; absent while unknown.", "level")
	sourceChangedDesc   = metrics.NewDesc("omg_source_changed_timestamp_seconds", "Time of the last change or successful check of a source.", "source", "kind")
	pullSequenceDesc    = metrics.NewDesc("omg_pull_sequence", "Sequence of the latest manifest of the published directory.")
	pullExpiresDesc     = metrics.NewDesc("omg_pull_expires_timestamp_seconds", "Time at which this manifest expires.")
	pullConfirmedDesc   = metrics.NewDesc("omg_pull_confirmed_timestamp_seconds", "Time at which a mirror last had this manifest.")
	pullOKDesc          = metrics.NewDesc("omg_pull_ok", "1 if the last pull has succeeded, otherwise 0.")
	pullBytesDesc       = metrics.NewDesc("omg_pull_received_bytes_total", "Bytes that all pulls have received.")
	pullTextsDesc       = metrics.NewDesc("omg_pull_texts_total", "Texts of records that all pulls have received, as patches or as a whole.", "form")
	componentOKDesc     = metrics.NewDesc("omg_component_ok", "1 if a component is ok, otherwise 0.", "component", "state")
	sourceOKDesc        = metrics.NewDesc("omg_source_ok", "1 if a source is ok, otherwise 0.", "source", "kind", "state")
)

// collect makes metrics from the results of the callbacks.
func (c *Callbacks) collect(value func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string)) {
	value(connectionsDesc, prometheus.GaugeValue, float64(c.Connections()))
	for name, n := range c.Caches() {
		value(cacheHitsDesc, prometheus.CounterValue, float64(n.Hits), name)
		value(cacheMissesDesc, prometheus.CounterValue, float64(n.Misses), name)
	}
	for component, n := range c.Memory() {
		value(memoryDesc, prometheus.GaugeValue, float64(n), component)
	}
	for _, part := range c.Health().Components {
		value(componentOKDesc, prometheus.GaugeValue, metrics.OneIf(part.State == wire.HealthOK), part.Name, part.State)
	}
	st, ok := c.Status()
	if !ok {
		return
	}
	value(generationDesc, prometheus.GaugeValue, float64(st.Generation))
	value(snapshotCheckedDesc, prometheus.GaugeValue, float64(st.ConfirmedAt))
	value(indexPackagesDesc, prometheus.GaugeValue, float64(st.Index.Packages))
	for name, n := range map[string]*uint32{
		"installed": st.Counts.Installed, "explicit": st.Counts.Explicit, "orphans": st.Counts.Orphans, "foreign": st.Counts.Foreign,
		"updates": st.Counts.Updates, "ignored_updates": st.Counts.Ignored,
	} {
		if n != nil {
			value(packageCountsDesc, prometheus.GaugeValue, float64(*n), name)
		}
	}
	if s := st.Counts.Security; s != nil {
		for severity, n := range map[string]uint32{"critical": s.Critical, "high": s.High, "medium": s.Medium, "low": s.Low, "unknown": s.Unknown} {
			value(vulnerabilitiesDesc, prometheus.GaugeValue, float64(n), severity)
		}
	}
	if f := st.Counts.AURFindings; f != nil {
		for level, n := range map[string]uint32{wire.FindingLevelAct: f.Act, wire.FindingLevelLook: f.Look, wire.FindingLevelNote: f.Note} {
			value(aurFindingsDesc, prometheus.GaugeValue, float64(n), level)
		}
	}
	if p := st.Pulled; p != nil {
		value(pullOKDesc, prometheus.GaugeValue, metrics.OneIf(p.LastError == ""))
		value(pullBytesDesc, prometheus.CounterValue, float64(p.Bytes))
		value(pullTextsDesc, prometheus.CounterValue, float64(p.Patches), "patch")
		value(pullTextsDesc, prometheus.CounterValue, float64(p.Whole), "whole")
		if p.ConfirmedAt > 0 {
			value(pullSequenceDesc, prometheus.GaugeValue, float64(p.Sequence))
			value(pullExpiresDesc, prometheus.GaugeValue, float64(p.Expires))
			value(pullConfirmedDesc, prometheus.GaugeValue, float64(p.ConfirmedAt))
		}
	}
	sources := slices.Concat(st.Sources, st.FileLists)
	for _, s := range st.ComparedSources {
		if s.Downloaded {
			s.Name += " (downloaded)"
			sources = append(sources, s)
		}
	}
	for _, s := range sources {
		value(sourceOKDesc, prometheus.GaugeValue, metrics.OneIf(s.State == wire.SourceOK), s.Name, string(s.Kind), string(s.State))
		if s.ChangedAt != 0 {
			value(sourceChangedDesc, prometheus.GaugeValue, float64(s.ChangedAt), s.Name, string(s.Kind))
		}
	}
}
