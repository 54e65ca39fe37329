package probe

import (
	"fmt"
	"slices"

	"github.com/why401/why401/analyzer"
)

// materialCauses are those that are about which value a service holds.
var materialCauses = []analyzer.Cause{
	"key.secret_missing", "key.secret_empty", "env.fallback_used", "key.wrong_environment", "env.precedence_conflict", "key.whitespace_mutation", "key.encoding_mismatch",
	"rotation.incomplete", "key.stale_cache", "key.cross_service_drift",
}

// others are the causes about material that a service's value rules out when
// it shows cause. What was never looked for is not ruled out.
func (p *fingerprintProbe) others(l *look, shown analyzer.Cause) []analyzer.Cause {
	off := map[analyzer.Cause]bool{shown: true}
	foreign := slices.ContainsFunc(l.candidates, func(c Candidate) bool { return !own(p.domain, c.Environment) })
	if !foreign {
		off["key.wrong_environment"] = true
	}
	if shown == "key.cross_service_drift" {
		off["env.precedence_conflict"] = true // an unrelated value may come of it
	}
	if l.newest == nil {
		off["rotation.incomplete"], off["key.stale_cache"], off["key.cross_service_drift"] = true, true, true
	}
	// What a signer holds refuses its tokens everywhere else.
	for i := range l.held {
		if h := &l.held[i]; h.member.Signs && h.told() && !l.isNewest(h) {
			for _, c := range p.causesOf(l, h) {
				off[c] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(materialCauses), func(c analyzer.Cause) bool { return off[c] })
}

func (p *fingerprintProbe) causesOf(l *look, h *held) []analyzer.Cause {
	if _, _, ok := h.conflict(); ok {
		return []analyzer.Cause{"env.precedence_conflict"}
	}
	switch {
	case !h.named:
		return []analyzer.Cause{"key.cross_service_drift"}
	case l.holdsOlder(h, p.domain):
		return []analyzer.Cause{"key.stale_cache", "rotation.incomplete"}
	case h.match.Word == "" && !own(p.domain, h.match.Environment):
		return []analyzer.Cause{"key.wrong_environment"}
	case h.match.Cause == "key.weak_default":
		return []analyzer.Cause{"env.fallback_used"}
	}
	return []analyzer.Cause{h.match.Cause}
}

// signers repeats for the domain what a signer holds when others hold another
// value: it is they who refuse its tokens.
func (p *fingerprintProbe) signers(l *look, results []analyzer.ProbeResult) []analyzer.ProbeResult {
	var out []analyzer.ProbeResult
	for i := range l.held {
		h := &l.held[i]
		if !h.member.Signs || results[i].Cause == "" || results[i].Status != analyzer.StatusFail {
			continue
		}
		if _, other := l.peers(h); len(other) > 0 {
			out = append(out, analyzer.ProbeResult{Target: "tokens of " + h.member.Name, Service: analyzer.Service{Environment: p.domain.Environment}, Status: analyzer.StatusFail,
				Cause: results[i].Cause, Detail: fmt.Sprintf("%s refuse the tokens that %s signs; %s", few(other), h.member.Name, results[i].Detail)})
		}
	}
	return out
}
