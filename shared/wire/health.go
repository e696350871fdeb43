package wire

// MetricsResult is the reply to OpMetrics, whose request has no fields.
type MetricsResult struct {
	// Text has the metrics in Prometheus's text format.
	Text string `msgpack:"text" json:"text"`
}

// The states of a component of omgd. A component is in the state HealthStarting until omgd has read its data for the first
// time.
const (
	HealthOK       = "ok"
	HealthDegraded = "degraded"
	HealthStarting = "starting"
	HealthFailed   = "failed"
)

// NotKnownYet is the reason of a source's component until omgd has read its data for the first time.
const NotKnownYet = "its state is not known yet"

// HealthResult is the reply to OpHealth, whose request has no fields.
type HealthResult struct {
	// State is the worst state of the components, except for that of the news, on which no answer about packages depends.
	State      string      `msgpack:"state" json:"state"`
	Components []Component `msgpack:"components" json:"components"`
}

// Component is a part of the daemon and its state.
type Component struct {
	Name  string `msgpack:"name" json:"name"`
	State string `msgpack:"state" json:"state"`
	Why   string `msgpack:"why,omitempty" json:"why,omitempty"`
	// Version is the version of the library libalpm. It is empty for all components other than libalpm.
	Version string `msgpack:"version,omitempty" json:"version,omitempty"`
	// Since is when this state began, in Unix seconds.
	Since int64 `msgpack:"since" json:"since"`
}
