package rules

import (
	"fmt"
	"testing"

	"github.com/why401/why401/analyzer"
)

// some keeps n rules of the packs, spread evenly over all of them.
func some(s *Set, n int) *Set {
	var packs []*Pack
	for _, p := range s.Packs() {
		few := *p
		few.Rules = nil
		for _, r := range p.Rules {
			if at := r.order * n / len(s.Rules()); at != (r.order-1)*n/len(s.Rules()) || r.order == 0 {
				r.with, r.not = nil, nil
				few.Rules = append(few.Rules, r)
			}
		}
		packs = append(packs, &few)
	}
	return compileSet(packs)
}

// BenchmarkGrowth tells what more rules cost: 100, 1,000 and all of them read
// the same entries, 49 of ordinary systems to one refusal that all know. With
// 1,000 rules it may take at most 1.3 times as long as with 100.
func BenchmarkGrowth(b *testing.B) {
	all := load(b)
	few := some(all, 100)
	var refusals []*analyzer.Entry
	for _, r := range few.Rules() {
		if r.Reason != "" && len(r.Where) == 0 {
			refusals = append(refusals, TextEntry(r.Examples[0]))
		}
	}
	u := newUnrelated(b, 3)
	entries := make([]*analyzer.Entry, 10_000)
	for i := range entries {
		if entries[i] = u.next(); i%50 == 0 {
			entries[i] = refusals[i/50%len(refusals)]
		}
	}
	for _, n := range []int{100, 1000, len(all.Rules())} {
		s := some(all, n)
		if len(s.Rules()) != n {
			b.Fatalf("%d rules kept; want %d", len(s.Rules()), n)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				e := entries[i%len(entries)]
				if s.Screen([]byte(e.Message)) {
					s.Classify(e)
				}
			}
		})
	}
}
