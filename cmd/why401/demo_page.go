package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/store"
	"github.com/why401/why401/sinks"
	"github.com/why401/why401/sinks/deploy"
	"github.com/why401/why401/sinks/web"
)

// demoOptions say how a scenario is played and who looks on.
type demoOptions struct {
	seed         uint64
	web          string // where the page is served; empty: nowhere
	stay         bool   // the page stays after the end, until an interrupt
	alertmanager string // who hears of incidents; empty: nobody
}

// The pace of a demo, whose time goes by far faster than the clock: how often
// the page is brought up to date, and how long an incident gathers evidence
// before people hear of it.
const (
	demoLook   = 500 * time.Millisecond
	demoSettle = 3 * time.Second
)

// demoPage shows a scenario while it plays, and tells an Alertmanager.
type demoPage struct {
	pipeline *analyzer.Pipeline
	cfg      func() analyzer.DiagnosisConfig // with what probes have seen so far
	journal  *analyzer.Journal
	alerts   *analyzer.Alerts
	sinks    []analyzer.Sink
	url      string
	ends     []func()
}

// openDemoPage serves the page and follows the pipeline until end is called.
func (env *environment) openDemoPage(ctx context.Context, p *analyzer.Pipeline, held store.Store, cfg func() analyzer.DiagnosisConfig, o demoOptions) (*demoPage, error) {
	d := &demoPage{pipeline: p, cfg: cfg}
	var err error
	if d.journal, err = analyzer.OpenJournal(ctx, analyzer.JournalConfig{}, held); err != nil {
		return nil, exitWith(exitBackend, err)
	}
	registry := prometheus.NewRegistry()
	metrics := sinks.NewPrometheus()
	registry.MustRegister(metrics)
	d.sinks = append(d.sinks, metrics)
	log := env.logger("error")
	if o.web != "" {
		if err := d.serve(o, registry, log); err != nil {
			return nil, err
		}
	}
	d.alerts = analyzer.NewAlerts(analyzer.AlertConfig{URL: d.url, Settle: demoSettle, Runbooks: deploy.DefaultRunbooks})
	if o.alertmanager != "" {
		if err := d.notify(ctx, env, o.alertmanager, registry, held, log); err != nil {
			d.end()
			return nil, err
		}
	}
	d.follow(ctx)
	return d, nil
}

func (d *demoPage) serve(o demoOptions, registry *prometheus.Registry, log zerolog.Logger) error {
	w := web.New(web.Config{Metrics: sinks.MetricsHandler(registry), Series: d.pipeline.Series, Tap: d.pipeline.Tap, Alertmanager: o.alertmanager, Runbooks: deploy.DefaultRunbooks, KeyDomains: d.cfg().KeyDomains, Version: versionOf()})
	addr, stop, err := listen(WebConfig{Listen: o.web}, w, log)
	if err != nil {
		return err
	}
	d.url = "http://" + addr
	d.sinks = append(d.sinks, w)
	d.ends = append(d.ends, func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = stop(ctx) // nothing is lost
	})
	return nil
}

func (d *demoPage) notify(ctx context.Context, env *environment, url string, registry *prometheus.Registry, held store.Store, log zerolog.Logger) error {
	n, err := sinks.Open(ctx, []sinks.Config{{Kind: "alertmanager", URLs: []string{url}}}, &sinks.Outside{Getenv: env.getenv, Stdout: env.stderr, Notes: held, Log: log, Meter: sinks.NewMeter(registry)})
	if err != nil {
		return exitWith(exitUsage, err)
	}
	d.sinks = append(d.sinks, n)
	d.background(ctx, func(ctx context.Context) { n.Run(ctx, 5*time.Second) })
	return nil
}

// background runs f until the end, which waits for it.
func (d *demoPage) background(ctx context.Context, f func(context.Context)) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(ctx)
	}()
	d.ends = append(d.ends, func() {
		cancel()
		<-done
	})
}

// follow brings everybody up to date, now and then and at the end.
func (d *demoPage) follow(ctx context.Context) {
	d.background(ctx, func(ctx context.Context) {
		t := time.NewTicker(demoLook)
		defer t.Stop()
		for {
			d.look(context.WithoutCancel(ctx), time.Now())
			select {
			case <-ctx.Done():
				d.look(context.WithoutCancel(ctx), time.Now().Add(demoSettle)) // nothing more will be known
				return
			case <-t.C:
			}
		}
	})
}

// look gives everybody what is known now. In memory and on loopback nothing
// of it fails in a way that the next look would not mend.
func (d *demoPage) look(ctx context.Context, now time.Time) {
	cfg := d.cfg()
	u := &analyzer.Update{Report: d.pipeline.Report(cfg), Probes: cfg.Probes}
	u.At = u.Report.Span.To
	d.journal.Name(u.Report)
	_ = d.journal.Follow(ctx, u.Report)
	u.Records, u.Ended, u.Interventions = d.journal.Records(), d.journal.Ended(), d.journal.Touched()
	u.Alerts = d.alerts.Derive(now, u.Report)
	for _, s := range d.sinks {
		_ = s.Deliver(ctx, u)
	}
}

// end stops everything, the last begun first.
func (d *demoPage) end() {
	for i := len(d.ends) - 1; i >= 0; i-- {
		d.ends[i]()
	}
	d.ends = nil
}

// check refuses what could not work before anything is played.
func (o demoOptions) check() error {
	if o.stay && o.web == "" {
		return exitHint(exitUsage, errors.New("wanted an address for the page that stays, found none"), "--web 127.0.0.1:9401")
	}
	if o.web == "" {
		return nil
	}
	if problems := (WebConfig{Listen: o.web}).Validate(); len(problems) > 0 {
		return exitHint(exitUsage, fmt.Errorf("--web: %s", problems[0].Msg), problems[0].Hint)
	}
	return nil
}

// reachable asks an Alertmanager whether it is there, so that a mistake shows
// before the demo and not after it.
func reachable(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/-/ready", nil)
	if err != nil {
		return exitWith(exitUsage, fmt.Errorf("--alertmanager: %w", err))
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return exitWith(exitBackend, fmt.Errorf("--alertmanager: %w", err))
	}
	_ = answer.Body.Close() // nothing of it is read
	if answer.StatusCode != http.StatusOK {
		return exitWith(exitBackend, fmt.Errorf("--alertmanager: wanted it ready, found %s", answer.Status))
	}
	return nil
}
