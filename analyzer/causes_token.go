package analyzer

// Key sets, time, claims, clients.

var keySetCauses = []CauseInfo{
	{
		ID: "jwks.key_removed_early", Means: "a key was withdrawn before its last tokens expired", Level: LevelError, Reasons: []Reason{KeyNotFound, BadSignature},
		Confirms: "the kid is in the key set's history and not in the live one", Do: []string{"publish the key again until the longest token lifetime is over"},
		needs: [][]*fact{{factKeyRemoved, factSudden}, {factKeyRemoved, factOneKid}}, supports: []*fact{factKeyRemoved, factOneKid, factDecays},
	},
	{
		ID: "jwks.kid_reused", Means: "the key behind a kid was exchanged", Level: LevelError, Reasons: []Reason{BadSignature},
		Confirms: "the thumbprint of the kid changed (RFC 7638)", Do: []string{"give the new key a new kid", "flush the key caches of {services}"}, supports: []*fact{factOneKid, factKeyAdded},
	},
	{
		ID: "jwks.kid_stale_cache", Means: "the verifier's copy of the key set is older than the key", Level: LevelError, Reasons: []Reason{KeyNotFound, BadSignature},
		Confirms: "the live key set has the kid, and only this verifier refuses it", Do: []string{"restart {services}, or wait for its refresh interval", "let it fetch the key set on an unknown kid, with a cooldown"},
		needs: [][]*fact{{factKeyAdded, factPeersSound}, {factOneKid, factPeersSound, factSudden}}, supports: []*fact{factKeyAdded, factOneKid, factPeersSound},
	},
	{
		ID: "jwks.kid_foreign", Means: "tokens of an issuer that is not ours", Level: LevelWarning, Reasons: []Reason{KeyNotFound},
		Confirms: "the kid is neither in the live key set nor in its history", Do: []string{"find the caller: it uses another environment's or tenant's tokens"},
		needs: [][]*fact{{factOneKid, factOneClient, factQuietWorld}}, supports: []*fact{factOneKid, factOneClient},
	},
	{
		ID: "jwks.invalid_document", Means: "the key set cannot be used", Level: LevelCritical, Reasons: []Reason{JWKSInvalid},
		Confirms: "the document that is served has no usable key", Do: []string{"look at what the key set's URL serves: a login page, an empty list, a key without its members", "mend the publisher"},
		needs: [][]*fact{{factSeveral, factSudden}}, supports: []*fact{factSeveral},
	},
	{
		ID: "jwks.unreachable", Means: "the key set cannot be fetched", Level: LevelCritical, Reasons: []Reason{JWKSUnavailable, IssuerDiscoveryFailed, CertificateInvalid},
		Confirms: "fetching the key set from here fails as well", Explains: []Cause{"meta.unclassified"},
		Do:    []string{"check egress, DNS and TLS between {services} and the issuer", "answer 503, not 401, while keys are missing; keep the last good key set"},
		needs: [][]*fact{{factUnreachable, factSeveral}, {factUnreachable, factSudden}}, supports: []*fact{factSeveral, factUnreachable},
	},
	{ID: "jwks.revoked_still_accepted", Means: "a verifier accepts a key that was withdrawn", Level: LevelCritical, Confirms: "a token signed with the withdrawn test key is let through", Do: []string{"give the key cache of {services} a lifetime"}},
	{ID: "jwks.private_key_published", Means: "the key set shows a key that signs", Level: LevelCritical, Confirms: "the document holds a private member or a shared secret (RFC 7517, section 9.2)",
		Do: []string{"take the key out of the document and out of use now: whoever read it can sign tokens", "publish public members alone"}},
	{
		ID: "idp.down", Means: "the identity provider does not answer", Level: LevelCritical, Reasons: []Reason{UpstreamAuthUnavailable, IssuerDiscoveryFailed, ExpiredToken},
		Confirms: "the token endpoint fails from here as well", Explains: []Cause{"token.expired_normal", "meta.unclassified"}, Do: []string{"follow the identity provider's runbook", "tokens that are alive go on working until they expire"},
		needs: [][]*fact{{factUnreachable, factSeveral}, {factSignersFail, factRises, factSeveral}}, supports: []*fact{factUnreachable, factSeveral, factSignersFail},
	},
	{
		ID: "idp.rate_limited", Means: "the identity provider limits the rate of requests", Level: LevelWarning, Reasons: []Reason{RateLimited},
		Confirms: "the token endpoint answers 429", Do: []string{"cache tokens and key sets in {services}", "back off with jitter"}, needs: [][]*fact{{factLimitText, factSudden}, {factLimitText, factShort}},
	},
}

var timeCauses = []CauseInfo{
	{
		ID: "time.issuer_ahead", Means: "the issuer's clock is ahead of the verifiers'", Level: LevelError, Reasons: []Reason{NotYetValid, IssuedInFuture},
		Confirms: "the Date header of the issuer is ahead of ours by more than the leeway", Do: []string{"check time synchronisation of the issuer", "allow a leeway of at most a few minutes"},
		needs: [][]*fact{{factFutureText, factSeveral}, {factFutureText, factOneIssuer, factSudden}}, supports: []*fact{factSeveral, factOneIssuer},
	},
	{
		ID: "time.verifier_ahead", Means: "the verifier's clock is ahead", Level: LevelError, Reasons: []Reason{ExpiredToken},
		Confirms: "the Date header of the service is ahead of ours", Do: []string{"check time synchronisation of {services}"},
		needs: [][]*fact{{factEveryone, factPeersSound, factAlone, factRegulars, factSudden}}, supports: []*fact{factRises, factAlone, factPeersSound, factEveryone}, against: []*fact{factSteady, factOneClient},
	},
	{
		ID: "token.ttl_misconfigured", Means: "tokens live far shorter or longer than intended", Level: LevelError, Reasons: []Reason{ExpiredToken},
		Confirms: "exp minus iat of a fresh token is outside the policy", Do: []string{"check the unit (seconds, not milliseconds) and the value of the issuer's token lifetime"},
		needs: [][]*fact{{factRises, factSeveral, factDeployElsewhere}}, supports: []*fact{factRises, factSeveral, factDeployElsewhere}, against: []*fact{factSteady, factOneClient},
	},
	{
		ID: "token.expired_stuck_client", Means: "a client never refreshes its token", Level: LevelInfo, Reasons: []Reason{ExpiredToken},
		Confirms: "canaries pass, and one client sends the same token again and again", Do: []string{"tell the client's owner: refresh the token, back off on 401"},
		needs: [][]*fact{{factOneClient, factPersists}}, supports: []*fact{factOneClient},
	},
	{
		ID: "token.expired_normal", Means: "tokens expire, and clients refresh them", Level: LevelInfo, Reasons: []Reason{ExpiredToken, MaxAgeExceeded},
		Confirms: "canaries pass, and the token lifetime is as intended", Do: []string{"nothing, while it stays at its usual level"},
		needs: [][]*fact{{factSome, factSteady}, {factClientsRecover, factSteady}, {factClientsRecover, factShort}}, supports: []*fact{factSome, factSteady, factClientsRecover},
	},
}

var claimCauses = []CauseInfo{
	{
		ID: "claim.issuer_mismatch", Means: "the token's issuer is not the one that the verifier wants", Level: LevelError, Reasons: []Reason{IssuerMismatch},
		Confirms: "the issuer of the discovery document differs from the verifier's configuration", Do: []string{"align the issuer's name to the letter: trailing slash, scheme, realm"},
		needs: [][]*fact{{factOneIssuer, factSudden}, {factOneIssuer, factDeploy}, {factEveryone, factDeploy}, {factEveryone, factSudden}}, supports: []*fact{factOneIssuer, factDeploy}, against: []*fact{factOneClient},
	},
	{
		ID: "claim.token_type_confusion", Means: "a token of another kind is used as an access token", Level: LevelWarning, Reasons: []Reason{AudienceMismatch, TokenTypeMismatch},
		Confirms: "canaries of one kind pass and of the other do not", Do: []string{"let the client send the access token, not the ID or refresh token"},
		needs: [][]*fact{{factOneClient, factPersists}}, supports: []*fact{factOneClient},
	},
	{
		ID: "claim.audience_mismatch", Means: "the token's audience is not the verifier's", Level: LevelError, Reasons: []Reason{AudienceMismatch},
		Confirms: "a canary with that audience is refused, one with another passes", Do: []string{"align the audience that callers ask for with the one that {services} expects"},
		needs: [][]*fact{{factOneAudience, factSudden}, {factOneAudience, factDeploy}, {factEveryone, factDeploy}, {factDeployElsewhere, factOneAudience}}, supports: []*fact{factOneAudience, factDeploy}, against: []*fact{factOneClient},
	},
	{
		ID: "claim.required_missing", Means: "a claim that the verifier requires is absent", Level: LevelError, Reasons: []Reason{MissingClaim},
		Confirms: "a fresh token of the issuer lacks the claim", Do: []string{"align the issuer's claim mapping with what {services} requires"},
		needs: [][]*fact{{factDeployElsewhere, factSudden, factManyClients}, {factEveryone, factDeployElsewhere}, {factEveryone, factDeploy}}, against: []*fact{factOneClient},
	},
	{
		ID: "claim.type_invalid", Means: "a claim has the wrong type or unit", Level: LevelError, Reasons: []Reason{InvalidClaim},
		Confirms: "a fresh token of the issuer carries the claim in the wrong type", Do: []string{"mend the issuer's serializer: exp, iat and nbf are numbers of seconds (RFC 7519, section 2)"},
		needs: [][]*fact{{factDeployElsewhere, factSudden, factManyClients}, {factEveryone, factDeployElsewhere}}, against: []*fact{factOneClient},
	},
	{
		ID: "alg.unsupported", Means: "the verifier's library does not know the algorithm", Level: LevelError, Reasons: []Reason{UnsupportedAlgorithm},
		Confirms: "the issuer announces an algorithm outside the library's set", Do: []string{"upgrade the library of {services}, or sign with an algorithm that all verifiers know"},
		needs: [][]*fact{{factOneAlg, factSudden}, {factEveryone, factDeployElsewhere}}, against: []*fact{factAlgNone},
	},
	{ID: "verifier.accepts_invalid", Means: "the verifier lets through tokens that it must refuse", Level: LevelCritical, Confirms: "a negative canary is let through, and a request without a token is refused",
		Do: []string{"name the accepted algorithms, the issuer and the audience in the verifier's options, and require exp (RFC 8725, section 3)", "look in the logs of {services} for who made use of it"}},
	{
		ID: "alg.mismatch", Means: "issuer and verifier use different algorithms", Level: LevelError, Reasons: []Reason{AlgorithmMismatch, UnsupportedAlgorithm},
		Confirms: "a token of the issuer carries an alg outside the verifier's list", Do: []string{"align signing and accepted algorithms; never widen the list to HMAC and RSA at once (RFC 8725, section 3.1)"},
		needs: [][]*fact{{factOneAlg, factSudden}, {factEveryone, factSudden}, {factEveryone, factDeploy}, {factEveryone, factDeployElsewhere}}, supports: []*fact{factOneAlg, factEveryone}, against: []*fact{factAlgNone, factOneClient},
	},
}

var clientCauses = []CauseInfo{
	{
		ID: "abuse.alg_attack", Means: "somebody tries tokens without a signature or with the wrong kind of key", Level: LevelWarning, Reasons: []Reason{AlgNoneRejected, AlgorithmMismatch, CriticalHeaderUnsupported},
		Confirms: "such canaries are refused (critical when one is accepted)", Do: []string{"keep the verifier's list of algorithms as it is", "rate-limit or block the source"},
		needs: [][]*fact{{factAlgNone, factQuietWorld}, {factStrangers, factQuietWorld}, {factStrangers, factSome, factShort}}, supports: []*fact{factAlgNone, factStrangers, factOneClient},
	},
	{
		ID: "client.misconfigured", Means: "one client sends what no service would take", Level: LevelInfo, Reasons: []Reason{BadSignature, KeyNotFound, IssuerMismatch, AudienceMismatch, AlgorithmMismatch, MissingClaim, InvalidClaim, Unspecified, MissingToken, WrongScheme, MalformedToken},
		Confirms: "canaries pass, and the failures come from one client alone", Do: []string{"tell the client's owner; the services are sound"},
		needs: [][]*fact{{factOneClient, factQuietWorld}, {factOneClient, factPersists}}, supports: []*fact{factOneClient},
	},
	{
		ID: "abuse.forgery", Means: "tokens that none of our issuers signed", Level: LevelWarning, Reasons: []Reason{BadSignature, KeyNotFound, MalformedToken, AlgorithmMismatch},
		Confirms: "canaries of every live version pass, and no version verifies the tokens", Do: []string{"rate-limit or block the sources", "leave the secrets alone: regular clients are let through"},
		needs: [][]*fact{{factStrangers, factQuietWorld}, {factManyKids, factQuietWorld}, {factStrangers, factSome, factSudden}, {factManyKids, factStrangers, factSudden}}, supports: []*fact{factStrangers, factManyKids, factSome, factQuietWorld},
	},
	{
		ID: "abuse.refresh_reuse", Means: "refresh tokens are used twice", Level: LevelInfo, Reasons: []Reason{ReplayedToken},
		Confirms: "several uses within milliseconds of one client point to a race, from several networks to theft", Do: []string{"let the client refresh once at a time", "allow a short grace period"},
	},
	{ID: "abuse.token_leak", Means: "a usable token or secret stands in the log", Level: LevelWarning, Reasons: []Reason{TokenInLog}, Confirms: "the entry itself", observed: true,
		Do: []string{"stop logging the token; shorten its lifetime or rotate the key that signed it"}},
	{
		ID: "proxy.header_lost", Means: "the Authorization header is lost between two hops", Level: LevelError, Reasons: []Reason{MissingToken},
		Confirms: "a canary sent through the edge arrives without its header", Do: []string{"let the proxy pass Authorization on"},
		needs: [][]*fact{{factEveryone, factSudden, factRegulars}}, supports: []*fact{factEveryone, factSudden, factRegulars}, against: []*fact{factOneClient, factSteady},
	},
	{ID: "form.truncated", Means: "tokens beyond a length are cut", Level: LevelError, Reasons: []Reason{MalformedToken, BadSignature}, Confirms: "a padded canary fails above a length", Do: []string{"raise the header limit of the proxy, or shrink the claims"}},
	{ID: "form.scheme", Means: "the Authorization header has the wrong form", Level: LevelInfo, Reasons: []Reason{WrongScheme}, Confirms: "canaries in the right form pass", Do: []string{"let the client send exactly: Bearer TOKEN"},
		needs: [][]*fact{{factSome, factPersists}}},
	{ID: "form.malformed", Means: "what is sent is no JWT", Level: LevelInfo, Reasons: []Reason{MalformedToken}, Confirms: "canaries pass", Do: []string{"find the client; it sends an opaque token, undefined or null"},
		needs: [][]*fact{{factSome, factSteady}}},
	{ID: "form.missing", Means: "no token is sent", Level: LevelInfo, Reasons: []Reason{MissingToken}, Confirms: "canaries pass; the path is meant to be protected", Do: []string{"nothing for health checks and bots; else mend the client"},
		needs: [][]*fact{{factSome, factSteady}, {factSome, factPersists}}},
	{ID: "authz.insufficient", Means: "the caller is known and lacks the permission", Level: LevelInfo, Reasons: []Reason{InsufficientScope}, Confirms: "a canary with the scope passes", Do: []string{"grant the scope or role, or route the caller to its owner"},
		needs: [][]*fact{{factSome, factSteady}, {factSome, factPersists}}},
	{ID: "session.revoked_or_disabled", Means: "a session or token was ended on purpose", Level: LevelInfo, Reasons: []Reason{RevokedToken, SessionExpired, UserNotFound}, Confirms: "the identity provider's own record", Do: []string{"nothing"}},
}

var (
	factLimitText = &fact{"limit_said", signalText, func(c *complaint) (answer, string) {
		return truth(c.reasons[RateLimited] > 0), "the identity provider says that its limit is reached"
	}}
	factFutureText = &fact{"future_said", signalText, func(c *complaint) (answer, string) {
		return truth(c.reasons[NotYetValid]+c.reasons[IssuedInFuture] > 0), "tokens are newer than the verifier's clock"
	}}
)

// metaCauses stand for what could not be decided.
var metaCauses = []CauseInfo{
	{ID: "meta.ambiguous_signature", Means: "the signature does not verify, for one of several causes", Level: LevelError},
	{ID: "meta.unclassified", Means: "requests are refused, and no entry says why", Level: LevelWarning},
	{ID: "meta.pipeline_gap", Means: "the entries of a service stopped while others went on", Level: LevelWarning},
	{ID: "meta.probe_blind", Means: "probes cannot look", Level: LevelWarning},
}
