package sinks

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/why401/why401/analyzer"
)

func TestEachVersionIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, notes := &pager{}, &memory{}
		q, stop := start(t, p, notes, outlet{}, Config{Kind: "slack"})
		a := named("a", analyzer.AlertFiring)
		step := func(alerts ...analyzer.Alert) {
			for range 3 {
				q.offer(alerts)
				time.Sleep(5 * time.Second)
			}
		}
		step(a, named("mild", analyzer.AlertFiring, func(a *analyzer.Alert) { a.Severity = analyzer.LevelInfo }))
		stop()
		q, stop = start(t, p, notes, outlet{}, Config{Kind: "slack"})
		step(a)
		raised := a
		raised.Severity = analyzer.LevelCritical
		step(raised)
		step(ended(raised))
		stop()
		q, stop = start(t, p, notes, outlet{}, Config{Kind: "slack"})
		step(ended(raised), ended(named("never told", analyzer.AlertFiring)))
		step()
		stop()
		if diff := cmp.Diff([]string{"firing a", "firing a", "resolved a"}, p.calls); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		if len(notes.m) > 0 {
			t.Errorf("%d notes are left of an alert that is forgotten", len(notes.m))
		}
	})
}

// While a sink is away only the newest state of each alert is kept, and it
// arrives once the sink is back.
func TestOnlyTheNewestStateCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pager{err: func() error { return errAway }}
		q, stop := start(t, p, &memory{}, outlet{}, Config{Kind: "slack"})
		defer stop()
		a, b := named("a", analyzer.AlertFiring), named("b", analyzer.AlertFiring)
		q.offer([]analyzer.Alert{a, b})
		time.Sleep(time.Hour)
		a.Severity = analyzer.LevelCritical
		q.offer([]analyzer.Alert{a, b})
		time.Sleep(time.Hour)
		if h := q.health(); h.OK || h.Pending != 2 || h.LastError != "away" {
			t.Errorf("health %+v; want two pending and the error", h)
		}
		q.offer([]analyzer.Alert{ended(a), b})
		p.err = nil
		time.Sleep(longestPause)
		if diff := cmp.Diff([]string{"resolved a", "firing b"}, p.calls); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		if h := q.health(); !h.OK || h.Pending != 0 || h.LastError != "" {
			t.Errorf("health %+v; want all well", h)
		}
	})
}

// An alert that a sink refuses holds up no other, is tried again rarely and
// is given up once nobody remembers it.
func TestRefusedAlert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refusals := 0
		p := &pager{}
		q, stop := start(t, p, &memory{}, outlet{}, Config{Kind: "slack"})
		defer stop()
		p.err = func() error { refusals++; return &Failure{Reason: failStatus, text: "no"} }
		bad, good := named("bad", analyzer.AlertFiring, func(a *analyzer.Alert) { a.Severity = analyzer.LevelCritical }), named("good", analyzer.AlertFiring)
		q.offer([]analyzer.Alert{bad})
		time.Sleep(time.Second)
		p.err = nil
		q.offer([]analyzer.Alert{bad, good})
		time.Sleep(time.Second)
		if diff := cmp.Diff([]string{"firing good"}, p.calls); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		time.Sleep(rejectedPause)
		if diff := cmp.Diff([]string{"firing good", "firing bad"}, p.calls); diff != "" || refusals != 1 {
			t.Errorf("after %d refusals told (-want +got):\n%s", refusals, diff)
		}
		p.err = func() error { refusals++; return &Failure{Reason: failStatus, text: "no"} }
		q.offer([]analyzer.Alert{ended(bad), good})
		time.Sleep(time.Hour)
		q.offer([]analyzer.Alert{good})
		time.Sleep(time.Second)
		if n := testutil.ToFloat64(q.meter.notifications.WithLabelValues("slack", resultDropped)); n != 1 || q.health().Pending != 0 {
			t.Errorf("%v given up, %d pending; want 1 and 0", n, q.health().Pending)
		}
	})
}

func TestMuchToTell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pager{err: func() error { return errAway }}
		q, stop := start(t, p, &memory{}, outlet{}, Config{Kind: "slack"})
		defer stop()
		var all []analyzer.Alert
		for i := range 3 * maxPending {
			all = append(all, named(fmt.Sprint(i), analyzer.AlertFiring))
		}
		all = append(all, named("worst", analyzer.AlertFiring, func(a *analyzer.Alert) { a.Severity = analyzer.LevelCritical }))
		q.offer(all)
		time.Sleep(time.Second)
		if n := q.health().Pending; n != maxPending {
			t.Errorf("%d pending; want the bound of %d", n, maxPending)
		}
		p.err = nil
		for range 10 {
			time.Sleep(longestPause)
			q.offer(all)
		}
		time.Sleep(time.Second)
		if p.calls[0] != "firing worst" || len(p.firing) != len(all) {
			t.Errorf("%s first, %d told; want the most severe first and all %d", p.calls[0], len(p.firing), len(all))
		}
	})
}
