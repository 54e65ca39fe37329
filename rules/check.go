package rules

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/conf"
	"github.com/why401/why401/analyzer/redact"
)

// Check holds every rule against its own examples and near misses. The error
// is [conf.Problems]: all that went wrong, each with its place.
func (s *Set) Check() error { return s.check(func(*Rule) bool { return true }) }

// CheckPack does what Check does, for the rules of one pack.
func (s *Set) CheckPack(p *Pack) error { return s.check(func(r *Rule) bool { return r.pack == p }) }

func (s *Set) check(which func(*Rule) bool) error {
	var problems conf.Problems
	for _, r := range s.rules {
		if which(r) {
			problems = append(problems, s.checkRule(r)...)
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return problems
}

func (s *Set) checkRule(r *Rule) (problems conf.Problems) {
	add := func(at place, msg, hint string) {
		problems = append(problems, conf.Problem{File: r.pack.file, Line: at.line, Col: at.col, Path: r.Name(), Msg: msg, Hint: hint})
	}
	for i, x := range r.Examples {
		m := s.matchOf(r, x)
		if m == nil {
			add(r.places.examples[i], fmt.Sprintf("misses its example %q", x), s.whyNot(r, x))
			continue
		}
		for _, name := range CaptureNames(r.yields(i)) {
			if got, want := m.captures[name], r.yields(i)[name]; got != want {
				add(r.places.captures, fmt.Sprintf("captures %s %q of its example %q; wanted %q", name, got, x, want), "captures are what the first example must yield, captures_of what another must, by its number")
			}
		}
	}
	for i, x := range r.NearMisses {
		if s.wins(r, x) {
			add(r.places.near[i], fmt.Sprintf("takes its near miss %q", x), "make the text longer, or add a with or a not")
		}
	}
	return problems
}

// logEntryKeys tells a LogEntry from a message that is JSON itself.
var logEntryKeys = regexp.MustCompile(`"(?:textPayload|jsonPayload|protoPayload|logName|httpRequest)"\s*:`)

// SampleEntry makes the entry of an example or near miss: a LogEntry in JSON
// where it is one, as rules with where or change need it, else a bare message.
func SampleEntry(text string) *analyzer.Entry {
	if strings.HasPrefix(text, "{") && logEntryKeys.MatchString(text) {
		if e, err := analyzer.NewDecoder(nil).Entry(&analyzer.Message{Data: bytes.TrimSpace([]byte(text))}); err == nil {
			return e
		}
	}
	return TextEntry(text)
}

// readSample reads an example or near miss as Classify would.
func (s *Set) readSample(text string) *reading {
	rd := newReading()
	s.read(SampleEntry(text), rd)
	return rd
}

// wins reports whether r has a say in what becomes of text, after longer and
// stronger matches had theirs.
func (s *Set) wins(r *Rule, text string) bool {
	return slices.ContainsFunc(s.readSample(text).decide(), func(m match) bool { return m.rule == r })
}

// matchOf returns the match of r in text that captures most, or nil.
func (s *Set) matchOf(r *Rule, text string) *match {
	return most(slices.DeleteFunc(s.readSample(text).matches, func(m match) bool { return m.rule != r }))
}

// whyNot says what keeps r from matching text.
func (s *Set) whyNot(r *Rule, text string) string {
	rd := s.readSample(text)
	for i, id := range r.not {
		if rd.present[id] {
			return fmt.Sprintf("not: %q stands in it", r.Not[i])
		}
	}
	if len(r.with) > 0 && !slices.ContainsFunc(r.with, func(id int32) bool { return rd.present[id] || rd.framed[id] }) {
		return "none of with stands in it"
	}
	var f folded
	f.fold(redact.Text(text))
	for _, t := range r.templates {
		if bytes.Contains(f.b, []byte(t.anchor)) {
			return fmt.Sprintf("%q stands in it, the rest of the text does not, or a where does not hold", t.anchor)
		}
	}
	if len(r.templates) == 0 {
		return "a where does not hold: give the example as a LogEntry in JSON"
	}
	return fmt.Sprintf("%q does not stand in it", r.templates[0].anchor)
}
