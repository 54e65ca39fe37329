package probe

import (
	"fmt"
	"strings"
	"time"

	"github.com/why401/why401/analyzer"
)

// holdings is what a service was seen to hold.
type holdings struct {
	holds string // Match.String; "" while it is not known
	drift bool   // drift_began was told, and drift_ended was not
}

// keyDomainDetail is the key of Change.Details that names the key domain,
// holdsDetail the one that names what a service holds now.
const (
	keyDomainDetail = "key_domain"
	holdsDetail     = "holds"
)

func (p *fingerprintProbe) of(service string) *holdings {
	h := p.before[service]
	if h == nil {
		h = &holdings{}
		p.before[service] = h
	}
	return h
}

// excerpt cuts a sentence to what a change may carry.
func excerpt(s string) string {
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:197], "") + "…"
	}
	return s
}

// seeNewest notices that the secret was rotated.
func (p *fingerprintProbe) seeNewest(l *look) {
	if l.newest == nil || l.newest.Version == p.newest {
		return
	}
	if was := p.newest; was != "" {
		at := l.newest.Created
		if at.IsZero() {
			at = time.Now()
		}
		p.rotated = at
		p.deps.changed(analyzer.Change{Kind: analyzer.SecretRotated, Target: l.newest.Secret, Version: l.newest.Version, Service: analyzer.Service{Environment: p.domain.Environment}, At: at,
			Evidence: fmt.Sprintf("%s of %s is the newest, it was %s", called(l.newest.Version), l.newest.Secret, was), Details: map[string]string{keyDomainDetail: p.domain.Name}})
	}
	p.newest = l.newest.Version
}

// tell reports changes of what a service holds.
func (p *fingerprintProbe) tell(h *held, r *analyzer.ProbeResult) {
	if r.Status == analyzer.StatusUnknown {
		return
	}
	was := p.of(h.member.Name)
	change := func(kind analyzer.ChangeKind, evidence string, args ...any) {
		p.deps.changed(analyzer.Change{Kind: kind, Target: h.member.Name, Version: h.match.Version, Service: r.Service, At: time.Now(), Evidence: excerpt(fmt.Sprintf(evidence, args...)),
			Details: map[string]string{keyDomainDetail: p.domain.Name, holdsDetail: r.Facts[holdsDetail]}})
	}
	if holds := r.Facts[holdsDetail]; holds != "" {
		if was.holds != "" && was.holds != holds {
			change(analyzer.ValueChanged, "%s holds %s, before it was %s", h.member.Name, holds, was.holds)
		}
		was.holds = holds
	}
	if bad := r.Status == analyzer.StatusFail; bad != was.drift {
		was.drift = bad
		if bad {
			change(analyzer.DriftBegan, "%s", r.Detail)
		} else {
			change(analyzer.DriftEnded, "%s", r.Detail)
		}
	}
}
