package probe

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	mrand "math/rand/v2"
	"strings"
	"testing"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/healthjwt"
)

// What a service says of its secret, and what is known of it.
func TestSecretOfService(t *testing.T) {
	chain := func(set map[string]string) healthjwt.Config {
		return serving1(healthjwt.FromEnv(func(n string) (string, bool) { v, ok := set[n]; return v, ok }, "JWT_SECRET_STAGING", "JWT_SECRET"))
	}
	long := strings.Repeat("x9-", 5) + newestValue
	with512 := holding(newestValue)
	with512.Algorithms = []string{"HS512", "HS256"}
	for _, tt := range []struct {
		name   string
		config healthjwt.Config
		status analyzer.Status
		cause  analyzer.Cause
		says   string
	}{
		{"a good one", holding(newestValue), analyzer.StatusOK, "", "long enough"},
		{"a good one that is in no version", holding(long), analyzer.StatusOK, "", "long enough"},
		{"none", chain(nil), analyzer.StatusFail, "key.secret_missing", "has no secret"},
		{"an empty one", holding(""), analyzer.StatusFail, "key.secret_empty", "set, and empty"},
		{"white space", holding(" "), analyzer.StatusFail, "key.secret_empty", "set, and empty"},
		{"a short one", holding("under-32-bytes"), analyzer.StatusFail, "key.too_short", "too short for HS256"},
		{"short for one of two algorithms", with512, analyzer.StatusFail, "key.too_short", "too short for HS512;"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &fleet{services: map[string]healthjwt.Config{"orders": tt.config}, ref: environmentVersions()}
			r := f.check(t, "secret")["orders"]
			conform(t, []analyzer.ProbeResult{r}, newestValue)
			if r.Status != tt.status || r.Cause != tt.cause || !strings.Contains(r.Detail, tt.says) {
				t.Errorf("%s %q: %s; want %s %q: … %s …", r.Status, r.Cause, r.Detail, tt.status, tt.cause, tt.says)
			}
		})
	}
}

// An instance that answers before it has its secret, and has it soon after,
// is a race that no later look would show.
func TestStartupRace(t *testing.T) {
	value := ""
	f := &fleet{services: map[string]healthjwt.Config{"orders": {Held: func() []healthjwt.Held {
		return []healthjwt.Held{{Name: "JWT_SECRET", Value: healthjwt.NewSecret(value)}}
	}}}}
	d, domain := f.start(t)
	target := only(t, "secret", domain, d)
	look := func() analyzer.ProbeResult {
		next(d)
		return checked(t, target)["orders"]
	}
	if r := look(); r.Status != analyzer.StatusFail {
		t.Fatalf("%s: %s; want it to fail while there is no secret", r.Status, r.Detail)
	}
	value = newestValue
	for range 2 {
		if r := look(); r.Status != analyzer.StatusWarn || r.Cause != "startup.race_not_ready" || !strings.Contains(r.Detail, "was without its secret 0 s after it began") {
			t.Errorf("%s %q: %s; want the race told", r.Status, r.Cause, r.Detail)
		}
	}
	sound := &fleet{services: map[string]healthjwt.Config{"orders": holding(newestValue)}}
	if r := sound.check(t, "secret")["orders"]; r.Status != analyzer.StatusOK {
		t.Errorf("a sound start: %s", r.Detail)
	}
}

func pemKey(t *testing.T, bits int) string {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0")
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// What makes a version unfit is found in the store, before a service loads it.
func TestSecretInStore(t *testing.T) {
	for _, tt := range []struct {
		name, value string
		algorithms  []string
		status      analyzer.Status
		cause       analyzer.Cause
		says        string
	}{
		{"random text", "q3Zr8vN0bW5xT1yK7mH4cL9pD2sF6gJA", nil, analyzer.StatusOK, "", "no known default"},
		{"31 bytes", "q3Zr8vN0bW5xT1yK7mH4cL9pD2sF6gJ", nil, analyzer.StatusFail, "key.too_short", "shorter than the 32 bytes that HS256 demands"},
		{"47 bytes for HS384", "q3Zr8vN0bW5xT1yK7mH4cL9pD2sF6gJq3Zr8vN0bW5xT1yK", []string{"HS384"}, analyzer.StatusFail, "key.too_short", "48 bytes that HS384"},
		{"enough for HS256 and not for HS512", "q3Zr8vN0bW5xT1yK7mH4cL9pD2sF6gJA", []string{"HS256", "HS512"}, analyzer.StatusFail, "key.too_short", "64 bytes that HS512"},
		{"a default", "a-string-secret-at-least-256-bits-long", nil, analyzer.StatusFail, "key.weak_default", "well-known default"},
		{"a default in capitals with a newline", "SUPER SECRET KEY\n", nil, analyzer.StatusFail, "key.weak_default", "well-known default"},
		{"nothing", "", nil, analyzer.StatusFail, "key.secret_empty", "is empty"},
		{"white space", " \n", nil, analyzer.StatusFail, "key.secret_empty", "is empty"},
		{"one letter", strings.Repeat("a", 64), nil, analyzer.StatusFail, "key.weak_default", "repetitions"},
		{"a word again and again", strings.Repeat("mysecret", 8), nil, analyzer.StatusFail, "key.weak_default", "repetitions"},
		{"a row", "abcdefghijklmnopqrstuvwxyz0123456789", nil, analyzer.StatusFail, "key.weak_default", "repetitions, rows"},
		{"words", "my-company-production-jwt-secret-key-2024", nil, analyzer.StatusFail, "key.weak_default", "common words"},
		{"a newline at its end", "q3Zr8vN0bW5xT1yK7mH4cL9pD2sF6gJA\n", nil, analyzer.StatusWarn, "", "white space around it"},
		{"quotes", `"q3Zr8vN0bW5xT1yK7mH4cL9pD2sF6gJA"`, nil, analyzer.StatusWarn, "", "stands in quotes"},
		{"a byte order mark", "\ufeffq3Zr8vN0bW5xT1yK7mH4cL9pD2sF6gJA", nil, analyzer.StatusWarn, "", "byte order mark"},
		{"a PEM key for HMAC", pemKey(t, 2048), nil, analyzer.StatusFail, "key.key_type_or_parse", "is a PEM block"},
		{"RSA of 2048 bits", pemKey(t, 2048), []string{"RS256"}, analyzer.StatusOK, "", "of a form that fits"},
		{"RSA of 1024 bits", pemKey(t, 1024), []string{"RS256"}, analyzer.StatusFail, "key.too_short", "RSA key under 2048 bits"},
		{"RSA for ES256", pemKey(t, 2048), []string{"ES256"}, analyzer.StatusFail, "key.key_type_or_parse", "another kind"},
		{"a PEM key that lost its line breaks", strings.ReplaceAll(pemKey(t, 2048), "\n", ""), []string{"RS256"}, analyzer.StatusFail, "key.key_type_or_parse", "no key in PEM"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &fleet{ref: versionsOf(tt.value), domain: analyzer.KeyDomain{Secret: "jwt-main", Algorithms: tt.algorithms}}
			r := f.check(t, "secret")["secret jwt-main"]
			if tt.value = strings.TrimSpace(tt.value); tt.value != "" {
				conform(t, []analyzer.ProbeResult{r}, tt.value)
			}
			if r.Status != tt.status || r.Cause != tt.cause || !strings.Contains(r.Detail, tt.says) {
				t.Errorf("%s %q: %s; want %s %q: … %s …", r.Status, r.Cause, r.Detail, tt.status, tt.cause, tt.says)
			}
		})
	}
}

// Random secrets are never called guessable.
func TestRandomSecretsPass(t *testing.T) {
	r := mrand.New(mrand.NewPCG(5, 5))
	for range 20_000 {
		v := []byte(randomSecret(r))
		if len(v) < 32 {
			continue
		}
		if w, bad := judgeValue(v, []string{"HS256"}); bad && w.status == analyzer.StatusFail {
			t.Fatalf("a random secret %s", w.what)
		}
	}
	for range 20_000 { // the least that HS256 takes, in the poorest alphabet
		hex := make([]byte, 32)
		for i := range hex {
			hex[i] = "0123456789abcdef"[r.IntN(16)]
		}
		if w, bad := judgeValue(hex, []string{"HS256"}); bad {
			t.Fatalf("a random secret %s", w.what)
		}
	}
}
