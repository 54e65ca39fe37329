package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/conf"
	"github.com/why401/why401/analyzer/source"
	"github.com/why401/why401/analyzer/store"
	"github.com/why401/why401/sinks"
)

func newServeCmd(env *environment) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "the daemon: pull from a subscription, keep counts, show metrics and reports",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			given := map[string]string{}
			for flag, path := range map[string]string{"project": "source.pubsub.project", "subscription": "source.pubsub.subscription", "listen": "web.listen", "db": "store.path", "rules": "rules.dir"} {
				if cmd.Flags().Changed(flag) {
					given[path] = cmd.Flag(flag).Value.String()
				}
			}
			cfg, _, err := env.load(file, given)
			if err != nil {
				return err
			}
			return env.serve(cmd.Context(), cfg)
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", "configuration file")
	cmd.Flags().String("project", "", "Google Cloud project of the subscription")
	cmd.Flags().String("subscription", "", "Pub/Sub subscription that the log sink feeds")
	cmd.Flags().String("listen", "", "address of the web endpoint (default 127.0.0.1:9401)")
	cmd.Flags().String("db", "", "SQLite file that keeps the state (default why401.db)")
	return cmd
}

// drain is how long a stop may take: Cloud Run ends a process about 10 s
// after SIGTERM.
const drain = 8 * time.Second

// serve runs until ctx ends: intake stops first, what is under way is
// committed and acknowledged, and only then does the store close.
func (env *environment) serve(ctx context.Context, cfg Config) (err error) {
	log := env.logger(cfg.Log.Level)
	set, err := env.serveRules(cfg.Rules.Dir, log)
	if err != nil {
		return err
	}
	pull, err := source.NewPubSub(cfg.Source.PubSub)
	if err != nil {
		return exitHint(exitConfig, fmt.Errorf("open source: %w", err), "why401 serve --project P --subscription S")
	}
	held, err := store.Open(ctx, cfg.Store)
	if err != nil {
		return exitWith(exitBackend, err)
	}
	defer func() { err = errors.Join(err, held.Close()) }()
	p, err := analyzer.NewPipeline(ctx, set, held, cfg.Environments, analyzer.LedgerConfig{JoinSpan: joinSpan})
	if err != nil {
		return exitWith(exitBackend, err)
	}
	metrics := sinks.NewPrometheus()
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	web := sinks.NewHTTP(registry)
	stopWeb, err := listen(cfg.Web.Listen, web, log)
	if err != nil {
		return exitWith(exitBackend, err)
	}
	defer stopWeb()
	defer background(ctx, func(ctx context.Context) { sweep(ctx, p, held, cfg.Store, log) })()
	journal, err := analyzer.OpenJournal(ctx, analyzer.JournalConfig{}, held)
	if err != nil {
		log.Error().Err(err).Msg("lives of earlier incidents are lost") // what stands is told anew
	}
	ticks := env.tick(ctx, p, cfg, journal, []analyzer.Sink{metrics, web}, log)
	log.Info().Str("subscription", cfg.Source.PubSub.Subscription).Str("listen", cfg.Web.Listen).Int("rules", len(set.Rules())).Msg("serving")
	err = pull.Run(ctx, p.Handle)
	<-ticks
	if flushErr := p.Flush(context.WithoutCancel(ctx)); flushErr != nil {
		err = errors.Join(err, flushErr)
	}
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		log.Info().Msg("stopped")
		return nil
	}
	return exitWith(exitBackend, err)
}

// logger writes JSON lines to stderr under Cloud Logging's field names, each
// marked so that why401 never analyzes itself.
func (env *environment) logger(level string) zerolog.Logger {
	l, err := zerolog.ParseLevel(level)
	if err != nil || level == "" {
		l = zerolog.InfoLevel
	}
	return zerolog.New(env.stderr).Level(l).With().Timestamp().Str("why401.self", "true").Logger()
}

// tick makes a report every interval and gives it to every sink. The channel
// closes when it has ended.
func (env *environment) tick(ctx context.Context, p *analyzer.Pipeline, cfg Config, journal *analyzer.Journal, out []analyzer.Sink, log zerolog.Logger) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		t := time.NewTicker(cfg.Diagnosis.Tick)
		defer t.Stop()
		last := map[string]analyzer.Verdict{}
		for {
			u := &analyzer.Update{Report: p.Report(cfg.diagnosis())}
			u.At = u.Report.Span.To
			if err := journal.Follow(ctx, u.Report); err != nil {
				log.Error().Err(err).Msg("lives of incidents were not written")
			}
			u.Records, u.Ended, u.Interventions = journal.Records(), journal.Ended(), journal.Touched()
			for _, in := range u.Report.Incidents {
				if in.Resolved == nil && last[in.ID] != in.Verdict {
					last[in.ID] = in.Verdict
					u.Changed = append(u.Changed, in)
					log.Warn().Str("incident", in.ID).Str("cause", string(in.Cause)).Str("verdict", string(in.Verdict)).Strs("services", in.Services).Msg("incident")
				}
			}
			for _, s := range out {
				if err := s.Deliver(ctx, u); err != nil {
					log.Error().Err(err).Msg("sink failed")
				}
			}
			select {
			case <-ctx.Done():
				return
			case <-t.C:
			}
		}
	}()
	return done
}

// listen serves h until the returned function is called.
func listen(addr string, h http.Handler, log zerolog.Logger) (stop func(), err error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second}
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error().Err(err).Msg("web endpoint failed")
		}
	}()
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), drain)
		defer cancel()
		_ = server.Shutdown(ctx) // the process ends anyway
	}, nil
}

// load reads the configuration: flags before the environment before the file
// before the defaults.
func (env *environment) load(file string, flags map[string]string) (Config, conf.Origins, error) {
	cfg := defaultConfig()
	origins, err := conf.Load(&cfg, file, env.getenv, flags)
	if err != nil {
		return cfg, nil, exitWith(exitConfig, err)
	}
	return cfg, origins, nil
}
