package rules

import (
	"errors"
	"fmt"
	"slices"
)

// Check holds every rule against its own examples and near misses. It returns
// all that went wrong at once.
func (s *Set) Check() error {
	var errs []error
	for _, r := range s.rules {
		for i, x := range r.Examples {
			m := s.matchOf(r, x)
			if m == nil {
				errs = append(errs, fmt.Errorf("%s misses its example %q", r.Name(), x))
				continue
			}
			for name, want := range r.Captures {
				if got := m.captures[name]; i == 0 && got != want {
					errs = append(errs, fmt.Errorf("%s captures %s %q of its example %q; wanted %q", r.Name(), name, got, x, want))
				}
			}
		}
		for _, x := range r.NearMisses {
			if s.wins(r, x) {
				errs = append(errs, fmt.Errorf("%s takes its near miss %q", r.Name(), x))
			}
		}
	}
	return errors.Join(errs...)
}

// wins reports whether r has a say in what becomes of text, after longer and
// stronger matches had theirs.
func (s *Set) wins(r *Rule, text string) bool {
	rd := &reading{present: map[int32]bool{}}
	s.read(TextEntry(text), rd)
	return slices.ContainsFunc(rd.decide(), func(m match) bool { return m.rule == r })
}

// matchOf returns the match of r in text that captures most, or nil.
func (s *Set) matchOf(r *Rule, text string) *match {
	rd := &reading{present: map[int32]bool{}}
	s.read(TextEntry(text), rd)
	i := slices.IndexFunc(rd.matches, func(m match) bool { return m.rule == r })
	if i < 0 {
		return nil
	}
	best := rd.matches[i]
	for _, m := range rd.matches[i:] {
		if m.rule == r && len(m.captures) > len(best.captures) {
			best = m
		}
	}
	return &best
}
