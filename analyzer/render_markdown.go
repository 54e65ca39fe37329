package analyzer

import (
	"bytes"
	"fmt"
	"strings"
)

// markdown writes the report for a chat, a ticket or a wiki page.
func (r *Report) markdown(b *bytes.Buffer) {
	fmt.Fprintf(b, "# Authentication report\n\n%s. %d entries, %d accepted, %d refused", r.Span, r.Totals.Entries, r.Totals.Accepted, r.Totals.Refused)
	fmt.Fprintf(b, " (%d duplicates, %d malformed, %d unmatched).\n", r.Totals.Duplicates, r.Totals.Malformed, r.Totals.Unmatched)
	b.WriteString("\n## Incidents\n\n")
	if len(r.Incidents) == 0 {
		b.WriteString("None.\n")
	}
	for _, in := range r.Incidents {
		in.markdown(b)
	}
	b.WriteString("## Services\n\n| service | environment | accepted | refused | reasons |\n|---|---|---:|---:|---|\n")
	for _, s := range r.Services {
		fmt.Fprintf(b, "| %s | %s | %d | %d | %s |\n", EscapeMarkdown(s.Name), EscapeMarkdown(s.Environment), s.Accepted, s.Refused, EscapeMarkdown(reasonList(s.Reasons)))
	}
	if len(r.Secrets) > 0 {
		b.WriteString("\n## Who holds which version of a secret\n\n| service | variable | secret | holds |\n|---|---|---|---|\n")
		for _, h := range r.shownSecrets() {
			fmt.Fprintf(b, "| %s | %s | %s | %s |\n", EscapeMarkdown(h.Service), EscapeMarkdown(h.Variable), EscapeMarkdown(h.Secret), EscapeMarkdown(h.words()))
		}
	}
	if len(r.Changes) > 0 {
		b.WriteString("\n## Changes\n\n")
		for _, c := range r.lately() {
			fmt.Fprintf(b, "- %s %s\n", stamp(c.At), EscapeMarkdown(c.line()))
		}
	}
	b.WriteString("\n## Not seen\n\n")
	for _, g := range r.Gaps {
		fmt.Fprintf(b, "- %s\n", EscapeMarkdown(gapLine(g)))
	}
}

func (in *Incident) markdown(b *bytes.Buffer) {
	state := "open"
	if in.Resolved != nil {
		state = "resolved " + stamp(*in.Resolved)
	}
	fmt.Fprintf(b, "### %s: %s (%s)\n\n%s\n\nSince %s, %s.", in.Severity, EscapeMarkdown(string(in.Cause)), in.Verdict, EscapeMarkdown(in.Summary), stamp(in.Opened), state)
	if len(in.Services) > 0 {
		fmt.Fprintf(b, " Affected: %s.", EscapeMarkdown(in.affected()))
	}
	b.WriteString("\n\n")
	var candidates []string
	if in.Verdict == Ambiguous && len(in.Candidates) > 1 {
		candidates = in.couldBe()
	}
	var first, next []string
	for _, x := range in.Exemplars[:min(1, len(in.Exemplars))] {
		first = append(first, fmt.Sprintf("%s  %s  (%s)", stamp(x.At), x.Excerpt, x.Rule))
	}
	if in.NextProbe != "" && in.Verdict != Confirmed {
		next = append(next, in.NextProbe)
	}
	for _, part := range []struct {
		title string
		lines []string
	}{{"Do", in.Do}, {"Why we say so", in.For}, {"What speaks against it", in.Against}, {"Could be, the likeliest first", candidates}, {"First seen as", first}, {"To be sure", next}} {
		if len(part.lines) == 0 {
			continue
		}
		fmt.Fprintf(b, "%s:\n\n", part.title)
		for _, l := range part.lines {
			fmt.Fprintf(b, "- %s\n", EscapeMarkdown(strings.TrimSpace(l)))
		}
		b.WriteString("\n")
	}
}
