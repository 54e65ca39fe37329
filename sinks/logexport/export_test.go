package logexport

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	pubsub "cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/why401/why401/sinks/logexport/cloudtest"
)

const watched = "projects/acme-prod/secrets/jwt-main"

func testSpec() Spec {
	return Spec{Project: "acme-prod", Filter: "severity>=ERROR\ntextPayload:\"jwt\"\n", Secrets: []string{watched}, Access: true}
}

// servers are the Pub/Sub servers that a plan is applied to: the in-process
// one, and the real emulator where it is installed.
var servers = map[string]func(t *testing.T) []option.ClientOption{
	"in process": func(t *testing.T) []option.ClientOption { return inProcess(t) },
	"emulator": func(t *testing.T) []option.ClientOption {
		t.Setenv("PUBSUB_EMULATOR_HOST", startEmulator(t))
		return nil
	},
}

func inProcess(t *testing.T, more ...grpc.DialOption) []option.ClientOption {
	s := pstest.NewServer()
	t.Cleanup(func() { _ = s.Close() })
	conn, err := grpc.NewClient(s.Addr, append(more, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return []option.ClientOption{option.WithGRPCConn(conn)}
}

// startCloud serves a project of nothing and returns how to reach it.
func startCloud(t *testing.T) (*cloudtest.Cloud, option.ClientOption) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := cloudtest.New()
	server := c.Server()
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return c, option.WithGRPCConn(conn)
}

func openTest(t *testing.T, s Spec, pubsub []option.ClientOption, google option.ClientOption) *Export {
	t.Helper()
	g := []option.ClientOption{google}
	e, err := Open(t.Context(), s, Outside{PubSub: pubsub, Policies: g, Logging: g, Accounts: g, Projects: g, Secrets: g})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func planned(t *testing.T, e *Export, want int) *Plan {
	t.Helper()
	p, err := e.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if p.Changes() != want {
		var b strings.Builder
		_ = p.Write(&b)
		t.Fatalf("%d changes; want %d:\n%s", p.Changes(), want, &b)
	}
	return p
}

// An export is made, is as it should be then, changes where the Spec does, and
// goes away as a whole.
func TestLifeOfAnExport(t *testing.T) {
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			c, google := startCloud(t)
			c.Secrets[watched] = &secretmanagerpb.Secret{Name: watched, Topics: []*secretmanagerpb.Topic{{Name: "projects/acme-prod/topics/another"}}}
			c.Aborts = 2
			reach := start(t)
			e := openTest(t, testSpec(), reach, google)
			var out strings.Builder
			if err := planned(t, e, 15).Apply(t.Context(), &out); err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(out.String(), "\n"); n != 15 {
				t.Errorf("%d lines told; want one for each of 15 resources:\n%s", n, &out)
			}
			checkMade(t, c, e)
			writes := c.Writes
			planned(t, openTest(t, testSpec(), reach, google), 0)
			if c.Writes != writes {
				t.Error("a plan wrote something")
			}

			changed := testSpec()
			changed.Filter = "severity>=WARNING\n"
			e = openTest(t, changed, reach, google)
			p := planned(t, e, 1)
			if i := slices.IndexFunc(p.Steps, func(s Step) bool { return s.Action == Update }); p.Steps[i].Kind != "log sink" || p.Steps[i].Differences[0].Name != "filter" {
				t.Errorf("changes %+v; want the filter of the sink", p.Steps[i])
			}
			if err := p.Apply(t.Context(), &out); err != nil {
				t.Fatal(err)
			}
			planned(t, e, 0)

			gone, err := e.PlanRemoval(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := gone.Apply(t.Context(), &out); err != nil {
				t.Fatal(err)
			}
			if len(c.Sinks) != 0 || len(c.Accounts) != 0 || len(c.Secrets[watched].GetTopics()) != 1 {
				t.Errorf("left behind: sinks %v, accounts %v, topics of the secret %v", c.Sinks, c.Accounts, c.Secrets[watched].GetTopics())
			}
			planned(t, openTest(t, testSpec(), reach, google), 15)
		})
	}
}

func checkMade(t *testing.T, c *cloudtest.Cloud, e *Export) {
	t.Helper()
	for _, want := range []struct{ resource, role, member string }{
		{"projects/acme-prod/topics/why401", "roles/pubsub.publisher", "serviceAccount:p42-7@gcp-sa-logging.iam.gserviceaccount.com"},
		{"projects/acme-prod/topics/why401", "roles/pubsub.publisher", "serviceAccount:service-4242@gcp-sa-secretmanager.iam.gserviceaccount.com"},
		{"projects/acme-prod/topics/why401-dead-letter", "roles/pubsub.publisher", "serviceAccount:service-4242@gcp-sa-pubsub.iam.gserviceaccount.com"},
		{"projects/acme-prod/subscriptions/why401", "roles/pubsub.subscriber", "serviceAccount:service-4242@gcp-sa-pubsub.iam.gserviceaccount.com"},
		{"projects/acme-prod/subscriptions/why401", "roles/pubsub.subscriber", "serviceAccount:why401@acme-prod.iam.gserviceaccount.com"},
		{watched, "roles/secretmanager.secretAccessor", "serviceAccount:why401@acme-prod.iam.gserviceaccount.com"},
	} {
		if have := c.Members(want.resource, want.role); !slices.Contains(have, want.member) {
			t.Errorf("%s on %s is held by %v; want %s among them", want.role, want.resource, have, want.member)
		}
	}
	sub, err := e.clients.pubsub.SubscriptionAdminClient.GetSubscription(t.Context(), &pubsubpb.GetSubscriptionRequest{Subscription: "projects/acme-prod/subscriptions/why401"})
	if err != nil {
		t.Fatal(err)
	}
	if sub.GetMessageRetentionDuration().AsDuration() != 7*24*time.Hour || sub.GetDeadLetterPolicy().GetMaxDeliveryAttempts() != 5 || !sub.GetRetainAckedMessages() || sub.GetAckDeadlineSeconds() != 60 {
		t.Errorf("subscription %v", sub)
	}
	if s := c.Sinks["projects/acme-prod/sinks/why401"]; s.GetFilter() != testSpec().Filter || s.GetDestination() != "pubsub.googleapis.com/projects/acme-prod/topics/why401" {
		t.Errorf("sink %v", s)
	}
}

// What somebody else made under the same name is neither changed nor removed.
func TestForeignResources(t *testing.T) {
	c, google := startCloud(t)
	reach := servers["in process"](t)
	client, err := pubsub.NewClient(t.Context(), "acme-prod", reach...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.TopicAdminClient.CreateTopic(t.Context(), &pubsubpb.Topic{Name: "projects/acme-prod/topics/why401"}); err != nil {
		t.Fatal(err)
	}
	c.Sinks["projects/acme-prod/sinks/why401"] = &loggingpb.LogSink{Name: "why401", Filter: "theirs", WriterIdentity: "serviceAccount:w"}
	spec := testSpec()
	spec.Secrets = nil
	e := openTest(t, spec, reach, google)
	p, err := e.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Apply(t.Context(), &strings.Builder{}); err != nil {
		t.Fatal(err)
	}
	if f := c.Sinks["projects/acme-prod/sinks/why401"].GetFilter(); f != "theirs" {
		t.Errorf("the filter of somebody else's sink is now %q", f)
	}
	gone, err := e.PlanRemoval(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := gone.Apply(t.Context(), &strings.Builder{}); err != nil {
		t.Fatal(err)
	}
	if c.Sinks["projects/acme-prod/sinks/why401"] == nil {
		t.Error("somebody else's sink was removed")
	}
	if _, err := client.TopicAdminClient.GetTopic(t.Context(), &pubsubpb.GetTopicRequest{Topic: "projects/acme-prod/topics/why401"}); err != nil {
		t.Errorf("somebody else's topic was removed: %v", err)
	}
	var b strings.Builder
	if err := gone.Write(&b); err != nil || !strings.Contains(b.String(), "! log sink projects/acme-prod/sinks/why401  (not made by why401: left as it is)") {
		t.Errorf("plan %s (%v)", &b, err)
	}
}

// All that cannot be read is told at once, and nothing is changed.
func TestPlanTellsAllThatIsRefused(t *testing.T) {
	c, google := startCloud(t)
	c.Deny = func(call string) bool { return call == "GetSink" || call == "GetServiceAccount" }
	_, err := openTest(t, testSpec(), servers["in process"](t), google).Plan(t.Context())
	for _, want := range []string{"read log sink projects/acme-prod/sinks/why401", "read service account why401@acme-prod"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; want %q in it", err, want)
		}
	}
}

func TestCheckSpec(t *testing.T) {
	s := Spec{Project: "P", Name: "x", Secrets: []string{"jwt"}}
	err := s.Check()
	for _, want := range []string{"project: wanted", "name: wanted", "filter: wanted", "secret: wanted projects/P/secrets/S"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; want %q in it", err, want)
		}
	}
	whole := Spec{Project: "acme-prod", Scope: "organizations/7", Filter: "x"}
	if err := whole.Check(); err != nil || whole.Name != "why401" {
		t.Errorf("%v, name %q", err, whole.Name)
	}
}

func TestCommands(t *testing.T) {
	s := testSpec()
	s.Scope, s.Filter = "folders/12", "textPayload:\"it's\""
	text, err := Commands(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"--folder=12 --include-children", `--log-filter='textPayload:"it'\''s"'`, `--member="$WRITER_IDENTITY"`, "--dead-letter-topic=why401-dead-letter", "gcloud secrets update jwt-main --project=acme-prod --add-topics=projects/acme-prod/topics/why401"} {
		if !strings.Contains(text, want) {
			t.Errorf("commands lack %q:\n%s", want, text)
		}
	}
	if out, err := exec.Command("sh", "-n", "-c", text).CombinedOutput(); err != nil {
		t.Errorf("a shell does not read the commands: %v\n%s", err, out)
	}
}

// startEmulator starts the real Pub/Sub emulator. Where it is not installed
// the test is skipped, or fails under WHY401_REQUIRE_REAL.
func startEmulator(t *testing.T) string {
	t.Helper()
	bin := ""
	for _, root := range []string{os.Getenv("CLOUDSDK_ROOT"), "/usr/lib/google-cloud-sdk", filepath.Join(os.Getenv("HOME"), "google-cloud-sdk")} {
		if p := filepath.Join(root, "platform/pubsub-emulator/bin/cloud-pubsub-emulator"); bin == "" {
			if _, err := os.Stat(p); err == nil {
				bin = p
			}
		}
	}
	if bin == "" {
		if os.Getenv("WHY401_REQUIRE_REAL") != "" {
			t.Fatal("the Pub/Sub emulator is required and not installed: it is part of the Cloud SDK (platform/pubsub-emulator)")
		}
		t.Skip("the Pub/Sub emulator is not installed")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	_, port, _ := net.SplitHostPort(address)
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), bin, "--host=127.0.0.1", "--port="+port)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 150 {
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			return address
		}
		time.Sleep(200 * time.Millisecond)
	}
	t.Fatal("the Pub/Sub emulator did not start within 30 s")
	return ""
}
