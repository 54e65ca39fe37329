package analyzer

import "strings"

// says is a fact about what the kept entries of a complaint say beyond their
// reason: status codes of an API, not turns of phrase.
func says(name, words string, any ...string) *fact {
	return &fact{name, signalText, func(c *complaint) (answer, string) {
		seen := false
		for _, r := range c.family.reasons {
			for _, x := range c.scene.ledger.Exemplars(c.service, r) {
				seen = true
				low := strings.ToLower(x.Excerpt)
				for _, a := range any {
					if strings.Contains(low, a) {
						return yes, words
					}
				}
			}
		}
		if !seen {
			return unknown, ""
		}
		return no, ""
	}}
}

// The names of gRPC's status codes, as google.golang.org/grpc/codes and the
// client libraries of other languages print them.
var (
	factDenied      = says("says_denied", "the secret store answers that access is denied", "permissiondenied", "permission_denied", "permission denied", "permission 'secretmanager", "403")
	factGone        = says("says_gone", "the secret store answers that the version is disabled or destroyed", "failedprecondition", "failed_precondition", "disabled", "destroyed")
	factUnreachable = says("says_unreachable", "the answer is a failure of the network or of the far side", "deadlineexceeded", "deadline_exceeded", "deadline exceeded", "unavailable", "timeout", "timed out",
		"connection refused", "no such host", "econnrefused", "enotfound", "etimedout", "resourceexhausted", "resource_exhausted", "quota")
	factFallback  = says("says_fallback", "the service says that it falls back to a default", "default", "fallback", "falling back", "legacy")
	factGenerated = says("says_generated", "the service says that it made a key of its own at start", "generat", "random")
	factEmpty     = says("says_empty", "the service says that the value is empty", "empty", "blank", "zero length")
)
