package lab

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	_ "google.golang.org/genproto/googleapis/cloud/audit" // protoPayload resolves its @type
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/why401/why401/analyzer"
)

// newer is a member of AuditLog that Google writes and its published Go types
// do not have yet.
var newer = regexp.MustCompile(`"permissionType":"[A-Z_]+",`)

// parse reads every entry as Google's own library does, which accepts no
// other member than those of LogEntry and AuditLog.
func parse(t *testing.T, got *played) []*loggingpb.LogEntry {
	t.Helper()
	if got.parsed != nil {
		return got.parsed
	}
	for _, raw := range got.entries {
		var e loggingpb.LogEntry
		if err := protojson.Unmarshal(newer.ReplaceAll(raw, nil), &e); err != nil {
			t.Fatalf("%v in %s", err, raw)
		}
		got.parsed = append(got.parsed, &e)
	}
	return got.parsed
}

func TestEntriesAreLogEntries(t *testing.T) {
	for _, sc := range builtIn(t) {
		logs, ids := map[string]int{}, map[string]bool{}
		got := known(t, sc, 1)
		for i, e := range parse(t, got) {
			log := e.LogName[strings.LastIndex(e.LogName, "/")+1:]
			logs[log]++
			id := e.LogName + e.Timestamp.String() + e.InsertId
			if e.InsertId == "" || ids[id] {
				t.Errorf("%s: no identity of its own: %s", sc.Name, got.entries[i])
			}
			ids[id] = true
			if e.Payload == nil && e.HttpRequest == nil {
				t.Errorf("%s: empty entry %s", sc.Name, got.entries[i])
			}
			at := e.Timestamp.AsTime()
			if at.Before(begin) || at.After(got.truth.End) || e.ReceiveTimestamp.AsTime().Before(at) {
				t.Errorf("%s: times do not fit: %s", sc.Name, got.entries[i])
			}
		}
		for _, log := range []string{
			"run.googleapis.com%2Frequests", "run.googleapis.com%2Fstdout", "run.googleapis.com%2Fstderr",
			"run.googleapis.com%2Fvarlog%2Fsystem", "cloudaudit.googleapis.com%2Factivity", "cloudaudit.googleapis.com%2Fsystem_event",
		} {
			if logs[log] == 0 {
				t.Errorf("%s: nothing in %s", sc.Name, log)
			}
		}
	}
}

// The request logs tell as many requests of each service and status as the
// servers counted.
func TestRequestLogsAgreeWithTruth(t *testing.T) {
	type key struct {
		service string
		status  int32
	}
	for _, sc := range builtIn(t) {
		got := known(t, sc, 1)
		logged, counted := map[key]int64{}, map[key]int64{}
		for _, e := range parse(t, got) {
			if e.HttpRequest != nil {
				logged[key{e.Resource.Labels["service_name"], e.HttpRequest.Status}]++
			}
		}
		for _, c := range got.truth.Counts {
			counted[key{c.Service.Name, int32(c.Status)}] += c.N
			if (c.Outcome == analyzer.OutcomeRefused) != (c.Reason != "") {
				t.Errorf("%s: outcome %s with reason %q at %s", sc.Name, c.Outcome, c.Reason, c.Service.Name)
			}
		}
		for k, n := range counted {
			if logged[k] != n {
				t.Errorf("%s: %v: %d in the request log, %d in the truth", sc.Name, k, logged[k], n)
			}
		}
		if len(logged) != len(counted) {
			t.Errorf("%s: %d kinds of request logged, %d counted", sc.Name, len(logged), len(counted))
		}
	}
}

// A structured line of a refusal carries the trace of its request; a plain
// one carries none and holds the library's own words.
func TestRefusalLines(t *testing.T) {
	got := known(t, find(t, "rotation-missed"), 1)
	requests := map[string]bool{}
	entries := parse(t, got)
	for _, e := range entries {
		if e.HttpRequest != nil {
			requests[e.Resource.Labels["service_name"]+e.Trace] = true
			if e.Labels["instanceId"] == "" || e.Labels["env"] != "staging" || e.SpanId == "" {
				t.Errorf("request log without instance, env or span: %v", e)
			}
		}
	}
	plain, structured := 0, 0
	for _, e := range entries {
		service := e.Resource.Labels["service_name"]
		if text := e.GetTextPayload(); strings.Contains(text, "jwt validation failed") {
			plain++
			if e.Trace != "" || e.Severity != 0 {
				t.Errorf("plain line with trace or severity: %v", e)
			}
			if service == "payments" && !regexp.MustCompile(`^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d jwt validation failed: (token |authorization )`).MatchString(text) {
				t.Errorf("payments says %q", text)
			}
		}
		if f := e.GetJsonPayload().GetFields(); f["error"] != nil {
			structured++
			if !requests[service+e.Trace] {
				t.Errorf("structured line without the trace of a request: %v", e)
			}
		}
	}
	if plain < 20 || structured < 3 {
		t.Errorf("%d plain and %d structured refusals, wanted at least 20 and 3", plain, structured)
	}
}

// What Cloud Run refuses itself has the front door's text in the request log,
// no instance, and no line of the application.
func TestFrontDoorRefusals(t *testing.T) {
	got := known(t, find(t, "platform-iam"), 1)
	entries := parse(t, got)
	traces := map[string]bool{}
	for _, e := range entries {
		if e.HttpRequest.GetStatus() != 403 || e.Resource.Labels["service_name"] != "reports" {
			continue
		}
		traces[e.Trace] = true
		if !strings.HasPrefix(e.GetTextPayload(), "The request was not authenticated. Either allow unauthenticated invocations") {
			t.Errorf("text %q", e.GetTextPayload())
		}
		if e.Labels["instanceId"] != "" {
			t.Errorf("refused at the front door, and yet by an instance: %v", e)
		}
	}
	if int64(len(traces)) != got.truth.Requests("reports", analyzer.OutcomeRefused, analyzer.PlatformIAMDenied) {
		t.Errorf("%d refusals logged, truth has %d", len(traces), got.truth.Requests("reports", analyzer.OutcomeRefused, ""))
	}
	for _, e := range entries {
		if traces[e.Trace] && e.HttpRequest == nil {
			t.Errorf("the application knows of a request that never reached it: %v", e)
		}
	}
}

// The audit log tells of the new version and of the deploys with the secret
// references of each revision.
func TestAuditEntries(t *testing.T) {
	type audit struct {
		Timestamp    time.Time
		ProtoPayload struct {
			MethodName, ResourceName string
			AuthenticationInfo       struct{ PrincipalEmail string }
			Request                  struct {
				Service struct {
					Spec struct {
						Template struct {
							Spec struct{ Containers []struct{ Env []any } }
						}
					}
				}
			}
			Response struct{ Name string }
		}
	}
	added, refs := []string{}, map[string]string{}
	for _, raw := range known(t, find(t, "rotation-missed"), 1).entries {
		var a audit
		if err := json.Unmarshal(raw, &a); err != nil {
			t.Fatal(err)
		}
		switch p := a.ProtoPayload; p.MethodName {
		case "google.cloud.secretmanager.v1.SecretManagerService.AddSecretVersion":
			added = append(added, p.ResourceName+" "+p.Response.Name+" "+p.AuthenticationInfo.PrincipalEmail)
		case "google.cloud.run.v1.Services.ReplaceService":
			env, err := json.Marshal(p.Request.Service.Spec.Template.Spec.Containers[0].Env)
			if err != nil {
				t.Fatal(err)
			}
			refs[p.ResourceName] = string(env)
		}
	}
	want := []string{"projects/acme-staging/secrets/jwt-main projects/481516234200/secrets/jwt-main/versions/2 kim@acme.example"}
	if !slices.Equal(added, want) {
		t.Errorf("added %q, wanted %q", added, want)
	}
	wantRefs := `[{"name":"JWT_SECRET_KEY","valueFrom":{"secretKeyRef":{"key":"latest","name":"jwt-main"}}},` +
		`{"name":"JWT_SECRET_PREVIOUS","valueFrom":{"secretKeyRef":{"key":"1","name":"jwt-main"}}}]`
	if got := refs["namespaces/acme-staging/services/auth"]; got != wantRefs {
		t.Errorf("auth refers to %s, wanted %s", got, wantRefs)
	}
	if len(refs) != 4 || refs["namespaces/acme-staging/services/payments"] != "" {
		t.Errorf("deployed: %v, wanted auth, orders, chat and catalog", refs)
	}
}

// Who reads a secret is logged only where a project has that switched on. An
// alias is logged as it was asked for.
func TestDataAccessIsOffByDefault(t *testing.T) {
	for _, on := range []bool{false, true} {
		sc := find(t, "healthy")
		sc.Projects[0].DataRead = on
		sc.Duration, sc.Timeline = time.Second, nil
		got := play(t, sc, 1)
		reads := 0
		for i, e := range parse(t, &got) {
			if strings.HasSuffix(e.LogName, "%2Fdata_access") {
				reads++
				if !strings.Contains(string(got.entries[i]), `"resourceName":"projects/acme-staging/secrets/jwt-main/versions/latest"`) {
					t.Errorf("read of something else: %s", got.entries[i])
				}
			}
		}
		// auth, orders and payments run in two instances each, chat in one.
		if want := map[bool]int{true: 7}[on]; reads != want {
			t.Errorf("data_read %v: %d reads logged, wanted %d", on, reads, want)
		}
	}
}
