package analyzer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Formats are the ways to write a report.
var Formats = []string{"text", "json", "md"}

// Write renders the report. All that came from a log is escaped for the
// format. An unknown format is an error that lists the known ones.
func (r *Report) Write(w io.Writer, format string) error {
	var b bytes.Buffer
	switch format {
	case "json":
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(r); err != nil {
			return fmt.Errorf("encode report: %w", err)
		}
	case "text":
		r.text(&b)
	case "md":
		r.markdown(&b)
	default:
		return fmt.Errorf("write report: unknown format %q; wanted one of %s", format, strings.Join(Formats, ", "))
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (r *Report) text(b *bytes.Buffer) {
	fmt.Fprintf(b, "%s: %d entries, %d accepted, %d refused\n", r.Span, r.Totals.Entries, r.Totals.Accepted, r.Totals.Refused)
	if r.Totals.Duplicates+r.Totals.Malformed+r.Totals.Unmatched > 0 {
		fmt.Fprintf(b, "%d duplicates, %d malformed (quarantined), %d unmatched\n", r.Totals.Duplicates, r.Totals.Malformed, r.Totals.Unmatched)
	}
	if len(r.Incidents) == 0 {
		b.WriteString("\nno incident\n")
	}
	for _, in := range r.Incidents {
		in.text(b)
	}
	if len(r.Services) > 0 {
		b.WriteString("\nservices\n")
		tw := tabwriter.NewWriter(b, 2, 0, 2, ' ', 0)
		for _, s := range r.Services {
			fmt.Fprintf(tw, "  %s\t%s\t%d accepted\t%d refused\t%s\n", EscapeTerminal(s.Name), EscapeTerminal(s.Environment), s.Accepted, s.Refused, reasonList(s.Reasons))
		}
		_ = tw.Flush() // writes to memory
	}
	r.held(b)
	if len(r.Changes) > 0 {
		b.WriteString("\nchanges\n")
		for _, c := range r.lately() {
			fmt.Fprintf(b, "  %s  %s\n", stamp(c.At), EscapeTerminal(c.line()))
		}
	}
	if len(r.Unmatched) > 0 {
		b.WriteString("\nunmatched texts that look like authentication failures\n")
		for _, u := range r.Unmatched {
			fmt.Fprintf(b, "  %6d  %s  %s\n", u.Count, EscapeTerminal(u.Service), EscapeTerminal(u.Template))
		}
	}
	if len(r.Gaps) > 0 {
		b.WriteString("\nnot seen\n")
		for _, g := range r.Gaps {
			fmt.Fprintf(b, "  %s\n", EscapeTerminal(gapLine(g)))
		}
	}
}

func (in *Incident) text(b *bytes.Buffer) {
	state := "open"
	if in.Resolved != nil {
		state = "resolved " + stamp(*in.Resolved)
	}
	fmt.Fprintf(b, "\n%s  %s (%s)  [%s, since %s]\n  %s\n", strings.ToUpper(string(in.Severity)), EscapeTerminal(string(in.Cause)), in.Verdict, state, stamp(in.Opened), EscapeTerminal(in.Summary))
	if len(in.Services) > 0 {
		fmt.Fprintf(b, "  affected: %s\n", EscapeTerminal(in.affected()))
	}
	section := func(title string, lines []string) {
		if len(lines) == 0 {
			return
		}
		fmt.Fprintf(b, "  %s\n", title)
		for _, l := range lines {
			fmt.Fprintf(b, "    - %s\n", EscapeTerminal(l))
		}
	}
	section("do", in.Do)
	section("why we say so", in.For)
	section("what speaks against it", in.Against)
	if in.Verdict == Ambiguous && len(in.Candidates) > 1 {
		section("could be, the likeliest first", in.couldBe())
	}
	for _, x := range in.Exemplars[:min(1, len(in.Exemplars))] {
		section("first seen as", []string{fmt.Sprintf("%s  %s  (%s)", stamp(x.At), x.Excerpt, x.Rule)})
	}
	if in.NextProbe != "" && in.Verdict != Confirmed {
		section("to be sure", []string{in.NextProbe})
	}
}

// affected names the services, and what share of their decisions fails.
func (in *Incident) affected() string {
	s := strings.Join(in.Services[:min(len(in.Services), maxNamed)], ", ")
	if n := len(in.Services) - maxNamed; n > 0 {
		s += fmt.Sprintf(" and %d more", n)
	}
	if in.Environment != "" {
		s += " in " + in.Environment
	}
	if in.Count > 0 {
		s += fmt.Sprintf("; %d failures, at most %s of a service's decisions (%s before)", in.Count, percent(in.Rate), percent(in.Baseline))
	}
	return s
}

// heldShown is how many holdings a report lists.
const heldShown = 20

// held lists who holds which version of a secret, those that are behind first.
func (r *Report) held(b *bytes.Buffer) {
	if len(r.Secrets) == 0 {
		return
	}
	b.WriteString("\nwho holds which version of a secret\n")
	tw := tabwriter.NewWriter(b, 2, 0, 2, ' ', 0)
	for _, h := range r.shownSecrets() {
		fmt.Fprintf(tw, "  %s\t%s\t%s\t%s\n", EscapeTerminal(h.Service), EscapeTerminal(h.Variable), EscapeTerminal(h.Secret), EscapeTerminal(h.words()))
	}
	_ = tw.Flush() // writes to memory
	if n := len(r.Secrets) - heldShown; n > 0 {
		fmt.Fprintf(b, "  and %d more\n", n)
	}
}

func (r *Report) shownSecrets() []Holding {
	list := slices.Clone(r.Secrets)
	slices.SortStableFunc(list, func(a, b Holding) int { return len(a.newestIn()) - len(b.newestIn()) })
	return list[:min(len(list), heldShown)]
}

// newestIn is the newest version if the service holds it alone.
func (h *Holding) newestIn() string {
	if len(h.Versions) == 1 && h.Versions[0] == h.Newest {
		return h.Newest
	}
	return ""
}

func (h *Holding) words() string {
	switch {
	case len(h.Versions) == 0:
		return "unknown"
	case h.newestIn() != "":
		return "version " + h.Newest + ", the newest"
	case h.Newest == "":
		return "version " + strings.Join(h.Versions, " or ")
	}
	return "version " + strings.Join(h.Versions, " or ") + "; the newest is " + h.Newest
}

// candidatesShown is how many candidates a person is shown; all of them are in
// the JSON.
const candidatesShown = 6

// couldBe lists the candidates with what they mean.
func (in *Incident) couldBe() []string {
	var out []string
	for _, c := range in.Candidates[:min(len(in.Candidates), candidatesShown)] {
		out = append(out, string(c)+": "+c.Info().Means)
	}
	if n := len(in.Candidates) - candidatesShown; n > 0 {
		out = append(out, fmt.Sprintf("or one of %d less likely causes", n))
	}
	return out
}

// changesShown is how many changes a report lists.
const changesShown = 20

// lately are the latest changes, each told once: every instance of a service
// loads its secret.
func (r *Report) lately() []Change {
	var out []Change
	for i := len(r.Changes) - 1; i >= 0 && len(out) < changesShown; i-- {
		c := &r.Changes[i]
		if !slices.ContainsFunc(out, func(o Change) bool { return o.line() == c.line() && o.At.Sub(c.At) < time.Minute }) {
			out = append(out, *c)
		}
	}
	slices.Reverse(out)
	return out
}

func gapLine(g Gap) string {
	if g.Service != "" {
		return g.Kind + " (" + g.Service + "): " + g.Detail
	}
	return g.Kind + ": " + g.Detail
}

// reasonList names reasons by count, the most frequent first.
func reasonList(m map[Reason]int64) string {
	rs := make([]Reason, 0, len(m))
	for r := range m {
		rs = append(rs, r)
	}
	slices.SortFunc(rs, func(a, b Reason) int { return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b)) })
	parts := make([]string, len(rs))
	for i, r := range rs {
		parts[i] = fmt.Sprintf("%s %d", r, m[r])
	}
	return strings.Join(parts, ", ")
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }
