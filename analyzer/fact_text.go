package analyzer

import (
	"slices"
	"strings"
	"time"
)

// says is a fact about what the kept entries of a complaint say beyond their
// reason: status codes of an API, not turns of phrase.
func says(name, words string, any ...string) *fact {
	return &fact{name, signalText, func(c *complaint) (answer, string) {
		var texts []string
		for _, r := range c.family.reasons {
			for _, x := range c.exemplars(r) {
				texts = append(texts, x.Excerpt)
			}
		}
		return mention(texts, words, any)
	}}
}

// configurationReasons are what a service says of its own secret.
var configurationReasons = []Reason{MissingSecret, WeakSecret, SecretLoadFailed, ConfigInvalid, MalformedKey, WrongKeyType}

// saysNearby looks also at what the service said of its own secret since its
// last start.
func saysNearby(name, words string, any ...string) *fact {
	return &fact{name, signalText, func(c *complaint) (answer, string) {
		since := c.onset().Add(-c.scene.cfg.Near)
		if s := c.scene.lastOf(c.service, c.onset().Add(-adoption), c.horizon(), nil, InstanceStarted, RevisionDeployed); s != nil {
			since = s.At
		}
		since = since.Add(-time.Minute)
		var texts []string
		for _, r := range slices.Concat(c.family.reasons, configurationReasons) {
			for _, x := range c.scene.ledger.Exemplars(c.service, r, since.Unix()/3600, c.to/60+1) {
				if !x.At.Before(since) && !x.At.After(c.end()) {
					texts = append(texts, x.Excerpt)
				}
			}
		}
		return mention(texts, words, any)
	}}
}

func mention(texts []string, words string, any []string) (answer, string) {
	for _, t := range texts {
		low := strings.ToLower(t)
		if slices.ContainsFunc(any, func(a string) bool { return strings.Contains(low, a) }) {
			return yes, words
		}
	}
	if len(texts) == 0 {
		return unknown, ""
	}
	return no, ""
}

// storeSays looks at what the service says of loading its secret alone.
func storeSays(name, words string, any ...string) *fact {
	return &fact{name, signalText, func(c *complaint) (answer, string) {
		var texts []string
		for _, x := range c.exemplars(SecretLoadFailed) {
			texts = append(texts, x.Excerpt)
		}
		return mention(texts, words, any)
	}}
}

// What services say of the key that they use instead of the missing one.
var (
	fallback  = []string{"default", "fallback", "fall back", "falling back", "legacy", "deprecated", "placeholder", "insecure"}
	generated = []string{"generat", "random", "ephemeral"}
)

// away are the words for a far side that cannot be reached.
var away = []string{"deadlineexceeded", "deadline_exceeded", "deadline exceeded", "unavailable", "timeout", "timed out",
	"connection refused", "connection reset", "no such host", "econnrefused", "econnreset", "enotfound", "etimedout", "resourceexhausted", "resource_exhausted", "quota", "x509", "certificate", "tls:", " 502", " 503", " 504",
	"temporary failure in name resolution", "getaddrinfo", "unknownhost", "unreachable", "socket hang up", "i/o error", "unexpected eof", ": eof"}

// The names of gRPC's status codes, as google.golang.org/grpc/codes and the
// client libraries of other languages print them.
var (
	factDenied      = storeSays("says_denied", "the secret store answers that access is denied", "permissiondenied", "permission_denied", "permission denied", "permission 'secretmanager", "status 403", "403 forbidden", "accessdenied", "access denied")
	factGone        = storeSays("says_gone", "the secret store answers that the version is disabled or destroyed", "failedprecondition", "failed_precondition", "in disabled state", "in destroyed state", "is disabled", "is destroyed", "has no versions")
	factUnreachable = says("says_unreachable", "the answer is a failure of the network or of the far side", away...)
	factStoreAway   = storeSays("says_store_away", "the secret store answers with a failure of the network or not at all", away...)
	factFallback    = saysNearby("says_fallback", "the service says that it falls back to a default", fallback...)
	factGenerated   = saysNearby("says_generated", "the service says that it made a key of its own at start", generated...)
	factEmpty       = saysNearby("says_empty", "the service says that the value is empty", "empty", "blank", "zero length")
	factTooLong     = says("says_too_long", "the far side says that a header or the token is too long", "431", "too large", "too long", "header size", "exceeds", "truncat")
)
