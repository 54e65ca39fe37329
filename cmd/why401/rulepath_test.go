package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/why401/why401/sinks/deploy"
)

// shippedRoutes is the configuration for Alertmanager that why401 setup alerts
// prints, with a webhook behind each receiver and without its pauses.
func shippedRoutes(t *testing.T) func(receiver string) string {
	t.Helper()
	routes, err := deploy.Alerts("alertmanager", deploy.Links{})
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`group_wait: \w+`).ReplaceAllString(string(routes), "group_wait: 1s")
	text = regexp.MustCompile(`group_interval: \w+`).ReplaceAllString(text, "group_interval: 1s")
	return func(receiver string) string {
		return regexp.MustCompile(`(?m)^  - name: (chat|pager)$`).ReplaceAllString(text, fmt.Sprintf("  - name: $1\n    webhook_configs: [{url: %q, send_resolved: true}]", receiver))
	}
}

// messages returns what a receiver got about an alert, "" for any.
func (a *alertmanagerServer) messages(receiver, status, alert string) []page {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []page
	for _, p := range a.pages {
		if p.Receiver == receiver && p.Status == status && (alert == "" || p.Alerts[0].Labels["alertname"] == alert) {
			out = append(out, p)
		}
	}
	return out
}

// TestRulesPageOnce is the way of teams that have rules of Prometheus: a
// rotation that one service missed, from the log through a real Prometheus and
// a real Alertmanager with all that we ship for them. The pager rings once,
// for the users who are refused; one message names the cause, and one says
// that it is over.
func TestRulesPageOnce(t *testing.T) {
	if os.Getenv("WHY401_REQUIRE_REAL") == "" {
		t.Skip("waits for about a minute; WHY401_REQUIRE_REAL=1 runs it")
	}
	t.Parallel()
	am := startAlertmanagerWith(t, shippedRoutes(t))
	bus, listen, config := startBus(t), freeAddress(t), filepath.Join(t.TempDir(), "why401.yaml")
	if err := os.WriteFile(config, []byte("diagnosis: {tick: 1s}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	pagingProcess(t, config, bus.address, filepath.Join(t.TempDir(), "why401.db"), listen)
	prom := startPrometheusFor(t, am, listen)
	eventually(t, "a scrape", func() bool { v, err := prom.query("why401_build_info"); return err == nil && len(v) > 0 })
	bus.publish(t, entriesOf(t, "rotation-missed")...)
	eventually(t, "the message about the cause", func() bool { return len(am.messages("chat", "firing", "Why401ConfigDrift")) > 0 })
	a := am.messages("chat", "firing", "Why401ConfigDrift")[0].Alerts[0]
	if text := fmt.Sprint(a.Annotations); a.Labels["cause"] != "key.stale_cache" || !strings.Contains(text, "(key.stale_cache)") || !strings.Contains(text, "runbooks/key.stale_cache.md") {
		t.Errorf("the message says %v %v; want the cause, and its runbook", a.Labels, a.Annotations)
	}
	eventually(t, "a page", func() bool { return len(am.messages("pager", "firing", "Why401AuthFailureRate")) > 0 })
	for _, name := range []string{"auth", "catalog", "chat", "orders", "payments"} { // it was redeployed
		bus.publish(t, accepted(name, "acme-staging", time.Now().Add(20*time.Minute)))
	}
	eventually(t, "the end", func() bool { return len(am.messages("chat", "resolved", "Why401ConfigDrift")) > 0 })
	for receiver, want := range map[string]string{"pager": "Why401AuthFailureRate", "chat": "Why401ConfigDrift"} {
		for _, p := range am.messages(receiver, "firing", "") {
			if got := p.Alerts[0]; got.Labels["alertname"] != want || len(p.Alerts) != 1 {
				t.Errorf("%s got %v as well", receiver, got.Labels)
			}
		}
		if n := len(am.messages(receiver, "firing", "")); n != 1 {
			t.Errorf("%s got %d messages; want one", receiver, n)
		}
	}
}
