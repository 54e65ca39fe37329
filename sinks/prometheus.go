package sinks

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/why401/why401/analyzer"
)

// Prometheus shows the latest update as metrics. It is a prometheus.Collector
// whose descriptions never change and whose series are bounded: label values
// are of closed lists or capped, and what has no room is counted under other
// (see labels).
type Prometheus struct {
	build, lag, diagnosis *prometheus.Desc

	state         *stateMetrics
	durations     *durations
	interventions prometheus.Counter

	mu       sync.Mutex // guards what follows
	counters *counters
	labels   *labels
	shown    []prometheus.Metric // gauges of the last update
	watched  time.Time           // event time of the latest entry
	at       time.Time           // when the last update came
}

var (
	_ analyzer.Sink        = (*Prometheus)(nil)
	_ prometheus.Collector = (*Prometheus)(nil)
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("why401_"+name, help, labels, nil)
}

// NewPrometheus returns a sink that shows nothing of the logs until its first
// update.
func NewPrometheus() *Prometheus {
	return &Prometheus{
		build:     desc("build_info", "Version of why401 and of Go; always 1.", "version", "goversion"),
		lag:       desc("ingest_lag_seconds", "Age of the latest log entry that was committed, in seconds."),
		diagnosis: desc("diagnosis_timestamp_seconds", "When the last diagnosis was made, as Unix time."),
		state:     newStateMetrics(),
		durations: newDurations(),
		counters:  newCounters(),
		labels:    newLabels(),
		interventions: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "why401_manual_interventions_total",
			Help: "Changes by people, acknowledgements and rotate commands while an incident was open.",
		}),
	}
}

// Resume goes on with the counters of the process before, so that Prometheus
// sees no reset and loses nothing of what was committed between its last
// scrape and a crash. The counters are noted before they are shown. It must be
// called before the first Deliver, and not where several processes share a
// store: there each counts for itself, from zero. After an error the counters
// begin at zero, which is an ordinary reset.
func (p *Prometheus) Resume(ctx context.Context, notes analyzer.Notes) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	err := p.counters.resume(ctx, notes)
	for _, c := range p.counters.outcomes.held {
		p.labels.known(c.Labels[0], c.Labels[1])
	}
	return err
}

// Deliver makes u what is shown from now on. The error is that of the notes:
// the counters then stand still until they can be written.
func (p *Prometheus) Deliver(ctx context.Context, u *analyzer.Update) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.labels.begin(u.Report.Services)
	err := p.counters.follow(ctx, u, p.labels)
	p.shown = p.state.of(u, p.labels)
	p.durations.observe(u, p.labels)
	p.interventions.Add(float64(u.Interventions))
	p.watched, p.at = u.Report.Span.To, time.Now()
	return err
}

// Describe lists every metric, shown or not.
func (p *Prometheus) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{p.build, p.lag, p.diagnosis, overflowDesc} {
		ch <- d
	}
	p.state.describe(ch)
	for _, f := range p.counters.all() {
		ch <- f.desc
	}
	p.durations.describe(ch)
	p.interventions.Describe(ch)
}

// Collect shows the latest update.
func (p *Prometheus) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(p.build, 1, version(), runtime.Version())
	p.durations.collect(ch)
	p.interventions.Collect(ch)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.labels.collect(ch)
	if p.at.IsZero() {
		return
	}
	p.counters.collect(ch)
	for _, m := range p.shown {
		ch <- m
	}
	if !p.watched.IsZero() {
		gauge(p.lag, max(0, time.Since(p.watched).Seconds()))
	}
	gauge(p.diagnosis, float64(p.at.UnixMilli())/1000)
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
