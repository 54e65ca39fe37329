package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/store"
	"github.com/why401/why401/sinks"
	"github.com/why401/why401/sinks/deploy"
)

// prometheusServer is a real Prometheus with our rules, which scrapes and
// evaluates every second and lets no alert wait.
type prometheusServer struct{ url string }

func startPrometheus(t *testing.T, targets ...string) *prometheusServer {
	t.Helper()
	return startPrometheusFor(t, nil, targets...)
}

// startPrometheusFor is the same, and it tells am unless that is nil: then
// alerts wait for half a minute where ours wait at all, which suits a time that
// goes by 30 times as fast.
func startPrometheusFor(t *testing.T, am *alertmanagerServer, targets ...string) *prometheusServer {
	t.Helper()
	bin, err := exec.LookPath("prometheus")
	if err != nil {
		if os.Getenv("WHY401_REQUIRE_REAL") != "" {
			t.Fatal("Prometheus is required and not installed: run make deps")
		}
		t.Skip("Prometheus is not installed")
	}
	rules, err := deploy.Alerts("prometheus", deploy.Links{})
	if err != nil {
		t.Fatal(err)
	}
	wait := "0s"
	if am != nil {
		wait = "30s"
	}
	rules = regexp.MustCompile(`(?m)^(\s+for:) .*$`).ReplaceAll(rules, []byte("$1 "+wait))
	dir, address := t.TempDir(), freeAddress(t)
	list, _ := json.Marshal(targets)
	config := fmt.Sprintf("global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [rules.yaml]\nscrape_configs:\n  - {job_name: why401, static_configs: [{targets: %s}]}\n", list)
	if am != nil {
		config += fmt.Sprintf("alerting: {alertmanagers: [{static_configs: [{targets: [%q]}]}]}\n", am.address)
	}
	for name, data := range map[string]string{"prometheus.yml": config, "rules.yaml": string(rules)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(bin, "--config.file", filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path", filepath.Join(dir, "data"), "--web.listen-address", address, "--enable-feature=exemplar-storage")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
		if text, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("log of Prometheus:\n%s", tail(string(text), 3000))
		}
	})
	p := &prometheusServer{"http://" + address}
	eventually(t, "a start of Prometheus", func() bool { return ready(p.url) })
	return p
}

// query returns the value of each series.
func (p *prometheusServer) query(expr string) ([]float64, error) {
	var out struct {
		Error string `json:"error"`
		Data  struct {
			Result []struct {
				Value [2]any `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	if err := getJSON(p.url+"/api/v1/query?query="+url.QueryEscape(expr), &out); err != nil {
		return nil, err
	}
	var values []float64
	for _, r := range out.Data.Result {
		v, err := strconv.ParseFloat(fmt.Sprint(r.Value[1]), 64)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}

// firing returns the alerts that fire, each with one of its label sets.
func (p *prometheusServer) firing() map[string]map[string]string {
	var out struct {
		Data struct {
			Alerts []struct {
				Labels map[string]string `json:"labels"`
				State  string            `json:"state"`
			} `json:"alerts"`
		} `json:"data"`
	}
	got := map[string]map[string]string{}
	if err := getJSON(p.url+"/api/v1/alerts", &out); err != nil {
		return got
	}
	for _, a := range out.Data.Alerts {
		if a.State == "firing" {
			got[a.Labels["alertname"]] = a.Labels
		}
	}
	return got
}

// TestPrometheusAndDashboard lets a real Prometheus scrape a daemon that
// probes real services and reads a rotation gone wrong: every query of the
// dashboard has an answer, the exemplar names the incident, and the rule about
// drift fires with the right cause.
func TestPrometheusAndDashboard(t *testing.T) {
	t.Parallel()
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer receiver.Close()
	p := startPlatform(t, "auth", "orders")
	key := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(key, []byte(receiver.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	p.extra = fmt.Sprintf("sinks: [{kind: webhook, url: %q}]\nalerts: {settle: 1s}\n", "file:"+key)
	d := serveFor(t, p, filepath.Join(t.TempDir(), "why401.db"))
	web := httptest.NewServer(d.web)
	defer web.Close()
	prom := startPrometheus(t, strings.TrimPrefix(web.URL, "http://"))
	eventually(t, "a scrape", func() bool { v, err := prom.query("why401_build_info"); return err == nil && len(v) > 0 })
	for _, e := range entriesOf(t, "rotation-missed") {
		p.log(string(e))
	}
	eventually(t, "the alert about drift", func() bool { return prom.firing()["Why401ConfigDrift"]["cause"] == "key.stale_cache" })
	if got := prom.firing()["Why401Watchdog"]; got == nil {
		t.Error("the Watchdog is silent")
	}
	eventually(t, "an exemplar", func() bool {
		var out struct {
			Data []struct {
				Exemplars []struct {
					Labels map[string]string `json:"labels"`
				} `json:"exemplars"`
			} `json:"data"`
		}
		q := fmt.Sprintf("%s/api/v1/query_exemplars?query=why401_auth_refusals_total&start=%d&end=%d", prom.url, time.Now().Add(-time.Hour).Unix(), time.Now().Add(time.Minute).Unix())
		return getJSON(q, &out) == nil && len(out.Data) > 0 && len(out.Data[0].Exemplars[0].Labels["incident"]) == 12
	})
	p.log(string(accepted("payments", "acme-staging", time.Now().Add(20*time.Minute)))) // it is over
	checkMetrics(t, web.URL)
	for _, q := range dashboardQueries(t) {
		var last error
		ok := false
		for range 60 {
			var v []float64
			if v, last = prom.query(q.expr); last == nil && len(v) > 0 {
				ok = true
				break
			}
			time.Sleep(time.Second)
		}
		if !ok {
			t.Errorf("panel %q: %s has no answer (%v)", q.panel, q.expr, last)
		}
	}
}

// checkMetrics lets promtool look at what a daemon really shows.
func checkMetrics(t *testing.T, daemon string) {
	t.Helper()
	resp, err := http.Get(daemon + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	cmd := exec.Command("promtool", "check", "metrics") // it comes with Prometheus
	cmd.Stdin = resp.Body
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

type panelQuery struct{ panel, expr string }

// dashboardQueries returns the queries as Grafana sends them.
func dashboardQueries(t *testing.T) []panelQuery {
	t.Helper()
	data, err := deploy.Dashboard()
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			Title   string `json:"title"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	if err := json.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("$__rate_interval", "2m", "$__range", "10m", "$service", ".*", "$environment", ".*")
	var out []panelQuery
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			out = append(out, panelQuery{p.Title, fill.Replace(q.Expr)})
		}
	}
	if len(out) < 25 {
		t.Fatalf("%d queries; want 25 or more", len(out))
	}
	return out
}

// away is a store that cannot write.
type away struct{ analyzer.Store }

func (away) Commit(context.Context, *analyzer.Batch) error { return errors.New("disk full") }

// TestSelfAlertsFire provokes what can go wrong with why401 itself, all at
// once, before a real Prometheus.
func TestSelfAlertsFire(t *testing.T) {
	t.Parallel()
	var targets []string
	var trouble []func()
	for _, hash := range []string{"aaaaaaaaaaaa", "bbbbbbbbbbbb"} {
		registry := prometheus.NewRegistry()
		metrics, intake, meter := sinks.NewPrometheus(), sinks.NewIntake(registry), sinks.NewMeter(registry)
		registry.MustRegister(metrics)
		intake.Rules(hash)
		server := httptest.NewServer(sinks.MetricsHandler(registry))
		defer server.Close()
		targets = append(targets, strings.TrimPrefix(server.URL, "http://"))
		closed := freeAddress(t)
		held, err := store.Open(t.Context(), store.Config{Kind: "memory"})
		if err != nil {
			t.Fatal(err)
		}
		defer held.Close()
		notifier, err := sinks.Open(t.Context(), []sinks.Config{{Kind: "slack", URL: "env:SLACK_URL"}}, &sinks.Outside{
			Getenv: func(string) string { return "http://" + closed + "/hook" }, Notes: held, Log: zerolog.Nop(), Meter: meter,
		})
		if err != nil {
			t.Fatal(err)
		}
		meter.Use(notifier, nil)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); notifier.Run(ctx, 0) }()
		defer func() { cancel(); <-done }()
		n := int64(0)
		trouble = append(trouble, func() {
			n++
			u := troubled(n)
			_ = metrics.Deliver(ctx, u)  // it has no notes
			_ = notifier.Deliver(ctx, u) // it fails later
			_ = intake.Store(away{}).Commit(ctx, nil)
			_ = intake.Handler(func(context.Context, []analyzer.Message) error { return nil })(ctx, []analyzer.Message{{Published: time.Now().Add(-10 * time.Minute)}})
		})
	}
	prom := startPrometheus(t, targets...)
	want := []string{"Why401Backlog", "Why401QuarantineGrowing", "Why401UnmatchedGrowing", "Why401SinkFailing", "Why401StoreFailing", "Why401RuleSetsDiffer", "Why401LabelOverflow",
		"Why401InputStale", "Why401ProbeFailing", "Why401ProbeBlind", "Why401HealthScoreCritical", "Why401IncidentOpen", "Why401Watchdog"}
	var missing []string
	for range 60 {
		for _, f := range trouble {
			f()
		}
		firing := prom.firing()
		missing = missing[:0]
		for _, name := range want {
			if firing[name] == nil {
				missing = append(missing, name)
			}
		}
		if len(missing) == 0 {
			return
		}
		time.Sleep(time.Second)
	}
	t.Errorf("provoked, and silent: %v", missing)
}

// troubled is an update in which all is wrong; n makes its counts grow.
func troubled(n int64) *analyzer.Update {
	now := time.Now()
	r := &analyzer.Report{
		Span: analyzer.Span{To: now.Add(-time.Hour)}, Totals: analyzer.ReportTotals{Entries: 1000 * n, Malformed: 100 * n},
		Scores:    map[string]analyzer.Score{"staging": {Total: 20}},
		Incidents: []analyzer.Incident{{ID: "abc", Cause: "claim.type_invalid", Severity: analyzer.LevelError, Verdict: analyzer.Probable}},
	}
	for i := range 300 {
		r.Services = append(r.Services, analyzer.ServiceReport{Name: fmt.Sprint("svc-", i), Environment: "staging", Unmatched: 50 * n, Reasons: map[analyzer.Reason]int64{}})
	}
	return &analyzer.Update{
		At: now, Report: r,
		Probes: []analyzer.ProbeResult{{Probe: "jwks", Service: analyzer.Service{Name: "a"}, Status: analyzer.StatusFail, At: now}, {Probe: "health", Service: analyzer.Service{Name: "b"}, Status: analyzer.StatusUnknown, At: now}},
		Alerts: []analyzer.Alert{{Fingerprint: "f", Name: analyzer.AlertName, Severity: analyzer.LevelError, State: analyzer.AlertFiring, StartsAt: now.Add(-time.Minute)}},
	}
}

// TestCountersSurviveKills counts over WHY401_KILLS kills as Prometheus does,
// by increase(), and compares with what was written.
func TestCountersSurviveKills(t *testing.T) {
	kills, err := strconv.Atoi(os.Getenv("WHY401_KILLS"))
	if err != nil {
		t.Skip("WHY401_KILLS says how often: make torture-alerts")
	}
	kills = min(kills, 10)
	bus, listen, config := startBus(t), freeAddress(t), filepath.Join(t.TempDir(), "why401.yaml")
	if err := os.WriteFile(config, []byte("diagnosis: {tick: 1s}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	db := filepath.Join(t.TempDir(), "why401.db")
	process := pagingProcess(t, config, bus.address, db, listen)
	prom := startPrometheus(t, listen)
	start, truth := time.Now(), 0
	write := func(d time.Duration) {
		for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			var entries [][]byte
			for i := range 10 {
				entries = append(entries, refused("payments", "acme-staging", time.Now().Add(time.Duration(i)*time.Microsecond)))
			}
			bus.publish(t, entries...)
			truth += len(entries)
		}
	}
	for range kills {
		write(time.Duration(3000+rand.IntN(5000)) * time.Millisecond)
		_ = process.Process.Kill() // it is there until then
		_ = process.Wait()
		process = pagingProcess(t, config, bus.address, db, listen)
	}
	write(2 * time.Second)
	const series = `why401_auth_refusals_total{reason="bad_signature",service="payments"}`
	eventually(t, "the last entry in Prometheus", func() bool {
		v, err := prom.query("sum(" + series + ")")
		return err == nil && len(v) == 1 && v[0] >= float64(truth)
	})
	span := int(time.Since(start).Seconds()) + 5
	increase, err := prom.query(fmt.Sprintf("sum(increase(%s[%ds]))", series, span))
	if err != nil || len(increase) != 1 {
		t.Fatalf("increase %v, %v", increase, err)
	}
	resets, _ := prom.query(fmt.Sprintf("sum(resets(%s[%ds]))", series, span))
	if off := math.Abs(increase[0]/float64(truth) - 1); off > 0.02 {
		t.Errorf("increase() says %.0f of %d entries; want it within 2 %%", increase[0], truth)
	}
	spikes, _ := prom.query(fmt.Sprintf("max_over_time(rate(%s[10s])[%ds:1s])", series, span))
	t.Logf("%d entries, %d kills in %s: increase() %.0f, %v resets, highest rate %v/s", truth, kills, time.Since(start).Round(time.Second), increase[0], resets, spikes)
}
