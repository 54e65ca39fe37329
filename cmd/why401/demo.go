package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/conf"
	"github.com/why401/why401/analyzer/lab"
	"github.com/why401/why401/analyzer/source"
	"github.com/why401/why401/analyzer/store"
)

func newDemoCmd(env *environment) *cobra.Command {
	name, format := "", "text"
	var limit time.Duration
	o := demoOptions{seed: 1}
	cmd := &cobra.Command{
		Use:     "demo",
		Short:   "see it work: real services, a real fault, an embedded Pub/Sub, and the report",
		Example: "  why401 demo\n  why401 demo --scenario whitespace --web 127.0.0.1:9401 --stay\n  why401 demo --scenario mine.yaml --format html > report.html",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := knownFormat(format); err != nil {
				return err
			}
			sc, err := lab.Find(name)
			var problems conf.Problems
			switch {
			case errors.As(err, &problems):
				return exitWith(exitConfig, err)
			case err != nil:
				return exitHint(exitUsage, err, "why401 demo list")
			}
			if limit > 0 {
				sc = sc.Until(limit)
			}
			if o.stay && !cmd.Flags().Changed("web") {
				o.web = defaultConfig().Web.Listen
			}
			if err := o.check(); err != nil {
				return err
			}
			return env.demo(cmd.Context(), sc, o, func(f *finding) error { return f.write(env.stdout, format) })
		},
	}
	cmd.Flags().StringVar(&name, "scenario", "", "what to play: a name that demo list shows, or a file of your own that ends in .yaml (default rotation-missed)")
	cmd.Flags().StringVar(&format, "format", format, "text, json, md or html (one file, with pictures)")
	cmd.Flags().DurationVar(&limit, "duration", 0, "virtual time to play (default: the scenario's)")
	cmd.Flags().Uint64Var(&o.seed, "seed", o.seed, "chance of the scenario")
	cmd.Flags().StringVar(&o.web, "web", "", "address to serve the page at while it plays, such as 127.0.0.1:9401")
	cmd.Flags().BoolVar(&o.stay, "stay", false, "go on serving the page until interrupted")
	cmd.Flags().StringVar(&o.alertmanager, "alertmanager", "", "URL of an Alertmanager that is told of the incidents")
	cmd.AddCommand(&cobra.Command{
		Use: "list", Short: "list the scenarios", Example: "  why401 demo list", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			all, err := lab.Scenarios()
			if err != nil {
				return exitWith(exitConfig, err)
			}
			for _, sc := range all {
				fmt.Fprintf(env.stdout, "%-28s %s\n", sc.Name, sc.About)
			}
			return nil
		},
	})
	return cmd
}

// demo plays a scenario: the platform's entries are published to the embedded
// Pub/Sub and come back through the same subscription, pipeline and report as
// in a deployment. show is given the report of the end.
func (env *environment) demo(ctx context.Context, sc lab.Scenario, o demoOptions, show func(*finding) error) error {
	if o.alertmanager != "" {
		if err := reachable(ctx, o.alertmanager); err != nil {
			return err
		}
	}
	set, err := env.running()
	if err != nil {
		return err
	}
	server, err := source.StartEmbedded(ctx)
	if err != nil {
		return exitWith(exitBackend, err)
	}
	defer func() { _ = server.Close() }() // in memory: nothing to lose
	held, err := store.Open(ctx, store.Config{Kind: "memory"})
	if err != nil {
		return exitWith(exitBackend, err)
	}
	defer func() { _ = held.Close() }() // likewise
	probes := newDemoProbes(sc)
	classifier := probes.traces.Listen(set)
	p, err := analyzer.NewPipeline(ctx, classifier, held, nil, analyzer.LedgerConfig{JoinSpan: 10 * time.Minute})
	if err != nil {
		return exitWith(exitBackend, err)
	}
	p.LeaveOut(probes.traces.Own)
	diagnosis := func() analyzer.DiagnosisConfig {
		return analyzer.DiagnosisConfig{KeyDomains: sc.Domains(), Probes: probes.results()}
	}
	page, err := env.openDemoPage(ctx, p, held, diagnosis, o)
	if err != nil {
		return err
	}
	defer page.end()
	env.say("demo: %s", sc.About)
	env.say("demo: embedded Pub/Sub, %d services on loopback, %s of virtual time", len(sc.Services), sc.Duration)
	if page.url != "" {
		env.say("demo: look at %s", page.url)
	}
	truth, err := env.play(ctx, sc, o.seed, server, p, func(ctx context.Context, v *lab.View) error {
		took, err := probes.look(ctx, v, classifier, func(c analyzer.Change) { _ = p.Tell(ctx, "probe", c) }) // in memory
		if n := len(probes.results()); err == nil && n > 0 {
			env.say("demo: looked at the services from outside: %d checks in %s", n, took.Round(100*time.Millisecond))
		}
		return err
	})
	if err != nil {
		return err
	}
	found := findingOf(p, diagnosis())
	judge := lab.NewJudge(sc)
	judge.Observe(truth.End, found.Incidents)
	for _, f := range judge.Result(&truth, o.seed).Findings {
		env.say("demo: %s", f.Told())
	}
	if err := show(found); err != nil {
		return err
	}
	if o.stay {
		env.say("demo: %s stays until you interrupt", page.url)
		<-ctx.Done()
	}
	return nil
}

func (env *environment) say(f string, args ...any) { fmt.Fprintf(env.stderr, f+"\n", args...) }

// play runs the platform until all of its entries have come back. last looks
// at it when all is played, before its services end.
func (env *environment) play(ctx context.Context, sc lab.Scenario, seed uint64, server *source.Embedded, p *analyzer.Pipeline, last func(context.Context, *lab.View) error) (truth lab.Truth, err error) {
	pull, err := source.NewPubSub(server.Config())
	if err != nil {
		return truth, exitWith(exitBackend, err)
	}
	pullCtx, stop := context.WithCancel(ctx)
	defer stop()
	pulled := make(chan error, 1)
	go func() { pulled <- pull.Run(pullCtx, p.Handle) }()
	truth, err = lab.Run(ctx, sc, lab.Options{
		Seed:  seed,
		Emit:  func(ctx context.Context, entry []byte) error { return server.Publish(ctx, entry) },
		Logf:  func(f string, args ...any) { env.say("demo: "+f, args...) },
		Speed: 120, Sockets: true, Watch: last, Every: 2 * sc.Duration,
	})
	if err != nil {
		return truth, exitWith(exitBackend, fmt.Errorf("play scenario: %w", err))
	}
	env.say("demo: %d entries published; reading the rest of them from the subscription", truth.Entries)
	if err := drained(ctx, p, truth.Entries-truth.Repeated, pulled); err != nil {
		return truth, err
	}
	stop()
	if err := <-pulled; err != nil && !errors.Is(err, context.Canceled) {
		return truth, exitWith(exitBackend, err)
	}
	if err := p.Flush(ctx); err != nil {
		return truth, exitWith(exitBackend, err)
	}
	return truth, nil
}

// drained waits until the pipeline has seen n distinct entries.
func drained(ctx context.Context, p *analyzer.Pipeline, n int64, pulled <-chan error) error {
	deadline := time.After(60 * time.Second)
	for {
		t := p.Totals()
		if t.Entries-t.Duplicates >= n {
			return nil
		}
		select {
		case <-ctx.Done():
			return exitWith(exitInterrupted, ctx.Err())
		case err := <-pulled:
			return exitWith(exitBackend, fmt.Errorf("subscription ended early: %w", err))
		case <-deadline:
			return exitWith(exitBackend, fmt.Errorf("wanted %d entries back from the subscription, found %d after 60 s", n, t.Entries-t.Duplicates))
		case <-time.After(50 * time.Millisecond):
		}
	}
}
