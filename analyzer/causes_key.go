package analyzer

// The platform's gate, the secret, the key material.

// notOurs rule out what is wrong with a service's own key: one client alone
// fails, or what fails comes on top of ordinary traffic.
var notOurs = []*fact{factOneClient, factFlood, factOnTop}

// foreign are doubts about it.
var foreign = []*fact{factStrangers, factManyKids, factRelayed}

var platformCauses = []CauseInfo{
	{
		ID: "authz.platform_iam", Means: "the platform's IAM refuses the caller before the service runs", Level: LevelError, Reasons: []Reason{PlatformIAMDenied, MissingToken, MalformedToken},
		Confirms: "an unauthenticated call is refused by the platform, and the IAM policy lacks roles/run.invoker for the caller",
		Explains: []Cause{"meta.unclassified"},
		Do: []string{"this is not a JWT secret problem: leave the secrets alone", "grant roles/run.invoker (or the gateway's own role) to the caller's service account, or allow unauthenticated calls on purpose",
			"check that the caller sends an identity token with the service's URL as audience"},
		needs: [][]*fact{{factGate, factSilentApp}, {factGate, factPolicy}, {factGate, factSudden}}, supports: []*fact{factPolicy},
	},
}

var secretCauses = []CauseInfo{
	{
		ID: "key.version_disabled", Means: "the secret version that the service reads was disabled or destroyed", Level: LevelCritical, Reasons: []Reason{SecretLoadFailed, MissingSecret, StartupEmptyCritical},
		Confirms: "the secret store says that the version is disabled or destroyed", Explains: []Cause{"meta.unclassified"},
		Do:    []string{"enable the version again, or let {services} read the current one", "retire a version only when every service was seen on the next one"},
		needs: [][]*fact{{factVersionGone, factGone}, {factVersionGone, factStart}, {factVersionGone, factNothingAccepted}}, supports: []*fact{factVersionGone, factGone}, against: []*fact{factDenied},
	},
	{
		ID: "key.store_denied", Means: "the secret store refuses the service's account", Level: LevelCritical, Reasons: []Reason{SecretLoadFailed},
		Confirms: "reading the version as the service's account gives PermissionDenied", Explains: []Cause{"meta.unclassified"},
		Do:    []string{"grant roles/secretmanager.secretAccessor on {secret} to the account of {services}", "redeploy {services}"},
		needs: [][]*fact{{factDenied, factPolicy}, {factDenied, factStart}, {factDenied, factNothingAccepted}, {factDenied, factAlone}}, supports: []*fact{factDenied, factPolicy}, against: []*fact{factStoreAway},
	},
	{
		ID: "key.store_unreachable", Means: "the secret store cannot be reached", Level: LevelCritical, Reasons: []Reason{SecretLoadFailed},
		Confirms: "reading the version from here times out as well", Explains: []Cause{"meta.unclassified"},
		Do:    []string{"check egress, VPC Service Controls, quota and the platform's status page", "keep the last good value in memory while the store is away"},
		needs: [][]*fact{{factStoreAway, factSeveral}, {factStoreAway, factSudden}, {factStoreAway, factStart}, {factStoreAway, factNothingAccepted}}, supports: []*fact{factStoreAway, factSeveral}, against: []*fact{factDenied, factGone}, shared: true,
	},
	{
		ID: "env.fallback_used", Means: "the service runs on a default, legacy or test value", Level: LevelError, Reasons: []Reason{WeakSecret, MissingSecret, ConfigInvalid, BadSignature},
		Confirms: "the service's fingerprint is that of a known default", ExplainsHere: []Cause{"meta.ambiguous_signature", "key.secret_missing", "key.too_short"},
		Do:    []string{"set the secret that {services} should use", "refuse to start without it outside development"},
		needs: [][]*fact{{factFallback, factEveryone}, {factFallback, factStart}, {factFallback, factAcceptedFell}}, supports: []*fact{factFallback, factEveryone}, against: notOurs,
	},
	{
		ID: "key.per_process_random", Means: "every process makes a key of its own at start", Level: LevelCritical, Reasons: []Reason{BadSignature, KeyNotFound, WeakSecret, MissingSecret},
		Confirms: "fingerprints differ by instance, and none is in the secret store", ExplainsHere: []Cause{"meta.ambiguous_signature", "key.secret_missing", "key.split_replicas"},
		Do:    []string{"configure a shared secret for {services}", "refuse to start without one"},
		needs: [][]*fact{{factGenerated, factSomeInstances}, {factGenerated, factStart}}, supports: []*fact{factGenerated, factSomeInstances}, against: notOurs,
	},
	{
		ID: "startup.env_not_loaded", Means: "the platform defines the variable, and the process does not have it", Level: LevelCritical, Reasons: []Reason{MissingSecret, ConfigInvalid, StartupEmptyCritical},
		Confirms: "the process has none of the variables of its chain, and the manifest lists one", Explains: []Cause{"meta.unclassified"},
		Do:    []string{"compare the name in the manifest with the name that {services} reads, to the letter", "redeploy {services}"},
		needs: [][]*fact{{factMounted, factNothingAccepted}, {factMounted, factStart}}, supports: []*fact{factMounted, factStart}, against: []*fact{factNotMounted},
	},
	{
		ID: "key.secret_missing", Means: "the service resolved no value for its secret", Level: LevelCritical, Reasons: []Reason{MissingSecret, ConfigInvalid, StartupEmptyCritical, SecretLoadFailed},
		Confirms: "none of the variables of the chain is present, and the service says jwt_secret_available false", Explains: []Cause{"meta.unclassified"},
		Do:    []string{"mount or map {secret} under the name that {services} reads", "redeploy {services}, and let it stop at start when the secret is absent"},
		needs: [][]*fact{{factNotMounted, factNothingAccepted}, {factNotMounted, factStart}}, supports: []*fact{factNotMounted, factStart, factNothingAccepted}, against: []*fact{factMounted, factDenied, factStoreAway, factGone},
	},
	{
		ID: "startup.race_not_ready", Means: "the service takes traffic before its keys are there", Level: LevelWarning,
		Reasons:  []Reason{JWKSUnavailable, IssuerDiscoveryFailed, KeyNotFound, MissingSecret, SecretLoadFailed, UpstreamAuthUnavailable, BadSignature, Unspecified},
		Confirms: "/health/jwt was unhealthy when the instance began and healthy soon after", ExplainsHere: []Cause{"meta.unclassified"},
		Do:    []string{"let {services} answer its readiness check only when its keys are loaded", "answer 503, not 401, until then"},
		needs: [][]*fact{{factStart, factDecays, factBrief, factNoRotation}, {factAtStarts, factOver, factNoRotation}}, supports: []*fact{factStart, factDecays, factBrief, factEachStart}, against: []*fact{factEndedByChange, factOneClient, factFlood},
	},
}

var keyCauses = []CauseInfo{
	{
		ID: "key.secret_empty", Means: "the secret is set, and empty", Level: LevelCritical, Reasons: []Reason{BadSignature, WeakSecret, MissingSecret},
		Confirms: "the service's fingerprint is that of the empty value", ExplainsHere: []Cause{"meta.ambiguous_signature", "key.too_short"},
		Do:    []string{"give {secret} a value and redeploy {services}", "refuse to start on an empty secret"},
		needs: [][]*fact{{factEmpty, factEveryone, factStart}}, supports: []*fact{factEveryone, factFromTheStart, factEmpty}, against: notOurs, doubts: foreign,
	},
	{
		ID: "key.weak_default", Means: "the secret is a placeholder or a value from a list", Level: LevelCritical, Reasons: []Reason{WeakSecret},
		Confirms: "a version of the secret equals a known default", Do: []string{"generate a new secret and rotate to it now", "refuse known defaults at start"},
		supports: []*fact{factFallback},
	},
	{
		ID: "key.too_short", Means: "the secret is shorter than its algorithm demands", Level: LevelCritical, Reasons: []Reason{WeakSecret},
		Confirms: "the service says secret_length_valid false", Do: []string{"generate a secret of at least 32 bytes for HS256, 48 for HS384, 64 for HS512 (RFC 7518, section 3.2) and rotate to it"},
		needs: [][]*fact{{factWeakText, factPersists}, {factWeakText, factStart}, {factWeakText, factDeploy}}, supports: []*fact{factWeakText}, against: []*fact{factFallback},
	},
	{
		ID: "key.key_type_or_parse", Means: "the key is not of the form that the algorithm needs", Level: LevelError, Reasons: []Reason{MalformedKey, WrongKeyType},
		Confirms: "the secret's form (PEM, JWK, bytes) does not fit the algorithm", ExplainsHere: []Cause{"meta.unclassified"},
		Do:    []string{"give {services} the key in the right form: a PEM arrives whole with its line breaks, HMAC takes bytes", "compare public and private half"},
		needs: [][]*fact{{factKeyText, factStart}, {factKeyText, factEveryone}, {factKeyText, factDeploy}, {factKeyText, factSudden}}, supports: []*fact{factKeyText, factDeploy}, against: []*fact{factOneClient, factFlood},
	},
	{
		ID: "key.split_replicas", Means: "instances of one service hold different values", Level: LevelError, Reasons: []Reason{BadSignature, KeyNotFound, Unspecified},
		Confirms: "fingerprints over fresh connections give two values or more", Do: []string{"redeploy {services} so that all instances read the same version", "pin the version"},
		needs: [][]*fact{{factSomeInstances, factPersists}, {factSomeInstances, factSudden}, {factSomeInstances, factMixedStarts}}, supports: []*fact{factSomeInstances, factMixedStarts, factSome}, against: []*fact{factEveryone, factSeveral, factOneClient, factFlood}, waits: ofKeys,
	},
	{
		ID: "key.wrong_environment", Means: "the service holds another environment's secret", Level: LevelCritical, Reasons: []Reason{BadSignature, IssuerMismatch},
		Confirms: "the service's fingerprint is that of another environment's version", Do: []string{"map {services} to the secret of its own environment", "take away access across environments"},
		needs: [][]*fact{{factOtherEnvironment, factAlone}, {factOtherEnvironment, factPeersSound}}, supports: []*fact{factOtherEnvironment, factOtherSecret, factDeploy}, against: notOurs, doubts: foreign, waits: ofKeys,
	},
	{
		ID: "env.precedence_conflict", Means: "several variables set the secret, and an unexpected one wins", Level: LevelError, Reasons: []Reason{BadSignature, Unspecified},
		Confirms: "two variables of the chain are present with different values, and the one in use is not the declared one",
		Do:       []string{"remove the variable that must not win from {services}, or write down the order", "deploy {services} again"},
		needs:    [][]*fact{{factSeveralVariables, factPeersSound, factDeploy}, {factSeveralVariables, factSudden, factDeploy}}, supports: []*fact{factSeveralVariables, factDeploy, factNoRotation, factPeersSound}, against: notOurs, doubts: foreign, waits: ofKeys,
	},
	{
		ID: "key.whitespace_mutation", Means: "the value gained or lost a newline, blank, quote or byte order mark", Level: LevelError, Reasons: []Reason{BadSignature},
		Confirms: "the service's fingerprint is that of a version with such a change", Do: []string{"add the secret again without the trailing newline (printf, not echo)", "agree on trimming in all services"},
		supports: []*fact{factStartedAfterRotation, factByHand, factPeersSound, factEveryone, factAlone}, against: notOurs, doubts: foreign,
	},
	{
		ID: "key.encoding_mismatch", Means: "one side decodes the value, the other takes it as text", Level: LevelError, Reasons: []Reason{BadSignature},
		Confirms: "the service's fingerprint is that of a decoded or encoded version", Do: []string{"agree whether the secret is text, base64 or hex, and write it down", "align {services}"},
		supports: []*fact{factFromTheStart, factEveryone, factPeersSound, factAlone}, against: notOurs, doubts: foreign,
	},
}

// A reason that names the fault by itself is one piece of evidence, not two.
var (
	factWeakText = &fact{"weak_said", signalText, func(c *complaint) (answer, string) {
		return truth(c.reasons[WeakSecret] > 0), "the service itself says that the secret is too weak"
	}}
	factKeyText = &fact{"key_form_said", signalText, func(c *complaint) (answer, string) {
		return truth(c.reasons[MalformedKey]+c.reasons[WrongKeyType] > 0), "the service itself says that the key has the wrong form"
	}}
)
