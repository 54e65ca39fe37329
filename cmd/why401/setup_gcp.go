package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/why401/why401/rules"
	"github.com/why401/why401/sinks/logexport"
)

// gcpOptions are the flags of `setup gcp`.
type gcpOptions struct {
	spec                      logexport.Spec
	requests, format, out     string
	apply, remove, yes, force bool
}

func newSetupGCPCmd(env *environment) *cobra.Command {
	o := gcpOptions{requests: "all", format: "plan"}
	cmd := &cobra.Command{
		Use:   "gcp --project P",
		Short: "the log export: sink, topic, subscription, dead letters, account, permissions",
		Long: `Compares what is there with what why401 needs, and shows each difference. Nothing
is changed without --apply.

The filter of the log sink is compiled from the rules, so that it exports what
they can read and little else. --requests says how many of the accepted requests'
logs come along as the denominator of rates: all, none, or a share such as 0.1.`,
		Example: `  why401 setup gcp --project acme-prod
  why401 setup gcp --project acme-prod --secret projects/acme-prod/secrets/jwt-main --apply
  why401 setup gcp --project acme-ops --scope folders/4711 --format gcloud > export.sh
  why401 setup gcp --project acme-prod --format terraform --out why401-export
  why401 setup gcp --project acme-prod --remove --apply`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return env.setupGCP(cmd.Context(), &o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.spec.Project, "project", "", "project that topic, subscription and account live in")
	f.StringVar(&o.spec.Scope, "scope", "", "whose entries are exported: projects/ID, folders/NUMBER or organizations/NUMBER (default: the project's)")
	f.StringVar(&o.spec.Name, "name", "why401", "name of the sink, the topic, the subscription and the account")
	f.StringArrayVar(&o.spec.Secrets, "secret", nil, "projects/P/secrets/S to be told of new versions; may be repeated")
	f.BoolVar(&o.spec.Access, "access", false, "let why401 read the values of the secrets, for fingerprints and canaries")
	f.StringVar(&o.requests, "requests", o.requests, "accepted requests to export: all, none, or a share such as 0.1")
	f.StringVar(&o.format, "format", o.format, "plan, gcloud (commands that do the same), terraform (a module that does the same) or filter (the filter alone)")
	f.StringVar(&o.out, "out", "", "with --format terraform: write the module into this folder instead of printing a call of it")
	f.BoolVar(&o.force, "force", false, "with --out: overwrite what is there and differs")
	f.BoolVar(&o.apply, "apply", false, "carry the plan out")
	f.BoolVar(&o.remove, "remove", false, "plan to take away what was made")
	f.BoolVar(&o.yes, "yes", false, "with --apply: do not ask")
	return cmd
}

func (env *environment) setupGCP(ctx context.Context, o *gcpOptions) error {
	if o.out != "" && o.format != "terraform" {
		return exitHint(exitUsage, fmt.Errorf("out: wanted --format terraform, found %q", o.format), "--format terraform --out "+o.out)
	}
	if o.remove {
		o.spec.Filter = "removed" // it is not looked at
	} else if err := env.exportFilter(o); err != nil {
		return err
	}
	switch o.format {
	case "filter":
		_, err := fmt.Fprint(env.stdout, o.spec.Filter)
		return err
	case "gcloud":
		text, err := logexport.Commands(o.spec)
		if err != nil {
			return exitHint(exitUsage, err, "why401 setup gcp --project acme-prod --format gcloud")
		}
		_, err = fmt.Fprint(env.stdout, text)
		return err
	case "terraform":
		return env.terraform(o)
	case "plan":
		return env.planExport(ctx, o)
	}
	return exitHint(exitUsage, fmt.Errorf("unknown format %q", o.format), "--format plan|gcloud|terraform|filter")
}

// exportFilter compiles the filter and says what it leaves behind.
func (env *environment) exportFilter(o *gcpOptions) error {
	share, err := requestShare(o.requests)
	if err != nil {
		return err
	}
	set, err := env.rules()
	if err != nil {
		return err
	}
	filter, err := set.SinkFilter(rules.SinkFilterConfig{Requests: share})
	if err != nil {
		return err
	}
	o.spec.Filter = filter.Text
	if share > 0 && share < 1 {
		fmt.Fprintf(env.stderr, "why401: accepted requests are sampled: write source.request_share: %g into the configuration, so that rates are right\n", share)
	}
	if n := len(filter.Lost); n > 0 {
		fmt.Fprintf(env.stderr, "why401: the filter does not let through every text of %d of %d rules: %s\n", n, len(set.Rules()), strings.Join(filter.Lost[:min(n, 10)], ", "))
	}
	return nil
}

func requestShare(text string) (float64, error) {
	switch text {
	case "all":
		return 1, nil
	case "none":
		return 0, nil
	}
	share, err := strconv.ParseFloat(text, 64)
	if err != nil || share <= 0 || share > 1 {
		return 0, exitHint(exitUsage, fmt.Errorf("requests: wanted all, none or a share between 0 and 1, found %q", text), "--requests 0.1")
	}
	return share, nil
}

// planExport shows the plan and, when asked to, carries it out.
func (env *environment) planExport(ctx context.Context, o *gcpOptions) (err error) {
	if err := o.spec.Check(); err != nil {
		return exitHint(exitUsage, err, "why401 setup gcp --project acme-prod")
	}
	e, err := logexport.Open(ctx, o.spec, logexport.Outside{})
	if err != nil {
		return exitHint(exitBackend, err, googleHint(err, "gcloud auth application-default login")+"; or --format gcloud to print the commands")
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	plan := e.Plan
	if o.remove {
		plan = e.PlanRemoval
	}
	p, err := plan(ctx)
	if p != nil {
		if werr := p.Write(env.stdout); werr != nil {
			return werr
		}
	}
	if err != nil {
		return exitWith(exitBackend, err)
	}
	if !o.apply || p.Changes() == 0 {
		return nil
	}
	if !o.yes {
		if err := env.confirm(fmt.Sprintf("carry out %d changes in %s?", p.Changes(), o.spec.Project)); err != nil {
			return err
		}
	}
	if err := p.Apply(ctx, env.stderr); err != nil {
		return exitHint(exitBackend, err, "mend that and run the same command again: it goes on where it stopped")
	}
	return nil
}

// googleHint is what to try when a call to Google failed: the way there, else
// what lacks when there is one.
func googleHint(err error, lacks string) string {
	var answer interface{ GRPCStatus() *status.Status }
	away := errors.As(err, &answer) && slices.Contains([]codes.Code{codes.Unavailable, codes.DeadlineExceeded}, answer.GRPCStatus().Code())
	if away || errors.Is(err, context.DeadlineExceeded) {
		return "firewall, proxy (HTTPS_PROXY) and Private Google Access: nobody answers"
	}
	return lacks
}

// confirm asks on a terminal. Where nobody can answer it is an error.
func (env *environment) confirm(question string) error {
	if f, ok := env.stdin.(interface{ Fd() uintptr }); !ok || !term.IsTerminal(int(f.Fd())) {
		return exitHint(exitUsage, errors.New("nobody can be asked: the input is no terminal"), "--yes")
	}
	fmt.Fprintf(env.stderr, "%s [y/N] ", question)
	answer, _ := bufio.NewReader(env.stdin).ReadString('\n') // no answer is no
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return exitWith(exitInterrupted, errors.New("nothing was changed"))
	}
	return nil
}
