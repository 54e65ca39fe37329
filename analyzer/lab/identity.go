package lab

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// identity is the part of Google that the lab needs for Cloud Run's own gate:
// it signs identity tokens for service accounts and verifies them. Google
// signs with RSA; the lab saves the time of finding primes, and no log shows
// the difference.
type identity struct {
	key *ecdsa.PrivateKey
	now func() time.Time
}

func newIdentity(now func() time.Time) (*identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate the platform's identity key: %w", err)
	}
	return &identity{key: key, now: now}, nil
}

type identityClaims struct {
	Email string `json:"email"`
	jwt.RegisteredClaims
}

// token is what the metadata server gives a service account for an audience.
func (i *identity) token(account, audience string) (string, error) {
	now := i.now()
	return jwt.NewWithClaims(jwt.SigningMethodES256, identityClaims{account, jwt.RegisteredClaims{
		Issuer: "https://accounts.google.com", Audience: jwt.ClaimStrings{audience},
		IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(time.Hour)),
	}}).SignedString(i.key)
}

// What Cloud Run's front door writes into its request log when it refuses.
const (
	textNotAuthenticated = "The request was not authenticated. Either allow unauthenticated invocations or set the proper Authorization header. " +
		"Read more at https://cloud.google.com/run/docs/securing/authenticating"
	textNotVerified   = "The request was not authorized to invoke this service. The access token could not be verified."
	textNotAuthorized = "The request was not authorized to invoke this service. " +
		"Read more at https://cloud.google.com/run/docs/securing/authenticating"
)

// gate decides as Cloud Run's front door does for a service that not everybody
// may invoke. A status of 0 lets the request through.
func (i *identity) gate(s *service, r *http.Request) (status int, text string) {
	if len(s.spec.Invokers) == 0 {
		return 0, ""
	}
	token, err := bearer(r)
	if err != nil {
		return http.StatusForbidden, textNotAuthenticated
	}
	var claims identityClaims
	if _, err := jwt.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) { return &i.key.PublicKey, nil },
		jwt.WithTimeFunc(i.now), jwt.WithValidMethods([]string{"ES256"}), jwt.WithAudience(s.url()), jwt.WithExpirationRequired()); err != nil {
		return http.StatusUnauthorized, textNotVerified
	}
	if !slices.Contains(s.spec.Invokers, claims.Email) {
		return http.StatusForbidden, textNotAuthorized
	}
	return 0, ""
}
