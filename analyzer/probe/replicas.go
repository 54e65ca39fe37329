package probe

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/why401/why401/analyzer"
)

// replicasProbe asks one service again and again over fresh connections, so
// that a load balancer leads to one instance after the other, and compares
// what they hold.
type replicasProbe struct {
	deps   *Deps
	domain analyzer.KeyDomain
	member analyzer.Member
}

// replicaRequests is how often an instance is asked for: one stale instance
// in ten is found with 94.8 %.
const replicaRequests = 28

// newReplicas makes a target for every service that has a handler: each of
// them takes as many requests.
func newReplicas(domain analyzer.KeyDomain, d *Deps) ([]Target, error) {
	var out []Target
	for _, m := range healthMembers(domain) {
		if d.Pepper != nil {
			out = append(out, Target{Name: m.Name, Probe: &replicasProbe{d, domain, m}})
		}
	}
	return out, nil
}

// Power is the chance that m looks at random instances of a service meet at
// least one of the share that is stale.
func Power(share float64, m int) float64 { return 1 - math.Pow(1-share, float64(m)) }

// instances are what the looks at one service told.
type instances struct {
	looks  int
	ids    map[string]bool
	values map[string]*value // by fingerprint
	failed int
	last   string // why the last one failed
}

type value struct {
	looks int
	ids   map[string]bool
	match Match
	named bool
}

// Check implements [Probe].
func (p *replicasProbe) Check(ctx context.Context) []analyzer.ProbeResult {
	r := p.judge(p.look(ctx))
	r.Target, r.Service = p.member.Name, analyzer.Service{Name: p.member.Name, Environment: p.domain.Environment}
	return []analyzer.ProbeResult{r}
}

// look sends the requests, one after the other: a burst would be a load. It
// stops when two values were seen.
func (p *replicasProbe) look(ctx context.Context) *instances {
	round := p.deps.health().current()
	l := p.deps.look(ctx, p.domain)
	seen := &instances{ids: map[string]bool{}, values: map[string]*value{}}
	for range replicaRequests {
		if ctx.Err() != nil || seen.failed > breakAfter {
			break
		}
		h, refusal := round.send(ctx, healthURL(p.member), l.nonce)
		if h == nil {
			h = &health{why: "refuses the signed request: " + refusal}
		}
		one := held{member: p.member, health: h}
		if one.find(l, p.domain); !one.told() {
			seen.failed, seen.last = seen.failed+1, one.blindness()
			continue
		}
		p.deps.sighted(p.domain, &one)
		seen.add(&one)
		if len(seen.values) > 1 && seen.looks >= replicaRequests/2 {
			break
		}
	}
	return seen
}

func (i *instances) add(h *held) {
	i.looks++
	id := h.answer.Extension.Instance
	i.ids[id] = true
	v := i.values[h.state.Fingerprint]
	if v == nil {
		v = &value{ids: map[string]bool{}, match: h.match, named: h.named}
		i.values[h.state.Fingerprint] = v
	}
	v.looks++
	v.ids[id] = true
}

func (p *replicasProbe) judge(seen *instances) analyzer.ProbeResult {
	name := p.member.Name
	if seen.looks == 0 {
		return unknown("the instances of %s were not compared: it %s", name, seen.last)
	}
	one := 1 / float64(max(len(seen.ids), 10))
	power := Power(one, seen.looks)
	r := analyzer.ProbeResult{Status: analyzer.StatusFail, Facts: map[string]string{
		"requests": fmt.Sprint(seen.looks), "instances": fmt.Sprint(len(seen.ids)), "values": fmt.Sprint(len(seen.values)),
		"detects_share": fmt.Sprintf("%.3f", one), "detection_power": fmt.Sprintf("%.3f", power)}}
	if len(seen.values) == 1 {
		r.Status = analyzer.StatusOK
		r.Detail = fmt.Sprintf("%d fresh connections to %s met %d of its instances, all with one value; one stale instance in %.0f would have been met with %.1f %%", seen.looks, name, len(seen.ids), 1/one, 100*power)
		if power >= 0.9 {
			r.Refutes = []analyzer.Cause{"key.split_replicas", "key.per_process_random"}
		}
		return r
	}
	r.Cause = "key.split_replicas"
	var words []string
	unnamed := 0
	for _, v := range seen.sorted() {
		what := "a value that no version explains"
		if v.named {
			what = v.match.String()
		} else {
			unnamed++
		}
		words = append(words, fmt.Sprintf("%d of %d answers hold %s", v.looks, seen.looks, what))
	}
	if unnamed == len(seen.values) && len(seen.values) == len(seen.ids) {
		r.Cause = "key.per_process_random"
		words = []string{fmt.Sprintf("%d instances hold %d values, none of which is a version of the secret", len(seen.ids), len(seen.values))}
	}
	r.Detail = fmt.Sprintf("the instances of %s hold different values: %s; %s", name, strings.Join(words[:min(len(words), 4)], ", "), remedy(r.Cause))
	return r
}

// sorted are the values, the frequent first.
func (i *instances) sorted() []*value {
	var out []*value
	for _, v := range i.values {
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b *value) int {
		if a.looks != b.looks {
			return b.looks - a.looks
		}
		return strings.Compare(a.match.String(), b.match.String())
	})
	return out
}
