package sinks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
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

func TestExemplarsCarryTheIncident(t *testing.T) {
	h, _ := serving(t, 2)
	_, body := get(h, "/metrics", "Accept", "application/openmetrics-text; version=1.0.0")
	mustHave(t, body, `reason="bad_signature",service="svc-0"} 1.0 # {incident="abc"} 1.0 `, `# {incident="old"} 3600.0`, "# EOF")
	if strings.Contains(body, `reason="bad_signature",service="svc-1"} 1.0 #`) {
		t.Error("a service outside the incident carries its exemplar")
	}
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

func TestIntakeMeasures(t *testing.T) {
	registry := prometheus.NewRegistry()
	in := NewIntake(registry)
	s := &brokenStore{err: errors.New("disk full")}
	measured := in.Store(s)
	if err := measured.Commit(t.Context(), nil); err == nil {
		t.Error("the store's error is gone")
	}
	s.err = nil
	handle := in.Handler(func(ctx context.Context, _ []analyzer.Message) error { return measured.Commit(ctx, nil) })
	if err := handle(t.Context(), []analyzer.Message{{Published: time.Now()}, {Published: time.Now().Add(-time.Minute)}}); err != nil {
		t.Fatal(err)
	}
	in.Rules("a")
	in.Rules("b")
	_, body := get(MetricsHandler(registry), "/metrics")
	mustHave(t, body, "why401_store_errors_total 1", "why401_store_commit_duration_seconds_count 1", `why401_commit_delay_seconds_bucket{le="15"} 0`, `why401_commit_delay_seconds_bucket{le="300"} 1`, `why401_rules_info{hash="b"} 1`)
	if strings.Contains(body, `hash="a"`) {
		t.Error("the former rule set is still shown")
	}
}

type brokenStore struct {
	analyzer.Store
	err error
}

func (s *brokenStore) Commit(context.Context, *analyzer.Batch) error { return s.err }

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
