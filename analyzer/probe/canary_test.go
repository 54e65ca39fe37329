package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/healthjwt"
)

// texts401 classifies the few texts that the services of these tests print.
// The real rules are tested with the real probes in package main.
type texts401 struct{}

func (texts401) Screen([]byte) bool { return true }

func (texts401) Classify(e *analyzer.Entry) analyzer.Classification {
	var c analyzer.Classification
	for text, reason := range map[string]analyzer.Reason{
		"signature is invalid": analyzer.BadSignature, "token is expired": analyzer.ExpiredToken, "token has invalid audience": analyzer.AudienceMismatch,
		"token is malformed": analyzer.MalformedToken, "signing method": analyzer.AlgorithmMismatch, "no key for": analyzer.KeyNotFound, "lives too long": analyzer.InvalidClaim,
		"key cannot be empty": analyzer.MissingSecret, "key size": analyzer.WeakSecret,
	} {
		if strings.Contains(e.Message, text) {
			c.Outcome, c.Reasons = analyzer.OutcomeRefused, append(c.Reasons, reason)
		}
	}
	return c
}

// held is a Reference of what it holds.
type heldVersions []Candidate

func (h heldVersions) Candidates(context.Context, analyzer.KeyDomain) ([]Candidate, error) {
	if h == nil {
		return nil, errors.New("no access")
	}
	return h, nil
}

func versionsOf(values ...string) heldVersions {
	var out heldVersions
	for i, v := range values {
		out = append(out, Candidate{Secret: "jwt-main", Version: fmt.Sprint(len(values) - i), Environment: "staging", Value: healthjwt.NewSecret(v)})
	}
	return out
}

// verifier is a service that checks tokens with golang-jwt.
type verifier struct {
	keyfunc jwt.Keyfunc
	options []jwt.ParserOption
	check   func(jwt.MapClaims) error
	words   func(err error) string // nil: the error's own text
	seen    atomic.Int64
	log     func(trace, text string)
}

func (v *verifier) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.seen.Add(1)
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	c := jwt.MapClaims{}
	_, err := jwt.ParseWithClaims(token, c, v.keyfunc, v.options...)
	if err == nil && v.check != nil {
		err = v.check(c)
	}
	if err == nil {
		fmt.Fprint(w, `{"ok":true}`)
		return
	}
	text := err.Error()
	if v.log != nil {
		v.log(strings.Split(r.Header.Get("Traceparent")+"--", "-")[1], text)
	}
	if v.words != nil {
		text = v.words(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusUnauthorized)
	if json.NewEncoder(w).Encode(map[string]string{"error": text}) != nil {
		return
	}
}

func hmacVerifier(secret string) *verifier {
	return &verifier{keyfunc: func(*jwt.Token) (any, error) { return []byte(secret), nil },
		options: []jwt.ParserOption{jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired()}}
}

// canaryTarget runs v and returns the target of a kind that looks at it.
func canaryTarget(t testing.TB, kind string, v http.Handler, d *Deps, domain analyzer.KeyDomain) Target {
	t.Helper()
	s := httptest.NewServer(v)
	t.Cleanup(s.Close)
	c := DefaultConfig()
	c.AllowPrivate, c.Budget, c.Canary = []string{"127.0.0.0/8"}, 100_000, d.Config.Canary
	g, err := NewGuard(c)
	if err != nil {
		t.Fatal(err)
	}
	d.Config, d.Guard = c, g
	domain.Name, domain.Environment = "jwt-main", "staging"
	domain.Services = []analyzer.Member{{Name: "orders", URL: s.URL, Canary: "/whoami"}}
	return only(t, kind, domain, d)
}

// refusing is a service whose library refuses its key.
func refusing(text string) *verifier {
	return &verifier{keyfunc: func(*jwt.Token) (any, error) { return nil, errors.New(text) }}
}

func canaryWorld(t *testing.T, secret string) Target {
	return canaryTarget(t, "canary", hmacVerifier(secret+"\n"), &Deps{Reference: versionsOf(secret), Classifier: texts401{}}, analyzer.KeyDomain{})
}

// What a service holds is told from outside, and nothing is told that is not
// known.
func TestCanary(t *testing.T) {
	const newest, older, foreign = "newest-version-of-the-secret-4711", "older-version-of-the-secret-0815", "unrelated-secret-of-somebody-else"
	ref := versionsOf(newest, older)
	ref = append(ref, Candidate{Secret: "jwt-main", Version: "7", Environment: "production", Value: healthjwt.NewSecret("the-secret-of-production-0000000")})
	terse := func(error) string { return "Unauthorized" }
	for _, tt := range []struct {
		name    string
		service func() http.Handler
		ref     heldVersions
		status  analyzer.Status
		cause   analyzer.Cause
		says    string
	}{
		{"the newest version", func() http.Handler { return hmacVerifier(newest) }, ref, analyzer.StatusOK, "", "verifies tokens of version 2"},
		{"the older version", func() http.Handler { return hmacVerifier(older) }, ref, analyzer.StatusFail, "key.stale_cache", "holds version 1 of jwt-main (staging)"},
		{"a trailing newline", func() http.Handler { return hmacVerifier(newest + "\n") }, ref, analyzer.StatusFail, "key.whitespace_mutation", "version 2 of jwt-main (staging) with a trailing newline"},
		{"another environment", func() http.Handler { return hmacVerifier("the-secret-of-production-0000000") }, ref, analyzer.StatusFail, "key.wrong_environment", "version 7 of jwt-main (production)"},
		{"nothing", func() http.Handler { return hmacVerifier("") }, ref, analyzer.StatusFail, "key.secret_empty", "the empty value"},
		{"an unrelated secret", func() http.Handler { return hmacVerifier(foreign) }, ref, analyzer.StatusFail, "", "likely values were tried"},
		{"nothing, and its library says so", func() http.Handler { return refusing("HMAC key cannot be empty") }, ref, analyzer.StatusFail, "key.secret_missing", "holds no value at all"},
		{"something short, and its library says so", func() http.Handler { return refusing("invalid key size") }, ref, analyzer.StatusFail, "key.too_short", "too short for its library"},
		{"no reason, but other words for each", func() http.Handler {
			v := hmacVerifier(newest)
			v.words = func(err error) string {
				if errors.Is(err, jwt.ErrTokenExpired) {
					return "E42 1700000000"
				}
				return "E" + strings.Repeat("x", 3) + " 1700000001"
			}
			return v
		}, ref, analyzer.StatusOK, "", "differs from that to a token that nobody signed"},
		{"no reason at all", func() http.Handler { v := hmacVerifier(newest); v.words = terse; return v }, ref, analyzer.StatusUnknown, "", "does not say why"},
		{"one text for everything", func() http.Handler {
			v := hmacVerifier(newest)
			v.words = func(error) string { return "signature is invalid" }
			return v
		}, ref, analyzer.StatusUnknown, "", "does not say why"},
		{"claims before the signature", func() http.Handler {
			v := hmacVerifier(foreign)
			v.words = func(error) string { return "token is expired" }
			return v
		}, ref, analyzer.StatusUnknown, "", "before the signature"},
		{"a path that is open", func() http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })
		}, ref, analyzer.StatusUnknown, "", "that nobody signed: name one"},
		{"a path that is not there", func() http.Handler { return http.NotFoundHandler() }, ref, analyzer.StatusUnknown, "", "no protected path"},
		{"nothing to sign with", func() http.Handler { return hmacVerifier(newest) }, nil, analyzer.StatusUnknown, "", "no version of the secret"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			target := canaryTarget(t, "canary", tt.service(), &Deps{Reference: tt.ref, Classifier: texts401{}}, analyzer.KeyDomain{Issuer: "https://a.example", Audiences: []string{"api"}})
			var r analyzer.ProbeResult
			for range 3 { // an answer stands, and a service is not asked for ever
				rs := target.check(t.Context(), 30*time.Second)
				conform(t, rs, newest)
				r = rs[0]
				if r.Status != tt.status || r.Cause != tt.cause || !strings.Contains(r.Detail, tt.says) {
					t.Errorf("%s %q: %s; want %s %q: … %s …", r.Status, r.Cause, r.Detail, tt.status, tt.cause, tt.says)
				}
			}
			if r.Status == analyzer.StatusOK && r.Facts["requests"] != "1" {
				t.Errorf("a sound service gets %s requests a round; want 1", r.Facts["requests"])
			}
		})
	}
}

// A service that says nothing in its answers is read by its log lines, by
// their trace, however late they come within the round.
func TestCanaryByLog(t *testing.T) {
	secret := "newest-version-of-the-secret-4711"
	traces := NewTraces()
	lines := traces.Listen(texts401{})
	var wg sync.WaitGroup
	v := hmacVerifier(secret + "\n")
	v.words = func(error) string { return "Unauthorized" }
	v.log = func(trace, text string) {
		wg.Go(func() {
			time.Sleep(10 * time.Millisecond)
			if c := lines.Classify(&analyzer.Entry{Trace: trace, Message: text}); c.Outcome != analyzer.OutcomeNone || len(c.Reasons) != 0 {
				t.Errorf("the line of a canary counts: %+v", c)
			}
		})
	}
	target := canaryTarget(t, "canary", v, &Deps{Reference: versionsOf(secret), Classifier: texts401{}, Traces: traces}, analyzer.KeyDomain{})
	r := target.check(t.Context(), 30*time.Second)[0]
	wg.Wait()
	if r.Status != analyzer.StatusFail || r.Cause != spaceLost || r.Facts["told_by"] != "its log line" {
		t.Errorf("got %+v; want the newline named by the log", r)
	}
	if c := lines.Classify(&analyzer.Entry{Trace: "0af7651916cd43dd8448eb211c80319c", Message: "signature is invalid"}); len(c.Reasons) != 1 {
		t.Errorf("the line of a user's trace gives %+v; want it untouched", c)
	}
}

// Two thousand services with one fault each: what is named is true, most of
// it is named, and nobody is asked more than sixty times.
func TestCanaryNames(t *testing.T) {
	n := 200
	if os.Getenv("WHY401_CANARIES") != "" {
		n = 2000
	}
	if testing.Short() {
		n = 50
	}
	r := mrand.New(mrand.NewPCG(4, 1296))
	named, unnamed, wrong, most := 0, map[string]int{}, 0, int64(0)
	for done := 0; done < n; {
		var values []string
		first := randomSecret(r)
		for values = []string{first}; len(values) < 4; {
			if s := randomSecret(r); len(s) > 0 {
				values = append(values, s)
			}
		}
		bend := bends[r.IntN(len(bends))]
		version := r.IntN(4)
		value := bend.bend(values[version])
		if value == "" && bend.name != "empty" {
			continue
		}
		done++
		v := hmacVerifier(value)
		target := canaryTarget(t, "canary", v, &Deps{Reference: versionsOf(values...), Classifier: texts401{}}, analyzer.KeyDomain{})
		res := target.check(t.Context(), 60*time.Second)[0]
		most = max(most, v.seen.Load())
		holds := res.Facts["holds"]
		want := fmt.Sprintf("version %d of jwt-main (staging)", 4-version)
		same := sameHMAC([]byte(value)) == sameHMAC([]byte(values[version]))
		switch {
		case res.Status == analyzer.StatusOK && version == 0 && same, holds == want && same,
			bend.want != "" && strings.Contains(holds, bend.want) && (strings.HasPrefix(holds, want) || !strings.HasPrefix(holds, "version")):
			named++
		case holds == "" && res.Status != analyzer.StatusOK && res.Cause == "":
			unnamed[bend.name]++
		default:
			wrong++
			t.Errorf("%s of version %d: %s (%s)", bend.name, 4-version, holds, res.Detail)
		}
	}
	total := named + wrong
	for _, k := range unnamed {
		total += k
	}
	t.Logf("%d services: %d named (%.1f %%), %d unknown %v, %d wrong; at most %d requests to one", total, named, 100*float64(named)/float64(total), total-named-wrong, unnamed, wrong, most)
	if most > nameBudget {
		t.Errorf("one service got %d requests; want at most %d", most, nameBudget)
	}
	if float64(named) < 0.95*float64(total) {
		t.Errorf("%d of %d named; want at least 95 %%", named, total)
	}
}
