package probe

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/healthjwt"
)

// skewed answers as a service whose clock is ahead; signed tells whether it
// speaks the protocol, or only sends a Date header.
func skewed(ahead time.Duration, signed bool, took time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(took / 2)
		now := time.Now().Add(ahead)
		time.Sleep(took / 2)
		w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
		a := healthjwt.Answer{Status: healthjwt.Healthy, Details: healthjwt.Details{JWTSecretAvailable: true, SecretLengthValid: true}}
		if signed {
			a.Extension = &healthjwt.Extension{Version: healthjwt.Version, Nonce: r.URL.Query().Get("nonce"), Now: now, Secrets: []healthjwt.State{{Name: "JWT_SECRET"}}}
		}
		_ = json.NewEncoder(w).Encode(a)
	})
}

func TestClock(t *testing.T) {
	for _, tt := range []struct {
		name   string
		ahead  time.Duration
		signed bool
		signs  bool
		leeway time.Duration
		took   time.Duration
		status analyzer.Status
		cause  analyzer.Cause
		says   string
	}{
		{"right", 0, true, false, 0, 0, analyzer.StatusOK, "", "by its own answer"},
		{"right by its Date header", 0, false, false, 0, 0, analyzer.StatusOK, "", "by the Date header"},
		{"within the leeway", 20 * time.Second, true, false, 30 * time.Second, 0, analyzer.StatusOK, "", "20.0 s ahead of ours"},
		{"a verifier ahead", 95 * time.Second, true, false, 30 * time.Second, 0, analyzer.StatusFail, "time.verifier_ahead", "95.0 s ahead of ours"},
		{"a verifier ahead by its Date header", 95 * time.Second, false, false, 30 * time.Second, 0, analyzer.StatusFail, "time.verifier_ahead", "s ahead of ours"},
		{"a verifier behind", -95 * time.Second, true, false, 0, 0, analyzer.StatusFail, "time.issuer_ahead", "95.0 s behind ours"},
		{"a signer ahead", 95 * time.Second, true, true, 0, 0, analyzer.StatusFail, "time.issuer_ahead", "come from the future"},
		{"a signer behind", -95 * time.Second, true, true, 0, 0, analyzer.StatusFail, "time.verifier_ahead", "expire early"},
		{"an answer too slow to tell", 2100 * time.Millisecond, true, false, 0, 600 * time.Millisecond, analyzer.StatusOK, "", "give or take"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &fleet{raw: map[string]http.Handler{"orders": skewed(tt.ahead, tt.signed, tt.took)}, domain: analyzer.KeyDomain{Leeway: tt.leeway}}
			if tt.signs {
				f.signs = []string{"orders"}
			}
			r := f.check(t, "clock")["orders"]
			conform(t, []analyzer.ProbeResult{r}, newestValue)
			if r.Status != tt.status || r.Cause != tt.cause || !strings.Contains(r.Detail, tt.says) {
				t.Errorf("%s %q: %s; want %s %q: … %s …", r.Status, r.Cause, r.Detail, tt.status, tt.cause, tt.says)
			}
			if (r.Service.Name == "") != (tt.signs && tt.cause != "") {
				t.Errorf("the result is about %q; a signer's clock is a matter of the whole domain", r.Service.Name)
			}
		})
	}
}

// When all others are off by the same, it is our clock.
func TestOurOwnClock(t *testing.T) {
	f := &fleet{raw: map[string]http.Handler{}}
	for i := range 4 {
		f.raw[fmt.Sprint("s", i)] = skewed(-time.Minute, true, 0)
	}
	f.raw["s4"] = skewed(0, true, 0)
	for name, r := range f.check(t, "clock") {
		if r.Status != analyzer.StatusUnknown || !strings.Contains(r.Detail, "our own clock is off") {
			t.Errorf("%s: %s: %s; want our own clock named", name, r.Status, r.Detail)
		}
	}
}
