package rules

import (
	"strings"

	"github.com/why401/why401/analyzer"
)

// Set is a loaded, checked and compiled collection of packs. It is immutable
// and safe for concurrent use, and is an [analyzer.Classifier].
type Set struct {
	packs []*Pack
	rules []*Rule

	words    *automaton
	patterns []pattern // by pattern id
	weight   []uint8   // by automaton state: what the screen adds up
	byField  []*Rule   // rules without a text: tried on fields alone
	replaced []Replaced
	hash     string
	near     neighbours // filled when a proposal first asks
}

// Hash names the packs that the set was loaded from, to the byte: 12
// hexadecimal digits. Replicas that classify alike have the same.
func (s *Set) Hash() string { return s.hash }

var _ analyzer.Classifier = (*Set)(nil)

// pattern is one literal that the automaton looks for, and who asked for it.
type pattern struct {
	literal string
	uses    []use
	context bool  // some rule's with or not
	gate    bool  // lets an entry through the screen by itself
	word    sense // of the generic layer's vocabulary, as a whole word
	stem    sense // likewise, with any ending
}

type use struct {
	rule     *Rule
	template *template
}

// compileSet builds the automaton over the literals of all rules and the
// vocabulary of the generic layer.
func compileSet(packs []*Pack) *Set { return compileWith(packs, vocabulary()) }

// compileWith is compileSet with another vocabulary, or none.
func compileWith(packs []*Pack, words map[string]sense) *Set {
	n := len(words)
	for _, p := range packs {
		n += 3 * len(p.Rules)
	}
	s := &Set{packs: packs, patterns: make([]pattern, 0, n)}
	ids := make(map[string]int32, n)
	intern := func(literal string) *pattern {
		id, ok := ids[literal]
		if !ok {
			id = int32(len(s.patterns))
			ids[literal] = id
			s.patterns = append(s.patterns, pattern{literal: literal})
		}
		return &s.patterns[id]
	}
	for _, p := range packs {
		for i := range p.Rules {
			r := &p.Rules[i]
			r.order = len(s.rules)
			s.rules = append(s.rules, r)
			for _, t := range r.templates {
				pt := intern(t.key)
				pt.uses = append(pt.uses, use{r, t})
			}
			for _, w := range r.With {
				intern(contextLiteral(w)).context = true
				r.with = append(r.with, ids[contextLiteral(w)])
			}
			for _, w := range r.Not {
				intern(contextLiteral(w)).context = true
				r.not = append(r.not, ids[contextLiteral(w)])
			}
			if len(r.templates) == 0 {
				s.byField = append(s.byField, r)
			}
		}
	}
	for word, c := range words {
		if stem, ok := strings.CutSuffix(word, "*"); ok {
			p := intern(foldLiteral(stem))
			p.stem = p.stem.and(c)
		} else {
			p := intern(foldLiteral(word))
			p.word = p.word.and(c)
		}
	}
	intern(contextLiteral(tracebackHead)).gate = true
	literals := make([]string, len(s.patterns))
	for i := range s.patterns {
		literals[i] = s.patterns[i].literal
	}
	s.words = newAutomaton(literals)
	s.weight = make([]uint8, len(s.words.own))
	for state, id := range s.words.own {
		s.weight[state] = s.weight[s.words.more[state]]
		if id >= 0 {
			s.weight[state] |= s.patterns[id].weigh()
		}
	}
	return s
}

func contextLiteral(s string) string { return strings.Trim(foldLiteral(s), " ") }

func (p *pattern) weigh() uint8 {
	w := p.word.and(p.stem).weigh()
	if len(p.uses) > 0 || p.gate {
		w = weighEnough
	}
	return w
}

// Packs returns the loaded packs, in order. They must not be changed.
func (s *Set) Packs() []*Pack { return s.packs }

// Rules returns every rule, in order. They must not be changed.
func (s *Set) Rules() []*Rule { return s.rules }
