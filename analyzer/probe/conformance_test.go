package probe

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/why401/why401/analyzer"
)

// worlds builds, for each kind, a target in a world that holds secret
// somewhere the probe can see. Every kind must be in it.
var worlds = map[string]func(t *testing.T, secret string) Target{
	"alignment":      healthWorld("alignment"),
	"clock":          healthWorld("clock"),
	"mint":           healthWorld("mint"),
	"precedence":     healthWorld("precedence"),
	"replicas":       replicasWorld,
	"secret":         healthWorld("secret"),
	"canary":         canaryWorld,
	"fingerprint":    fingerprintWorld,
	"jwks":           jwksWorld,
	"negative":       negativeWorld,
	"oidc":           oidcWorld,
	"redis_login":    redisWorld,
	"secret_manager": secretManagerWorld,
}

// What every kind promises.
func TestConformance(t *testing.T) {
	for _, kind := range Kinds() {
		world, ok := worlds[kind]
		if !ok {
			t.Errorf("kind %s has no world in the conformance suite", kind)
			continue
		}
		t.Run(kind, func(t *testing.T) {
			const secret = "planted-secret-4f9c2e71d0b8a653"
			target := world(t, secret)
			target.Kind, target.Domain = kind, "jwt-main"
			t.Run("explains itself and leaks nothing", func(t *testing.T) { conform(t, target.check(t.Context(), 30*time.Second), secret) })
			t.Run("a world that does not answer is unknown", func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				blind := world(t, secret)
				blind.Kind, blind.Domain = kind, "jwt-main"
				results := blind.check(ctx, 30*time.Second)
				conform(t, results, secret)
				for _, r := range results {
					if r.Status == analyzer.StatusOK || r.Status == analyzer.StatusFail {
						t.Errorf("status %s although nothing could be seen (%s); want unknown", r.Status, r.Detail)
					}
				}
			})
			t.Run("returns soon after the deadline", func(t *testing.T) {
				began := time.Now()
				target.check(t.Context(), time.Millisecond)
				if took := time.Since(began); took > 10*time.Second {
					t.Errorf("took %s with a deadline of 1 ms", took)
				}
			})
		})
	}
}

func conform(t *testing.T, results []analyzer.ProbeResult, secret string) {
	t.Helper()
	if len(results) == 0 {
		t.Fatal("no result")
	}
	for _, r := range results {
		if len(r.Detail) < 20 || len(r.Detail) > 600 {
			t.Errorf("detail %q; want a sentence", r.Detail)
		}
		if r.Target == "" || r.Probe == "" || r.Domain == "" || r.At.IsZero() {
			t.Errorf("incomplete result %+v", r)
		}
		if strings.ContainsAny(r.Target, "?#@") {
			t.Errorf("target %q; want no query and no user", r.Target)
		}
		switch r.Status {
		case analyzer.StatusOK, analyzer.StatusUnknown:
			if r.Cause != "" {
				t.Errorf("status %s with cause %s; want none", r.Status, r.Cause)
			}
		case analyzer.StatusWarn, analyzer.StatusFail:
		default:
			t.Errorf("status %q is no status", r.Status)
		}
		if r.Status == analyzer.StatusUnknown && len(r.Refutes) > 0 {
			t.Errorf("unknown refutes %v; want nothing", r.Refutes)
		}
		text := r.Target + r.Detail + string(r.Cause)
		for k, v := range r.Facts {
			text += " " + k + " " + v
		}
		if strings.Contains(text, secret) {
			t.Errorf("the result shows the secret: %s", text)
		}
	}
}

// The suite must be able to fail.
func TestConformanceCatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target := Target{Kind: "k", Domain: "d", Name: "n", Probe: probeFunc(func(context.Context) []analyzer.ProbeResult { return nil })}
		r := target.check(t.Context(), time.Second)
		if len(r) != 1 || r[0].Status != analyzer.StatusUnknown || r[0].Detail == "" {
			t.Errorf("a probe without an answer gives %+v; want one unknown", r)
		}
	})
}
