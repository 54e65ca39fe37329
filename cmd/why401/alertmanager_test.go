package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
)

// page is what a receiver of Alertmanager gets: its webhook message, as far as
// we look at it.
type page struct {
	Status   string `json:"status"`
	Receiver string `json:"receiver"`
	Alerts   []struct {
		Status      string            `json:"status"`
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	} `json:"alerts"`
	at time.Time
}

// alertmanagerServer is a real Alertmanager that pages a receiver in this
// process.
type alertmanagerServer struct {
	bin, dir, address string
	cmd               *exec.Cmd

	mu    sync.Mutex
	pages []page
}

// startAlertmanager starts the program, or ends the test where there is none.
func startAlertmanager(t *testing.T) *alertmanagerServer {
	t.Helper()
	return startAlertmanagerWith(t, func(receiver string) string {
		return fmt.Sprintf(`
route: {receiver: pager, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 4h}
receivers: [{name: pager, webhook_configs: [{url: %q, send_resolved: true}]}]
`, receiver)
	})
}

// startAlertmanagerWith starts it with the configuration that config makes
// for the URL of a receiver.
func startAlertmanagerWith(t *testing.T, config func(receiver string) string) *alertmanagerServer {
	t.Helper()
	a := &alertmanagerServer{dir: t.TempDir(), address: freeAddress(t)}
	for _, name := range []string{"alertmanager", "prometheus-alertmanager"} {
		if p, err := exec.LookPath(name); err == nil && a.bin == "" {
			a.bin = p
		}
	}
	if a.bin == "" {
		if os.Getenv("WHY401_REQUIRE_REAL") != "" {
			t.Fatal("Alertmanager is required and not installed: run make deps")
		}
		t.Skip("Alertmanager is not installed")
	}
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		p := page{at: time.Now()}
		if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
			t.Errorf("page: %v", err)
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.pages = append(a.pages, p)
	}))
	t.Cleanup(receiver.Close)
	if err := os.WriteFile(filepath.Join(a.dir, "alertmanager.yml"), []byte(config(receiver.URL)), 0o600); err != nil {
		t.Fatal(err)
	}
	a.start(t)
	t.Cleanup(func() { a.kill() })
	return a
}

func (a *alertmanagerServer) start(t *testing.T) {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(a.dir, "log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	a.cmd = exec.Command(a.bin, "--config.file", filepath.Join(a.dir, "alertmanager.yml"), "--storage.path", filepath.Join(a.dir, "data"),
		"--web.listen-address", a.address, "--cluster.listen-address", "", "--data.maintenance-interval", "5s")
	a.cmd.Stdout, a.cmd.Stderr = log, log
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

// kill ends it as SIGKILL does: nothing is saved.
func (a *alertmanagerServer) kill() {
	_ = a.cmd.Process.Kill() // it may have ended
	_ = a.cmd.Wait()
}

func (a *alertmanagerServer) url() string { return "http://" + a.address }

// active returns the incidents that it holds for firing.
func (a *alertmanagerServer) active() (map[string]bool, error) {
	var alerts []struct {
		Labels map[string]string `json:"labels"`
	}
	if err := getJSON(a.url()+"/api/v2/alerts?active=true", &alerts); err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, x := range alerts {
		out[x.Labels["incident"]] = true
	}
	return out, nil
}

// told returns the pages of a status about incidents.
func (a *alertmanagerServer) told(status string) []page {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []page
	for _, p := range a.pages {
		if p.Status == status && p.Alerts[0].Labels["incident"] != "" {
			out = append(out, p)
		}
	}
	return out
}

// pagesOf counts the pages that name a cause.
func (a *alertmanagerServer) pagesOf(cause string) (n int) {
	for _, p := range a.told("firing") {
		if p.Alerts[0].Annotations["cause"] == cause {
			n++
		}
	}
	return n
}

func getJSON(url string, v any) error {
	client := http.Client{Timeout: 5 * time.Second}
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(v)
}

func ready(url string) bool {
	client := http.Client{Timeout: 2 * time.Second}
	resp, err := client.Get(url + "/-/ready")
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// pagingConfig writes a configuration that tells an Alertmanager directly.
func pagingConfig(t *testing.T, alertmanager, settle string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "why401.yaml")
	text := fmt.Sprintf(`
diagnosis: {tick: 1s}
alerts: {quiet: 1s, settle: %s, url: "https://why401.acme.test"}
sinks:
  - {kind: alertmanager, urls: [%q], min_severity: warning, watchdog: true}
`, settle, alertmanager)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// pagingProcess runs serve as a process of its own.
func pagingProcess(t *testing.T, config, pubsub, db, listen string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "serve", "-c", config, "--project", "acme-staging", "--subscription", "why401", "--db", db, "--listen", listen)
	cmd.Env = append(os.Environ(), "WHY401_TEST_MAIN=1", "PUBSUB_EMULATOR_HOST="+pubsub)
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("log of serve:\n%s", tail(log.String(), 4000))
		}
	})
	return cmd
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

// TestFaultPagesOnce plays a rotation that one service missed, on a platform
// of real services, through the daemon to a real Alertmanager: one page that
// names the cause, and one message when it is over.
func TestFaultPagesOnce(t *testing.T) {
	t.Parallel()
	am := startAlertmanager(t)
	bus := startBus(t)
	listen := freeAddress(t)
	pagingProcess(t, pagingConfig(t, am.url(), "20s"), bus.address, filepath.Join(t.TempDir(), "why401.db"), listen)
	bus.publish(t, entriesOf(t, "rotation-missed")...)
	eventually(t, "a page", func() bool { return len(am.told("firing")) > 0 })
	var incident string
	for _, p := range am.told("firing") {
		a := p.Alerts[0]
		incident = a.Labels["incident"]
		text := fmt.Sprint(a.Annotations)
		for _, want := range []string{"key.stale_cache", "payments", "restart or redeploy payments", "https://why401.acme.test/incidents/" + incident, "runbooks/key.stale_cache.md"} {
			if !strings.Contains(text, want) {
				t.Errorf("the page lacks %q: %v", want, a)
			}
		}
		if a.Labels["severity"] != "error" {
			t.Errorf("severity %q; want error", a.Labels["severity"])
		}
	}
	if n := len(am.told("firing")); n != 1 {
		t.Errorf("%d pages; want one: %+v", n, am.told("firing"))
	}
	// The service was redeployed: 17 minutes later all is well.
	bus.publish(t, accepted("payments", "acme-staging", time.Now().Add(17*time.Minute)))
	eventually(t, "the end", func() bool { return len(am.told("resolved")) > 0 })
	if p := am.told("resolved"); len(p) != 1 || p[0].Alerts[0].Labels["incident"] != incident {
		t.Errorf("ends %+v; want one, of incident %s", p, incident)
	}
	if n := len(am.told("firing")); n != 1 {
		t.Errorf("%d pages in the end; want one", n)
	}
	if active, err := am.active(); err != nil || active[incident] {
		t.Errorf("still active (%v): %v", err, active)
	}
}

// TestOneWrongSecretPagesOnce gives 500 services that share a secret a token
// signed with another one, through the daemon to a real Alertmanager.
func TestOneWrongSecretPagesOnce(t *testing.T) {
	if os.Getenv("WHY401_REQUIRE_REAL") == "" {
		t.Skip("waits for about a minute; WHY401_REQUIRE_REAL=1 runs it")
	}
	t.Parallel()
	am, bus := startAlertmanager(t), startBus(t)
	config := pagingConfig(t, am.url(), "15s")
	f, err := os.OpenFile(config, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(f, "key_domains:\n  - name: jwt-main\n    environment: staging\n    services:\n      - {name: auth, signs: true}\n")
	for i := range 500 {
		fmt.Fprintf(f, "      - {name: service-%03d}\n", i)
	}
	var entries [][]byte
	for m := range 10 { // one request in two minutes, and from the tenth minute on the wrong secret
		for i := range 500 {
			entry, at := accepted, time.Now().Add(time.Duration(2*m-20)*time.Minute+time.Duration(i)*100*time.Millisecond)
			if m >= 5 {
				entry = refused
			}
			entries = append(entries, entry(fmt.Sprintf("service-%03d", i), "acme-staging", at))
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	listen := freeAddress(t)
	pagingProcess(t, config, bus.address, filepath.Join(t.TempDir(), "why401.db"), listen)
	bus.publish(t, entries...)
	eventually(t, "all entries", func() bool {
		var report analyzer.Report
		return getJSON("http://"+listen+"/api/v1/report", &report) == nil && report.Totals.Entries == int64(len(entries))
	})
	eventually(t, "a page", func() bool { return len(am.told("firing")) > 0 })
	time.Sleep(20 * time.Second) // longer than incidents gather evidence: whoever is to be paged has been
	pages := am.told("firing")
	if len(pages) != 1 || len(pages[0].Alerts) != 1 {
		t.Fatalf("%d pages; want one with one alert: %.3000v", len(pages), pages)
	}
	// Nothing in the log tells whose secret is the wrong one.
	if a := pages[0].Alerts[0]; !strings.Contains(a.Annotations["candidates"], "key.cross_service_drift") || !strings.HasSuffix(a.Annotations["services"], "and 490 more") || a.Labels["key_domain"] != "jwt-main" {
		t.Errorf("the page says %v %v; want one cause, ten services and the number of the others", a.Labels, a.Annotations)
	}
}

// accepted is the request log of an accepted request.
func accepted(service, project string, at time.Time) []byte {
	return fmt.Appendf(nil, `{"insertId":"ok-%d-%s-%s","logName":"projects/%[3]s/logs/run.googleapis.com%%2Frequests","timestamp":%[4]q,"resource":{"type":"cloud_run_revision","labels":{"service_name":%[2]q,"project_id":%[3]q}},"httpRequest":{"status":200}}`,
		at.UnixNano(), service, project, at.UTC().Format(time.RFC3339Nano))
}
