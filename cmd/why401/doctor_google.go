package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"regexp"
	"strings"
	"time"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"
	"cloud.google.com/go/auth/credentials/impersonate"
	"cloud.google.com/go/compute/metadata"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/redact"
	"github.com/why401/why401/sinks/logexport"
)

// subscription is the full name of what is read; empty: none is configured.
func (c Config) subscription() string {
	p := c.Source.PubSub
	if p.Subscription == "" || strings.HasPrefix(p.Subscription, "projects/") {
		return p.Subscription
	}
	return "projects/" + p.Project + "/subscriptions/" + p.Subscription
}

var subscriptionForm = regexp.MustCompile(`^projects/[^/]+/subscriptions/[^/]+$`)

func (c Config) usesGoogle() bool { return c.subscription() != "" || len(c.googleSecrets("")) > 0 }

// googleSecrets are the key domains' secrets in Secret Manager; project is
// that of short names.
func (c Config) googleSecrets(project string) []logexport.Secret {
	var out []logexport.Secret
	for _, d := range c.KeyDomains {
		ref, err := analyzer.ParseSecretRef(d.Secret)
		if d.Secret == "" || err != nil || ref.Kind != analyzer.InSecretManager {
			continue
		}
		ref.Project = cmp.Or(ref.Project, c.Probes.SecretManager.Project, project)
		values := c.Probes.PepperFile != ""
		for _, m := range d.Services {
			values = values || m.Canary != ""
		}
		if ref.Project != "" {
			out = append(out, logexport.Secret{Name: ref.String(), Version: ref.Version, Values: values && !c.Probes.SecretManager.MetadataOnly})
		}
	}
	return out
}

// checkGoogle examines the log export and the secrets.
func (env *environment) checkGoogle(ctx context.Context, cfg Config, o *doctorOptions) []logexport.Finding {
	sub := cmp.Or(o.subscription, cfg.subscription())
	if o.subscription != "" && !subscriptionForm.MatchString(o.subscription) {
		f := noted("subscription", o.subscription, analyzer.StatusUnknown, "wanted projects/P/subscriptions/S")
		f.Fix = []string{"gcloud pubsub subscriptions list --format='value(name)'"}
		return []logexport.Finding{f}
	}
	if sub == "" && cfg.Source.Push.Enabled() {
		f := noted("subscription", "source.push", analyzer.StatusWarn, "entries are pushed to us, and the configuration does not name the subscription that does: nothing of Google Cloud was looked at")
		f.Fix = []string{"why401 doctor -c " + shellWord(o.file) + " --subscription projects/PROJECT/subscriptions/why401"}
		return []logexport.Finding{f}
	}
	if sub == "" {
		f := noted("subscription", "source.pubsub", analyzer.StatusWarn, "no subscription is configured: only why401 analyze and validate are of use")
		f.Fix = []string{"why401 setup gcp --project=PROJECT --apply", "# then, in the configuration: source.pubsub: {project: PROJECT, subscription: why401}"}
		return []logexport.Finding{f}
	}
	project := strings.Split(sub, "/")[1]
	if host := env.getenv("PUBSUB_EMULATOR_HOST"); host != "" {
		f := noted("Google Cloud", project, analyzer.StatusWarn, "an emulator at %s stands in for Pub/Sub: nothing of Google Cloud was looked at", host)
		f.Fix = []string{"unset PUBSUB_EMULATOR_HOST"}
		return []logexport.Finding{f}
	}
	setup := logexport.Setup{Subscription: sub, Push: cfg.Source.Push.Enabled(), Scopes: o.scopes, Secrets: cfg.googleSecrets(project), Share: cfg.Source.RequestShare, Judge: env.judge(cfg.Rules.Dir)}
	for _, s := range cfg.Sinks {
		setup.Writes = setup.Writes || s.Kind == "cloudlogging" && s.Project != ""
	}
	own, as, err := reachGoogle(ctx, cfg, o.as, &setup)
	if err != nil {
		f := noted("Google Cloud", project, analyzer.StatusUnknown, "nothing in Google Cloud can be seen: %s", redact.Text(oneLine(err.Error())))
		f.Fix = []string{"gcloud auth application-default login"}
		return []logexport.Finding{f}
	}
	c, err := logexport.OpenCheckup(ctx, setup, own, as)
	if err != nil {
		return []logexport.Finding{noted("Google Cloud", project, analyzer.StatusUnknown, "nothing in Google Cloud can be seen: %s", redact.Text(oneLine(err.Error())))}
	}
	found := c.Run(ctx)
	if err := c.Close(); err != nil {
		found = append(found, noted("Google Cloud", project, analyzer.StatusWarn, "a connection did not end: %v", err))
	}
	return append(found, unnamedProjects(cfg, project)...)
}

// unnamedProjects warns of secrets that the probes cannot find: a short name
// says nothing about its project.
func unnamedProjects(cfg Config, project string) []logexport.Finding {
	var out []logexport.Finding
	for _, d := range cfg.KeyDomains {
		ref, err := analyzer.ParseSecretRef(d.Secret)
		if d.Secret == "" || err != nil || ref.Kind != analyzer.InSecretManager || ref.Project != "" || cfg.Probes.SecretManager.Project != "" {
			continue
		}
		f := noted("secret", d.Secret, analyzer.StatusWarn, "the key domain %s names its secret without a project: no probe looks at it", d.Name)
		f.Fix = []string{fmt.Sprintf("# in the configuration: probes.secret_manager.project: %s", project)}
		out = append(out, f)
	}
	return out
}

// judge evaluates a filter over the rules in use.
func (env *environment) judge(dir string) func(string, []string) (logexport.Exported, error) {
	return func(filter string, exclusions []string) (logexport.Exported, error) {
		env := *env
		env.rulesDir = cmp.Or(dir, env.rulesDir)
		set, err := env.rules()
		if err != nil {
			return logexport.Exported{}, err
		}
		e, err := set.Exported(filter, exclusions...)
		if err != nil {
			return logexport.Exported{}, err
		}
		out := logexport.Exported{Accepted: e.Accepted, Own: e.Own}
		for _, p := range e.On {
			out.On = append(out.On, logexport.Platform{Name: p.Platform, Kept: p.Kept, Of: p.Of, Lost: p.Lost})
		}
		return out, nil
	}
}

var cloudScope = []string{"https://www.googleapis.com/auth/cloud-platform"}

// reachGoogle finds the credentials and says in setup whose they are.
func reachGoogle(ctx context.Context, cfg Config, account string, setup *logexport.Setup) (own logexport.Outside, as *logexport.Outside, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	creds, err := credentials.DetectDefault(&credentials.DetectOptions{Scopes: cloudScope})
	if err != nil {
		return own, nil, err
	}
	setup.Caller = callerOf(ctx, creds)
	own = outside(creds, cfg)
	if account == "" {
		return own, nil, nil
	}
	setup.Account = "serviceAccount:" + account
	theirs, err := impersonate.NewCredentials(&impersonate.CredentialsOptions{TargetPrincipal: account, Scopes: cloudScope, Credentials: creds})
	if err != nil {
		return own, nil, fmt.Errorf("act as %s: %w", account, err)
	}
	if _, err := theirs.Token(ctx); err != nil {
		return own, nil, fmt.Errorf("act as %s: %w; gcloud iam service-accounts add-iam-policy-binding %s --member=%q --role=roles/iam.serviceAccountTokenCreator", account, err, account, setup.Caller)
	}
	o := outside(theirs, cfg)
	return own, &o, nil
}

// outside reaches every API by the same credentials, but for a Secret Manager
// of the configuration's own.
func outside(creds *auth.Credentials, cfg Config) logexport.Outside {
	by := []option.ClientOption{option.WithAuthCredentials(creds)}
	o := logexport.Outside{PubSub: by, Policies: append([]option.ClientOption{option.WithEndpoint("pubsub.googleapis.com:443")}, by...), Logging: by, Accounts: by, Projects: by, Secrets: by}
	if at := cfg.Probes.SecretManager.Endpoint; at != "" {
		o.Secrets = append([]option.ClientOption{option.WithEndpoint(at)}, by...)
		if host, _, err := net.SplitHostPort(at); err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback()) {
			o.Secrets = []option.ClientOption{option.WithEndpoint(at), option.WithoutAuthentication(), option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials()))}
		}
	}
	return o
}

// callerOf names whose credentials these are, as a member of a policy. A
// person's are not told apart.
func callerOf(ctx context.Context, creds *auth.Credentials) string {
	var held struct {
		Email string `json:"client_email"`
		URL   string `json:"service_account_impersonation_url"`
	}
	if data := creds.JSON(); len(data) > 0 && json.Unmarshal(data, &held) == nil {
		if at := strings.LastIndexByte(held.URL, '/'); at >= 0 {
			held.Email = strings.TrimSuffix(held.URL[at+1:], ":generateAccessToken")
		}
		if held.Email != "" {
			return "serviceAccount:" + held.Email
		}
		return "user:YOU"
	}
	if email, err := metadata.EmailWithContext(ctx, ""); err == nil {
		return "serviceAccount:" + email
	}
	return "user:YOU"
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
