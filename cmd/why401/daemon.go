package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/rs/zerolog"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/probe"
	"github.com/why401/why401/analyzer/source"
	"github.com/why401/why401/analyzer/store"
	"github.com/why401/why401/rules"
	"github.com/why401/why401/sinks"
	"github.com/why401/why401/sinks/web"
)

// daemon is what `why401 serve` runs, part by part. Each part that must end
// says so when it is built, with onStop; they end in reverse order.
type daemon struct {
	env *environment
	cfg Config
	log zerolog.Logger

	set       *rules.Set
	source    analyzer.Source
	held      store.Store
	pipeline  *analyzer.Pipeline
	traces    *probe.Traces
	prober    *prober
	seen      memory // of the probes
	registry  *prometheus.Registry
	metrics   *sinks.Prometheus
	intake    *sinks.Intake
	notifier  *sinks.Notifier
	web       *web.Web
	journal   *analyzer.Journal
	alerts    *analyzer.Alerts
	rotations *rotations

	told map[string]analyzer.Verdict // verdicts of open incidents, as they were last told
	ends []ending

	meter   *sinks.Meter
	reloads reloads
	// mu guards cfg, set, prober and notifier, which a reload exchanges, and
	// the two that end what runs of them.
	mu                   sync.Mutex
	endSinks, endProbing func(limit context.Context) error
}

// ending is how a part stops, within what is left of the time for all.
type ending struct {
	name string
	stop func(ctx context.Context) error
}

// build puts a daemon together. Whatever fails, what was built before it has
// ended when it returns.
func (env *environment) build(ctx context.Context, cfg Config) (*daemon, error) {
	d := &daemon{env: env, cfg: cfg, log: env.logger(cfg.Log.Level), registry: prometheus.NewRegistry(), told: map[string]analyzer.Verdict{}}
	for _, part := range []func(context.Context) error{
		d.openRules, d.openSource, d.openStore, d.openMetrics, d.openReloads, d.openPipeline, d.openRotations, d.openProbes, d.openJournal, d.openSinks, d.openWeb,
	} {
		if err := part(ctx); err != nil {
			return nil, errors.Join(err, d.stop())
		}
	}
	return d, nil
}

func (d *daemon) openRules(context.Context) (err error) {
	d.set, err = d.env.serveRules(d.cfg.Rules.Dir, d.log)
	return err
}

// openSource opens the subscription that is pulled from, or waits for pushes.
func (d *daemon) openSource(context.Context) (err error) {
	kind := "pubsub"
	if d.cfg.Source.Push.Enabled() {
		kind = "push"
	}
	if d.source, err = source.Open(kind, d.cfg.Source); err != nil {
		return exitHint(exitConfig, fmt.Errorf("open source: %w", err), "why401 serve --project P --subscription S")
	}
	return nil
}

func (d *daemon) openStore(ctx context.Context) (err error) {
	if d.held, err = store.Open(ctx, d.cfg.Store); err != nil {
		return exitWith(exitBackend, err)
	}
	d.onStop("store", func(context.Context) error { return d.held.Close() })
	return nil
}

func (d *daemon) openPipeline(ctx context.Context) (err error) {
	d.traces = probe.NewTraces()
	d.pipeline, err = analyzer.NewPipeline(ctx, d.traces.Listen(d.set), d.intake.Store(d.held), d.cfg.Environments, analyzer.LedgerConfig{RequestShare: d.cfg.Source.RequestShare, JoinSpan: joinSpan})
	if err != nil {
		return exitWith(exitBackend, err)
	}
	return nil
}

func (d *daemon) openMetrics(ctx context.Context) error {
	d.metrics, d.intake = sinks.NewPrometheus(), sinks.NewIntake(d.registry)
	d.intake.Rules(d.set.Hash())
	if err := d.metrics.Resume(ctx, d.held); err != nil {
		d.log.Error().Err(err).Msg("counters begin at zero")
	}
	d.registry.MustRegister(d.metrics, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return nil
}

// openJournal goes on with the lives of incidents and the alerts of the
// process before. What cannot be read is told and begins anew.
func (d *daemon) openJournal(ctx context.Context) (err error) {
	if d.journal, err = analyzer.OpenJournal(ctx, analyzer.JournalConfig{}, d.held); err != nil {
		d.log.Error().Err(err).Msg("lives of earlier incidents are lost")
	}
	if d.alerts, err = analyzer.OpenAlerts(ctx, d.cfg.Alerts.config(), d.held); err != nil {
		d.log.Error().Err(err).Msg("earlier alerts are lost; those that stand are raised anew")
	}
	return nil
}

func (d *daemon) openSinks(ctx context.Context) (err error) {
	d.meter = sinks.NewMeter(d.registry)
	if d.notifier, err = d.newNotifier(ctx, d.cfg); err != nil {
		return err
	}
	d.meter.Use(d.notifier, nil)
	d.endSinks = notifying(ctx, d.notifier)
	d.onStop("sinks", func(limit context.Context) error { return d.endSinks(limit) })
	return nil
}

func (d *daemon) newNotifier(ctx context.Context, cfg Config) (*sinks.Notifier, error) {
	n, err := sinks.Open(ctx, cfg.Sinks, &sinks.Outside{Getenv: d.env.getenv, Stdout: d.env.stdout, Notes: d.held, Log: d.log, Meter: d.meter})
	if err != nil {
		return nil, exitWith(exitConfig, err)
	}
	return n, nil
}

func notifying(ctx context.Context, n *sinks.Notifier) (end func(context.Context) error) {
	return runs(ctx, func(ctx context.Context) { n.Run(ctx, drain/2) })
}

// run takes entries in until ctx ends or the source fails; what is under way
// then is committed.
func (d *daemon) run(ctx context.Context) error {
	d.runs(ctx, "retention", d.sweep)
	d.mu.Lock()
	d.endProbing = d.probing(ctx, d.prober)
	d.mu.Unlock()
	d.onStop("probes", func(limit context.Context) error { return d.endProbing(limit) })
	d.runs(ctx, "diagnosis", d.ticks)
	cfg := d.config()
	d.log.Info().Str("subscription", cfg.Source.PubSub.Subscription).Str("listen", cfg.Web.Listen).Int("rules", len(d.set.Rules())).Int("sinks", len(cfg.Sinks)).Msg("serving")
	d.reloading(ctx)
	err := d.source.Run(ctx, d.intake.Handler(d.pipeline.Handle))
	return errors.Join(err, d.pipeline.Flush(context.WithoutCancel(ctx)))
}

// onStop notes how a part ends.
func (d *daemon) onStop(name string, stop func(ctx context.Context) error) {
	d.ends = append(d.ends, ending{name, stop})
}

// runs keeps f going until the daemon stops, which waits for its end.
func (d *daemon) runs(ctx context.Context, name string, f func(context.Context)) {
	d.onStop(name, runs(ctx, f))
}

// runs begins f and returns what ends it.
func runs(ctx context.Context, f func(context.Context)) (end func(limit context.Context) error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(ctx)
	}()
	return func(limit context.Context) error {
		cancel()
		select {
		case <-done:
			return nil
		case <-limit.Done():
			return errors.New("it did not end in time")
		}
	}
}

// stop ends all parts, the last built first, within drain.
func (d *daemon) stop() error {
	limit, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	var errs []error
	for _, e := range slices.Backward(d.ends) {
		if err := e.stop(limit); err != nil {
			errs = append(errs, exitWith(exitBackend, fmt.Errorf("stop %s: %w", e.name, err)))
		}
	}
	d.ends = nil
	d.log.Info().Msg("stopped")
	return errors.Join(errs...)
}
