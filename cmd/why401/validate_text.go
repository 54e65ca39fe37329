package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/why401/why401/analyzer"
)

// painter colours text, when it goes to a terminal and nobody minds.
type painter bool

func (env *environment) painter() painter {
	return painter(env.onTerminal() && env.getenv("NO_COLOR") == "" && env.getenv("TERM") != "dumb")
}

// onTerminal reports whether somebody looks at stdout.
func (env *environment) onTerminal() bool {
	f, ok := env.stdout.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (p painter) paint(code, s string) string {
	if !p {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

const (
	green  = "32"
	red    = "31"
	yellow = "33"
	bold   = "1"
	dim    = "2"
)

// mark is the sign of a status.
func (p painter) mark(s analyzer.Status) string {
	switch s {
	case analyzer.StatusOK:
		return p.paint(green, "✓")
	case analyzer.StatusWarn:
		return p.paint(yellow, "!")
	case analyzer.StatusFail:
		return p.paint(red, "✗")
	}
	return p.paint(yellow, "?")
}

// text prints the round for a person: what is wrong first, under each what to
// do about it.
func (v *validation) text(w io.Writer, p painter, all bool) error {
	b := &bytes.Buffer{}
	if len(v.domains) == 0 {
		fmt.Fprintln(b, "nothing to look at: no key domain is configured; name the services that share a secret under key_domains")
	}
	for i := range v.domains {
		d := &v.domains[i]
		var of []*analyzer.ProbeResult
		for j := range v.Probes {
			if v.Probes[j].Domain == d.Name && (v.Probes[j].Service.Environment == d.Environment || v.Probes[j].Service.Environment == "") {
				of = append(of, &v.Probes[j])
			}
		}
		fmt.Fprintf(b, "%s  %s\n", p.paint(bold, d.Name), p.paint(dim, cmp.Or(d.Environment, "any environment")))
		if len(of) == 0 {
			fmt.Fprintf(b, "  %s %s\n", p.mark(analyzer.StatusUnknown), "nothing could be looked at: the key domain names no secret, no key set and no service with a url")
		}
		table(b, p, d, of, all)
		for j := range v.Matrix {
			if m := &v.Matrix[j]; m.Domain == d.Name && m.Environment == d.Environment {
				m.text(b, p)
			}
		}
		fmt.Fprintln(b)
	}
	v.scores(b, p)
	v.summary(b, p)
	_, err := b.WriteTo(w)
	return err
}

// table prints results, the worst first. Those that passed share a line for
// each kind, unless all are wanted.
func table(b *bytes.Buffer, p painter, d *analyzer.KeyDomain, of []*analyzer.ProbeResult, all bool) {
	rank := []analyzer.Status{analyzer.StatusFail, analyzer.StatusWarn, analyzer.StatusUnknown, analyzer.StatusOK}
	slices.SortStableFunc(of, func(x, y *analyzer.ProbeResult) int {
		return cmp.Or(slices.Index(rank, x.Status)-slices.Index(rank, y.Status), strings.Compare(x.Probe, y.Probe), strings.Compare(x.Target, y.Target))
	})
	wide := 0
	for _, r := range of {
		wide = max(wide, utf8.RuneCountInString(r.Target))
	}
	wide = min(wide, 32)
	said := map[string]bool{}
	for len(of) > 0 {
		r, alike := of[0], 1
		if !all {
			alike = likeFirst(of)
		}
		switch {
		case alike == 1:
			fmt.Fprintf(b, "  %s %-14s %-*s  %s\n", p.mark(r.Status), r.Probe, wide, analyzer.EscapeTerminal(r.Target), analyzer.EscapeTerminal(r.Detail))
		case r.Status == analyzer.StatusOK:
			fmt.Fprintf(b, "  %s %-14s %s\n", p.mark(r.Status), r.Probe, shortList(of[:alike], func(r *analyzer.ProbeResult) string { return r.Target }))
		default:
			fmt.Fprintf(b, "  %s %-14s %-*s  %s: %s\n", p.mark(r.Status), fmt.Sprint(alike, " checks"), wide, analyzer.EscapeTerminal(r.Target),
				shortList(of[:alike], func(r *analyzer.ProbeResult) string { return r.Probe }), analyzer.EscapeTerminal(reason(r)))
		}
		of = of[alike:]
		for _, do := range steps(d, r) {
			if said[r.Service.Name+do] {
				continue // under another check that found the same
			}
			said[r.Service.Name+do] = true
			fmt.Fprintf(b, "    %s %s\n", p.paint(dim, "do:"), analyzer.EscapeTerminal(do))
		}
	}
}

// likeFirst counts the results that share a line with the first: those of one
// kind that passed, and those of one service that could not look for the same
// reason. The latter it moves to the front.
func likeFirst(of []*analyzer.ProbeResult) int {
	first, n := of[0], 1
	same := func(r *analyzer.ProbeResult) bool {
		switch first.Status {
		case analyzer.StatusOK:
			return r.Status == analyzer.StatusOK && r.Probe == first.Probe
		case analyzer.StatusUnknown:
			return r.Status == analyzer.StatusUnknown && r.Target == first.Target && reason(r) == reason(first) && reason(r) != r.Detail
		}
		return false
	}
	for i := 1; i < len(of); i++ {
		if same(of[i]) {
			r := of[i]
			copy(of[n+1:i+1], of[n:i])
			of[n] = r
			n++
		}
	}
	return n
}

// reason is the part of a sentence that says why something could not be
// looked at.
func reason(r *analyzer.ProbeResult) string {
	if _, why, ok := strings.Cut(r.Detail, ": "); ok {
		return why
	}
	return r.Detail
}

func shortList(of []*analyzer.ProbeResult, name func(*analyzer.ProbeResult) string) string {
	var names []string
	for _, r := range of {
		names = append(names, analyzer.EscapeTerminal(name(r)))
	}
	if n := len(names) - 6; n > 1 {
		return strings.Join(names[:6], ", ") + fmt.Sprintf(" and %d more", n)
	}
	return strings.Join(names, ", ")
}

// steps are what the catalogue says to do about the cause of a result, unless
// the result says so itself.
func steps(d *analyzer.KeyDomain, r *analyzer.ProbeResult) []string {
	if r.Cause == "" || r.Status != analyzer.StatusFail && r.Status != analyzer.StatusWarn {
		return nil
	}
	secret, plain := "the secret", strings.NewReplacer("{services}", "it", "{secret}", "the secret")
	if ref, err := analyzer.ParseSecretRef(d.Secret); err == nil {
		secret = "secret " + ref.Short()
	}
	fill := strings.NewReplacer("{services}", cmp.Or(r.Service.Name, "the services"), "{secret}", secret)
	var out []string
	for _, do := range r.Cause.Info().Do {
		if !strings.Contains(r.Detail, plain.Replace(do)) && !strings.Contains(r.Detail, fill.Replace(do)) {
			out = append(out, fill.Replace(do))
		}
	}
	return out
}

// text prints which version every service verifies, and beside it whose
// tokens.
func (m *matrix) text(b *bytes.Buffer, p painter) {
	signers := m.signers()
	wide := len("service")
	for _, r := range m.Rows {
		wide = max(wide, utf8.RuneCountInString(r.Service))
	}
	fmt.Fprintf(b, "\n  %s\n  %-*s", p.paint(dim, "who verifies what: tokens of why401 by version"+map[bool]string{true: ", and those of the services that sign"}[len(signers) > 0]), wide, "")
	for _, v := range m.Versions {
		fmt.Fprintf(b, "  %4s", "v"+v)
	}
	for _, s := range signers {
		fmt.Fprintf(b, "   %s", s)
	}
	fmt.Fprintln(b)
	cell := map[string]string{yes: p.paint(green, "✓"), no: p.paint(red, "✗"), notSeen: p.paint(yellow, "?")}
	for _, r := range m.Rows {
		line := fmt.Sprintf("  %-*s", wide, r.Service)
		for _, v := range m.Versions {
			line += fmt.Sprintf("  %*s%s", max(3, len(v)), "", cell[r.Accepts[v]])
		}
		for _, s := range signers {
			line += fmt.Sprintf("   %s%*s", cell[r.Takes[s]], utf8.RuneCountInString(s)-1, "")
		}
		notes := ""
		if r.Signs != "" {
			notes = "   signs with version " + r.Signs
		}
		if r.Holds != "" {
			notes += "   holds " + analyzer.EscapeTerminal(r.Holds)
		}
		fmt.Fprintln(b, strings.TrimRight(line+notes, " "))
	}
}

// scores prints the score of every environment and which checks cost its
// points; why they did stands in the table.
func (v *validation) scores(b *bytes.Buffer, p painter) {
	for _, env := range slices.Sorted(maps.Keys(v.Scores)) {
		s := v.Scores[env]
		fmt.Fprintf(b, "score %s %s\n", env, p.paint(bold, fmt.Sprintf("%d/100", s.Total)))
		for _, part := range []struct {
			name      string
			got, most int
		}{{"availability", s.Availability, 40}, {"consistency", s.Consistency, 30}, {"format", s.Format, 20}, {"alignment", s.Alignment, 10}} {
			fmt.Fprintf(b, "  %-12s %2d/%d%s\n", part.name, part.got, part.most, lostIn(s.Lost, part.name))
		}
	}
}

// lostShown bounds the checks that are named for a part; JSON has them all.
const lostShown = 6

func lostIn(all []analyzer.Lost, part string) string {
	line, n, rest := "", 0, 0
	for _, l := range all {
		switch {
		case l.Part != part:
			continue
		case n >= lostShown:
			rest += l.Points
		case l.Check == "none":
			line += fmt.Sprintf("  -%d %s", l.Points, analyzer.EscapeTerminal(l.Why))
		default:
			line += fmt.Sprintf("  -%d %s", l.Points, analyzer.EscapeTerminal(l.Check))
		}
		n++
	}
	if rest > 0 {
		line += fmt.Sprintf("  -%d by %d more", rest, n-lostShown)
	}
	return line
}

// summary is the last line, and the reason of the exit code.
func (v *validation) summary(b *bytes.Buffer, p painter) {
	n := map[analyzer.Status]int{}
	for i := range v.Probes {
		n[v.Probes[i].Status]++
	}
	word := map[analyzer.Health]string{analyzer.Healthy: p.paint(green, "healthy"), analyzer.Degraded: p.paint(yellow, "degraded"),
		analyzer.Unhealthy: p.paint(red, "unhealthy"), analyzer.CannotTell: p.paint(yellow, "cannot tell")}[v.Health]
	fmt.Fprintf(b, "%s: %d checks in %.1f s, %d failed, %d warned, %d could not look, %d passed\n", word, len(v.Probes), v.Took,
		n[analyzer.StatusFail], n[analyzer.StatusWarn], n[analyzer.StatusUnknown], n[analyzer.StatusOK])
	if v.Health == analyzer.CannotTell && n[analyzer.StatusUnknown] == 0 && len(v.domains) > 0 {
		fmt.Fprintln(b, "some service's secret was not looked at by any check; see what the score lost to \"none\"")
	}
}
