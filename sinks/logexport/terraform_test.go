package logexport

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
	"google.golang.org/protobuf/types/known/durationpb"
)

const moduleDir = "../deploy/terraform"

// specs are exports of every shape.
var specs = map[string]Spec{
	"project":                {},
	"project, one secret":    {Secrets: []string{watched}},
	"project, two secrets":   {Secrets: []string{watched, "projects/acme-keys/secrets/jwt_2"}, Access: true},
	"another project":        {Scope: "projects/acme-staging"},
	"folder":                 {Scope: "folders/4711", Name: "auth-why401"},
	"organization, a secret": {Scope: "organizations/1", Secrets: []string{watched}},
}

// The Terraform module makes the resources that Apply makes, with the same
// values: nobody has to choose between the two by what they leave out.
func TestTerraformModuleMakesTheSame(t *testing.T) {
	for name, spec := range specs {
		t.Run(name, func(t *testing.T) {
			spec.Project, spec.Filter = "acme-prod", "severity>=ERROR\ntextPayload:\"jwt\"\n"
			if err := spec.Check(); err != nil {
				t.Fatal(err)
			}
			m := evaluate(t, moduleDir, variables(spec))
			if problems := m.refused(t); len(problems) > 0 {
				t.Errorf("refused: %v", problems)
			}
			e := &Export{spec: spec, number: m.number, writer: m.writer}
			var want []string
			for _, r := range e.list() {
				want = append(want, described(r.kind, r.name, r.want()))
			}
			got := m.described(t)
			slices.Sort(want)
			slices.Sort(got)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("Apply makes (-), the module makes (+):\n%s", d)
			}
		})
	}
}

// Where no filter is given, the file beside the module is read.
func TestTerraformFilterFromFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(moduleDir)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "filter.txt"), []byte("severity>=ERROR\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := evaluate(t, dir, map[string]cty.Value{"project": cty.StringVal("acme-prod")})
	if sinks := m.of("google_logging_project_sink"); len(sinks) != 1 || str(sinks[0]["filter"]) != "severity>=ERROR\n" {
		t.Errorf("sinks %v; want one with the filter of the file", sinks)
	}
}

// What setup gcp refuses, the module refuses, too.
func TestTerraformRefuses(t *testing.T) {
	for name, change := range map[string]func(*Spec){
		"scope":  func(s *Spec) { s.Scope = "acme-prod" },
		"folder": func(s *Spec) { s.Scope = "folders/acme" },
		"name":   func(s *Spec) { s.Name = "x" },
		"filter": func(s *Spec) { s.Filter = strings.Repeat("x", 20_001) },
		"secret": func(s *Spec) { s.Secrets = []string{watched, "jwt-main"} },
	} {
		t.Run(name, func(t *testing.T) {
			spec := testSpec()
			change(&spec)
			if spec.Check() == nil {
				t.Fatal("setup gcp takes it")
			}
			if len(evaluateVariables(t, moduleDir, variables(spec)).refused(t)) != 1 {
				t.Error("the module takes it")
			}
		})
	}
}

// Secrets learn of the topic by the command that setup gcp prints, and forget
// it by its counterpart.
func TestTerraformNotifies(t *testing.T) {
	spec := testSpec()
	if err := spec.Check(); err != nil {
		t.Fatal(err)
	}
	printed, err := Commands(spec)
	if err != nil {
		t.Fatal(err)
	}
	commands := evaluate(t, moduleDir, variables(spec)).commands
	if len(commands) != 2 || !strings.Contains(printed, commands[0]+"\n") || commands[1] != strings.Replace(commands[0], "--add-topics", "--remove-topics", 1) {
		t.Errorf("commands %q; want those of setup gcp:\n%s", commands, printed)
	}
	off := variables(spec)
	off["notify"] = cty.False
	if m := evaluate(t, moduleDir, off); len(m.commands) > 0 {
		t.Errorf("commands without notify: %q", m.commands)
	}
}

// The files are laid out as terraform fmt would.
func TestTerraformFormat(t *testing.T) {
	files, err := filepath.Glob(moduleDir + "/*.tf")
	if err != nil || len(files) == 0 {
		t.Fatalf("no module (%v)", err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(hclwrite.Format(data)), string(data)); d != "" {
			t.Errorf("%s is not formatted:\n%s", filepath.Base(f), d)
		}
	}
}

func variables(s Spec) map[string]cty.Value {
	secrets := cty.ListValEmpty(cty.String)
	if len(s.Secrets) > 0 {
		var all []cty.Value
		for _, name := range s.Secrets {
			all = append(all, cty.StringVal(name))
		}
		secrets = cty.ListVal(all)
	}
	return map[string]cty.Value{
		"project": cty.StringVal(s.Project), "scope": cty.StringVal(s.Scope), "name": cty.StringVal(s.Name), "filter": cty.StringVal(s.Filter),
		"secrets": secrets, "access": cty.BoolVal(s.Access),
	}
}

// described is one resource as text. The label is left out, as the two have
// reason to differ there; the role of a permission stands in its name.
func described(kind, name string, fields []Field) string {
	name, _, _ = strings.Cut(name, " for ")
	out := kind + " " + name
	for _, f := range fields {
		if f.Name != "label "+markKey {
			out += fmt.Sprintf("\n  %s: %s", f.Name, f.Value)
		}
	}
	return out
}

// described are the resources that the module makes, in the words of a plan.
func (m *evaluated) described(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, kind := range m.kinds() {
		for _, r := range m.of(kind) {
			for _, name := range []string{"labels", "description"} {
				if v, ok := r[name]; ok && strings.Contains(v.GoString(), markValue+" setup gcp") || ok && name == "labels" && str(v.GetAttr(markKey)) != "terraform" {
					t.Errorf("%s %s: %s %#v: setup gcp --remove would take it away", kind, r["name"], name, v)
				}
			}
			out = append(out, describe(t, kind, r))
		}
	}
	return out
}

func describe(t *testing.T, kind string, r map[string]cty.Value) string {
	t.Helper()
	topic := func(name string) string { return "projects/" + str(r["project"]) + "/topics/" + name }
	sub := func(name string) string { return "projects/" + str(r["project"]) + "/subscriptions/" + name }
	sink := func(scope string) string {
		s := &loggingpb.LogSink{Destination: str(r["destination"]), Filter: str(r["filter"]), IncludeChildren: r["include_children"] == cty.True}
		return described("log sink", scope+"/sinks/"+str(r["name"]), sinkFields(s))
	}
	permission := func(on string) string {
		return described("permission", str(r["role"])+" on "+on, []Field{{"member", str(r["member"])}})
	}
	switch kind {
	case "google_pubsub_topic":
		return described("topic", topic(str(r["name"])), nil)
	case "google_pubsub_subscription":
		return described("subscription", sub(str(r["name"])), subscriptionFields(subscriptionOf(t, r)))
	case "google_service_account":
		return described("service account", str(r["account_id"])+"@"+str(r["project"])+".iam.gserviceaccount.com", nil)
	case "google_logging_project_sink":
		if r["unique_writer_identity"] != cty.True {
			t.Error("the sink writes as an account that it shares")
		}
		return sink("projects/" + str(r["project"]))
	case "google_logging_folder_sink":
		return sink("folders/" + str(r["folder"]))
	case "google_logging_organization_sink":
		return sink("organizations/" + str(r["org_id"]))
	case "google_pubsub_topic_iam_member":
		return permission(topic(str(r["topic"])))
	case "google_pubsub_subscription_iam_member":
		return permission(sub(str(r["subscription"])))
	case "google_secret_manager_secret_iam_member":
		return permission(str(r["secret_id"]))
	case "terraform_data":
		in := r["input"]
		return described("secret notifications", "projects/"+str(in.GetAttr("project"))+"/secrets/"+str(in.GetAttr("secret")), []Field{{"topic", str(in.GetAttr("topic"))}})
	}
	t.Errorf("a resource of kind %s, which Apply does not make", kind)
	return kind
}

func subscriptionOf(t *testing.T, r map[string]cty.Value) *pubsubpb.Subscription {
	t.Helper()
	s := &pubsubpb.Subscription{
		Topic: str(r["topic"]), AckDeadlineSeconds: int32(number(r["ack_deadline_seconds"])),
		MessageRetentionDuration: length(t, r["message_retention_duration"]), RetainAckedMessages: r["retain_acked_messages"] == cty.True,
	}
	if p, ok := r["expiration_policy"]; ok { // without one, a month of silence ends the subscription
		s.ExpirationPolicy = &pubsubpb.ExpirationPolicy{}
		if ttl := p.GetAttr("ttl"); str(ttl) != "" {
			s.ExpirationPolicy.Ttl = length(t, ttl)
		}
	}
	if p, ok := r["dead_letter_policy"]; ok {
		s.DeadLetterPolicy = &pubsubpb.DeadLetterPolicy{DeadLetterTopic: str(p.GetAttr("dead_letter_topic")), MaxDeliveryAttempts: int32(number(p.GetAttr("max_delivery_attempts")))}
	}
	if p, ok := r["retry_policy"]; ok {
		s.RetryPolicy = &pubsubpb.RetryPolicy{MinimumBackoff: length(t, p.GetAttr("minimum_backoff")), MaximumBackoff: length(t, p.GetAttr("maximum_backoff"))}
	}
	return s
}

func length(t *testing.T, v cty.Value) *durationpb.Duration {
	t.Helper()
	d, err := timeOf(str(v))
	if err != nil {
		t.Error(err)
	}
	return durationpb.New(d)
}
