package probe

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/healthjwt"
)

// secretProbe sees to it that every service has a secret, and that the secret
// is fit for its algorithm: long enough, no known default, hard to guess, of
// the right form. It tells of a length only whether it is enough.
type secretProbe struct {
	deps   *Deps
	domain analyzer.KeyDomain
	starts map[string]map[string]*start // by service and instance
}

// start is an instance that was without its secret soon after it began.
type start struct {
	after time.Duration // since its begin
	at    time.Time     // when it was seen so
	had   time.Time     // when it was seen to have it; zero: not yet
}

// The times of a start: how long one may last, and how long it is told that
// it went wrong.
const (
	startTime = 2 * time.Minute
	startTold = time.Hour
	maxStarts = 100 // instances of one service that are remembered
)

func newSecret(domain analyzer.KeyDomain, d *Deps) ([]Target, error) {
	if len(healthMembers(domain)) == 0 && (d.Reference == nil || domain.Secret == "") {
		return nil, nil
	}
	return []Target{{Name: domain.Name, Probe: &secretProbe{d, domain, map[string]map[string]*start{}}}}, nil
}

// Check implements [Probe].
func (p *secretProbe) Check(ctx context.Context) []analyzer.ProbeResult {
	l := p.deps.look(ctx, p.domain)
	var out []analyzer.ProbeResult
	for i := range l.held {
		h := &l.held[i]
		r := p.service(l, h)
		p.race(h, &r)
		r.Target, r.Service = h.member.Name, analyzer.Service{Name: h.member.Name, Environment: p.domain.Environment}
		out = append(out, r)
	}
	if p.domain.Secret != "" || len(l.candidates) > 0 {
		out = append(out, p.stored(l))
	}
	return out
}

// service judges what a service says of its secret, and what is known of it.
func (p *secretProbe) service(l *look, h *held) analyzer.ProbeResult {
	name := h.member.Name
	if h.answer == nil {
		return unknown("whether %s has its secret is not known: it %s", name, h.why)
	}
	r := analyzer.ProbeResult{Status: analyzer.StatusFail, Facts: map[string]string{"available": fmt.Sprint(h.answer.Details.JWTSecretAvailable)}}
	if !h.answer.Details.JWTSecretAvailable || h.named && h.match.Cause == "key.secret_empty" {
		if p.domain.Secret == "" && (p.domain.JWKS != "" || p.domain.Discovery != "") {
			// Its keys come over the network: why they are not there is for the
			// probes of the key set to say.
			r.Detail = name + " has no key to verify with; see what keeps it from the key set of its issuer"
			return r
		}
		r.Cause = "key.secret_missing"
		what := "has no secret"
		if h.state != nil && !h.absent() && h.named {
			r.Cause, what = "key.secret_empty", "has a secret that is set, and empty"
		}
		if h.answer.Details.JWTSecretAvailable {
			what += ", though it says jwt_secret_available"
		}
		r.Detail = fmt.Sprintf("%s %s; %s", name, what, remedy(r.Cause))
		return r
	}
	if short := h.tooShort(); len(short) > 0 || !h.answer.Details.SecretLengthValid {
		r.Cause = "key.too_short"
		which := "its algorithm"
		if len(short) > 0 {
			which = strings.Join(short, ", ")
		}
		r.Detail = fmt.Sprintf("the secret of %s is too short for %s; %s", name, which, remedy(r.Cause))
		return r
	}
	if c := l.valueOf(h); c != nil {
		if weak, ok := judgeValue(c.Value.Bytes(), h.algorithms(p.domain)); ok && weak.cause == "key.too_short" {
			r.Cause = weak.cause
			r.Detail = fmt.Sprintf("%s says that the length of its secret is valid, and holds %s, which %s; %s", name, h.match, weak.what, remedy(weak.cause))
			return r
		}
	}
	r.Status, r.Refutes = analyzer.StatusOK, []analyzer.Cause{"key.secret_missing", "key.secret_empty", "key.too_short"}
	r.Detail = fmt.Sprintf("%s has a secret, long enough for its algorithm", name)
	if h.state == nil {
		r.Detail += ", as it says itself"
		r.Refutes = []analyzer.Cause{"key.secret_missing"}
	}
	if len(h.doubts) > 0 {
		r.Status, r.Refutes = analyzer.StatusWarn, nil
		r.Detail += "; its answer is doubtful: " + strings.Join(h.doubts, ", ")
	}
	return r
}

// race tells of an instance that took requests before it had its secret.
func (p *secretProbe) race(h *held, r *analyzer.ProbeResult) {
	if h.answer == nil || h.answer.Extension == nil {
		return
	}
	e, name := h.answer.Extension, h.member.Name
	since := e.Now.Sub(e.Started)
	maps.DeleteFunc(p.starts[name], func(_ string, s *start) bool { return time.Since(s.at) > startTold })
	if !h.answer.Details.JWTSecretAvailable {
		if since < startTime && len(p.starts[name]) < maxStarts {
			if p.starts[name] == nil {
				p.starts[name] = map[string]*start{}
			}
			p.starts[name][e.Instance] = &start{after: since, at: time.Now()}
		}
		return
	}
	if s := p.starts[name][e.Instance]; s != nil && s.had.IsZero() && r.Status == analyzer.StatusOK {
		s.had = time.Now()
	}
	var latest *start
	for _, s := range p.starts[name] {
		if !s.had.IsZero() && (latest == nil || s.had.After(latest.had)) {
			latest = s
		}
	}
	if latest != nil && r.Status == analyzer.StatusOK {
		r.Status, r.Cause, r.Refutes = analyzer.StatusWarn, "startup.race_not_ready", nil
		r.Detail = fmt.Sprintf("%s was without its secret %.0f s after it began, and had it at %s: requests that came before were refused; %s", name, latest.after.Seconds(), latest.had.UTC().Format("15:04:05"), remedy(r.Cause))
	}
}

// tooShort are the algorithms that the service's key is too short for.
func (h *held) tooShort() []string {
	if h.state == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(h.state.Length)), func(alg string) bool { return h.state.Length[alg] != healthjwt.TooShort })
}

// algorithms are those that the service accepts, else those declared.
func (h *held) algorithms(d analyzer.KeyDomain) []string {
	if h.answer != nil && h.answer.Extension != nil && h.answer.Extension.Settings != nil && len(h.answer.Extension.Settings.Algorithms) > 0 {
		return h.answer.Extension.Settings.Algorithms
	}
	return algorithmsOf(d)
}

// algorithmsOf are the declared ones; where none are, the one that shared
// secrets are used with.
func algorithmsOf(d analyzer.KeyDomain) []string {
	if len(d.Algorithms) > 0 {
		return d.Algorithms
	}
	return []string{"HS256"}
}

// valueOf is the version that a service holds as it is, or nil.
func (l *look) valueOf(h *held) *Candidate {
	if !h.named || h.match.Mutation != "" || h.match.Word != "" {
		return nil
	}
	for i := range l.candidates {
		if c := &l.candidates[i]; c.Version == h.match.Version && c.Environment == h.match.Environment && c.Secret == h.match.Secret {
			return c
		}
	}
	return nil
}

// stored judges the newest version in the store.
func (p *secretProbe) stored(l *look) analyzer.ProbeResult {
	r := analyzer.ProbeResult{Target: "secret " + shortSecret(p.domain, l), Service: analyzer.Service{Environment: p.domain.Environment}}
	if l.newest == nil {
		r.Status, r.Detail = analyzer.StatusUnknown, "the form of the secret was not looked at: "+l.blind
		return r
	}
	r.Facts = map[string]string{"version": l.newest.Version}
	weak, found := judgeValue(l.newest.Value.Bytes(), algorithmsOf(p.domain))
	if !found {
		r.Status, r.Refutes = analyzer.StatusOK, []analyzer.Cause{"key.weak_default"}
		r.Detail = fmt.Sprintf("%s of %s is long enough for %s, no known default and of a form that fits", called(l.newest.Version), l.newest.Secret, strings.Join(algorithmsOf(p.domain), ", "))
		return r
	}
	r.Status, r.Cause = weak.status, weak.cause
	do := weak.do
	if do == "" {
		do = remedy(weak.cause)
	}
	r.Detail = fmt.Sprintf("%s of %s %s; %s", called(l.newest.Version), l.newest.Secret, weak.what, do)
	return r
}

func shortSecret(d analyzer.KeyDomain, l *look) string {
	if l.newest != nil {
		return l.newest.Secret
	}
	if ref, err := analyzer.ParseSecretRef(d.Secret); err == nil {
		return ref.Short()
	}
	return d.Name
}

// weakness is what is wrong with a value.
type weakness struct {
	status analyzer.Status
	cause  analyzer.Cause
	what   string // begins with a verb
	do     string // empty: what the catalogue says
}

// judgeValue looks at a value for what makes it unfit for the algorithms. It
// returns the worst.
func judgeValue(v []byte, algorithms []string) (weakness, bool) {
	symmetric := slices.IndexFunc(algorithms, func(a string) bool { return strings.HasPrefix(a, "HS") }) >= 0
	block, _ := pem.Decode(v)
	trimmed := bytes.TrimSpace(v)
	switch {
	case len(trimmed) == 0:
		return weakness{analyzer.StatusFail, "key.secret_empty", "is empty", ""}, true
	case isDefault(trimmed):
		return weakness{analyzer.StatusFail, "key.weak_default", "is a well-known default", ""}, true
	case !symmetric:
		return judgeKey(v, algorithms)
	case block != nil:
		return weakness{analyzer.StatusFail, "key.key_type_or_parse", fmt.Sprintf("is a PEM block (%s), and %s takes bytes: whoever knows the public half can sign", clip(block.Type), strings.Join(algorithms, ", ")), ""}, true
	}
	for _, alg := range algorithms {
		if least := healthjwt.MinimumBytes(alg); len(v) < least {
			return weakness{analyzer.StatusFail, "key.too_short", fmt.Sprintf("is shorter than the %d bytes that %s demands (RFC 7518, section 3.2)", least, alg), ""}, true
		}
	}
	switch {
	case guessableBits(trimmed) < leastBits:
		return weakness{analyzer.StatusFail, "key.weak_default", fmt.Sprintf("is made of repetitions, rows or common words: fewer than 2^%d tries find it", leastBits), "generate a random secret (openssl rand -base64 48) and rotate to it"}, true
	case len(trimmed) != len(v):
		return weakness{analyzer.StatusWarn, "", "has white space around it, which some services take off and others do not", "add a version without it (printf, not echo)"}, true
	case bytes.HasPrefix(v, []byte("\ufeff")):
		return weakness{analyzer.StatusWarn, "", "begins with a byte order mark, which some services take off and others do not", "add a version without it"}, true
	case v[0] == v[len(v)-1] && bytes.IndexByte([]byte("\"'`"), v[0]) >= 0:
		return weakness{analyzer.StatusWarn, "", "stands in quotes, which some services take off and others do not", "add a version without them"}, true
	}
	return weakness{}, false
}

// judgeKey looks at a key of an asymmetric algorithm.
func judgeKey(v []byte, algorithms []string) (weakness, bool) {
	list := strings.Join(algorithms, ", ")
	var key any
	for _, parse := range []func([]byte) (any, error){
		func(b []byte) (any, error) { return jwt.ParseRSAPrivateKeyFromPEM(b) }, func(b []byte) (any, error) { return jwt.ParseRSAPublicKeyFromPEM(b) },
		func(b []byte) (any, error) { return jwt.ParseECPrivateKeyFromPEM(b) }, func(b []byte) (any, error) { return jwt.ParseECPublicKeyFromPEM(b) },
		func(b []byte) (any, error) { return jwt.ParseEdPrivateKeyFromPEM(b) }, func(b []byte) (any, error) { return jwt.ParseEdPublicKeyFromPEM(b) },
		func(b []byte) (any, error) { return x509.ParsePKCS8PrivateKey(b) },
	} {
		if k, err := parse(v); err == nil {
			key = k
			break
		}
	}
	var modulus *rsa.PublicKey
	switch k := key.(type) {
	case nil:
		return weakness{analyzer.StatusFail, "key.key_type_or_parse", "is no key in PEM or DER form, which " + list + " needs", ""}, true
	case *rsa.PrivateKey:
		modulus = &k.PublicKey
	case *rsa.PublicKey:
		modulus = k
	}
	wantsRSA := slices.ContainsFunc(algorithms, func(a string) bool { return strings.HasPrefix(a, "RS") || strings.HasPrefix(a, "PS") })
	switch {
	case modulus != nil && modulus.N.BitLen() < healthjwt.MinimumRSABits:
		return weakness{analyzer.StatusFail, "key.too_short", fmt.Sprintf("is an RSA key under %d bits (RFC 7518, section 3.3)", healthjwt.MinimumRSABits), "generate a key of 2048 bits or more and rotate to it"}, true
	case (modulus != nil) != wantsRSA:
		return weakness{analyzer.StatusFail, "key.key_type_or_parse", "is a key of another kind than " + list + " needs", ""}, true
	}
	return weakness{}, false
}

func isDefault(v []byte) bool {
	return slices.ContainsFunc(slices.Concat(defaults, unresolved), func(w string) bool { return strings.EqualFold(w, string(v)) })
}

// leastBits is what the estimate must reach. NIST SP 800-131A revision 2 asks
// for 112 bits; the estimate of a short random text may fall below that.
const leastBits = 80

// guessableBits bounds from above how hard a value is to guess: what repeats,
// runs on or is a common word counts little. It sees carelessness; that a
// value is random no program can see.
func guessableBits(v []byte) float64 {
	v = v[:period(v)]
	bits := 0.0
	for _, w := range commonWords {
		if n := bytes.Count(bytes.ToLower(v), []byte(w)); n > 0 {
			bits += float64(n) * bitsOfWord
			v = regexp.MustCompile("(?i)"+w).ReplaceAll(v, nil)
		}
	}
	if len(v) == 0 {
		return bits
	}
	counts, row, inRow := map[byte]int{}, 0, 0
	for i, c := range v {
		counts[c]++
		if i > 0 && c-v[i-1] <= 1 { // the same again, or the next of a row
			row++
		} else {
			row = 0
		}
		if row > 1 {
			inRow++
		}
	}
	perByte := 0.0
	for _, n := range counts {
		share := float64(n) / float64(len(v))
		perByte -= share * math.Log2(share)
	}
	return bits + perByte*float64(len(v)-inRow)
}

// commonWords are those that people write secrets with, the longer before
// those that they contain; bitsOfWord is what one of them is worth.
var commonWords = []string{
	"development", "production", "changeme", "password", "company", "default", "example", "service", "session", "staging", "change", "backend", "client", "random",
	"secret", "server", "signing", "string", "please", "access", "super", "token", "admin", "hmac", "long", "prod", "user", "very", "test", "this", "that", "auth",
	"2023", "2024", "2025", "2026", "key", "jwt", "dev", "app", "api", "the", "and", "for", "not", "your", "use",
}

const bitsOfWord = 6

// period is the length of the part that v repeats; len(v) when it does not.
func period(v []byte) int {
	for n := 1; n <= len(v)/2; n++ {
		if bytes.Equal(v[n:], v[:len(v)-n]) {
			return n
		}
	}
	return len(v)
}
