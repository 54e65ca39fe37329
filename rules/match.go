package rules

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/why401/why401/analyzer"
)

// match is one confirmed rule in one text of an entry.
type match struct {
	rule     *Rule
	part     int // index into the entry's texts
	lo, hi   int // in the folded text
	last     int // hi without the quotes and stops behind the last word, which a hole may take or leave
	from, to int // the same in the original text
	captures map[string]string
	template string
}

// reading is the work space of one classification.
type reading struct {
	parts   []part
	hits    []hit
	present map[int32]bool // context patterns seen anywhere in the entry
	framed  map[int32]bool // and those in its stack frames
	cand    []candidate
	matches []match
	foreign []spot
	wording *wording // nil: the shipped one
}

// spot is where a word stands in a folded text.
type spot struct{ part, lo, hi int }

type candidate struct {
	use
	part int
	end  int
	f    *folded
}

var readings = sync.Pool{New: func() any { return newReading() }}

func newReading() *reading {
	return &reading{present: map[int32]bool{}, framed: map[int32]bool{}}
}

func (rd *reading) reset() {
	rd.parts, rd.cand, rd.matches, rd.foreign = nil, rd.cand[:0], rd.matches[:0], rd.foreign[:0]
	clear(rd.present)
	clear(rd.framed)
}

// read looks for every rule in every text of the entry.
func (s *Set) read(e *analyzer.Entry, rd *reading) {
	var frames string
	rd.parts, frames = peel(parts(e))
	s.readFrames(frames, rd)
	for i := range rd.parts {
		f := &folded{}
		f.fold(rd.parts[i].Text)
		rd.hits = s.words.scan(f.b, rd.hits[:0])
		for _, h := range rd.hits {
			p := &s.patterns[h.pattern]
			if p.context {
				rd.present[h.pattern] = true
			}
			if (p.word.signs|p.stem.signs)&unlike != 0 && edge(f.b, int(h.end)-len(p.literal)) && (p.stem.signs&unlike != 0 || edge(f.b, int(h.end))) {
				rd.foreign = append(rd.foreign, spot{i, int(h.end) - len(p.literal), int(h.end)})
			}
			for _, u := range p.uses {
				rd.cand = append(rd.cand, candidate{u, i, int(h.end), f})
			}
		}
	}
	for _, c := range rd.cand {
		if !s.allowed(c.rule, e, rd) {
			continue
		}
		m := c.template.find(c.f.b, c.end)
		if m == nil {
			continue
		}
		if c.rule.Reason != "" && rd.isForeign(c.part, m[0], m[1]) {
			continue
		}
		captures := map[string]string{}
		if c.rule.where != nil && !c.rule.fits(e, captures) {
			continue
		}
		c.template.capture(captures, rd.parts[c.part].Text, c.f, m)
		c.rule.imply(captures)
		rd.matches = append(rd.matches, match{c.rule, c.part, m[0], m[1], m[0] + len(bytes.TrimRight(c.f.b[m[0]:m[1]], " .!'])}")), int(c.f.from[m[0]]), int(c.f.from[m[1]]), captures, c.template.text})
	}
	for _, r := range s.byField {
		if !r.has(e) || !s.allowed(r, e, rd) {
			continue
		}
		captures := map[string]string{}
		if r.fits(e, captures) {
			r.imply(captures)
			rd.matches = append(rd.matches, match{rule: r, captures: captures})
		}
	}
}

// isForeign reports whether a text that a rule knows stands beside a word of
// another trade: "token expired" in "password reset token expired". A word
// inside the rule's own text is its library's.
func (rd *reading) isForeign(part, lo, hi int) bool {
	return slices.ContainsFunc(rd.foreign, func(p spot) bool { return p.part == part && (p.lo < lo || p.hi > hi) })
}

// readFrames notes whose code was at work: a With may stand in a frame, a Not
// must not count there.
func (s *Set) readFrames(frames string, rd *reading) {
	if frames == "" {
		return
	}
	f := &folded{}
	f.fold(frames)
	rd.hits = s.words.scan(f.b, rd.hits[:0])
	for _, h := range rd.hits {
		if s.patterns[h.pattern].context {
			rd.framed[h.pattern] = true
		}
	}
}

// allowed checks a rule's With and Not.
func (s *Set) allowed(r *Rule, e *analyzer.Entry, rd *reading) bool {
	for _, id := range r.not {
		if rd.present[id] {
			return false
		}
	}
	if len(r.with) == 0 {
		return true
	}
	return slices.ContainsFunc(r.with, func(id int32) bool { return rd.present[id] || rd.framed[id] })
}

// has reports whether every property that a rule's Where names is there at
// all: most rules on fields alone end here.
func (r *Rule) has(e *analyzer.Entry) bool {
	for _, c := range r.where {
		if c.form.key != "" && property(e, c.path) == "" {
			return false
		}
	}
	return true
}

// fits checks a rule's Where and adds what it captures.
func (r *Rule) fits(e *analyzer.Entry, captures map[string]string) bool {
	for _, c := range r.where {
		v := property(e, c.path)
		var f folded
		f.fold(v)
		if c.form.pattern == "" {
			if string(f.b) != c.form.literal {
				return false
			}
			continue
		}
		m := c.form.regexp().FindSubmatchIndex(f.b)
		if m == nil || m[0] != 0 || m[1] != len(f.b) {
			return false
		}
		c.form.capture(captures, v, &f, m)
	}
	return true
}

// imply adds the captures that follow from the text itself.
func (r *Rule) imply(captures map[string]string) {
	for k, v := range r.Set {
		if captures[k] == "" {
			captures[k] = v
		}
	}
}

// property is what a Where clause may name.
func property(e *analyzer.Entry, path string) string {
	switch path {
	case "resource.type":
		if e.Origin == nil {
			return ""
		}
		return e.Origin.ResourceType
	case "log":
		return e.LogName
	case "message":
		return e.Message
	case "status":
		if e.HTTP == nil {
			return ""
		}
		return itoa(e.HTTP.Status)
	}
	return e.Field(path)
}

// capture adds the template's holes, as they stood in the original text.
func (t *template) capture(into map[string]string, text string, f *folded, m []int) {
	for g := 1; g < len(t.names) && 2*g+1 < len(m); g++ {
		if m[2*g] < 0 || t.names[g] == "" {
			continue
		}
		lo, hi := int(f.from[m[2*g]]), int(f.from[m[2*g+1]])
		for hi < len(text) && hi > lo && text[hi] == '_' { // the fold parted a value at its underscores
			for hi++; hi < len(text) && valueByte(text[hi]); hi++ {
			}
		}
		v := strings.TrimSpace(text[lo:hi])
		v = strings.TrimRight(strings.Trim(v, `"'`+"`\\"), ".,;")
		if len(v) > 200 {
			v = strings.ToValidUTF8(v[:200], "")
		}
		if into[t.names[g]] == "" && v != "" {
			into[t.names[g]] = v
		}
	}
}

// decide drops matches that others contain or outrank, and puts the primary
// first: texts that name causes before others, and inside one text the
// earlier; of two that take the same text the one with fewer holes. What only
// introduces another falls away. Wrappers and texts without a reason stay only
// when alone, the last (innermost) first.
func (rd *reading) decide() []match {
	ms := rd.matches
	slices.SortFunc(ms, func(a, b match) int {
		return cmp.Or(cmp.Compare(a.part, b.part), cmp.Compare(a.lo, b.lo), cmp.Compare(b.last, a.last), cmp.Compare(strings.Count(a.template, "{"), strings.Count(b.template, "{")), cmp.Compare(a.rule.order, b.rule.order))
	})
	var kept []match
	for i, m := range ms {
		inside := false
		for j, o := range ms {
			if i != j && o.part == m.part && o.lo <= m.lo && m.last <= o.last && (o.last-o.lo > m.last-m.lo || j < i) && m.hi > 0 && o.rule.contains(m.rule, o.hi-o.lo) {
				inside = true
				break
			}
		}
		if !inside {
			kept = append(kept, m)
		}
	}
	strong := slices.DeleteFunc(slices.Clone(kept), func(m match) bool { return m.rule.weak() })
	strong = slices.DeleteFunc(slices.Clone(strong), func(m match) bool {
		return slices.ContainsFunc(strong, func(o match) bool { return rd.introduces(m, o) })
	})
	if slices.ContainsFunc(strong, func(m match) bool { return m.rule.Reason != "" }) {
		return strong
	}
	weak := slices.DeleteFunc(kept, func(m match) bool { return !m.rule.weak() })
	slices.Reverse(weak)
	slices.SortStableFunc(weak, func(a, b match) int { return cmp.Compare(a.part, b.part) })
	return append(strong, weak...)
}

// contains reports whether a longer match of r stands for one of inner that
// lies inside it. A text without a reason does so only when it is long enough
// to be a library's own sentence.
func (r *Rule) contains(inner *Rule, length int) bool {
	return r.Wrapper || !r.weak() || inner.weak() || length >= claimBytes
}

func valueByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.'
}
