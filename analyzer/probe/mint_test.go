package probe

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/healthjwt"
)

func TestMintFigures(t *testing.T) {
	broken, slow, odd := holding(newestValue), holding(newestValue), holding(newestValue)
	broken.RoundTrip = func() error { return errors.New("no") }
	slow.RoundTrip = func() error { time.Sleep(1100 * time.Millisecond); return nil }
	odd.Algorithms = []string{"RS256"}
	f := &fleet{services: map[string]healthjwt.Config{"sound": holding(newestValue), "broken": broken, "slow": slow, "odd": odd}}
	d, domain := f.start(t)
	target := only(t, "mint", domain, d)
	rs := checked(t, target)
	for name, want := range map[string]analyzer.Status{"sound": analyzer.StatusOK, "broken": analyzer.StatusFail, "slow": analyzer.StatusWarn, "odd": analyzer.StatusUnknown} {
		conform(t, []analyzer.ProbeResult{rs[name]}, newestValue)
		if r := rs[name]; r.Status != want {
			t.Errorf("%s: %s: %s; want %s", name, r.Status, r.Detail, want)
		}
	}
	if rs["sound"].Facts[analyzer.FactMintSeconds] == "" || rs["odd"].Facts[analyzer.FactMintSeconds] != "" {
		t.Errorf("facts %v and %v; want a figure where one was measured", rs["sound"].Facts, rs["odd"].Facts)
	}
}

// A load that took its time is one measurement, however often it is told.
func TestLoadIsMeasuredOnce(t *testing.T) {
	f := &fleet{services: map[string]healthjwt.Config{"orders": serving1(healthjwt.Held{Name: "JWT_SECRET", Value: healthjwt.NewSecret(newestValue), Loaded: time.Now(), LoadTook: 250 * time.Millisecond})}}
	d, domain := f.start(t)
	target := only(t, "mint", domain, d)
	first := checked(t, target)["orders"].Facts[analyzer.FactLoadSeconds]
	next(d)
	second := checked(t, target)["orders"].Facts[analyzer.FactLoadSeconds]
	if first != "0.250000" || second != "" {
		t.Errorf("loads %q and %q; want 0.25 s once", first, second)
	}
}

func TestFreshToken(t *testing.T) {
	now := time.Now()
	seconds := func(life time.Duration) jwt.MapClaims {
		return jwt.MapClaims{"iss": "https://a.example", "aud": "api", "sub": "nobody", "iat": now.Unix(), "exp": now.Add(life).Unix()}
	}
	with := func(c jwt.MapClaims, k string, v any) jwt.MapClaims {
		if c[k] = v; v == nil {
			delete(c, k)
		}
		return c
	}
	for _, tt := range []struct {
		name   string
		claims jwt.MapClaims
		key    string
		alg    string
		status analyzer.Status
		cause  analyzer.Cause
		says   string
	}{
		{"as declared", seconds(15 * time.Minute), newestValue, "", analyzer.StatusOK, "", "alive for 900 s"},
		{"too long", seconds(24 * time.Hour), newestValue, "", analyzer.StatusFail, "token.ttl_misconfigured", "it lives 24h0m0s, declared is 15m0s"},
		{"far too short", seconds(10 * time.Second), newestValue, "", analyzer.StatusFail, "token.ttl_misconfigured", "less than a tenth"},
		{"in milliseconds", with(seconds(0), "exp", now.Add(15*time.Minute).UnixMilli()), newestValue, "", analyzer.StatusFail, "token.ttl_misconfigured", "in milliseconds"},
		{"without an end", with(seconds(0), "exp", nil), newestValue, "", analyzer.StatusFail, "token.ttl_misconfigured", "never ends"},
		{"expired", seconds(-time.Minute), newestValue, "", analyzer.StatusFail, "token.ttl_misconfigured", "expired when it is given out"},
		{"from the future", with(with(seconds(0), "iat", now.Add(time.Minute).Unix()), "exp", now.Add(16*time.Minute).Unix()), newestValue, "", analyzer.StatusFail, "time.issuer_ahead", "ahead of our clock"},
		{"another issuer", with(seconds(15*time.Minute), "iss", "https://a.example/"), newestValue, "", analyzer.StatusFail, "claim.issuer_mismatch", `its issuer is "https://a.example/"`},
		{"another audience", with(seconds(15*time.Minute), "aud", "web"), newestValue, "", analyzer.StatusFail, "claim.audience_mismatch", `"web"`},
		{"another algorithm", seconds(15 * time.Minute), newestValue, "HS384", analyzer.StatusFail, "alg.mismatch", "signed with HS384"},
		{"the older version", seconds(15 * time.Minute), olderValue, "", analyzer.StatusFail, "key.stale_cache", "signed with version 1 of jwt-main (staging), and the newest is 2"},
		{"a newline", seconds(15 * time.Minute), newestValue + "\n", "", analyzer.StatusFail, "key.whitespace_mutation", "with a trailing newline"},
		{"a default", seconds(15 * time.Minute), "changeme", "", analyzer.StatusFail, "env.fallback_used", "well-known default"},
		{"unrelated", seconds(15 * time.Minute), foreignValue, "", analyzer.StatusFail, "key.cross_service_drift", "no version of the secret explains"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			alg := tt.alg
			if alg == "" {
				alg = "HS256"
			}
			token, err := sign(alg, "", tt.claims, []byte(tt.key))
			if err != nil {
				t.Fatal(err)
			}
			r := mintedBy(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPost {
					w.WriteHeader(http.StatusMethodNotAllowed)
					return
				}
				_ = json.NewEncoder(w).Encode(map[string]any{"access_token": token, "token_type": "Bearer"})
			}))
			conform(t, []analyzer.ProbeResult{r}, token)
			if r.Status != tt.status || r.Cause != tt.cause || !strings.Contains(r.Detail, tt.says) {
				t.Errorf("%s %q: %s; want %s %q: … %s …", r.Status, r.Cause, r.Detail, tt.status, tt.cause, tt.says)
			}
		})
	}
}

// mintedBy looks at the token that h hands out.
func mintedBy(t *testing.T, h http.Handler) analyzer.ProbeResult {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	f := &fleet{ref: environmentVersions()}
	d, _ := f.start(t)
	domain := analyzer.KeyDomain{Name: "jwt-main", Environment: "staging", Issuer: "https://a.example", Audiences: []string{"api"}, Algorithms: []string{"HS256"}, TokenTTL: 15 * time.Minute,
		Services: []analyzer.Member{{Name: "auth", URL: s.URL, Health: "none", Mint: "POST /token", Signs: true}}}
	return checked(t, only(t, "mint", domain, d))["tokens of auth"]
}

func TestNoToken(t *testing.T) {
	for _, tt := range []struct {
		name   string
		code   int
		body   string
		status analyzer.Status
		cause  analyzer.Cause
		says   string
	}{
		{"a failure", 503, "", analyzer.StatusFail, "idp.down", "answers 503"},
		{"too many", 429, "", analyzer.StatusWarn, "idp.rate_limited", "429"},
		{"no leave", 401, "", analyzer.StatusUnknown, "", "whoever asks"},
		{"a page", 200, "<html>", analyzer.StatusUnknown, "", "holds no token"},
		{"an opaque token", 200, `{"access_token":"f00ba7"}`, analyzer.StatusUnknown, "", "no JWT"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := mintedBy(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tt.code)
				_, _ = w.Write([]byte(tt.body))
			}))
			conform(t, []analyzer.ProbeResult{r}, newestValue)
			if r.Status != tt.status || r.Cause != tt.cause || !strings.Contains(r.Detail, tt.says) {
				t.Errorf("%s %q: %s; want %s %q: … %s …", r.Status, r.Cause, r.Detail, tt.status, tt.cause, tt.says)
			}
		})
	}
}
