package probe

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/healthjwt"
)

const (
	newestValue  = "newest-version-of-the-secret-4711-abcdef"
	olderValue   = "older-version-of-the-secret-0815-abcdefg"
	foreignValue = "unrelated-secret-of-somebody-else-zzzzzz"
	productValue = "the-secret-of-production-0000000-abcdefg"
)

// environmentVersions are two versions of staging and one of production.
func environmentVersions() heldVersions {
	return append(versionsOf(newestValue, olderValue), Candidate{Secret: "jwt-main", Version: "7", Environment: "production", Value: healthjwt.NewSecret(productValue)})
}

// holding is a service that holds one value from a variable.
func holding(value string) healthjwt.Config {
	return serving1(healthjwt.Held{Name: "JWT_SECRET", Value: healthjwt.NewSecret(value), Source: "env", Loaded: time.Now()})
}

func serving1(held ...healthjwt.Held) healthjwt.Config {
	return healthjwt.Config{Held: func() []healthjwt.Held { return held }}
}

// fleet is a key domain of services that answer /health/jwt.
type fleet struct {
	pepper   healthjwt.Pepper
	services map[string]healthjwt.Config
	raw      map[string]http.Handler // instead of a healthjwt.Handler
	signs    []string
	env      map[string][]string
	ref      Reference
	blind    bool // no pepper here
	domain   analyzer.KeyDomain
	changes  []analyzer.Change
	past     []analyzer.Change
}

// start runs the services and returns what the kinds build on.
func (f *fleet) start(t testing.TB) (*Deps, analyzer.KeyDomain) {
	t.Helper()
	pepper := healthjwt.NewSecret(healthjwt.NewNonce() + healthjwt.NewNonce())
	p, err := healthjwt.NewPepper(pepper)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	domain := f.domain
	domain.Name, domain.Environment = "jwt-main", "staging"
	add := func(name string, h http.Handler) {
		mux.Handle("/"+name+"/health/jwt", h)
		domain.Services = append(domain.Services, analyzer.Member{Name: name, URL: s.URL + "/" + name, Signs: slices.Contains(f.signs, name), Env: f.env[name]})
	}
	for name, c := range f.services {
		c.Pepper = pepper
		h, err := healthjwt.New(c)
		if err != nil {
			t.Fatal(err)
		}
		add(name, h)
	}
	for name, h := range f.raw {
		add(name, h)
	}
	slices.SortFunc(domain.Services, func(a, b analyzer.Member) int { return strings.Compare(a.Name, b.Name) })
	c := DefaultConfig()
	c.AllowPrivate, c.Budget, c.Timeout = []string{"127.0.0.0/8"}, 100_000, 2*time.Second
	g, err := NewGuard(c)
	if err != nil {
		t.Fatal(err)
	}
	f.pepper = p
	d := &Deps{Config: c, Guard: g, Domains: []analyzer.KeyDomain{domain}, Reference: f.ref, Classifier: texts401{}, Past: f.past,
		Changed: func(c analyzer.Change) { f.changes = append(f.changes, c) }}
	if !f.blind {
		d.Pepper = &p
	}
	return d, domain
}

// check runs one kind over the fleet and returns its results by target.
func (f *fleet) check(t testing.TB, kind string) map[string]analyzer.ProbeResult {
	t.Helper()
	d, domain := f.start(t)
	return checked(t, only(t, kind, domain, d))
}

func checked(t testing.TB, target Target) map[string]analyzer.ProbeResult {
	t.Helper()
	out := map[string]analyzer.ProbeResult{}
	for _, r := range target.check(t.Context(), 30*time.Second) {
		if _, twice := out[r.Target]; twice {
			t.Errorf("two results of %s for %s", r.Probe, r.Target)
		}
		out[r.Target] = r
	}
	return out
}

// next makes the interval of the shared answers pass.
func next(d *Deps) {
	r := d.health()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = nil
}

func fingerprintWorld(t *testing.T, secret string) Target {
	f := &fleet{services: map[string]healthjwt.Config{"orders": holding(secret + "\n"), "payments": holding(secret)}, ref: versionsOf(secret)}
	d, domain := f.start(t)
	return only(t, "fingerprint", domain, d)
}

// Each value that a service may hold has its cause, and rules out the others.
func TestFingerprint(t *testing.T) {
	old := time.Now().Add(-24 * time.Hour)
	aged := func(h healthjwt.Held, loaded time.Time) healthjwt.Config {
		h.Loaded = loaded
		return serving1(h)
	}
	older := healthjwt.Held{Name: "JWT_SECRET", Value: healthjwt.NewSecret(olderValue)}
	dated := environmentVersions()
	dated[0].Created = time.Now().Add(-time.Hour)
	chain := func(set map[string]string) healthjwt.Config {
		return serving1(healthjwt.FromEnv(func(n string) (string, bool) { v, ok := set[n]; return v, ok }, "JWT_SECRET_STAGING", "JWT_SECRET"))
	}
	for _, tt := range []struct {
		name    string
		config  healthjwt.Config
		ref     Reference
		overlap time.Duration
		signs   bool
		status  analyzer.Status
		cause   analyzer.Cause
		says    string
		open    analyzer.Cause // a cause that must not be ruled out
	}{
		{"the newest", holding(newestValue), dated, 0, false, analyzer.StatusOK, "", "holds version 2 of jwt-main (staging), which is the newest", "rotation.no_overlap"},
		{"a trailing newline", holding(newestValue + "\n"), dated, 0, false, analyzer.StatusFail, "key.whitespace_mutation", "version 2 of jwt-main (staging) with a trailing newline", ""},
		{"base64 of an older one", holding("b2xkZXItdmVyc2lvbi1vZi10aGUtc2VjcmV0LTA4MTUtYWJjZGVmZw=="), dated, 0, false, analyzer.StatusFail, "key.encoding_mismatch", "version 1 of jwt-main (staging) encoded as base64", ""},
		{"another environment's", holding(productValue), dated, 0, false, analyzer.StatusFail, "key.wrong_environment", "version 7 of jwt-main (production)", ""},
		{"another environment's with a newline", holding(productValue + "\n"), dated, 0, false, analyzer.StatusFail, "key.wrong_environment", "(production) with a trailing newline", ""},
		{"nothing in a variable", holding(""), dated, 0, false, analyzer.StatusFail, "key.secret_empty", "the empty value", ""},
		{"no variable at all", chain(nil), dated, 0, false, analyzer.StatusFail, "key.secret_missing", "none of its variables is set", ""},
		{"a default", holding("changeme"), dated, 0, false, analyzer.StatusFail, "env.fallback_used", "a well-known default", ""},
		{"the name of the variable", holding("${JWT_SECRET}"), dated, 0, false, analyzer.StatusFail, "startup.env_not_loaded", "instead of the value", ""},
		{"unrelated", holding(foreignValue), dated, 0, false, analyzer.StatusFail, "key.cross_service_drift", "no known change of one explains", "env.precedence_conflict"},
		{"the older, loaded before the rotation", aged(older, old), dated, 0, false, analyzer.StatusFail, "key.stale_cache", "before the newest came", "rotation.no_overlap"},
		{"the older, loaded after the rotation", aged(older, time.Now()), dated, 0, false, analyzer.StatusFail, "rotation.incomplete", "after the newest had come: it is pinned", ""},
		{"the older, at no known time", aged(older, time.Time{}), environmentVersions(), 0, false, analyzer.StatusFail, "key.stale_cache", "holds version 1 of jwt-main (staging); the newest is 2", ""},
		{"the older, within the overlap", aged(older, old), dated, 2 * time.Hour, false, analyzer.StatusWarn, "rotation.in_progress", "within the overlap", ""},
		{"the older, after the overlap", aged(older, old), dated, 30 * time.Minute, false, analyzer.StatusFail, "key.stale_cache", "", ""},
		{"the older, whose source has changed", serving1(healthjwt.Held{Name: "JWT_SECRET", Value: healthjwt.NewSecret(olderValue), Again: func() (healthjwt.Secret, error) { return healthjwt.NewSecret(newestValue), nil }}),
			environmentVersions(), 0, false, analyzer.StatusFail, "key.stale_cache", "its source has another value by now", ""},
		{"signs with the older and takes both", serving1(older, healthjwt.Held{Name: "JWT_SECRET_NEXT", Role: healthjwt.RolePrevious, Value: healthjwt.NewSecret(newestValue)}), dated, 0, false,
			analyzer.StatusFail, "rotation.incomplete", "takes the newest beside it", ""},
		{"two variables", chain(map[string]string{"JWT_SECRET_STAGING": olderValue, "JWT_SECRET": newestValue}), dated, 0, false, analyzer.StatusFail, "env.precedence_conflict", "JWT_SECRET_STAGING wins over JWT_SECRET", ""},
		{"nobody reads versions", holding(newestValue), nil, 0, false, analyzer.StatusOK, "", "the same value as payments", "key.stale_cache"},
		{"nobody reads versions, and they differ", holding(foreignValue), nil, 0, false, analyzer.StatusFail, "", "who is wrong is ambiguous", "key.cross_service_drift"},
		{"nobody reads versions, and it is empty", holding(""), nil, 0, false, analyzer.StatusFail, "key.secret_empty", "the empty value", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &fleet{services: map[string]healthjwt.Config{"orders": tt.config, "payments": holding(newestValue)}, ref: tt.ref, domain: analyzer.KeyDomain{Overlap: tt.overlap},
				env: map[string][]string{"orders": {"JWT_SECRET_STAGING", "JWT_SECRET"}}}
			if tt.signs {
				f.signs = []string{"orders"}
			}
			rs := f.check(t, "fingerprint")
			r := rs["orders"]
			conform(t, []analyzer.ProbeResult{r, rs["payments"]}, newestValue)
			if r.Status != tt.status || r.Cause != tt.cause || !strings.Contains(r.Detail, tt.says) {
				t.Errorf("%s %q: %s; want %s %q: … %s …", r.Status, r.Cause, r.Detail, tt.status, tt.cause, tt.says)
			}
			if slices.Contains(r.Refutes, tt.cause) || tt.open != "" && slices.Contains(r.Refutes, tt.open) {
				t.Errorf("it rules out %v; want neither %q nor %q among them", r.Refutes, tt.cause, tt.open)
			}
			if tt.cause != "" && tt.ref != nil && tt.cause != "rotation.in_progress" && len(r.Refutes) < 6 {
				t.Errorf("it rules out %v alone", r.Refutes)
			}
			for _, c := range append(r.Refutes, r.Cause) {
				if c != "" && c.Info().Means == string(c) {
					t.Errorf("cause %q is not in the catalogue", c)
				}
			}
		})
	}
}

// A signer that holds the wrong value is a fault of the whole domain: the
// others refuse its tokens, and their own soundness rules nothing out.
func TestFingerprintOfSigner(t *testing.T) {
	f := &fleet{services: map[string]healthjwt.Config{"auth": holding(foreignValue), "orders": holding(newestValue), "payments": holding(newestValue)}, ref: environmentVersions(), signs: []string{"auth"}}
	rs := f.check(t, "fingerprint")
	r := rs["tokens of auth"]
	if r.Status != analyzer.StatusFail || r.Cause != "key.cross_service_drift" || r.Service.Name != "" || !strings.Contains(r.Detail, "orders, payments refuse the tokens that auth signs") {
		t.Errorf("got %+v; want the drift of the signer for all", r)
	}
	if slices.Contains(rs["orders"].Refutes, "key.cross_service_drift") {
		t.Error("orders rules out that its failures come of a signer that drifted")
	}
	moved := &fleet{services: map[string]healthjwt.Config{"auth": holding(newestValue), "orders": holding(olderValue), "payments": holding(olderValue), "search": holding(newestValue)}, ref: environmentVersions(), signs: []string{"auth"}}
	rs = moved.check(t, "fingerprint")
	if rs["orders"].Cause != "rotation.no_overlap" || rs["payments"].Cause != "rotation.no_overlap" || rs["search"].Cause != "" {
		t.Errorf("a signer that moved first: %q, %q, %q; want rotation.no_overlap of the two left behind", rs["orders"].Cause, rs["payments"].Cause, rs["search"].Cause)
	}
}

// What changes between rounds is told once, and known again after a restart.
func TestFingerprintChanges(t *testing.T) {
	value := newestValue
	held := func() []healthjwt.Held {
		return []healthjwt.Held{{Name: "JWT_SECRET", Value: healthjwt.NewSecret(value)}}
	}
	ref := &switching{heldVersions: versionsOf(newestValue)}
	f := &fleet{services: map[string]healthjwt.Config{"orders": {Held: held}, "payments": holding(newestValue)}, ref: ref}
	d, domain := f.start(t)
	target := only(t, "fingerprint", domain, d)
	round := func(want ...string) {
		t.Helper()
		f.changes = nil
		next(d)
		checked(t, target)
		var got []string
		for _, c := range f.changes {
			if c.At.IsZero() || c.Evidence == "" || len(c.Evidence) > 200 || strings.Contains(c.Evidence, value) {
				t.Errorf("change %+v; want a time and a short evidence", c)
			}
			got = append(got, fmt.Sprintf("%s %s", c.Kind, c.Target))
		}
		if !slices.Equal(got, want) {
			t.Errorf("changes %q; want %q", got, want)
		}
	}
	round()
	round()
	value = newestValue + "\n"
	round("value_changed orders", "drift_began orders")
	round()
	past := slices.Clone(f.past)
	value = newestValue
	round("value_changed orders", "drift_ended orders")
	ref.heldVersions = versionsOf("a-third-version-of-the-secret-123456789012", newestValue)
	ref.heldVersions[0].Created = time.Now()
	round("secret_rotated jwt-main") // both are behind now, and agree: nobody is refused
	value = "a-third-version-of-the-secret-123456789012"
	round("value_changed orders", "drift_began payments")
	again := &fleet{services: f.services, ref: ref, past: append(past, analyzer.Change{Kind: analyzer.DriftBegan, Target: "payments", Details: map[string]string{keyDomainDetail: "jwt-main"}})}
	if again.check(t, "fingerprint"); len(again.changes) != 0 {
		t.Errorf("after a restart %v is told; want nothing new", again.changes)
	}
}

type switching struct{ heldVersions }

// A version that was added just now and that nobody has taken up is a
// rotation that begins; one that lies there for hours was forgotten.
func TestFingerprintBeforeTakeUp(t *testing.T) {
	for _, tt := range []struct {
		age   time.Duration
		cause analyzer.Cause
	}{{time.Minute, "rotation.in_progress"}, {3 * time.Hour, "key.stale_cache"}} {
		ref := environmentVersions()
		ref[0].Created = time.Now().Add(-tt.age)
		older := serving1(healthjwt.Held{Name: "JWT_SECRET", Value: healthjwt.NewSecret(olderValue), Loaded: time.Now().Add(-24 * time.Hour)})
		f := &fleet{services: map[string]healthjwt.Config{"orders": older, "payments": older}, ref: ref}
		if r := f.check(t, "fingerprint")["orders"]; r.Status != analyzer.StatusWarn || r.Cause != tt.cause {
			t.Errorf("%s after the rotation: %s %q: %s; want a warning, %s", tt.age, r.Status, r.Cause, r.Detail, tt.cause)
		}
	}
}
