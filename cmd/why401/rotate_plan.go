package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/probe"
)

// plan prints what is to be done, in the order that refuses nobody: verifiers
// learn to accept both versions, signers go over, the old one runs out.
func (r *rotating) plan(context.Context) error {
	var verifiers, signers []string
	for _, m := range r.domain.Services {
		verifiers = append(verifiers, m.Name)
		if m.Signs {
			signers = append(signers, m.Name)
		}
	}
	w, d := r.env.stdout, r.domain
	fmt.Fprintf(w, "rotation of %s (secret %s)\n\n", analyzer.EscapeTerminal(d.Name), analyzer.EscapeTerminal(orUnknown(d.Secret)))
	step := 0
	say := func(format string, args ...any) {
		step++
		fmt.Fprintf(w, "%d. %s\n", step, fmt.Sprintf(format, args...))
	}
	say("add the new version: why401 rotate start --domain %s --apply", d.Name)
	say("let every service verify with both versions: %s", list(verifiers))
	for _, m := range d.Services {
		fmt.Fprintf(w, "     %s: %s\n", analyzer.EscapeTerminal(m.Name), r.now(m))
	}
	fmt.Fprintf(w, "     a service that reads its secret at start must be restarted; go on when `why401 rotate status` shows all of them\n")
	say("let the signers go over to the new version, all of them: %s", list(signers))
	if d.TokenTTL > 0 {
		say("wait %s after the last signer went over: so long lives a token of the old version", d.TokenTTL+d.Leeway)
	} else {
		say("wait for the longest life of a token: declare token_ttl for %s, else nobody can say how long that is", d.Name)
	}
	say("disable the old version: why401 rotate retire --domain %s --apply; it refuses while anybody needs it", d.Name)
	fmt.Fprintln(w, "\nto go back before that: signers first, then verifiers, then why401 rotate abort --apply")
	r.objections(len(signers))
	return nil
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
			return analyzer.EscapeTerminal(p.Detail)
		}
	}
	return "not looked at yet"
}

// objections are what would make the rotation fail, or blind.
func (r *rotating) objections(signers int) {
	d := r.domain
	var out []string
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
	for _, o := range out {
		fmt.Fprintln(r.env.stderr, "why401: "+o)
	}
}

func list(names []string) string {
	if len(names) == 0 {
		return "none is declared"
	}
	return analyzer.EscapeTerminal(strings.Join(names, ", "))
}

func orUnknown(s string) string {
	if s == "" {
		return "not declared"
	}
	return s
}
