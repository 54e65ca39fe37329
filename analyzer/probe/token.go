package probe

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/healthjwt"
)

// The times of canaries.
const (
	expiredSince = time.Hour        // longer than any sensible leeway
	liveFor      = 60 * time.Second // a live canary at most
)

// canarySubject marks the tokens that we make.
const canarySubject = "canary"

// claims are those of a canary that is or is not expired: the declared issuer
// and audience, a subject that is nobody, no role and no scope.
func claims(d analyzer.KeyDomain, expired bool, now time.Time) jwt.MapClaims {
	c := jwt.MapClaims{"sub": canarySubject, "jti": healthjwt.NewNonce(), "iat": now.Add(-5 * time.Second).Unix(), "exp": now.Add(liveFor - 5*time.Second).Unix()}
	if expired {
		c["iat"], c["exp"] = now.Add(-2*expiredSince).Unix(), now.Add(-expiredSince).Unix()
	}
	if d.Issuer != "" {
		c["iss"] = d.Issuer
	}
	if len(d.Audiences) > 0 {
		c["aud"] = d.Audiences[0]
	}
	return c
}

// shared returns the HMAC algorithm of a domain, or "" when it has none.
func shared(d analyzer.KeyDomain) string {
	for _, a := range d.Algorithms {
		if strings.HasPrefix(a, "HS") && jwt.GetSigningMethod(a) != nil {
			return a
		}
	}
	if len(d.Algorithms) == 0 && d.JWKS == "" && d.Discovery == "" {
		return "HS256"
	}
	return ""
}

// sign makes a token with a key that fits alg.
func sign(alg, kid string, c jwt.MapClaims, key any) (string, error) {
	t := jwt.NewWithClaims(jwt.GetSigningMethod(alg), c)
	if kid != "" {
		t.Header["kid"] = kid
	}
	token, err := t.SignedString(key)
	if err != nil {
		return "", fmt.Errorf("sign canary with %s: %w", alg, err)
	}
	return token, nil
}

// stranger makes a key of alg that nobody knows.
func stranger(alg string) (crypto.Signer, []byte, error) {
	switch {
	case strings.HasPrefix(alg, "HS"):
		b := make([]byte, 64)
		_, err := rand.Read(b)
		return nil, b, err
	case strings.HasPrefix(alg, "ES"):
		curve := map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()}[alg]
		if curve == nil {
			return nil, nil, fmt.Errorf("make a key for %s: wanted ES256, ES384 or ES512", alg)
		}
		k, err := ecdsa.GenerateKey(curve, rand.Reader)
		return k, nil, err
	case alg == "EdDSA":
		_, k, err := ed25519.GenerateKey(rand.Reader)
		return k, nil, err
	}
	k, err := rsa.GenerateKey(rand.Reader, healthjwt.MinimumRSABits)
	return k, nil, err
}

// forged makes a token that carries the declared algorithm and that nobody's
// key has signed.
func forged(d analyzer.KeyDomain, kid string, expired bool) (string, error) {
	alg := shared(d)
	if alg == "" {
		alg = "RS256"
		if len(d.Algorithms) > 0 {
			alg = d.Algorithms[0]
		}
	}
	if jwt.GetSigningMethod(alg) == nil {
		return "", fmt.Errorf("make canary: %s is not known here", alg)
	}
	signer, secret, err := stranger(alg)
	if err != nil {
		return "", err
	}
	if signer != nil {
		return sign(alg, kid, claims(d, expired, time.Now()), signer)
	}
	return sign(alg, kid, claims(d, expired, time.Now()), secret)
}
