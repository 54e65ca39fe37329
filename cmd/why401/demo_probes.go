package main

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/healthjwt"
	"github.com/why401/why401/analyzer/lab"
	"github.com/why401/why401/analyzer/probe"
)

// labProbes are the real probes, aimed at the services of a lab.
type labProbes struct {
	targets []probe.Target
	config  probe.Config
	secrets *probe.Secrets
	store   *lab.SecretServer
}

// openLabProbes builds them as an operator of the platform would: key domains,
// a pepper, and the secret store to read.
func openLabProbes(v *lab.View, plan lab.ProbePlan, timeout time.Duration, atOnce int, traces *probe.Traces, c analyzer.Classifier, changed func(analyzer.Change)) (*labProbes, error) {
	p := &labProbes{config: probe.DefaultConfig(), store: lab.ServeSecretsInside(v.Store(), "why401@acme-ops.iam.gserviceaccount.com")}
	p.config.Interval, p.config.Concurrency, p.config.Off = cmp.Or(plan.Every, p.config.Interval), atOnce, plan.Off
	p.config.Timeout = timeout
	p.config.Dial, p.config.AllowPrivate = v.Dial, []string{"127.0.0.0/8"}
	p.config.SecretManager.Options = p.store.Options()
	p.config.Canary.Live, p.config.Canary.UsersSecret = plan.Live, len(plan.Live) > 0
	domains := v.Domains()
	guard, err := probe.NewGuard(p.config)
	if err != nil {
		return nil, err
	}
	pepper, err := healthjwt.NewPepper(healthjwt.NewSecret(v.Pepper()))
	if err != nil {
		return nil, err
	}
	p.secrets = probe.NewSecrets(p.config, domains, func(string) (string, bool) { return "", false })
	p.targets, err = probe.Build(&probe.Deps{Config: p.config, Domains: domains, Guard: guard, Reference: p.secrets, Pepper: &pepper, Classifier: c, Traces: traces, Changed: changed})
	return p, err
}

func (p *labProbes) close() error {
	err := p.secrets.Close()
	p.store.Close()
	return err
}

// demoProbes look at the services of a demo once, when it has played: only
// then does the time of the scenario agree with that of the clock, by which
// canaries expire. It is what why401 validate does before a deploy.
type demoProbes struct {
	plan   lab.ProbePlan
	traces *probe.Traces

	mu    sync.Mutex
	known []analyzer.ProbeResult
}

func newDemoProbes(sc lab.Scenario) *demoProbes {
	return &demoProbes{plan: sc.Probes, traces: probe.NewTraces()}
}

// results are what was seen so far.
func (d *demoProbes) results() []analyzer.ProbeResult {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.known
}

// look makes every probe once. What services log of it comes in meanwhile.
func (d *demoProbes) look(ctx context.Context, v *lab.View, c analyzer.Classifier, changed func(analyzer.Change)) (took time.Duration, err error) {
	if slices.Contains(d.plan.Off, "all") {
		return 0, nil
	}
	began := time.Now()
	p, err := openLabProbes(v, d.plan, time.Second, 32, d.traces, c, changed) // log lines come at once, or never
	if err != nil {
		return 0, err
	}
	known := probe.NewScheduler(p.targets, p.config).Once(ctx)
	d.mu.Lock()
	d.known = known
	d.mu.Unlock()
	return time.Since(began), p.close()
}
