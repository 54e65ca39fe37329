package analyzer

import "slices"

// A family is a set of reasons that the same causes print. Failures of one
// family at one service are one complaint.
type family struct {
	name    string
	reasons []Reason
	unknown Cause // the incident's cause while nothing decides
	says    string
	next    string // the probe that would decide
	level   Level  // while nothing decides
}

var families = []family{
	{"platform", []Reason{PlatformIAMDenied}, "authz.platform_iam", "is shielded by the platform's IAM, which refuses callers before the service runs; this is not a JWT secret problem",
		"read the service's IAM binding for roles/run.invoker", LevelError},
	{"secret", []Reason{MissingSecret, SecretLoadFailed, ConfigInvalid, StartupEmptyCritical}, "key.secret_missing", "has no usable secret or authentication configuration",
		"read the state of the secret's version in the secret store as the service's account, and list which variables of the chain the process has", LevelCritical},
	{"weak", []Reason{WeakSecret}, "key.too_short", "holds a key that is too short or a placeholder",
		"check length and form of the secret against its algorithm (RFC 7518, section 3.2)", LevelError},
	{"key form", []Reason{MalformedKey, WrongKeyType}, "key.key_type_or_parse", "holds a key of the wrong form",
		"read the form of the secret (PEM, JWK, bytes) and compare it with the algorithm", LevelError},
	{"signature", []Reason{BadSignature}, "meta.ambiguous_signature", "refuses tokens whose signature it cannot verify",
		"compare the fingerprint of the service's secret with every version in the secret store (GET /health/jwt, or an expired canary token)", LevelError},
	{"key id", []Reason{KeyNotFound}, "meta.ambiguous_signature", "refuses tokens that name a key it does not have",
		"look the kid up in the live key set and in its history, and present a canary signed by the newest key", LevelError},
	{"key set", []Reason{JWKSUnavailable, IssuerDiscoveryFailed, CertificateInvalid}, "jwks.unreachable", "cannot get the issuer's keys",
		"fetch the key set from here and from the service's own network", LevelCritical},
	{"key set document", []Reason{JWKSInvalid}, "jwks.invalid_document", "cannot use the issuer's key set",
		"fetch the key set and check every key in it", LevelCritical},
	{"issuer service", []Reason{UpstreamAuthUnavailable}, "idp.down", "cannot reach its identity provider",
		"ask the token endpoint for a token from here", LevelError},
	{"future", []Reason{NotYetValid, IssuedInFuture}, "time.issuer_ahead", "refuses tokens from the future",
		"compare the clocks of issuer and verifier (Date header against iat)", LevelError},
	{"expiry", []Reason{ExpiredToken, MaxAgeExceeded}, "token.expired_normal", "refuses expired tokens",
		"compare the clocks (Date header) and the lifetime of a fresh token with the policy", LevelInfo},
	{"issuer", []Reason{IssuerMismatch}, "claim.issuer_mismatch", "refuses the token's issuer",
		"compare the issuer of the discovery document with the verifier's configuration, to the letter", LevelError},
	{"audience", []Reason{AudienceMismatch}, "claim.audience_mismatch", "refuses the token's audience",
		"present a canary token with each configured audience", LevelError},
	{"algorithm", []Reason{AlgorithmMismatch, UnsupportedAlgorithm}, "alg.mismatch", "refuses the token's algorithm",
		"compare the alg of a token from each issuer with the verifier's allow-list", LevelError},
	{"alg none", []Reason{AlgNoneRejected}, "abuse.alg_attack", "refuses tokens without a signature",
		"present a token with alg none: it must be refused", LevelWarning},
	{"claims", []Reason{MissingClaim, InvalidClaim, TokenTypeMismatch, SubjectMismatch, NonceMismatch}, "claim.required_missing", "refuses the token's claims",
		"decode a fresh token of the issuer and compare its claims with what the service requires", LevelWarning},
	{"form", []Reason{MissingToken, WrongScheme, MalformedToken}, "form.missing", "is called without a usable token",
		"call the service through each hop and look whether the Authorization header arrives", LevelInfo},
	{"leak", []Reason{TokenInLog}, "abuse.token_leak", "writes usable tokens or secrets into its logs", "find the logging statement by the exemplars", LevelWarning},
	{"unexplained", []Reason{Unspecified}, "meta.unclassified", "refuses requests without saying why",
		"present an expired canary token and read the answer, or raise the service's log level for its authentication middleware", LevelWarning},
	{"scope", []Reason{InsufficientScope}, "authz.insufficient", "refuses callers that lack a permission", "call it with a canary that has the scope", LevelInfo},
	{"limit", []Reason{RateLimited}, "idp.rate_limited", "meets a rate limit of its identity provider", "read the limit's headers on the token endpoint", LevelWarning},
}

// familyOf returns the family of a reason, or nil for reasons that are
// nobody's misconfiguration (a wrong password, an ended session).
func familyOf(r Reason) *family {
	for i := range families {
		if slices.Contains(families[i].reasons, r) {
			return &families[i]
		}
	}
	return nil
}

// CandidateCauses lists what may stand behind a reason, in the order in which
// the diagnosis prefers them. None of them follows from the reason alone.
func CandidateCauses(r Reason) []Cause {
	var out []Cause
	for i := range causes {
		if slices.Contains(causes[i].Reasons, r) {
			out = append(out, causes[i].ID)
		}
	}
	return out
}
