package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/probe"
	"github.com/why401/why401/rules"
)

// prober is everything that looks at services from outside.
type prober struct {
	scheduler *probe.Scheduler
	secrets   *probe.Secrets
	traces    *probe.Traces
	targets   []probe.Target
	domains   []analyzer.KeyDomain
}

// close ends the connections to the secret store.
func (p *prober) close() error { return p.secrets.Close() }

// hearing is what probes learn from the log and tell to it.
type hearing struct {
	traces  *probe.Traces         // nil: nobody reads the services' logs
	changed func(analyzer.Change) // nil: nobody wants to know
	sighted func(analyzer.KeyDomain, analyzer.Sighting)
	past    []analyzer.Change
}

// newProber builds the probes of all key domains. Nothing is asked yet.
func newProber(cfg Config, classifier analyzer.Classifier, h hearing) (*prober, error) {
	guard, err := probe.NewGuard(cfg.Probes)
	if err != nil {
		return nil, exitWith(exitConfig, err)
	}
	pepper, err := cfg.Probes.Pepper()
	if err != nil {
		return nil, exitWith(exitConfig, err)
	}
	p := &prober{secrets: probe.NewSecrets(cfg.Probes, cfg.KeyDomains, os.LookupEnv), traces: h.traces, domains: cfg.KeyDomains}
	p.targets, err = probe.Build(&probe.Deps{
		Config: cfg.Probes, Domains: cfg.KeyDomains, Guard: guard, Reference: p.secrets, Pepper: pepper,
		Classifier: classifier, Traces: h.traces, Changed: h.changed, Sighted: h.sighted, Past: h.past,
	})
	if err != nil {
		return nil, exitWith(exitConfig, fmt.Errorf("build probes: %w", err))
	}
	p.scheduler = probe.NewScheduler(p.targets, cfg.Probes)
	return p, nil
}

// memory is the latest results of probes: of this process, or, while its
// first round is under way, of the one before.
type memory struct {
	mu      sync.Mutex
	results []analyzer.ProbeResult
	ready   bool // the first round is over
	noted   time.Time
}

// The notes under which the results survive a restart.
const (
	probeTopic = "probes"
	probeKey   = "latest"
	noteEvery  = 30 * time.Second
)

// recall takes up the results of the process before, as long as they may
// still be true.
func (m *memory) recall(ctx context.Context, notes analyzer.Notes, maxAge time.Duration) error {
	held, err := notes.Notes(ctx, probeTopic)
	if err != nil {
		return fmt.Errorf("read results of earlier probes: %w", err)
	}
	var results []analyzer.ProbeResult
	if data := held[probeKey]; len(data) > 0 {
		if err := json.Unmarshal(data, &results); err != nil {
			return fmt.Errorf("read results of earlier probes: %w", err)
		}
	}
	m.results = slices.DeleteFunc(results, func(r analyzer.ProbeResult) bool { return time.Since(r.At) > maxAge })
	return nil
}

// learn takes the results of a round.
func (m *memory) learn(ctx context.Context, notes analyzer.Notes, results []analyzer.ProbeResult) error {
	m.mu.Lock()
	m.results, m.ready = results, true
	due := time.Since(m.noted) >= noteEvery
	m.mu.Unlock()
	if !due {
		return nil
	}
	data, err := json.Marshal(results)
	if err != nil {
		return fmt.Errorf("note results of probes: %w", err)
	}
	if err := notes.Note(ctx, probeTopic, probeKey, data); err != nil {
		return fmt.Errorf("note results of probes: %w", err)
	}
	m.noted = time.Now() // learn is not called twice at a time
	return nil
}

// latest returns the results, and whether they are of this process.
func (m *memory) latest() (results []analyzer.ProbeResult, ready bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.results, m.ready
}

// recallable is how old a result may be to count after a restart: twice the
// longest interval.
func recallable(targets []probe.Target) time.Duration {
	longest := time.Duration(0)
	for _, t := range targets {
		longest = max(longest, t.Every)
	}
	return 2 * longest
}

// openProbes builds the probes and takes up what the process before knew.
func (d *daemon) openProbes(ctx context.Context) (err error) {
	if d.prober, err = d.newProber(ctx, d.cfg, d.set); err != nil {
		return err
	}
	d.onStop("secret store", func(context.Context) error { return d.prober.close() })
	d.pipeline.LeaveOut(d.traces.Own)
	if err := d.seen.recall(ctx, d.held, recallable(d.prober.targets)); err != nil {
		d.log.Error().Err(err).Msg("results of earlier probes are lost")
	}
	return nil
}

// newProber builds probes that tell of changes to log and pipeline.
func (d *daemon) newProber(ctx context.Context, cfg Config, set *rules.Set) (*prober, error) {
	return newProber(cfg, set, hearing{traces: d.traces, sighted: d.rotations.see, past: d.pipeline.Told("probe"), changed: func(c analyzer.Change) {
		d.log.Info().Str("change", string(c.Kind)).Str("target", c.Target).Str("version", c.Version).Msg(c.Evidence)
		told, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain/2)
		defer cancel()
		if err := d.pipeline.Tell(told, "probe", c); err != nil {
			d.log.Error().Err(err).Msg("a change was not written")
		}
	}})
}

// probing keeps p going until the returned function is called.
func (d *daemon) probing(ctx context.Context, p *prober) (end func(context.Context) error) {
	return runs(ctx, func(ctx context.Context) { d.probe(ctx, p) })
}

// probe makes the first round at once, as canaries need the log lines that
// are being taken in, and then keeps to the schedule.
func (d *daemon) probe(ctx context.Context, p *prober) {
	if len(p.targets) == 0 {
		d.learn(ctx, nil)
		return
	}
	began := time.Now()
	results := p.scheduler.Once(ctx)
	if ctx.Err() != nil {
		return
	}
	d.learn(ctx, results)
	d.log.Info().Int("targets", len(p.targets)).Dur("took", time.Since(began)).Str("health", string(analyzer.HealthOf(p.domains, results))).Msg("first round of probes is over")
	_ = p.scheduler.Run(ctx, func(ctx context.Context, known []analyzer.ProbeResult) error {
		d.learn(ctx, known)
		return nil
	}) // its only errors are those of the function
}

func (d *daemon) learn(ctx context.Context, results []analyzer.ProbeResult) {
	if err := d.seen.learn(ctx, d.held, results); err != nil && ctx.Err() == nil {
		d.log.Error().Err(err).Msg("results of probes were not written")
	}
}
