package rules

import (
	"slices"
	"strings"

	"github.com/why401/why401/analyzer"
)

// Untested is an anchor of a rule that could go without any test noticing:
// no example needs it, and no near miss.
type Untested struct {
	Rule  *Rule
	Place string // file:line:col of the anchor
	What  string // the anchor
}

// AnchorReport sums up which anchors the tests of a set hold.
type AnchorReport struct {
	Rules    int // looked at
	Sound    int // of them, those without an untested anchor
	Anchors  int // tried
	Untested []Untested
	Noticed  map[string]int // what noticed a missing anchor: form, example, captures, near miss, or another rule's
}

// TestAnchors takes from each rule that which chooses one anchor after the
// other (a text, a fixed part of a text, its with, a not, a where) and looks
// whether an example, a near miss or a capture of any rule notices. It takes
// about 1 ms a rule.
func (s *Set) TestAnchors(which func(*Rule) bool) AnchorReport {
	report := AnchorReport{Noticed: map[string]int{}}
	b := s.newBench()
	for _, r := range s.rules {
		if !which(r) {
			continue
		}
		report.Rules++
		before := len(report.Untested)
		for _, m := range mutants(r) {
			report.Anchors++
			by := b.notices(r, &m.rule)
			if by == "" {
				report.Untested = append(report.Untested, Untested{r, m.at.in(r.pack.file), m.what})
				continue
			}
			report.Noticed[by]++
		}
		if len(report.Untested) == before {
			report.Sound++
		}
	}
	return report
}

// bench holds every example and near miss of a set, read once. A mutant is
// tried without building the set anew: only its own matches differ.
type bench struct {
	set     *Set
	samples []sample
	at      map[string]int // text to sample
}

// sample is a text, and who says what of it.
type sample struct {
	entry *analyzer.Entry
	rd    *reading
	fold  string // its texts, folded
	tests []sampleTest
}

// concerns reports whether m, the mutant of r, may say something of the sample
// or r did: else nothing changes.
func (sm *sample) concerns(r, m *Rule) bool {
	if len(m.templates) == 0 || slices.ContainsFunc(sm.rd.matches, func(o match) bool { return o.rule == r }) {
		return true
	}
	return slices.ContainsFunc(m.templates, func(t *template) bool { return strings.Contains(sm.fold, t.key) })
}

// sampleTest says that rule means the text, or must not win it.
type sampleTest struct {
	rule    *Rule
	example bool
}

func (s *Set) newBench() *bench {
	b := &bench{set: s, at: map[string]int{}}
	add := func(r *Rule, x string, example bool) {
		i, known := b.at[x]
		if !known {
			i = len(b.samples)
			b.at[x] = i
			b.samples = append(b.samples, newSample(s, x))
		}
		sm := &b.samples[i]
		t := sampleTest{r, example}
		if b.holds(sm, t, r, nil) {
			sm.tests = append(sm.tests, t)
		}
	}
	for _, r := range s.rules {
		for _, x := range r.Examples {
			add(r, x, true)
		}
		for _, x := range r.NearMisses {
			add(r, x, false)
		}
	}
	return b
}

func newSample(s *Set, text string) sample {
	sm := sample{entry: SampleEntry(text), rd: s.readSample(text)}
	var all strings.Builder
	for _, p := range sm.rd.parts {
		var f folded
		f.fold(p.Text)
		all.Write(f.b)
		all.WriteByte('\n')
	}
	sm.fold = all.String()
	return sm
}

// holds reports whether a test of a sample holds when the matches of r are
// those of its mutant. A nil mutant is r itself.
func (b *bench) holds(sm *sample, t sampleTest, r *Rule, instead []match) bool {
	rd := &reading{parts: sm.rd.parts, present: sm.rd.present, framed: sm.rd.framed}
	for _, m := range sm.rd.matches {
		if instead == nil || m.rule != r {
			rd.matches = append(rd.matches, m)
		}
	}
	rd.matches = append(rd.matches, instead...)
	c, winners := b.set.conclude(sm.entry, rd)
	if !t.example {
		return !slices.ContainsFunc(winners, func(m match) bool { return m.rule == t.rule })
	}
	return t.rule.saidBy(&c)
}

// saidBy reports whether a classification says what the rule means.
func (r *Rule) saidBy(c *analyzer.Classification) bool {
	switch {
	case r.Change != nil:
		return c.Change != nil && c.Change.Kind == r.Change.Kind
	case r.Success:
		return c.Outcome == analyzer.OutcomeAccepted
	case r.Benign:
		return len(c.Reasons) == 0
	}
	return slices.Contains(c.Reasons, r.Reason)
}

// notices names the test that fails once the mutant stands in r's place, or "".
func (b *bench) notices(r, m *Rule) string {
	if !m.prepare() {
		return "form"
	}
	pack := *r.pack
	pack.Rules = []Rule{*m}
	alone := compileWith([]*Pack{&pack}, nil)
	m = alone.rules[0]
	m.pack, m.order = r.pack, r.order
	read := func(sm *sample) []match {
		rd := newReading()
		alone.read(sm.entry, rd)
		for i := range rd.matches {
			rd.matches[i].rule = r // near misses ask for r; a mutant is as weak or strong as it
		}
		return rd.matches
	}
	for i, x := range m.Examples {
		best := most(read(&b.samples[b.at[x]]))
		if best == nil {
			return "example"
		}
		for name, want := range m.yields(i) {
			if best.captures[name] != want {
				return "captures"
			}
		}
	}
	for i := range b.samples {
		sm := &b.samples[i]
		if !sm.concerns(r, m) {
			continue
		}
		ms := read(sm)
		if len(ms) == 0 && !slices.ContainsFunc(sm.rd.matches, func(o match) bool { return o.rule == r }) {
			continue
		}
		if ms == nil {
			ms = []match{}
		}
		for _, t := range sm.tests {
			switch {
			case b.holds(sm, t, r, ms):
			case t.rule == r && !t.example:
				return "near miss"
			case t.rule == r:
				return "example"
			default:
				return "another rule's"
			}
		}
	}
	return ""
}

// most returns the match that captures most, or nil.
func most(ms []match) *match {
	var best *match
	for i := range ms {
		if best == nil || len(ms[i].captures) > len(best.captures) {
			best = &ms[i]
		}
	}
	return best
}
