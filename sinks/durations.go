package sinks

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/why401/why401/analyzer"
)

// durations are the histograms: classic buckets for everybody, and native
// ones for a Prometheus that asks for them.
type durations struct {
	probe            *prometheus.HistogramVec
	load, mint       prometheus.Histogram
	resolution       *prometheus.HistogramVec
	seen             map[probed]time.Time // when each check last looked
	probes, resolved map[string]bool      // label values
}

type probed struct {
	probe, target string
	service       analyzer.Service
}

func newDurations() *durations {
	opts := func(name, help string, buckets ...float64) prometheus.HistogramOpts {
		return prometheus.HistogramOpts{
			Name: "why401_" + name, Help: help, Buckets: buckets,
			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
		}
	}
	const hour = 3600
	return &durations{
		probe:      prometheus.NewHistogramVec(opts("probe_duration_seconds", "How long active checks took.", .01, .05, .1, .5, 1, 5, 10, 20), []string{"probe"}),
		load:       prometheus.NewHistogram(opts("secret_load_duration_seconds", "How long reading a secret from its store took, as probes saw it.", .01, .025, .05, .1, .25, .5, 1, 5)),
		mint:       prometheus.NewHistogram(opts("token_mint_duration_seconds", "How long services took to mint a token, as probes saw it.", .005, .01, .025, .05, .1, .25, 1, 5)),
		resolution: prometheus.NewHistogramVec(opts("incident_resolution_seconds", "How long incidents took from their first failure to their resolution, in event time.", 60, 300, 900, 1800, hour, 4*hour, 24*hour, 7*24*hour), []string{"cause"}),
		seen:       map[probed]time.Time{}, probes: map[string]bool{}, resolved: map[string]bool{},
	}
}

func (d *durations) all() []prometheus.Collector {
	return []prometheus.Collector{d.probe, d.load, d.mint, d.resolution}
}

func (d *durations) describe(ch chan<- *prometheus.Desc) {
	for _, c := range d.all() {
		c.Describe(ch)
	}
}

func (d *durations) collect(ch chan<- prometheus.Metric) {
	for _, c := range d.all() {
		c.Collect(ch)
	}
}

// observe takes in the checks that looked since the last update, and the
// incidents that ended: each carries its id as an exemplar.
func (d *durations) observe(u *analyzer.Update, l *labels) {
	now := make(map[probed]time.Time, len(u.Probes))
	for i := range u.Probes {
		r := &u.Probes[i]
		k := probed{r.Probe, r.Target, r.Service}
		now[k] = r.At
		if r.At.IsZero() || !r.At.After(d.seen[k]) {
			continue
		}
		d.probe.WithLabelValues(l.among(d.probes, "probe", r.Probe, maxProbes)).Observe(r.Took.Seconds())
		measured(d.load, r.Facts[analyzer.FactLoadSeconds])
		measured(d.mint, r.Facts[analyzer.FactMintSeconds])
	}
	d.seen = now
	for i := range u.Ended {
		r := &u.Ended[i]
		h := d.resolution.WithLabelValues(l.among(d.resolved, "incident", string(r.Cause), maxResolved))
		if o, ok := h.(prometheus.ExemplarObserver); ok {
			o.ObserveWithExemplar(r.Duration(u.At).Seconds(), prometheus.Labels{"incident": r.ID})
		}
	}
}

func measured(h prometheus.Histogram, seconds string) {
	if v, err := strconv.ParseFloat(seconds, 64); err == nil && v >= 0 {
		h.Observe(v)
	}
}
