package rules

import "github.com/why401/why401/analyzer"

// meaning is one step of the generic decision: a clause that carries every
// thing of all, one of any (when given) and none of no, every sign of signs,
// one of some (when given) and none of not, means reason. The steps are tried
// in order: what is most particular comes first.
type meaning struct {
	reason analyzer.Reason
	all    thing
	any    thing
	no     thing
	signs  sign
	some   sign
	not    sign
	lead   thing // one of these named first
	near   thing // one of these somewhere in the entry
	away   thing // none of these anywhere in the entry
	plain  bool  // the clause says nearly nothing else
	// loose marks a verdict that also stands around others ("failed to verify
	// signature: fetching keys …"): any other verdict of the line goes before.
	loose bool
}

const (
	wrong    = negated | fails | differs | denied | unknown
	gone     = lacking | notFound
	complain = wrong | gone | unsupported | broken
	trade    = otherTrade | success | hypothesis
	aTrade   = aToken | isJWT | aSignature | aStd | anAuth
	timing   = anExpiry | aNotBefore | anIssuedAt | aTime
)

var meanings = []meaning{
	// Two complaints of which one holds say nothing.
	{reason: analyzer.Unspecified, all: aToken, some: either, signs: expired | negated, not: lacking | trade},
	{reason: analyzer.Unspecified, all: aToken, some: either, signs: expired, not: lacking | trade | revoked, no: aHeader | aSession},
	{reason: analyzer.Unspecified, all: aToken, some: either, signs: expired | revoked, not: trade},
	{reason: analyzer.MissingToken, all: aToken, signs: lacking | either, not: trade, no: aClaim | aSecret | aConfig | anAlgorithm | aKeyID | aSignature},

	{reason: analyzer.RateLimited, signs: limited, near: isJWT | aKeySet, not: trade &^ success},
	{reason: analyzer.ReplayedToken, signs: replayed, near: aToken | isJWT | aNonce | aBinding, not: trade, no: aKey | aCSRF | aState},
	{reason: analyzer.RevokedToken, signs: revoked, near: aToken | isJWT | aSession | aLogin | anAuth, not: trade | fetching, no: aCertificate},
	{reason: analyzer.ProofOfPossessionFailed, all: aBinding, some: complain | expired | required | inFuture | tooLong | tooOld | tooEarly, not: trade &^ otherTrade, no: aConfig},
	{reason: analyzer.CriticalHeaderUnsupported, all: aCritical, any: aHeader | aSignature | aToken | aForm | aCritical, some: wrong | unsupported, not: trade},
	{reason: analyzer.LoginFailed, all: aCSRF, near: isJWT, some: complain, not: success | hypothesis},

	// What a claim looks like, before what it says.
	{reason: analyzer.InvalidClaim, all: aTime | aDatatype, some: wrong | required | expects, not: lacking | trade | expired | inFuture | tooEarly | either},
	{reason: analyzer.InvalidClaim, any: anIssuer | anAudience | aSubject | aClaim, all: aDatatype, some: wrong | required | expects, not: lacking | trade | notFound, no: aScope | anAlgorithm | aKey | aType, near: isJWT | aStd | aCustom},
	{reason: analyzer.MalformedToken, all: isJWT | aDatatype, any: aToken | aKeyID | anAlgorithm, some: required | negated, not: trade | gone | broken, no: aScope | aKey | aClaim | aConfig | aType | aSecret},
	{reason: analyzer.InvalidClaim, signs: tooLong, any: anExpiry | aTime | anAge, not: trade, near: aTrade},
	{reason: analyzer.InvalidClaim, all: aHash, some: wrong | broken, not: trade | gone},
	{reason: analyzer.MissingClaim, all: aHash, some: lacking, not: trade},
	{reason: analyzer.ConfigInvalid, all: anIssuer | aConfig, signs: lacking, not: trade, no: aToken},

	{reason: analyzer.ConfigInvalid, any: anIssuer | anAudience, signs: unset, not: trade | lacking | wrong | expects, no: aToken | aClaim | aHeader | aForm},

	{reason: analyzer.MissingClaim, lead: aToken, signs: holdsNo, not: trade | expired | tooEarly | denied | differs, no: aHeader | aSignature | aForm | aKeyID | aKey | anEncrypted | aSecret | anAlgorithm | aScope},

	// Times.
	{reason: analyzer.IssuedInFuture, any: anIssuedAt, signs: inFuture, not: trade, no: aNotBefore, near: aTrade},
	{reason: analyzer.IssuedInFuture, any: anIssuedAt, signs: tooEarly, not: trade, no: aNotBefore, near: aTrade},
	{reason: analyzer.IssuedInFuture, any: aToken | isJWT, signs: inFuture, not: trade | tooEarly, no: aNotBefore | anExpiry | aDatatype},
	{reason: analyzer.IssuedInFuture, any: anIssuedAt, some: checkFailed | negated, not: trade | gone | expired, no: anExpiry | aNotBefore | aDatatype | anIssuer | aKey, near: aToken | isJWT | aTime, loose: true},
	{reason: analyzer.MissingClaim, any: timing, some: gone, not: trade | expired | inFuture | tooEarly | unset, no: aConfig | aKey, near: aToken | isJWT | aStd | aCustom},
	{reason: analyzer.MissingClaim, all: aClaim, any: timing, signs: required, not: trade | wrong | expects | expired | inFuture | tooEarly, no: aConfig | aKey},
	{reason: analyzer.NotYetValid, signs: tooEarly, near: aToken | isJWT | aStd | aCustom | aSignature, not: trade, no: aCertificate | anIssuedAt | aLogin},
	{reason: analyzer.NotYetValid, all: aNotBefore, some: wrong | inFuture | broken, not: trade, near: aTrade, no: anExpiry | aCertificate},
	{reason: analyzer.MaxAgeExceeded, signs: tooOld, near: aToken | isJWT | aStd | aCustom | anAge, not: trade, no: aCertificate | aLogin | aNonce},
	{reason: analyzer.MaxAgeExceeded, all: anAge, some: wrong | tooLong, near: aToken | isJWT | aStd | aCustom, not: trade | lacking},
	{reason: analyzer.NonceMismatch, all: aNonce, signs: differs, not: trade, no: anEncrypted},
	{reason: analyzer.NonceMismatch, all: aNonce, some: expired | wrong | notFound | lacking | required, near: isJWT | anAuth | aToken, not: trade, no: anEncrypted},
	{reason: analyzer.RevokedToken, all: aRefresh, signs: notFound, not: trade, no: aClaim | aSecret},
	{reason: analyzer.SessionExpired, all: aSession, some: expired | gone | inactive, not: trade, near: aToken | isJWT | anAuth, no: aConfig},
	{reason: analyzer.ExpiredToken, signs: expired, near: aToken | isJWT | aStd | aCustom, not: trade | lacking | notFound | broken, no: aSession | aLogin | aNonce | aCertificate | aState | aKeySet | aSecret | aNotBefore, any: aToken | isJWT | aSignature | aClaim | anExpiry},
	{reason: analyzer.ExpiredToken, signs: expired, near: isJWT, not: otherTrade | hypothesis | lacking | notFound | broken | success, no: aSession | aLogin | aNonce | aCertificate | aState | aKeySet | aKey | aSecret | aNotBefore | aScope | aUser, plain: true},
	{reason: analyzer.ExpiredToken, signs: expired, all: anAuth, near: isJWT, not: trade | lacking, no: aSession | aLogin | aCertificate},
	{reason: analyzer.ExpiredToken, signs: tooLate, near: aTrade, any: aToken | isJWT | anExpiry, not: trade},
	{reason: analyzer.ExpiredToken, all: anExpiry, some: wrong | broken, near: aToken | isJWT | aStd | aCustom, not: trade | gone, no: aDatatype | aForm | aNotBefore | anIssuedAt | aConfig | aCertificate | aCustom, loose: true},
	{reason: analyzer.InvalidClaim, all: aTime, some: wrong, not: trade | gone, no: anIssuedAt | aNotBefore | anExpiry, loose: true},

	// Algorithms.
	{reason: analyzer.AlgNoneRejected, all: anAlgorithm, signs: isNone, not: trade, near: isJWT | aSignature | aToken, no: aSecret | aConfig},
	{reason: analyzer.AlgNoneRejected, all: anAlgorithm, signs: isNone, some: differs | denied | unsupported, not: trade, no: aSecret | aConfig},
	{reason: analyzer.AlgNoneRejected, signs: isNone, any: aSignature, all: aToken, not: trade, no: aSecret | aKey | aConfig | aUser},
	{reason: analyzer.AlgNoneRejected, signs: isNone, any: isJWT, some: wrong | unsupported, all: aSignature, not: trade, no: aSecret | aKey | aConfig},
	{reason: analyzer.WeakSecret, signs: tooShort, any: aSecret | aKey, near: isJWT | aSignature | anAlgorithm | isCrypto, not: otherTrade | hypothesis, no: anExpiry | aCertificate},
	{reason: analyzer.AlgorithmMismatch, lead: anAlgorithm, some: differs, near: aTrade | aKey, not: trade | tooShort, no: aForm | aDiscovery},
	{reason: analyzer.MalformedKey, lead: aKey | aSecret, some: negated | fails, any: isCrypto | anAlgorithm, not: trade | gone | fetching | broken | differs, no: aToken | aSignature | aKeySet | aKeyID | aDatatype},
	{reason: analyzer.WrongKeyType, all: aKey | aDatatype, some: wrong | expects | unsupported | required, near: isJWT | isCrypto | anAlgorithm | aSignature, not: trade | gone | broken, no: aClaim | aForm},
	{reason: analyzer.WrongKeyType, all: aKey | isCrypto, signs: required, near: isJWT | anAlgorithm | aSignature, not: trade | gone | broken | unset, no: aClaim | aForm},
	{reason: analyzer.MalformedKey, all: aKey | isCrypto | aForm, some: wrong | gone | broken | required, not: trade, no: aToken | aKeySet | aClaim | aKeyID},
	{reason: analyzer.MissingToken, signs: lacking, all: aToken, any: aHeader, no: aSignature | aForm | aKeyID | aClaim | aScheme | aConfig | aSecret | aScope | anAlgorithm | aType | aNonce | aState | aCritical, not: trade | differs},
	{reason: analyzer.ConfigInvalid, all: anAlgorithm, some: lacking | unset, not: trade | wrong, near: isJWT | aSignature | aToken, no: aForm | aHeader | aToken | aClaim},
	{reason: analyzer.MalformedToken, all: anAlgorithm | aHeader, some: gone | required, not: trade | unsupported, near: isJWT | aToken},
	{reason: analyzer.UnsupportedAlgorithm, all: anAlgorithm, signs: unsupported, near: aTrade | aKey, not: trade, no: aClaim | aUser},
	{reason: analyzer.AlgorithmMismatch, all: anAlgorithm, some: wrong, near: aTrade | aKey, not: trade | tooShort | lacking | unset, no: aClaim | aKeySet | aForm | aDatatype | aSecret | aDiscovery},

	// Keys and where they come from.
	{reason: analyzer.IssuerDiscoveryFailed, all: aDiscovery, some: complain | broken, not: trade, no: aConfig | aKeySet},
	{reason: analyzer.IssuerDiscoveryFailed, all: aDiscovery, signs: broken, not: trade},
	{reason: analyzer.JWKSUnavailable, any: aKeySet | aJWK, some: broken | limited, not: trade},
	{reason: analyzer.JWKSUnavailable, all: aKeySet, signs: fetching | fails, not: trade | notFound | lacking, no: aForm | aKeyID},
	{reason: analyzer.JWKSUnavailable, all: aKeys, signs: broken, near: isJWT | aSignature, not: trade | notFound, no: aForm | aKeyID | aSecret},
	{reason: analyzer.JWKSUnavailable, all: isJWT, signs: broken | checkFailed, not: trade | notFound, no: aDiscovery | aSignature | aClaim},
	{reason: analyzer.ConfigInvalid, any: aKeySet, signs: unset, not: trade, no: aToken},
	{reason: analyzer.MalformedKey, all: aKeySet | isCrypto, some: wrong, any: aForm, not: trade | gone, no: aKeys},
	{reason: analyzer.MalformedToken, all: aKeyID | aHeader, some: lacking | required | negated, not: trade | notFound | differs, near: isJWT},
	{reason: analyzer.KeyNotFound, all: aKeyID, some: notFound | unknown | differs | expects | lacking, not: trade, no: aDatatype | aClaim},
	{reason: analyzer.KeyNotFound, all: aJWK, some: notFound, not: trade, no: aForm},
	{reason: analyzer.JWKSInvalid, all: aJWK, some: negated | lacking | unsupported | differs, not: trade | notFound | expects, no: aSignature | aKeyID | isCrypto},
	{reason: analyzer.JWKSInvalid, all: aJWK | aForm, some: wrong, not: trade | notFound, no: aSignature | aKeyID | isCrypto},
	{reason: analyzer.KeyNotFound, all: aKeySet, some: notFound, any: aKey, not: trade, no: aForm | aDocument},
	{reason: analyzer.JWKSInvalid, all: aKeySet, some: negated | lacking | unsupported | differs, not: trade | notFound | fails | several, no: aSignature | aKeyID},
	{reason: analyzer.JWKSInvalid, all: aKeys | aForm, near: isJWT, not: trade, some: complain, no: aSignature | aKeyID | isCrypto},
	{reason: analyzer.JWKSInvalid, all: aKeySet | aForm, not: trade, some: complain, no: aSignature | aKeyID},
	{reason: analyzer.SecretLoadFailed, all: aStore, some: denied | broken | fails | notFound, not: trade},
	{reason: analyzer.KeyNotFound, all: aKey | aSecret, signs: notFound, near: aTrade | aSecret, not: trade | unset, no: aConfig | aForm},
	{reason: analyzer.MissingSecret, all: aSecret, some: lacking | notFound | unset, near: isJWT | aSignature | anAuth, not: trade | either, no: aHeader | aForm | aKeyID | aClaim | aKeySet | aLogin | anIntrospection},
	{reason: analyzer.MissingSecret, all: aKey, signs: unset, near: isJWT | aSignature, not: trade, no: aHeader | aForm | aKeyID | aClaim | anAlgorithm},
	{reason: analyzer.SecretLoadFailed, all: aSecret, signs: broken, near: isJWT | aSignature | aToken, not: trade, no: aKeySet | aToken},
	{reason: analyzer.KeyNotFound, all: aKey, some: notFound, near: aTrade | anAlgorithm, not: trade, no: aConfig | aCertificate | aForm},
	{reason: analyzer.MalformedKey, all: aKey | isCrypto, some: negated | fails, not: trade | gone | denied | broken, no: aSignature | aToken | aKeySet | aClaim | anAlgorithm | aKeyID | anAuth | aDatatype | aCertificate},
	{reason: analyzer.MalformedKey, all: aSecret | aForm, some: wrong, near: isJWT | aSignature, not: trade | gone, no: aToken},
	{reason: analyzer.CertificateInvalid, all: aCertificate, some: wrong | expired | tooEarly, near: aKeySet | aDiscovery, not: otherTrade, loose: true},

	// Claims that are not the wanted ones.
	{reason: analyzer.AudienceMismatch, all: anAudience, signs: holdsNo, some: expects | required | differs, not: trade},
	{reason: analyzer.AudienceMismatch, all: anAudience, signs: lacking | expects, not: trade, near: aTrade},
	{reason: analyzer.AudienceMismatch, all: anAudience, signs: notFound, not: trade | lacking, near: aTrade, no: aConfig},
	{reason: analyzer.IssuerMismatch, all: anIssuer, signs: notFound, not: trade | lacking | broken, near: aTrade, no: aConfig | aKey},
	{reason: analyzer.MissingClaim, any: aClaim, some: gone, not: trade | either, no: aKey | aConfig | aScope | aSession | aUser, near: aTrade},
	{reason: analyzer.MissingClaim, any: anIssuer | anAudience | aSubject, all: aToken, some: lacking, not: trade | either | differs, no: aKey | aConfig | aUser},
	{reason: analyzer.IssuerMismatch, all: anIssuer, some: wrong | notFound | lacking | unset | unsupported, not: trade | broken, near: aTrade, no: aForm | aKey | aConfig | aCertificate | aScope},
	{reason: analyzer.IssuerMismatch, all: anIssuer, some: wrong | notFound | lacking | unset | unsupported, not: trade | broken, near: isJWT, no: aForm | aKey | aCertificate},
	{reason: analyzer.IssuerMismatch, all: anIssuer, signs: expects, not: trade | broken, near: aTrade},
	{reason: analyzer.AudienceMismatch, all: anAudience, some: wrong | notFound | expects | lacking, not: trade | broken, near: aTrade, no: aForm | aKey | aCertificate},
	{reason: analyzer.IssuerMismatch, all: anIssuer, some: differs | negated, not: trade | broken | gone, plain: true, no: aCertificate | aConfig | aKey | aForm},
	{reason: analyzer.AudienceMismatch, all: anAudience, signs: negated, not: trade | broken | gone, plain: true, no: aConfig | aForm},
	{reason: analyzer.IssuerMismatch, all: anIssuer, signs: checkFailed, not: trade | broken, no: aCertificate},
	{reason: analyzer.AudienceMismatch, all: anAudience, signs: checkFailed, not: trade | broken},
	{reason: analyzer.AudienceMismatch, all: anAudience, signs: differs, not: trade | broken},
	{reason: analyzer.SubjectMismatch, all: aSubject, some: differs | negated | fails | expects, near: aTrade, not: trade | broken | gone, no: aCertificate | aUser | aScope | aDatatype},
	{reason: analyzer.LoginFailed, all: aState, some: wrong | notFound | lacking, near: isJWT | anAuth, not: trade},
	{reason: analyzer.InvalidClaim, all: aCustom, some: wrong, near: isJWT | aStd | aCustom, not: trade | gone, no: aLogin | aSession | aForm | aTime | anIssuer | anAudience | aSubject},

	// Who asks, and how.
	{reason: analyzer.InsufficientScope, all: aScope, some: complain | required, not: trade | broken, near: isJWT | anAuth | aToken, no: aConfig | aUser | aStore},
	{reason: analyzer.WrongScheme, all: aScheme, some: wrong | gone | unsupported | required, near: aHeader | isJWT | anAuth | aToken, not: trade, no: aClaim | aKey | aSignature | aConfig},
	{reason: analyzer.WrongScheme, all: aHeader | isJWT, some: negated | differs, not: trade | gone, no: aToken | anAlgorithm | aKeyID | aSignature | aKey | aShape | aCritical | aType | anEncrypted | aDocument},
	{reason: analyzer.WrongScheme, any: aHeader, signs: several, near: isJWT, not: trade},
	{reason: analyzer.MalformedToken, all: aSignature, signs: several, near: isJWT, not: trade},
	{reason: analyzer.WrongScheme, signs: several, all: aToken, not: trade | expired | revoked, no: aKey | aClaim},
	{reason: analyzer.WrongScheme, all: aHeader | aForm, some: wrong, near: isJWT | anAuth, not: trade, no: aKey | aToken},
	{reason: analyzer.LoginFailed, all: aLogin, some: wrong | notFound, not: trade &^ otherTrade, near: isJWT | aHeader, no: aSecret | aKey | isJWT | aCertificate},
	{reason: analyzer.UserNotFound, all: aUser, signs: notFound, near: isJWT | aStd | aCustom | anAuth, not: trade, no: aConfig | aKey},
	{reason: analyzer.LoginFailed, all: aUser, signs: inactive, near: isJWT | anAuth | aUser, not: trade, no: aToken},

	{reason: analyzer.UpstreamAuthUnavailable, all: anIntrospection, some: broken | fails | unsupported, near: isJWT | anAuth | aToken, not: trade, no: aForm | aSignature | aClaim},
	{reason: analyzer.UpstreamAuthUnavailable, all: isJWT, signs: broken, not: trade | differs | denied, no: aKeySet | aKey | aHeader | aForm | aClaim | aSignature | aSecret | aDiscovery, loose: true},
	{reason: analyzer.UpstreamAuthUnavailable, all: anAuth, signs: broken, not: trade | denied, no: aKeySet | aForm | aHeader, near: isJWT | anIntrospection, loose: true},

	// Form.
	{reason: analyzer.DecryptionFailed, all: anEncrypted, some: wrong | notFound | broken, near: isJWT | anEncrypted, not: trade, no: aForm | aShape | aDatatype | aSecret},
	{reason: analyzer.MalformedToken, all: aSignature, some: lacking, near: aToken | isJWT, not: trade | unset, no: aSecret | aKey | aConfig | aClaim},
	{reason: analyzer.MalformedToken, all: aSignature, signs: required, near: isJWT, not: trade | unset | wrong, no: aSecret | aKey | aConfig | aClaim | anAlgorithm},
	{reason: analyzer.MalformedToken, all: aShape, some: complain | required | expects, near: aToken | isJWT | anAuth, not: trade, no: aConfig | aScheme | aKey | aSecret | aKeySet | aCertificate | aUser, away: aKeys | aKeySet | aDiscovery | aJWK},
	{reason: analyzer.MalformedToken, all: aForm | isJWT, some: complain | required | expects | several, not: trade, no: aConfig | aScheme | aKey | aSecret | aKeySet | aClaim | aCertificate | aUser},
	{reason: analyzer.MalformedToken, all: aForm | aToken, some: complain | required | expects, not: trade, no: aConfig | aScheme | aKey | aSecret | aKeySet | aClaim | aCertificate | aUser | aDocument},
	{reason: analyzer.MalformedToken, all: aForm, any: aSignature | aHeader, some: complain | required | expects, near: isJWT, not: trade, no: aConfig | aScheme | aKey | aSecret | aKeySet | aCertificate},
	{reason: analyzer.TokenTypeMismatch, all: aType, some: wrong | unsupported | notFound | expects, near: aToken | isJWT, not: trade | either, no: aConfig},
	{reason: analyzer.TokenTypeMismatch, all: aKind, signs: expects, not: trade | either, no: aSignature | aHash | anIssuer | anAudience | aClaim | aKey | aHeader | aForm | aDatatype},
	{reason: analyzer.MissingToken, signs: lacking, all: isJWT, not: trade | unset, no: aClaim | aConfig | aSecret | aScope | aKey | aForm | anEncrypted | aSignature | anAlgorithm | aKeyID | aUser | aType | aSession | anIntrospection | aScheme},
	{reason: analyzer.MissingToken, signs: lacking, all: aToken, near: isJWT | aHeader | anAuth, not: trade | unset, no: aClaim | aConfig | aSecret | aScope | aKey | aForm | anEncrypted | aSignature | anAlgorithm | aKeyID | aUser | aType | aSession | anIntrospection | aScheme},
	{reason: analyzer.MissingToken, signs: lacking, all: aToken, plain: true, not: trade | unset, no: aClaim | aConfig | aSecret | aScope | aKey | aForm | anEncrypted | aSignature | anAlgorithm | aKeyID | aUser | aType | aSession | anIntrospection | aScheme},
	{reason: analyzer.MissingToken, signs: lacking, all: aHeader, near: isJWT, not: trade, no: aClaim | aConfig | aSecret | aScope | aKey | aForm | anEncrypted | aSignature | anAlgorithm | aKeyID | aScheme | aSession},
	{reason: analyzer.MissingToken, all: aToken | isJWT, signs: required, not: trade | wrong | broken | several, no: aClaim | aConfig | aSecret | aScope | aKey | aForm | anEncrypted | aSignature | anAlgorithm | aKeyID | aUser | aType | aScheme | anAudience | anIssuer | aSubject},
	{reason: analyzer.MissingToken, all: aToken, signs: unset, not: trade | wrong, any: isJWT, no: aClaim | aConfig | aSecret | aScope | aKey | aSignature | anAlgorithm | aUser | aForm},
	{reason: analyzer.MissingToken, all: aToken, signs: notFound, not: trade | differs, no: aUser | aKey | aConfig | aSession | aClaim | aSecret | aScope | anAudience | anIssuer | aSignature | anAlgorithm | aForm},
	{reason: analyzer.CertificateInvalid, all: aCertificate, some: wrong | expired | tooEarly, near: isJWT, not: trade &^ otherTrade, no: aSession | anIntrospection},

	// What also stands around another cause.
	{reason: analyzer.JWKSUnavailable, all: aKeySet, some: broken | fails, loose: true, not: trade | gone},
	{reason: analyzer.BadSignature, all: aSignature, some: wrong, near: aToken | isJWT | anAuth, not: trade | gone, no: aKey | aConfig | aForm | anAlgorithm | aCertificate | aSecret, loose: true},
	{reason: analyzer.BadSignature, all: isCrypto, some: fails, near: aSignature, not: trade | gone, no: aKey | aConfig | aForm | anAlgorithm | aCertificate | aSecret | aToken, loose: true},
	{reason: analyzer.BadSignature, all: aSignature | aToken, some: wrong, not: trade | gone, no: aConfig | aKey | aCertificate, loose: true},
	{reason: analyzer.BadSignature, all: aSignature | isJWT, some: wrong, not: trade | gone, no: aConfig | aCertificate, loose: true},
	{reason: analyzer.MalformedToken, all: aForm, some: wrong, near: isJWT, not: trade, no: aConfig | aKey | aSecret | aKeySet | aCertificate | aUser, loose: true},
	{reason: analyzer.InvalidClaim, all: aClaim, some: wrong, near: isJWT | anAuth, not: trade | gone, no: aConfig, loose: true},
	{reason: analyzer.ConfigInvalid, all: aConfig, some: unset | lacking | negated, near: isJWT | aToken, not: trade | broken | wrong&^negated, no: aSignature | aHeader | aClaim, loose: true},
	{reason: analyzer.ConfigInvalid, all: aConfig, some: wrong | broken, near: isJWT, not: trade, no: aSignature | aHeader | aForm | aClaim | aToken, loose: true},
}

// vague are the steps for texts that only refuse. They never decide before
// any of the meanings.
var vague = []meaning{
	{reason: analyzer.Unspecified, all: isJWT, some: negated | fails | denied | differs, not: trade | gone | broken | unset | fetching, no: aConfig | aUser | aKey | aSecret | aKeySet | aCertificate},
	{reason: analyzer.Unspecified, all: aToken, some: negated | fails | denied, near: isJWT | aHeader | aStd | aCustom | aSignature, not: trade | gone | broken | unset | fetching, no: aConfig | aUser | aKey | aSecret | aKeySet | aCertificate},
	{reason: analyzer.Unspecified, all: anAuth, some: negated | fails | denied, not: trade | broken | unset | fetching | notFound, no: aConfig | aKey | aSecret | aKeySet | aCertificate | aLogin},
}

// matches reports whether the clause s, in an entry that carries near, means m.
func (m *meaning) matches(s sense, near thing, strange int) bool {
	return s.things&m.all == m.all && (m.any == 0 || s.things&m.any != 0) && s.things&m.no == 0 &&
		s.signs&m.signs == m.signs && (m.some == 0 || s.signs&m.some != 0) && s.signs&m.not == 0 &&
		(m.lead == 0 || s.lead&m.lead != 0) && (m.near == 0 || near&m.near != 0) && near&m.away == 0 && (!m.plain || strange < strangers)
}

// decide returns the first of steps that s means, or nil; the loose ones come
// after all others.
func decide(steps []meaning, s sense, near thing, strange int) (found *meaning) {
	for i := range steps {
		m := &steps[i]
		if m.loose && found != nil || !m.matches(s, near, strange) {
			continue
		}
		if !m.loose {
			return m
		}
		found = m
	}
	return found
}
