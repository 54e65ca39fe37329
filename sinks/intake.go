package sinks

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/why401/why401/analyzer"
)

// Intake measures the way from a message to the store, where a daemon gets
// stuck first.
type Intake struct {
	delay, commit prometheus.Histogram
	errors        prometheus.Counter
	rules         *prometheus.GaugeVec
}

// NewIntake registers the metrics of the intake.
func NewIntake(r prometheus.Registerer) *Intake {
	in := &Intake{
		delay: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "why401_commit_delay_seconds", Help: "From the publishing of the oldest message of a group to its commit: the age of the backlog.",
			Buckets: []float64{.1, .5, 1, 5, 15, 60, 300, 1800, 3 * 3600}, NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100,
		}),
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "why401_store_commit_duration_seconds", Help: "How long the store took to commit a batch.",
			Buckets: []float64{.001, .005, .025, .1, .5, 1, 5}, NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100,
		}),
		errors: prometheus.NewCounter(prometheus.CounterOpts{Name: "why401_store_errors_total", Help: "Commits that the store refused; each is tried again and nothing is acknowledged meanwhile."}),
		rules:  prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "why401_rules_info", Help: "The rule set in use, by its hash; always 1."}, []string{"hash"}),
	}
	r.MustRegister(in.delay, in.commit, in.errors, in.rules)
	return in
}

// Rules says which rule set is in use.
func (in *Intake) Rules(hash string) {
	in.rules.Reset()
	in.rules.WithLabelValues(hash).Set(1)
}

// Store returns s, measured.
func (in *Intake) Store(s analyzer.Store) analyzer.Store { return measuredStore{s, in} }

type measuredStore struct {
	analyzer.Store
	in *Intake
}

func (m measuredStore) Commit(ctx context.Context, b *analyzer.Batch) error {
	start := time.Now()
	err := m.Store.Commit(ctx, b)
	if err != nil {
		m.in.errors.Inc()
		return err
	}
	m.in.commit.Observe(time.Since(start).Seconds())
	return nil
}

// Handler returns h, measured.
func (in *Intake) Handler(h analyzer.Handler) analyzer.Handler {
	return func(ctx context.Context, group []analyzer.Message) error {
		oldest := time.Time{}
		for i := range group {
			if at := group[i].Published; !at.IsZero() && (oldest.IsZero() || at.Before(oldest)) {
				oldest = at
			}
		}
		err := h(ctx, group)
		if err == nil && !oldest.IsZero() {
			in.delay.Observe(max(0, time.Since(oldest).Seconds()))
		}
		return err
	}
}
