package probe

import (
	"strings"
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/healthjwt"
)

func TestAlignmentOfSettings(t *testing.T) {
	sound := func() healthjwt.Config {
		c := holding(newestValue)
		c.Algorithms, c.Issuer, c.Audiences, c.Leeway = []string{"HS256"}, "https://a.example", []string{"api"}, 30*time.Second
		return c
	}
	change := func(f func(*healthjwt.Config)) healthjwt.Config { c := sound(); f(&c); return c }
	declared := analyzer.KeyDomain{Algorithms: []string{"HS256"}, Issuer: "https://a.example", Audiences: []string{"api", "web"}, Leeway: 30 * time.Second}
	for _, tt := range []struct {
		name   string
		config healthjwt.Config
		domain analyzer.KeyDomain
		status analyzer.Status
		cause  analyzer.Cause
		says   string
	}{
		{"as declared", sound(), declared, analyzer.StatusOK, "", "what is declared"},
		{"as its peers", sound(), analyzer.KeyDomain{}, analyzer.StatusOK, "", "its peers"},
		{"another algorithm", change(func(c *healthjwt.Config) { c.Algorithms = []string{"HS512"} }), declared, analyzer.StatusFail, "alg.mismatch", "does not accept HS256, which is declared"},
		{"another algorithm than its peers", change(func(c *healthjwt.Config) { c.Algorithms = []string{"HS512"} }), analyzer.KeyDomain{}, analyzer.StatusFail, "alg.mismatch", "what 3 of 4 services want"},
		{"one algorithm more", change(func(c *healthjwt.Config) { c.Algorithms = []string{"HS256", "HS512"} }), declared, analyzer.StatusWarn, "", "accepts HS512 beside"},
		{"alg none", change(func(c *healthjwt.Config) { c.Algorithms = []string{"HS256", "none"} }), declared, analyzer.StatusFail, "verifier.accepts_invalid", "accepts alg none"},
		{"two kinds of key", change(func(c *healthjwt.Config) { c.Algorithms = []string{"HS256", "RS256"} }), declared, analyzer.StatusFail, "verifier.accepts_invalid", "HMAC and public keys at once"},
		{"a slash more", change(func(c *healthjwt.Config) { c.Issuer += "/" }), declared, analyzer.StatusFail, "claim.issuer_mismatch", `wants the issuer "https://a.example/"`},
		{"a slash more than its peers", change(func(c *healthjwt.Config) { c.Issuer += "/" }), analyzer.KeyDomain{}, analyzer.StatusFail, "claim.issuer_mismatch", "what 3 of 4 services want"},
		{"no issuer", change(func(c *healthjwt.Config) { c.Issuer = "" }), declared, analyzer.StatusWarn, "", "does not look at the issuer"},
		{"another audience", change(func(c *healthjwt.Config) { c.Audiences = []string{"billing"} }), declared, analyzer.StatusFail, "claim.audience_mismatch", `wants the audience "billing"`},
		{"an audience of its own", change(func(c *healthjwt.Config) { c.Audiences = []string{"billing"} }), analyzer.KeyDomain{}, analyzer.StatusOK, "", "its peers"},
		{"no audience", change(func(c *healthjwt.Config) { c.Audiences = nil }), declared, analyzer.StatusWarn, "", "does not look at the audience"},
		{"no leeway", change(func(c *healthjwt.Config) { c.Leeway = 0 }), declared, analyzer.StatusWarn, "", "tolerates 0s, and 30s is declared"},
		{"no leeway, and its peers have", change(func(c *healthjwt.Config) { c.Leeway = 0 }), analyzer.KeyDomain{}, analyzer.StatusWarn, "", "30s is what 3 of 4 services want"},
		{"an hour of leeway", change(func(c *healthjwt.Config) { c.Leeway = time.Hour }), declared, analyzer.StatusWarn, "", "a few minutes should do"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &fleet{services: map[string]healthjwt.Config{"orders": tt.config, "payments": sound(), "search": sound(), "users": sound()}, domain: tt.domain}
			rs := f.check(t, "alignment")
			r := rs["orders"]
			conform(t, []analyzer.ProbeResult{r}, newestValue)
			if r.Status != tt.status || r.Cause != tt.cause || !strings.Contains(r.Detail, tt.says) {
				t.Errorf("%s %q: %s; want %s %q: … %s …", r.Status, r.Cause, r.Detail, tt.status, tt.cause, tt.says)
			}
			if rs["payments"].Status != analyzer.StatusOK {
				t.Errorf("a sound peer: %s", rs["payments"].Detail)
			}
		})
	}
}

// No environment may hold another one's secret: seen in the store, and, where
// that cannot be read, in the memory of services.
func TestAlignmentOfEnvironments(t *testing.T) {
	both := func(staging, production string, ref Reference) map[string]analyzer.ProbeResult {
		f := &fleet{services: map[string]healthjwt.Config{"orders": holding(staging), "payments": holding(production)}, ref: ref}
		d, all := f.start(t)
		domain, other := all, all
		domain.Services, other.Services = all.Services[:1], all.Services[1:]
		other.Environment = "production"
		d.Domains = []analyzer.KeyDomain{domain, other}
		return checked(t, only(t, "alignment", domain, d))
	}
	for _, tt := range []struct {
		name                string
		staging, production string
		ref                 Reference
		status              analyzer.Status
		says                string
	}{
		{"apart", newestValue, productValue, environmentVersions(), analyzer.StatusOK, "shares no secret"},
		{"apart, and no versions", newestValue, productValue, nil, analyzer.StatusOK, "shares no secret"},
		{"one secret in the store", newestValue, newestValue, append(versionsOf(newestValue), Candidate{Secret: "jwt-main", Version: "7", Environment: "production", Value: healthjwt.NewSecret(newestValue)}), analyzer.StatusFail, "version 1 of jwt-main (staging) equals version 7 of jwt-main (production)"},
		{"one secret in memory", newestValue, newestValue, nil, analyzer.StatusFail, "orders (staging) holds the same secret as payments (production)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := both(tt.staging, tt.production, tt.ref)["environments"]
			conform(t, []analyzer.ProbeResult{r}, newestValue)
			if r.Status != tt.status || !strings.Contains(r.Detail, tt.says) || (r.Cause == "key.wrong_environment") != (tt.status == analyzer.StatusFail) {
				t.Errorf("%s %q: %s; want %s: … %s …", r.Status, r.Cause, r.Detail, tt.status, tt.says)
			}
		})
	}
}
