package analyzer_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
)

// A change that a probe saw is kept and told once; where an entry tells it
// too, that one is shown alone.
func TestToldChanges(t *testing.T) {
	p := pipeline(t, &memory{})
	audit := fmt.Sprintf(`{"insertId":"a1","logName":"projects/acme-staging/logs/cloudaudit.googleapis.com%%2Factivity","timestamp":%q,"resource":{"type":"audited_resource","labels":{"project_id":"acme-staging","service":"secretmanager.googleapis.com","method":"google.cloud.secretmanager.v1.SecretManagerService.AddSecretVersion"}},"protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","serviceName":"secretmanager.googleapis.com","methodName":"google.cloud.secretmanager.v1.SecretManagerService.AddSecretVersion","resourceName":"projects/42/secrets/jwt-main","authenticationInfo":{"principalEmail":"kim@acme.example"},"response":{"name":"projects/42/secrets/jwt-main/versions/2"}}}`, began.Format(time.RFC3339))
	feed(t, p, 1, audit)
	logged := p.Report(analyzer.DiagnosisConfig{}).Changes
	if len(logged) != 1 || logged[0].Version != "2" {
		t.Fatalf("the audit entry gives %+v; want version 2 added", logged)
	}
	tell := func(kind analyzer.ChangeKind, version string, at time.Time) {
		t.Helper()
		c := analyzer.Change{Kind: kind, Target: "jwt-main", Version: version, At: at, Evidence: "seen", Details: map[string]string{"secret": "projects/acme/secrets/jwt-main"}}
		for range 2 {
			if err := p.Tell(context.Background(), "probe", c); err != nil {
				t.Fatal(err)
			}
		}
		if c.Details["told_by"] != "" {
			t.Error("Tell changed what it was given")
		}
	}
	tell(analyzer.SecretVersionAdded, "2", began.Add(time.Minute)) // the echo of the entry
	tell(analyzer.SecretVersionAdded, "1", began.Add(-24*time.Hour))
	tell(analyzer.SecretVersionDisabled, "1", began.Add(time.Hour))
	var got []string
	r := p.Report(analyzer.DiagnosisConfig{})
	for _, c := range r.Changes {
		got = append(got, fmt.Sprint(c.Kind, " ", c.Version, c.Details["told_by"]))
	}
	if want := []string{"secret_version_added 1probe", "secret_version_added 2", "secret_version_disabled 1probe"}; !slices.Equal(got, want) {
		t.Errorf("changes %q; want %q", got, want)
	}
	if told := p.Told("probe"); len(told) != 3 || told[0].Version != "1" || told[0].Details["secret"] == "" {
		t.Errorf("told %+v; want all three, the earliest first", told)
	}
	if len(p.Told("somebody")) != 0 {
		t.Error("somebody told nothing")
	}
	if !r.Span.To.Equal(began) {
		t.Errorf("the span ends at %s; want that of the entries: a probe moves no event time", r.Span.To)
	}
}
