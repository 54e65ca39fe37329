package sinks

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/why401/why401/analyzer"
)

// maxServices bounds the services that get series of their own; the others
// are counted under "other". With some 40 reasons and 2 outcomes it keeps a
// process under 5,000 series in practice.
const maxServices = 200

// Prometheus shows the latest update as metrics. The counts are those of the
// store, so they include what was committed before a restart. It is a
// prometheus.Collector whose descriptions never change.
type Prometheus struct {
	last atomic.Pointer[analyzer.Update]

	outcomes, refusals, incidents, score, scorePart *prometheus.Desc
	entries, unmatched, overflow, lag, build, probe *prometheus.Desc

	resolution    *prometheus.HistogramVec
	interventions prometheus.Counter
}

var (
	_ analyzer.Sink        = (*Prometheus)(nil)
	_ prometheus.Collector = (*Prometheus)(nil)
)

// NewPrometheus returns a sink that shows nothing until its first update.
func NewPrometheus() *Prometheus {
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("why401_"+name, help, labels, nil)
	}
	return &Prometheus{
		outcomes:  d("auth_outcomes_total", "Authentication decisions seen in the logs, by outcome: accepted or refused.", "service", "environment", "outcome"),
		refusals:  d("auth_refusals_total", "Authentication failures seen in the logs, by primary reason.", "service", "environment", "reason"),
		incidents: d("incidents_open", "Incidents that are not resolved.", "cause", "severity", "verdict"),
		score:     d("config_health_score", "Configuration health, 0 to 100; what no probe could check counts as lost.", "environment"),
		scorePart: d("config_health_score_part", "The parts of the configuration health: availability of 40, consistency of 30, format of 20, alignment of 10.", "environment", "part"),
		entries:   d("entries_total", "Log entries by what became of them.", "result"),
		unmatched: d("entries_unmatched_total", "Entries that look like authentication failures and that no rule claims.", "service"),
		overflow:  d("label_overflow_total", "Services that are counted under other because there are too many."),
		lag:       d("ingest_lag_seconds", "Age of the latest log entry that was committed, in seconds."),
		build:     d("build_info", "Version of why401 and of Go; always 1.", "version", "goversion"),
		probe:     d("probe_status", "Latest answer of each active check; 1 for the status that holds.", "probe", "service", "status"),
		resolution: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:                        "why401_incident_resolution_seconds",
			Help:                        "How long incidents took from their first failure to their resolution, in event time.",
			Buckets:                     []float64{60, 300, 900, 1800, 3600, 2 * 3600, 4 * 3600, 8 * 3600, 24 * 3600, 7 * 24 * 3600},
			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100,
		}, []string{"cause"}),
		interventions: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "why401_manual_interventions_total",
			Help: "Changes by people, acknowledgements and rotate commands while an incident was open.",
		}),
	}
}

// Deliver makes u what is shown from now on. Incidents that took their time
// carry their id as an exemplar.
func (p *Prometheus) Deliver(_ context.Context, u *analyzer.Update) error {
	p.last.Store(u)
	for i := range u.Ended {
		r := &u.Ended[i]
		if o, ok := p.resolution.WithLabelValues(string(r.Cause)).(prometheus.ExemplarObserver); ok {
			o.ObserveWithExemplar(r.Duration(u.At).Seconds(), prometheus.Labels{"incident": r.ID})
		}
	}
	p.interventions.Add(float64(u.Interventions))
	return nil
}

// Describe lists every metric, shown or not.
func (p *Prometheus) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{p.outcomes, p.refusals, p.incidents, p.score, p.scorePart, p.entries, p.unmatched, p.overflow, p.lag, p.build, p.probe} {
		ch <- d
	}
	p.resolution.Describe(ch)
	p.interventions.Describe(ch)
}

// Collect shows the latest update.
func (p *Prometheus) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.MustNewConstMetric(p.build, prometheus.GaugeValue, 1, version(), runtime.Version())
	p.resolution.Collect(ch)
	p.interventions.Collect(ch)
	u := p.last.Load()
	if u == nil {
		return
	}
	r := u.Report
	counter := func(d *prometheus.Desc, n int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	p.services(counter, r)
	t := r.Totals
	for result, n := range map[string]int64{"committed": t.Entries - t.Duplicates - t.Malformed - t.Self, "duplicate": t.Duplicates, "malformed": t.Malformed, "self": t.Self} {
		counter(p.entries, n, result)
	}
	open := map[[3]string]int64{}
	for _, in := range r.Incidents {
		if in.Resolved == nil {
			open[[3]string{string(in.Cause), string(in.Severity), string(in.Verdict)}]++
		}
	}
	for k, n := range open {
		ch <- prometheus.MustNewConstMetric(p.incidents, prometheus.GaugeValue, float64(n), k[0], k[1], k[2])
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, env := range environments(r) {
		gauge(p.score, float64(r.Score.Total), env)
		gauge(p.scorePart, float64(r.Score.Availability), env, "availability")
		gauge(p.scorePart, float64(r.Score.Consistency), env, "consistency")
		gauge(p.scorePart, float64(r.Score.Format), env, "format")
		gauge(p.scorePart, float64(r.Score.Alignment), env, "alignment")
	}
	if !r.Span.To.IsZero() {
		gauge(p.lag, time.Since(r.Span.To).Seconds())
	}
	type answer struct {
		probe, service string
		status         analyzer.Status
	}
	shown := map[answer]bool{} // several targets of one service may give the same
	for _, pr := range u.Probes {
		if a := (answer{pr.Probe, pr.Service.Name, pr.Status}); !shown[a] {
			shown[a] = true
			gauge(p.probe, 1, pr.Probe, pr.Service.Name, string(pr.Status))
		}
	}
}

// services shows the decisions of each service, the first maxServices by
// themselves and the rest summed up as other.
func (p *Prometheus) services(counter func(*prometheus.Desc, int64, ...string), r *analyzer.Report) {
	rest := map[string]*analyzer.ServiceReport{}
	show := func(s *analyzer.ServiceReport) {
		counter(p.outcomes, s.Accepted, s.Name, s.Environment, "accepted")
		counter(p.outcomes, s.Refused, s.Name, s.Environment, "refused")
		for reason, n := range s.Reasons {
			counter(p.refusals, n, s.Name, s.Environment, string(reason))
		}
	}
	for i := range r.Services {
		s := &r.Services[i]
		if i < maxServices {
			show(s)
			continue
		}
		o := rest[s.Environment]
		if o == nil {
			o = &analyzer.ServiceReport{Name: "other", Environment: s.Environment, Reasons: map[analyzer.Reason]int64{}}
			rest[s.Environment] = o
		}
		o.Accepted += s.Accepted
		o.Refused += s.Refused
		for reason, n := range s.Reasons {
			o.Reasons[reason] += n
		}
	}
	for _, o := range rest {
		show(o)
	}
	counter(p.overflow, int64(max(0, len(r.Services)-maxServices)))
	byService := map[string]int64{}
	for _, t := range r.Unmatched {
		byService[t.Service] += t.Count
	}
	for s, n := range byService {
		counter(p.unmatched, n, s)
	}
}

func environments(r *analyzer.Report) []string {
	var out []string
	seen := map[string]bool{}
	for _, s := range r.Services {
		if !seen[s.Environment] {
			seen[s.Environment] = true
			out = append(out, s.Environment)
		}
	}
	return out
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
