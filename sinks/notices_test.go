package sinks

import (
	"fmt"
	"sync/atomic"
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
				pass(5 * time.Second)
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
		if diff := cmp.Diff([]string{"firing a", "firing a", "resolved a"}, p.told()); diff != "" {
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
		pass(time.Hour)
		a.Severity = analyzer.LevelCritical
		q.offer([]analyzer.Alert{a, b})
		pass(time.Hour)
		if h := q.health(); h.OK || h.Pending != 2 || h.LastError != "away" {
			t.Errorf("health %+v; want two pending and the error", h)
		}
		p.answer(nil)
		q.offer([]analyzer.Alert{ended(a), b})
		pass(longestPause)
		if diff := cmp.Diff([]string{"resolved a", "firing b"}, p.told()); diff != "" {
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
		var refusals atomic.Int64
		p := &pager{}
		q, stop := start(t, p, &memory{}, outlet{}, Config{Kind: "slack"})
		defer stop()
		p.answer(func() error { refusals.Add(1); return &Failure{Reason: failStatus, text: "no"} })
		bad, good := named("bad", analyzer.AlertFiring, func(a *analyzer.Alert) { a.Severity = analyzer.LevelCritical }), named("good", analyzer.AlertFiring)
		q.offer([]analyzer.Alert{bad})
		pass(time.Second)
		p.answer(nil)
		q.offer([]analyzer.Alert{bad, good})
		pass(time.Second)
		if diff := cmp.Diff([]string{"firing good"}, p.told()); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		pass(rejectedPause)
		if diff := cmp.Diff([]string{"firing good", "firing bad"}, p.told()); diff != "" || refusals.Load() != 1 {
			t.Errorf("after %d refusals told (-want +got):\n%s", refusals.Load(), diff)
		}
		p.answer(func() error { refusals.Add(1); return &Failure{Reason: failStatus, text: "no"} })
		q.offer([]analyzer.Alert{ended(bad), good})
		pass(time.Hour)
		q.offer([]analyzer.Alert{good})
		pass(time.Second)
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
		pass(time.Second)
		if n := q.health().Pending; n != maxPending {
			t.Errorf("%d pending; want the bound of %d", n, maxPending)
		}
		p.answer(nil)
		for range 10 {
			pass(longestPause)
			q.offer(all)
		}
		pass(time.Second)
		if p.told()[0] != "firing worst" || p.stands() != len(all) {
			t.Errorf("%s first, %d told; want the most severe first and all %d", p.told()[0], p.stands(), len(all))
		}
	})
}
