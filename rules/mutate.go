package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A mutant is a rule without one of its anchors: a text, a fixed part between
// the holes of a text, its with, one of its not, one of its where.
type mutant struct {
	what string
	at   place
	rule Rule
}

// mutants makes every mutant of r.
func mutants(r *Rule) []mutant {
	var out []mutant
	add := func(at place, what string, change func(m *Rule)) {
		m := Rule{
			ID: r.ID, Reason: r.Reason, Success: r.Success, Benign: r.Benign, Change: r.Change, Text: slices.Clone(r.Text), With: r.With, Not: slices.Clone(r.Not),
			Where: maps.Clone(r.Where), Wrapper: r.Wrapper, Set: r.Set, Examples: r.Examples, NearMisses: r.NearMisses, Captures: r.Captures, CapturesOf: r.CapturesOf, pack: r.pack,
		}
		change(&m)
		out = append(out, mutant{what, at, m})
	}
	for i, text := range r.Text {
		add(r.places.text[i], fmt.Sprintf("text %q", text), func(m *Rule) { m.Text = slices.Delete(m.Text, i, i+1) })
		parts := holePattern.Split(text, -1)
		for k, part := range parts {
			if len(parts) > 1 && letters(foldLiteral(part)) > 0 {
				add(r.places.text[i], fmt.Sprintf("%q of text %q", part, text), func(m *Rule) { m.Text[i] = withoutPart(text, parts, k) })
			}
		}
	}
	if len(r.With) > 0 {
		add(r.places.with[0], fmt.Sprintf("with %q", r.With), func(m *Rule) { m.With = nil })
	}
	for i, w := range r.Not {
		add(r.places.not[i], fmt.Sprintf("not %q", w), func(m *Rule) { m.Not = slices.Delete(m.Not, i, i+1) })
	}
	for _, path := range slices.Sorted(maps.Keys(r.Where)) {
		add(r.places.rule, "where "+path, func(m *Rule) { delete(m.Where, path) })
	}
	return out
}

// withoutPart is a template less its k-th fixed part, with all its holes.
func withoutPart(text string, parts []string, k int) string {
	holes := append(holePattern.FindAllString(text, -1), "")
	var b strings.Builder
	for j := range parts {
		if j != k {
			b.WriteString(parts[j])
		}
		b.WriteString(holes[j])
	}
	return b.String()
}

// prepare compiles a mutant. It reports false where the loader would refuse it.
func (m *Rule) prepare() bool {
	for _, t := range m.Text {
		tm, err := compile(t)
		if err != nil {
			return false
		}
		m.templates = append(m.templates, tm)
	}
	for _, path := range slices.Sorted(maps.Keys(m.Where)) {
		tm, err := compile(m.Where[path])
		if err != nil {
			return false
		}
		m.where = append(m.where, condition{path, tm})
	}
	return len(m.Text)+len(m.Where) > 0
}
