package analyzer

// Rotations, drift, and the distribution of public keys.

// The kinds of probe that see which key a service holds, and which are
// published.
var (
	ofKeys    = []string{"fingerprint", "canary"}
	ofKeySets = []string{"jwks"}
)

// noKeySet rules out the causes of published keys.
var noKeySet = append(notOurs[:len(notOurs):len(notOurs)], factNoKeySet)

var rotationCauses = []CauseInfo{
	{
		ID: "rotation.in_progress", Means: "a rotation is under way, within its declared overlap", Level: LevelInfo, Reasons: []Reason{BadSignature, KeyNotFound},
		Confirms: "the services hold two neighbouring versions, within the overlap", Do: []string{"watch: why401 rotate status"},
		needs:    [][]*fact{{factRotation, factWithinOverlap, factSome}, {factRotation, factWithinOverlap, factDecays}, {factRotation, factDecays, factBrief, factSome}},
		supports: []*fact{factWithinOverlap, factDecays}, against: append(notOurs[:len(notOurs):len(notOurs)], factHeavy),
	},
	{
		ID: "rotation.incomplete", Means: "a service was left behind by a rotation", Level: LevelError, Reasons: []Reason{BadSignature, KeyNotFound},
		Confirms: "the service's fingerprint is that of the version before, and it is pinned or the overlap is over", Explains: []Cause{"meta.unclassified"},
		Do:    []string{"let {services} read the current version of {secret} and redeploy", "keep the old version enabled until no token signed with it is alive"},
		needs: [][]*fact{{factSecretRotation, factPinned, factPeersSound}, {factSecretRotation, factPinned, factSudden}}, supports: []*fact{factPinned, factPastOverlap, factSecretRotation}, against: notOurs, doubts: foreign, waits: ofKeys,
	},
	{
		ID: "rotation.no_overlap", Means: "signers and verifiers changed the key at different times", Level: LevelCritical, Reasons: []Reason{BadSignature, KeyNotFound, Unspecified},
		Confirms: "tokens signed with one of the two versions are refused at several verifiers", Explains: []Cause{"meta.unclassified"},
		Do: []string{"let all verifiers accept both versions of {secret} now", "then move the signers, and keep the old version enabled until no token signed with it is alive",
			"if the old key was dropped too early, put it back beside the new one"},
		needs:    [][]*fact{{factSecretRotation, factSeveral, factSudden}, {factSecretRotation, factSeveral, factOlderThanRotation}, {factSecretRotation, factStartedAfterRotation, factDecays, factSeveral}, {factSecretRotation, factStartedAfterRotation, factDecays, factAcceptedFell, factAllInstances}},
		supports: []*fact{factSecretRotation, factSeveral, factNoPeerSound, factDecays, factStartedAfterRotation}, against: []*fact{factSomeInstances, factOneClient, factFlood, factOnTop}, doubts: foreign, waits: ofKeys, shared: true,
	},
	{
		ID: "key.stale_cache", Means: "a process still holds the value of before the rotation", Level: LevelError, Reasons: []Reason{BadSignature, KeyNotFound, Unspecified},
		Confirms: "the service's fingerprint is that of the version before", Explains: []Cause{"meta.unclassified"},
		Do: []string{"restart or redeploy {services} so that it loads the current version of {secret}", "keep the old version enabled until no token signed with it is alive",
			"give the service's secret cache a lifetime"},
		needs:    [][]*fact{{factSecretRotation, factOlderThanRotation, factPeersSound, factAlone}, {factHoldsOld, factSudden, factPeersSound}, {factHoldsOld, factAcceptedFell, factAlone}},
		supports: []*fact{factHoldsOld, factSecretRotation, factOlderThanRotation, factPeersSound}, against: []*fact{factStartedAfterRotation, factOneClient, factFlood, factOnTop}, doubts: foreign, waits: ofKeys,
	},
	{ID: "rotation.overdue", Means: "the secret is older than the policy allows", Level: LevelWarning, Confirms: "the newest version's creation time", Do: []string{"rotate {secret}: why401 rotate plan"}},
}

var driftCauses = []CauseInfo{
	{
		ID: "key.cross_service_drift", Means: "two services hold unrelated secrets", Level: LevelError, Reasons: []Reason{BadSignature, Unspecified},
		Confirms: "the fingerprints differ, and no version or known change of one explains the other", Explains: []Cause{"meta.unclassified"},
		Do:    []string{"take the secret of {services} from the same version as its peers", "redeploy, and keep one source for the secret"},
		needs: [][]*fact{{factOtherSecret, factPeersSound, factAlone}}, supports: []*fact{factOtherSecret, factPeersSound, factNoRotation, factEveryone, factAlone}, against: notOurs, doubts: foreign, waits: ofKeys,
	},
	{
		ID: "database.password_drift", Means: "a database takes another password than the secret store holds", Level: LevelError, Reasons: []Reason{LoginFailed}, says: "cannot log in",
		Confirms: "a login with the newest version is refused",
		Do:       []string{"set the password in the database to the newest version of {secret}, or add a version that holds the one it takes", "let rotations change the database first, and keep both passwords valid until every client has reconnected"},
	},
}

var keySetCauses = []CauseInfo{
	{
		ID: "jwks.key_removed_early", Means: "a key was withdrawn before its last tokens expired", Level: LevelError, Reasons: []Reason{KeyNotFound, BadSignature},
		Confirms: "the kid is in the key set's history and not in the live one", Do: []string{"publish the key again until the longest token lifetime is over"},
		needs: [][]*fact{{factKeyRemoved, factSudden}, {factKeyRemoved, factOneKid}, {factKeyRemoved, factDecays}}, supports: []*fact{factKeyRemoved, factOneKid, factDecays}, against: noKeySet, shared: true,
	},
	{
		ID: "jwks.kid_reused", Means: "the key behind a kid was exchanged", Level: LevelError, Reasons: []Reason{BadSignature},
		Confirms: "the thumbprint of the kid changed (RFC 7638)", Do: []string{"give the new key a new kid", "flush the key caches of {services}"},
		needs: [][]*fact{{factKeyExchanged, factSudden}, {factKeyExchanged, factSeveral}, {factKeyExchanged, factOneKid}}, supports: []*fact{factKeyExchanged, factOneKid, factKeyAdded}, against: noKeySet, shared: true,
	},
	{
		ID: "jwks.kid_stale_cache", Means: "the verifier's copy of the key set is older than the key", Level: LevelError, Reasons: []Reason{KeyNotFound, BadSignature, JWKSInvalid},
		Confirms: "the live key set has the kid, and only this verifier refuses it", Do: []string{"restart {services}, or wait for its refresh interval", "let it fetch the key set on an unknown kid, with a cooldown"},
		needs:    [][]*fact{{factKeyAdded, factPeersSound, factKeyMissing}, {factOneKid, factPeersSound, factRegulars, factSudden}, {factOneKid, factPeersSound, factAcceptedFell, factSudden}, {factOneKid, factPeersSound, factRegulars, factPersists}, {factRestartOnly, factPersists, factPeersSound, factKeyMissing}, {factSetInvalid, factLiveSet, factPersists}, {factKeyMissing, factLiveKid, factPersists}, {factKeyMissing, factLiveKid, factRegulars}},
		supports: []*fact{factKeyAdded, factOneKid, factPeersSound, factRegulars}, against: []*fact{factNoKeySet, factOneClient, factFlood, factOnTop, factKeyRemoved, factKeyExchanged}, waits: ofKeySets,
	},
	{
		ID: "jwks.kid_foreign", Means: "tokens of an issuer that is not ours", Level: LevelWarning, Reasons: []Reason{KeyNotFound},
		Confirms: "the kid is neither in the live key set nor in its history", Do: []string{"find the caller: it uses another environment's or tenant's tokens"},
		needs: [][]*fact{{factOneKid, factOneClient, factQuietWorld}, {factOneKid, factOnTop, factStrangers}, {factOneKid, factOnTop, factOneClient}}, supports: []*fact{factOneKid, factOneClient, factOnTop}, against: []*fact{factKeyRemoved, factManyKids, factAcceptedFell}, waits: ofKeySets,
	},
	{
		ID: "jwks.invalid_document", Means: "the key set cannot be used", Level: LevelCritical, Reasons: []Reason{JWKSInvalid},
		Confirms: "the document that is served has no usable key", Explains: []Cause{"meta.unclassified"},
		Do:    []string{"look at what the key set's URL serves: a login page, an empty list, a key without its members", "mend the publisher"},
		needs: [][]*fact{{factSeveral, factSudden}, {factEveryone, factSudden}, {factAcceptedFell, factSeveral}}, supports: []*fact{factSeveral}, shared: true,
	},
	{
		ID: "jwks.unreachable", Means: "the key set cannot be fetched", Level: LevelCritical, Reasons: []Reason{JWKSUnavailable, IssuerDiscoveryFailed, CertificateInvalid},
		Confirms: "fetching the key set from here fails as well", Explains: []Cause{"meta.unclassified"},
		Do:    []string{"check egress, DNS and TLS between {services} and the issuer", "answer 503, not 401, while keys are missing; keep the last good key set"},
		needs: [][]*fact{{factUnreachable, factSeveral}, {factUnreachable, factSudden}, {factUnreachable, factAcceptedFell}, {factSeveral, factSudden}}, supports: []*fact{factSeveral, factUnreachable}, against: []*fact{factRaceWindow, factAtStarts}, shared: true,
	},
	{ID: "jwks.revoked_still_accepted", Means: "a verifier accepts a key that was withdrawn", Level: LevelCritical, Confirms: "a token signed with the withdrawn test key is let through", Do: []string{"give the key cache of {services} a lifetime"}},
	{ID: "jwks.private_key_published", Means: "the key set shows a key that signs", Level: LevelCritical, Confirms: "the document holds a private member or a shared secret (RFC 7517, section 9.2)",
		Do: []string{"take the key out of the document and out of use now: whoever read it can sign tokens", "publish public members alone"}},
	{
		ID: "idp.down", Means: "the identity provider does not answer", Level: LevelCritical, Reasons: []Reason{UpstreamAuthUnavailable, IssuerDiscoveryFailed, ExpiredToken},
		Confirms: "the token endpoint fails from here as well", Explains: []Cause{"token.expired_normal", "meta.unclassified"}, Do: []string{"follow the identity provider's runbook", "tokens that are alive go on working until they expire"},
		needs: [][]*fact{{factUnreachable, factSeveral}, {factSignersFail, factRises}, {factUpstreamText, factSeveral}, {factUpstreamText, factSudden}}, supports: []*fact{factUnreachable, factSeveral, factSignersFail}, against: []*fact{factSteady}, shared: true,
	},
	{
		ID: "idp.rate_limited", Means: "the identity provider limits the rate of requests", Level: LevelWarning, Reasons: []Reason{RateLimited},
		Confirms: "the token endpoint answers 429", Do: []string{"cache tokens and key sets in {services}", "back off with jitter"}, needs: [][]*fact{{factLimitText, factSudden}, {factLimitText, factShort}, {factLimitText, factPersists}},
	},
}

var (
	factLimitText = &fact{"limit_said", signalText, func(c *complaint) (answer, string) {
		return truth(c.reasons[RateLimited] > 0), "the identity provider says that its limit is reached"
	}}
	factSetInvalid = &fact{"key_set_invalid_said", signalText, func(c *complaint) (answer, string) {
		return truth(c.reasons[JWKSInvalid] > 0), "the verifier says that its copy of the key set has no usable key"
	}}
	factUpstreamText = &fact{"upstream_said", signalText, func(c *complaint) (answer, string) {
		return truth(c.reasons[UpstreamAuthUnavailable] > 0), "the service itself says that its identity provider fails"
	}}
	factKeyMissing = &fact{"key_missing_said", signalText, func(c *complaint) (answer, string) {
		return truth(c.reasons[KeyNotFound] > 0), "the verifier says that it does not have the key"
	}}
)
