package probe

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/healthjwt"
)

// fingerprintProbe compares what the services of a key domain hold with the
// versions of the secret and with what becomes of them on the way, and with
// one another.
type fingerprintProbe struct {
	deps   *Deps
	domain analyzer.KeyDomain

	mu      sync.Mutex
	newest  string               // version that was seen last
	rotated time.Time            // when a newer one was seen to come
	before  map[string]*holdings // by service
}

func newFingerprint(domain analyzer.KeyDomain, d *Deps) ([]Target, error) {
	if len(healthMembers(domain)) == 0 {
		return nil, nil
	}
	p := &fingerprintProbe{deps: d, domain: domain, before: map[string]*holdings{}}
	for _, c := range d.Past {
		switch {
		case c.Kind == analyzer.SecretRotated && c.Details[keyDomainDetail] == domain.Name:
			p.newest, p.rotated = c.Version, c.At
		case c.Details[keyDomainDetail] != domain.Name:
		case c.Kind == analyzer.DriftBegan || c.Kind == analyzer.DriftEnded:
			p.of(c.Target).drift = c.Kind == analyzer.DriftBegan
		case c.Kind == analyzer.ValueChanged:
			p.of(c.Target).holds = c.Details[holdsDetail]
		}
	}
	return []Target{{Name: domain.Name, Probe: p}}, nil
}

// Check implements [Probe].
func (p *fingerprintProbe) Check(ctx context.Context) []analyzer.ProbeResult {
	l := p.deps.look(ctx, p.domain)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seeNewest(l)
	out := make([]analyzer.ProbeResult, 0, len(l.held)+1)
	for i := range l.held {
		h := &l.held[i]
		r := p.judge(l, h)
		r.Target, r.Service = h.member.Name, analyzer.Service{Name: h.member.Name, Environment: p.domain.Environment}
		if len(h.doubts) > 0 && r.Status != analyzer.StatusUnknown {
			r.Detail += "; its answer is doubtful: " + strings.Join(h.doubts, ", ")
		}
		p.tell(h, &r)
		out = append(out, r)
	}
	return append(out, p.signers(l, out)...)
}

// judge says what one service holds, and what that means.
func (p *fingerprintProbe) judge(l *look, h *held) analyzer.ProbeResult {
	name := h.member.Name
	if !h.told() {
		return unknown("what %s holds is not known: it %s", name, h.blindness())
	}
	r := analyzer.ProbeResult{Facts: map[string]string{"instance": h.answer.Extension.Instance}}
	if len(h.accepts) > 0 {
		r.Facts[FactAccepts] = strings.Join(h.accepts, " ")
		if h.member.Signs && h.match.Word == "" && h.match.Mutation == "" {
			r.Facts[FactSigns] = h.match.Version
		}
	}
	if h.named {
		r.Facts[holdsDetail] = h.match.String()
	}
	switch {
	case l.isNewest(h):
		r.Status, r.Refutes = analyzer.StatusOK, p.others(l, "")
		r.Detail = fmt.Sprintf("%s holds %s, which is the newest", name, h.match)
	case h.named:
		p.fault(l, h, &r)
	case l.newest == nil:
		p.alone(l, h, &r)
	default:
		p.unrelated(l, h, &r)
	}
	return r
}

// fault names the cause of a value that is known and not the newest version.
func (p *fingerprintProbe) fault(l *look, h *held, r *analyzer.ProbeResult) {
	r.Status = analyzer.StatusFail
	newest := "which version is the newest cannot be told: " + l.blind
	if l.newest != nil {
		newest = newestIs(l.newest.Version)
	}
	why := ""
	switch {
	case l.holdsOlder(h, p.domain):
		r.Cause, why = p.behind(l, h)
		if r.Cause == "rotation.in_progress" || l.agree() {
			r.Status = analyzer.StatusWarn // nobody is refused yet
		}
	case h.match.Word == "" && !own(p.domain, h.match.Environment):
		r.Cause = "key.wrong_environment"
	case h.match.Cause == "key.weak_default":
		r.Cause = "env.fallback_used" // the store does not hold it: the service fell back on it
	case h.match.Cause == "key.secret_empty" && h.absent():
		r.Cause, why = "key.secret_missing", ": none of its variables is set"
	default:
		r.Cause = h.match.Cause
	}
	if wins, covered, ok := h.conflict(); ok && r.Cause != "rotation.in_progress" {
		why += fmt.Sprintf("; %s wins over %s, which is set to another value", wins, covered)
		r.Cause = "env.precedence_conflict"
	}
	r.Refutes = p.others(l, r.Cause)
	r.Detail = fmt.Sprintf("%s holds %s%s; %s; %s", h.member.Name, h.match, why, newest, remedy(r.Cause))
}

// absent reports whether no variable of the service's chain is there at all.
func (h *held) absent() bool {
	return len(h.state.Chain) > 0 && !slices.ContainsFunc(h.state.Chain, func(v healthjwt.Variable) bool { return v.State != healthjwt.Absent })
}

// behind says why a service holds an older version: it runs since before the
// rotation, it was given the older one, or the rotation is under way.
func (p *fingerprintProbe) behind(l *look, h *held) (analyzer.Cause, string) {
	came := l.newest.Created
	if came.IsZero() {
		came = p.rotated
	}
	takes := slices.Contains(h.accepts, l.newest.Version)
	loaded := h.state.Loaded
	switch {
	case !came.IsZero() && p.domain.Overlap > 0 && time.Since(came) < p.domain.Overlap:
		return "rotation.in_progress", fmt.Sprintf(", within the overlap that lasts until %s", came.Add(p.domain.Overlap).UTC().Format("15:04:05"))
	case !came.IsZero() && time.Since(came) < takeUp && l.agree():
		return "rotation.in_progress", fmt.Sprintf(", as all do: nobody has taken up the one that came at %s", came.UTC().Format("15:04:05"))
	case takes:
		return "rotation.incomplete", ", and takes the newest beside it"
	case p.signerMoved(l) && !h.member.Signs:
		return "rotation.no_overlap", ", and tokens are signed with the newest already"
	case h.state.Present == healthjwt.Differs:
		return "key.stale_cache", ", and its source has another value by now"
	case !came.IsZero() && loaded.After(came):
		return "rotation.incomplete", fmt.Sprintf(", which it loaded at %s, after the newest had come: it is pinned, or reads another place", loaded.UTC().Format("2006-01-02 15:04:05"))
	case !came.IsZero() && !loaded.IsZero():
		return "key.stale_cache", fmt.Sprintf(", since %s, before the newest came", loaded.UTC().Format("2006-01-02 15:04:05"))
	}
	return "key.stale_cache", ""
}

// takeUp is how long a new version may lie in the store before it is strange
// that no service holds it.
const takeUp = time.Hour

// signerMoved reports whether a declared signer holds the newest version while
// several verifiers know an older one only.
func (p *fingerprintProbe) signerMoved(l *look) bool {
	moved, left := false, 0
	for i := range l.held {
		h := &l.held[i]
		moved = moved || h.member.Signs && l.isNewest(h)
		if !h.member.Signs && l.holdsOlder(h, p.domain) && !slices.Contains(h.accepts, l.newest.Version) {
			left++
		}
	}
	return moved && left > 1
}

// agree reports whether all services that told hold one value.
func (l *look) agree() bool { return len(l.groups()) < 2 }

// groups are the services that hold the same value, by fingerprint.
func (l *look) groups() map[string][]string {
	out := map[string][]string{}
	for i := range l.held {
		if h := &l.held[i]; h.told() {
			out[h.state.Fingerprint] = append(out[h.state.Fingerprint], h.member.Name)
		}
	}
	return out
}

// peers names the services that hold the value of h, and those that do not.
func (l *look) peers(h *held) (same, other []string) {
	for f, names := range l.groups() {
		if f == h.state.Fingerprint {
			same = slices.DeleteFunc(names, func(n string) bool { return n == h.member.Name })
		} else {
			other = append(other, names...)
		}
	}
	slices.Sort(other)
	return same, other
}

// unrelated judges a value that no version and no mutation explains.
func (p *fingerprintProbe) unrelated(l *look, h *held, r *analyzer.ProbeResult) {
	name := h.member.Name
	same, _ := l.peers(h)
	alike := ""
	if len(same) > 0 {
		alike = ", the same as " + few(same)
	}
	r.Facts[holdsDetail] = "a value that is in no version of the secret"
	if l.agree() && len(same) > 0 {
		r.Status = analyzer.StatusWarn
		r.Detail = fmt.Sprintf("%s holds a value%s that no version of %s explains: the services agree with one another and not with the secret store (%s); see which of them is right before anything restarts", name, alike, l.newest.Secret, newestIs(l.newest.Version))
		return
	}
	r.Status, r.Cause = analyzer.StatusFail, "key.cross_service_drift"
	r.Refutes = p.others(l, r.Cause)
	if wins, covered, ok := h.conflict(); ok {
		r.Cause = "env.precedence_conflict"
		alike += fmt.Sprintf("; %s wins over %s, which is set to another value", wins, covered)
	}
	r.Detail = fmt.Sprintf("%s holds a value that no version of %s and no known change of one explains%s; %s; %s", name, l.newest.Secret, alike, newestIs(l.newest.Version), remedy(r.Cause))
}

// alone judges a service where no version can be read: who differs is seen,
// who is wrong is not.
func (p *fingerprintProbe) alone(l *look, h *held, r *analyzer.ProbeResult) {
	name := h.member.Name
	same, other := l.peers(h)
	told := len(same) + len(other) + 1
	switch {
	case told == 1:
		*r = unknown("%s holds a value that there is nothing to compare with: %s", name, l.blind)
	case len(other) == 0 && told == len(l.held):
		r.Status, r.Refutes = analyzer.StatusOK, []analyzer.Cause{"key.cross_service_drift"}
		r.Detail = fmt.Sprintf("%s holds the same value as %s; which version that is cannot be told: %s", name, few(same), l.blind)
	case len(other) == 0:
		r.Status = analyzer.StatusOK
		r.Detail = fmt.Sprintf("%s holds the same value as %s; %d services did not tell, and no version can be read", name, few(same), len(l.held)-told)
	default:
		r.Status = analyzer.StatusFail // no cause: that would take sides
		alike := ""
		if len(same) > 0 {
			alike = " and " + few(same)
		}
		r.Detail = fmt.Sprintf("%s%s and %s hold different values; who is wrong is ambiguous: %s", name, alike, few(other), l.blind)
	}
}

func few(names []string) string {
	if len(names) > 4 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
	}
	return strings.Join(names, ", ")
}
