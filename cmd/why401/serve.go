package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/why401/why401/analyzer/conf"
)

func newServeCmd(env *environment) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:     "serve",
		Short:   "the daemon: pull from a subscription, keep counts, show metrics and reports",
		Example: "  why401 serve --project acme-prod --subscription why401\n  why401 serve -c /etc/why401/why401.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			given := map[string]string{}
			for flag, path := range map[string]string{"project": "source.pubsub.project", "subscription": "source.pubsub.subscription", "listen": "web.listen", "db": "store.path", "rules": "rules.dir"} {
				if cmd.Flags().Changed(flag) {
					given[path] = cmd.Flag(flag).Value.String()
				}
			}
			again := func() (Config, error) {
				cfg, _, err := env.load(file, given)
				return cfg, err
			}
			cfg, err := again()
			if err != nil {
				return err
			}
			log := env.logger(cfg.Log.Level)
			for _, p := range env.strayVariables(&cfg, file) {
				log.Warn().Str("variable", p.File).Str("hint", p.Hint).Msg("a variable of ours sets no option")
			}
			return env.serve(cmd.Context(), cfg, again)
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
// committed and acknowledged, people are told of what stands, and only then
// does the store close.
// again reads the configuration anew, at SIGHUP or when it is asked for.
func (env *environment) serve(ctx context.Context, cfg Config, again func() (Config, error)) (err error) {
	d, err := env.build(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	d.reloads.again = again
	err = d.run(ctx)
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		return nil
	}
	return exitWith(exitBackend, fmt.Errorf("serve: %w", err))
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
