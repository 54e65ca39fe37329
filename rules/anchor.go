package rules

import (
	"slices"
	"strings"
)

// automaton is an Aho-Corasick matcher. Its trie is laid out level by level,
// so that the children of a state are neighbours; the states of the first
// levels, where nearly every byte of an ordinary text is read, have a full
// table of transitions besides. A full table of all states would be thirty
// times as large and take longer to build than a thousand texts to read.
type automaton struct {
	class [256]uint8
	width int32   // number of classes
	next  []int32 // next[state*width+class] of the states below dense; negative: the state has outputs
	dense int32   // states with a row in next
	child []int32 // the children of s are the states child[s] to child[s+1]-1
	label []uint8 // class of the byte that leads to a state
	fail  []int32 // state of the longest proper suffix
	own   []int32 // pattern that ends in a state and is all of it, or -1
	more  []int32 // nearest state along fail with a pattern of its own, or 0
	size  []int32 // length of each pattern in folded bytes
}

// denseStates bounds the states with a full row: with the shipped packs
// those of up to three bytes.
const denseStates = 4096

// newAutomaton builds the matcher. Patterns must be folded, different from one
// another and not empty.
func newAutomaton(patterns []string) *automaton {
	a := &automaton{width: 1, size: make([]int32, len(patterns))}
	order := make([]int32, len(patterns))
	for id, p := range patterns {
		order[id], a.size[id] = int32(id), int32(len(p))
		for i := 0; i < len(p); i++ {
			if a.class[p[i]] == 0 {
				a.class[p[i]] = uint8(a.width)
				a.width++
			}
		}
	}
	slices.SortFunc(order, func(x, y int32) int { return strings.Compare(patterns[x], patterns[y]) })
	a.grow(patterns, order)
	a.link()
	return a
}

// grow lays out the trie. Patterns with a common prefix are neighbours in
// order, hence a state is a range of them.
func (a *automaton) grow(patterns []string, order []int32) {
	type branch struct{ from, to, depth int32 }
	room := 1
	for _, p := range patterns {
		room += len(p)
	}
	level := append(make([]branch, 0, room), branch{0, int32(len(order)), 0})
	a.label, a.own, a.child = make([]uint8, 0, room), make([]int32, 0, room), make([]int32, 0, room+1)
	a.label = append(a.label, 0)
	for s := 0; s < len(level); s++ {
		b := level[s]
		own := int32(-1)
		if b.from < b.to && a.size[order[b.from]] == b.depth {
			own = order[b.from]
			b.from++
		}
		a.own = append(a.own, own)
		a.child = append(a.child, int32(len(level)))
		for b.from < b.to {
			c := patterns[order[b.from]][b.depth]
			end := b.from + 1
			for end < b.to && patterns[order[end]][b.depth] == c {
				end++
			}
			level = append(level, branch{b.from, end, b.depth + 1})
			a.label = append(a.label, a.class[c])
			b.from = end
		}
	}
	a.child = append(a.child, int32(len(level)))
}

// link finds the longest proper suffix of every state, a level after the one
// before, and fills the rows of the first states.
func (a *automaton) link() {
	states := int32(len(a.own))
	a.fail, a.more = make([]int32, states), make([]int32, states)
	rows := min(states, denseStates)
	a.next = make([]int32, rows*a.width)
	for s := range states {
		if f := a.fail[s]; a.own[f] >= 0 {
			a.more[s] = f
		} else {
			a.more[s] = a.more[f]
		}
		if s < rows {
			copy(a.next[s*a.width:], a.next[a.fail[s]*a.width:][:a.width])
		}
		for child := a.child[s]; child < a.child[s+1]; child++ {
			if s > 0 {
				f := a.step(a.fail[s], a.label[child])
				a.fail[child] = max(f, -f)
			}
		}
		if s < rows {
			for child := a.child[s]; child < a.child[s+1]; child++ {
				a.next[s*a.width+int32(a.label[child])] = child
			}
			a.dense = s + 1
		}
	}
	for i, s := range a.next {
		if a.own[s] >= 0 || a.more[s] > 0 {
			a.next[i] = -s
		}
	}
}

// step is the state after a byte of class c in state s; negative when a
// pattern ends there, once the automaton is complete.
func (a *automaton) step(s int32, c uint8) int32 {
	for s >= a.dense {
		for child := a.child[s]; child < a.child[s+1]; child++ {
			if a.label[child] == c {
				if a.own[child] >= 0 || a.more[child] > 0 {
					return -child
				}
				return child
			}
		}
		s = a.fail[s]
	}
	return a.next[s*a.width+int32(c)]
}

// hit is a pattern that ends before offset end of the folded text.
type hit struct {
	pattern int32
	end     int32
}

// scan appends every hit in the folded text b to hits; of those with one end
// the longest comes first.
func (a *automaton) scan(b []byte, hits []hit) []hit {
	s := int32(0)
	for i := 0; i < len(b); i++ {
		if s = a.step(s, a.class[b[i]]); s < 0 {
			s = -s
			for end := s; end > 0; end = a.more[end] {
				if id := a.own[end]; id >= 0 {
					hits = append(hits, hit{id, int32(i + 1)})
				}
			}
		}
	}
	return hits
}
