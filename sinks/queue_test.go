package sinks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/why401/why401/analyzer"
)

// pager is the other side of one outlet, without a network: what it holds for
// firing is what people would act on.
type pager struct {
	firing map[string]bool
	calls  []string // state/severity of each delivered alert
	at     []time.Time
	heard  map[string]time.Time // when each alert was last sent
	err    func() error         // nil accepts
}

func (p *pager) send(ctx context.Context, alerts []analyzer.Alert) error {
	if p.err != nil {
		if err := p.err(); err != nil {
			return err
		}
	}
	for _, a := range alerts {
		p.calls = append(p.calls, string(a.State)+" "+a.Fingerprint)
		p.at = append(p.at, time.Now())
		if p.firing == nil {
			p.firing, p.heard = map[string]bool{}, map[string]time.Time{}
		}
		p.heard[a.Fingerprint] = time.Now()
		if p.firing[a.Fingerprint] = a.State == analyzer.AlertFiring; a.State != analyzer.AlertFiring {
			delete(p.firing, a.Fingerprint)
		}
	}
	return nil
}

// start runs a queue over p; stop kills it without a last attempt.
func start(t *testing.T, p *pager, notes analyzer.Notes, x outlet, c Config) (q *queue, stop func()) {
	t.Helper()
	x.send = p.send
	o := &Outside{Notes: notes, Log: zerolog.New(io.Discard), Meter: NewMeter(prometheus.NewRegistry())}
	q, err := newQueue(t.Context(), &c, x, analyzer.LevelWarning, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); q.run(ctx, 0) }()
	return q, func() { cancel(); <-done }
}

func named(f string, state analyzer.AlertState, change ...func(*analyzer.Alert)) analyzer.Alert {
	a := testAlert(state)
	a.Fingerprint, a.StartsAt, a.EndsAt = f, time.Now(), time.Time{}
	for _, f := range change {
		f(&a)
	}
	return a
}

func ended(a analyzer.Alert) analyzer.Alert {
	a.State, a.EndsAt = analyzer.AlertResolved, time.Now()
	return a
}

var errAway = &Failure{Reason: failNetwork, Retry: true, text: "away"}

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

func TestPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries []time.Time
		p := &pager{err: func() error { tries = append(tries, time.Now()); return errAway }}
		q, stop := start(t, p, &memory{}, outlet{}, Config{Kind: "slack"})
		q.offer([]analyzer.Alert{named("a", analyzer.AlertFiring)})
		time.Sleep(time.Hour)
		stop()
		if n := len(tries); n < 12 || n > 40 {
			t.Errorf("%d attempts in an hour; want 12 to 40", n)
		}
		for i := range tries[1:] {
			gap, longest := tries[i+1].Sub(tries[i]), min(firstPause<<i, longestPause)
			if gap < longest/2 || gap > longest+time.Millisecond {
				t.Errorf("pause %d of %v; want %v to %v", i, gap, longest/2, longest)
			}
		}
		tries = nil
		p.err = func() error {
			tries = append(tries, time.Now())
			return &Failure{Reason: failLimited, Retry: true, After: 20 * time.Minute}
		}
		q, stop = start(t, p, &memory{}, outlet{}, Config{Kind: "slack"})
		q.offer([]analyzer.Alert{named("a", analyzer.AlertFiring)})
		time.Sleep(59 * time.Minute)
		stop()
		if len(tries) != 3 {
			t.Errorf("%d attempts within an hour of a sink that wants 20 minutes; want 3", len(tries))
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

// Whatever happens to the sink and to us, in the end people hold for firing
// what fires, and nothing is stuck.
func TestNothingIsStuck(t *testing.T) {
	for seed := range uint64(20) {
		for name, x := range map[string]outlet{"told once": {}, "repeated": {resend: 30 * time.Second}} {
			t.Run(fmt.Sprint(name, " ", seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := rand.New(rand.NewPCG(seed, 5))
					p, notes := &pager{}, &memory{}
					q, stop := start(t, p, notes, x, Config{Kind: "slack"})
					alerts := analyzer.NewAlerts(analyzer.AlertConfig{})
					open := map[string]time.Time{}
					lost := 0.0
					p.err = func() error {
						switch {
						case r.Float64() >= lost:
							return nil
						case r.IntN(4) == 0:
							return &Failure{Reason: failStatus, text: "no"}
						}
						return errAway
					}
					tick := func() {
						report := &analyzer.Report{}
						for id, since := range open {
							report.Incidents = append(report.Incidents, analyzer.Incident{ID: id, Severity: analyzer.LevelError, Opened: since, LastSeen: time.Now()})
						}
						q.offer(alerts.Derive(time.Now(), report))
						time.Sleep(5 * time.Second)
					}
					for range 2000 {
						id := fmt.Sprint(r.IntN(6))
						if _, ok := open[id]; r.IntN(40) == 0 && ok {
							delete(open, id)
						} else if r.IntN(60) == 0 {
							open[id] = time.Now()
						}
						if r.IntN(100) == 0 {
							lost = []float64{0, 0.3, 1}[r.IntN(3)]
						}
						if r.IntN(50) == 0 { // a crash: nothing is said any more
							stop()
							q, stop = start(t, p, notes, x, Config{Kind: "slack"})
						}
						tick()
					}
					lost = 0
					for range 800 { // longer than any flap control and any pause
						tick()
					}
					stop()
					if x.resend > 0 { // Alertmanager ends by itself what is not repeated
						for f, at := range p.heard {
							if time.Since(at) > resendsUntilEnd*x.resend {
								delete(p.firing, f)
							}
						}
					}
					want := map[string]bool{}
					for _, a := range alerts.Derive(time.Now(), &analyzer.Report{}) {
						if a.State == analyzer.AlertFiring {
							want[a.Fingerprint] = true
						}
					}
					if len(want) != len(open) {
						t.Fatalf("%d alerts fire for %d open incidents", len(want), len(open))
					}
					if diff := cmp.Diff(want, p.firing, cmp.Transformer("empty", func(m map[string]bool) map[string]bool {
						if len(m) == 0 {
							return nil
						}
						return m
					})); diff != "" {
						t.Errorf("people hold for firing (-want +got):\n%s", diff)
					}
				})
			})
		}
	}
}

func TestStandingAlertsAreRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pager{}
		q, stop := start(t, p, &memory{}, outlet{resend: 30 * time.Second, watchdog: true}, Config{Kind: "alertmanager"})
		defer stop()
		a := named("a", analyzer.AlertFiring)
		for range 12 {
			q.offer([]analyzer.Alert{a})
			time.Sleep(5 * time.Second)
		}
		count := func(what string) (n int) {
			for _, c := range p.calls {
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
		time.Sleep(time.Second)
		if at := p.at[len(p.at)-1]; count("resolved a") != 1 || at.Sub(before) > time.Second {
			t.Errorf("the end went out %d times, last %v after it; want at once", count("resolved a"), at.Sub(before))
		}
		for range 400 {
			q.offer([]analyzer.Alert{e})
			time.Sleep(5 * time.Second)
		}
		if n := count("resolved a"); n < 28 || n > 32 {
			t.Errorf("the end was repeated %d times; want every 30 s for %v", n, resolvedRetention)
		}
		n := count("firing " + watchdogName)
		time.Sleep(time.Hour) // no update comes any more
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

func TestSimulation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log buffer
		p, notes := &pager{}, &memory{}
		o := &Outside{Notes: notes, Log: zerolog.New(&log), Meter: NewMeter(prometheus.NewRegistry())}
		c := Config{Kind: "pagerduty", Simulate: true}
		q, err := newQueue(t.Context(), &c, outlet{send: p.send}, analyzer.LevelInfo, o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); q.run(ctx, 0) }()
		q.offer([]analyzer.Alert{named("a", analyzer.AlertFiring)})
		time.Sleep(time.Second)
		cancel()
		<-done
		if len(p.calls) > 0 || len(notes.m) > 0 {
			t.Errorf("a simulation sent %v and noted %d", p.calls, len(notes.m))
		}
		if !strings.Contains(log.String(), "would have notified: FIRING error: key.stale_cache") || testutil.ToFloat64(o.Meter.notifications.WithLabelValues("pagerduty", resultSimulated)) != 1 {
			t.Errorf("log %q; want what would have been said, counted", log.String())
		}
	})
}

// What waits when we stop gets one attempt more.
func TestLastAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pager{err: func() error { return errAway }}
		o := &Outside{Notes: &memory{}, Log: zerolog.New(io.Discard), Meter: NewMeter(prometheus.NewRegistry())}
		q, err := newQueue(t.Context(), &Config{Kind: "slack"}, outlet{send: p.send}, analyzer.LevelInfo, o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); q.run(ctx, 3*time.Second) }()
		q.offer([]analyzer.Alert{named("a", analyzer.AlertFiring), named("b", analyzer.AlertFiring)})
		time.Sleep(time.Hour)
		p.err = nil
		cancel()
		<-done
		if len(p.firing) != 2 {
			t.Errorf("told %v when stopping; want both", p.calls)
		}
	})
}

func TestCloudCodes(t *testing.T) {
	for c := codes.Canceled; c <= codes.Unauthenticated; c++ {
		want := c == codes.Canceled || c == codes.Unknown || c == codes.DeadlineExceeded || c == codes.ResourceExhausted || c == codes.Aborted || c == codes.Internal || c == codes.Unavailable
		var f *Failure
		if err := cloudFailure(status.Error(c, "x")); !errors.As(err, &f) || f.Retry != want {
			t.Errorf("%s: %v; want retry %v", c, err, want)
		}
	}
}

// TestOneSlowSinkDelaysNoOther hangs each kind in turn, over real connections.
func TestOneSlowSinkDelaysNoOther(t *testing.T) {
	for _, slow := range Kinds() {
		t.Run(slow, func(t *testing.T) {
			all, env := []Config{}, map[string]string{}
			receivers := map[string]*receiver{}
			o := &Outside{Getenv: func(name string) string { return env[name] }, Stdout: io.Discard, Notes: &memory{}, Log: zerolog.New(io.Discard), Meter: NewMeter(prometheus.NewRegistry())}
			for i, kind := range Kinds() {
				r := rig(t, kind)
				receivers[kind] = r
				for ref, at := range map[string]*string{r.config.URL: &r.config.URL, r.config.Key: &r.config.Key, r.config.Token: &r.config.Token, r.config.Password: &r.config.Password} {
					if name, ok := strings.CutPrefix(ref, "env:"); ok { // the same names with other values
						env[fmt.Sprint(name, i)] = r.env[name]
						*at = fmt.Sprint("env:", name, i)
					}
				}
				if r.cloud != nil {
					o.Cloud = r.cloud
				}
				if kind == "email" {
					o.mailTLS = r.outside(nil, nil).mailTLS
				}
				r.config.Timeout = 30 * time.Second
				all = append(all, r.config)
			}
			receivers[slow].stall(t)
			n, err := Open(t.Context(), all, o)
			if err != nil {
				t.Fatal(err)
			}
			o.Meter.Use(n, nil)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { defer close(done); n.Run(ctx, 0) }()
			a := named("a", analyzer.AlertFiring)
			if err := n.Deliver(ctx, &analyzer.Update{Alerts: []analyzer.Alert{a}}); err != nil {
				t.Fatal(err)
			}
			for kind, r := range receivers {
				if kind != slow {
					until(t, kind+" hearing of it while "+slow+" hangs", func() bool { return len(r.all()) > 0 })
				}
			}
			if len(receivers[slow].all()) > 0 {
				t.Errorf("%s does not hang: the test proves nothing", slow)
			}
			cancel()
			<-done
		})
	}
}

func TestSinkMetricsLint(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := NewMeter(registry)
	o := &Outside{Getenv: func(string) string { return "" }, Notes: &memory{}, Log: zerolog.New(io.Discard), Meter: m}
	two, err := Open(t.Context(), []Config{{Kind: "slack", URL: "env:A"}, {Kind: "alertmanager", URLs: []string{"http://a", "http://b"}}}, o)
	if err != nil {
		t.Fatal(err)
	}
	one, err := Open(t.Context(), []Config{{Kind: "slack", URL: "env:A"}}, o)
	if err != nil {
		t.Fatal(err)
	}
	m.Use(two, nil)
	if n := testutil.CollectAndCount(m.failures); n != 3*len(failReasons) {
		t.Errorf("%d series of failures; want every reason of the three from the start", n)
	}
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
	if testutil.ToFloat64(m.direct) != 1 {
		t.Error("why401_alerting_direct is not 1 with an alertmanager sink")
	}
	m.Use(one, two)
	if n := testutil.CollectAndCount(m.failures); n != len(failReasons) || testutil.ToFloat64(m.direct) != 0 {
		t.Errorf("%d series after a reload with one sink; want %d", n, len(failReasons))
	}
}
