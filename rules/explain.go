package rules

import (
	"maps"
	"slices"

	"github.com/why401/why401/analyzer"
)

// Explanation shows how an entry came to its classification.
type Explanation struct {
	Texts          []Text
	Tried          []Tried
	Classification analyzer.Classification
}

// Text is one text of the entry as the rules read it: redacted and peeled.
type Text struct {
	Path string
	Text string
}

// Tried is one rule whose words stood in the entry.
type Tried struct {
	Rule     string
	Template string
	Verdict  string // "decides", "agrees", "gives way to a stronger rule", …
}

// Explain classifies e and keeps what it looked at on the way.
func (s *Set) Explain(e *analyzer.Entry) Explanation {
	rd := newReading()
	s.read(e, rd)
	var x Explanation
	for _, p := range rd.parts {
		x.Texts = append(x.Texts, Text(p))
	}
	all := slices.Clone(rd.matches)
	c, winners := s.conclude(e, rd)
	x.Classification = c
	for _, m := range all {
		t := Tried{Rule: m.rule.Name(), Template: m.template, Verdict: "gives way: another match contains it or says more"}
		for i, w := range winners {
			if w.rule == m.rule && w.lo == m.lo && w.part == m.part {
				t.Verdict = "agrees"
				if i == 0 {
					t.Verdict = "decides"
				}
			}
		}
		x.Tried = append(x.Tried, t)
	}
	seen := map[*Rule]bool{}
	for _, m := range all {
		seen[m.rule] = true
	}
	for _, cd := range rd.cand {
		if !seen[cd.rule] {
			seen[cd.rule] = true
			x.Tried = append(x.Tried, Tried{cd.rule.Name(), cd.template.text, "does not fit: only a part of its words stands here, or its conditions do not hold"})
		}
	}
	return x
}

// CaptureNames lists the names of captures in order.
func CaptureNames(captures map[string]string) []string {
	return slices.Sorted(maps.Keys(captures))
}
