package analyzer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var alertNoon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// open returns a report with one incident whose last failure was seen at at.
func openReport(at time.Time, change ...func(*Incident)) *Report {
	in := Incident{
		ID: "abc", Cause: "key.stale_cache", Verdict: Probable, KeyDomain: "jwt-main", Environment: "staging", Services: []string{"payments"}, Severity: LevelError,
		Opened: at.Add(-time.Minute), LastSeen: at, Summary: "payments refuses tokens", For: []string{"a", "b"}, Do: []string{"restart payments"},
	}
	for _, f := range change {
		f(&in)
	}
	return &Report{Incidents: []Incident{in}}
}

func over(at time.Time) *Report {
	return openReport(at, func(in *Incident) { in.Resolved = &at })
}

// one returns the state of the only alert, or "" when there is none.
func one(t *testing.T, alerts []Alert) Alert {
	t.Helper()
	if len(alerts) > 1 {
		t.Fatalf("%d alerts; want one for one incident: %+v", len(alerts), alerts)
	}
	if len(alerts) == 0 {
		return Alert{}
	}
	return alerts[0]
}

func TestAlertLife(t *testing.T) {
	a := NewAlerts(AlertConfig{URL: "https://why401.example/"})
	now := alertNoon
	got := one(t, a.Derive(now, openReport(now)))
	want := Alert{
		Fingerprint: got.Fingerprint, Name: AlertName, Severity: LevelError, State: AlertFiring, StartsAt: now.Add(-time.Minute), ReportURL: "https://why401.example/incidents/abc",
		Labels: map[string]string{"alertname": AlertName, "severity": "error", "incident": "abc", "environment": "staging", "key_domain": "jwt-main"},
		Annotations: map[string]string{
			"summary": "payments refuses tokens", "description": "a; b", "cause": "key.stale_cache", "verdict": "probable", "services": "payments", "do": "restart payments",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("alert (-want +got):\n%s", diff)
	}
	for _, step := range []struct {
		after time.Duration
		r     *Report
		want  AlertState
	}{
		{time.Minute, openReport(now), AlertFiring}, {time.Minute, over(now), AlertFiring}, {4 * time.Minute, over(now), AlertFiring},
		{time.Minute, &Report{}, AlertResolved}, {23 * time.Hour, &Report{}, AlertResolved}, {2 * time.Hour, over(now), ""},
	} {
		now = now.Add(step.after)
		if got := one(t, a.Derive(now, step.r)); got.State != step.want {
			t.Errorf("at %s: %q; want %q", now, got.State, step.want)
		}
	}
}

// The cause, the verdict and the services may be learnt later: it stays one
// alert, and only a new episode, a higher severity or the end is told anew.
func TestAlertIdentity(t *testing.T) {
	a := NewAlerts(AlertConfig{})
	unknown := openReport(alertNoon, func(in *Incident) { in.Verdict, in.Cause, in.Candidates = Ambiguous, "key.unknown", []Cause{"x", "y"} })
	a.Derive(alertNoon.Add(-time.Minute), unknown)
	first := one(t, a.Derive(alertNoon, unknown))
	if first.Annotations["candidates"] != "x, y" {
		t.Errorf("candidates %q; want x, y", first.Annotations["candidates"])
	}
	learnt := one(t, a.Derive(alertNoon, openReport(alertNoon, func(in *Incident) { in.Services, in.Count = []string{"a", "b"}, 99 })))
	if learnt.Fingerprint != first.Fingerprint || learnt.Version() != first.Version() || cmp.Diff(first.Labels, learnt.Labels) != "" {
		t.Errorf("learning the cause changed the identity: %+v; want that of %+v", learnt, first)
	}
	raised := one(t, a.Derive(alertNoon.Add(time.Minute), openReport(alertNoon, func(in *Incident) { in.Severity = LevelCritical })))
	if raised.Version() == first.Version() || raised.Severity != LevelCritical || raised.Labels["severity"] != "critical" || cmp.Diff([]Level{LevelError}, raised.Former) != "" {
		t.Errorf("a higher severity: %+v; want critical, formerly error", raised)
	}
	if fallen := one(t, a.Derive(alertNoon.Add(time.Minute), openReport(alertNoon))); fallen.Version() != raised.Version() {
		t.Errorf("severity fell while firing: %s; want %s", fallen.Version(), raised.Version())
	}
	if other := one(t, NewAlerts(AlertConfig{}).Derive(alertNoon, openReport(alertNoon, func(in *Incident) { in.ID = "def" }))); other.Fingerprint == first.Fingerprint {
		t.Error("two incidents share a fingerprint")
	}
}

func TestOneWrongSecretOver500Services(t *testing.T) {
	r := openReport(alertNoon, func(in *Incident) {
		in.Services = nil
		for i := range 500 {
			in.Services = append(in.Services, fmt.Sprint("svc-", i))
		}
	})
	got := one(t, NewAlerts(AlertConfig{}).Derive(alertNoon, r))
	if s := got.Annotations["services"]; !strings.HasSuffix(s, "svc-9 and 490 more") {
		t.Errorf("services %q; want ten of them and the number of the others", s)
	}
}

// Whatever flaps, from a square wave of seconds to one of half hours, costs
// few notifications.
func TestFlappingIsHeldDown(t *testing.T) {
	for _, tt := range []struct {
		half time.Duration // of the square wave
		most int           // notifications in any one hour
	}{{30 * time.Second, 2}, {time.Minute, 2}, {2 * time.Minute, 2}, {4 * time.Minute, 2}, {8 * time.Minute, 4}, {20 * time.Minute, 4}} {
		t.Run(tt.half.String(), func(t *testing.T) {
			a, told, last := NewAlerts(AlertConfig{}), []time.Time{}, ""
			for at := alertNoon; at.Before(alertNoon.Add(6 * time.Hour)); at = at.Add(5 * time.Second) {
				r := over(at)
				if at.Sub(alertNoon)/tt.half%2 == 0 {
					r = openReport(at)
				}
				if got := one(t, a.Derive(at, r)); got.State != "" && got.Version() != last {
					last, told = got.Version(), append(told, at)
				}
			}
			if len(told) == 0 {
				t.Fatal("nobody was told")
			}
			for i := range told {
				n := 0
				for _, at := range told[i:] {
					if at.Sub(told[i]) < time.Hour {
						n++
					}
				}
				if n > tt.most {
					t.Fatalf("%d notifications in the hour from %s; want at most %d (%v)", n, told[i], tt.most, told)
				}
			}
		})
	}
}

func TestHistoryWakesNobody(t *testing.T) {
	a := NewAlerts(AlertConfig{})
	if got := a.Derive(alertNoon.Add(7*24*time.Hour), openReport(alertNoon)); len(got) > 0 {
		t.Errorf("a replay of last week raised %+v", got)
	}
	// An input that falls silent ends no alert.
	one(t, a.Derive(alertNoon, openReport(alertNoon)))
	if got := one(t, a.Derive(alertNoon.Add(5*time.Hour), openReport(alertNoon))); got.State != AlertFiring {
		t.Errorf("after five hours without input: %q; want it still firing", got.State)
	}
}

// notes is a Notes in memory that can be made to fail.
type notes struct {
	m   map[string][]byte
	err error
}

func (n *notes) Notes(_ context.Context, topic string) (map[string][]byte, error) {
	out := map[string][]byte{}
	for k, v := range n.m {
		if key, ok := strings.CutPrefix(k, topic+"/"); ok {
			out[key] = v
		}
	}
	return out, n.err
}

func (n *notes) Note(_ context.Context, topic, key string, data []byte) error {
	if n.err == nil && data == nil {
		delete(n.m, topic+"/"+key)
	} else if n.err == nil {
		n.m[topic+"/"+key] = data
	}
	return n.err
}

// A restart at any point gives the same alerts as no restart.
func TestAlertsSurviveRestarts(t *testing.T) {
	n := &notes{m: map[string][]byte{}}
	lasting, restarted := NewAlerts(AlertConfig{}), (*Alerts)(nil)
	now := alertNoon
	for i, r := range []*Report{
		openReport(now), openReport(now, func(in *Incident) { in.Severity = LevelCritical }), over(now), over(now), over(now), openReport(now), over(now), over(now), over(now), over(now), over(now), {},
	} {
		now = now.Add(2 * time.Minute)
		var err error
		if restarted, err = OpenAlerts(t.Context(), AlertConfig{}, n); err != nil {
			t.Fatal(err)
		}
		got, err := restarted.Follow(t.Context(), n, now, r)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(lasting.Derive(now, r), got); diff != "" {
			t.Errorf("step %d (-without a restart +with one):\n%s", i, diff)
		}
	}
	if _, err := restarted.Follow(t.Context(), n, now.Add(48*time.Hour), &Report{}); err != nil || len(n.m) > 0 {
		t.Errorf("after two days of quiet %d alerts are noted (%v); want none", len(n.m), err)
	}
}

func TestAlertsStandWhenTheStoreFails(t *testing.T) {
	n := &notes{m: map[string][]byte{}, err: errors.New("disk full")}
	a := NewAlerts(AlertConfig{})
	got, err := a.Follow(t.Context(), n, alertNoon, openReport(alertNoon))
	if one(t, got).State != AlertFiring || !errors.Is(err, n.err) {
		t.Errorf("Follow = %+v, %v; want the alert and the error", got, err)
	}
	n.err = nil
	if _, err := a.Follow(t.Context(), n, alertNoon, openReport(alertNoon)); err != nil || len(n.m) != 1 {
		t.Errorf("once the store is back: %d noted, %v; want the alert", len(n.m), err)
	}
	for name, data := range map[string]string{"no JSON": "{", "of another": `{"alert":{"fingerprint":"x","state":"firing"}}`, "no state": `{"alert":{"fingerprint":"f"}}`} {
		if err := NewAlerts(AlertConfig{}).Restore("f", []byte(data)); err == nil {
			t.Errorf("restored %s", name)
		}
	}
}

func TestAlertTextsAreHarmless(t *testing.T) {
	r := openReport(alertNoon, func(in *Incident) {
		in.Services, in.Summary = []string{"a\x1b[2J\u202eb\n"}, strings.Repeat("x\x00", 5000)
		in.Environment = "st\raging\x07"
	})
	got := one(t, NewAlerts(AlertConfig{}).Derive(alertNoon, r))
	for _, m := range []map[string]string{got.Labels, got.Annotations} {
		for k, v := range m {
			if strings.ContainsFunc(v, unseen) || len(v) > 1000 {
				t.Errorf("%s is %.60q of %d bytes; want it visible and bounded", k, v, len(v))
			}
		}
	}
}

// Nobody is woken by "cannot tell" when half a minute more may name the cause.
func TestAlertWaitsForTheCause(t *testing.T) {
	ambiguous := openReport(alertNoon, func(in *Incident) { in.Verdict = Ambiguous })
	critical := openReport(alertNoon, func(in *Incident) { in.Verdict, in.Severity = Ambiguous, LevelCritical })
	type step struct {
		after time.Duration
		r     *Report
		want  AlertState
	}
	for name, steps := range map[string][]step{
		"the cause is known":           {{0, openReport(alertNoon), AlertFiring}},
		"it becomes known":             {{0, ambiguous, ""}, {10 * time.Second, openReport(alertNoon), AlertFiring}, {11 * time.Second, ambiguous, AlertFiring}},
		"it lasts":                     {{0, ambiguous, ""}, {29 * time.Second, ambiguous, ""}, {30 * time.Second, ambiguous, AlertFiring}},
		"it was another's consequence": {{0, ambiguous, ""}, {20 * time.Second, &Report{}, ""}, {40 * time.Second, ambiguous, ""}},
		"critical waits for nothing":   {{0, critical, AlertFiring}},
		"what came back waits no more": {{0, openReport(alertNoon), AlertFiring}, {time.Second, &Report{}, AlertFiring}, {6 * time.Minute, &Report{}, AlertResolved}, {7 * time.Minute, ambiguous, AlertFiring}},
	} {
		t.Run(name, func(t *testing.T) {
			n := &notes{m: map[string][]byte{}}
			for _, s := range steps {
				a, err := OpenAlerts(t.Context(), AlertConfig{}, n) // a restart at every step
				if err != nil {
					t.Fatal(err)
				}
				got, err := a.Follow(t.Context(), n, alertNoon.Add(s.after), s.r)
				if err != nil {
					t.Fatal(err)
				}
				if got := one(t, got); got.State != s.want {
					t.Errorf("after %s: state %q; want %q", s.after, got.State, s.want)
				}
			}
		})
	}
}

// Who reads a backlog sees its entries in no order: what looks probable may be
// gone with the next thousand.
func TestAlertsWaitForABacklog(t *testing.T) {
	began := func(ago time.Duration, verdict Verdict) *Report {
		return openReport(alertNoon, func(in *Incident) { in.Opened, in.Verdict = alertNoon.Add(-ago), verdict })
	}
	for name, tt := range map[string]struct {
		r    *Report
		want [2]AlertState // at first sight, and half a minute later
	}{
		"began just now":               {began(time.Minute, Probable), [2]AlertState{AlertFiring, AlertFiring}},
		"began a while ago":            {began(10*time.Minute, Probable), [2]AlertState{"", AlertFiring}},
		"began a while ago, confirmed": {began(10*time.Minute, Confirmed), [2]AlertState{AlertFiring, AlertFiring}},
	} {
		t.Run(name, func(t *testing.T) {
			a := NewAlerts(AlertConfig{})
			for i, want := range tt.want {
				if got := one(t, a.Derive(alertNoon.Add(time.Duration(i)*30*time.Second), tt.r)); got.State != want {
					t.Errorf("after %d half minutes: state %q; want %q", i, got.State, want)
				}
			}
		})
	}
}
