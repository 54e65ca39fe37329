package probe

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/healthjwt"
)

// precedenceProbe compares the declared order of the variables that may name
// the secret with what a service met: which one wins, which it covers, and
// whether they say the same.
type precedenceProbe struct {
	deps   *Deps
	domain analyzer.KeyDomain
}

func newPrecedence(domain analyzer.KeyDomain, d *Deps) ([]Target, error) {
	if !slices.ContainsFunc(healthMembers(domain), func(m analyzer.Member) bool { return len(m.Env) > 0 }) {
		return nil, nil
	}
	return []Target{{Name: domain.Name, Probe: &precedenceProbe{d, domain}}}, nil
}

// Check implements [Probe].
func (p *precedenceProbe) Check(ctx context.Context) []analyzer.ProbeResult {
	l := p.deps.look(ctx, p.domain)
	var out []analyzer.ProbeResult
	for i := range l.held {
		if h := &l.held[i]; len(h.member.Env) > 0 {
			r := p.judge(l, h)
			r.Target, r.Service = h.member.Name, analyzer.Service{Name: h.member.Name, Environment: p.domain.Environment}
			out = append(out, r)
		}
	}
	return out
}

func (p *precedenceProbe) judge(l *look, h *held) analyzer.ProbeResult {
	name, declared := h.member.Name, h.member.Env
	order := strings.Join(declared, " > ")
	if h.state == nil {
		return unknown("which variable %s takes its secret from is not known: it %s", name, h.blindness())
	}
	if len(h.state.Chain) == 0 {
		return unknown("%s does not say which variables it met; declared is %s", name, order)
	}
	met := map[string]string{}
	var present []string
	wins := ""
	for _, v := range h.state.Chain {
		met[v.Name] = v.State
		switch v.State {
		case healthjwt.Wins:
			wins = v.Name
			present = append(present, v.Name)
		case healthjwt.Same, healthjwt.Differs:
			present = append(present, v.Name)
		}
	}
	r := analyzer.ProbeResult{Status: analyzer.StatusFail, Facts: map[string]string{"wins": wins, "present": strings.Join(present, " ")}}
	reads := func(n string) bool { return met[n] != "" }
	first := slices.IndexFunc(declared, func(n string) bool { return slices.Contains(present, n) })
	_, covered, conflict := h.conflict()
	switch {
	case wins == "" && !slices.ContainsFunc(declared, reads):
		r.Cause = "startup.env_not_loaded"
		r.Detail = fmt.Sprintf("%s looks for %s, and declared is %s: none of these names meets; %s", name, few(names(h.state.Chain)), order, remedy(r.Cause))
	case wins == "":
		r.Cause = "key.secret_missing"
		for _, n := range declared {
			if met[n] == healthjwt.Empty {
				r.Cause = "key.secret_empty"
			}
		}
		what := "none of " + order + " is set"
		if r.Cause == "key.secret_empty" {
			what = "what is set of " + order + " is empty"
		}
		r.Detail = fmt.Sprintf("%s has no secret: %s; %s", name, what, remedy(r.Cause))
	case first < 0:
		r.Status, r.Cause = analyzer.StatusWarn, "startup.env_not_loaded"
		r.Detail = fmt.Sprintf("%s takes its secret from %s, which is not declared, and none of %s is set there; compare the names in its manifest, or declare this one", name, wins, order)
	case wins != declared[first]:
		r.Status, r.Cause = analyzer.StatusWarn, ""
		what := fmt.Sprintf("%s takes its secret from %s, and by the declared order %s it should be %s", name, wins, order, declared[first])
		if met[declared[first]] == healthjwt.Differs {
			r.Status, r.Cause = analyzer.StatusFail, "env.precedence_conflict"
			r.Detail = what + ", which is set to another value; " + remedy(r.Cause)
		} else {
			r.Detail = what + ", which is set to the same value; make the orders one before the values part"
		}
	case conflict && h.told() && l.newest != nil && !l.isNewest(h):
		r.Cause = "env.precedence_conflict"
		holds := "a value that is in no version"
		if h.named {
			holds = h.match.String()
		}
		r.Detail = fmt.Sprintf("%s takes its secret from %s, which holds %s, and covers %s, which is set to another value; %s", name, wins, holds, covered, remedy(r.Cause))
	case conflict:
		r.Status = analyzer.StatusWarn
		r.Detail = fmt.Sprintf("%s takes its secret from %s as declared; %s is set to another value and covered: it comes to light when %s goes; remove it", name, wins, covered, wins)
	default:
		r.Status, r.Refutes = analyzer.StatusOK, []analyzer.Cause{"env.precedence_conflict", "startup.env_not_loaded"}
		r.Detail = fmt.Sprintf("%s takes its secret from %s, the first of %s that is set", name, wins, order)
	}
	return r
}

func names(chain []healthjwt.Variable) []string {
	var out []string
	for _, v := range chain {
		out = append(out, v.Name)
	}
	return out
}
