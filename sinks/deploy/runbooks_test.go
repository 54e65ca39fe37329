package deploy

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/why401/why401/analyzer"
)

// TestRunbooks holds the pages of the causes to the catalogue; UPDATE=1 writes
// them anew.
func TestRunbooks(t *testing.T) {
	want := map[string]string{"README.md": index(), "other.md": otherPage}
	for _, c := range analyzer.Causes() {
		want[string(c.ID)+".md"] = runbook(c)
	}
	for name, text := range want {
		path := filepath.Join("runbooks", name)
		if os.Getenv("UPDATE") != "" {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("%s is not what the catalogue says (%v): run UPDATE=1 go test ./sinks/deploy", path, err)
		}
	}
	entries, err := os.ReadDir("runbooks")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if _, ok := want[e.Name()]; !ok && e.Name() != "alerts.md" {
			t.Errorf("runbooks/%s is about no cause", e.Name())
		}
	}
}

const otherPage = `# other

More different incidents are open than metrics have series for, so their causes are counted together. ` + "`why401 report`" + ` and the page list each of them, the most severe first.

[All causes](README.md) · [Alerts](alerts.md)
`

func index() string {
	var b strings.Builder
	b.WriteString("# Causes\n\nWhy services refuse, as why401 names it. Alerts lead here.\n\n| cause | what is wrong | severity |\n|---|---|---|\n")
	for _, c := range analyzer.Causes() {
		fmt.Fprintf(&b, "| [%s](%s.md) | %s | %s |\n", c.ID, c.ID, c.Means, c.Level)
	}
	b.WriteString("\n[Alerts that name no cause](alerts.md)\n")
	return b.String()
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] + "." }

// runbook is the page of one cause: what to do first, how we know, and what
// it is mistaken for.
func runbook(c analyzer.CauseInfo) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s Severity: %s.\n", c.ID, sentence(c.Means), c.Level)
	b.WriteString("\n## What to do\n\n")
	fill := strings.NewReplacer("{services}", "the service", "{secret}", "the secret")
	steps := c.Do
	if len(steps) == 0 {
		steps = []string{"read the incident: it lists what speaks for and against each candidate, and names the check that tells them apart"}
	}
	for i, s := range steps {
		fmt.Fprintf(&b, "%d. %s\n", i+1, sentence(fill.Replace(s)))
	}
	b.WriteString("\n## How we know\n\n")
	switch {
	case len(c.Reasons) > 0:
		fmt.Fprintf(&b, "- Entries say: %s.\n", codes(c.Reasons))
	case c.Confirms != "":
		b.WriteString("- No entry tells of it: only a probe sees it.\n")
	}
	if c.Confirms != "" {
		fmt.Fprintf(&b, "- It is confirmed when %s.\n", confirms(c.Confirms))
	}
	if len(c.Explains) > 0 {
		fmt.Fprintf(&b, "- While it stands, its consequences open no incident of their own: %s.\n", linked(c.Explains))
	}
	fmt.Fprintf(&b, "- `why401 report` prints the evidence for and against; `why401_incidents_open{cause=%q}` counts what is open.\n", c.ID)
	if like := alike(c); len(like) > 0 {
		fmt.Fprintf(&b, "\n## What else says the same\n\nEntries of these causes read alike; the incident says what rules them out: %s.\n", linked(like))
	}
	b.WriteString("\n[All causes](README.md) · [Alerts](alerts.md)\n")
	return b.String()
}

// confirms makes a clause of what the catalogue says, which may be a noun.
func confirms(s string) string {
	if strings.HasPrefix(s, "the newest version's") || strings.HasPrefix(s, "the entry itself") || strings.HasPrefix(s, "the identity provider's own") {
		return "one looks at " + s
	}
	return s
}

func codes(reasons []analyzer.Reason) string {
	var out []string
	for _, r := range reasons {
		out = append(out, fmt.Sprintf("`%s`", r))
	}
	return strings.Join(out, ", ")
}

func linked(causes []analyzer.Cause) string {
	var out []string
	for _, c := range causes {
		out = append(out, fmt.Sprintf("[%s](%s.md)", c, c))
	}
	return strings.Join(out, ", ")
}

// alike are the causes whose main reason is the same.
func alike(c analyzer.CauseInfo) []analyzer.Cause {
	var out []analyzer.Cause
	for _, o := range analyzer.Causes() {
		if o.ID != c.ID && len(c.Reasons) > 0 && slices.Contains(o.Reasons, c.Reasons[0]) {
			out = append(out, o.ID)
		}
	}
	return out
}
