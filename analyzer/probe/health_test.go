package probe

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/healthjwt"
)

// healthWorld is a fleet of which one service holds the secret with a newline.
func healthWorld(kind string) func(t *testing.T, secret string) Target {
	return func(t *testing.T, secret string) Target {
		env := func(value string) healthjwt.Config {
			return serving1(healthjwt.FromEnv(func(n string) (string, bool) { return value, n == "JWT_SECRET" }, "JWT_SECRET_STAGING", "JWT_SECRET"))
		}
		chain := []string{"JWT_SECRET_STAGING", "JWT_SECRET"}
		f := &fleet{services: map[string]healthjwt.Config{"orders": env(secret + "\n"), "payments": env(secret)}, env: map[string][]string{"orders": chain, "payments": chain},
			ref: versionsOf(secret), domain: analyzer.KeyDomain{Secret: "jwt-main"}}
		d, domain := f.start(t)
		return only(t, kind, domain, d)
	}
}

// All kinds together ask each service once in an interval, under one nonce.
func TestHealthIsAskedOnce(t *testing.T) {
	var asked [3]atomic.Int64
	nonces := make(chan string, 100)
	f := &fleet{services: map[string]healthjwt.Config{}, ref: versionsOf(newestValue), env: map[string][]string{"s0": {"JWT_SECRET"}}}
	for i := range asked {
		c := holding(newestValue)
		held := c.Held
		c.Held = func() []healthjwt.Held { asked[i].Add(1); return held() }
		f.services[fmt.Sprint("s", i)] = c
	}
	d, domain := f.start(t)
	d.health().every = time.Hour // whatever the clock, one interval
	transport := d.Guard.client.Transport
	d.Guard.client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		nonces <- r.URL.Query().Get("nonce")
		return transport.RoundTrip(r)
	})
	done := make(chan bool)
	for _, kind := range healthKinds {
		target := only(t, kind, domain, d)
		go func() { target.check(t.Context(), 30*time.Second); done <- true }()
	}
	for range healthKinds {
		<-done
	}
	close(nonces)
	first := ""
	for n := range nonces {
		if first == "" {
			first = n
		}
		if n != first || n == "" {
			t.Errorf("nonces %q and %q in one round; want one", first, n)
		}
	}
	for i := range asked {
		if n := asked[i].Load(); n != 1 {
			t.Errorf("s%d was asked %d times by %d kinds; want once", i, n, len(healthKinds))
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// agreed is an answer in the agreed shape; %s is the rest of it.
const agreed = `{"status":"healthy","details":{"jwt_secret_available":true,"secret_length_valid":true,"cross_service_consistency":true,"last_validated":"2026-01-01T00:00:00Z"}%s}`

// Responders that lie, drag, flood or stammer: each is handled, and named.
func TestHostileHealth(t *testing.T) {
	const tag = "AAAAAAAAAAAAAAAAAAAAAA"
	extended := func(format string, args ...any) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			text := strings.ReplaceAll(fmt.Sprintf(format, args...), "NONCE", r.URL.Query().Get("nonce"))
			fmt.Fprintf(w, agreed, `,"why401":`+text)
		}
	}
	text := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code); fmt.Fprint(w, body) }
	}
	for _, tt := range []struct {
		name   string
		h      http.HandlerFunc
		status analyzer.Status
		says   string
		kind   string
	}{
		{"a login page", text(200, "<!DOCTYPE html><title>Sign in</title>"), analyzer.StatusUnknown, "serves a page in place of the answer", "fingerprint"},
		{"half an answer", text(200, `{"status":"healthy","details":{"jwt_secret_av`), analyzer.StatusUnknown, "what is no JSON, from byte", "fingerprint"},
		{"nothing", text(200, ""), analyzer.StatusUnknown, "answers 200 and nothing else", "fingerprint"},
		{"other types", text(200, `{"status":"healthy","details":{"jwt_secret_available":"yes"}}`), analyzer.StatusUnknown, "in another shape", "fingerprint"},
		{"another document", text(200, `{"status":"UP"}`), analyzer.StatusUnknown, "without the status and the details", "fingerprint"},
		{"no handler", text(404, "not found"), analyzer.StatusUnknown, "has nothing at", "fingerprint"},
		{"a failure", text(500, "boom"), analyzer.StatusUnknown, "answers 500", "fingerprint"},
		{"another pepper", text(401, `{"error":"the signature of the request does not verify: the peppers differ"}`), analyzer.StatusUnknown, "the peppers differ", "fingerprint"},
		{"too many requests", text(429, `{}`), analyzer.StatusUnknown, "limits the rate", "fingerprint"},
		{"slow headers", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, analyzer.StatusUnknown, "does not answer", "fingerprint"},
		{"a slow body", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				_, _ = w.Write([]byte(" "))
				_ = http.NewResponseController(w).Flush()
				time.Sleep(20 * time.Millisecond)
			}
		}, analyzer.StatusUnknown, "does not answer", "fingerprint"},
		{"endless", func(w http.ResponseWriter, _ *http.Request) {
			for range 64 {
				_, _ = w.Write([]byte(strings.Repeat(`{"a":`, 8<<10)))
			}
		}, analyzer.StatusUnknown, "answers more than", "fingerprint"},
		{"deep", text(200, strings.Repeat(`{"details":`, 90_000)), analyzer.StatusUnknown, "what is no JSON", "fingerprint"},
		{"a redirect", http.RedirectHandler("https://127.0.0.2/", http.StatusFound).ServeHTTP, analyzer.StatusUnknown, "elsewhere", "fingerprint"},
		{"a cached answer", extended(`{"version":1,"nonce":"AAAAAAAAAAAAAAAAAAAAAAAAAA","secrets":[]}`), analyzer.StatusUnknown, "a cache stands before it", "fingerprint"},
		{"another version", extended(`{"version":9,"nonce":"NONCE","secrets":[]}`), analyzer.StatusUnknown, "speaks version 9", "fingerprint"},
		{"a thousand secrets", extended(`{"version":1,"nonce":"NONCE","secrets":[%s{}]}`, strings.Repeat("{},", 999)), analyzer.StatusUnknown, "lists 1000 secrets", "fingerprint"},
		{"a secret for a fingerprint", extended(`{"version":1,"nonce":"NONCE","secrets":[{"name":"JWT_SECRET","role":"current","kind":"hmac","fingerprint":"hunter2-hunter2"}]}`), analyzer.StatusUnknown, "a fingerprint of it is none", "fingerprint"},
		{"no extension", text(200, fmt.Sprintf(agreed, "")), analyzer.StatusUnknown, "not of the fingerprint protocol", "fingerprint"},
		{"healthy, and not", text(200, `{"status":"healthy","details":{"jwt_secret_available":true,"secret_length_valid":false}}`), analyzer.StatusFail, "too short", "secret"},
		{"a secret that is not listed", extended(`{"version":1,"nonce":"NONCE","secrets":[]}`), analyzer.StatusWarn, "says that a secret is there, and lists none", "secret"},
		{"a value for a name", extended(`{"version":1,"nonce":"NONCE","instance":"hunter2","secrets":[{"name":"%s","role":"current","kind":"hmac","fingerprint":"%s","chain":[{"name":"%s","state":"wins"}]}]}`, newestValue, tag, newestValue), analyzer.StatusFail, "no known change of one explains", "fingerprint"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fleet{raw: map[string]http.Handler{"orders": tt.h}, services: map[string]healthjwt.Config{"payments": holding(newestValue)}, ref: environmentVersions()}
			d, domain := f.start(t)
			d.Guard.client.Timeout = 400 * time.Millisecond
			rs := checked(t, only(t, tt.kind, domain, d))
			r := rs["orders"]
			conform(t, []analyzer.ProbeResult{r}, newestValue)
			if r.Status != tt.status || !strings.Contains(r.Detail, tt.says) {
				t.Errorf("%s: %s; want %s: … %s …", r.Status, r.Detail, tt.status, tt.says)
			}
			if rs["payments"].Status != analyzer.StatusOK {
				t.Errorf("a sound peer: %s", rs["payments"].Detail)
			}
		})
	}
}

// A service that lies about itself is told by what it holds.
func TestLyingHealth(t *testing.T) {
	t.Run("a fingerprint that is always the same", func(t *testing.T) {
		f := &fleet{raw: map[string]http.Handler{"orders": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, agreed, fmt.Sprintf(`,"why401":{"version":1,"nonce":%q,"secrets":[{"name":"JWT_SECRET","fingerprint":"AAAAAAAAAAAAAAAAAAAAAA"}]}`, r.URL.Query().Get("nonce")))
		})}, services: map[string]healthjwt.Config{"payments": holding(newestValue)}, ref: environmentVersions()}
		d, domain := f.start(t)
		target := only(t, "fingerprint", domain, d)
		checked(t, target)
		next(d)
		if r := checked(t, target)["orders"]; r.Status != analyzer.StatusUnknown || !strings.Contains(r.Detail, "does not change with the nonce") {
			t.Errorf("%s: %s; want it not believed", r.Status, r.Detail)
		}
	})
	t.Run("it says that nothing is wrong", func(t *testing.T) {
		short := "only-19-bytes-here."
		f := &fleet{services: map[string]healthjwt.Config{"orders": {Algorithms: []string{"RS256"}, Held: func() []healthjwt.Held {
			return []healthjwt.Held{{Name: "JWT_SECRET", Value: healthjwt.NewSecret(short)}}
		}}}, ref: versionsOf(short), domain: analyzer.KeyDomain{Algorithms: []string{"HS256"}}}
		d, domain := f.start(t)
		transport := d.Guard.client.Transport
		d.Guard.client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			return rewritten(transport, r, `"algorithms":["RS256"],`, "")
		})
		r := checked(t, only(t, "secret", domain, d))["orders"]
		if r.Status != analyzer.StatusFail || r.Cause != "key.too_short" || !strings.Contains(r.Detail, "says that the length of its secret is valid, and holds version 1") {
			t.Errorf("%s %s: %s; want the lie named", r.Status, r.Cause, r.Detail)
		}
	})
}

// A service that does not answer is asked less often, and again in the end.
func TestHealthRests(t *testing.T) {
	var asked atomic.Int64
	down := atomic.Bool{}
	down.Store(true)
	f := &fleet{raw: map[string]http.Handler{"orders": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		if down.Load() {
			w.WriteHeader(500)
			return
		}
		fmt.Fprintf(w, agreed, "")
	})}}
	d, domain := f.start(t)
	target := only(t, "clock", domain, d)
	r := d.health()
	slot := time.Now().Truncate(r.every)
	for range 30 {
		slot = slot.Add(r.every)
		r.now = &round{rounds: r, slot: slot, nonce: healthjwt.NewNonce(), calls: map[string]*call{}, looks: map[string]*look{}}
		r.now.all(t.Context(), domain.Services)
	}
	if n := asked.Load(); n < 4 || n > 9 {
		t.Errorf("a service that fails was asked %d times in 30 rounds; want the first few and then less often", n)
	}
	down.Store(false)
	for range maxRest + 1 {
		slot = slot.Add(r.every)
		r.now = &round{rounds: r, slot: slot, nonce: healthjwt.NewNonce(), calls: map[string]*call{}, looks: map[string]*look{}}
		r.now.all(t.Context(), domain.Services)
	}
	if h := r.now.ask(t.Context(), healthURL(domain.Services[0])); h.answer == nil {
		t.Errorf("a service that answers again: %s", h.why)
	}
	_ = target
}

// A service without a pepper still tells what needs no fingerprint, and is
// asked without a signature from then on.
func TestHealthWithoutPepper(t *testing.T) {
	var asked atomic.Int64
	f := &fleet{raw: map[string]http.Handler{"orders": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.URL.Query().Get("nonce") != "" {
			w.WriteHeader(401)
			fmt.Fprint(w, `{"error":"this service has no pepper: fingerprints are off"}`)
			return
		}
		fmt.Fprintf(w, agreed, "")
	})}}
	d, domain := f.start(t)
	secret, fp := only(t, "secret", domain, d), only(t, "fingerprint", domain, d)
	for range 3 {
		if r := checked(t, secret)["orders"]; r.Status != analyzer.StatusOK || !strings.Contains(r.Detail, "as it says itself") {
			t.Errorf("secret: %s: %s; want ok by its own word", r.Status, r.Detail)
		}
		if r := checked(t, fp)["orders"]; r.Status != analyzer.StatusUnknown || !strings.Contains(r.Detail, "pepper") {
			t.Errorf("fingerprint: %s: %s; want unknown, and why", r.Status, r.Detail)
		}
		next(d)
	}
	if n := asked.Load(); n != 4 {
		t.Errorf("%d requests in 3 rounds; want 4: one for the refused signature", n)
	}
}
