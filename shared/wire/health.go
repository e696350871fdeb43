package wire

// MetricsResult is the answer to OpMetrics, which has no fields of its own.
type MetricsResult struct {
	// Text is Prometheus' text format.
	Text string `msgpack:"text" json:"text"`
}

// HealthResult is the answer to OpHealth, which has no fields of its own.
type HealthResult struct {
	// State is the worst of the components': ok, degraded or failed.
	State      string      `msgpack:"state" json:"state"`
	Components []Component `msgpack:"components" json:"components"`
}

// Component is a part of the daemon and how it is.
type Component struct {
	Name  string `msgpack:"name" json:"name"`
	State string `msgpack:"state" json:"state"`
	Why   string `msgpack:"why,omitempty" json:"why,omitempty"`
	// Version is the version of what is not ours: libalpm's.
	Version string `msgpack:"version,omitempty" json:"version,omitempty"`
	// Since is from when on it is seen so, in Unix seconds.
	Since int64 `msgpack:"since" json:"since"`
}
