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

// replicaRequests is how many looks at a service are enough, whatever the
// number of its instances: one stale instance in ten is found with 94.8 %.
const replicaRequests = 28

// restMissed is the chance of a further instance that ends the looks earlier:
// a service of one instance takes 6 of them, one of three takes 14.
const restMissed = 0.02

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
	looks    int
	ids      map[string]bool
	values   map[string]*value // by valueOf
	recalled bool              // some of the looks are earlier ones
	asked    int
	failed   int
	last     string // why the last one failed
}

type value struct {
	looks int
	ids   map[string]bool
	holds string
	named bool
}

// Check implements [Probe].
func (p *replicasProbe) Check(ctx context.Context) []analyzer.ProbeResult {
	r := p.judge(p.look(ctx))
	r.Target, r.Service = p.member.Name, analyzer.Service{Name: p.member.Name, Environment: p.domain.Environment}
	return []analyzer.ProbeResult{r}
}

// look counts what the rounds met within the last half hour, and sends what
// requests are missing, one after the other: a burst would be a load. It stops
// when two values were seen.
func (p *replicasProbe) look(ctx context.Context) *instances {
	round := p.deps.health().current()
	l := p.deps.look(ctx, p.domain)
	seen := newInstances()
	seen.recall(p.deps.health().population(p.domain, p.member.Name))
	for !seen.enough() && seen.asked < replicaRequests && ctx.Err() == nil && seen.failed <= breakAfter {
		h, refusal := round.send(ctx, healthURL(p.member), l.nonce)
		if h == nil {
			h = &health{why: "refuses the signed request: " + refusal}
		}
		seen.asked++
		one := held{member: p.member, health: h}
		if one.find(l, p.domain); !one.told() {
			seen.failed, seen.last = seen.failed+1, one.blindness()
			continue
		}
		p.deps.sighted(p.domain, &one)
		round.note(p.domain, l, &one)
		if seen.recalled && seen.values[valueOf(&one)] == nil { // it holds something else by now
			asked := seen.asked
			seen = newInstances()
			seen.asked = asked
		}
		seen.add(one.answer.Extension.Instance, valueOf(&one), one.match.String(), one.named)
	}
	return seen
}

func newInstances() *instances {
	return &instances{ids: map[string]bool{}, values: map[string]*value{}}
}

// valueOf tells values apart: by their name, else by their fingerprint in this
// round.
func valueOf(h *held) string {
	if h.named {
		return h.match.String()
	}
	return h.state.Fingerprint
}

// recall counts earlier answers when all of them tell of one value that can be
// named: others cannot be compared, or are of instances that are gone.
func (i *instances) recall(all []glimpse) {
	for _, g := range all {
		if !g.named || g.holds != all[0].holds || g.instance == "" {
			return
		}
	}
	for _, g := range all {
		i.add(g.instance, g.holds, g.holds, true)
	}
	i.recalled = len(all) > 0
}

// enough reports whether further looks would say little.
func (i *instances) enough() bool {
	if len(i.values) > 1 {
		return i.looks >= replicaRequests/2
	}
	return i.looks >= replicaRequests || i.looks > 0 && missed(len(i.ids), i.looks) <= restMissed
}

func (i *instances) add(instance, key, holds string, named bool) {
	i.looks++
	i.ids[instance] = true
	v := i.values[key]
	if v == nil {
		v = &value{ids: map[string]bool{}, holds: holds, named: named}
		i.values[key] = v
	}
	v.looks++
	v.ids[instance] = true
}

func (p *replicasProbe) judge(seen *instances) analyzer.ProbeResult {
	name := p.member.Name
	if seen.looks == 0 {
		return unknown("the instances of %s were not compared: it %s", name, seen.last)
	}
	one := 1 / float64(max(len(seen.ids), 10))
	if seen.looks < replicaRequests {
		one = 1 / float64(len(seen.ids)+1)
	}
	power := Power(one, seen.looks)
	r := analyzer.ProbeResult{Status: analyzer.StatusFail, Facts: map[string]string{
		"looks": fmt.Sprint(seen.looks), "requests": fmt.Sprint(seen.asked), "instances": fmt.Sprint(len(seen.ids)), "values": fmt.Sprint(len(seen.values)),
		"detects_share": fmt.Sprintf("%.3f", one), "detection_power": fmt.Sprintf("%.3f", power)}}
	if len(seen.values) == 1 {
		r.Status = analyzer.StatusOK
		r.Detail = fmt.Sprintf("%d fresh connections to %s met %d of its instances, all with one value; one stale instance in %.0f would have been met with %.1f %%", seen.looks, name, len(seen.ids), 1/one, 100*power)
		if power >= speaksForAll {
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
			what = v.holds
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
		return strings.Compare(a.holds, b.holds)
	})
	return out
}
