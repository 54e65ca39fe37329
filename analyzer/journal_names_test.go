package analyzer_test

import (
	"slices"
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
)

// A fault keeps its name, and people one alert, while it is understood better:
// from what a probe saw to what users met, from one service to several, across
// a restart; another fault beside it has a name of its own.
func TestIncidentsKeepTheirNames(t *testing.T) {
	n := &notebook{held: map[string][]byte{}}
	open := func() *analyzer.Journal {
		j, err := analyzer.OpenJournal(t.Context(), analyzer.JournalConfig{}, n)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	in := func(id string, cause analyzer.Cause, services ...string) analyzer.Incident {
		return analyzer.Incident{ID: id, Cause: cause, Verdict: analyzer.Probable, KeyDomain: "jwt-main", Severity: analyzer.LevelError, Services: services, Opened: began, LastSeen: began}
	}
	minutes, alerts := 0, analyzer.NewAlerts(analyzer.AlertConfig{Quiet: 24 * time.Hour})
	fired := map[string]bool{}
	step := func(j *analyzer.Journal, incidents ...analyzer.Incident) (ids []string) {
		t.Helper()
		for range 2 { // an alert settles before it fires
			minutes++
			at := began.Add(time.Duration(minutes) * time.Minute)
			r := &analyzer.Report{Span: analyzer.Span{From: began, To: at}, Incidents: slices.Clone(incidents)}
			for i := range r.Incidents {
				r.Incidents[i].LastSeen = at
			}
			j.Name(r)
			if err := j.Follow(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			for _, a := range alerts.Derive(at, r) {
				fired[a.Fingerprint] = true
			}
			ids = nil
			for i := range r.Incidents {
				ids = append(ids, r.Incidents[i].ID)
			}
		}
		return ids
	}
	want := func(got []string, ids ...string) {
		t.Helper()
		if len(got) != len(ids) {
			t.Fatalf("%v; want %v", got, ids)
		}
		for i := range ids {
			if got[i] != ids[i] {
				t.Errorf("minute %d: %v; want %v", minutes, got, ids)
			}
		}
	}
	j := open()
	want(step(j, in("silent", "key.stale_cache", "payments")), "silent")
	want(step(j, in("met", "meta.ambiguous_signature", "payments")), "silent")
	want(step(j, in("met", "key.stale_cache", "auth", "payments")), "silent")
	want(step(j, in("earlier", "key.stale_cache", "auth", "payments")), "silent")
	j = open() // a restart
	want(step(j, in("earlier", "key.stale_cache", "auth", "payments")), "silent")
	want(step(j, in("met", "key.stale_cache", "payments"), in("aud", "claim.audience_mismatch", "payments")), "silent", "aud")
	want(step(j, in("met", "key.stale_cache", "payments"), in("earlier", "key.cross_service_drift", "auth")), "silent", "earlier")
	want(step(j, in("elsewhere", "key.stale_cache", "chat"), in("met", "key.stale_cache", "payments")), "elsewhere", "silent")
	if len(fired) != 4 {
		t.Errorf("%d alerts; want one for each of four faults", len(fired))
	}
	// What was ordinary turns into a fault that another record was told of.
	want(step(j, in("daily", "token.expired_normal", "auth", "orders"), in("ttl", "token.ttl_misconfigured", "payments")), "daily", "ttl")
	want(step(j, in("daily", "token.ttl_misconfigured", "auth", "orders", "payments")), "ttl")
}
