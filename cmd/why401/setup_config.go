package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/conf"
	"github.com/why401/why401/sinks/deploy"
)

// configOptions are the flags of `setup config`.
type configOptions struct {
	project, subscription, environment, secret, jwks, pepper string
	services, manifests, logs                                []string
	since                                                    string // of stored entries
}

func newSetupConfigCmd(env *environment) *cobra.Command {
	var o configOptions
	cmd := &cobra.Command{
		Use:   "config",
		Short: "write a first configuration, from a few answers, from manifests, or from logs",
		Long: `Writes a configuration with a comment wherever a person must decide. What it says
comes from the flags, from manifests of Cloud Run services and Kubernetes workloads
(services, the variables that name their secrets, issuers), from log entries
(services, environments, the secrets that deploys mount), or, on a terminal and
without any of these, from a few questions.`,
		Example: `  why401 setup config --project acme-prod --service auth --service orders --secret jwt-main > why401.yaml
  gcloud run services list --format=yaml | why401 setup config --project acme-prod --from-manifest - > why401.yaml
  kubectl get deploy -n shop-prod -o yaml | why401 setup config --from-manifest - > why401.yaml
  why401 setup config --project acme-prod --from-stored 10m > why401.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return env.setupConfig(cmd.Context(), &o, cmd.Flags().NFlag())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.project, "project", "", "project of the subscription and of secrets that are named without one")
	f.StringVar(&o.subscription, "subscription", "", "subscription that the log sink feeds (default why401)")
	f.StringVar(&o.environment, "environment", "", "environment of the project, such as production; what its name lets see by default")
	f.StringArrayVar(&o.services, "service", nil, "a service that verifies tokens, by the name that its log entries carry; may be repeated")
	f.StringVar(&o.secret, "secret", "", "secret that the services share: a short name, projects/P/secrets/S, env:NAME or file:PATH")
	f.StringVar(&o.jwks, "jwks", "", "https URL of the key set that the services share")
	f.StringVar(&o.pepper, "pepper-file", "", "file with the pepper that the services' /health/jwt share")
	f.StringArrayVar(&o.manifests, "from-manifest", nil, "manifests to read, - for standard input; may be repeated")
	f.StringArrayVar(&o.logs, "from-log", nil, "log entries to read, as analyze does; may be repeated")
	f.StringVar(&o.since, "from-stored", "", "read the entries of so long, such as 10m, from the Cloud Logging API; nothing is taken from a subscription")
	return cmd
}

func (env *environment) setupConfig(ctx context.Context, o *configOptions, flags int) error {
	s := &deploy.Survey{}
	if in, ok := env.stdin.(*os.File); flags == 0 && ok && term.IsTerminal(int(in.Fd())) {
		if err := askConfig(env.stdin, env.stderr, o); err != nil {
			return err
		}
	}
	s.Project, s.Subscription, s.PepperFile = o.project, o.subscription, o.pepper
	place := cmp.Or(o.environment, analyzer.EnvironmentIn(o.project))
	if o.project != "" && place != "" {
		s.Environments = map[string]string{o.project: place}
	}
	for _, name := range o.services {
		f := deploy.Surveyed{Name: name, Environment: place, JWKS: o.jwks}
		if o.secret != "" {
			f.Secrets = []deploy.Mounted{{Secret: o.secret, Tokens: true}}
		}
		s.Add(f)
	}
	for _, name := range o.manifests {
		if err := env.readManifest(s, name, place); err != nil {
			return err
		}
	}
	if err := env.readServices(ctx, s, o); err != nil {
		return err
	}
	var b bytes.Buffer
	if err := s.Write(&b, schemaURL); err != nil {
		return err
	}
	if err := usable(b.Bytes()); err != nil {
		return exitHint(exitUsage, fmt.Errorf("what was given makes no configuration:\n%w", err), "why401 setup config --help")
	}
	_, err := env.stdout.Write(b.Bytes())
	return err
}

// usable reads what was written as the daemon would.
func usable(text []byte) error {
	doc, err := conf.Parse("why401.yaml", text)
	if err != nil {
		return err
	}
	cfg := defaultConfig()
	return doc.Decode(&cfg)
}

func (env *environment) readManifest(s *deploy.Survey, name, place string) error {
	in, err := env.open([]string{name})
	if err != nil {
		return err
	}
	defer in.Close() // only read
	guess := func(namespace string) string { return cmp.Or(analyzer.EnvironmentIn(namespace), place) }
	if err := s.ReadManifests(in, guess); err != nil {
		return exitHint(exitInput, fmt.Errorf("read manifest %s: %w", name, err), "kubectl get deploy -o yaml, or gcloud run services describe NAME --format=export")
	}
	return nil
}

// readServices reads log entries for who answers requests, and what deploys
// say of their secrets.
func (env *environment) readServices(ctx context.Context, s *deploy.Survey, o *configOptions) error {
	var stored storedLogs
	switch {
	case o.since != "" && o.project == "":
		return exitHint(exitUsage, errors.New("from-stored: wanted a project to read from"), "--project acme-prod --from-stored 10m")
	case o.since != "":
		stored = storedLogs{projects: []string{o.project}, since: o.since, requests: "all"}
	case len(o.logs) == 0:
		return nil
	}
	report, err := env.analyze(ctx, o.logs, &stored, "", "")
	if report == nil {
		return err
	}
	for _, r := range report.Services {
		if r.Accepted+r.Refused > 0 || len(r.Reasons) > 0 {
			s.Add(deploy.Surveyed{Name: r.Name, Environment: r.Environment})
		}
	}
	for i := range report.Changes {
		c := &report.Changes[i]
		if c.Kind != analyzer.RevisionDeployed || c.Service.Name == "" {
			continue
		}
		f := deploy.Surveyed{Name: c.Service.Name, Environment: c.Service.Environment}
		for ref := range strings.FieldsSeq(c.Details[analyzer.MountsDetail]) {
			name, secret, ok := strings.Cut(ref, "=")
			if secret, _, _ = strings.Cut(secret, "@"); ok {
				if strings.HasPrefix(name, analyzer.VolumePrefix) {
					name = ""
				}
				f.Secrets = append(f.Secrets, deploy.Mounted{Variable: name, Secret: secret})
			}
		}
		s.Add(f)
	}
	return err
}

// askConfig asks what the flags would say.
func askConfig(in io.Reader, out io.Writer, o *configOptions) error {
	lines := bufio.NewReader(in)
	ask := func(question, usual string) (string, error) {
		if usual != "" {
			question += " [" + usual + "]"
		}
		fmt.Fprint(out, question+": ")
		line, err := lines.ReadString('\n')
		if err != nil && line == "" {
			return "", exitWith(exitInterrupted, errors.New("no answer: nothing was written"))
		}
		return cmp.Or(strings.TrimSpace(line), usual), nil
	}
	var services string
	for _, q := range []struct {
		question string
		usual    func() string
		answer   *string
	}{
		{"Google Cloud project that the log export lives in (empty: none yet)", func() string { return "" }, &o.project},
		{"subscription", func() string { return "why401" }, &o.subscription},
		{"environment of that project", func() string { return cmp.Or(analyzer.EnvironmentIn(o.project), "production") }, &o.environment},
		{"services that verify tokens, as their log entries name them, separated by commas", func() string { return "" }, &services},
		{"secret that they share (empty: they verify with a key set)", func() string { return "jwt-main" }, &o.secret},
	} {
		var err error
		if *q.answer, err = ask(q.question, q.usual()); err != nil {
			return err
		}
	}
	for name := range strings.SplitSeq(services, ",") {
		if name = strings.TrimSpace(name); name != "" {
			o.services = append(o.services, name)
		}
	}
	return nil
}
