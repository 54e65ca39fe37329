package sinks

import (
	"github.com/prometheus/client_golang/prometheus"
)

// Meter counts what sinks do. It outlives a Notifier, so that a reload resets
// no counter.
type Meter struct {
	notifications *prometheus.CounterVec
	failures      *prometheus.CounterVec
	pending       *prometheus.GaugeVec
	up            *prometheus.GaugeVec
	last          *prometheus.GaugeVec
	took          *prometheus.HistogramVec
	direct        prometheus.Gauge
}

// What became of a notification.
const (
	resultDelivered = "delivered"
	resultRetried   = "retried"
	resultRejected  = "rejected"
	resultDropped   = "dropped"
	resultSimulated = "simulated"
)

// NewMeter registers the metrics of sinks.
func NewMeter(r prometheus.Registerer) *Meter {
	m := &Meter{
		notifications: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "why401_sink_notifications_total", Help: "Notifications by what became of the attempt: delivered, retried (tried again soon), rejected (tried again rarely), dropped, simulated.",
		}, []string{"sink", "result"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "why401_sink_failures_total", Help: "Failed attempts to notify, by reason."}, []string{"sink", "reason"}),
		pending:  prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "why401_sink_pending", Help: "Notifications that wait to be sent."}, []string{"sink"}),
		up:       prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "why401_sink_up", Help: "Whether the last attempt to notify succeeded; 1 before the first."}, []string{"sink"}),
		last:     prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "why401_sink_last_success_timestamp_seconds", Help: "When a notification was last delivered, as Unix time."}, []string{"sink"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "why401_sink_send_duration_seconds", Help: "How long attempts to notify took.", Buckets: []float64{.01, .05, .1, .5, 1, 5, 10}, NativeHistogramBucketFactor: 1.1,
		}, []string{"sink"}),
		direct: prometheus.NewGauge(prometheus.GaugeOpts{Name: "why401_alerting_direct", Help: "1 when incidents go to Alertmanager directly: the incident alerts of the Prometheus rules then keep quiet, so that nobody is paged twice."}),
	}
	r.MustRegister(m.notifications, m.failures, m.pending, m.up, m.last, m.took, m.direct)
	return m
}

// Use makes the series those of n's sinks: new ones begin at zero, and those
// of sinks that are gone end.
func (m *Meter) Use(n *Notifier, before *Notifier) {
	now := map[string]bool{}
	direct := 0.0
	for _, q := range n.queues {
		now[q.name] = true
		if q.kind == "alertmanager" && !q.simulate {
			direct = 1
		}
		m.up.WithLabelValues(q.name).Set(1)
		m.pending.WithLabelValues(q.name).Add(0)
		for _, r := range []string{resultDelivered, resultRetried, resultRejected, resultDropped, resultSimulated} {
			m.notifications.WithLabelValues(q.name, r).Add(0)
		}
		for _, r := range failReasons {
			m.failures.WithLabelValues(q.name, r).Add(0)
		}
	}
	m.direct.Set(direct)
	if before == nil {
		return
	}
	for _, q := range before.queues {
		if now[q.name] {
			continue
		}
		gone := prometheus.Labels{"sink": q.name}
		m.notifications.DeletePartialMatch(gone)
		m.failures.DeletePartialMatch(gone)
		for _, v := range []*prometheus.GaugeVec{m.pending, m.up, m.last} {
			v.DeletePartialMatch(gone)
		}
		m.took.DeletePartialMatch(gone)
	}
}
