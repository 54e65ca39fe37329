package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/why401/why401/analyzer"
)

// mintProbe tells whether services can sign and verify with what they hold,
// and how long that and the loading of the secret took, as they say it.
type mintProbe struct {
	deps   *Deps
	domain analyzer.KeyDomain
	loads  map[string]time.Time // service: the load that was told of
}

// tokenProbe fetches a token of a service that hands some out, and looks at
// its lifetime, claims, algorithm and signature. The token goes nowhere.
type tokenProbe struct {
	deps   *Deps
	domain analyzer.KeyDomain
	member analyzer.Member
}

func newMint(domain analyzer.KeyDomain, d *Deps) ([]Target, error) {
	var out []Target
	if len(healthMembers(domain)) > 0 {
		out = append(out, Target{Name: domain.Name, Probe: &mintProbe{d, domain, map[string]time.Time{}}})
	}
	for _, m := range domain.Services {
		if m.URL != "" && m.Mint != "" {
			out = append(out, Target{Name: "tokens of " + m.Name, Every: max(d.Config.every("mint"), tokenEvery), Probe: &tokenProbe{d, domain, m}})
		}
	}
	return out, nil
}

// FactSigns is the key of ProbeResult.Facts that names the version that a
// service signs with; FactSigner the one that names the service, where the
// result is about its tokens.
const (
	FactSigns  = "signs"
	FactSigner = "signer"
)

// tokenEvery is the least time between two tokens that are fetched.
const tokenEvery = 5 * time.Minute

// Check implements [Probe].
func (p *mintProbe) Check(ctx context.Context) []analyzer.ProbeResult {
	l := p.deps.look(ctx, p.domain)
	var out []analyzer.ProbeResult
	for i := range l.held {
		h := &l.held[i]
		r := p.judge(h)
		r.Target, r.Service = h.member.Name, analyzer.Service{Name: h.member.Name, Environment: p.domain.Environment}
		out = append(out, r)
	}
	return out
}

func (p *mintProbe) judge(h *held) analyzer.ProbeResult {
	name := h.member.Name
	if h.answer == nil || h.answer.Extension == nil {
		why := h.why
		if why == "" {
			why = "says nothing of it: " + h.unsigned
		}
		return unknown("whether %s can sign and verify is not known: it %s", name, why)
	}
	e := h.answer.Extension
	r := analyzer.ProbeResult{Facts: map[string]string{}}
	// A secret is loaded once and asked for often: each load is one measurement.
	if h.state != nil && h.state.LoadSeconds > 0 && !h.state.Loaded.Equal(p.loads[name]) {
		p.loads[name] = h.state.Loaded
		r.Facts[analyzer.FactLoadSeconds] = fmt.Sprintf("%.6f", h.state.LoadSeconds)
	}
	switch {
	case e.MintError != "":
		r.Status = analyzer.StatusFail
		r.Detail = fmt.Sprintf("%s cannot sign a token and verify it with its own key (it fails to %s); see its secret and its algorithms", name, clip(e.MintError))
	case e.MintSeconds <= 0:
		return unknown("%s does not try to sign and verify: it has no shared secret to do so, or its handler no RoundTrip", name)
	case e.MintSeconds > slowMint.Seconds():
		r.Status = analyzer.StatusWarn
		r.Facts[analyzer.FactMintSeconds] = fmt.Sprintf("%.6f", e.MintSeconds)
		r.Detail = fmt.Sprintf("%s takes %.1f s to sign and verify a token: see whether it is short of CPU, or signs over the network", name, e.MintSeconds)
	default:
		r.Status = analyzer.StatusOK
		r.Facts[analyzer.FactMintSeconds] = fmt.Sprintf("%.6f", e.MintSeconds)
		r.Detail = fmt.Sprintf("%s signs and verifies a token with its own key in %.6f s", name, e.MintSeconds)
	}
	return r
}

// slowMint is what nobody should wait for a signature.
const slowMint = time.Second

// Check implements [Probe].
func (p *tokenProbe) Check(ctx context.Context) []analyzer.ProbeResult {
	r := p.check(ctx)
	// What is wrong with a token is felt by all who verify it.
	r.Service = analyzer.Service{Environment: p.domain.Environment}
	return []analyzer.ProbeResult{r}
}

func (p *tokenProbe) check(ctx context.Context) analyzer.ProbeResult {
	name := p.member.Name
	method, path := http.MethodGet, p.member.Mint
	if rest, ok := strings.CutPrefix(path, "POST "); ok {
		method, path = http.MethodPost, rest
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(p.member.URL, "/")+"/"+strings.TrimLeft(path, "/"), nil)
	if err != nil {
		return unknown("no token of %s was looked at: its address is no URL", name)
	}
	req.Header.Set("Why401-Canary", "1")
	p.deps.Traces.mark(req)
	got, err := p.deps.Guard.Do(req)
	switch {
	case err != nil:
		return unknown("no token of %s was looked at: %s", name, clip(cause(err).Error()))
	case got.Status >= http.StatusInternalServerError:
		return analyzer.ProbeResult{Status: analyzer.StatusFail, Cause: "idp.down", Facts: map[string]string{"http_status": fmt.Sprint(got.Status)},
			Detail: fmt.Sprintf("%s answers %d in place of a token; tokens that are alive go on working until they expire", name, got.Status)}
	case got.Status == http.StatusTooManyRequests:
		return analyzer.ProbeResult{Status: analyzer.StatusWarn, Cause: "idp.rate_limited", Detail: fmt.Sprintf("%s answers 429 in place of a token; ask less often", name)}
	case got.Status < 200 || got.Status > 299:
		return unknown("no token of %s was looked at: it answers %d; name a path that gives a token to whoever asks", name, got.Status)
	}
	text, err := tokenIn(got.Body)
	if err != nil {
		return unknown("no token of %s was looked at: %s", name, err)
	}
	c := jwt.MapClaims{}
	t, _, err := jwt.NewParser().ParseUnverified(text, c)
	if err != nil {
		return unknown("no token of %s was looked at: what it hands out is no JWT", name)
	}
	return p.judge(ctx, t, c, got)
}

var errNoToken = errors.New("its answer holds no token")

// tokenIn finds the token in an answer: alone, or under one of the usual
// names (RFC 6749 section 5.1).
func tokenIn(body []byte) (string, error) {
	var said map[string]any
	if json.Unmarshal(body, &said) != nil {
		text := strings.Trim(strings.TrimSpace(string(body)), `"`)
		if strings.Count(text, ".") == 2 {
			return text, nil
		}
		return "", errNoToken
	}
	for _, k := range []string{"access_token", "token", "id_token", "jwt", "accessToken"} {
		if text, ok := said[k].(string); ok && text != "" {
			return text, nil
		}
	}
	return "", errNoToken
}

// judge looks at a token that was given out just now.
func (p *tokenProbe) judge(ctx context.Context, t *jwt.Token, c jwt.MapClaims, got *Response) analyzer.ProbeResult {
	name, alg := p.member.Name, clip(t.Method.Alg())
	r := analyzer.ProbeResult{Status: analyzer.StatusFail, Facts: map[string]string{"alg": alg, FactSigner: name, analyzer.FactMintSeconds: fmt.Sprintf("%.6f", got.Took.Seconds())}}
	var wrong []string
	note := func(cause analyzer.Cause, format string, args ...any) {
		if wrong = append(wrong, fmt.Sprintf(format, args...)); r.Cause == "" {
			r.Cause = cause
		}
	}
	p.signer(ctx, t, &r, note)
	if len(p.domain.Algorithms) > 0 && !slices.Contains(p.domain.Algorithms, t.Method.Alg()) {
		note("alg.mismatch", "it is signed with %s, declared is %s", alg, strings.Join(p.domain.Algorithms, ", "))
	}
	p.lifetime(c, got, &r, note)
	if iss, _ := c.GetIssuer(); p.domain.Issuer != "" && iss != p.domain.Issuer {
		note("claim.issuer_mismatch", "its issuer is %q, declared is %q", clip(iss), p.domain.Issuer)
	}
	if aud, _ := c.GetAudience(); len(p.domain.Audiences) > 0 && !slices.ContainsFunc(aud, func(a string) bool { return slices.Contains(p.domain.Audiences, a) }) {
		note("claim.audience_mismatch", "its audience is %q, declared is %q", clip(strings.Join(aud, " ")), strings.Join(p.domain.Audiences, " "))
	}
	if len(wrong) > 0 {
		r.Detail = fmt.Sprintf("a fresh token of %s is not as declared: %s; %s", name, strings.Join(wrong, ", "), remedy(r.Cause))
		if d := []rune(r.Detail); len(d) > 500 {
			r.Detail = string(d[:500]) + "…"
		}
		return r
	}
	r.Status = analyzer.StatusOK
	r.Refutes = []analyzer.Cause{"token.ttl_misconfigured", "time.issuer_ahead", "alg.mismatch", "claim.issuer_mismatch"}
	r.Detail = fmt.Sprintf("a fresh token of %s is as declared: %s, alive for %s s", name, alg, r.Facts["token_ttl_seconds"])
	return r
}

// lifetime looks at exp and iat.
func (p *tokenProbe) lifetime(c jwt.MapClaims, got *Response, r *analyzer.ProbeResult, note func(analyzer.Cause, string, ...any)) {
	const misconfigured analyzer.Cause = "token.ttl_misconfigured"
	exp, err := c.GetExpirationTime()
	if err != nil || exp == nil {
		note(misconfigured, "it has no exp that can be read, so it never ends")
		return
	}
	issued := got.Got
	if iat, err := c.GetIssuedAt(); err == nil && iat != nil {
		issued = iat.Time
		ahead, unsure := iat.Sub(got.Got), got.Got.Sub(got.Sent)+time.Second
		r.Facts["iat_ahead_seconds"] = fmt.Sprintf("%.3f", ahead.Seconds())
		if leeway := max(p.domain.Leeway, leastLeeway); ahead-unsure > leeway {
			if ahead > 10*365*24*time.Hour {
				note("claim.type_invalid", "its iat is no number of seconds")
				return
			}
			note("time.issuer_ahead", "its iat is %.1f s ahead of our clock, give or take %.1f s", ahead.Seconds(), unsure.Seconds())
		}
	}
	life := exp.Sub(issued)
	r.Facts["token_ttl_seconds"] = fmt.Sprintf("%.0f", life.Seconds())
	switch limit := p.domain.TokenTTL; {
	case life <= 0:
		note(misconfigured, "it is expired when it is given out")
	case life > 200*365*24*time.Hour:
		note(misconfigured, "its exp is in milliseconds: it never ends")
	case limit > 0 && life > limit+time.Second:
		note(misconfigured, "it lives %s, declared is %s at most", life.Round(time.Second), limit)
	case limit > 0 && life < limit/10:
		note(misconfigured, "it lives %s, declared is %s: less than a tenth", life.Round(time.Second), limit)
	}
}

// signer names the value that a token was signed with, by trying all that the
// service may hold: no request is needed for that.
func (p *tokenProbe) signer(ctx context.Context, t *jwt.Token, r *analyzer.ProbeResult, note func(analyzer.Cause, string, ...any)) {
	if _, ok := t.Method.(*jwt.SigningMethodHMAC); !ok || p.deps.Reference == nil {
		return
	}
	candidates, err := p.deps.Reference.Candidates(ctx, p.domain)
	if err != nil || len(candidates) == 0 {
		return
	}
	newest := candidates[0].Version
	at := strings.LastIndexByte(t.Raw, '.')
	list := guesses(p.domain, candidates)
	i := slices.IndexFunc(list, func(g guess) bool { return t.Method.Verify(t.Raw[:at], t.Signature, g.value.Bytes()) == nil })
	if i < 0 {
		note("key.cross_service_drift", "it is signed with a value that no version of the secret explains")
		return
	}
	g := list[i]
	r.Facts[holdsDetail] = g.String()
	if g.plain {
		r.Facts[FactSigns] = g.Version
	}
	switch {
	case g.plain && g.Version == newest:
	case g.plain:
		note("key.stale_cache", "it is signed with %s, and %s", g, newestIs(newest))
	case g.Cause == "key.weak_default":
		note("env.fallback_used", "it is signed with %s", g)
	default:
		note(g.Cause, "it is signed with %s", g)
	}
}
