// Package service owns what every service of the shop does the same way:
// how it is measured, how it is looked into and how it stops.
// It knows nothing of orders, payments or stock.
package service

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// latencyBounds has 0.3 because the shop's latency objective is 300 ms, and
// a share below a bound is only exact where the bound is a bucket.
var latencyBounds = []float64{
	0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5,
}

// Meter counts the requests a service answered and how long each took.
type Meter struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

// NewRegistry returns a registry with the Go runtime's and the process's own
// numbers, so that two services in one test do not share anything.
func NewRegistry() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return reg
}

// NewMeter registers the request metrics under their usual names.
func NewMeter(reg prometheus.Registerer) *Meter {
	m := &Meter{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total",
			Help: "Requests answered, by method, route and status code.",
		}, []string{"method", "path", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "http_request_duration_seconds",
			Help:    "Time from the first byte read to the last byte written.",
			Buckets: latencyBounds,
		}, []string{"method", "path"}),
	}
	reg.MustRegister(m.requests, m.seconds)
	return m
}

// Observe counts one answered request. The path is the route, never the
// URL as sent, so that a caller cannot make new series.
func (m *Meter) Observe(method, path string, code int, took time.Duration) {
	m.requests.WithLabelValues(method, path, strconv.Itoa(code)).Inc()
	m.seconds.WithLabelValues(method, path).Observe(took.Seconds())
}

// Wrap measures next as the route path.
func (m *Meter) Wrap(path string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		seen := &statusWriter{ResponseWriter: w, code: http.StatusOK}
		next.ServeHTTP(seen, r)
		m.Observe(method(r.Method), path, seen.code, time.Since(begin))
	})
}

// method keeps the label's values few: an unknown verb is one value.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodPost, http.MethodHead, http.MethodPut, http.MethodDelete:
		return m
	}
	return "other"
}

type statusWriter struct {
	http.ResponseWriter
	code int
}

func (w *statusWriter) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}

// Unwrap lets http.ResponseController reach the writer below.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
