package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/probe"
)

// rotationPlan is what is to be done, in the order that refuses nobody.
type rotationPlan struct {
	Domain      string     `json:"key_domain"`
	Environment string     `json:"environment,omitempty"`
	Secret      string     `json:"secret"`
	Steps       []planStep `json:"steps"`
	Abort       string     `json:"to_go_back"`
	Objections  []string   `json:"objections"` // what would make the rotation fail, or blind
}

type planStep struct {
	Do       string       `json:"do"`
	Services []planMember `json:"services,omitempty"`
	Then     string       `json:"then,omitempty"`
}

type planMember struct {
	Name string `json:"name"`
	Now  string `json:"now"` // what it was last seen to hold
}

// plan prints the steps: verifiers learn to accept both versions, signers go
// over, the old one runs out.
func (r *rotating) plan(context.Context) error {
	p := r.planned()
	if r.o.format == "json" {
		return writeJSON(r.env.stdout, p)
	}
	w := r.env.stdout
	fmt.Fprintf(w, "rotation of %s (secret %s)\n\n", analyzer.EscapeTerminal(p.Domain), analyzer.EscapeTerminal(p.Secret))
	for i, s := range p.Steps {
		fmt.Fprintf(w, "%d. %s\n", i+1, analyzer.EscapeTerminal(s.Do))
		for _, m := range s.Services {
			fmt.Fprintf(w, "     %s: %s\n", analyzer.EscapeTerminal(m.Name), analyzer.EscapeTerminal(m.Now))
		}
		if s.Then != "" {
			fmt.Fprintf(w, "     %s\n", s.Then)
		}
	}
	fmt.Fprintf(w, "\nto go back before that: %s\n", p.Abort)
	for _, o := range p.Objections {
		fmt.Fprintln(r.env.stderr, "why401: "+o)
	}
	return nil
}

func (r *rotating) planned() rotationPlan {
	d := r.domain
	p := rotationPlan{Domain: d.Name, Environment: d.Environment, Secret: orUnknown(d.Secret), Abort: "signers first, then verifiers, then why401 rotate abort --apply"}
	var signers []string
	both := planStep{Then: "a service that reads its secret at start must be restarted; go on when `why401 rotate status` shows all of them"}
	var names []string
	for _, m := range d.Services {
		names = append(names, m.Name)
		both.Services = append(both.Services, planMember{m.Name, r.now(m)})
		if m.Signs {
			signers = append(signers, m.Name)
		}
	}
	both.Do = "let every service verify with both versions: " + list(names)
	drain := fmt.Sprintf("wait for the longest life of a token: declare token_ttl for %s, else nobody can say how long that is", d.Name)
	if d.TokenTTL > 0 {
		drain = fmt.Sprintf("wait %s after the last signer went over: so long lives a token of the old version", d.TokenTTL+d.Leeway)
	}
	p.Steps = []planStep{
		{Do: fmt.Sprintf("add the new version: why401 rotate start --domain %s --apply", d.Name)}, both,
		{Do: "let the signers go over to the new version, all of them: " + list(signers)}, {Do: drain},
		{Do: fmt.Sprintf("disable the old version: why401 rotate retire --domain %s --apply; it refuses while anybody needs it", d.Name)},
	}
	p.Objections = r.objections(len(signers))
	return p
}

// now says what a service was last seen to hold.
func (r *rotating) now(m analyzer.Member) string {
	if m.URL == "" || m.Health == "none" {
		return "cannot be looked at (no url or no /health/jwt): follow its deploy by hand"
	}
	for _, p := range r.probes {
		if p.Probe == "fingerprint" && p.Service.Name == m.Name && p.Domain == r.domain.Name {
			if a := p.Facts[probe.FactAccepts]; a != "" {
				return "accepts version " + strings.ReplaceAll(a, " ", " and ") + " now"
			}
			return p.Detail
		}
	}
	return "not looked at yet"
}

// objections are what would make the rotation fail, or blind.
func (r *rotating) objections(signers int) []string {
	d, out := r.domain, []string{}
	if len(d.Services) == 0 {
		out = append(out, "no services are declared under key_domains.services: nobody can say who must be seen on the new version")
	}
	if len(d.Services) > 0 && signers == 0 {
		out = append(out, "no service is declared to sign (signs: true)")
	}
	if d.Secret == "" {
		out = append(out, "no secret is declared: a new version is not noticed")
	}
	if r.cfg.Probes.PepperFile == "" {
		out = append(out, "probes.pepper_file is not set: what services hold cannot be compared")
	}
	return out
}

func list(names []string) string {
	if len(names) == 0 {
		return "none is declared"
	}
	return strings.Join(names, ", ")
}

func orUnknown(s string) string {
	if s == "" {
		return "not declared"
	}
	return s
}
