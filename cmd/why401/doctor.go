package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/conf"
	"github.com/why401/why401/sinks/logexport"
)

// doctorOptions are the flags of `doctor`.
type doctorOptions struct {
	file, format, as string
	subscription     string
	scopes           []string
	all              bool
}

func newDoctorCmd(env *environment) *cobra.Command {
	o := doctorOptions{format: "text"}
	cmd := &cobra.Command{
		Use:   "doctor [-c FILE]",
		Short: "what a deployment lacks: roles, APIs, audit settings, the right clock; and the command that mends it",
		Long: `Looks at everything that why401 relies on, and changes nothing: the configuration,
store, pepper and page on this machine, the services' /health/jwt, the clock; in
Google Cloud subscription, topic and sinks with the filter that is deployed (held
against the examples of the rules), dead letters, secrets with their versions,
audit settings, and what the account of why401 may and may not do.

Run it as the account that why401 runs as, or as yourself with --as ACCOUNT: then
your rights read the settings, and the account's are tested (you need
roles/iam.serviceAccountTokenCreator on it).

Exit code: 0 ok, 10 warnings, 20 something is broken, 30 something could not be seen.`,
		Example: `  why401 doctor -c why401.yaml
  why401 doctor -c why401.yaml --as why401@acme-prod.iam.gserviceaccount.com --scope folders/4711`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains([]string{"text", "json"}, o.format) {
				return exitHint(exitUsage, fmt.Errorf("unknown format %q", o.format), "--format text|json")
			}
			d, err := env.doctor(cmd.Context(), &o)
			if err != nil {
				return err
			}
			if o.format == "json" {
				err = d.json(env.stdout)
			} else {
				err = d.text(env.stdout, env.painter(), o.all)
			}
			return errors.Join(err, d.exit())
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.file, "config", "c", "", "configuration file")
	f.StringVar(&o.format, "format", o.format, "text or json")
	f.StringVar(&o.as, "as", "", "service account that why401 runs as, when somebody else looks")
	f.StringVar(&o.subscription, "subscription", "", "projects/P/subscriptions/S that pushes to us, which the configuration does not name")
	f.StringArrayVar(&o.scopes, "scope", nil, "folders/NUMBER or organizations/NUMBER whose sinks are looked at, too; may be repeated")
	f.BoolVar(&o.all, "all", false, "print every check, those that passed too")
	return cmd
}

// diagnosis of a deployment.
type checkup struct {
	Verdict string              `json:"verdict"` // ok, warnings, broken or cannot tell
	At      time.Time           `json:"at"`
	Took    float64             `json:"took_seconds"`
	Checks  []logexport.Finding `json:"checks"`
}

// doctor makes all checks at the same time. A configuration that cannot be
// used is itself what is broken.
func (env *environment) doctor(ctx context.Context, o *doctorOptions) (*checkup, error) {
	began := time.Now()
	d := &checkup{At: began.UTC().Truncate(time.Second)}
	cfg, _, err := env.load(o.file, nil)
	var problems conf.Problems
	switch {
	case errors.As(err, &problems):
		for _, p := range problems {
			d.Checks = append(d.Checks, misconfigured(o.file, p))
		}
	case err != nil:
		return nil, err
	default:
		d.Checks = append(d.Checks, env.examine(ctx, cfg, o)...)
	}
	if ctx.Err() != nil {
		return nil, exitWith(exitInterrupted, ctx.Err())
	}
	d.Took = time.Since(began).Seconds()
	d.conclude()
	return d, nil
}

func misconfigured(file string, p conf.Problem) logexport.Finding {
	f := noted("configuration", file, analyzer.StatusFail, "%s", p.String())
	f.Fix = []string{"why401 check config -c " + shellWord(file)}
	return f
}

// examine makes the checks, each within its time.
func (env *environment) examine(ctx context.Context, cfg Config, o *doctorOptions) []logexport.Finding {
	checks := []func(context.Context) []logexport.Finding{
		func(context.Context) []logexport.Finding { return checkStore(cfg.Store, freeBytes) },
		func(context.Context) []logexport.Finding { return checkPepper(cfg) },
		func(ctx context.Context) []logexport.Finding { return checkWeb(ctx, cfg.Web) },
		func(ctx context.Context) []logexport.Finding { return checkServices(ctx, cfg) },
		func(ctx context.Context) []logexport.Finding { return checkClock(ctx, cfg, googleTime) },
		func(ctx context.Context) []logexport.Finding { return env.checkGoogle(ctx, cfg, o) },
	}
	found := make([][]logexport.Finding, len(checks))
	var wg sync.WaitGroup
	for i, check := range checks {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, 45*time.Second)
			defer cancel()
			found[i] = check(ctx)
		})
	}
	wg.Wait()
	return append([]logexport.Finding{noted("configuration", o.file, analyzer.StatusOK, "it can be used")}, slices.Concat(found...)...)
}

func noted(check, target string, s analyzer.Status, format string, args ...any) logexport.Finding {
	return logexport.Finding{Check: check, Target: target, Status: s, Detail: fmt.Sprintf(format, args...)}
}

// conclude sorts what was found, the worst first, and names the verdict. What
// could not be seen outweighs warnings: it may hide what is broken.
func (d *checkup) conclude() {
	rank := []analyzer.Status{analyzer.StatusFail, analyzer.StatusUnknown, analyzer.StatusWarn, analyzer.StatusOK}
	slices.SortStableFunc(d.Checks, func(x, y logexport.Finding) int {
		return slices.Index(rank, x.Status) - slices.Index(rank, y.Status)
	})
	d.Verdict = map[analyzer.Status]string{analyzer.StatusFail: "broken", analyzer.StatusUnknown: "cannot tell", analyzer.StatusWarn: "warnings", analyzer.StatusOK: "ok"}[d.Checks[0].Status]
}

func (d *checkup) json(w io.Writer) error { return writeJSON(w, d) }

// text prints the checks for a person, under each the commands that mend it.
func (d *checkup) text(w io.Writer, p painter, all bool) error {
	b := &bytes.Buffer{}
	wide, passed := 0, []string{}
	for _, f := range d.Checks {
		wide = min(max(wide, utf8.RuneCountInString(f.Target)), 32)
	}
	for _, f := range d.Checks {
		if f.Status == analyzer.StatusOK && !all {
			passed = append(passed, f.Check)
			continue
		}
		fmt.Fprintf(b, "%s %-20s %-*s  %s\n", p.mark(f.Status), f.Check, wide, analyzer.EscapeTerminal(f.Target), analyzer.EscapeTerminal(f.Detail))
		for _, fix := range f.Fix {
			fmt.Fprintf(b, "    %s\n", p.paint(bold, analyzer.EscapeTerminal(fix)))
		}
	}
	if len(passed) > 0 {
		n := len(passed)
		fmt.Fprintf(b, "%s %d passed: %s\n", p.mark(analyzer.StatusOK), n, strings.Join(slices.Compact(passed), ", "))
	}
	count := map[analyzer.Status]int{}
	for _, f := range d.Checks {
		count[f.Status]++
	}
	word := p.paint(map[string]string{"ok": green, "broken": red}[d.Verdict]+map[bool]string{true: yellow}[d.Verdict == "warnings" || d.Verdict == "cannot tell"], d.Verdict)
	fmt.Fprintf(b, "%s: %d checks in %.1f s, %d broken, %d could not look, %d warned, %d passed\n", word, len(d.Checks), d.Took,
		count[analyzer.StatusFail], count[analyzer.StatusUnknown], count[analyzer.StatusWarn], count[analyzer.StatusOK])
	_, err := b.WriteTo(w)
	return err
}

// exit is nil when all is well; the table has told everything else.
func (d *checkup) exit() error {
	code := map[string]int{"warnings": exitDegraded, "broken": exitUnhealthy, "cannot tell": exitCannotTell}[d.Verdict]
	if code == exitOK {
		return nil
	}
	return exitWith(code, errors.New(""))
}
