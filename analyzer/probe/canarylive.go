package probe

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/why401/why401/analyzer"
)

// live presents a token that is valid: a refusal of it tells of claims and
// algorithms that do not fit what the key domain declares.
func (p *canaryProbe) live(ctx context.Context, newest Candidate) (analyzer.ProbeResult, bool) {
	token, err := sign(shared(p.domain), "", claims(p.domain, false, time.Now()), newest.Value.Bytes())
	if err != nil {
		return p.failed(err), true
	}
	got, err := p.ask(ctx, token)
	if err != nil {
		return p.failed(err), true
	}
	if got.accepted {
		return analyzer.ProbeResult{}, false
	}
	if len(got.reasons) == 0 {
		p.fromLog(ctx, got, p.patience(ctx))
	}
	causes := map[analyzer.Reason]analyzer.Cause{
		analyzer.IssuerMismatch: "claim.issuer_mismatch", analyzer.AudienceMismatch: "claim.audience_mismatch", analyzer.AlgorithmMismatch: "alg.mismatch",
		analyzer.MissingClaim: "claim.required_missing", analyzer.ExpiredToken: "time.verifier_ahead",
	}
	for _, reason := range got.reasons {
		if c := causes[reason]; c != "" {
			return analyzer.ProbeResult{Status: analyzer.StatusFail, Cause: c,
				Detail: fmt.Sprintf("%s refuses a valid canary with the declared claims: %s; %s", p.member.Name, reason, remedy(c))}, true
		}
	}
	if slices.Contains(got.reasons, analyzer.InsufficientScope) || slices.Contains(got.reasons, analyzer.UserNotFound) {
		return analyzer.ProbeResult{}, false // verified, and nobody's: as it should be
	}
	return analyzer.ProbeResult{Status: analyzer.StatusWarn, Detail: fmt.Sprintf("%s verifies the key and refuses a valid canary with %d without a reason that is known: see its log", p.member.Name, got.status)}, true
}
