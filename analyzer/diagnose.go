package analyzer

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/zeebo/xxh3"
)

// DiagnosisConfig says when failures are worth an incident.
type DiagnosisConfig struct {
	MinCount   int64         // failures of one reason before anything opens; 0 means 5
	MinShare   float64       // refused share (lower bound of its 95 % interval) where a denominator exists; 0 means 0.01
	Quiet      time.Duration // an incident without failures for so long is resolved; 0 means 15 minutes
	Near       time.Duration // how far a change may lie before the onset it is weighed for; 0 means 15 minutes
	KeyDomains []KeyDomain
}

func (c DiagnosisConfig) defaults() DiagnosisConfig {
	if c.MinCount <= 0 {
		c.MinCount = 5
	}
	if c.MinShare <= 0 {
		c.MinShare = 0.01
	}
	if c.Quiet <= 0 {
		c.Quiet = 15 * time.Minute
	}
	if c.Near <= 0 {
		c.Near = 15 * time.Minute
	}
	return c
}

// domain names the key domain of a service: as configured, else one for each
// environment.
func (c DiagnosisConfig) domain(s Service) string {
	for i := range c.KeyDomains {
		if c.KeyDomains[i].Has(s) {
			return c.KeyDomains[i].Name
		}
	}
	return s.Environment
}

// symptom is one reason at one service that stands out of its baseline.
type symptom struct {
	service  Service
	reason   Reason
	count    int64
	from, to int64 // minutes
	share    float64
	baseline float64
	quiet    bool // failures ended before the watermark
}

// Diagnose names what the logs alone support. Without a probe no verdict goes
// beyond probable; a reason by itself gives candidates, never a cause.
func (l *Ledger) Diagnose(cfg DiagnosisConfig) []Incident {
	cfg = cfg.defaults()
	type group struct {
		domain string
		env    string
		sense  *sense
	}
	groups := map[group][]symptom{}
	var order []group
	for _, s := range l.window.Services() {
		for _, y := range l.symptoms(cfg, s) {
			sn := senseOf(y.reason)
			if sn == nil {
				continue
			}
			g := group{cfg.domain(s), s.Environment, sn}
			if groups[g] == nil {
				order = append(order, g)
			}
			groups[g] = append(groups[g], y)
		}
	}
	out := []Incident{}
	for _, g := range order {
		out = append(out, l.incident(cfg, g.domain, g.env, g.sense, groups[g]))
	}
	slices.SortStableFunc(out, func(a, b Incident) int {
		if d := severityRank(b.Severity) - severityRank(a.Severity); d != 0 {
			return d
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out
}

func severityRank(l Level) int {
	return slices.Index([]Level{LevelInfo, LevelWarning, LevelError, LevelCritical}, l)
}

// symptoms finds the reasons of a service that are frequent enough, both as a
// count and as a share of its requests.
func (l *Ledger) symptoms(cfg DiagnosisConfig, s Service) []symptom {
	sr := l.window.services[s]
	whole := l.window.Service(s, sr.first, sr.last+1)
	var out []symptom
	for _, r := range Reasons() {
		n := whole.Reasons[r]
		if n < cfg.MinCount {
			if n == 0 || r.Refusal() {
				continue
			}
		}
		from, to := l.window.stretch(s, r)
		during := l.window.Service(s, from, to+1)
		share := 0.0
		if all := during.Accepted + during.Refused; all > 0 {
			share = float64(during.Reasons[r]) / float64(all)
			if r.Refusal() && wilsonLow(during.Reasons[r], all) < cfg.MinShare {
				continue
			}
		}
		before := l.window.Service(s, from-60, from)
		y := symptom{service: s, reason: r, count: n, from: from, to: to, share: share}
		if all := before.Accepted + before.Refused; all > 0 {
			y.baseline = float64(before.Reasons[r]) / float64(all)
		}
		y.quiet = time.Unix((to+1)*60, 0).Add(cfg.Quiet).Before(l.watermark)
		out = append(out, y)
	}
	return out
}

// stretch returns the first and last minute in which a service failed with r.
func (w *Window) stretch(s Service, r Reason) (from, to int64) {
	sr := w.services[s]
	from, to = math.MaxInt64, math.MinInt64
	for m, t := range sr.minutes {
		hit := r == Unspecified && t.request > 0
		for _, x := range t.reasons {
			hit = hit || x.reason == r && x.finding+x.stackEnd+x.joined+x.notice > 0
		}
		if hit {
			from, to = min(from, m), max(to, m)
		}
	}
	return from, to
}

// wilsonLow is the lower bound of the 95 % Wilson score interval of k in n.
func wilsonLow(k, n int64) float64 {
	const z = 1.96
	p, f := float64(k)/float64(n), float64(n)
	d := 1 + z*z/f
	return (p + z*z/(2*f) - z*math.Sqrt(p*(1-p)/f+z*z/(4*f*f))) / d
}

// incident puts the symptoms of one key domain into words, and looks for
// signals beside them.
func (l *Ledger) incident(cfg DiagnosisConfig, domain, env string, sn *sense, ys []symptom) Incident {
	in := Incident{
		KeyDomain: domain, Environment: env, Verdict: Ambiguous, Cause: sn.unknown, Candidates: slices.Clone(sn.candidates),
		NextProbe: sn.next, Severity: sn.level, Do: slices.Clone(sn.do), For: []string{}, Against: []string{}, Services: []string{},
	}
	from, to := ys[0].from, ys[0].to
	quiet := true
	for _, y := range ys {
		in.Count += y.count
		from, to = min(from, y.from), max(to, y.to)
		quiet = quiet && y.quiet
		if !slices.Contains(in.Services, y.service.Name) {
			in.Services = append(in.Services, y.service.Name)
		}
		in.Rate, in.Baseline = max(in.Rate, y.share), max(in.Baseline, y.baseline)
		in.For = append(in.For, fmt.Sprintf("%s: %d × %s since %s (%.1f %% of its decisions)", y.service.Name, y.count, y.reason, clock(y.from), 100*y.share))
		in.Exemplars = append(in.Exemplars, l.Exemplars(y.service, y.reason)...)
	}
	in.Opened, in.LastSeen = time.Unix(from*60, 0).UTC(), time.Unix(to*60+59, 0).UTC()
	if quiet {
		at := in.LastSeen
		in.Resolved = &at
	}
	l.weigh(cfg, &in, sn, ys)
	slices.Sort(in.Services)
	in.Exemplars = in.Exemplars[:min(len(in.Exemplars), 5)]
	in.ID = fmt.Sprintf("%012x", xxh3.HashString(string(sn.unknown)+"\x00"+domain+"\x00"+env)>>16)
	in.Summary = in.summary(sn)
	return in
}

func clock(m int64) string { return time.Unix(m*60, 0).UTC().Format("2006-01-02 15:04") }

// plural makes a sense's verb agree with several services.
var plural = strings.NewReplacer("refuses tokens", "refuse tokens", "refuses expired", "refuse expired", "refuses the", "refuse the", "refuses requests", "refuse requests",
	"has no", "have no", "holds a", "hold a", "is shielded", "are shielded", "writes usable", "write usable")

// summary is one sentence that a tired person understands.
func (in *Incident) summary(sn *sense) string {
	who := strings.Join(in.Services[:min(len(in.Services), 4)], ", ")
	if n := len(in.Services) - 4; n > 0 {
		who += fmt.Sprintf(" and %d more", n)
	}
	says := sn.says
	if len(in.Services) > 1 {
		says = plural.Replace(says)
	}
	s := fmt.Sprintf("%s %s", who, says)
	switch in.Verdict {
	case Probable:
		return s + "; probable cause: " + string(in.Cause)
	case Ambiguous:
		if len(in.Candidates) > 1 {
			return s + "; the logs alone cannot tell which of " + fmt.Sprint(len(in.Candidates)) + " causes it is"
		}
	}
	return s
}
