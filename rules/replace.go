package rules

import (
	"fmt"
	"slices"

	"github.com/why401/why401/analyzer/conf"
)

// Replaced is a rule of a user's pack that stands in for one of ours.
type Replaced struct {
	Rule string // full name
	Old  string // file:line:col of the one that went
	New  string // and of the one that came
}

// Replaced lists the rules that a later folder replaced, in order of loading.
func (s *Set) Replaced() []Replaced { return s.replaced }

// register keeps which rule has which name while packs are loaded.
type register struct {
	at       map[string]*Rule
	gone     map[*Pack][]string // ids that a later folder took
	replaced []Replaced
}

// enter adds a pack's rules. own holds the names taken in the same folder:
// there a name may stand once.
func (g *register) enter(p *Pack, own map[string]*Rule) error {
	var problems conf.Problems
	for i := range p.Rules {
		r := &p.Rules[i]
		name := r.Name()
		if first := own[name]; first != nil {
			problems = append(problems, conf.Problem{File: p.file, Line: r.places.rule.line, Col: r.places.rule.col, Path: fmt.Sprintf("rules[%d].id", i),
				Msg: fmt.Sprintf("rule %s stands twice, first at %s", name, first.Place()), Hint: "rename one of them, or give one rule both texts"})
			continue
		}
		own[name] = r
		if old := g.at[name]; old != nil {
			g.replaced = append(g.replaced, Replaced{Rule: name, Old: old.Place(), New: r.Place()})
			if g.gone == nil {
				g.gone = map[*Pack][]string{}
			}
			g.gone[old.pack] = append(g.gone[old.pack], old.ID)
		}
		g.at[name] = r
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}

// drop takes the replaced rules out of their packs.
func (g *register) drop() {
	for p, ids := range g.gone {
		p.Rules = slices.DeleteFunc(p.Rules, func(r Rule) bool { return slices.Contains(ids, r.ID) })
	}
}
