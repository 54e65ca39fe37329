package logexport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	iamadmin "cloud.google.com/go/iam/admin/apiv1"
	iam "cloud.google.com/go/iam/apiv1"
	logging "cloud.google.com/go/logging/apiv2"
	pubsub "cloud.google.com/go/pubsub/v2"
	resourcemanager "cloud.google.com/go/resourcemanager/apiv3"
	"cloud.google.com/go/resourcemanager/apiv3/resourcemanagerpb"
	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	"google.golang.org/api/option"
)

// Outside says how the Google APIs are reached; the zero value is the usual
// way, with Application Default Credentials. PUBSUB_EMULATOR_HOST is honoured
// for topics and subscriptions.
type Outside struct {
	PubSub, Policies, Logging, Accounts, Projects, Secrets []option.ClientOption
}

// Export is a Spec with the clients to look at it and to make it so.
type Export struct {
	spec      Spec
	resources []*resource
	clients   clients
	closers   []io.Closer

	writer string // identity that the sink writes as; known once the sink is there
	number string // of the project
}

type clients struct {
	pubsub   *pubsub.Client
	policies *iam.IamPolicyClient // of topics and subscriptions
	logging  *logging.ConfigClient
	accounts *iamadmin.IamClient
	projects *resourcemanager.ProjectsClient
	secrets  *secretmanager.Client
}

// Open connects to the APIs that s needs.
func Open(ctx context.Context, s Spec, o Outside) (*Export, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	e := &Export{spec: s}
	if err := e.connect(ctx, o); err != nil {
		return nil, errors.Join(fmt.Errorf("connect to Google Cloud: %w", err), e.Close())
	}
	e.resources = e.list()
	return e, nil
}

func (e *Export) connect(ctx context.Context, o Outside) (err error) {
	if e.clients, e.closers, err = dial(ctx, e.spec.Project, o, len(e.spec.Secrets) > 0); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, firstCall)
	defer cancel()
	e.number, err = e.clients.number(ctx, e.spec.Project)
	return err
}

// firstCall is how long the first call may take: it shows whether anybody
// answers at all.
const firstCall = 20 * time.Second

// dial makes the clients. With an error it returns those to be closed, too.
func dial(ctx context.Context, project string, o Outside, secrets bool) (c clients, closers []io.Closer, err error) {
	if c.pubsub, err = pubsub.NewClient(ctx, project, o.PubSub...); err != nil {
		return c, closers, err
	}
	closers = append(closers, c.pubsub)
	policies := o.Policies
	if len(policies) == 0 {
		policies = []option.ClientOption{option.WithEndpoint("pubsub.googleapis.com:443")}
	}
	if c.policies, err = iam.NewIamPolicyClient(ctx, policies...); err != nil {
		return c, closers, err
	}
	closers = append(closers, c.policies)
	if c.logging, err = logging.NewConfigClient(ctx, o.Logging...); err != nil {
		return c, closers, err
	}
	closers = append(closers, c.logging)
	if c.accounts, err = iamadmin.NewIamClient(ctx, o.Accounts...); err != nil {
		return c, closers, err
	}
	closers = append(closers, c.accounts)
	if c.projects, err = resourcemanager.NewProjectsClient(ctx, o.Projects...); err != nil {
		return c, closers, err
	}
	closers = append(closers, c.projects)
	if secrets {
		if c.secrets, err = secretmanager.NewClient(ctx, o.Secrets...); err != nil {
			return c, closers, err
		}
		closers = append(closers, c.secrets)
	}
	return c, closers, nil
}

// number looks up the number by which Google's own accounts in a project are
// named.
func (c *clients) number(ctx context.Context, project string) (string, error) {
	p, err := c.projects.GetProject(ctx, &resourcemanagerpb.GetProjectRequest{Name: "projects/" + project})
	if err != nil {
		return "", fmt.Errorf("look up the number of project %s: %w", project, err)
	}
	return short(p.GetName()), nil
}

// Close ends the connections.
func (e *Export) Close() error {
	var errs []error
	for _, c := range e.closers {
		errs = append(errs, c.Close())
	}
	e.closers = nil
	return errors.Join(errs...)
}

// list is everything, in the order in which it can be made.
func (e *Export) list() []*resource {
	s := &e.spec
	out := []*resource{
		e.topic(s.topic()), e.topic(s.deadTopic()),
		e.subscription(), e.deadSubscription(),
		e.account(), e.sink(),
		e.binding("topic", s.topic(), "roles/pubsub.publisher", "the sink's writer identity", func() string { return e.writer }),
		e.binding("topic", s.deadTopic(), "roles/pubsub.publisher", "Pub/Sub's own account", e.pubsubAgent),
		e.binding("subscription", s.subscription(), "roles/pubsub.subscriber", "Pub/Sub's own account", e.pubsubAgent),
		e.binding("subscription", s.subscription(), "roles/pubsub.subscriber", "why401", e.member),
		e.binding("subscription", s.subscription(), "roles/pubsub.viewer", "why401", e.member),
	}
	if len(s.Secrets) == 0 {
		return out
	}
	out = append(out, e.binding("topic", s.topic(), "roles/pubsub.publisher", "Secret Manager's own account", e.secretsAgent))
	for _, name := range s.Secrets {
		out = append(out, e.notifications(name), e.secretBinding(name, "roles/secretmanager.viewer"))
		if s.Access {
			out = append(out, e.secretBinding(name, "roles/secretmanager.secretAccessor"))
		}
	}
	return out
}

func (e *Export) member() string { return "serviceAccount:" + e.spec.account() }

// The accounts by which Google's services act in a project are named by its
// number (https://cloud.google.com/iam/docs/service-agents).
func (e *Export) pubsubAgent() string { return agentOf(e.number, "pubsub") }

func (e *Export) secretsAgent() string { return agentOf(e.number, "secretmanager") }

func agentOf(number, service string) string {
	return "serviceAccount:service-" + number + "@gcp-sa-" + service + ".iam.gserviceaccount.com"
}

// Commands prints the same plan as gcloud commands, for people who would
// rather run them by hand. Nothing is asked of Google.
func Commands(s Spec) (string, error) {
	if err := s.Check(); err != nil {
		return "", err
	}
	e := &Export{spec: s, number: "$PROJECT_NUMBER", writer: "$WRITER_IDENTITY"}
	var b strings.Builder
	fmt.Fprintf(&b, "PROJECT_NUMBER=$(gcloud projects describe %s --format='value(projectNumber)')\n", s.Project)
	for _, r := range e.list() {
		for _, line := range r.gcloud {
			b.WriteString(line + "\n")
		}
	}
	return b.String(), nil
}
