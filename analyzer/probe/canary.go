package probe

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/why401/why401/analyzer"
)

// Canary is the part of the configuration that allows more than the harmless
// canaries.
type Canary struct {
	// Live are the services that may be sent tokens that are valid for a
	// minute; all others get expired or forged ones.
	Live []string `yaml:"live"`
	// UsersSecret allows to sign live tokens with the newest version of the
	// users' secret. Without it no live token is signed with a shared secret.
	UsersSecret bool `yaml:"users_secret"`
	// WithdrawnKey is a file with the private key (PEM) of a test key that
	// was published and taken out of the key set; WithdrawnKid was its kid.
	WithdrawnKey string `yaml:"withdrawn_key"`
	WithdrawnKid string `yaml:"withdrawn_kid"`
}

// nameBudget is how many requests a service gets until its value is named.
const nameBudget = 60

// The pace of canaries.
const (
	calibrateEvery = time.Hour        // the controls
	matrixEvery    = 30 * time.Minute // every live version, not only the newest
	matrixVersions = 3
)

// canaryProbe tells from outside which value a service holds: it presents
// tokens that are signed and expired, and reads whether they are refused for
// their signature or for their age.
type canaryProbe struct {
	asker
	deps   *Deps
	domain analyzer.KeyDomain
	member analyzer.Member

	calibrated time.Time
	controls   int    // requests of the calibration, which count for the budget as well
	control    *reply // to a token that nobody signed
	steady     bool   // two such answers say the same
	distinct   bool   // an answer to a signed token was seen to differ from it
	vague      bool   // what is no token at all is refused for its signature too

	newest  string // the version that was asked for last
	held    *guess // named; nil: not, or the newest
	tried   int    // guesses that were refused
	spent   int    // requests of the open mismatch
	matrix  time.Time
	accepts map[string]bool // version: verified
}

// newCanary makes a probe for every service that names a canary path, where
// secrets are shared.
func newCanary(domain analyzer.KeyDomain, d *Deps) ([]Target, error) {
	var out []Target
	for _, m := range domain.Services {
		if m.URL == "" || m.Canary == "" || shared(domain) == "" {
			continue
		}
		p := &canaryProbe{asker: newAsker(m, d), deps: d, domain: domain, member: m}
		out = append(out, Target{Name: m.Name, Probe: p})
	}
	return out, nil
}

func newAsker(m analyzer.Member, d *Deps) asker {
	return asker{guard: d.Guard, url: strings.TrimRight(m.URL, "/") + "/" + strings.TrimLeft(m.Canary, "/"), classifier: d.Classifier, traces: d.Traces, service: m.Name}
}

// Check implements [Probe].
func (p *canaryProbe) Check(ctx context.Context) []analyzer.ProbeResult {
	before := p.sent
	r := p.check(ctx)
	r.Target, r.Service = p.member.Name, analyzer.Service{Name: p.member.Name, Environment: p.domain.Environment}
	if r.Facts == nil {
		r.Facts = map[string]string{}
	}
	r.Facts["requests"] = strconv.Itoa(p.sent - before)
	return []analyzer.ProbeResult{r}
}

func unknown(format string, args ...any) analyzer.ProbeResult {
	return analyzer.ProbeResult{Status: analyzer.StatusUnknown, Detail: fmt.Sprintf(format, args...)}
}

func (p *canaryProbe) check(ctx context.Context) analyzer.ProbeResult {
	name := p.member.Name
	if p.deps.Reference == nil {
		return unknown("no canary was signed for %s: no version of the secret can be read; give why401 access to it", name)
	}
	candidates, err := p.deps.Reference.Candidates(ctx, p.domain)
	if err != nil || len(candidates) == 0 || candidates[0].Value.Empty() {
		return unknown("no canary was signed for %s: no version of the secret could be read; see the result of the secret store", name)
	}
	if time.Since(p.calibrated) > calibrateEvery {
		if r, ok := p.calibrate(ctx); !ok {
			return r
		}
	}
	newest := candidates[0]
	if newest.Version != p.newest {
		p.newest, p.held, p.tried, p.spent, p.matrix, p.accepts = newest.Version, nil, 0, 0, time.Time{}, map[string]bool{}
	}
	list := []guess{{Match: Match{Secret: newest.Secret, Version: newest.Version, Environment: newest.Environment}, value: newest.Value, plain: true}}
	said, from, err := p.present(ctx, &list[0])
	if err != nil {
		return p.failed(err)
	}
	switch said {
	case passed:
		p.held, p.tried, p.spent = nil, 0, 0
		return p.sound(ctx, newest, candidates, from)
	case unsaid:
		return unknown("%s does not say why it refuses: neither its answer nor a log line of the canary's trace tells a wrong signature from an expired token; let the service log the reason, or serve /health/jwt", name)
	}
	p.accepts[newest.Version] = false
	if r, ok := p.keyless(); ok {
		return r
	}
	return p.mismatch(ctx, candidates, from)
}

// calibrate makes sure that the answers to canaries mean something: a token
// that nobody signed is refused, for its signature, in words that a token of
// no form at all does not get.
func (p *canaryProbe) calibrate(ctx context.Context) (analyzer.ProbeResult, bool) {
	name, before := p.member.Name, p.sent
	shapeless, err := p.ask(ctx, "why401.canary")
	if err != nil {
		return p.failed(err), false
	}
	p.vague = shapeless.signature() == refused
	p.steady = true
	p.control = nil
	for range 2 {
		token, err := forged(p.domain, "", true)
		if err != nil {
			return p.failed(err), false
		}
		got, err := p.ask(ctx, token)
		if err != nil {
			return p.failed(err), false
		}
		if got.signature() == unsaid {
			p.fromLog(ctx, got, p.patience(ctx))
		}
		if got.accepted {
			return unknown("the canary path of %s answers %d to an expired token that nobody signed: name one that needs a token and changes nothing; if this one does, see the negative canaries", name, got.status), false
		}
		if got.signature() == passed {
			return unknown("%s names the expiry of a token that nobody signed: it looks at claims before the signature, and an expired canary tells nothing; serve /health/jwt", name), false
		}
		if p.control != nil {
			p.steady = p.control.mark == got.mark
		}
		p.control = got
		if got.signature() == refused && !p.vague {
			break // it says so in words: no need to compare answers
		}
	}
	p.calibrated, p.controls = time.Now(), p.sent-before
	return analyzer.ProbeResult{}, true
}

// patience is how long a log line is waited for: part of what is left.
func (p *canaryProbe) patience(ctx context.Context) time.Time {
	deadline, ok := ctx.Deadline()
	if !ok {
		return time.Now().Add(5 * time.Second)
	}
	return time.Now().Add(time.Until(deadline) / 3)
}

// present sends an expired canary signed with g and judges the answer; from
// is where the judgement was taken from.
func (p *canaryProbe) present(ctx context.Context, g *guess) (said signature, from string, err error) {
	token, err := sign(shared(p.domain), "", claims(p.domain, true, time.Now()), g.value.Bytes())
	if err != nil {
		return unsaid, "", err
	}
	got, err := p.ask(ctx, token)
	if err != nil {
		return unsaid, "", err
	}
	if s := got.signature(); s == passed || s == refused && !p.vague {
		return s, "its answer", nil
	}
	if p.steady && got.mark == p.control.mark && p.distinct {
		return refused, "its answer, which is that to a token that nobody signed", nil
	}
	if p.steady && got.mark != p.control.mark {
		p.distinct = true
		return passed, "its answer, which differs from that to a token that nobody signed", nil
	}
	// The service refuses in words of its own choice; its log may know more.
	got.reasons = nil
	if p.fromLog(ctx, got, p.patience(ctx)) {
		return got.signature(), "its log line", nil
	}
	return unsaid, "", nil
}

func (p *canaryProbe) facts(from string) map[string]string {
	return map[string]string{"told_by": from, FactAccepts: versions(p.accepts, true), FactRefuses: versions(p.accepts, false)}
}

// FactAccepts and FactRefuses are the keys of ProbeResult.Facts under which
// the canary probe lists the versions that a service verifies and refuses.
const (
	FactAccepts = "accepts"
	FactRefuses = "refuses"
)

// failed says why there is no answer.
func (p *canaryProbe) failed(err error) analyzer.ProbeResult {
	switch {
	case errors.Is(err, ErrBudget):
		return unknown("%s was not asked: the budget of requests is used up; the next round goes on", p.member.Name)
	case errors.Is(err, errPath):
		return unknown("the canary path of %s is no protected path: %s", p.member.Name, clip(err.Error()))
	}
	return unknown("%s could not be asked: %s", p.member.Name, clip(cause(err).Error()))
}
