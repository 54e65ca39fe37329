package rules

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/why401/why401/analyzer"
)

func TestProposeGuessesHoles(t *testing.T) {
	s := load(t)
	cases := map[string]struct{ line, text string }{
		"kid, expected and actual": {`frobnicator refused the token for kid "k-2026-11": expected https://idp.example.com/ got 12`, `frobnicator refused the token for kid "{kid}": expected {expected} got {actual}`},
		"a logger's part":          {`2026-11-23 10:28:01,826 ERROR acme.auth: the bearer token is of the wrong phase 17`, `the bearer token is of the wrong phase {n}`},
		"klog":                     {`E1123 10:00:00.000000 1 server.go:12] the bearer token is of the wrong phase`, `the bearer token is of the wrong phase`},
		"logfmt":                   {`time=2026-11-23T10:00:00Z level=error msg="acme: token of \"orders\" refused" service=x`, `acme: token of "{*}" refused`},
		"claim names stay":         {`acme: claim "exp" is odd in token 9f8a7c`, `acme: claim "exp" is odd in token {word}`},
		"algorithm":                {`acme: the token came with RS256 where another was agreed`, `acme: the token came with {alg} where another was agreed`},
		"environment variable":     {`acme: the variable JWT_SECRET_STAGING holds nothing`, `acme: the variable {env} holds nothing`},
		"secret":                   {`acme: cannot read projects/p-1/secrets/jwt-main/versions/3 for the token`, `acme: cannot read {secret} for the token`},
		"secret and status":        {`acme: cannot read secret projects/p-1/secrets/jwt-main/versions/3: 403`, `acme: cannot read secret {secret}: {n}`},
		"url":                      {`acme: key set at https://idp.example.com/keys is odd`, `acme: key set at {host}{*} is odd`},
		"a redacted token":         {`acme: refused eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJib2IifQ.c2lnbmF0dXJlc2lnbmF0dXJl for good`, `acme: refused {*} for good`},
		"only values":              {`12 13 JWT_SECRET`, `12 13 JWT_SECRET`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := s.Propose(TextEntry(c.line), "")
			if got := p.Rule.Text[0]; got != c.text {
				t.Errorf("wanted the text %s, got %s", c.text, got)
			}
			for _, x := range p.Rule.Examples { // as the redactor leaves it
				if tm, err := compile(c.text); err == nil && !tm.standsIn(TextEntry(x).Message) {
					t.Errorf("misses its example %q", x)
				}
			}
		})
	}
}

// TestProposalsPassTheirOwnTests makes a rule of every message of the packs,
// as if nobody knew it, and runs the examples and near misses of all.
func TestProposalsPassTheirOwnTests(t *testing.T) {
	s := load(t)
	var proposals []Proposal
	for i, r := range s.Rules() {
		if r.Reason == "" || len(r.Where) > 0 {
			continue
		}
		p := s.Propose(SampleEntry(r.Examples[i%len(r.Examples)]), r.Reason)
		if _, err := compile(p.Rule.Text[0]); err != nil {
			continue // a message without four letters in a row cannot be looked for
		}
		proposals = append(proposals, p)
	}
	if len(proposals) < 1000 {
		t.Fatalf("wanted proposals of more than 1000 rules, got %d", len(proposals))
	}
	out, err := ProposedPack("mine", proposals)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "mine.yaml")
	if err := os.WriteFile(file, out, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := EmbeddedWith(file); err != nil {
		lines := strings.Split(err.Error(), "\n")
		t.Errorf("%d problems:\n%s", len(lines), strings.Join(lines[:min(len(lines), 12)], "\n"))
	}
}

func TestProposalsOfUnmatchedEntries(t *testing.T) {
	u := load(t).NewUnmatched()
	for _, line := range []string{"frobnicator: token rejected by policy 17", "order shipped", "frobnicator: token rejected by policy 18", "token is expired by 5m"} {
		u.Classify(TextEntry(line))
	}
	got, left := u.Proposals()
	if len(got) != 1 || left != 0 || got[0].Count != 2 || got[0].Rule.Text[0] != "frobnicator: token rejected by policy {n}" {
		t.Errorf("wanted one proposal of 2 entries, got %+v and %d left", got, left)
	}
	for i := range mostClusters + 5 {
		u.Classify(TextEntry("frobnicator: token rejected by policy " + string(rune('a'+i/26)) + string(rune('a'+i%26)) + "x"))
	}
	if got, left = u.Proposals(); len(got) != mostClusters || left != 6 {
		t.Errorf("wanted %d proposals and 6 entries left out, got %d and %d", mostClusters, len(got), left)
	}
}

func TestProposedTemplateOfAReport(t *testing.T) {
	p := load(t).ProposeTemplate(analyzer.UnmatchedReport{Service: "orders", Template: "frobnicator: token rejected by policy <*>", Count: 9})
	if p.Rule.Text[0] != "frobnicator: token rejected by policy {n}" || p.Count != 9 || p.Service != "orders" || p.Rule.Reason != analyzer.Unspecified {
		t.Errorf("wanted a rule of the template without a reason, got %+v", p)
	}
}
