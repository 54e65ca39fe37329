package analyzer_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
)

const badSignature = "jwt validation failed: token signature is invalid: signature is invalid"

// world writes the entries of one story: traffic by the minute, and changes.
type world struct {
	entries []string
	n       int
}

func (w *world) id() string { w.n++; return fmt.Sprintf("e%d", w.n) }

// traffic lets a service serve perMinute requests a minute; bad of ten fail
// with text, from clients that differ unless client is given.
func (w *world) traffic(service string, from, to time.Duration, perMinute, bad int, text, client string) {
	for at, i := from, 0; at < to; at, i = at+time.Minute/time.Duration(perMinute), i+1 {
		trace, ip, status := w.id(), fmt.Sprintf("198.51.100.%d", i%20), 200
		if i%10 < bad {
			status = 401
			if client != "" {
				ip = client
			}
			w.entries = append(w.entries, line(w.id(), service, trace, at+time.Millisecond, text))
		}
		w.entries = append(w.entries, entry(w.id(), service, "requests", trace, at, fmt.Sprintf(`"httpRequest":{"requestMethod":"GET","requestUrl":"https://x/v1","status":%d,"remoteIp":%q}`, status, ip)))
	}
}

func (w *world) audit(service string, at time.Duration, payload string) {
	w.entries = append(w.entries, fmt.Sprintf(`{"insertId":%q,"logName":"projects/acme-staging/logs/cloudaudit.googleapis.com%%2Factivity","timestamp":%q,"resource":{"type":"cloud_run_revision","labels":{"project_id":"acme-staging","service_name":%q}},"protoPayload":{%s}}`,
		w.id(), began.Add(at).Format(time.RFC3339Nano), service, payload))
}

func (w *world) rotate(at time.Duration) {
	w.audit("", at, `"methodName":"google.cloud.secretmanager.v1.SecretManagerService.AddSecretVersion","resourceName":"projects/acme-staging/secrets/jwt-main/versions/2"`)
}

func (w *world) deploy(service string, at time.Duration, env string) {
	w.audit(service, at, fmt.Sprintf(`"methodName":"google.cloud.run.v1.Services.ReplaceService","resourceName":"namespaces/acme-staging/services/%s","request":{"service":{"spec":{"template":{"spec":{"containers":[{"env":[%s]}]}}}}}`, service, env))
}

func mounted(name, secret string) string {
	return fmt.Sprintf(`{"name":%q,"valueFrom":{"secretKeyRef":{"name":%q,"key":"latest"}}}`, name, secret)
}

// shop is three verifiers that serve for half an hour.
func shop(bad map[string]int, from time.Duration, text, client string) *world {
	w := &world{}
	for _, s := range []string{"auth", "orders", "payments"} {
		w.traffic(s, 0, from, 20, 0, "", "")
		w.traffic(s, from, 30*time.Minute, 20, bad[s], text, client)
		w.entries = append(w.entries, line(w.id(), s, "", time.Second, "jwt validation failed: token has invalid claims: token is expired"))
	}
	return w
}

func probe(cause analyzer.Cause, service string, at time.Duration, status analyzer.Status, refutes ...analyzer.Cause) analyzer.ProbeResult {
	return analyzer.ProbeResult{Probe: "fingerprint", Target: service, Service: analyzer.Service{Name: service, Environment: "staging"}, Status: status, Cause: cause,
		Refutes: refutes, Detail: "seen", At: began.Add(at)}
}

func TestDiagnosis(t *testing.T) {
	const onset = 10 * time.Minute
	missed := func() *world {
		w := shop(map[string]int{"payments": 8}, onset, badSignature, "")
		w.rotate(onset - time.Minute)
		w.deploy("auth", onset-30*time.Second, mounted("JWT_SECRET_KEY", "jwt-main"))
		return w
	}
	for _, c := range []struct {
		name    string
		world   *world
		probes  []analyzer.ProbeResult
		cause   analyzer.Cause // of the gravest incident
		verdict analyzer.Verdict
		level   analyzer.Level
		among   analyzer.Cause // a candidate
	}{
		{"a rotation that one service missed", missed(), nil, "key.stale_cache", analyzer.Probable, analyzer.LevelError, "rotation.no_overlap"},
		{"a fingerprint confirms it", missed(), []analyzer.ProbeResult{probe("key.stale_cache", "payments", 20*time.Minute, analyzer.StatusFail)}, "key.stale_cache", analyzer.Confirmed, analyzer.LevelError, ""},
		{"a fingerprint rules it out", missed(), []analyzer.ProbeResult{probe("", "payments", 20*time.Minute, analyzer.StatusOK, "key.stale_cache")}, "meta.ambiguous_signature", analyzer.Ambiguous, analyzer.LevelError, "key.cross_service_drift"},
		{"a probe that could not look says nothing", missed(), []analyzer.ProbeResult{probe("key.secret_empty", "payments", 20*time.Minute, analyzer.StatusUnknown, "key.stale_cache")}, "key.stale_cache", analyzer.Probable, analyzer.LevelError, ""},
		{"a fingerprint of another mutation outdoes the logs", missed(), []analyzer.ProbeResult{probe("key.whitespace_mutation", "payments", 20*time.Minute, analyzer.StatusFail)}, "key.whitespace_mutation", analyzer.Confirmed, analyzer.LevelError, ""},
		{"without the rotation nothing decides", shop(map[string]int{"payments": 8}, onset, badSignature, ""), nil, "meta.ambiguous_signature", analyzer.Ambiguous, analyzer.LevelError, "key.cross_service_drift"},
		{"a restart after the rotation refutes the stale copy", func() *world {
			w := missed()
			w.deploy("payments", onset-20*time.Second, mounted("JWT_SECRET_KEY", "jwt-main"))
			return w
		}(), nil,
			"meta.ambiguous_signature", analyzer.Ambiguous, analyzer.LevelError, "key.whitespace_mutation"},
		{"several verifiers fail at the switch", func() *world {
			w := shop(map[string]int{"payments": 8, "orders": 8}, onset, badSignature, "")
			w.rotate(onset - time.Minute)
			w.deploy("auth", onset-30*time.Second, mounted("JWT_SECRET_KEY", "jwt-main"))
			return w
		}(), nil, "rotation.no_overlap", analyzer.Probable, analyzer.LevelCritical, ""},
		{"a deploy sets a second variable", func() *world {
			w := shop(map[string]int{"payments": 9}, onset, badSignature, "")
			w.deploy("payments", onset-20*time.Second, mounted("JWT_SECRET", "jwt-main")+","+mounted("JWT_SECRET_STAGING", "jwt-legacy"))
			return w
		}(), nil, "env.precedence_conflict", analyzer.Probable, analyzer.LevelError, ""},
		{"one client with a bad token is its owner's matter", shop(map[string]int{"payments": 2}, onset, badSignature, "203.0.113.9"), nil, "client.misconfigured", analyzer.Probable, analyzer.LevelInfo, ""},
		{"tokens expire", shop(map[string]int{"payments": 1, "orders": 1}, onset, "jwt validation failed: token has invalid claims: token is expired", ""), nil, "token.expired_normal", analyzer.Probable, analyzer.LevelInfo, "idp.down"},
		{"the platform's gate", shop(map[string]int{"payments": 9}, onset, "The request was not authenticated. Either allow unauthenticated invocations or set the proper Authorization header.", ""), nil,
			"authz.platform_iam", analyzer.Probable, analyzer.LevelError, ""},
		{"a fault that nobody has met", shop(nil, onset, "", ""), []analyzer.ProbeResult{probe("key.stale_cache", "payments", 20*time.Minute, analyzer.StatusWarn)}, "key.stale_cache", analyzer.Confirmed, analyzer.LevelWarning, ""},
		{"a cause that the catalogue does not know", shop(nil, onset, "", ""), []analyzer.ProbeResult{probe("database.password_drift", "payments", 20*time.Minute, analyzer.StatusFail)}, "database.password_drift", analyzer.Confirmed, analyzer.LevelError, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := pipeline(t, &memory{})
			feed(t, p, 50, c.world.entries...)
			r := p.Report(analyzer.DiagnosisConfig{Probes: c.probes})
			if len(r.Incidents) == 0 {
				t.Fatal("no incident")
			}
			in := r.Incidents[0]
			if in.Cause != c.cause || in.Verdict != c.verdict || in.Severity != c.level {
				t.Errorf("got %s %s %s, want %s %s %s\nfor %q\nagainst %q\ncandidates %v", in.Severity, in.Verdict, in.Cause, c.level, c.verdict, c.cause, in.For, in.Against, in.Candidates)
			}
			if c.among != "" && !slices.Contains(in.Candidates, c.among) {
				t.Errorf("%s is not among the candidates %v", c.among, in.Candidates)
			}
			for _, other := range r.Incidents[1:] {
				if other.Severity != analyzer.LevelInfo {
					t.Errorf("a second incident: %s %s %v", other.Severity, other.Cause, other.Services)
				}
			}
		})
	}
}
