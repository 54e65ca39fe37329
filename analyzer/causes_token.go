package analyzer

// Time and claims.

var timeCauses = []CauseInfo{
	{
		ID: "time.issuer_ahead", Means: "the issuer's clock is ahead of the verifiers'", Level: LevelError, Reasons: []Reason{NotYetValid, IssuedInFuture},
		Confirms: "the Date header of the issuer is ahead of ours by more than the leeway", Do: []string{"check time synchronisation of the issuer, then of {services}", "allow a leeway of at most a few minutes"},
		needs:    [][]*fact{{factFutureText, factSeveral}, {factFutureText, factOneIssuer, factSudden}, {factFutureText, factDeltaSmall}, {factFutureText, factManyClients}},
		supports: []*fact{factSeveral, factOneIssuer, factDeltaSmall}, against: []*fact{factOneClient, factDeltaWide}, shared: true,
	},
	{
		ID: "time.verifier_ahead", Means: "the verifier's clock is ahead", Level: LevelError, Reasons: []Reason{ExpiredToken},
		Confirms: "the Date header of the service is ahead of ours", Do: []string{"check time synchronisation of {services}"},
		needs:    [][]*fact{{factMost, factPeersSound, factAlone, factRegulars, factPersists, factNoSignerDeploy}, {factAcceptedFell, factRises, factPeersSound, factAlone, factDeltaSmall, factPersists}},
		supports: []*fact{factRises, factAlone, factPeersSound, factDeltaSmall, factAcceptedFell}, against: []*fact{factSteady, factAcceptedHolds, factOneClient, factDeltaWide, factSignersFail}, waits: []string{"clock"},
	},
	{
		ID: "token.ttl_misconfigured", Means: "tokens live far shorter or longer than intended", Level: LevelError, Reasons: []Reason{ExpiredToken},
		Confirms: "exp minus iat of a fresh token is outside the policy", Do: []string{"check the unit (seconds, not milliseconds) and the value of the issuer's token lifetime"},
		needs:    [][]*fact{{factRises, factSeveral, factDeployElsewhere, factPersists}, {factRises, factSeveral, factDeployElsewhere, factDeltaSmall}, {factMost, factMany, factDeltaSmall, factPersists}},
		supports: []*fact{factRises, factSeveral, factDeployElsewhere, factDeltaSmall}, against: []*fact{factSteady, factAcceptedHolds, factOneClient, factDeltaWide, factSignersFail}, waits: []string{"mint"}, shared: true,
	},
	{
		ID: "token.expired_stuck_client", Means: "a client never refreshes its token", Level: LevelInfo, Reasons: []Reason{ExpiredToken},
		Confirms: "canaries pass, and one client sends the same token again and again", Do: []string{"tell the client's owner: refresh the token, back off on 401"},
		needs: [][]*fact{{factOneClient, factPersists}, {factOneClient, factDeltaWide}}, supports: []*fact{factOneClient, factDeltaWide},
	},
	{
		ID: "token.expired_normal", Means: "tokens expire, and clients refresh them", Level: LevelInfo, Reasons: []Reason{ExpiredToken, MaxAgeExceeded},
		Confirms: "canaries pass, and the token lifetime is as intended", Do: []string{"nothing, while it stays at its usual level"},
		needs: [][]*fact{{factSome, factSteady}, {factClientsRecover, factSteady}, {factClientsRecover, factShort}, {factClientsRecover, factAcceptedHolds}}, supports: []*fact{factSome, factSteady, factClientsRecover, factDeltaWide}, against: []*fact{factSignersFail},
	},
}

var claimCauses = []CauseInfo{
	{
		ID: "claim.issuer_mismatch", Means: "the token's issuer is not the one that the verifier wants", Level: LevelError, Reasons: []Reason{IssuerMismatch},
		Confirms: "the issuer of the discovery document differs from the verifier's configuration", Do: []string{"align the issuer's name to the letter: trailing slash, scheme, realm"},
		needs:    [][]*fact{{factOneIssuer, factSudden}, {factOneIssuer, factDeploy}, {factEveryone, factDeploy}, {factEveryone, factSudden}, {factNearlySame, factManyClients}, {factNearlySame, factSudden}, {factAcceptedFell, factManyClients}},
		supports: []*fact{factNearlySame, factOneIssuer, factDeploy}, against: notOurs, shared: true,
	},
	{
		ID: "claim.token_type_confusion", Means: "a token of another kind is used as an access token", Level: LevelWarning, Reasons: []Reason{AudienceMismatch, TokenTypeMismatch},
		Confirms: "canaries of one kind pass and of the other do not", Do: []string{"let the client send the access token, not the ID or refresh token"},
		needs: [][]*fact{{factIDToken, factPersists}, {factIDToken, factSudden}, {factIDToken, factOnTop}}, supports: []*fact{factIDToken, factOneClient},
	},
	{
		ID: "claim.audience_mismatch", Means: "the token's audience is not the verifier's", Level: LevelError, Reasons: []Reason{AudienceMismatch},
		Confirms: "a canary with that audience is refused, one with another passes", Do: []string{"align the audience that callers ask for with the one that {services} expects"},
		needs:    [][]*fact{{factOneAudience, factSudden, factAcceptedFell}, {factOneAudience, factDeployNear}, {factEveryone, factDeploy}, {factEveryone, factSudden}, {factAcceptedFell, factDeployNear}, {factAcceptedFell, factManyClients}},
		supports: []*fact{factOneAudience, factDeployNear, factAcceptedFell}, against: []*fact{factFlood, factOnTop}, shared: true,
	},
	{
		ID: "claim.required_missing", Means: "a claim that the verifier requires is absent", Level: LevelError, Reasons: []Reason{MissingClaim},
		Confirms: "a fresh token of the issuer lacks the claim", Do: []string{"align the issuer's claim mapping with what {services} requires"},
		needs:    [][]*fact{{factDeployElsewhere, factSudden, factManyClients}, {factEveryone, factDeployElsewhere}, {factEveryone, factDeploy}, {factAcceptedFell, factDeployNear}, {factAcceptedFell, factManyClients}},
		supports: []*fact{factDeployNear, factAcceptedFell, factManyClients}, against: notOurs, shared: true,
	},
	{
		ID: "claim.type_invalid", Means: "a claim has the wrong type or unit", Level: LevelError, Reasons: []Reason{InvalidClaim},
		Confirms: "a fresh token of the issuer carries the claim in the wrong type", Do: []string{"mend the issuer's serializer: exp, iat and nbf are numbers of seconds (RFC 7519, section 2)"},
		needs:    [][]*fact{{factDeployElsewhere, factSudden, factManyClients}, {factEveryone, factDeployElsewhere}, {factEveryone, factDeploy}, {factAcceptedFell, factDeployNear}, {factAcceptedFell, factManyClients}},
		supports: []*fact{factDeployNear, factAcceptedFell, factManyClients}, against: notOurs, shared: true,
	},
	{
		ID: "alg.unsupported", Means: "the verifier's library does not know the algorithm", Level: LevelError, Reasons: []Reason{UnsupportedAlgorithm},
		Confirms: "the issuer announces an algorithm outside the library's set", Do: []string{"upgrade the library of {services}, or sign with an algorithm that all verifiers know"},
		needs:    [][]*fact{{factUnsupportedText, factSudden, factAcceptedFell}, {factUnsupportedText, factOneAlg, factSudden}, {factUnsupportedText, factEveryone, factDeployNear}},
		supports: []*fact{factUnsupportedText, factOneAlg}, against: []*fact{factAlgNone, factOneClient, factFlood, factOnTop},
	},
	{ID: "verifier.accepts_invalid", Means: "the verifier lets through tokens that it must refuse", Level: LevelCritical, Confirms: "a negative canary is let through, and a request without a token is refused",
		Do: []string{"name the accepted algorithms, the issuer and the audience in the verifier's options, and require exp (RFC 8725, section 3)", "look in the logs of {services} for who made use of it"}},
	{
		ID: "alg.mismatch", Means: "issuer and verifier use different algorithms", Level: LevelError, Reasons: []Reason{AlgorithmMismatch, UnsupportedAlgorithm, KeyNotFound},
		Confirms: "a token of the issuer carries an alg outside the verifier's list", Do: []string{"align signing and accepted algorithms; never widen the list to HMAC and RSA at once (RFC 8725, section 3.1)"},
		needs: [][]*fact{{factAlgText, factOneAlg, factSudden}, {factAlgText, factEveryone, factSudden}, {factAlgText, factEveryone, factDeploy}, {factAlgText, factEveryone, factDeployElsewhere}, {factAlgText, factAcceptedFell, factManyClients},
			{factAlgText, factAcceptedFell, factDeployNear}},
		supports: []*fact{factOneAlg, factEveryone, factAcceptedFell}, against: []*fact{factAlgNone, factOneClient, factFlood, factOnTop}, shared: true,
	},
}

var (
	factFutureText = &fact{"future_said", signalText, func(c *complaint) (answer, string) {
		return truth(c.reasons[NotYetValid]+c.reasons[IssuedInFuture] > 0), "tokens are newer than the verifier's clock"
	}}
	factAlgText = &fact{"algorithm_said", signalText, func(c *complaint) (answer, string) {
		return truth(c.reasons[AlgorithmMismatch]+c.reasons[UnsupportedAlgorithm] > 0), "the verifier says that it does not take the algorithm"
	}}
	factUnsupportedText = &fact{"unsupported_said", signalText, func(c *complaint) (answer, string) {
		return truth(c.reasons[UnsupportedAlgorithm]*2 > c.count), "the library itself says that it does not know the algorithm"
	}}
)
