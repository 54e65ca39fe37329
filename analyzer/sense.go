package analyzer

import (
	"fmt"
	"slices"
	"time"
)

// A sense is what a family of reasons may mean: the causes that print it, and
// the probe that would tell them apart (the catalogue of causes). It never
// names a cause by wording.
type sense struct {
	reasons    []Reason
	unknown    Cause // the incident's cause while nothing decides
	says       string
	candidates []Cause
	next       string
	level      Level
	do         []string
	rotation   bool // a key's change may be behind it
}

var senses = []sense{
	{
		reasons: []Reason{BadSignature, KeyNotFound}, unknown: "meta.ambiguous_signature", rotation: true, level: LevelError,
		says: "refuses tokens whose signature it cannot verify",
		candidates: []Cause{"key.cross_service_drift", "key.stale_cache", "key.whitespace_mutation", "key.encoding_mismatch", "key.wrong_environment", "key.secret_empty",
			"env.precedence_conflict", "rotation.no_overlap", "jwks.kid_stale_cache", "abuse.forgery"},
		next: "compare the fingerprint of the service's secret with every version in the secret store (GET /health/jwt, or an expired canary token)",
		do: []string{"compare the secret version that the service loaded with the one the issuer signs with", "check which variable of the service's chain wins (JWT_SECRET_<ENV>, JWT_SECRET_KEY, JWT_SECRET)",
			"if a rotation came just before, restart the service that holds the old value"},
	},
	{
		reasons: []Reason{MissingSecret, SecretLoadFailed, ConfigInvalid, StartupEmptyCritical}, unknown: "key.secret_missing", level: LevelCritical,
		says:       "has no usable secret or authentication configuration",
		candidates: []Cause{"startup.env_not_loaded", "key.secret_missing", "key.store_denied", "key.store_unreachable", "key.version_disabled"},
		next:       "read the state of the secret's version in the secret store as the service's account, and list which variables of the chain the process has",
		do:         []string{"check that the secret is mounted or mapped under the name that the service reads", "check the service account's secretAccessor role and the version's state", "redeploy the service"},
	},
	{
		reasons: []Reason{WeakSecret, MalformedKey, WrongKeyType}, unknown: "key.too_short", level: LevelError,
		says:       "holds a key that is too short or of the wrong form",
		candidates: []Cause{"key.too_short", "key.weak_default", "key.key_type_or_parse"},
		next:       "check length and form of the secret against its algorithm (RFC 7518, section 3.2)",
		do:         []string{"generate a secret of at least 32 bytes for HS256 and rotate to it", "for RS/ES algorithms check that the PEM arrives whole"},
	},
	{
		reasons: []Reason{ExpiredToken, MaxAgeExceeded}, unknown: "token.expired_normal", level: LevelInfo,
		says:       "refuses expired tokens",
		candidates: []Cause{"token.expired_normal", "token.expired_stuck_client", "token.ttl_misconfigured", "time.verifier_ahead", "idp.down"},
		next:       "compare the clocks (Date header) and the lifetime of a fresh token with the policy",
		do:         []string{"nothing, while it stays at its baseline", "if it rose at once everywhere, check the issuer and its token lifetime"},
	},
	{
		reasons: []Reason{NotYetValid, IssuedInFuture}, unknown: "time.issuer_ahead", level: LevelError,
		says:       "refuses tokens from the future",
		candidates: []Cause{"time.issuer_ahead"},
		next:       "compare the clocks of issuer and verifier (Date header against iat)",
		do:         []string{"check time synchronisation of the issuer", "allow a leeway of at most a few minutes"},
	},
	{
		reasons: []Reason{IssuerMismatch}, unknown: "claim.issuer_mismatch", level: LevelError, says: "refuses the token's issuer",
		candidates: []Cause{"claim.issuer_mismatch", "key.wrong_environment"},
		next:       "compare the issuer of the discovery document with the verifier's configuration, to the letter",
		do:         []string{"align the issuer's name: trailing slash, scheme, realm"},
	},
	{
		reasons: []Reason{AudienceMismatch}, unknown: "claim.audience_mismatch", level: LevelError, says: "refuses the token's audience",
		candidates: []Cause{"claim.audience_mismatch", "token.type_confusion"},
		next:       "present a canary token with each configured audience",
		do:         []string{"align the audience that callers ask for with the one the service expects"},
	},
	{
		reasons: []Reason{AlgorithmMismatch, UnsupportedAlgorithm, AlgNoneRejected}, unknown: "alg.mismatch", level: LevelError, says: "refuses the token's algorithm",
		candidates: []Cause{"alg.mismatch", "alg.unsupported", "abuse.alg_attack"},
		next:       "compare the alg of a token from each issuer with the verifier's allow-list",
		do:         []string{"align signing and accepted algorithms; never widen the list to HMAC and RSA at once"},
	},
	{
		reasons: []Reason{JWKSUnavailable, JWKSInvalid, IssuerDiscoveryFailed, CertificateInvalid}, unknown: "jwks.unreachable", level: LevelCritical, says: "cannot get the issuer's keys",
		candidates: []Cause{"jwks.unreachable", "jwks.invalid_document", "idp.down", "startup.race_not_ready"},
		next:       "fetch the key set from here and from the service's own network",
		do:         []string{"check egress, DNS and TLS between the service and its issuer", "answer 503, not 401, while keys are missing"},
	},
	{
		reasons: []Reason{PlatformIAMDenied}, unknown: "authz.platform_iam", level: LevelError, says: "is shielded by the platform's IAM, which refuses callers before the service runs; this is not a JWT secret problem",
		candidates: []Cause{"authz.platform_iam"},
		next:       "read the service's IAM binding for roles/run.invoker",
		do:         []string{"grant roles/run.invoker to the caller's service account, or allow unauthenticated calls on purpose"},
	},
	{
		reasons: []Reason{MissingClaim, InvalidClaim, TokenTypeMismatch, SubjectMismatch, NonceMismatch}, unknown: "claim.required_missing", level: LevelWarning, says: "refuses the token's claims",
		candidates: []Cause{"claim.required_missing", "claim.type_invalid", "token.type_confusion"},
		next:       "decode a fresh token of the issuer and compare its claims with what the service requires",
		do:         []string{"align the issuer's claim mapping with the verifier's requirements"},
	},
	{
		reasons: []Reason{TokenInLog}, unknown: "abuse.token_leak", level: LevelWarning, says: "writes usable tokens or secrets into its logs",
		candidates: []Cause{"abuse.token_leak"}, next: "find the logging statement by the exemplars",
		do: []string{"stop logging the token; shorten its lifetime or rotate the key that signed it"},
	},
	{
		reasons: []Reason{Unspecified}, unknown: "meta.unclassified", level: LevelWarning, says: "refuses requests without saying why",
		candidates: []Cause{"key.cross_service_drift", "token.expired_normal", "form.missing", "authz.insufficient", "authz.platform_iam"},
		next:       "present an expired canary token and read the answer, or raise the service's log level for its authentication middleware",
		do:         []string{"export the service's application log to the sink, not only its request log"},
	},
}

// senseOf returns the sense of a reason, or nil for reasons that are nobody's
// misconfiguration (a missing token, a wrong password, an ended session).
func senseOf(r Reason) *sense {
	for i := range senses {
		if slices.Contains(senses[i].reasons, r) {
			return &senses[i]
		}
	}
	return nil
}

// CandidateCauses lists what may stand behind a reason, the more frequent
// first. None of them follows from the reason alone.
func CandidateCauses(r Reason) []Cause {
	if sn := senseOf(r); sn != nil {
		return slices.Clone(sn.candidates)
	}
	return nil
}

// weigh looks for signals that do not come from wording: when it began, what
// changed just before, who shares the key and is fine. Two of them that agree
// make a cause probable; the rest is said as it stands.
func (l *Ledger) weigh(cfg DiagnosisConfig, in *Incident, sn *sense, ys []symptom) {
	if !sn.rotation {
		return
	}
	rotation := l.changeBefore(in.Opened, cfg.Near, SecretVersionAdded, SecretVersionEnabled, SecretRotated)
	sound := l.soundPeers(cfg, in)
	if len(sound) > 0 {
		in.For = append(in.For, fmt.Sprintf("other services of the key domain accept tokens over the same time: %s", list(sound)))
		in.Against = append(in.Against, "forged tokens and a wrong signer would fail at every verifier, not only here")
	}
	if rotation == nil {
		if c := l.changeBefore(in.Opened, cfg.Near, RevisionDeployed, ConfigEdited); c != nil {
			in.For = append(in.For, fmt.Sprintf("%s of %s at %s came just before; by itself that may be a coincidence", c.Kind, c.Target, c.At.UTC().Format("15:04:05")))
		}
		return
	}
	in.For = append(in.For, fmt.Sprintf("%s %s of secret %s at %s, %s before the first failure", rotation.Kind, rotation.Version, rotation.Target, rotation.At.UTC().Format("15:04:05"),
		max(0, in.Opened.Sub(rotation.At)).Round(time.Second)))
	old := l.startedBefore(in.Services, rotation.At)
	if !old || len(sound) == 0 {
		in.Candidates = front(in.Candidates, "rotation.no_overlap", "key.stale_cache")
		return
	}
	in.For = append(in.For, "no deploy or start of the failing service has been seen since the rotation: it may hold the value of before")
	in.Cause, in.Verdict = "key.stale_cache", Probable
	in.Candidates = front(in.Candidates, "key.stale_cache", "rotation.no_overlap")
	in.Do = []string{
		fmt.Sprintf("restart or redeploy %s so that it loads the current version of %s", list(in.Services), rotation.Target),
		"keep the old version enabled until no token signed with it is alive", "give the service's secret cache a lifetime",
	}
}

// changeBefore returns the last change of the given kinds within near before
// the onset (which is known to the minute only), or nil.
func (l *Ledger) changeBefore(onset time.Time, near time.Duration, kinds ...ChangeKind) *Change {
	for _, c := range l.changes.list { // the latest first
		if slices.Contains(kinds, c.Kind) && c.At.Before(onset.Add(time.Minute)) && c.At.After(onset.Add(-near)) {
			return &c.Change
		}
	}
	return nil
}

// soundPeers are the services of the incident's key domain that accepted
// requests while it stood and are not part of it.
func (l *Ledger) soundPeers(cfg DiagnosisConfig, in *Incident) []string {
	var out []string
	for _, s := range l.window.Services() {
		if s.Environment != in.Environment || cfg.domain(s) != in.KeyDomain || slices.Contains(in.Services, s.Name) {
			continue
		}
		if r := l.window.Service(s, minute(in.Opened.UnixNano()), minute(in.LastSeen.UnixNano())+1); r.Accepted > 0 {
			out = append(out, s.Name)
		}
	}
	return out
}

// startedBefore reports whether none of the services was seen to start or to
// be deployed since t.
func (l *Ledger) startedBefore(services []string, t time.Time) bool {
	for _, c := range l.changes.list {
		if (c.Kind == InstanceStarted || c.Kind == RevisionDeployed) && c.At.After(t) && (slices.Contains(services, c.Target) || slices.Contains(services, c.Service.Name)) {
			return false
		}
	}
	return true
}

// front moves the named causes to the head of the list.
func front(list []Cause, first ...Cause) []Cause {
	rest := slices.DeleteFunc(slices.Clone(list), func(c Cause) bool { return slices.Contains(first, c) })
	return append(slices.Clone(first), rest...)
}

func list(names []string) string {
	s := ""
	for i, n := range names[:min(len(names), 5)] {
		if i > 0 {
			s += ", "
		}
		s += n
	}
	if n := len(names) - 5; n > 0 {
		s += fmt.Sprintf(" and %d more", n)
	}
	return s
}
