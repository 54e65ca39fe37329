package sinks

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"

	"github.com/why401/why401/analyzer"
)

func update(services int) *analyzer.Update {
	now := time.Now()
	r := &analyzer.Report{
		Span:   analyzer.Span{To: now},
		Totals: analyzer.ReportTotals{Entries: 10, Duplicates: 1, Malformed: 2},
		Incidents: []analyzer.Incident{
			{ID: "abc", Cause: "key.stale_cache", Severity: analyzer.LevelError, Verdict: analyzer.Probable, Environment: "staging", Services: []string{"svc-0"}, LastSeen: now},
		},
		Changes: []analyzer.Change{
			{Kind: analyzer.SecretVersionAdded, Target: "jwt-main", Version: "3", At: time.Unix(1_700_000_000, 0)},
			{Kind: analyzer.SecretVersionAdded, Target: "jwt-main", Version: "2", At: time.Unix(1_600_000_000, 0)},
		},
		Score:     analyzer.Score{Total: 40, Availability: 40},
		Scores:    map[string]analyzer.Score{"staging": {Total: 40, Availability: 40}, "production": {Total: 92, Availability: 40, Consistency: 22, Format: 20, Alignment: 10}},
		Unmatched: []analyzer.UnmatchedReport{{Service: "orders", Template: "x", Count: 3}},
	}
	for i := range services {
		r.Services = append(r.Services, analyzer.ServiceReport{
			Name: fmt.Sprint("svc-", i), Environment: "staging", Accepted: 5, Refused: 1, Unmatched: 2, Reasons: map[analyzer.Reason]int64{analyzer.BadSignature: 1},
		})
	}
	return &analyzer.Update{
		At: now, Report: r, Interventions: 1,
		Probes: []analyzer.ProbeResult{{
			Probe: "mint", Target: "svc-0", Service: analyzer.Service{Name: "svc-0"}, Status: analyzer.StatusOK, At: now, Took: 30 * time.Millisecond,
			Facts: map[string]string{analyzer.FactMintSeconds: "0.02", analyzer.FactLoadSeconds: "0.03"},
		}, {
			Probe: "secret_manager", Target: "jwt-old", Status: analyzer.StatusOK, At: now, Facts: map[string]string{"newest_created": "2020-09-13T12:26:40Z"},
		}, {
			Probe: "secret_manager", Target: "jwt-old age", Status: analyzer.StatusOK, At: now, Facts: map[string]string{"newest_created": "2020-09-13T12:26:40Z"},
		}},
		Records: []analyzer.Record{{ID: "abc", Cause: "key.stale_cache", Returns: 1}},
		Ended:   []analyzer.Record{{ID: "old", Cause: "key.secret_missing", Opened: now.Add(-time.Hour)}},
	}
}

// serving returns a page whose series were scraped once, at zero.
func serving(t *testing.T, services int) (http.Handler, *prometheus.Registry) {
	t.Helper()
	p, registry := NewPrometheus(), prometheus.NewRegistry()
	registry.MustRegister(p)
	NewMeter(registry)
	NewIntake(registry).Rules("0123456789ab")
	h := MetricsHandler(registry)
	if err := p.Deliver(context.Background(), update(services)); err != nil {
		t.Fatal(err)
	}
	get(h, "/metrics")
	return h, registry
}

func get(h http.Handler, path string, header ...string) (int, string) {
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	h.ServeHTTP(w, r)
	b, _ := io.ReadAll(w.Body)
	return w.Code, string(b)
}

func mustHave(t *testing.T, metrics string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(metrics, w) {
			t.Errorf("metrics lack %s", w)
		}
	}
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

// TestContract: names and labels that other programs rely on.
func TestContract(t *testing.T) {
	h, _ := serving(t, 3)
	_, body := get(h, "/metrics")
	mustHave(t, body,
		`why401_auth_outcomes_total{environment="staging",outcome="accepted",service="svc-0"} 5`,
		`why401_auth_outcomes_total{environment="staging",outcome="refused",service="svc-0"} 1`,
		`why401_auth_refusals_total{environment="staging",reason="bad_signature",service="svc-0"} 1`,
		`why401_auth_refusals_total{environment="staging",reason="expired_token",service="svc-0"} 0`,
		`why401_incidents_open{cause="key.stale_cache",severity="error",verdict="probable"} 1`,
		`why401_config_health_score{environment="staging"} 40`,
		`why401_config_health_score{environment="production"} 92`,
		`why401_config_health_score_part{environment="staging",part="availability"} 40`,
		`why401_probe_status{probe="mint",service="svc-0",status="ok"} 1`,
		`why401_probe_duration_seconds_count{probe="mint"} 1`,
		"why401_token_mint_duration_seconds_count 1", "why401_secret_load_duration_seconds_sum 0.03",
		`why401_secret_last_rotation_timestamp_seconds{secret="jwt-main"} 1.7e+09`,
		`why401_secret_last_rotation_timestamp_seconds{secret="jwt-old"} 1.6e+09`,
		`why401_config_drift_detected_total{cause="key.stale_cache"} 2`, `why401_config_drift_detected_total{cause="rotation.incomplete"} 0`,
		`why401_incident_resolution_seconds_sum{cause="key.secret_missing"} 3600`,
		"why401_manual_interventions_total 1", "why401_ingest_lag_seconds ", "why401_diagnosis_timestamp_seconds ",
		`why401_entries_total{result="committed"} 7`, `why401_entries_total{result="malformed"} 2`,
		`why401_entries_unmatched_total{service="svc-0"} 2`, `why401_label_overflow_total{label="service"} 0`,
		`why401_build_info{goversion="go`, `why401_rules_info{hash="0123456789ab"} 1`, "why401_store_errors_total 0", "why401_commit_delay_seconds_count 0",
	)
}

func TestNativeHistograms(t *testing.T) {
	_, registry := serving(t, 1)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, f := range families {
		if f.GetType() != dto.MetricType_HISTOGRAM {
			continue
		}
		for _, m := range f.Metric {
			seen++
			if m.Histogram.Schema == nil || len(m.Histogram.Bucket) == 0 {
				t.Errorf("%s: want native buckets beside classic ones", f.GetName())
			}
		}
	}
	if seen < 6 {
		t.Errorf("%d histograms; want 6 or more", seen)
	}
}
