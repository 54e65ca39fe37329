package probe

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/healthjwt"
)

func negativeWorld(t *testing.T, secret string) Target {
	v := hmacVerifier(secret)
	v.options = append(v.options, jwt.WithLeeway(1000*time.Hour))
	return canaryTarget(t, "negative", v, &Deps{Reference: versionsOf(secret), Classifier: texts401{}}, analyzer.KeyDomain{})
}

// rsaService is a verifier of tokens of the given keys, by kid.
func rsaService(keys map[string]*rsa.PrivateKey, options ...jwt.ParserOption) *verifier {
	return &verifier{options: append([]jwt.ParserOption{jwt.WithExpirationRequired(), jwt.WithAudience("api")}, options...), keyfunc: func(t *jwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		if k := keys[kid]; k != nil {
			return &k.PublicKey, nil
		}
		return nil, fmt.Errorf("no key for %q", kid)
	}}
}

// lifetime is the check that a healthy service makes beyond its library's.
func lifetime(c jwt.MapClaims) error {
	exp, err := c.GetExpirationTime()
	if err == nil && exp != nil && time.Until(exp.Time) < 24*time.Hour {
		return nil
	}
	return errors.New("the token lives too long")
}

// Six small services with one hole each, and two healthy ones: each hole is
// one critical finding, and nothing else is.
func TestNegativeCanaries(t *testing.T) {
	secret := healthjwt.NewNonce() + healthjwt.NewNonce()
	live, gone := rsaKey(t), rsaKey(t)
	public := map[string]any{"kty": "RSA", "kid": "live", "use": "sig", "alg": "RS256", "n": b64(live.N.Bytes()), "e": b64(big.NewInt(int64(live.E)).Bytes())}
	keySet := serving(t, 200, set(public)).URL
	withdrawn := filepath.Join(t.TempDir(), "withdrawn.pem")
	der, err := x509.MarshalPKCS8PrivateKey(gone)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(withdrawn, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	pemOf := func() []byte {
		der, err := x509.MarshalPKIXPublicKey(&live.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	}()
	hs := []jwt.ParserOption{jwt.WithValidMethods([]string{"HS256"})}
	rs := []jwt.ParserOption{jwt.WithValidMethods([]string{"RS256"})}
	aud, exp := jwt.WithAudience("api"), jwt.WithExpirationRequired()
	sharedKey := func(*jwt.Token) (any, error) { return []byte(secret), nil }
	declaresHS := analyzer.KeyDomain{Algorithms: []string{"HS256"}, Audiences: []string{"api"}, Issuer: "https://a.example"}
	declaresRS := analyzer.KeyDomain{Algorithms: []string{"RS256"}, Audiences: []string{"api"}, JWKS: keySet + "/jwks.json"}
	criticals := 0
	for _, tt := range []struct {
		name     string
		service  *verifier
		domain   analyzer.KeyDomain
		weakness string
		cause    analyzer.Cause
	}{
		{"healthy with a shared secret", &verifier{keyfunc: sharedKey, options: append(hs, aud, exp), check: lifetime}, declaresHS, "", ""},
		{"healthy with a key set", rsaService(map[string]*rsa.PrivateKey{"live": live}, rs...), declaresRS, "", ""},
		{"accepts alg none", &verifier{check: lifetime, options: []jwt.ParserOption{aud, exp}, keyfunc: func(tok *jwt.Token) (any, error) {
			if tok.Method.Alg() == "none" {
				return jwt.UnsafeAllowNoneSignatureType, nil
			}
			return []byte(secret), nil
		}}, declaresHS, "alg none", "verifier.accepts_invalid"},
		{"takes the public key for a secret", &verifier{check: lifetime, options: []jwt.ParserOption{aud, exp}, keyfunc: func(tok *jwt.Token) (any, error) {
			if _, ok := tok.Method.(*jwt.SigningMethodHMAC); ok {
				return pemOf, nil
			}
			return &live.PublicKey, nil
		}}, declaresRS, "HMAC with the public key", "verifier.accepts_invalid"},
		{"looks at no audience", &verifier{keyfunc: sharedKey, options: append(hs, exp), check: lifetime}, declaresHS, "the audience of another service", "verifier.accepts_invalid"},
		{"looks at no expiry", &verifier{keyfunc: sharedKey, options: append(hs, aud, exp, jwt.WithLeeway(10000*time.Hour)), check: lifetime}, declaresHS, "an exp in the past", "verifier.accepts_invalid"},
		{"takes milliseconds for seconds", &verifier{keyfunc: sharedKey, options: append(hs, aud, exp)}, declaresHS, "exp in milliseconds, so that it never ends", "verifier.accepts_invalid"},
		{"keeps a withdrawn key", rsaService(map[string]*rsa.PrivateKey{"live": live, "gone": gone}, rs...), declaresRS, "a withdrawn key", "jwks.revoked_still_accepted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := &Deps{Reference: versionsOf(secret), Classifier: texts401{}, Config: Config{Canary: Canary{Live: []string{"orders"}, UsersSecret: true, WithdrawnKey: withdrawn, WithdrawnKid: "gone"}}}
			target := canaryTarget(t, "negative", tt.service, d, tt.domain)
			rs := target.check(t.Context(), 60*time.Second)
			conform(t, rs, secret)
			for _, r := range rs {
				if r.Cause != "" && r.Cause.Info().Level == analyzer.LevelCritical {
					criticals++
				}
				if r.Facts["weakness"] != tt.weakness || r.Cause != tt.cause || (r.Status == analyzer.StatusOK) != (tt.weakness == "") {
					t.Errorf("%s %q: %s; want %q", r.Status, r.Cause, r.Detail, tt.weakness)
				}
			}
		})
	}
	if criticals != 6 {
		t.Errorf("%d criticals; want 6", criticals)
	}
}

// Without leave only harmless tokens are made.
func TestNegativeIsHarmless(t *testing.T) {
	secret := healthjwt.NewNonce() + healthjwt.NewNonce()
	v := hmacVerifier(secret)
	v.check = func(jwt.MapClaims) error { t.Error("a token that verifies and is not expired was sent"); return nil }
	target := canaryTarget(t, "negative", v, &Deps{Reference: versionsOf(secret), Classifier: texts401{}}, analyzer.KeyDomain{Audiences: []string{"api"}})
	if r := target.check(t.Context(), 60*time.Second)[0]; r.Status != analyzer.StatusOK || !strings.Contains(r.Detail, "not tried") {
		t.Errorf("got %+v; want ok, and what was not tried", r)
	}
}

func rsaKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
