package probe

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/healthjwt"
)

// alignmentProbe compares what services want of a token with what is declared
// and with one another, and sees to it that environments do not share a
// secret.
type alignmentProbe struct {
	deps   *Deps
	domain analyzer.KeyDomain
}

func newAlignment(domain analyzer.KeyDomain, d *Deps) ([]Target, error) {
	p := &alignmentProbe{d, domain}
	if len(healthMembers(domain)) == 0 && (d.Reference == nil || domain.Secret == "" || len(p.others()) == 0) {
		return nil, nil
	}
	return []Target{{Name: domain.Name, Probe: p}}, nil
}

// others are the key domains of other environments.
func (p *alignmentProbe) others() []analyzer.KeyDomain {
	var out []analyzer.KeyDomain
	for _, d := range p.deps.Domains {
		if d.Environment != p.domain.Environment && d.Environment != "" && p.domain.Environment != "" {
			out = append(out, d)
		}
	}
	return out
}

// longestLeeway is what a verifier may tolerate at most: a few minutes (RFC
// 7519 section 4.1.4).
const longestLeeway = 5 * time.Minute

// Check implements [Probe].
func (p *alignmentProbe) Check(ctx context.Context) []analyzer.ProbeResult {
	l := p.deps.look(ctx, p.domain)
	out := make([]analyzer.ProbeResult, 0, len(l.held)+1)
	for i := range l.held {
		h := &l.held[i]
		r := p.settings(l, h)
		r.Target, r.Service = h.member.Name, analyzer.Service{Name: h.member.Name, Environment: p.domain.Environment}
		out = append(out, r)
	}
	return append(out, p.environments(ctx, l)...)
}

func (h *held) settings() *healthjwt.Settings {
	if h.answer == nil || h.answer.Extension == nil {
		return nil
	}
	return h.answer.Extension.Settings
}

// misfit is one setting that is not as it must be.
type misfit struct {
	status analyzer.Status
	cause  analyzer.Cause
	what   string
}

// settings compares one service.
func (p *alignmentProbe) settings(l *look, h *held) analyzer.ProbeResult {
	name, s := h.member.Name, h.settings()
	if s == nil {
		why := h.why
		if h.answer != nil {
			why = "says nothing of them"
			if h.unsigned != "" {
				why += ": " + h.unsigned
			}
		}
		return unknown("what %s wants of a token is not known: it %s", name, why)
	}
	var all []misfit
	all = append(all, p.algorithms(l, h, s)...)
	all = append(all, p.names(l, h, s)...)
	all = append(all, p.leeway(l, h, s)...)
	r := analyzer.ProbeResult{Status: analyzer.StatusOK, Facts: map[string]string{
		"algorithms": clip(strings.Join(s.Algorithms, " ")), "issuer": clip(s.Issuer), "audiences": clip(strings.Join(s.Audiences, " ")), "leeway_seconds": fmt.Sprint(s.LeewaySeconds)}}
	if len(all) == 0 {
		r.Refutes = []analyzer.Cause{"alg.mismatch", "claim.issuer_mismatch"}
		r.Detail = fmt.Sprintf("%s wants of a token what is declared and what its peers want: %s", name, r.Facts["algorithms"])
		return r
	}
	slices.SortStableFunc(all, func(a, b misfit) int { return cmp.Compare(badness(b.status), badness(a.status)) })
	r.Status, r.Cause = all[0].status, all[0].cause
	var words []string
	for _, m := range all {
		words = append(words, m.what)
	}
	r.Detail = fmt.Sprintf("%s %s; make it as its peers and the declaration are", name, strings.Join(words, ", and "))
	if d := []rune(r.Detail); len(d) > 500 {
		r.Detail = string(d[:500]) + "…"
	}
	return r
}

func (p *alignmentProbe) algorithms(l *look, h *held, s *healthjwt.Settings) []misfit {
	var out []misfit
	family := map[bool]bool{}
	for _, a := range s.Algorithms {
		if strings.EqualFold(a, "none") {
			out = append(out, misfit{analyzer.StatusFail, "verifier.accepts_invalid", "accepts alg none"})
		}
		family[strings.HasPrefix(a, "HS")] = true
	}
	if len(family) == 2 {
		out = append(out, misfit{analyzer.StatusFail, "verifier.accepts_invalid", "accepts HMAC and public keys at once, so that a public key may pass for a secret (RFC 8725, section 3.1)"})
	}
	want, from := p.domain.Algorithms, "declared"
	if len(want) == 0 {
		want, from = common(l, func(s *healthjwt.Settings) string {
			return strings.Join(slices.Sorted(slices.Values(s.Algorithms)), " ")
		})
	}
	missing := slices.DeleteFunc(slices.Clone(want), func(a string) bool { return slices.Contains(s.Algorithms, a) })
	more := slices.DeleteFunc(slices.Clone(s.Algorithms), func(a string) bool { return len(want) == 0 || slices.Contains(want, a) })
	switch {
	case len(missing) > 0:
		out = append(out, misfit{analyzer.StatusFail, "alg.mismatch", fmt.Sprintf("does not accept %s, which is %s", strings.Join(missing, ", "), from)})
	case len(more) > 0 && len(out) == 0:
		out = append(out, misfit{analyzer.StatusWarn, "", fmt.Sprintf("accepts %s beside what is %s", clip(strings.Join(more, ", ")), from)})
	}
	return out
}

func (p *alignmentProbe) names(l *look, h *held, s *healthjwt.Settings) []misfit {
	var out []misfit
	want, from := p.domain.Issuer, "declared"
	if want == "" {
		var list []string
		if list, from = common(l, func(s *healthjwt.Settings) string { return s.Issuer }); len(list) > 0 {
			want = list[0]
		}
	}
	switch {
	case want == "" || s.Issuer == want:
	case s.Issuer == "":
		out = append(out, misfit{analyzer.StatusWarn, "", fmt.Sprintf("does not look at the issuer; %q is %s", clip(want), from)})
	default:
		out = append(out, misfit{analyzer.StatusFail, "claim.issuer_mismatch", fmt.Sprintf("wants the issuer %q, and %q is %s", clip(s.Issuer), clip(want), from)})
	}
	// Each service may have an audience of its own; only a declaration says
	// that one must be shared.
	if aud := p.domain.Audiences; len(aud) > 0 {
		switch {
		case len(s.Audiences) == 0:
			out = append(out, misfit{analyzer.StatusWarn, "", fmt.Sprintf("does not look at the audience; %q is declared", clip(strings.Join(aud, " ")))})
		case !slices.ContainsFunc(s.Audiences, func(a string) bool { return slices.Contains(aud, a) }):
			out = append(out, misfit{analyzer.StatusFail, "claim.audience_mismatch", fmt.Sprintf("wants the audience %q, and %q is declared", clip(strings.Join(s.Audiences, " ")), clip(strings.Join(aud, " ")))})
		}
	}
	return out
}

func (p *alignmentProbe) leeway(l *look, h *held, s *healthjwt.Settings) []misfit {
	own := time.Duration(s.LeewaySeconds * float64(time.Second))
	switch {
	case own < 0 || own > longestLeeway:
		return []misfit{{analyzer.StatusWarn, "", fmt.Sprintf("tolerates clocks that are %s off, a few minutes should do", own)}}
	case p.domain.Leeway > 0 && own != p.domain.Leeway:
		return []misfit{{analyzer.StatusWarn, "", fmt.Sprintf("tolerates %s, and %s is declared", own, p.domain.Leeway)}}
	case p.domain.Leeway > 0:
		return nil
	}
	if list, from := common(l, func(s *healthjwt.Settings) string {
		return time.Duration(s.LeewaySeconds * float64(time.Second)).String()
	}); len(list) > 0 && list[0] != own.String() {
		return []misfit{{analyzer.StatusWarn, "", fmt.Sprintf("tolerates %s, and %s is %s", own, list[0], from)}}
	}
	return nil
}

// common is what more than half of three or more services want, in its words;
// nil when there is no such thing.
func common(l *look, of func(*healthjwt.Settings) string) (words []string, from string) {
	counts, all := map[string]int{}, 0
	for i := range l.held {
		if s := l.held[i].settings(); s != nil {
			counts[of(s)]++
			all++
		}
	}
	for w, n := range counts {
		if n*2 > all && all > 2 {
			return strings.Fields(w), fmt.Sprintf("what %d of %d services want", n, all)
		}
	}
	return nil, ""
}

// environments looks for secrets that this domain shares with another
// environment: in the store, and in the memory of services.
func (p *alignmentProbe) environments(ctx context.Context, l *look) []analyzer.ProbeResult {
	target := func(r analyzer.ProbeResult) []analyzer.ProbeResult {
		r.Target, r.Service = "environments", analyzer.Service{Environment: p.domain.Environment}
		return []analyzer.ProbeResult{r}
	}
	others := p.others()
	foreign := slices.ContainsFunc(l.candidates, func(c Candidate) bool { return !own(p.domain, c.Environment) })
	if len(others) == 0 && !foreign {
		return nil // there is one environment
	}
	if l.newest != nil {
		for _, c := range l.candidates {
			if !own(p.domain, c.Environment) && c.Value.Equal(l.newest.Value) {
				return target(analyzer.ProbeResult{Status: analyzer.StatusFail, Cause: "key.wrong_environment",
					Detail: fmt.Sprintf("%s of %s (%s) equals %s of %s (%s): tokens of one environment pass in the other; generate a secret for each environment", called(l.newest.Version), l.newest.Secret, l.newest.Environment, called(c.Version), c.Secret, c.Environment)})
			}
		}
	}
	compared := foreign && l.newest != nil
	for _, d := range others {
		for i, theirs := 0, p.deps.look(ctx, d); i < len(theirs.held); i++ {
			o := &theirs.held[i]
			if !o.told() || theirs.nonce != l.nonce {
				continue
			}
			for k := range l.held {
				h := &l.held[k]
				compared = compared || h.told()
				if h.told() && h.state.Fingerprint == o.state.Fingerprint && h.match.Cause != "key.secret_empty" {
					return target(analyzer.ProbeResult{Status: analyzer.StatusFail, Cause: "key.wrong_environment",
						Detail: fmt.Sprintf("%s (%s) holds the same secret as %s (%s): tokens of one environment pass in the other; map each to the secret of its own environment", h.member.Name, p.domain.Environment, o.member.Name, d.Environment)})
				}
			}
		}
	}
	if !compared {
		return target(unknown("whether %s shares its secret with another environment is not known: neither versions nor fingerprints of both could be read", p.domain.Environment))
	}
	return target(analyzer.ProbeResult{Status: analyzer.StatusOK, Detail: fmt.Sprintf("%s shares no secret with another environment, as far as versions and fingerprints can be read", p.domain.Environment)})
}
