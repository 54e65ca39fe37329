package analyzer

import (
	"slices"
	"strings"
)

// A family is a set of reasons that the same causes print. Failures of one
// family at one service are one complaint.
type family struct {
	name    string
	reasons []Reason
	unknown Cause // the incident's cause while nothing decides
	says    string
	next    string // the probe that would decide, see probe
	level   Level  // while nothing decides
}

var families = []family{
	{"platform", []Reason{PlatformIAMDenied}, "authz.platform_iam", "is shielded by the platform's IAM, which refuses callers before the service runs; this is not a JWT secret problem",
		"iam of {services}: read the service's IAM policy for roles/run.invoker (gcloud run services get-iam-policy {service})", LevelError},
	{"secret", []Reason{MissingSecret, SecretLoadFailed, ConfigInvalid, StartupEmptyCritical}, "key.secret_missing", "has no usable secret or authentication configuration",
		"secret_manager and environment of {services}: the state of the secret's version as the service's account reads it, and which variables of the chain the process has" + byValidate, LevelCritical},
	{"weak", []Reason{WeakSecret}, "key.too_short", "holds a key that is too short or a placeholder",
		"secret_manager of {services}: length and form of the secret against its algorithm (RFC 7518, section 3.2)" + byValidate, LevelError},
	{"key form", []Reason{MalformedKey, WrongKeyType}, "key.key_type_or_parse", "holds a key of the wrong form",
		"secret_manager of {services}: the form of the secret (PEM, JWK, bytes) against the algorithm" + byValidate, LevelError},
	{"signature", []Reason{BadSignature, DecryptionFailed}, "meta.ambiguous_signature", "refuses tokens whose signature it cannot verify",
		"fingerprint of {services}: compare the secret that it holds with every version in the secret store, by GET /health/jwt or by an expired canary token" + byValidate, LevelError},
	{"key id", []Reason{KeyNotFound}, "meta.ambiguous_signature", "refuses tokens that name a key it does not have",
		"jwks, then canary of {services}: look the kid up in the live key set and in its history, and present a canary signed by the newest key" + byValidate, LevelError},
	{"key set", []Reason{JWKSUnavailable, IssuerDiscoveryFailed, CertificateInvalid}, "jwks.unreachable", "cannot get the issuer's keys",
		"jwks: fetch the key set from here, and from the network of {services}" + byValidate, LevelCritical},
	{"key set document", []Reason{JWKSInvalid}, "jwks.invalid_document", "cannot use the issuer's key set",
		"jwks: fetch the key set and check every key in it" + byValidate, LevelCritical},
	{"issuer service", []Reason{UpstreamAuthUnavailable}, "idp.down", "cannot reach its identity provider",
		"oidc: fetch the discovery document, and ask the token endpoint for a token from here" + byValidate, LevelError},
	{"future", []Reason{NotYetValid, IssuedInFuture}, "time.issuer_ahead", "refuses tokens from the future",
		"clock of the issuer and of {services}: compare the Date headers with ours, and with iat of a fresh token" + byValidate, LevelError},
	{"expiry", []Reason{ExpiredToken, MaxAgeExceeded}, "token.expired_normal", "refuses expired tokens",
		"clock of {services}, then the lifetime of a fresh token against the policy" + byValidate, LevelInfo},
	{"issuer", []Reason{IssuerMismatch}, "claim.issuer_mismatch", "refuses the token's issuer",
		"oidc: compare the issuer of the discovery document with the configuration of {services}, to the letter" + byValidate, LevelError},
	{"audience", []Reason{AudienceMismatch}, "claim.audience_mismatch", "refuses the token's audience",
		"canary of {services}: present a token with each configured audience" + byValidate, LevelError},
	{"algorithm", []Reason{AlgorithmMismatch, UnsupportedAlgorithm}, "alg.mismatch", "refuses the token's algorithm",
		"oidc, then canary of {services}: compare the alg of a token from each issuer with the verifier's allow-list" + byValidate, LevelError},
	{"alg none", []Reason{AlgNoneRejected, CriticalHeaderUnsupported}, "abuse.alg_attack", "refuses tokens without a signature",
		"negative of {services}: a token with alg none must be refused" + byValidate, LevelWarning},
	{"claims", []Reason{MissingClaim, InvalidClaim, TokenTypeMismatch, SubjectMismatch, NonceMismatch, ProofOfPossessionFailed}, "claim.required_missing", "refuses the token's claims",
		"canary of {services}: decode a fresh token of the issuer and compare its claims with what the service requires" + byValidate, LevelWarning},
	{"form", []Reason{MissingToken, WrongScheme, MalformedToken}, "form.missing", "is called without a usable token",
		"canary of {services} through each hop: does the Authorization header arrive?" + byValidate, LevelInfo},
	{"leak", []Reason{TokenInLog}, "abuse.token_leak", "writes usable tokens or secrets into its logs", "find the logging statement by the exemplars", LevelWarning},
	{"unexplained", []Reason{Unspecified}, "meta.unclassified", "refuses requests without saying why",
		"canary of {services}: present an expired token and read the answer" + byValidate + "; or raise the log level of its authentication middleware", LevelWarning},
	{"scope", []Reason{InsufficientScope}, "authz.insufficient", "refuses callers that lack a permission", "call {services} with a canary that has the scope", LevelInfo},
	{"limit", []Reason{RateLimited}, "idp.rate_limited", "meets a rate limit of its identity provider", "oidc: read the limit's headers on the token endpoint" + byValidate, LevelWarning},
	{"replay", []Reason{ReplayedToken}, "abuse.refresh_reuse", "sees tokens that were used before", "look at the addresses of one subject's uses: one network is a race, several may be theft", LevelInfo},
	{"session", []Reason{RevokedToken, SessionExpired, UserNotFound}, "session.revoked_or_disabled", "refuses tokens whose session was ended", "ask the identity provider what ended the sessions", LevelInfo},
}

// byValidate is the command that runs every probe once.
const byValidate = " (why401 validate -c why401.yaml)"

// probe names the probe that would decide for the given services.
func (f *family) probe(services []string) string {
	first := "SERVICE"
	if len(services) > 0 {
		first = services[0]
	}
	return strings.NewReplacer("{services}", list(services), "{service}", first).Replace(f.next)
}

// grave: few of it are worth a look, wherever in the key domain. What every day
// has some of, and refusals that no line has explained yet, are not.
func (f *family) grave() bool { return severityRank(f.level) >= severityRank(LevelError) }

// ordinary: a few of it are part of an ordinary day.
func (f *family) ordinary() bool { return f.unknown == "token.expired_normal" }

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
