package probe

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

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
