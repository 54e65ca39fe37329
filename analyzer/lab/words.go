package lab

import (
	"errors"
	"strings"

	"github.com/why401/why401/analyzer"
)

// dialect is how the programs of one stack put refusals into words.
type dialect struct {
	prefix string                     // before what the library says
	says   map[analyzer.Reason]string // {kid}, {iss} and {aud} are filled in; what is not here stays as golang-jwt says it
	quiet  string                     // what it says when it gives no reason
}

// dialects are the libraries that a service may be written with. The texts
// are those of PyJWT 2 (jwt/exceptions.py, jwks_client.py), jsonwebtoken 9
// with express-jwt and jwks-rsa, and Spring Security 6 over Nimbus.
var dialects = map[string]dialect{
	"golang-jwt": {prefix: "jwt validation failed", quiet: "unauthorized request"},
	"pyjwt": {prefix: "Authentication failed", quiet: "Could not validate credentials", says: map[analyzer.Reason]string{
		analyzer.BadSignature:      "jwt.exceptions.InvalidSignatureError: Signature verification failed",
		analyzer.ExpiredToken:      "jwt.exceptions.ExpiredSignatureError: Signature has expired",
		analyzer.NotYetValid:       "jwt.exceptions.ImmatureSignatureError: The token is not yet valid (nbf)",
		analyzer.IssuedInFuture:    "jwt.exceptions.ImmatureSignatureError: The token is not yet valid (iat)",
		analyzer.IssuerMismatch:    "jwt.exceptions.InvalidIssuerError: Invalid issuer",
		analyzer.AudienceMismatch:  "jwt.exceptions.InvalidAudienceError: Audience doesn't match",
		analyzer.MissingClaim:      `jwt.exceptions.MissingRequiredClaimError: Token is missing the "tenant" claim`,
		analyzer.MalformedToken:    "jwt.exceptions.DecodeError: Not enough segments",
		analyzer.AlgorithmMismatch: "jwt.exceptions.InvalidAlgorithmError: The specified alg value is not allowed",
		analyzer.AlgNoneRejected:   "jwt.exceptions.InvalidAlgorithmError: The specified alg value is not allowed",
		analyzer.KeyNotFound:       `jwt.exceptions.PyJWKClientError: Unable to find a signing key that matches: "{kid}"`,
		analyzer.JWKSUnavailable:   `jwt.exceptions.PyJWKClientConnectionError: Fail to fetch data from the url, err: "<urlopen error timed out>"`,
		analyzer.JWKSInvalid:       "jwt.exceptions.PyJWKClientError: The JWKS endpoint did not contain any signing keys",
		analyzer.MissingToken:      "Missing Authorization header",
	}},
	"jsonwebtoken": {prefix: "auth middleware", quiet: "401 Unauthorized", says: map[analyzer.Reason]string{
		analyzer.BadSignature:      "JsonWebTokenError: invalid signature",
		analyzer.ExpiredToken:      "TokenExpiredError: jwt expired",
		analyzer.NotYetValid:       "NotBeforeError: jwt not active",
		analyzer.IssuerMismatch:    "JsonWebTokenError: jwt issuer invalid. expected: {iss}",
		analyzer.AudienceMismatch:  "JsonWebTokenError: jwt audience invalid. expected: {aud}",
		analyzer.MalformedToken:    "JsonWebTokenError: jwt malformed",
		analyzer.AlgorithmMismatch: "JsonWebTokenError: invalid algorithm",
		analyzer.AlgNoneRejected:   "JsonWebTokenError: jwt signature is required",
		analyzer.KeyNotFound:       "SigningKeyNotFoundError: Unable to find a signing key that matches '{kid}'",
		analyzer.JWKSUnavailable:   "JwksError: connect ECONNREFUSED 10.8.0.2:443",
		analyzer.JWKSInvalid:       "JwksError: The JWKS endpoint did not contain any signing keys",
		analyzer.MissingToken:      "UnauthorizedError: No authorization token was found",
	}},
	"spring-security": {prefix: "Failed to authenticate since the JWT was invalid", quiet: "Full authentication is required to access this resource", says: map[analyzer.Reason]string{
		analyzer.BadSignature:      "An error occurred while attempting to decode the Jwt: Signed JWT rejected: Invalid signature",
		analyzer.ExpiredToken:      "An error occurred while attempting to decode the Jwt: Jwt expired at 2026-03-02T09:00:00Z",
		analyzer.NotYetValid:       "An error occurred while attempting to decode the Jwt: Jwt used before 2026-03-02T09:00:00Z",
		analyzer.IssuerMismatch:    "An error occurred while attempting to decode the Jwt: The iss claim is not valid",
		analyzer.AudienceMismatch:  "An error occurred while attempting to decode the Jwt: The aud claim is not valid",
		analyzer.MalformedToken:    "An error occurred while attempting to decode the Jwt: Malformed token",
		analyzer.AlgorithmMismatch: "An error occurred while attempting to decode the Jwt: Signed JWT rejected: Another algorithm expected, or no matching key(s) found",
		analyzer.JWKSUnavailable:   "An error occurred while attempting to decode the Jwt: Couldn't retrieve remote JWK set: Read timed out",
	}},
}

// words are what the instance's program says of a refusal.
func (in *instance) words(err error, token string) (prefix, text string) {
	d := dialects[in.svc.spec.Library]
	if in.set.Silent {
		return d.quiet, ""
	}
	var own *refusal
	reason := reasonOf(err)
	text, known := d.says[reason]
	if !known || errors.As(err, &own) && reason == analyzer.MissingSecret {
		return d.prefix, err.Error()
	}
	return d.prefix, strings.NewReplacer("{kid}", headerOf(token).Kid, "{iss}", in.set.Issuer, "{aud}", in.set.Audience).Replace(text)
}
