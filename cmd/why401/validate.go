package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/why401/why401/analyzer"
)

// The exit codes of validate.
const (
	exitDegraded   = 10
	exitUnhealthy  = 20
	exitCannotTell = 30
)

func newValidateCmd(env *environment) *cobra.Command {
	file, format, all := "", "text", false
	cmd := &cobra.Command{
		Use:     "validate",
		Short:   "look at secrets, keys and services once, from outside: what is wrong, and what to do",
		Example: "  why401 validate -c why401.yaml\n  why401 validate -c why401.yaml --format json > probes.json",
		Long: "Makes every probe of the configured key domains once and prints what they saw, the health score and\n" +
			"which service verifies which version. Exit code: 0 healthy, 10 degraded, 20 unhealthy, 30 cannot tell.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains([]string{"text", "json"}, format) {
				return exitHint(exitUsage, fmt.Errorf("unknown format %q", format), "--format text|json")
			}
			cfg, _, err := env.load(file, nil)
			if err != nil {
				return err
			}
			v, err := env.validate(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			if format == "json" {
				err = v.json(env.stdout)
			} else {
				err = v.text(env.stdout, env.painter(), all)
			}
			return errors.Join(err, v.exit())
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", "configuration file: key domains, and how they may be probed")
	cmd.Flags().StringVar(&format, "format", format, "text or json; json is what analyze --probes reads")
	cmd.Flags().BoolVar(&all, "all", false, "print every check, those that passed too")
	return cmd
}

// validation is what one round of all probes showed. Its JSON may be given to
// analyze --probes.
type validation struct {
	Health  analyzer.Health           `json:"health"`
	At      time.Time                 `json:"at"`
	Took    float64                   `json:"took_seconds"`
	Probes  []analyzer.ProbeResult    `json:"probes"`
	Score   analyzer.Score            `json:"score"`
	Scores  map[string]analyzer.Score `json:"scores"`
	Changes []analyzer.Change         `json:"changes"`
	Matrix  []matrix                  `json:"matrix"`

	domains []analyzer.KeyDomain
}

// validate makes every probe once.
func (env *environment) validate(ctx context.Context, cfg Config) (*validation, error) {
	set, err := env.running()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	v := &validation{At: began.UTC().Truncate(time.Second), Probes: []analyzer.ProbeResult{}, Changes: []analyzer.Change{}, domains: cfg.KeyDomains}
	changes := make(chan analyzer.Change)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for c := range changes {
			v.Changes = append(v.Changes, c)
		}
	}()
	p, err := newProber(cfg, set, hearing{changed: func(c analyzer.Change) { changes <- c }})
	if err == nil {
		v.Probes = append(v.Probes, p.scheduler.Once(ctx)...)
		err = p.close()
	}
	close(changes)
	<-done
	switch {
	case ctx.Err() != nil:
		return nil, exitWith(exitInterrupted, ctx.Err())
	case err != nil:
		return nil, err
	}
	slices.SortStableFunc(v.Changes, func(a, b analyzer.Change) int { return a.At.Compare(b.At) })
	v.Took = time.Since(began).Seconds()
	v.Health = analyzer.HealthOf(cfg.KeyDomains, v.Probes)
	v.Scores = analyzer.Scores(cfg.KeyDomains, v.Probes)
	v.Score = analyzer.OverallScore(v.Scores)
	v.Matrix = matricesOf(cfg.KeyDomains, v.Probes)
	return v, nil
}

func (v *validation) json(w io.Writer) error { return writeJSON(w, v) }

// exit is nil when all is healthy; the report has told everything else.
func (v *validation) exit() error {
	code := map[analyzer.Health]int{analyzer.Degraded: exitDegraded, analyzer.Unhealthy: exitUnhealthy, analyzer.CannotTell: exitCannotTell}[v.Health]
	if code == exitOK {
		return nil
	}
	return exitWith(code, errors.New(""))
}
