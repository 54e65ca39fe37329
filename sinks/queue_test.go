package sinks

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"

	"github.com/why401/why401/analyzer"
)

// pager is the other side of one outlet, without a network: what it holds for
// firing is what people would act on.
type pager struct {
	mu     sync.Mutex // the queue's goroutine sends while a test looks
	firing map[string]bool
	calls  []string // state/severity of each delivered alert
	at     []time.Time
	heard  map[string]time.Time // when each alert was last sent
	err    func() error         // nil accepts
}

func (p *pager) send(ctx context.Context, alerts []analyzer.Alert) error {
	p.mu.Lock()
	defer p.mu.Unlock()
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

// answer makes every send end as f says; nil accepts.
func (p *pager) answer(f func() error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = f
}

// told is what was delivered so far.
func (p *pager) told() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.calls)
}

// last is when the last of it was.
func (p *pager) last() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at[len(p.at)-1]
}

// stands counts what people hold for firing.
func (p *pager) stands() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.firing)
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

// pass lets time pass, and what is to happen by then happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

var errAway = &Failure{Reason: failNetwork, Retry: true, text: "away"}

func TestPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries []time.Time
		p := &pager{err: func() error { tries = append(tries, time.Now()); return errAway }}
		q, stop := start(t, p, &memory{}, outlet{}, Config{Kind: "slack"})
		q.offer([]analyzer.Alert{named("a", analyzer.AlertFiring)})
		pass(time.Hour)
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
		p.answer(func() error {
			tries = append(tries, time.Now())
			return &Failure{Reason: failLimited, Retry: true, After: 20 * time.Minute}
		})
		q, stop = start(t, p, &memory{}, outlet{}, Config{Kind: "slack"})
		q.offer([]analyzer.Alert{named("a", analyzer.AlertFiring)})
		pass(59 * time.Minute)
		stop()
		if len(tries) != 3 {
			t.Errorf("%d attempts within an hour of a sink that wants 20 minutes; want 3", len(tries))
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
					luck := rand.New(rand.NewPCG(seed, 6)) // of the other goroutine
					losing := func(share float64) func() error {
						return func() error {
							switch {
							case luck.Float64() >= share:
								return nil
							case luck.IntN(4) == 0:
								return &Failure{Reason: failStatus, text: "no"}
							}
							return errAway
						}
					}
					tick := func() {
						report := &analyzer.Report{}
						for id, since := range open {
							report.Incidents = append(report.Incidents, analyzer.Incident{ID: id, Severity: analyzer.LevelError, Opened: since, LastSeen: time.Now()})
						}
						q.offer(alerts.Derive(time.Now(), report))
						pass(5 * time.Second)
					}
					for range 2000 {
						id := fmt.Sprint(r.IntN(6))
						if _, ok := open[id]; r.IntN(40) == 0 && ok {
							delete(open, id)
						} else if r.IntN(60) == 0 {
							open[id] = time.Now()
						}
						if r.IntN(100) == 0 {
							p.answer(losing([]float64{0, 0.3, 1}[r.IntN(3)]))
						}
						if r.IntN(50) == 0 { // a crash: nothing is said any more
							stop()
							q, stop = start(t, p, notes, x, Config{Kind: "slack"})
						}
						tick()
					}
					p.answer(losing(0))
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
		pass(time.Second)
		cancel()
		<-done
		if len(p.told()) > 0 || len(notes.m) > 0 {
			t.Errorf("a simulation sent %v and noted %d", p.told(), len(notes.m))
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
		pass(time.Hour)
		p.answer(nil)
		cancel()
		<-done
		if p.stands() != 2 {
			t.Errorf("told %v when stopping; want both", p.told())
		}
	})
}
