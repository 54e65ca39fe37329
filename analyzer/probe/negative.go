package probe

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/why401/why401/analyzer"
)

// negativeProbe presents tokens that every verifier must refuse (RFC 8725
// section 3): one that is let through is a hole that no log tells of.
type negativeProbe struct {
	asker
	deps   *Deps
	domain analyzer.KeyDomain
	member analyzer.Member
}

func newNegative(domain analyzer.KeyDomain, d *Deps) ([]Target, error) {
	var out []Target
	for _, m := range domain.Services {
		if m.URL != "" && m.Canary != "" {
			out = append(out, Target{Name: m.Name, Probe: &negativeProbe{asker: newAsker(m, d), deps: d, domain: domain, member: m}})
		}
	}
	return out, nil
}

// invalid is one token that must be refused.
type invalid struct {
	name  string
	token string
	cause analyzer.Cause // of letting it through
	// proof: that a claim is complained of shows that the signature passed,
	// and that is the fault.
	proof bool
}

// Check implements [Probe].
func (p *negativeProbe) Check(ctx context.Context) []analyzer.ProbeResult {
	name := p.member.Name
	bare, err := p.ask(ctx, "")
	if err != nil {
		return p.results(unknown("%s was given no invalid token: %s", name, clip(cause(err).Error())))
	}
	if bare.accepted {
		return p.results(unknown("the canary path of %s answers %d without any token: name one that needs a token and changes nothing", name, bare.status))
	}
	list, left := p.tokens(ctx)
	var out []analyzer.ProbeResult
	var refusedOnes []string
	blindProof := p.looksAtClaimsFirst(ctx)
	for _, t := range list {
		got, err := p.ask(ctx, t.token)
		switch {
		case err != nil:
			left = append(left, t.name+" ("+clip(cause(err).Error())+")")
		case got.accepted || t.proof && !blindProof && got.signature() == passed:
			if slices.ContainsFunc(out, func(r analyzer.ProbeResult) bool { return r.Facts["weakness"] == t.name }) {
				continue // another form of the same
			}
			out = append(out, analyzer.ProbeResult{Status: analyzer.StatusFail, Cause: t.cause, Target: name + " " + t.name, Facts: map[string]string{"weakness": t.name, "http_status": fmt.Sprint(got.status)},
				Detail: fmt.Sprintf("%s lets through a token with %s, which anybody could misuse; %s", name, t.name, remedy(t.cause))})
		case !slices.Contains(refusedOnes, t.name):
			refusedOnes = append(refusedOnes, t.name)
		}
	}
	if len(out) > 0 {
		return p.results(out...)
	}
	notTried := ""
	if len(left) > 0 {
		notTried = "; not tried: " + strings.Join(left, ", ")
	}
	if len(refusedOnes) == 0 {
		return p.results(unknown("%s was given no invalid token%s", name, notTried))
	}
	return p.results(analyzer.ProbeResult{Status: analyzer.StatusOK, Facts: map[string]string{"refused": strings.Join(refusedOnes, ", ")},
		Detail: fmt.Sprintf("%s refuses %d kinds of invalid token: %s%s", name, len(refusedOnes), strings.Join(refusedOnes, ", "), notTried)})
}

func (p *negativeProbe) results(rs ...analyzer.ProbeResult) []analyzer.ProbeResult {
	for i := range rs {
		rs[i].Service = analyzer.Service{Name: p.member.Name, Environment: p.domain.Environment}
		if rs[i].Target == "" {
			rs[i].Target = p.member.Name
		}
		if r := []rune(rs[i].Detail); len(r) > 500 {
			rs[i].Detail = string(r[:500]) + "…"
		}
	}
	return rs
}

// looksAtClaimsFirst reports whether the service complains of the age of a
// token that nobody signed: then a complaint of a claim proves nothing.
func (p *negativeProbe) looksAtClaimsFirst(ctx context.Context) bool {
	token, err := forged(p.domain, "", true)
	if err != nil {
		return true
	}
	got, err := p.ask(ctx, token)
	return err != nil || got.signature() != refused
}

// tokens makes what can be made here, and names what cannot.
func (p *negativeProbe) tokens(ctx context.Context) (list []invalid, left []string) {
	const lenient analyzer.Cause = "verifier.accepts_invalid"
	now := time.Now()
	if t, err := forged(p.domain, "", false); err == nil {
		list = append(list, invalid{"a signature of an unknown key", t, lenient, false})
	}
	for _, alg := range []string{"none", "None", "NONE"} {
		list = append(list, invalid{"alg none", unsigned(alg, claims(p.domain, false, now)), lenient, false})
	}
	confused, err := p.confusion(ctx, now)
	if err != nil {
		left = append(left, "HMAC with the public key ("+clip(err.Error())+")")
	}
	for _, t := range confused {
		list = append(list, invalid{"HMAC with the public key", t, lenient, false})
	}
	more, missing := p.fromReference(ctx, now, lenient)
	list, left = append(list, more...), append(left, missing...)
	if p.deps.Config.Canary.WithdrawnKey == "" {
		return list, append(left, "a withdrawn key (set probes.canary.withdrawn_key)")
	}
	t, err := p.withdrawn(now)
	if err != nil {
		return list, append(left, "a withdrawn key ("+clip(err.Error())+")")
	}
	return append(list, invalid{"a withdrawn key", t, "jwks.revoked_still_accepted", true}), left
}

// fromReference makes the tokens that need the real secret. Expired ones are
// harmless; the others are made only for services that may get live tokens.
func (p *negativeProbe) fromReference(ctx context.Context, now time.Time, cause analyzer.Cause) (list []invalid, left []string) {
	alg := shared(p.domain)
	var newest Candidate
	if p.deps.Reference != nil && alg != "" {
		if all, err := p.deps.Reference.Candidates(ctx, p.domain); err == nil && len(all) > 0 {
			newest = all[0]
		}
	}
	if newest.Value.Empty() {
		return nil, []string{"an expired token, another audience, exp in milliseconds (no secret can be read)"}
	}
	add := func(name string, c jwt.MapClaims) {
		if t, err := sign(alg, "", c, newest.Value.Bytes()); err == nil {
			list = append(list, invalid{name, t, cause, false})
		} else {
			left = append(left, name)
		}
	}
	add("an exp in the past", claims(p.domain, true, now))
	canary := p.deps.Config.Canary
	if !canary.UsersSecret || !slices.Contains(canary.Live, p.member.Name) {
		return list, append(left, "another audience, exp in milliseconds (list the service in probes.canary.live and set users_secret)")
	}
	other := claims(p.domain, false, now)
	other["aud"] = "why401-canary-nobody"
	if len(p.domain.Audiences) > 0 {
		add("the audience of another service", other)
	}
	inMillis := claims(p.domain, false, now)
	inMillis["exp"] = now.Add(liveFor).UnixMilli()
	add("exp in milliseconds, so that it never ends", inMillis)
	return list, left
}

// unsigned makes a token without a signature (RFC 7519 section 6).
func unsigned(alg string, c jwt.MapClaims) string {
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			return ""
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	return part(map[string]string{"alg": alg, "typ": "JWT"}) + "." + part(c) + "."
}

// confusion makes tokens whose HMAC key is the public key of the key set
// (RFC 8725 section 2.1), in the forms in which a verifier may hold it.
func (p *negativeProbe) confusion(ctx context.Context, now time.Time) ([]string, error) {
	if p.domain.JWKS == "" {
		return nil, nil // there is no public key to misuse
	}
	r, err := p.guard.Get(ctx, p.domain.JWKS)
	if err != nil {
		return nil, cause(err)
	}
	keys, _, err := readKeySet(r.Body)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(keys, func(k key) bool { return k.signs })
	if i < 0 {
		return nil, fmt.Errorf("the key set has no key that signs")
	}
	der, err := x509.MarshalPKIXPublicKey(keys[i].public)
	if err != nil {
		return nil, fmt.Errorf("encode public key: %w", err)
	}
	forms := [][]byte{pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), der}
	forms = append(forms, []byte(strings.TrimSpace(string(forms[0]))))
	if k, ok := keys[i].public.(*rsa.PublicKey); ok {
		forms = append(forms, pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(k)}))
	}
	var out []string
	for _, form := range forms {
		t, err := sign("HS256", keys[i].kid, claims(p.domain, false, now), form)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// withdrawn makes a token with the test key that was taken out of the key set:
// expired, unless the service may get live ones.
func (p *negativeProbe) withdrawn(now time.Time) (string, error) {
	c := p.deps.Config.Canary
	text, err := os.ReadFile(c.WithdrawnKey)
	if err != nil {
		return "", fmt.Errorf("read withdrawn_key: %w", err)
	}
	var signer any
	alg := "RS256"
	if k, err := jwt.ParseRSAPrivateKeyFromPEM(text); err == nil {
		signer = k
	} else if k, err := jwt.ParseECPrivateKeyFromPEM(text); err == nil {
		signer, alg = k, map[int]string{256: "ES256", 384: "ES384", 521: "ES512"}[k.Curve.Params().BitSize]
	} else if k, err := jwt.ParseEdPrivateKeyFromPEM(text); err == nil {
		signer, alg = k, "EdDSA"
	} else {
		return "", fmt.Errorf("read withdrawn_key: wanted a PEM private key of RSA, EC or Ed25519")
	}
	return sign(alg, c.WithdrawnKid, claims(p.domain, !slices.Contains(c.Live, p.member.Name), now), signer)
}
