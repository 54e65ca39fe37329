package rules

import "github.com/why401/why401/analyzer"

// meaning is one step of the generic decision: a clause that carries every
// concept of all, at least one of any (when given) and none of none means
// reason. The steps are tried in order: what is most particular comes first.
type meaning struct {
	reason analyzer.Reason
	all    concept
	any    concept
	none   concept
	near   concept // at least one of these somewhere in the entry
}

const (
	complaint = negated | denied | differs | notFound | lacking | unsupport
	subject   = aToken | aSignature | aClaim | anAuth
	context   = aToken | anAuth
)

var meanings = []meaning{
	{reason: analyzer.RateLimited, all: limited, near: context},
	{reason: analyzer.ReplayedToken, all: replayed, near: aToken, any: negated | aToken | differs | denied, none: otherTrade},
	{reason: analyzer.RevokedToken, all: revoked, near: aToken | aSession | aUser, none: otherTrade | success | hypothesis},
	{reason: analyzer.ProofOfPossessionFailed, all: aBinding, any: complaint},
	{reason: analyzer.CriticalHeaderUnsupported, all: aCritical, any: complaint, near: aToken | aSignature | aHeader},
	{reason: analyzer.AlgNoneRejected, all: isNone, any: anAlgorithm | aSignature, near: aToken | anAlgorithm, none: aSecret | lacking | otherTrade},

	{reason: analyzer.MissingClaim, all: aClaim | lacking, none: hasExpired | tooEarly | aSecret | otherTrade},
	{reason: analyzer.IssuedInFuture, all: anIssuedAt | inFuture, none: aNotBefore, near: aToken | aClaim},
	{reason: analyzer.NotYetValid, all: tooEarly, near: aToken | aClaim | aSignature, none: otherTrade},
	{reason: analyzer.NotYetValid, all: aNotBefore, any: complaint | inFuture, near: aToken | aClaim},
	{reason: analyzer.MaxAgeExceeded, all: tooOld, near: aToken | aClaim, none: otherTrade},
	{reason: analyzer.ExpiredToken, all: hasExpired, near: aToken | aSignature | aClaim, none: otherTrade | aSession | hypothesis | notFound | lacking | aLogin | aNonce | success},
	{reason: analyzer.ExpiredToken, all: hasExpired | aToken, none: hypothesis | aSession | success | otherTrade},
	{reason: analyzer.SessionExpired, all: hasExpired | aSession, none: otherTrade},
	{reason: analyzer.ExpiredToken, all: anExpiry, any: negated, near: aToken | aClaim, none: otherTrade | hypothesis | aForm | aType | success},
	{reason: analyzer.IssuedInFuture, all: anIssuedAt | aClaim, any: negated | differs, near: aToken, none: anExpiry},

	{reason: analyzer.UnsupportedAlgorithm, all: anAlgorithm | unsupport, near: subject | aKey},
	{reason: analyzer.AlgorithmMismatch, all: anAlgorithm, any: negated | differs | denied | notFound, near: subject, none: lacking | tooShort | fetching},

	{reason: analyzer.IssuerDiscoveryFailed, all: aDiscovery, any: complaint | broken},
	{reason: analyzer.JWKSUnavailable, all: aKeySet, any: broken, none: otherTrade},
	{reason: analyzer.JWKSUnavailable, all: aKeySet | fetching | negated, none: notFound | aForm},
	{reason: analyzer.JWKSInvalid, all: aKeySet, any: aForm | lacking | negated | unsupport, none: notFound | aSignature | aKeyID},
	{reason: analyzer.KeyNotFound, all: aKeyID, any: complaint},
	{reason: analyzer.KeyNotFound, all: aKey, any: notFound, near: subject | anAlgorithm, none: otherTrade | aConfig | aSecret},
	{reason: analyzer.KeyNotFound, all: aKeySet, any: notFound},

	{reason: analyzer.IssuerMismatch, all: anIssuer, any: complaint, none: otherTrade | aForm | broken, near: aToken | aClaim | anAuth},
	{reason: analyzer.AudienceMismatch, all: anAudience, any: complaint, none: otherTrade | aForm, near: aToken | aClaim | anAuth},
	{reason: analyzer.NonceMismatch, all: aNonce, any: negated | differs | notFound, near: context, none: anEncrypted},
	{reason: analyzer.SubjectMismatch, all: aSubject, any: differs, near: context, none: otherTrade},

	{reason: analyzer.WeakSecret, all: tooShort, any: aSecret | aKey, near: subject | anAlgorithm | aSecret, none: otherTrade | anExpiry},
	{reason: analyzer.SecretLoadFailed, all: aSecret | negated, any: broken | fetching, none: lacking | aSignature, near: context},
	{reason: analyzer.MissingSecret, all: aSecret, any: lacking | notFound, none: otherTrade | aHeader, near: subject},
	{reason: analyzer.WrongKeyType, all: aKey | aType, any: negated | differs},
	{reason: analyzer.MalformedKey, all: aKey | aForm, any: negated, none: aToken | otherTrade, near: subject | aKey},

	{reason: analyzer.DecryptionFailed, all: anEncrypted, any: negated, near: aToken | anEncrypted, none: otherTrade},
	{reason: analyzer.MalformedToken, all: aSignature | lacking, near: aToken, none: aSecret | aKey | aConfig},
	{reason: analyzer.MalformedToken, all: aForm | aToken, any: negated | differs | lacking | aForm, none: aConfig | otherTrade | aScheme | aKey | success | hypothesis},
	{reason: analyzer.BadSignature, all: aSignature, any: negated | differs | denied, near: aToken | anAuth, none: otherTrade | aKey | lacking | notFound | success | aConfig | hypothesis | aForm},
	{reason: analyzer.BadSignature, all: aSignature | aToken, any: negated | differs, none: otherTrade | lacking | hypothesis | aConfig},
	{reason: analyzer.TokenTypeMismatch, all: aType, any: differs, near: aToken, none: otherTrade | aClaim},

	{reason: analyzer.WrongScheme, all: aScheme, any: negated | differs | lacking | aForm | unsupport, near: aHeader | aToken | anAuth, none: otherTrade},
	{reason: analyzer.InsufficientScope, all: aScope, any: denied | lacking | differs, near: context, none: aConfig},
	{reason: analyzer.MissingToken, all: lacking, any: aToken | aHeader, near: context, none: otherTrade | aClaim | aConfig | aSecret | aScope | aKey | aForm | anEncrypted},
	{reason: analyzer.MissingToken, all: lacking | aToken | aHeader},
	{reason: analyzer.MissingToken, all: notFound | aToken, none: otherTrade | aUser | aKey | aConfig | aSession},
	{reason: analyzer.MalformedToken, all: aForm, any: negated, near: aToken, none: aConfig | otherTrade | aKey | success | hypothesis | fetching},
	{reason: analyzer.UserNotFound, all: aUser | notFound, near: context, none: aConfig},
	{reason: analyzer.LoginFailed, all: aLogin, any: negated | differs, none: aToken&^aLogin | success | hypothesis},
	{reason: analyzer.InvalidClaim, all: aClaim, any: negated | differs, near: aToken, none: success | hypothesis | aConfig},
	{reason: analyzer.UpstreamAuthUnavailable, all: anAuth | broken, none: aKeySet | otherTrade, any: fetching | negated},
	{reason: analyzer.ConfigInvalid, all: aConfig, any: lacking | negated, near: aToken, none: otherTrade | success | hypothesis | fetching},

	{reason: analyzer.Unspecified, all: aToken, any: negated | denied | differs, near: anAuth | denied | aHeader | aSignature | aClaim | anIssuer, none: otherTrade | success | hypothesis | aConfig | fetching | notFound | broken | aUser},
	{reason: analyzer.Unspecified, all: anAuth, any: negated | denied, none: otherTrade | success | hypothesis | aConfig | fetching | broken},
}

// decide returns the reason of a clause that carries the concepts c, in an
// entry that carries all, or "".
func decide(c, all concept) analyzer.Reason {
	for i := range meanings {
		m := &meanings[i]
		if c&m.all == m.all && (m.any == 0 || c&m.any != 0) && c&m.none == 0 && (m.near == 0 || all&m.near != 0) {
			return m.reason
		}
	}
	return ""
}
