package analyzer

// Clients, attackers, the way of a token, and what could not be decided.

var clientCauses = []CauseInfo{
	{
		ID: "outbound.credential_refused", Means: "another party refuses the service's own credential, and the service passes that on", Level: LevelInfo, Reasons: []Reason{Unspecified, ExpiredToken, BadSignature, InsufficientScope},
		Confirms: "canaries pass", Do: []string{"renew the credential that {services} shows to the other party; its own verifier is not at fault"},
		needs: [][]*fact{{factRelayed, factPeersSound}, {factRelayed, factSudden}, {factRelayed, factPersists}}, supports: []*fact{factRelayed},
	},
	{
		ID: "abuse.alg_attack", Means: "somebody tries tokens without a signature or with the wrong kind of key", Level: LevelWarning, Reasons: []Reason{AlgNoneRejected, AlgorithmMismatch, CriticalHeaderUnsupported},
		Confirms: "such canaries are refused (critical when one is accepted)", Do: []string{"keep the verifier's list of algorithms as it is", "rate-limit or block the source"},
		needs:    [][]*fact{{factAlgNone, factQuietWorld}, {factAlgNone, factAcceptedHolds}, {factAlgNone, factSome, factShort}, {factStrangers, factQuietWorld}, {factStrangers, factAcceptedHolds}, {factStrangers, factSome, factShort}},
		supports: []*fact{factAlgNone, factStrangers, factOneClient, factAcceptedHolds}, against: []*fact{factAcceptedFell},
	},
	{
		ID: "client.misconfigured", Means: "one client sends what no service would take", Level: LevelInfo, Reasons: []Reason{BadSignature, KeyNotFound, IssuerMismatch, AudienceMismatch, AlgorithmMismatch, MissingClaim, InvalidClaim, TokenTypeMismatch, Unspecified, MissingToken, WrongScheme, MalformedToken},
		Confirms: "canaries pass, and the failures come from one client alone", Do: []string{"tell the client's owner; the services are sound"},
		needs: [][]*fact{{factOneClient, factQuietWorld}, {factOneClient, factPersists}, {factOneClient, factAcceptedHolds}}, supports: []*fact{factOneClient, factOnTop}, against: []*fact{factManyKids},
	},
	{
		ID: "abuse.forgery", Means: "tokens that none of our issuers signed", Level: LevelWarning, Reasons: []Reason{BadSignature, KeyNotFound, MalformedToken, AlgorithmMismatch, IssuerMismatch, Unspecified},
		Confirms: "canaries of every live version pass, and no version verifies the tokens", Do: []string{"rate-limit or block the sources", "leave the secrets alone: regular clients are let through"},
		needs: [][]*fact{{factStrangers, factScattered, factQuietWorld}, {factManyKids, factQuietWorld}, {factStrangers, factScattered, factAcceptedHolds}, {factManyKids, factAcceptedHolds}}, supports: []*fact{factStrangers, factManyKids, factOnTop, factAcceptedHolds, factQuietWorld},
		against: []*fact{factAcceptedFell, factRegulars, factOneClient},
	},
	{
		ID: "abuse.refresh_reuse", Means: "refresh tokens are used twice", Level: LevelInfo, Reasons: []Reason{ReplayedToken},
		Confirms: "several uses within milliseconds of one client point to a race, from several networks to theft", Do: []string{"let the client refresh once at a time", "allow a short grace period", "if the uses come from several networks, end the sessions: it may be theft"},
		needs: [][]*fact{{factClientsRecover, factShort}, {factRegulars, factShort}, {factRegulars, factAcceptedHolds}, {factOneClient, factShort}}, supports: []*fact{factClientsRecover, factRegulars, factShort},
	},
	{ID: "abuse.token_leak", Means: "a usable token or secret stands in the log", Level: LevelWarning, Reasons: []Reason{TokenInLog}, Confirms: "the entry itself", observed: true,
		Do: []string{"stop logging the token; shorten its lifetime or rotate the key that signed it"}},
}

var formCauses = []CauseInfo{
	{
		ID: "proxy.header_lost", Means: "the Authorization header is lost between two hops", Level: LevelError, Reasons: []Reason{MissingToken},
		Confirms: "a canary sent through the edge arrives without its header", Explains: []Cause{"meta.unclassified"}, Do: []string{"let the proxy pass Authorization on"},
		needs:    [][]*fact{{factEveryone, factSudden, factRegulars, factNoRotation}, {factRises, factSudden, factRegulars, factAcceptedFell, factNoRotation}, {factRises, factSudden, factManyClients, factAcceptedFell, factNoRotation}, {factEveryone, factSudden, factPeersSound, factNoRotation}},
		supports: []*fact{factEveryone, factSudden, factRegulars, factAcceptedFell}, against: []*fact{factCutText, factOneClient, factSteady, factOnTop},
	},
	{ID: "form.truncated", Means: "tokens beyond a length are cut", Level: LevelError, Reasons: []Reason{MalformedToken, BadSignature}, Confirms: "a padded canary fails above a length", Do: []string{"raise the header limit of the proxy, or shrink the claims"},
		needs: [][]*fact{{factTooLong, factRegulars}, {factTooLong, factPersists}, {factTooLong, factSudden}, {factCutText, factRegulars, factManyClients, factDeployInFront, factRisen}}, supports: []*fact{factTooLong, factRegulars, factDeployInFront}},
	{ID: "form.scheme", Means: "the Authorization header has the wrong form", Level: LevelInfo, Reasons: []Reason{WrongScheme}, Confirms: "canaries in the right form pass", Do: []string{"let the client send exactly: Bearer TOKEN"},
		needs: [][]*fact{{factSome, factPersists}, {factSome, factSteady}}},
	{ID: "form.malformed", Means: "what is sent is no JWT", Level: LevelInfo, Reasons: []Reason{MalformedToken}, Confirms: "canaries pass", Do: []string{"find the client; it sends an opaque token, undefined or null"},
		needs: [][]*fact{{factSome, factSteady}}, against: []*fact{factRegularsRise}},
	{ID: "form.missing", Means: "no token is sent", Level: LevelInfo, Reasons: []Reason{MissingToken}, Confirms: "canaries pass; the path is meant to be protected", Do: []string{"nothing for health checks and bots; else mend the client"},
		needs: [][]*fact{{factSome, factSteady}, {factSome, factPersists}}, against: []*fact{factRegularsRise}},
	{ID: "authz.insufficient", Means: "the caller is known and lacks the permission", Level: LevelInfo, Reasons: []Reason{InsufficientScope, Unspecified}, Confirms: "a canary with the scope passes", Do: []string{"grant the scope or role, or route the caller to its owner"},
		needs: [][]*fact{{factScopeText, factSome, factSteady}, {factScopeText, factSome, factPersists}, {factForbidden, factSteady}, {factForbidden, factAcceptedHolds}, {factForbidden, factSome, factPersists}}, supports: []*fact{factScopeText, factForbidden}},
	{ID: "session.revoked_or_disabled", Means: "a session or token was ended on purpose", Level: LevelInfo, Reasons: []Reason{RevokedToken, SessionExpired, UserNotFound}, Confirms: "the identity provider's own record", Do: []string{"nothing"},
		needs: [][]*fact{{factSome, factSteady}, {factSome, factPersists}}},
}

var factCutText = &fact{"malformed_said", signalText, func(c *complaint) (answer, string) {
	return truth(c.reasons[MalformedToken]*2 > c.count), "what arrives is no whole token"
}}

var factScopeText = &fact{"scope_said", signalText, func(c *complaint) (answer, string) {
	return truth(c.reasons[InsufficientScope] > 0), "the service itself says which permission is missing"
}}

// metaCauses stand for what could not be decided.
var metaCauses = []CauseInfo{
	{ID: "meta.ambiguous_signature", Means: "the signature does not verify, for one of several causes", Level: LevelError},
	{ID: "meta.unclassified", Means: "requests are refused, and no entry says why", Level: LevelWarning},
	{ID: "meta.pipeline_gap", Means: "the entries of a service stopped while others went on", Level: LevelWarning, Confirms: "a probe finds the service answering while its log is silent",
		Do: []string{"look for the log sink's filter and exclusions, and whether {services} still write to the log", "take the rates of {services} as unknown until then"}},
	{ID: "meta.probe_blind", Means: "probes cannot look", Level: LevelWarning, Confirms: "every probe of the service says unknown", Do: []string{"give the probes what they lack: the address, the permission, the path"}},
}
