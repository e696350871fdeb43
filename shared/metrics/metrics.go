// Package metrics gives the metrics of a program to Prometheus.
package metrics

import (
	"bytes"
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"
)

// NewDesc returns the description of a metric with labels.
func NewDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// Collector is called when the metrics are requested. It calls the function value with each metric, so that a number that is not known has no
// metric.
type Collector func(value func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string))

// Describe sends no descriptions, because the set of metrics depends on what is known.
func (Collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c Collector) Collect(to chan<- prometheus.Metric) {
	c(func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, kind, v, labels...)
	})
}

// BuildInfo returns a metric that is always 1, and whose label is the version of a program.
func BuildInfo(name, program, version string) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: name, Help: "Always 1. The label is the version of " + program + ".", ConstLabels: prometheus.Labels{"version": version},
	}, func() float64 { return 1 })
}

// OneIf returns 1 if something is true, otherwise 0.
func OneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// Text returns all metrics in Prometheus' text format.
func Text(from prometheus.Gatherer) (string, error) {
	families, err := from.Gather()
	var b bytes.Buffer
	for _, f := range families {
		_, werr := expfmt.MetricFamilyToText(&b, f)
		err = errors.Join(err, werr)
	}
	return b.String(), err
}

// Handler returns a handler that answers each request with all metrics. It does not check who asks.
func Handler(from prometheus.Gatherer) http.Handler {
	return promhttp.HandlerFor(from, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 5 * time.Second})
}
