package sinks

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/why401/why401/analyzer"
)

// A series begins at zero, whatever it counted before it was first scraped:
// rate() would not see its first event otherwise.
func TestSeriesBeginAtZero(t *testing.T) {
	p, registry := NewPrometheus(), prometheus.NewRegistry()
	registry.MustRegister(p)
	h := MetricsHandler(registry)
	_ = p.Deliver(t.Context(), update(1)) // no notes, no error
	for _, want := range []string{"0", "1"} {
		_, body := get(h, "/metrics")
		mustHave(t, body, `why401_auth_refusals_total{environment="staging",reason="bad_signature",service="svc-0"} `+want)
	}
}

// The exemplars of a series go on in time, whichever incident it is part of:
// Prometheus refuses one that is not later than the last, at every scrape.
func TestExemplarsGoOnInTime(t *testing.T) {
	p, registry := NewPrometheus(), prometheus.NewRegistry()
	registry.MustRegister(p)
	last, incident := time.Time{}, ""
	for i, id := range []string{"a", "a", "b", "b", "a", "a", ""} {
		u := update(2)
		in := u.Report.Incidents[0]
		in.ID, in.LastSeen = id, time.Now().Add(time.Duration(-10*i)*time.Minute) // it is the older one that comes up later
		u.Report.Incidents = []analyzer.Incident{in}
		if id == "" {
			u.Report.Incidents = nil
		}
		if err := p.Deliver(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			for _, m := range f.Metric {
				x := m.GetCounter().GetExemplar()
				if x == nil || f.GetName() != "why401_auth_refusals_total" {
					continue
				}
				at, now := x.Timestamp.AsTime(), x.Label[0].GetValue()
				if now != incident && !at.After(last) || now == incident && at.Before(last) {
					t.Errorf("step %d: the exemplar of %s is of %v, the one before of %v", i, now, at, last)
				}
				last, incident = at, now
			}
		}
	}
	if incident != "a" {
		t.Errorf("the last exemplar is of %q; want a", incident)
	}
}

func TestExemplarsCarryTheIncident(t *testing.T) {
	h, _ := serving(t, 2)
	_, body := get(h, "/metrics", "Accept", "application/openmetrics-text; version=1.0.0")
	mustHave(t, body, `reason="bad_signature",service="svc-0"} 1.0 # {incident="abc"} 1.0 `, `# {incident="old"} 3600.0`, "# EOF")
	if strings.Contains(body, `reason="bad_signature",service="svc-1"} 1.0 #`) {
		t.Error("a service outside the incident carries its exemplar")
	}
}

// failing is a Notes that can be away.
type failing struct {
	memory
	err error
}

func (n *failing) Note(ctx context.Context, topic, key string, data []byte) error {
	if n.err != nil {
		return n.err
	}
	return n.memory.Note(ctx, topic, key, data)
}

// TestCountersNeverFall plays what happens to the sums of reports: they grow,
// fall with the retention, and the process crashes at any time.
func TestCountersNeverFall(t *testing.T) {
	notes := &failing{}
	var p *Prometheus
	start := func() {
		p = NewPrometheus()
		if err := p.Resume(t.Context(), notes); err != nil {
			t.Fatal(err)
		}
	}
	shows := func(step string, refused int64, want float64) {
		t.Helper()
		u := update(1)
		u.Report.Services[0].Refused = refused
		err := p.Deliver(t.Context(), u)
		if (err != nil) != (notes.err != nil) {
			t.Fatalf("%s: %v", step, err)
		}
		registry := prometheus.NewRegistry()
		registry.MustRegister(p)
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() != "why401_auth_outcomes_total" {
				continue
			}
			for _, m := range f.Metric {
				if m.Label[1].GetValue() == "refused" && m.Counter.GetValue() != want {
					t.Errorf("%s: %v; want %v", step, m.Counter.GetValue(), want)
				}
			}
		}
	}
	start()
	shows("first scrape", 5, 0)
	shows("second scrape", 5, 5)
	shows("grows", 9, 9)
	shows("old minutes are forgotten", 4, 9)
	shows("grows again", 6, 11)
	start() // a crash: what was committed meanwhile is not lost
	shows("after a crash", 8, 13)
	notes.err = errors.New("store is away")
	shows("cannot be noted", 20, 13)
	start() // a crash before it could be noted
	notes.err = nil
	shows("after another crash", 20, 25)
	notes.m = nil
	start()
	shows("without notes: an ordinary reset", 20, 0)
	shows("without notes", 21, 21)
}
