package sinks

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/why401/why401/analyzer"
)

// stateMetrics are the gauges that an update gives as they are.
type stateMetrics struct {
	incidents, score, scorePart, probe, rotation *prometheus.Desc
}

func newStateMetrics() *stateMetrics {
	return &stateMetrics{
		incidents: desc("incidents_open", "Incidents that are not resolved.", "cause", "severity", "verdict"),
		score:     desc("config_health_score", "Configuration health, 0 to 100; what no probe could check counts as lost.", "environment"),
		scorePart: desc("config_health_score_part", "The parts of the configuration health: availability of 40, consistency of 30, format of 20, alignment of 10.", "environment", "part"),
		probe:     desc("probe_status", "Latest answer of each active check; 1 for the status that holds.", "probe", "service", "status"),
		rotation:  desc("secret_last_rotation_timestamp_seconds", "When a version of the secret was last added, as Unix time.", "secret"),
	}
}

func (s *stateMetrics) describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{s.incidents, s.score, s.scorePart, s.probe, s.rotation} {
		ch <- d
	}
}

// of returns the gauges of an update.
func (s *stateMetrics) of(u *analyzer.Update, l *labels) []prometheus.Metric {
	var out []prometheus.Metric
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out = append(out, prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...))
	}
	for k, n := range openIncidents(u.Report.Incidents, l) {
		gauge(s.incidents, float64(n), k.cause, k.severity, k.verdict)
	}
	for _, env := range slices.Sorted(maps.Keys(u.Report.Scores)) {
		l.environment(env) // of key domains whose services were not met in the logs
	}
	for _, env := range slices.Sorted(maps.Keys(l.environments)) {
		score, ok := u.Report.Scores[env]
		if !ok {
			score = u.Report.Scores["all"] // key domains of no environment in particular; else nothing is known
		}
		gauge(s.score, float64(score.Total), env)
		gauge(s.scorePart, float64(score.Availability), env, "availability")
		gauge(s.scorePart, float64(score.Consistency), env, "consistency")
		gauge(s.scorePart, float64(score.Format), env, "format")
		gauge(s.scorePart, float64(score.Alignment), env, "alignment")
	}
	for k := range probeStates(u.Probes, l) {
		gauge(s.probe, 1, k.probe, k.service, string(k.status))
	}
	for secret, at := range rotations(u, l) {
		gauge(s.rotation, float64(at.UnixMilli())/1000, secret)
	}
	return out
}

type openIncident struct{ cause, severity, verdict string }

func openIncidents(all []analyzer.Incident, l *labels) map[openIncident]int64 {
	out := map[openIncident]int64{}
	for i := range all {
		in := &all[i]
		if in.Resolved != nil {
			continue
		}
		k := openIncident{string(in.Cause), string(in.Severity), string(in.Verdict)}
		if _, ok := out[k]; !ok && len(out) >= maxIncidents {
			l.overflow("incident", 1)
			k.cause = other
		}
		out[k]++
	}
	return out
}

type probeState struct {
	probe, service string
	status         analyzer.Status
}

// probeStates returns the states that hold; several targets of one service
// may give the same.
func probeStates(all []analyzer.ProbeResult, l *labels) map[probeState]bool {
	out := map[probeState]bool{}
	probes := map[string]bool{}
	for i := range all {
		k := probeState{all[i].Probe, all[i].Service.Name, all[i].Status}
		if !probes[k.probe] && len(probes) >= maxProbes {
			l.overflow("probe", 1)
			k.probe = other
		}
		probes[k.probe] = true
		if !out[k] && len(out) >= maxProbeSeries {
			l.overflow("service", 1)
			k.service = other
		}
		out[k] = true
	}
	return out
}

// newestCreated is the fact under which the probe of a secret store tells when
// the newest version was added (RFC 3339).
const newestCreated = "newest_created"

// rotations tells when each secret got its latest version: from the changes,
// and from the secret store, which still knows those that retention took.
func rotations(u *analyzer.Update, l *labels) map[string]time.Time {
	out := map[string]time.Time{}
	add := func(name string, at time.Time) {
		if _, ok := out[name]; !ok && len(out) >= maxSecrets {
			l.overflow("secret", 1)
			name = other
		}
		if at.After(out[name]) {
			out[name] = at
		}
	}
	for i := range u.Report.Changes {
		if c := &u.Report.Changes[i]; c.Target != "" && (c.Kind == analyzer.SecretVersionAdded || c.Kind == analyzer.SecretRotated) {
			add(c.Target, c.At)
		}
	}
	for i := range u.Probes {
		r := &u.Probes[i]
		if at, err := time.Parse(time.RFC3339, r.Facts[newestCreated]); err == nil && r.Probe == "secret_manager" && !strings.Contains(r.Target, " ") {
			add(r.Target, at)
		}
	}
	return out
}
