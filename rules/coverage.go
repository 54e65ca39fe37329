package rules

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/why401/why401/analyzer"
)

// Coverage counts which rules of a Set the entries of a log meet. It is an
// [analyzer.Classifier] that stands in for its Set.
type Coverage struct {
	set *Set

	mu      sync.Mutex
	entries int
	hits    map[*Rule]Hit
}

var _ analyzer.Classifier = (*Coverage)(nil)

// Hit says how often a rule was met.
type Hit struct {
	Rule    *Rule
	Fits    int // entries in which its text stood
	Decides int // of them, those whose first reason, outcome or change it gave
}

// NewCoverage returns a Coverage that has seen nothing.
func (s *Set) NewCoverage() *Coverage { return &Coverage{set: s, hits: map[*Rule]Hit{}} }

// Screen is the Set's own.
func (c *Coverage) Screen(text []byte) bool { return c.set.Screen(text) }

// Classify is the Set's own, and counts the rules that had a say.
func (c *Coverage) Classify(e *analyzer.Entry) analyzer.Classification {
	rd := newReading()
	c.set.read(e, rd)
	fits := map[*Rule]bool{}
	for _, m := range rd.matches {
		fits[m.rule] = true
	}
	class, winners := c.set.conclude(e, rd)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries++
	for r := range fits {
		h := c.hits[r]
		h.Rule, h.Fits = r, h.Fits+1
		if class.Rule == r.Name() || len(winners) > 0 && winners[0].rule == r {
			h.Decides++
		}
		c.hits[r] = h
	}
	return class
}

// Hits returns the rules that were met, the most frequent first, and the
// number of entries that were read in full.
func (c *Coverage) Hits() (hits []Hit, entries int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range c.hits {
		hits = append(hits, h)
	}
	slices.SortFunc(hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(b.Fits, a.Fits), cmp.Compare(a.Rule.order, b.Rule.order))
	})
	return hits, c.entries
}

// Unmet returns the rules that no entry met, in order.
func (c *Coverage) Unmet() (out []*Rule) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.set.rules {
		if c.hits[r].Fits == 0 {
			out = append(out, r)
		}
	}
	return out
}

// Overlap is a pair of rules that both have a say in some examples.
type Overlap struct {
	A, B     *Rule
	Examples []string
	Same     bool // both mean the same
}

// Overlaps lists the pairs of rules that claim an example of either, pairs of
// different meaning first.
func (s *Set) Overlaps() []Overlap {
	type pair struct{ a, b *Rule }
	at := map[pair]*Overlap{}
	seen := map[string]bool{}
	for _, r := range s.rules {
		for _, x := range r.Examples {
			if seen[x] {
				continue
			}
			seen[x] = true
			claim := s.claimants(x)
			for i, a := range claim {
				for _, b := range claim[i+1:] {
					p := pair{a, b}
					if at[p] == nil {
						at[p] = &Overlap{A: a, B: b, Same: a.Meaning() == b.Meaning()}
					}
					at[p].Examples = append(at[p].Examples, x)
				}
			}
		}
	}
	out := make([]Overlap, 0, len(at))
	for _, o := range at {
		out = append(out, *o)
	}
	slices.SortFunc(out, func(a, b Overlap) int {
		if a.Same != b.Same {
			if a.Same {
				return 1
			}
			return -1
		}
		return cmp.Or(cmp.Compare(a.A.order, b.A.order), cmp.Compare(a.B.order, b.B.order))
	})
	return out
}

// claimants are the rules that fit a text, in order, less wrappers and texts
// without a reason, whose part it is to yield.
func (s *Set) claimants(text string) (out []*Rule) {
	for _, m := range s.readSample(text).matches {
		if !m.rule.weak() && !slices.Contains(out, m.rule) {
			out = append(out, m.rule)
		}
	}
	slices.SortFunc(out, func(a, b *Rule) int { return cmp.Compare(a.order, b.order) })
	return out
}

// Shadow is a rule that never decides: another wins each of its examples.
type Shadow struct {
	Rule *Rule
	By   []string // rules that decide instead
	Same bool     // all of them mean what the rule means
}

// Shadowed lists the rules whose every example another rule decides, those
// that are read as something else first.
func (s *Set) Shadowed() (out []Shadow) {
	for _, r := range s.rules {
		sh := Shadow{Rule: r, Same: true}
		for _, x := range r.Examples {
			c := s.Classify(SampleEntry(x))
			if c.Rule == r.Name() || c.Rule == "" && r.saidBy(&c) {
				sh.By = nil
				break
			}
			by := c.Rule
			if by == "" {
				by = "nobody"
			}
			if !slices.Contains(sh.By, by) {
				sh.By = append(sh.By, by)
			}
			sh.Same = sh.Same && r.saidBy(&c)
		}
		if len(sh.By) > 0 {
			slices.Sort(sh.By)
			out = append(out, sh)
		}
	}
	slices.SortStableFunc(out, func(a, b Shadow) int { return strings.Compare(sameWord(a.Same), sameWord(b.Same)) })
	return out
}

// sameWord orders what is read otherwise before what is read the same.
func sameWord(same bool) string {
	if same {
		return "same meaning"
	}
	return "another meaning"
}
