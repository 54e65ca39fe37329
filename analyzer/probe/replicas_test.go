package probe

import (
	"bytes"
	"io"
	"math"
	mrand "math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/healthjwt"
)

// rewritten lets a request through and replaces a part of the answer.
func rewritten(t http.RoundTripper, r *http.Request, old, new string) (*http.Response, error) {
	resp, err := t.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(bytes.NewReader(bytes.ReplaceAll(body, []byte(old), []byte(new))))
	return resp, err
}

// balanced is a service of several instances behind a random balancer. It
// answers in memory: what is measured is the probe.
type balanced struct {
	*memory
	instances []http.Handler
	requests  int
}

func newBalanced(t testing.TB, r *mrand.Rand) *balanced {
	t.Helper()
	b := &balanced{memory: newMemory(t, versionsOf(newestValue, olderValue))}
	b.handlers["orders.example"] = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		b.requests++
		b.instances[r.IntN(len(b.instances))].ServeHTTP(w, req)
	})
	b.domain.Services = []analyzer.Member{{Name: "orders", URL: "https://orders.example"}}
	return b
}

// hold lets the service have an instance for each value.
func (b *balanced) hold(t testing.TB, values ...string) {
	t.Helper()
	b.instances, b.requests = nil, 0
	clear(b.deps.health().populations) // it is another service now
	for i, v := range values {
		b.instances = append(b.instances, b.holding(t, "orders-"+strconv.Itoa(i), v))
	}
}

// holding is an instance with a value.
func (b *balanced) holding(t testing.TB, id, value string) http.Handler {
	t.Helper()
	h, err := healthjwt.New(healthjwt.Config{Pepper: b.pepper, Instance: id, RoundTrip: func() error { return nil },
		Held: func() []healthjwt.Held {
			return []healthjwt.Held{{Name: "JWT_SECRET", Value: healthjwt.NewSecret(value)}}
		}})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func replicasWorld(t *testing.T, secret string) Target {
	f := &fleet{services: map[string]healthjwt.Config{"orders": holding(secret)}, ref: versionsOf(secret)}
	d, domain := f.start(t)
	return only(t, "replicas", domain, d)
}

func (b *balanced) check(t testing.TB) analyzer.ProbeResult {
	t.Helper()
	target := only(t, "replicas", b.domain, b.deps)
	rs := target.check(t.Context(), 30*time.Second)
	return rs[0]
}

func repeated(value string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = value
	}
	return out
}

// One stale instance in ten: how often it is found is what the probe says.
func TestReplicasDetectionPower(t *testing.T) {
	r := mrand.New(mrand.NewPCG(10, 1))
	const fleets = 1000
	found, printed := 0, 0.0
	b := newBalanced(t, r)
	for range fleets {
		b.hold(t, append(repeated(newestValue, 9), olderValue)...)
		got := b.check(t)
		switch {
		case got.Cause == "key.split_replicas" && got.Status == analyzer.StatusFail:
			found++
		case got.Status == analyzer.StatusOK:
			p, err := strconv.ParseFloat(got.Facts["detection_power"], 64)
			if err != nil || got.Facts["detects_share"] != "0.100" {
				t.Fatalf("facts %v; want the power for one in ten", got.Facts)
			}
			printed = p
		default:
			t.Fatalf("%s %s: %s", got.Status, got.Cause, got.Detail)
		}
	}
	measured := float64(found) / fleets
	t.Logf("one stale instance in ten: found in %.1f %% of %d fleets, printed is %.1f %%", 100*measured, fleets, 100*printed)
	if math.Abs(measured-printed) > 0.02 {
		t.Errorf("measured %.3f, printed %.3f; want within 2 points", measured, printed)
	}
}

func TestReplicas(t *testing.T) {
	r := mrand.New(mrand.NewPCG(3, 3))
	for _, tt := range []struct {
		name    string
		values  []string
		status  analyzer.Status
		cause   analyzer.Cause
		says    string
		refutes bool
	}{
		{"all alike", repeated(newestValue, 10), analyzer.StatusOK, "", "instances, all with one value; one stale instance in 10 would have been met with 94.8 %", true},
		{"one alone", []string{newestValue}, analyzer.StatusOK, "", "6 fresh connections to orders met 1 of its instances, all with one value; one stale instance in 2 would have been met with 98.4 %", true},
		{"a hundred instances", repeated(newestValue, 100), analyzer.StatusOK, "", "one stale instance in 2", false},
		{"half are stale", []string{newestValue, olderValue}, analyzer.StatusFail, "key.split_replicas", "answers hold version 1 of jwt-main (staging)", false},
		{"a newline in one", []string{newestValue, newestValue, newestValue + "\n"}, analyzer.StatusFail, "key.split_replicas", "with a trailing newline", false},
		{"each its own", []string{"p1-random-0123456789abcdefghijklm", "p2-random-0123456789abcdefghijklm", "p3-random-0123456789abcdefghijklm"}, analyzer.StatusFail, "key.per_process_random", "none of which is a version", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBalanced(t, r)
			b.hold(t, tt.values...)
			got := b.check(t)
			conform(t, []analyzer.ProbeResult{got}, newestValue)
			if got.Status != tt.status || got.Cause != tt.cause || !strings.Contains(got.Detail, tt.says) || (len(got.Refutes) > 0) != tt.refutes {
				t.Errorf("%s %q: %s, ruling out %v; want %s %q: … %s …", got.Status, got.Cause, got.Detail, got.Refutes, tt.status, tt.cause, tt.says)
			}
			if b.requests > replicaRequests+1 {
				t.Errorf("%d requests; want at most %d", b.requests, replicaRequests+1)
			}
		})
	}
}

// What the rounds met counts: a service that is asked every minute needs no
// further requests, and what it held before a rotation says nothing.
func TestReplicasCountTheRounds(t *testing.T) {
	b := newBalanced(t, mrand.New(mrand.NewPCG(5, 1)))
	b.hold(t, newestValue, newestValue, newestValue)
	rounds := b.deps.health()
	rounds.every = time.Hour // the round of this test
	for range replicaRequests {
		rounds.now = nil
		b.deps.look(t.Context(), b.domain)
	}
	before := b.requests
	if got := b.check(t); got.Status != analyzer.StatusOK || got.Facts["requests"] != "0" || got.Facts["instances"] != "3" || b.requests != before {
		t.Errorf("%s, facts %v, %d further requests; want none", got.Detail, got.Facts, b.requests-before)
	}
	b.instances[1] = b.holding(t, "orders-9", olderValue)
	rounds.populations[populationOf(b.domain, "orders")] = rounds.populations[populationOf(b.domain, "orders")][:3]
	if got := b.check(t); got.Cause != "key.split_replicas" || strings.Contains(got.Detail, "28 answers") {
		t.Errorf("%s %s: %s; want the stale one found by what was asked", got.Status, got.Cause, got.Detail)
	}
}

// One sound answer rules nothing out for a service before enough of its
// instances were met, and never while another of them held something else.
func TestOneInstanceSpeaksForItself(t *testing.T) {
	b := newBalanced(t, mrand.New(mrand.NewPCG(6, 1)))
	b.deps.Domains = []analyzer.KeyDomain{b.domain}
	b.hold(t, newestValue, newestValue, newestValue)
	targets, err := Build(b.deps)
	if err != nil {
		t.Fatal(err)
	}
	target := targets[slices.IndexFunc(targets, func(t Target) bool { return t.Kind == "fingerprint" })]
	judge := func() analyzer.ProbeResult {
		b.deps.health().now = nil
		return target.check(t.Context(), 30*time.Second)[0]
	}
	if r := judge(); r.Status != analyzer.StatusOK || len(r.Refutes) > 0 {
		t.Errorf("the first answer of all: %s, ruling out %v; want nothing ruled out", r.Detail, r.Refutes)
	}
	b.check(t) // counts the instances
	if r := judge(); r.Status != analyzer.StatusOK || !slices.Contains(r.Refutes, "key.stale_cache") {
		t.Errorf("with three instances met: %s, ruling out %v", r.Detail, r.Refutes)
	}
	sound := b.instances[1]
	b.instances[0], b.instances[1], b.instances[2] = b.holding(t, "orders-1", olderValue), b.instances[0], b.instances[0]
	for range 60 {
		if r := judge(); r.Status == analyzer.StatusFail {
			break
		}
	}
	b.instances[0] = sound
	if r := judge(); r.Status != analyzer.StatusOK || len(r.Refutes) > 0 || !strings.Contains(r.Detail, "another of its instances held version 1 of jwt-main (staging) at ") {
		t.Errorf("after a stale one: %s, ruling out %v; want nothing ruled out, and why", r.Detail, r.Refutes)
	}
}
