package analyzer

import "slices"

// Reason is what one entry honestly says about one failed authentication. It
// never says why that came to be; that is a Cause, and needs more than words.
type Reason string

// The closed list of reasons. A pack that names another one is refused.
const (
	BadSignature Reason = "bad_signature"

	AlgorithmMismatch    Reason = "algorithm_mismatch"
	UnsupportedAlgorithm Reason = "unsupported_algorithm"
	AlgNoneRejected      Reason = "alg_none_rejected"

	WrongKeyType Reason = "wrong_key_type"
	MalformedKey Reason = "malformed_key"

	MissingSecret    Reason = "missing_secret"
	WeakSecret       Reason = "weak_secret"
	SecretLoadFailed Reason = "secret_load_failed"

	ExpiredToken   Reason = "expired_token"
	NotYetValid    Reason = "not_yet_valid"
	IssuedInFuture Reason = "issued_in_future"
	MaxAgeExceeded Reason = "max_age_exceeded"

	IssuerMismatch    Reason = "issuer_mismatch"
	AudienceMismatch  Reason = "audience_mismatch"
	SubjectMismatch   Reason = "subject_mismatch"
	NonceMismatch     Reason = "nonce_mismatch"
	TokenTypeMismatch Reason = "token_type_mismatch"

	MissingClaim Reason = "missing_claim"
	InvalidClaim Reason = "invalid_claim"

	MissingToken   Reason = "missing_token"
	WrongScheme    Reason = "wrong_scheme"
	MalformedToken Reason = "malformed_token"

	DecryptionFailed          Reason = "decryption_failed"
	CriticalHeaderUnsupported Reason = "critical_header_unsupported"
	ProofOfPossessionFailed   Reason = "proof_of_possession_failed"

	KeyNotFound           Reason = "key_not_found"
	JWKSUnavailable       Reason = "jwks_unavailable"
	JWKSInvalid           Reason = "jwks_invalid"
	IssuerDiscoveryFailed Reason = "issuer_discovery_failed"
	CertificateInvalid    Reason = "certificate_invalid"

	RevokedToken   Reason = "revoked_token"
	ReplayedToken  Reason = "replayed_token"
	SessionExpired Reason = "session_expired"
	UserNotFound   Reason = "user_not_found"

	InsufficientScope Reason = "insufficient_scope"
	PlatformIAMDenied Reason = "platform_iam_denied"

	UpstreamAuthUnavailable Reason = "upstream_auth_unavailable"
	RateLimited             Reason = "rate_limited"
	LoginFailed             Reason = "login_failed"

	ConfigInvalid        Reason = "config_invalid"
	StartupEmptyCritical Reason = "startup_empty_critical"

	TokenInLog Reason = "token_in_log"

	// Unspecified stands for a refusal that gives no reason. It is never
	// upgraded by wording alone.
	Unspecified Reason = "unspecified"
)

var reasons = []Reason{
	BadSignature, AlgorithmMismatch, UnsupportedAlgorithm, AlgNoneRejected, WrongKeyType, MalformedKey,
	MissingSecret, WeakSecret, SecretLoadFailed, ExpiredToken, NotYetValid, IssuedInFuture, MaxAgeExceeded,
	IssuerMismatch, AudienceMismatch, SubjectMismatch, NonceMismatch, TokenTypeMismatch, MissingClaim, InvalidClaim,
	MissingToken, WrongScheme, MalformedToken, DecryptionFailed, CriticalHeaderUnsupported, ProofOfPossessionFailed,
	KeyNotFound, JWKSUnavailable, JWKSInvalid, IssuerDiscoveryFailed, CertificateInvalid,
	RevokedToken, ReplayedToken, SessionExpired, UserNotFound, InsufficientScope, PlatformIAMDenied,
	UpstreamAuthUnavailable, RateLimited, LoginFailed, ConfigInvalid, StartupEmptyCritical, TokenInLog, Unspecified,
}

// Reasons returns every reason, in catalogue order.
func Reasons() []Reason { return slices.Clone(reasons) }

// Known reports whether r is in the closed list.
func (r Reason) Known() bool { return slices.Contains(reasons, r) }

// Refusal reports whether r, as an entry's primary reason, means that a
// request was (or will be) turned away. A token seen in a log and a weak or
// unloadable secret are findings about the configuration, not about a request.
func (r Reason) Refusal() bool {
	switch r {
	case TokenInLog, WeakSecret, MissingSecret, SecretLoadFailed, ConfigInvalid, StartupEmptyCritical:
		return false
	}
	return r != ""
}
