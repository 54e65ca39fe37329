package lab

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/why401/why401/analyzer"
)

// The issuer and audience of everything that the platform's users carry,
// unless a service's settings say otherwise.
const (
	tokenIssuer   = "https://auth.acme.example"
	tokenAudience = "acme-api"
)

// keyring is what an instance holds of shared secrets: the value it signs
// with and all that it accepts, this one first.
type keyring struct {
	source string // the variable that won
	sign   []byte
	accept [][]byte
	loaded time.Time
	chain  map[string]string // variable: value, of those that are set
}

// claims are those of a user's token.
type claims struct {
	Tenant  string `json:"tenant,omitempty"`
	Padding string `json:"groups,omitempty"`
	jwt.RegisteredClaims
}

// fields are the claims as they are written.
func (in *instance) fields(now time.Time, sub, id string, padding int) jwt.MapClaims {
	ttl := in.set.TokenTTL
	c := jwt.MapClaims{"iss": in.set.Issuer, "aud": in.set.Audiences, "sub": sub, "jti": id, "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(ttl).Unix()}
	if in.set.ExpText {
		c["exp"] = now.Add(ttl).UTC().Format(time.RFC3339)
	}
	for _, name := range in.set.Claims {
		c[name] = "acme"
	}
	if padding > 0 {
		c["groups"] = strings.Repeat("g", padding)
	}
	return c
}

// mintFor signs a token for sub with what the instance signs with.
func (in *instance) mintFor(now time.Time, sub, id string, padding int) (string, error) {
	method := jwt.GetSigningMethod(in.set.Algorithm)
	if method == nil {
		return "", fmt.Errorf("sign a token: algorithm %s is not known", in.set.Algorithm)
	}
	token := jwt.NewWithClaims(method, in.fields(now, sub, id, padding))
	if in.svc.spec.Publishes {
		kid, key := in.svc.keys.signer()
		token.Header["kid"] = kid
		return token.SignedString(key)
	}
	return token.SignedString(in.keyring().sign)
}

// refusal is a refusal whose reason is not the token library's.
type refusal struct {
	reason analyzer.Reason
	text   string
}

func (r *refusal) Error() string { return r.text }

// header is what a token says of itself, unverified.
type header struct {
	Alg string `json:"alg"`
	Kid string `json:"kid"`
}

func headerOf(token string) header {
	var h header
	first, _, _ := strings.Cut(token, ".")
	if raw, err := base64.RawURLEncoding.DecodeString(first); err == nil {
		_ = json.Unmarshal(raw, &h) // no JSON: it says nothing
	}
	return h
}

// verify checks a token the way most services do, at the instance's own time,
// and returns its subject.
func (in *instance) verify(token string) (string, error) {
	h := headerOf(token)
	if slices.Contains(in.set.Lenient, "none") && strings.EqualFold(h.Alg, "none") {
		return "anybody", nil
	}
	key, err := in.keyFor(h)
	if err != nil {
		return "", err
	}
	options := []jwt.ParserOption{jwt.WithTimeFunc(in.now), jwt.WithValidMethods([]string{in.set.Algorithm}), jwt.WithIssuer(in.set.Issuer), jwt.WithLeeway(in.set.Leeway)}
	if !slices.Contains(in.set.Lenient, "audience") {
		options = append(options, jwt.WithAudience(in.set.Audience))
	}
	if slices.Contains(in.set.Lenient, "expiry") {
		options = append(options, jwt.WithTimeFunc(func() time.Time { return time.Unix(1, 0) }))
	} else {
		options = append(options, jwt.WithExpirationRequired())
	}
	var c claims
	_, err = jwt.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return key, nil }, options...)
	if err == nil && in.set.Require == "tenant" && c.Tenant == "" {
		err = fmt.Errorf("%w: %w: tenant claim is required", jwt.ErrTokenInvalidClaims, jwt.ErrTokenRequiredClaimMissing)
	}
	return c.Subject, in.blame(err, h)
}

// blame gives an error of the library the reason that it has and does not
// name: an algorithm outside the list is no wrong signature.
func (in *instance) blame(err error, h header) error {
	if !errors.Is(err, jwt.ErrTokenSignatureInvalid) && !errors.Is(err, jwt.ErrTokenUnverifiable) || h.Alg == in.set.Algorithm || h.Alg == "" {
		return err
	}
	if strings.EqualFold(h.Alg, "none") {
		return &refusal{analyzer.AlgNoneRejected, err.Error()}
	}
	return &refusal{analyzer.AlgorithmMismatch, err.Error()}
}

// keyFor returns what verifies a token with this header.
func (in *instance) keyFor(h header) (any, error) {
	if in.set.Warmup > 0 && in.p.clock.Now().Sub(in.born) < in.set.Warmup {
		return nil, in.notReady()
	}
	if in.svc.spec.Publishes {
		return in.published(h)
	}
	if in.set.Keys != "" {
		return in.cached(h)
	}
	ring := in.keyring()
	if len(ring.accept) == 0 {
		return nil, &refusal{analyzer.MissingSecret, "JWT_SECRET is not configured"}
	}
	set := jwt.VerificationKeySet{}
	for _, key := range ring.accept {
		set.Keys = append(set.Keys, key)
	}
	return set, nil
}

// notReady is the refusal of an instance that has no keys yet.
func (in *instance) notReady() error {
	if in.set.Keys != "" {
		return &refusal{analyzer.JWKSUnavailable, fmt.Sprintf("failed to fetch JWKS: Get %q: dial tcp 10.8.0.2:443: connect: connection refused", in.keySetURL())}
	}
	return &refusal{analyzer.MissingSecret, "jwt secret not loaded yet"}
}

// published finds the issuer's own key.
func (in *instance) published(h header) (crypto.PublicKey, error) {
	if k, ok := in.svc.keys.public()[h.Kid]; ok {
		return k, nil
	}
	return nil, unknownKid(h.Kid)
}

func unknownKid(kid string) error {
	return &refusal{analyzer.KeyNotFound, fmt.Sprintf("token is unverifiable: error while executing keyfunc: key not found: kid %q", kid)}
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
	var own *refusal
	if errors.As(err, &own) {
		return own.reason
	}
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

// decoded undoes what the settings say was done to a secret.
func (s *Settings) decoded(value []byte) []byte {
	if s.Trim {
		value = bytes.TrimSpace(value)
	}
	if !s.Decode {
		return value
	}
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
		if raw, err := enc.DecodeString(string(bytes.TrimSpace(value))); err == nil {
			return raw
		}
	}
	return value
}
