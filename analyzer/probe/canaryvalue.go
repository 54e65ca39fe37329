package probe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/why401/why401/analyzer"
)

// keyless is the answer for a service that cannot verify anything: it says
// itself that it has no secret, or one that its library does not take. No
// guess is needed then.
func (p *canaryProbe) keyless() (analyzer.ProbeResult, bool) {
	says := func(r analyzer.Reason) bool { return slices.Contains(p.control.reasons, r) }
	r := analyzer.ProbeResult{Status: analyzer.StatusFail, Facts: p.facts("its own words")}
	what := ""
	switch {
	case says(analyzer.BadSignature):
		return r, false // it did verify
	case says(analyzer.MissingSecret):
		r.Cause, what = "key.secret_missing", "no value at all"
	case says(analyzer.WeakSecret):
		r.Cause, what = "key.too_short", "a value that is too short for its library"
	default:
		return r, false
	}
	r.Facts[holdsDetail] = what
	r.Detail = fmt.Sprintf("%s holds %s, as it says itself when it is to verify a token, and %s; %s", p.member.Name, what, newestIs(p.newest), remedy(r.Cause))
	return r, true
}

// sound is the answer for a service that holds the newest version. Now and
// then the other live versions are tried too.
func (p *canaryProbe) sound(ctx context.Context, newest Candidate, candidates []Candidate, from string) analyzer.ProbeResult {
	p.accepts[newest.Version] = true
	if time.Since(p.matrix) > matrixEvery {
		p.row(ctx, candidates)
	}
	r := analyzer.ProbeResult{Status: analyzer.StatusOK, Facts: p.facts(from),
		Detail: fmt.Sprintf("%s verifies tokens of %s: an expired canary signed with it is refused for its age alone, by %s", p.member.Name, called(newest.Version), from)}
	if slices.Contains(p.deps.Config.Canary.Live, p.member.Name) && p.deps.Config.Canary.UsersSecret {
		if bad, ok := p.live(ctx, newest); ok {
			bad.Facts = r.Facts
			return bad
		}
	}
	return r
}

// row tries the other live versions: one row of the reference matrix.
func (p *canaryProbe) row(ctx context.Context, candidates []Candidate) {
	n := 0
	for _, g := range guesses(p.domain, candidates) {
		if !g.plain || g.Version == p.newest {
			continue
		}
		if n++; n >= matrixVersions {
			break
		}
		said, _, err := p.present(ctx, &g)
		if err != nil {
			return
		}
		if said != unsaid {
			p.accepts[g.Version] = said == passed
		}
	}
	p.matrix = time.Now()
}

func versions(m map[string]bool, want bool) string {
	var out []string
	for v, ok := range m {
		if ok == want {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// mismatch names the value of a service that refuses the newest version, by
// trying what it may hold, within the budget.
func (p *canaryProbe) mismatch(ctx context.Context, candidates []Candidate, from string) analyzer.ProbeResult {
	name := p.member.Name
	if p.spent == 0 {
		p.spent = p.controls
	}
	p.spent++ // the newest version
	if p.held != nil && time.Since(p.matrix) > matrixEvery {
		if said, _, err := p.present(ctx, p.held); err == nil && said == refused {
			p.held, p.tried, p.spent = nil, 0, p.controls
		}
		p.matrix = time.Now()
	}
	list := guesses(p.domain, candidates)
	complete := false
	for p.held == nil && p.spent < nameBudget {
		if p.tried >= len(list) {
			complete = true
			break
		}
		g := &list[p.tried]
		if g.plain && g.Version == p.newest {
			p.tried++
			continue
		}
		p.spent++
		said, _, err := p.present(ctx, g)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, ErrBudget) {
				break // the next round goes on here
			}
			return p.failed(err)
		}
		if said == unsaid {
			break // a lost line: the same guess again in the next round
		}
		p.tried++
		if g.plain {
			p.accepts[g.Version] = said == passed
		}
		if said == passed {
			p.held, p.matrix = g, time.Now()
		}
	}
	r := analyzer.ProbeResult{Status: analyzer.StatusFail, Facts: p.facts(from)}
	switch {
	case p.held != nil:
		m := p.held.Match
		if r.Cause = m.Cause; p.held.plain {
			r.Cause = "key.stale_cache"
		}
		r.Facts[holdsDetail] = m.String()
		r.Detail = fmt.Sprintf("%s holds %s, and %s: a canary signed with that value is refused for its age alone, one of %s for its signature; %s", name, m, newestIs(p.newest), called(p.newest), remedy(r.Cause))
	case complete:
		r.Cause = "key.cross_service_drift"
		r.Detail = fmt.Sprintf("%s refuses canaries of %s for their signature, and holds none of the %d values that are known: an unrelated secret; give it the shared one", name, called(p.newest), len(list))
	case p.spent >= nameBudget:
		r.Detail = fmt.Sprintf("%s refuses canaries of %s for their signature; what it holds is unknown: %d likely values were tried; compare fingerprints over /health/jwt", name, called(p.newest), p.tried)
	default:
		r.Detail = fmt.Sprintf("%s refuses canaries of %s for their signature; its value is being looked for: %d of at most %d canaries were sent", name, called(p.newest), p.spent, nameBudget)
	}
	return r
}

// remedy says what to do about a value that was named.
func remedy(c analyzer.Cause) string {
	if do := c.Info().Do; len(do) > 0 {
		return strings.NewReplacer("{services}", "it", "{secret}", "the secret").Replace(do[0])
	}
	return "give it the newest version"
}
