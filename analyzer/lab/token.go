package lab

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/why401/why401/analyzer"
)

// The issuer and audience of everything that the platform's users carry.
const (
	tokenIssuer   = "https://auth.acme.example"
	tokenAudience = "acme-api"
)

// keyring is what an instance holds: the value it signs with and all that it
// accepts, this one first.
type keyring struct {
	source string // the variable that won
	sign   []byte
	accept [][]byte
	loaded time.Time
}

// mint signs a token for sub with the instance's own secret.
func (k *keyring) mint(sub, id string, now time.Time, ttl time.Duration) (string, error) {
	return jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.RegisteredClaims{
		Issuer: tokenIssuer, Audience: jwt.ClaimStrings{tokenAudience}, Subject: sub, ID: id,
		IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(ttl)),
	}).SignedString(k.sign)
}

// verify checks a token the way most Go services do, at the virtual time of
// now, and returns its subject.
func (k *keyring) verify(token string, now func() time.Time) (string, error) {
	set := jwt.VerificationKeySet{}
	for _, key := range k.accept {
		set.Keys = append(set.Keys, key)
	}
	var claims jwt.RegisteredClaims
	_, err := jwt.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) { return set, nil },
		jwt.WithTimeFunc(now), jwt.WithValidMethods([]string{"HS256"}), jwt.WithIssuer(tokenIssuer),
		jwt.WithAudience(tokenAudience), jwt.WithExpirationRequired())
	return claims.Subject, err
}

var (
	errNoToken     = errors.New("authorization header is missing")
	errWrongScheme = errors.New("authorization header is not a bearer token")
)

// bearer returns the token of a request.
func bearer(r *http.Request) (string, error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return "", errNoToken
	}
	token, ok := strings.CutPrefix(header, "Bearer ")
	if !ok {
		return "", errWrongScheme
	}
	return token, nil
}

// reasonOf names what err says, from the error's own identity, never from its
// text: this is the truth that an analyzer of the texts is measured by.
func reasonOf(err error) analyzer.Reason {
	for _, known := range []struct {
		err    error
		reason analyzer.Reason
	}{
		{errNoToken, analyzer.MissingToken},
		{errWrongScheme, analyzer.WrongScheme},
		{jwt.ErrTokenMalformed, analyzer.MalformedToken},
		{jwt.ErrTokenSignatureInvalid, analyzer.BadSignature},
		{jwt.ErrTokenExpired, analyzer.ExpiredToken},
		{jwt.ErrTokenNotValidYet, analyzer.NotYetValid},
		{jwt.ErrTokenUsedBeforeIssued, analyzer.IssuedInFuture},
		{jwt.ErrTokenInvalidIssuer, analyzer.IssuerMismatch},
		{jwt.ErrTokenInvalidAudience, analyzer.AudienceMismatch},
		{jwt.ErrTokenRequiredClaimMissing, analyzer.MissingClaim},
		{jwt.ErrTokenInvalidClaims, analyzer.InvalidClaim},
	} {
		if errors.Is(err, known.err) {
			return known.reason
		}
	}
	return analyzer.Unspecified
}
