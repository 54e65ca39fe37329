package probe

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/why401/why401/analyzer"
)

// clockProbe compares the services' clocks with ours. A clock that is off by
// more than the leeway makes tokens expire early or come from the future.
type clockProbe struct {
	deps   *Deps
	domain analyzer.KeyDomain
}

func newClock(domain analyzer.KeyDomain, d *Deps) ([]Target, error) {
	if len(healthMembers(domain)) == 0 {
		return nil, nil
	}
	return []Target{{Name: domain.Name, Probe: &clockProbe{d, domain}}}, nil
}

// leastLeeway is what is allowed where no leeway is declared: tokens carry
// whole seconds, and clocks that are synchronized stay within this.
const leastLeeway = 2 * time.Second

// offset is how far a service's clock is ahead of ours.
type offset struct {
	ahead  time.Duration
	unsure time.Duration // either way
	from   string
}

// Check implements [Probe].
func (p *clockProbe) Check(ctx context.Context) []analyzer.ProbeResult {
	l := p.deps.look(ctx, p.domain)
	readings := make([]*offset, len(l.held))
	for i := range l.held {
		readings[i] = readClock(l.held[i].health)
	}
	ours, many := p.ours(readings)
	var out []analyzer.ProbeResult
	for i := range l.held {
		m := l.held[i].member
		r := p.judge(m, &l.held[i], readings[i], ours, many)
		r.Target = m.Name
		// A signer's clock is felt by all others.
		if r.Service.Environment = p.domain.Environment; !m.Signs || r.Status != analyzer.StatusFail {
			r.Service.Name = m.Name
		}
		out = append(out, r)
	}
	return out
}

// readClock compares the clock of an answer with the middle of the time that
// the answer took; it may be off by half of that, and a Date header by the
// second that it is cut to besides.
func readClock(h *health) *offset {
	if h.at == nil {
		return nil
	}
	half := h.at.Got.Sub(h.at.Sent) / 2
	middle := h.at.Sent.Add(half)
	if h.answer != nil && h.answer.Extension != nil && !h.answer.Extension.Now.IsZero() {
		return &offset{h.answer.Extension.Now.Sub(middle), half, "its own answer"}
	}
	date, err := http.ParseTime(h.at.Header.Get("Date"))
	if err != nil {
		return nil
	}
	return &offset{date.Add(time.Second / 2).Sub(middle), half + time.Second/2, "the Date header"}
}

// ours reports whether most of three or more services are off by the same:
// then it is our own clock.
func (p *clockProbe) ours(readings []*offset) (off time.Duration, many bool) {
	var ahead []time.Duration
	for _, r := range readings {
		if r != nil {
			ahead = append(ahead, r.ahead)
		}
	}
	if len(ahead) < 3 {
		return 0, false
	}
	slices.Sort(ahead)
	middle := ahead[len(ahead)/2]
	near := 0
	for _, a := range ahead {
		if (a - middle).Abs() < leastLeeway {
			near++
		}
	}
	return middle, middle.Abs() > max(p.domain.Leeway, leastLeeway) && near*2 > len(ahead)
}

func (p *clockProbe) judge(m analyzer.Member, h *held, c *offset, ours time.Duration, many bool) analyzer.ProbeResult {
	if c == nil {
		why := h.why
		if why == "" {
			why = "tells no time"
		}
		return unknown("the clock of %s was not read: it %s", m.Name, why)
	}
	if many {
		return unknown("most services' clocks are %s ours by the same: our own clock is off, and says nothing about %s; synchronize it", aheadOrBehind(ours), m.Name)
	}
	leeway, from := p.leeway(h)
	r := analyzer.ProbeResult{Facts: map[string]string{"ahead_seconds": fmt.Sprintf("%.3f", c.ahead.Seconds()), "uncertain_seconds": fmt.Sprintf("%.3f", c.unsure.Seconds()), "leeway_seconds": fmt.Sprint(leeway.Seconds())}}
	words := fmt.Sprintf("the clock of %s is %s ours, give or take %s, by %s", m.Name, aheadOrBehind(c.ahead), c.unsure.Round(time.Millisecond), c.from)
	if c.ahead.Abs()-c.unsure <= leeway {
		r.Status = analyzer.StatusOK
		r.Detail = fmt.Sprintf("%s; %s is %s", words, from, leeway)
		if c.ahead.Abs()+c.unsure <= leeway {
			r.Refutes = []analyzer.Cause{"time.issuer_ahead", "time.verifier_ahead"}
		}
		return r
	}
	r.Status = analyzer.StatusFail
	r.Cause = "time.verifier_ahead"
	effect := "it takes tokens for expired before they are"
	switch ahead := c.ahead > 0; {
	case m.Signs && ahead:
		r.Cause, effect = "time.issuer_ahead", "the tokens that it signs come from the future for others"
	case m.Signs:
		effect = "the tokens that it signs expire early for others"
	case !ahead:
		r.Cause, effect = "time.issuer_ahead", "it takes fresh tokens for ones from the future"
	}
	r.Detail = fmt.Sprintf("%s: %s (%s is %s); check time synchronisation of %s", words, effect, from, leeway, m.Name)
	return r
}

// leeway is what is tolerated, and what says so.
func (p *clockProbe) leeway(h *held) (time.Duration, string) {
	if p.domain.Leeway > 0 {
		return p.domain.Leeway, "the declared leeway"
	}
	if h.answer != nil && h.answer.Extension != nil && h.answer.Extension.Settings != nil {
		if own := time.Duration(h.answer.Extension.Settings.LeewaySeconds * float64(time.Second)); own > leastLeeway && own < time.Hour {
			return own, "its own leeway"
		}
	}
	return leastLeeway, "what is allowed where no leeway is declared"
}

func aheadOrBehind(d time.Duration) string {
	if d < 0 {
		return fmt.Sprintf("%.1f s behind", -d.Seconds())
	}
	return fmt.Sprintf("%.1f s ahead of", d.Seconds())
}
