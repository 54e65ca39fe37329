package analyzer_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
)

// grave are the incidents that somebody is called for.
func grave(r *analyzer.Report) []analyzer.Incident {
	return slices.DeleteFunc(slices.Clone(r.Incidents), func(in analyzer.Incident) bool { return in.Severity == analyzer.LevelInfo })
}

// tell feeds a world and reports.
func tell(t *testing.T, w *world, cfg analyzer.DiagnosisConfig) *analyzer.Report {
	t.Helper()
	p := pipeline(t, &memory{})
	feed(t, p, 50, w.entries...)
	return p.Report(cfg)
}

// Five failures open an incident, at one service or at several that began
// together; fewer do not, nor do refusals that no line explains.
func TestFewFailuresAtSeveralServices(t *testing.T) {
	for _, c := range []struct {
		name  string
		each  int
		text  string // empty: no line comes
		after time.Duration
		opens bool
	}{
		{"two at each of three", 2, badSignature, 20 * time.Second, true},
		{"one at each of three", 1, badSignature, 20 * time.Second, false},
		{"two at each, minutes apart", 2, badSignature, 8 * time.Minute, false},
		{"two at each without a line", 2, "", 20 * time.Second, false},
		{"two expired tokens at each", 2, "jwt validation failed: token has invalid claims: token is expired", 20 * time.Second, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := shop(nil, 10*time.Minute, "", "")
			for i, service := range []string{"auth", "orders", "payments"} {
				for n := range c.each {
					at, trace := 12*time.Minute+time.Duration(i)*c.after+time.Duration(n)*time.Second, w.id()
					w.entries = append(w.entries, entry(w.id(), service, "requests", trace, at, fmt.Sprintf(`"httpRequest":{"requestMethod":"GET","requestUrl":"https://x/v1","status":401,"remoteIp":"198.51.100.%d"}`, n)))
					if c.text != "" {
						w.entries = append(w.entries, line(w.id(), service, trace, at, c.text))
					}
				}
			}
			got := grave(tell(t, w, analyzer.DiagnosisConfig{}))
			if c.opens != (len(got) == 1) {
				t.Fatalf("%d incidents; want one: %v", len(got), c.opens)
			}
			if c.opens && (got[0].Verdict != analyzer.Ambiguous || len(got[0].Services) != 3 || got[0].Count != 6) {
				t.Errorf("%s at %v, %d failures; want an ambiguous one of 6 failures at three services", got[0].Verdict, got[0].Services, got[0].Count)
			}
		})
	}
}

// What grows slowly, as when tokens are renewed one by one, began when it was
// first seen.
func TestSlowOnset(t *testing.T) {
	w := &world{}
	for _, s := range []string{"auth", "orders"} {
		w.traffic(s, 0, 30*time.Minute, 20, 0, "", "")
	}
	at := time.Duration(0)
	for _, step := range []struct {
		until time.Duration
		bad   int
	}{{10 * time.Minute, 0}, {12 * time.Minute, 1}, {14 * time.Minute, 2}, {15 * time.Minute, 4}, {30 * time.Minute, 9}} {
		w.traffic("payments", at, step.until, 20, step.bad, badSignature, "")
		at = step.until
	}
	got := grave(tell(t, w, analyzer.DiagnosisConfig{}))
	if len(got) != 1 || !got[0].Opened.Equal(began.Add(10*time.Minute)) {
		t.Fatalf("%+v; want one incident since %s", got, began.Add(10*time.Minute))
	}
	if len(got[0].Exemplars) == 0 || !got[0].Exemplars[0].At.Before(began.Add(11*time.Minute)) {
		t.Errorf("exemplars %+v; want the first failures", got[0].Exemplars)
	}
}

// A gateway outside the key domain passes on what a service behind it refuses:
// that is one incident.
func TestGatewayRelays(t *testing.T) {
	const onset = 10 * time.Minute
	w := shop(map[string]int{"payments": 9}, onset, badSignature, "")
	w.traffic("edge", 0, onset, 60, 0, "", "")
	for at, i := onset, 0; at < 30*time.Minute; at, i = at+time.Second, i+1 {
		status := 200
		if i%10 < 3 {
			status = 401
		}
		w.entries = append(w.entries, entry(w.id(), "edge", "requests", w.id(), at, fmt.Sprintf(`"httpRequest":{"requestMethod":"GET","requestUrl":"https://x/v1","status":%d,"remoteIp":"198.51.100.%d"}`, status, i%20)))
	}
	domain := analyzer.KeyDomain{Name: "jwt-main", Environment: "staging", Secret: "jwt-main", Services: []analyzer.Member{{Name: "auth", Signs: true}, {Name: "orders"}, {Name: "payments"}}}
	got := grave(tell(t, w, analyzer.DiagnosisConfig{KeyDomains: []analyzer.KeyDomain{domain}}))
	if len(got) != 1 || got[0].KeyDomain != "jwt-main" || !slices.Contains(got[0].Services, "edge") {
		t.Fatalf("%+v; want one incident of jwt-main that affects edge", got)
	}
}

// Many services treat a token that does not verify as none, and say so: what a
// probe found wrong with their key is the cause.
func TestMuffledByTheFramework(t *testing.T) {
	const onset = 10 * time.Minute
	w := shop(map[string]int{"payments": 9}, onset, "Full authentication is required to access this resource", "")
	seen := probe("key.stale_cache", "payments", onset+2*time.Minute, analyzer.StatusFail)
	got := grave(tell(t, w, analyzer.DiagnosisConfig{Probes: []analyzer.ProbeResult{seen}}))
	if len(got) != 1 || got[0].Cause != "key.stale_cache" || got[0].Verdict != analyzer.Confirmed || got[0].Count == 0 {
		t.Fatalf("%+v; want the stale copy alone, with its refusals", got)
	}
}

// That a rotation goes as it should, seen before users were refused, does not
// explain that they are.
func TestOrderlyRotationExplainsNoOutage(t *testing.T) {
	const onset = 10 * time.Minute
	w := shop(map[string]int{"payments": 9, "orders": 9}, onset, badSignature, "")
	seen := []analyzer.ProbeResult{probe("rotation.in_progress", "payments", onset-30*time.Second, analyzer.StatusWarn), probe("rotation.in_progress", "orders", onset-30*time.Second, analyzer.StatusWarn)}
	got := grave(tell(t, w, analyzer.DiagnosisConfig{Probes: seen}))
	if len(got) != 1 || got[0].Cause == "rotation.in_progress" || len(got[0].Services) != 2 {
		t.Fatalf("%+v; want an incident at both services that is no orderly rotation", got)
	}
}
