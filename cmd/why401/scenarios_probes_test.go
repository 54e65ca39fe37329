package main

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/lab"
	"github.com/why401/why401/analyzer/probe"
)

// scenarioProber runs the real probes against the services of a lab, each kind as
// often as a daemon does, in virtual time.
type scenarioProber struct {
	plan    lab.ProbePlan
	begin   time.Time
	rounds  []*probeRound
	probes  *labProbes
	traces  *probe.Traces
	busy    atomic.Int32 // rounds under way: what services log is read at once
	running sync.WaitGroup
	ctx     context.Context
	cancel  context.CancelFunc
	changed func(analyzer.Change)
}

// probeRound are the kinds with the same interval.
type probeRound struct {
	every time.Duration
	next  time.Time
	run   *probe.Scheduler
	busy  atomic.Bool
}

// newScenarioProber is nil when the scenario has no probes.
func newScenarioProber(sc lab.Scenario, begin time.Time) *scenarioProber {
	if slices.Contains(sc.Probes.Off, "all") {
		return nil
	}
	return &scenarioProber{plan: sc.Probes, begin: begin.Add(sc.Probes.From), traces: probe.NewTraces()}
}

// open builds the probes when the first round is due.
func (p *scenarioProber) open(v *lab.View, c analyzer.Classifier) error {
	var err error
	if p.probes, err = openLabProbes(v, p.plan, probe.DefaultConfig().Timeout, 1, p.traces, c, p.changed); err != nil {
		return err
	}
	byEvery := map[time.Duration][]probe.Target{}
	for _, t := range p.probes.targets {
		byEvery[t.Every] = append(byEvery[t.Every], t)
	}
	for every, ts := range byEvery {
		p.rounds = append(p.rounds, &probeRound{every: every, next: v.Now(), run: probe.NewScheduler(ts, p.probes.config)})
	}
	slices.SortFunc(p.rounds, func(a, b *probeRound) int { return cmp.Compare(a.every, b.every) })
	return nil
}

// look begins the rounds that are due and returns what is known. A round that
// has to wait for nothing is over when look returns; one that waits goes on
// while the scenario does.
func (p *scenarioProber) look(ctx context.Context, v *lab.View, c analyzer.Classifier) ([]analyzer.ProbeResult, error) {
	if p == nil || v.Now().Before(p.begin) {
		return nil, nil
	}
	if p.probes == nil {
		p.ctx, p.cancel = context.WithCancel(ctx)
		if err := p.open(v, c); err != nil {
			return nil, err
		}
	}
	for _, r := range p.rounds {
		if v.Now().Before(r.next) || !r.busy.CompareAndSwap(false, true) {
			continue
		}
		r.next = r.next.Add(r.every)
		p.busy.Add(1)
		p.running.Go(func() {
			defer p.busy.Add(-1)
			defer r.busy.Store(false)
			r.run.Once(p.ctx)
		})
		synctest.Wait()
	}
	var known []analyzer.ProbeResult
	for _, r := range p.rounds {
		known = append(known, r.run.Last()...)
	}
	return known, nil
}

func (p *scenarioProber) close(t *testing.T) {
	if p == nil || p.probes == nil {
		return
	}
	p.cancel()
	p.running.Wait()
	if err := p.probes.close(); err != nil {
		t.Error(err)
	}
}
