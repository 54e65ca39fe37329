package probe

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/why401/why401/analyzer"
)

// glimpse is one answer of a service: every request goes over a connection of
// its own, so a balancer chose whose answer it is.
type glimpse struct {
	at       time.Time
	instance string // "" where the answer names none
	holds    string // what the instance holds, as far as it can be named
	named    bool
	newest   string // the newest version at that time
}

// glimpsesCount is how long a glimpse counts, maxGlimpses how many of a service
// do: more of them say nothing new.
const (
	glimpsesCount = 30 * time.Minute
	maxGlimpses   = replicaRequests
)

// note keeps what an answer tells of its instance.
func (r *rounds) note(domain analyzer.KeyDomain, l *look, h *held) {
	if h.answer == nil {
		return
	}
	g := glimpse{at: time.Now(), holds: "an unnamed value", named: h.told() && h.named, newest: l.newestVersion()}
	if g.named {
		g.holds = h.match.String()
	}
	if h.answer.Extension != nil {
		g.instance = h.answer.Extension.Instance
	}
	id := populationOf(domain, h.member.Name)
	r.mu.Lock()
	defer r.mu.Unlock()
	all := append(r.populations[id], g)
	r.populations[id] = all[max(0, len(all)-maxGlimpses):]
}

func populationOf(domain analyzer.KeyDomain, service string) string {
	return domain.Name + " " + domain.Environment + " " + service
}

func (l *look) newestVersion() string {
	if l.newest == nil {
		return ""
	}
	return l.newest.Version
}

// population returns what still counts of a service: the glimpses since the
// newest version came. The oldest comes first.
func (r *rounds) population(domain analyzer.KeyDomain, service string) []glimpse {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := slices.Clone(r.populations[populationOf(domain, service)])
	return slices.DeleteFunc(all, func(g glimpse) bool {
		return time.Since(g.at) > glimpsesCount || g.newest != all[len(all)-1].newest
	})
}

// unlike finds a glimpse among the latest that tells of another value than the
// last one. An instance that was replaced is soon forgotten.
func unlike(all []glimpse) (glimpse, bool) {
	latest := all[max(0, len(all)-unlikeWithin):]
	for _, g := range latest {
		if g.holds != latest[len(latest)-1].holds {
			return g, true
		}
	}
	return glimpse{}, false
}

// unlikeWithin is among how many of the latest glimpses another value counts.
const unlikeWithin = 10

// speaksForAll is how likely an instance that differs would have been met
// before a service as a whole is said not to hold a value.
const speaksForAll = 0.9

// missed is the chance that one more instance than those that were met would
// have stayed unmet.
func missed(instances, looks int) float64 { return 1 - Power(1/float64(instances+1), looks) }

// distinct counts instances; where an answer names none there may be ten.
func distinct(all []glimpse) int {
	ids := map[string]bool{}
	for _, g := range all {
		ids[g.instance] = true
	}
	if ids[""] {
		return max(len(ids), 9)
	}
	return len(ids)
}

// weighed is a probe that reads the answer of one instance. What that answer
// rules out is ruled out for the service only when enough of its instances
// were met, and none was unlike it.
type weighed struct {
	Probe
	deps   *Deps
	domain analyzer.KeyDomain
}

// Check implements [Probe].
func (w weighed) Check(ctx context.Context) []analyzer.ProbeResult {
	results := w.Probe.Check(ctx)
	for i := range results {
		r := &results[i]
		if len(r.Refutes) == 0 || r.Service.Name == "" {
			continue
		}
		all := w.deps.health().population(w.domain, r.Service.Name)
		if len(all) == 0 {
			continue // it has no handler: what it rules out comes from elsewhere
		}
		if g, ok := unlike(all); ok {
			r.Refutes = nil
			r.Detail += fmt.Sprintf("; another of its instances held %s at %s", g.holds, g.at.UTC().Format("15:04:05"))
		} else if missed(distinct(all), len(all)) > 1-speaksForAll {
			r.Refutes = nil
		}
	}
	return results
}
