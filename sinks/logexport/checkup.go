package logexport

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	"github.com/googleapis/gax-go/v2/apierror"
	"google.golang.org/api/option"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/redact"
)

// Finding is what one check saw, and what mends it.
type Finding struct {
	Check  string          `json:"check"`  // subscription, sink, secret …
	Target string          `json:"target"` // the resource, by its short name
	Status analyzer.Status `json:"status"`
	Detail string          `json:"detail"`
	// Fix are commands of a shell, in their order; where a file is to be
	// changed, a comment of one that says how.
	Fix []string `json:"fix,omitempty"`
}

// Setup is what a running why401 relies on in Google Cloud.
type Setup struct {
	Subscription string // projects/P/subscriptions/S
	Push         bool   // it sends to us; else we pull
	// Scopes are the organizations and folders whose sinks are looked for,
	// beside those of the subscription's project.
	Scopes []string
	// Caller is who looks and Account whom why401 runs as, both as members
	// of a policy, such as serviceAccount:why401@acme.iam.gserviceaccount.com.
	// Account empty: the caller.
	Caller, Account string
	Secrets         []Secret
	Share           float64 // of accepted requests that the configuration says are exported
	Writes          bool    // alerts are written to Cloud Logging
	// Judge says what a filter with exclusions lets through.
	Judge   func(filter string, exclusions []string) (Exported, error)
	Timeout time.Duration // of everything that one resource is asked; 15 s
}

// Secret is a secret that why401 looks at.
type Secret struct {
	Name    string // projects/P/secrets/S or projects/P/locations/L/secrets/S
	Version string // a pinned number; empty: the newest
	Values  bool   // its values are read; else only what is known about them
}

// Exported is what a log export lets through of what why401 lives on.
type Exported struct {
	On       []Platform // by where entries may come from
	Accepted float64    // share of the logs of accepted requests
	Own      bool       // entries that why401 writes come back to it
}

// Platform is one place that entries come from, with how many of the rules'
// examples an export lets through when they come from there.
type Platform struct {
	Name     string
	Kept, Of int
	Lost     []string // rules of which no example comes through
}

// Checkup looks at a [Setup]. It changes nothing.
type Checkup struct {
	Setup
	project    string
	own        clients // of the caller
	account    clients // of whom why401 runs as
	closers    []io.Closer
	policy     func() (*iampb.Policy, error) // of the project, read once
	number     func() (string, error)
	subscribed func() (*pubsubpb.Subscription, error) // read once
	reach      []option.ClientOption                  // of Secret Manager
	regional   map[string]*secretmanager.Client
	mu         sync.Mutex // guards regional
}

// OpenCheckup connects to the APIs. as is how they are reached as the account
// that why401 runs as; nil: the caller is that account.
func OpenCheckup(ctx context.Context, s Setup, own Outside, as *Outside) (*Checkup, error) {
	parts := strings.Split(s.Subscription, "/")
	if len(parts) != 4 {
		return nil, fmt.Errorf("subscription: wanted projects/P/subscriptions/S, found %q", s.Subscription)
	}
	s.Timeout = cmp.Or(s.Timeout, 15*time.Second)
	s.Account = cmp.Or(s.Account, s.Caller)
	c := &Checkup{Setup: s, project: parts[1], regional: map[string]*secretmanager.Client{}}
	var err error
	if c.own, c.closers, err = dial(ctx, c.project, own, as == nil); err == nil {
		c.account, c.reach = c.own, own.Secrets
		if as != nil {
			var more []io.Closer
			c.reach = as.Secrets
			c.account, more, err = dial(ctx, c.project, *as, true)
			c.closers = append(c.closers, more...)
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connect to Google Cloud: %w", err), c.Close())
	}
	c.policy = once(ctx, s.Timeout, func(ctx context.Context) (*iampb.Policy, error) {
		return c.own.projects.GetIamPolicy(ctx, &iampb.GetIamPolicyRequest{Resource: "projects/" + c.project, Options: &iampb.GetPolicyOptions{RequestedPolicyVersion: 3}})
	})
	c.number = once(ctx, s.Timeout, func(ctx context.Context) (string, error) { return c.own.number(ctx, c.project) })
	c.subscribed = once(ctx, s.Timeout, func(ctx context.Context) (*pubsubpb.Subscription, error) {
		return c.own.pubsub.SubscriptionAdminClient.GetSubscription(ctx, &pubsubpb.GetSubscriptionRequest{Subscription: c.Subscription})
	})
	return c, nil
}

// once makes a call when its answer is wanted first, within limit.
func once[T any](ctx context.Context, limit time.Duration, call func(context.Context) (T, error)) func() (T, error) {
	return sync.OnceValues(func() (T, error) {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return call(ctx)
	})
}

// Close ends the connections.
func (c *Checkup) Close() error {
	var errs []error
	for _, x := range c.closers {
		errs = append(errs, x.Close())
	}
	for _, x := range c.regional {
		errs = append(errs, x.Close())
	}
	c.closers, c.regional = nil, nil
	return errors.Join(errs...)
}

// Run looks at everything at the same time and returns what it found, in an
// order that does not depend on who answered first.
func (c *Checkup) Run(ctx context.Context) []Finding {
	checks := []func(context.Context) []Finding{c.checkExport, c.checkPull, c.checkAudit, c.checkExcess, c.checkLogging}
	for _, s := range c.Secrets {
		checks = append(checks, func(ctx context.Context) []Finding { return c.checkSecret(ctx, s) })
	}
	found := make([][]Finding, len(checks))
	var wg sync.WaitGroup
	for i, check := range checks {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, c.Timeout)
			defer cancel()
			found[i] = check(ctx)
		})
	}
	wg.Wait()
	return slices.Concat(found...)
}

const unknown = analyzer.StatusUnknown

// about makes the findings of one resource.
type about struct{ check, target string }

func (a about) finding(s analyzer.Status, fix []string, format string, args ...any) Finding {
	return Finding{Check: a.check, Target: a.target, Status: s, Detail: fmt.Sprintf(format, args...), Fix: fix}
}

func (a about) ok(format string, args ...any) Finding {
	return a.finding(analyzer.StatusOK, nil, format, args...)
}

func (a about) warn(fix []string, format string, args ...any) Finding {
	return a.finding(analyzer.StatusWarn, fix, format, args...)
}

func (a about) fail(fix []string, format string, args ...any) Finding {
	return a.finding(analyzer.StatusFail, fix, format, args...)
}

// look is one call that may be refused: what it reads, of which API, and the
// role that lets the caller do it.
type look struct {
	about
	what, api, project, grant string
}

// refused says why a look showed nothing. A disabled API is broken; that the
// caller may not look says nothing about what is there.
func (l look) refused(err error) Finding {
	reason, text := "", err.Error()
	if a, ok := apierror.FromError(err); ok {
		reason = a.Reason()
	}
	code := status.Code(err)
	unseen := func(fix []string, format string, args ...any) Finding {
		return l.finding(unknown, fix, l.what+" cannot be read: "+format, args...)
	}
	switch {
	case code == codes.PermissionDenied && (reason == "SERVICE_DISABLED" || strings.Contains(text, "has not been used in project") || strings.Contains(text, "it is disabled")):
		return l.fail([]string{fmt.Sprintf("gcloud services enable %s --project=%s", l.api, l.project)}, "the API %s is disabled in project %s", l.api, l.project)
	case code == codes.PermissionDenied:
		return unseen([]string{l.grant}, "whoever runs this is not allowed to (%s)", brief(err))
	case code == codes.Unauthenticated, strings.Contains(text, "could not find default credentials"):
		return unseen([]string{"gcloud auth application-default login"}, "there are no valid credentials (%s)", brief(err))
	case code == codes.Unimplemented:
		return unseen(nil, "what answers does not know that call; an emulator has no permissions")
	case code == codes.DeadlineExceeded, code == codes.Unavailable, errors.Is(err, context.DeadlineExceeded):
		return unseen([]string{"curl -sS -o /dev/null -w '%{http_code}\n' https://" + l.api + "/"}, "%s does not answer in time: see firewall, proxy and Private Google Access", l.api)
	}
	return unseen(nil, "%s", brief(err))
}

// brief is an error of an API on one line.
func brief(err error) string {
	text := err.Error()
	if s, ok := status.FromError(err); ok {
		text = s.Code().String() + ": " + s.Message()
	}
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > 160 {
		text = string(r[:160]) + "…"
	}
	return redact.Text(text)
}

// grantOn is the command that lets a member do something in a project.
func grantOn(project, member, role string) string {
	return fmt.Sprintf("gcloud projects add-iam-policy-binding %s --member=%q --role=%s", project, member, role)
}
