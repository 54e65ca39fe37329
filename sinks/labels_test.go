package sinks

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/why401/why401/analyzer"
)

// TestSeriesAreBounded fills every label to beyond its cap.
func TestSeriesAreBounded(t *testing.T) {
	p, registry := NewPrometheus(), prometheus.NewRegistry()
	registry.MustRegister(p)
	m := NewMeter(registry)
	NewIntake(registry).Rules("x")
	n := &Notifier{}
	for i := range 20 {
		n.queues = append(n.queues, &queue{name: fmt.Sprint("sink-", i)})
	}
	m.Use(n, nil)
	for _, q := range n.queues {
		m.last.WithLabelValues(q.name).Set(1)
		m.took.WithLabelValues(q.name).Observe(1)
	}
	h := MetricsHandler(registry)
	for range 3 {
		if err := p.Deliver(t.Context(), crowd(2000)); err != nil {
			t.Fatal(err)
		}
	}
	get(h, "/metrics")
	start := time.Now()
	_, body := get(h, "/metrics")
	lines := 0
	for line := range strings.Lines(body) {
		if !strings.HasPrefix(line, "#") {
			lines++
		}
	}
	if lines > 5000-60 { // the Go runtime and the process have some 60
		t.Errorf("%d series; want at most 4,940", lines)
	}
	if len(body) > 1<<20 {
		t.Errorf("a scrape of %d bytes; want at most 1 MiB", len(body))
	}
	t.Logf("%d series, %d bytes, %s", lines, len(body), time.Since(start))
	mustHave(t, body, `why401_label_overflow_total{label="service"}`, `service="other"`, `environment="other"`, `secret="other"`, `cause="other"`, `probe="other"`)
	for _, label := range cappedLabels {
		if strings.Contains(body, fmt.Sprintf("why401_label_overflow_total{label=%q} 0", label)) {
			t.Errorf("label %s did not overflow", label)
		}
	}
	// Nothing is lost under other.
	total := 0
	for line := range strings.Lines(body) {
		var v int
		if strings.HasPrefix(line, "why401_auth_refusals_total{") {
			_, _ = fmt.Sscanf(line[strings.LastIndexByte(line, ' '):], "%d", &v)
			total += v
		}
	}
	if want := 2000 * len(analyzer.Reasons()); total != want {
		t.Errorf("%d refusals are shown; want %d", total, want)
	}
}

// crowd is an update with n different names of everything.
func crowd(n int) *analyzer.Update {
	u := update(0)
	for i := range n {
		s := analyzer.ServiceReport{Name: fmt.Sprint("svc-", i), Environment: fmt.Sprint("env-", i%40), Accepted: 1, Refused: 1, Reasons: map[analyzer.Reason]int64{}}
		for _, reason := range analyzer.Reasons() {
			s.Reasons[reason] = 1
		}
		u.Report.Services = append(u.Report.Services, s)
		for j, status := range []analyzer.Status{analyzer.StatusOK, analyzer.StatusFail} {
			u.Probes = append(u.Probes, analyzer.ProbeResult{Probe: fmt.Sprint("probe-", i%50), Service: analyzer.Service{Name: s.Name}, Status: status, At: time.Now(), Target: fmt.Sprint(j)})
		}
		cause, level := analyzer.Cause(fmt.Sprint("cause-", i)), []analyzer.Level{"info", "warning", "error", "critical"}[i%4]
		u.Report.Incidents = append(u.Report.Incidents, analyzer.Incident{ID: fmt.Sprint(i), Cause: cause, Severity: level, Verdict: analyzer.Probable})
		u.Ended = append(u.Ended, analyzer.Record{ID: fmt.Sprint(i), Cause: cause})
		u.Report.Changes = append(u.Report.Changes, analyzer.Change{Kind: analyzer.SecretVersionAdded, Target: fmt.Sprint("secret-", i), At: time.Now()})
	}
	return u
}

// A service that was folded into other is not counted twice when a place
// becomes free.
func TestPlacesBecomeFree(t *testing.T) {
	h, _ := serving(t, 0)
	p := NewPrometheus()
	registry := prometheus.NewRegistry()
	registry.MustRegister(p)
	h = MetricsHandler(registry)
	deliver := func(u *analyzer.Update) string {
		if err := p.Deliver(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		get(h, "/metrics")
		_, body := get(h, "/metrics")
		return body
	}
	body := deliver(update(maxServices + 50))
	mustHave(t, body, `why401_auth_refusals_total{environment="staging",reason="bad_signature",service="other"} 50`, `why401_label_overflow_total{label="service"} 50`)
	u := update(maxServices + 50)
	u.Report.Services = u.Report.Services[40:] // the first are forgotten, and 40 of other move up
	for i := range u.Report.Services {
		u.Report.Services[i].Accepted += 2
	}
	body = deliver(u)
	last := fmt.Sprintf(`outcome="accepted",service="svc-%d"}`, maxServices+5)
	mustHave(t, body, last+" 0", `why401_auth_outcomes_total{environment="staging",outcome="accepted",service="svc-50"} 7`)
	for i := range u.Report.Services {
		u.Report.Services[i].Accepted++
	}
	mustHave(t, deliver(u), last+" 1")
}

// A million names in a row, none of which comes twice.
func TestAMillionNames(t *testing.T) {
	rounds, each := 100, 10_000
	if testing.Short() {
		rounds = 5
	}
	p, registry := NewPrometheus(), prometheus.NewRegistry()
	registry.MustRegister(p)
	h, notes := MetricsHandler(registry), &memory{}
	if err := p.Resume(t.Context(), notes); err != nil {
		t.Fatal(err)
	}
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before, longest, size, series := heap(), time.Duration(0), 0, 0
	u := update(0)
	for round := range rounds {
		u.Report.Services = u.Report.Services[:0]
		for i := range each {
			u.Report.Services = append(u.Report.Services, analyzer.ServiceReport{
				Name: fmt.Sprintf("svc-%d-%d", round, i), Environment: fmt.Sprint("env-", i%50), Refused: 1, Reasons: map[analyzer.Reason]int64{analyzer.BadSignature: 1},
			})
		}
		if err := p.Deliver(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, body := get(h, "/metrics")
		longest, size, series = max(longest, time.Since(start)), max(size, len(body)), max(series, strings.Count(body, "\nwhy401_"))
	}
	u.Report.Services = nil
	if series > 5000 || size > 1<<20 {
		t.Errorf("%d series, %d bytes; want at most 5,000 and 1 MiB", series, size)
	}
	if grown := heap() - before; grown > 64<<20 {
		t.Errorf("the heap grew by %d bytes; want at most 64 MiB", grown)
	} else {
		t.Logf("%d names: %d series, %d bytes, the slowest scrape %s, heap +%d KiB", rounds*each, series, size, longest, grown>>10)
	}
}
