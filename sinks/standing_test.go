package sinks

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/why401/why401/analyzer"
)

func TestStandingAlertsAreRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pager{}
		q, stop := start(t, p, &memory{}, outlet{resend: 30 * time.Second, watchdog: true}, Config{Kind: "alertmanager"})
		defer stop()
		a := named("a", analyzer.AlertFiring)
		for range 12 {
			q.offer([]analyzer.Alert{a})
			pass(5 * time.Second)
		}
		count := func(what string) (n int) {
			for _, c := range p.told() {
				if c == what {
					n++
				}
			}
			return n
		}
		if n, w := count("firing a"), count("firing "+watchdogName); n < 2 || n > 3 || w != n {
			t.Errorf("in a minute: %d times the alert, %d times the watchdog; want one at once and one every 30 s", n, w)
		}
		before := time.Now()
		e := ended(a)
		q.offer([]analyzer.Alert{e})
		pass(time.Second)
		if at := p.last(); count("resolved a") != 1 || at.Sub(before) > time.Second {
			t.Errorf("the end went out %d times, last %v after it; want at once", count("resolved a"), at.Sub(before))
		}
		for range 400 {
			q.offer([]analyzer.Alert{e})
			pass(5 * time.Second)
		}
		if n := count("resolved a"); n < 28 || n > 32 {
			t.Errorf("the end was repeated %d times; want every 30 s for %v", n, resolvedRetention)
		}
		n := count("firing " + watchdogName)
		pass(time.Hour) // no update comes any more
		if more := count("firing "+watchdogName) - n; more > 3 {
			t.Errorf("the watchdog went on %d times without updates; want it to stop within two resends", more)
		}
	})
}

func TestAlertmanagerIdentity(t *testing.T) {
	now := time.Now()
	a := testAlert(analyzer.AlertFiring)
	a.Severity, a.Former, a.Raised = analyzer.LevelCritical, []analyzer.Level{analyzer.LevelError}, now.Add(-time.Minute)
	got := alertmanagerAlerts([]analyzer.Alert{a}, now, 30*time.Second)
	if len(got) != 2 || got[0].Labels["severity"] != "critical" || got[1].Labels["severity"] != "error" {
		t.Fatalf("alerts %v; want the critical one and the end of the milder", got)
	}
	if ends := time.Time(got[0].EndsAt).Sub(now); ends != 2*time.Minute {
		t.Errorf("ends in %v; want four resends", ends)
	}
	if ends := time.Time(got[1].EndsAt); !ends.Before(now) {
		t.Errorf("the milder alert ends at %v; want when it was raised", ends)
	}
	for _, l := range []string{"replica", "instance", "pod", "version", "host"} {
		if _, ok := got[0].Labels[l]; ok {
			t.Errorf("label %s is part of the identity: two replicas would be two alerts", l)
		}
	}
	if got := alertmanagerAlerts([]analyzer.Alert{a}, now.Add(time.Hour), 30*time.Second); len(got) != 1 {
		t.Errorf("an hour later %d alerts; want the milder one forgotten", len(got))
	}
}
