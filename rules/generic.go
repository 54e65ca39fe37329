package rules

import (
	"slices"
	"strings"

	"github.com/why401/why401/analyzer"
)

// generic reads the structure of a text that no rule knows: which thing,
// which sign, in which clause. A definite verdict of any clause goes before
// one that also stands around others, and that before a bare refusal, which
// stays unspecified. Where the structure tells nothing, the wording may.
func (s *Set) generic(rd *reading, known []match, c *analyzer.Classification) {
	texts := make([]string, len(rd.parts))
	var all sense
	for i, p := range rd.parts {
		text := without(p.Text, i, known)
		texts[i] = prepare(text)
		got, _ := s.senseOf(prepare(p.Text))
		all = all.and(got)
	}
	if all.signs&elsewhere != 0 || all.things == 0 {
		return
	}
	best, heard := s.consider(rd, texts, known, all)
	best = best.weighed(heard, all.things)
	switch {
	case best.strength > nothing && slices.Contains(c.Reasons, best.reason):
	case best.strength == definite, best.strength == loose && c.Primary() == analyzer.Unspecified, best.strength == loose && len(c.Reasons) == 0:
		c.Reasons, c.Rule, c.Library, c.Match = []analyzer.Reason{best.reason}, "generic/"+strings.ReplaceAll(string(best.reason), "_", "-"), "", analyzer.MatchGeneric
		c.Text = rd.parts[best.part].Text
	case len(c.Reasons) > 0:
	case best.strength == refusal:
		c.Reasons, c.Rule, c.Match = []analyzer.Reason{analyzer.Unspecified}, "generic/unspecified", analyzer.MatchGeneric
	case all.things&aToken != 0 && all.signs&(negated|fails|denied|differs) != 0 && all.signs&(success|hypothesis|otherTrade) == 0:
		c.Unmatched = true
	}
}

// consider reads the texts line by line, those that name causes first, until
// the grammar is definite.
func (s *Set) consider(rd *reading, texts []string, known []match, all sense) (best verdict, heard hearing) {
	words := rd.wording
	if words == nil {
		words = ourWording()
	}
	for i := range texts {
		if claimed(i, known) {
			continue
		}
		for text := range strings.SplitSeq(texts[i], "\n") {
			l := s.line(text)
			v := l.read(all)
			if v.strength > best.strength && all.things&ours != 0 {
				best, best.part = v, i
			}
			if v.undecided || !l.whole.hears() {
				continue
			}
			if g := words.hear(l); g.tells() && g.p > heard.p {
				heard, heard.part = g, i
			}
		}
		if best.strength == definite {
			break
		}
	}
	return best, heard
}

// ours are the things of which one must stand in an entry before the grammar
// reads it.
const ours = aToken | isJWT | anAuth | aSignature | aKeySet | aSecret | anIssuer | anAudience | isCrypto | aClaim | aLogin

// claimBytes is how long a text must be to be a library's own sentence; "invalid
// token" is anybody's, and may stand before the reason.
const claimBytes = 34

// claimed reports whether a rule knows a sentence of the part as one that gives
// no reason. What stands around it is never a better witness than the library.
func claimed(part int, known []match) bool {
	return slices.ContainsFunc(known, func(m match) bool {
		return m.part == part && m.rule.Reason == analyzer.Unspecified && !m.rule.Wrapper && m.to-m.from >= claimBytes
	})
}

// without takes out of a part's text what rules know to give no reason, so
// that the generic layer does not find one in it.
func without(text string, part int, known []match) string {
	var spans [][2]int
	for _, m := range known {
		if m.part == part && m.rule.Reason == analyzer.Unspecified && m.to <= len(text) && m.from < m.to {
			spans = append(spans, [2]int{m.from, m.to})
		}
	}
	slices.SortFunc(spans, func(a, b [2]int) int { return b[0] - a[0] }) // from the end on, so that offsets stay
	last := len(text)
	for _, s := range spans {
		to := min(s[1], last)
		if to > s[0] {
			text = text[:s[0]] + ". " + text[to:]
			last = s[0]
		}
	}
	return text
}

// verdict is what a line means, how sure that is, and in which part it stands.
type verdict struct {
	reason    analyzer.Reason
	strength  strength
	part      int
	undecided bool // the line itself leaves open which of several it is
}

type strength uint8

const (
	nothing strength = iota
	refusal          // it only refuses
	loose            // a verdict that also stands around others
	definite
)

// line is one line of a text, cut into clauses that are understood each for
// itself.
type line struct {
	text    string
	clauses []clause
	senses  []sense // of the clauses
	strange []int   // words of each clause that mean nothing here
	whole   sense
}

func (s *Set) line(text string) line {
	l := line{text: text, clauses: splitClauses(text)}
	l.senses, l.strange = make([]sense, len(l.clauses)), make([]int, len(l.clauses))
	for i, cl := range l.clauses {
		l.senses[i], l.strange[i] = s.senseOf(cl.text)
		l.whole = l.whole.and(l.senses[i])
	}
	return l
}

// read decides on one line by its grammar: on its clauses, then on neighbours
// together, then on the line as a whole. Of equally strong verdicts the one of
// the innermost statement counts, and in one statement the first.
func (l *line) read(near sense) verdict {
	var best verdict
	level := -1
	for i, cl := range l.clauses {
		v := judge(l.senses[i], near, l.strange[i])
		if v.strength > best.strength || v.strength == best.strength && cl.level > level && v.strength > nothing {
			best, level = v, cl.level
		}
	}
	if best.strength == definite || len(l.clauses) == 1 {
		return best
	}
	for i := 1; i < len(l.senses); i++ {
		if !l.senses[i-1].completes(l.senses[i]) {
			continue
		}
		if v := judge(l.senses[i-1].and(l.senses[i]), near, strangers); v.strength > best.strength {
			best = v
		}
	}
	if best.strength < loose {
		if v := judge(l.whole, near, strangers); v.strength > best.strength {
			best = v
		}
	}
	return best
}

// completes reports whether two neighbours make one statement: one of them
// only names something or only complains.
func (s sense) completes(o sense) bool {
	return s.signs&^filler == 0 || o.signs&^filler == 0 || s.things == 0 || o.things == 0
}

// strangers is the number of words that a clause may hold without the reader
// knowing them before a bare "invalid token" in it means nothing.
const strangers = 2

// judge decides on one sense.
func judge(s, near sense, strange int) verdict {
	if m := decide(meanings, s, near.things, strange); m != nil {
		switch {
		case m.reason == analyzer.Unspecified:
			return verdict{reason: m.reason, strength: refusal, undecided: true}
		case m.loose:
			return verdict{reason: m.reason, strength: loose}
		}
		return verdict{reason: m.reason, strength: definite}
	}
	if near.signs&otherTrade != 0 {
		return verdict{}
	}
	if decide(vague, s, near.things, strange) != nil {
		return verdict{reason: analyzer.Unspecified, strength: refusal}
	}
	if s.things&aToken != 0 && s.signs&(negated|fails|denied) != 0 && s.signs&(trade|gone|broken|fetching|unset) == 0 && strange == 0 {
		return verdict{reason: analyzer.Unspecified, strength: refusal}
	}
	return verdict{}
}
