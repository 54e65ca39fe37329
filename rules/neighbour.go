package rules

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/why401/why401/analyzer"
)

// nearMiss is the known line of another meaning that shares most words with
// the text, and that the rule does not take.
func (s *Set) nearMiss(text string, r *Rule) string {
	s.near.once.Do(func() { s.near.index(s.rules) })
	tm, err := compile(text)
	best := "the same words in another meaning: write a line that the rule must not take"
	if err != nil {
		return best
	}
	own := wordsOf(holePattern.ReplaceAllString(text, " "))
	shared := map[int32]int{}
	for w := range own {
		for _, i := range s.near.with[w] {
			shared[i]++
		}
	}
	most := 0.0
	for _, i := range slices.Sorted(maps.Keys(shared)) {
		n := s.near.lines[i]
		if alike := float64(shared[i]) / float64(len(own)+n.words-shared[i]); alike > most && n.reason != r.Reason {
			if !tm.standsIn(n.text) {
				best, most = n.text, alike
			}
		}
	}
	return best
}

// neighbours are the examples of all rules by their words.
type neighbours struct {
	once  sync.Once
	lines []neighbour
	with  map[string][]int32
}

type neighbour struct {
	text   string
	words  int
	reason analyzer.Reason
}

func (n *neighbours) index(all []*Rule) {
	n.with = map[string][]int32{}
	for _, r := range all {
		for _, x := range r.Examples {
			if len(r.Where) > 0 || len(x) > proposedBytes || strings.HasPrefix(x, "{") || strings.Contains(x, "\n") {
				continue
			}
			words := wordsOf(x)
			for w := range words {
				n.with[w] = append(n.with[w], int32(len(n.lines)))
			}
			n.lines = append(n.lines, neighbour{x, len(words), r.Reason})
		}
	}
}

// standsIn reports whether the template fits anywhere in a text.
func (t *template) standsIn(text string) bool {
	var f folded
	f.fold(text)
	return t.stands(f.b)
}

// stands is standsIn for a folded text.
func (t *template) stands(b []byte) bool {
	for end := 0; ; {
		i := strings.Index(string(b[end:]), t.key)
		if i < 0 {
			return false
		}
		end += i + len(t.key)
		if t.find(b, end) != nil {
			return true
		}
	}
}

func wordsOf(s string) map[string]bool {
	words := map[string]bool{}
	for w := range strings.FieldsFuncSeq(strings.ToLower(s), func(r rune) bool { return (r < 'a' || r > 'z') && r < 0x80 }) {
		if len(w) > 2 {
			words[w] = true
		}
	}
	return words
}
