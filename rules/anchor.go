package rules

import "slices"

// automaton is an Aho-Corasick matcher, made into a flat table over the byte
// classes that the patterns use. One pass reads a text against all patterns;
// a byte costs one table look-up whatever the number of patterns.
type automaton struct {
	class [256]uint8
	width int32     // number of classes
	next  []int32   // next[state*width+class]; negative: the state has outputs
	out   [][]int32 // out[state]: patterns that end here, longest first
	size  []int32   // length of each pattern in folded bytes
}

// newAutomaton builds the matcher. Patterns must be folded and not empty.
func newAutomaton(patterns []string) *automaton {
	a := &automaton{width: 1, size: make([]int32, len(patterns))}
	for _, p := range patterns {
		for i := 0; i < len(p); i++ {
			if a.class[p[i]] == 0 {
				a.class[p[i]] = uint8(a.width)
				a.width++
			}
		}
	}
	states := trieSize(patterns)
	a.next = make([]int32, 0, states*int(a.width))
	a.out = make([][]int32, 0, states)
	a.grow()
	for id, p := range patterns {
		a.size[id] = int32(len(p))
		s := int32(0)
		for i := 0; i < len(p); i++ {
			at := s*a.width + int32(a.class[p[i]])
			if a.next[at] == 0 {
				a.next[at] = a.grow()
			}
			s = a.next[at]
		}
		a.out[s] = append(a.out[s], int32(id))
	}
	a.link()
	return a
}

// trieSize is the number of nodes in the trie of patterns: neighbours in order
// of text share their longest common prefix.
func trieSize(patterns []string) int {
	sorted := slices.Sorted(slices.Values(patterns))
	n, before := 1, ""
	for _, p := range sorted {
		shared := 0
		for shared < len(p) && shared < len(before) && p[shared] == before[shared] {
			shared++
		}
		n += len(p) - shared
		before = p
	}
	return n
}

func (a *automaton) grow() int32 {
	a.next = a.next[:len(a.next)+int(a.width)]
	a.out = append(a.out, nil)
	return int32(len(a.out) - 1)
}

// link turns the trie into a complete automaton: every missing edge is the
// edge of the longest proper suffix, and outputs are inherited along it.
func (a *automaton) link() {
	fail := make([]int32, len(a.out))
	queue := make([]int32, 0, len(a.out))
	for c := int32(1); c < a.width; c++ {
		if s := a.next[c]; s != 0 {
			queue = append(queue, s)
		}
	}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		a.out[s] = append(a.out[s], a.out[fail[s]]...)
		for c := int32(1); c < a.width; c++ {
			at, short := s*a.width+c, a.next[fail[s]*a.width+c]
			if child := a.next[at]; child != 0 {
				fail[child] = short
				queue = append(queue, child)
			} else {
				a.next[at] = short
			}
		}
	}
	ends := make([]bool, len(a.out)) // small enough to stay in the cache
	for s, out := range a.out {
		ends[s] = len(out) > 0
	}
	for i, s := range a.next {
		if ends[s] {
			a.next[i] = -s
		}
	}
}

// hit is a pattern that ends before offset end of the folded text.
type hit struct {
	pattern int32
	end     int32
}

// scan appends every hit in the folded text b to hits.
func (a *automaton) scan(b []byte, hits []hit) []hit {
	s := int32(0)
	for i := 0; i < len(b); i++ {
		s = a.next[s*a.width+int32(a.class[b[i]])]
		if s < 0 {
			s = -s
			for _, id := range a.out[s] {
				hits = append(hits, hit{id, int32(i + 1)})
			}
		}
	}
	return hits
}
