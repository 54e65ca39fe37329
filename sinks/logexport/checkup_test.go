package logexport

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/logging/apiv2/loggingpb"
	pubsub "cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/api/option"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/sinks/logexport/cloudtest"
)

// ward is an export as `setup gcp` makes it, in a project with the settings
// that why401 wishes for; then something breaks.
type ward struct {
	*cloudtest.Cloud
	t      *testing.T
	pubsub *pubsub.Client
	reach  []option.ClientOption
	google option.ClientOption
	setup  Setup
	as     *Outside
	gone   string // a topic that is not there any more
	judged Exported
	cannot error // what the filter is judged to be beyond
}

const (
	ownTopic = "projects/acme-prod/topics/why401"
	ownSub   = "projects/acme-prod/subscriptions/why401"
	ownSink  = "projects/acme-prod/sinks/why401"
	project  = "projects/acme-prod"
)

func admit(t *testing.T) *ward {
	t.Helper()
	w := &ward{t: t}
	w.reach = inProcess(t, grpc.WithUnaryInterceptor(func(ctx context.Context, method string, req, answer any, conn *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		if r, is := req.(*pubsubpb.GetTopicRequest); is && r.GetTopic() == w.gone {
			return cloudtest.NotFound(w.gone)
		}
		return call(ctx, method, req, answer, conn, opts...)
	}))
	w.Cloud, w.google = startCloud(t)
	w.Secrets[watched] = &secretmanagerpb.Secret{Name: watched}
	w.Versions = map[string][]*secretmanagerpb.SecretVersion{watched: {
		{Name: watched + "/versions/2", State: secretmanagerpb.SecretVersion_ENABLED}, {Name: watched + "/versions/1", State: secretmanagerpb.SecretVersion_DISABLED},
	}}
	w.Policies[project] = &iampb.Policy{
		Bindings:     []*iampb.Binding{{Role: "roles/logging.viewer", Members: []string{cloudtest.Caller}}},
		AuditConfigs: []*iampb.AuditConfig{{Service: "secretmanager.googleapis.com", AuditLogConfigs: []*iampb.AuditLogConfig{{LogType: iampb.AuditLogConfig_DATA_READ}}}},
	}
	e := openTest(t, testSpec(), w.reach, w.google)
	if err := planned(t, e, 15).Apply(t.Context(), &strings.Builder{}); err != nil {
		t.Fatal(err)
	}
	w.pubsub = e.clients.pubsub
	w.judged = Exported{On: []Platform{{"Cloud Run", 990, 1000, nil}, {"GKE", 985, 1000, nil}}, Accepted: 1}
	w.setup = Setup{Subscription: ownSub, Caller: cloudtest.Caller, Secrets: []Secret{{Name: watched, Values: true}}, Share: 1, Timeout: 5 * time.Second,
		Judge: func(string, []string) (Exported, error) { return w.judged, w.cannot }}
	return w
}

func (w *ward) examine() []Finding {
	w.t.Helper()
	g := []option.ClientOption{w.google}
	c, err := OpenCheckup(w.t.Context(), w.setup, Outside{PubSub: w.reach, Policies: g, Logging: g, Accounts: g, Projects: g, Secrets: g}, w.as)
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	writes := w.Writes
	found := c.Run(w.t.Context())
	if w.Writes != writes {
		w.t.Error("the checkup wrote something")
	}
	return found
}

// must fails the test when preparing the patient did.
func (w *ward) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// subscribe makes the subscription anew, changed.
func (w *ward) subscribe(change func(*pubsubpb.Subscription)) {
	w.t.Helper()
	admin := w.pubsub.SubscriptionAdminClient
	s, err := admin.GetSubscription(w.t.Context(), &pubsubpb.GetSubscriptionRequest{Subscription: ownSub})
	w.must(err)
	w.must(admin.DeleteSubscription(w.t.Context(), &pubsubpb.DeleteSubscriptionRequest{Subscription: ownSub}))
	change(s)
	_, err = admin.CreateSubscription(w.t.Context(), s)
	w.must(err)
}

func (w *ward) unbind(resource, role string) {
	p := w.Policies[resource]
	p.Bindings = slices.DeleteFunc(p.Bindings, func(b *iampb.Binding) bool { return b.GetRole() == role })
}

func (w *ward) sink() *loggingpb.LogSink { return w.Sinks[ownSink] }

// apiDisabled is how Google answers for an API that nobody enabled.
func apiDisabled(api string) error {
	s, err := status.New(codes.PermissionDenied, api+" has not been used in project 4242 before or it is disabled.").WithDetails(&errdetails.ErrorInfo{Reason: "SERVICE_DISABLED", Domain: "googleapis.com", Metadata: map[string]string{"service": api}})
	if err != nil {
		return err
	}
	return s.Err()
}

const (
	ok   = analyzer.StatusOK
	warn = analyzer.StatusWarn
	fail = analyzer.StatusFail
)

// broken are setups with one thing wrong each, and how that must be named.
var broken = []struct {
	name   string
	how    func(w *ward)
	check  string
	status analyzer.Status
	detail string
	fix    string
}{
	{"no subscription", func(w *ward) {
		w.must(w.pubsub.SubscriptionAdminClient.DeleteSubscription(w.t.Context(), &pubsubpb.DeleteSubscriptionRequest{Subscription: ownSub}))
	}, "subscription", fail, "has no subscription why401", "why401 setup gcp --project=acme-prod --apply"},
	{"the topic was deleted", func(w *ward) {
		w.must(w.pubsub.TopicAdminClient.DeleteTopic(w.t.Context(), &pubsubpb.DeleteTopicRequest{Topic: ownTopic}))
	}, "subscription", fail, "was deleted", "gcloud pubsub subscriptions delete why401 --project=acme-prod"},
	{"why401 may not pull", func(w *ward) { w.unbind(ownSub, "roles/pubsub.subscriber") }, "right to read", fail, "lacks pubsub.subscriptions.consume",
		`gcloud pubsub subscriptions add-iam-policy-binding why401 --project=acme-prod --member="` + cloudtest.Caller + `" --role=roles/pubsub.subscriber`},
	{"it deletes itself", func(w *ward) {
		w.subscribe(func(s *pubsubpb.Subscription) { s.ExpirationPolicy.Ttl = durationpb.New(72 * time.Hour) })
	}, "subscription", warn, "deletes itself after 3 days", "gcloud pubsub subscriptions update why401 --project=acme-prod --expiration-period=never"},
	{"short retention", func(w *ward) {
		w.subscribe(func(s *pubsubpb.Subscription) { s.MessageRetentionDuration = durationpb.New(time.Hour) })
	}, "subscription", warn, "lost after 1h", "--message-retention-duration=7d"},
	{"short acknowledgement deadline", func(w *ward) { w.subscribe(func(s *pubsubpb.Subscription) { s.AckDeadlineSeconds = 10 }) }, "subscription", warn, "deadline is 10s", "--ack-deadline=60"},
	{"it sends to somebody else", func(w *ward) {
		w.subscribe(func(s *pubsubpb.Subscription) {
			s.PushConfig = &pubsubpb.PushConfig{PushEndpoint: "https://old.example/push"}
		})
	}, "subscription", fail, "sends to https://old.example/push", "gcloud pubsub subscriptions modify-push-config why401 --project=acme-prod --push-endpoint="},
	{"nobody is sent to", func(w *ward) { w.setup.Push = true }, "subscription", fail, "sends to nobody", "--push-endpoint=https://WHY401_HOST/push"},
	{"a filter on the subscription", func(w *ward) {
		w.subscribe(func(s *pubsubpb.Subscription) { s.Filter = `attributes.x = "y"` })
	}, "subscription", fail, "has a filter", "gcloud pubsub subscriptions delete why401"},
	{"no dead letters", func(w *ward) { w.subscribe(func(s *pubsubpb.Subscription) { s.DeadLetterPolicy = nil }) }, "subscription", warn, "no dead-letter topic", "why401 setup gcp"},
	{"the dead-letter topic is gone", func(w *ward) {
		w.gone = ownTopic + "-dead-letter" // the server in this process does not let it go
	}, "dead letters", fail, "is gone", "gcloud pubsub topics create why401-dead-letter --project=acme-prod"},
	{"dead letters may not be published", func(w *ward) { w.unbind(ownTopic+"-dead-letter", "roles/pubsub.publisher") }, "dead letters", fail, "may not publish to the dead-letter topic",
		`gcloud pubsub topics add-iam-policy-binding why401-dead-letter --project=acme-prod --member="serviceAccount:service-4242@gcp-sa-pubsub.iam.gserviceaccount.com" --role=roles/pubsub.publisher`},
	{"no sink", func(w *ward) { delete(w.Sinks, ownSink) }, "sink", fail, "no log sink writes to topic why401", "why401 setup gcp --project=acme-prod --apply"},
	{"the sink is disabled", func(w *ward) { w.sink().Disabled = true }, "sink", fail, "is disabled", "gcloud logging sinks update why401 --project=acme-prod --no-disabled"},
	{"the sink writes elsewhere", func(w *ward) { w.sink().Destination = "bigquery.googleapis.com/projects/acme-prod/datasets/logs" }, "sink", fail, "writes to bigquery",
		"gcloud logging sinks update why401 pubsub.googleapis.com/" + ownTopic + " --project=acme-prod"},
	{"the sink may not publish", func(w *ward) { w.unbind(ownTopic, "roles/pubsub.publisher") }, "sink", fail, "Logging drops every entry",
		`gcloud pubsub topics add-iam-policy-binding why401 --project=acme-prod --member="serviceAccount:p42-7@gcp-sa-logging.iam.gserviceaccount.com" --role=roles/pubsub.publisher`},
	{"a folder's sink without what is below", func(w *ward) {
		w.setup.Scopes = []string{"folders/12"}
		w.Sinks["folders/12/sinks/why401"] = w.sink()
		delete(w.Sinks, ownSink)
	}, "sink", fail, "does not include what is below", "gcloud logging sinks update why401 --folder=12 --include-children"},
	{"the filter drops most", func(w *ward) { w.judged.On = []Platform{{"Cloud Run", 12, 1000, []string{"a/b"}}} }, "filter", fail, "keeps 12 of 1000 examples of the rules (1.2 %); nothing comes through of 1 rules, such as a/b",
		`gcloud logging sinks update why401 --project=acme-prod --log-filter="$(why401 setup gcp --project=acme-prod --format=filter)"`},
	{"the filter forgets a platform", func(w *ward) { w.judged.On[1].Kept = 10 }, "filter", warn, "but fewer from others: GKE 10", "--log-filter="},
	{"the filter cannot be read", func(w *ward) { w.cannot = errors.New("at byte 3: wanted a field") }, "filter", unknown, "at byte 3", "--log-filter="},
	{"why401 reads itself", func(w *ward) { w.judged.Own = true }, "filter", warn, "comes back to it", "--add-exclusion=name=why401-self"},
	{"no accepted request", func(w *ward) { w.judged.Accepted = 0 }, "filter", warn, "no accepted request", "--log-filter="},
	{"another share of requests", func(w *ward) { w.judged.Accepted = .1 }, "filter", warn, "about 10 %", "# in the configuration: source.request_share: 0.1"},
	{"Secret Manager is disabled", func(w *ward) {
		w.Refuse = func(call string) error {
			if call == "GetSecret" {
				return apiDisabled(secretAPI)
			}
			return nil
		}
	}, "secret", fail, "is disabled in project acme-prod", "gcloud services enable secretmanager.googleapis.com --project=acme-prod"},
	{"Logging is disabled", func(w *ward) {
		w.Refuse = func(call string) error {
			if call == "ListSinks" {
				return apiDisabled(loggingAPI)
			}
			return nil
		}
	}, "sink", fail, "is disabled", "gcloud services enable logging.googleapis.com --project=acme-prod"},
	{"no such secret", func(w *ward) { delete(w.Secrets, watched) }, "secret", fail, "has no secret jwt-main", "gcloud secrets create jwt-main --project=acme-prod"},
	{"the secret may not be seen", func(w *ward) { w.Deny = func(call string) bool { return call == "GetSecret" } }, "secret", fail, "may not look at the secret", "roles/secretmanager.viewer"},
	{"the newest version is disabled", func(w *ward) { w.Versions[watched][0].State = secretmanagerpb.SecretVersion_DISABLED }, "secret", fail, "version 2, which services get, is disabled",
		"gcloud secrets versions enable 2 --secret=jwt-main --project=acme-prod"},
	{"the pinned version is destroyed", func(w *ward) {
		w.setup.Secrets[0].Version = "1"
		w.Versions[watched][1].State = secretmanagerpb.SecretVersion_DESTROYED
	}, "secret", fail, "version 1, which services get, is destroyed", "gcloud secrets versions add jwt-main --project=acme-prod --data-file=-"},
	{"no version", func(w *ward) { delete(w.Versions, watched) }, "secret", fail, "has no version", "gcloud secrets versions add jwt-main"},
	{"values may not be read", func(w *ward) { w.unbind(watched, "roles/secretmanager.secretAccessor") }, "secret", fail, "may not read the values",
		`gcloud secrets add-iam-policy-binding jwt-main --project=acme-prod --member="` + cloudtest.Caller + `" --role=roles/secretmanager.secretAccessor`},
	{"nobody is told of new versions", func(w *ward) { w.Secrets[watched].Topics = nil }, "secret notifications", warn, "does not tell topic why401",
		"gcloud secrets update jwt-main --project=acme-prod --add-topics=" + ownTopic},
	{"reads are not audited", func(w *ward) { w.Policies[project].AuditConfigs = nil }, "audit log", warn, "DATA_READ of Secret Manager is not logged", "gcloud projects set-iam-policy acme-prod policy.json"},
	{"some reads are exempt", func(w *ward) {
		w.Policies[project].AuditConfigs[0].AuditLogConfigs[0].ExemptedMembers = []string{"user:a@acme.test"}
	}, "audit log", warn, "1 accounts are exempt", "gcloud projects get-iam-policy acme-prod"},
	{"stored entries may not be read", func(w *ward) { w.unbind(project, "roles/logging.viewer") }, "Cloud Logging", warn, "may not read stored entries", "--role=roles/logging.viewer"},
	{"alerts may not be written", func(w *ward) { w.setup.Writes = true }, "Cloud Logging", fail, "may not write entries", "--role=roles/logging.logWriter"},
	{"it is an editor", func(w *ward) { grant(w.Policies[project], "roles/editor", cloudtest.Caller) }, "excess rights", warn, "has roles/editor in the whole project",
		`gcloud projects remove-iam-policy-binding acme-prod --member="` + cloudtest.Caller + `" --role=roles/editor`},
	{"the sinks may not be seen", func(w *ward) { w.Deny = func(call string) bool { return call == "ListSinks" } }, "sink", unknown, "is not allowed to", "--role=roles/logging.viewer"},
	{"Pub/Sub's policies do not answer", func(w *ward) {
		w.Refuse = func(call string) error {
			if call == "TestIamPermissions" {
				return status.Error(codes.DeadlineExceeded, "context deadline exceeded")
			}
			return nil
		}
	}, "right to read", unknown, "does not answer in time", "https://pubsub.googleapis.com/"},
}

// What `setup gcp` made is sound: nothing is found.
func TestCheckupOfASoundSetup(t *testing.T) {
	found := admit(t).examine()
	for _, f := range found {
		if f.Status != ok {
			t.Errorf("%s %s: %s %s", f.Status, f.Check, f.Target, f.Detail)
		}
	}
	if len(found) < 10 {
		t.Errorf("%d findings; want one for each check", len(found))
	}
}

// Each thing that breaks is named with the command that mends it, and nothing
// else is blamed for it.
func TestCheckupOfBrokenSetups(t *testing.T) {
	named := 0
	for _, b := range broken {
		t.Run(b.name, func(t *testing.T) {
			w := admit(t)
			b.how(w)
			var told []string
			for _, f := range w.examine() {
				if f.Status != ok {
					told = append(told, fmt.Sprintf("%s %s: %s\n\t%s", f.Status, f.Check, f.Detail, strings.Join(f.Fix, "\n\t")))
				}
				for _, fix := range f.Fix {
					if out, err := exec.Command("sh", "-n", "-c", fix).CombinedOutput(); err != nil {
						t.Errorf("a shell does not read %s: %v\n%s", fix, err, out)
					}
				}
				if f.Check == b.check && f.Status == b.status && strings.Contains(f.Detail, b.detail) && strings.Contains(strings.Join(f.Fix, "\n"), b.fix) {
					named++
					b.name = "" // once is enough
				}
			}
			if b.name != "" {
				t.Errorf("not named: want %s %s, %q, mended by %s; told:\n%s", b.status, b.check, b.detail, b.fix, strings.Join(told, "\n"))
			}
		})
	}
	t.Logf("%d of %d broken setups named with what mends them", named, len(broken))
}
