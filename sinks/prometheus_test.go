package sinks

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/why401/why401/analyzer"
)

func update(services int) *analyzer.Update {
	r := &analyzer.Report{
		Span:   analyzer.Span{To: time.Now()},
		Totals: analyzer.ReportTotals{Entries: 10, Duplicates: 1, Malformed: 2},
		Incidents: []analyzer.Incident{
			{ID: "abc", Cause: "key.stale_cache", Severity: analyzer.LevelError, Verdict: analyzer.Probable},
		},
		Score:     analyzer.Score{Total: 40, Availability: 40},
		Unmatched: []analyzer.UnmatchedReport{{Service: "orders", Template: "x", Count: 3}},
	}
	for i := range services {
		r.Services = append(r.Services, analyzer.ServiceReport{
			Name: fmt.Sprint("svc-", i), Environment: "staging", Accepted: 5, Refused: 1, Reasons: map[analyzer.Reason]int64{analyzer.BadSignature: 1},
		})
	}
	return &analyzer.Update{Report: r}
}

func serving(t *testing.T, services int) (*HTTP, *prometheus.Registry) {
	t.Helper()
	p, registry := NewPrometheus(), prometheus.NewRegistry()
	registry.MustRegister(p)
	h := NewHTTP(registry)
	for _, s := range []analyzer.Sink{p, h} {
		if err := s.Deliver(context.Background(), update(services)); err != nil {
			t.Fatal(err)
		}
	}
	return h, registry
}

func get(h *HTTP, path string) (int, string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	b, _ := io.ReadAll(w.Body)
	return w.Code, string(b)
}

func TestMetricsLint(t *testing.T) {
	_, registry := serving(t, 3)
	problems, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestPromtoolTakesOurMetrics(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("WHY401_REQUIRE_REAL") != "" {
			t.Fatal("promtool is required and not installed: run make deps")
		}
		t.Skip("promtool is not installed")
	}
	h, _ := serving(t, 3)
	_, body := get(h, "/metrics")
	cmd := exec.Command(promtool, "check", "metrics")
	cmd.Stdin = strings.NewReader(body)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Errorf("promtool check metrics: %v\n%s", err, out.String())
	}
}

func TestServicesAreBounded(t *testing.T) {
	h, _ := serving(t, maxServices+50)
	_, body := get(h, "/metrics")
	for _, want := range []string{
		`why401_auth_refusals_total{environment="staging",reason="bad_signature",service="other"} 50`,
		`why401_auth_outcomes_total{environment="staging",outcome="accepted",service="svc-0"} 5`,
		`why401_incidents_open{cause="key.stale_cache",severity="error",verdict="probable"} 1`,
		"why401_label_overflow_total 50", `why401_entries_total{result="committed"} 7`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if n := strings.Count(body, "\nwhy401_"); n > 5000 {
		t.Errorf("%d series; want at most 5,000", n)
	}
}

func TestEndpoints(t *testing.T) {
	h, _ := serving(t, 1)
	for path, want := range map[string]string{
		"/-/healthy": "healthy", "/-/ready": "ready", "/health": `"status":"pass"`, "/api/v1/report": `"services":[{"name":"svc-0"`,
		"/api/v1/incidents": `"cause":"key.stale_cache"`, "/api/v1/incidents/abc": `"id":"abc"`, "/": "svc-0",
	} {
		if code, body := get(h, path); code != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %.200s; want 200 and %s", path, code, body, want)
		}
	}
	if code, _ := get(h, "/api/v1/incidents/nope"); code != 404 {
		t.Errorf("unknown incident: %d; want 404", code)
	}
	if code, _ := get(NewHTTP(prometheus.NewRegistry()), "/-/ready"); code != 503 {
		t.Errorf("ready before the first report: %d; want 503", code)
	}
}
