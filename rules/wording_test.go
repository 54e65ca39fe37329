package rules

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"math/bits"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/why401/why401/analyzer"
)

// lesson is one text with the reason that its pack gives it.
type lesson struct {
	pack   *Pack
	keys   []string
	reason analyzer.Reason
}

// lessons are what the packs teach: the texts and examples of every rule, and
// of the near misses what the other rules say of them.
func lessons(s *Set) (out []lesson) {
	teach := func(p *Pack, text string, reason analyzer.Reason) {
		seen := map[string]bool{}
		l := s.line(prepare(text))
		l.wordings(func(key []byte) { seen[string(key)] = true })
		out = append(out, lesson{p, slices.Sorted(maps.Keys(seen)), reason})
	}
	for _, r := range s.Rules() {
		if len(r.Where) > 0 {
			continue
		}
		for _, x := range r.Examples {
			teach(r.pack, x, r.Reason)
		}
		if r.Reason != "" {
			for _, x := range r.Text {
				teach(r.pack, holePattern.ReplaceAllString(x, " "), r.Reason)
			}
		}
		for _, x := range r.NearMisses {
			c := s.classifyWithout(SampleEntry(x), &wording{}, func(*Rule) bool { return false })
			teach(r.pack, x, c.Primary())
		}
	}
	for i, line := range ordinary() {
		for _, dress := range []string{"", "ERROR [orders] ", "level=error caller=orders.go:12 msg="} {
			teach(trades[i%len(trades)], dress+line, "")
		}
	}
	return out
}

const (
	learnRounds = 8
	learnRate   = 0.3
	learnDecay  = 1e-5
	// learnPacks is how many packs must have a key before it gets a weight.
	learnPacks = 4
)

// ordinary are lines that speak of tokens, keys and signatures and refuse
// none. Those of unrelated.txt have their holes filled.
func ordinary() (lines []string) {
	for _, file := range []string{"ordinary.txt", "unrelated.txt"} {
		data, err := os.ReadFile("testdata/" + file)
		if err != nil {
			panic(err)
		}
		for line := range strings.SplitSeq(string(data), "\n") {
			if line != "" && !strings.HasPrefix(line, "#") {
				lines = append(lines, holePattern.ReplaceAllString(line, "7"))
			}
		}
	}
	return lines
}

// learn fits weights by multinomial logistic regression: stochastic gradient
// descent with a rate for each weight (AdaGrad, Duchi et al. 2011). The same
// lessons give the same weights.
func learn(all []lesson, without map[*Pack]bool) *wording {
	l := newLearner(all, without)
	order := rand.New(rand.NewPCG(401, 403))
	turns := make([]int, len(l.keys))
	for i := range turns {
		turns[i] = i
	}
	for range learnRounds {
		order.Shuffle(len(turns), func(a, b int) { turns[a], turns[b] = turns[b], turns[a] })
		for _, i := range turns {
			l.step(i)
		}
	}
	return l.wording()
}

// trades stand for the packs of the ordinary lines, of which a key needs
// several.
var trades = []*Pack{{Pack: "ordinary a"}, {Pack: "ordinary b"}, {Pack: "ordinary c"}, {Pack: "ordinary d"}, {Pack: "ordinary e"}}

type learner struct {
	reasons       []analyzer.Reason
	ids           map[string]int32
	keys          [][]int32 // of each lesson
	class         []int     // of each lesson
	weights, past []float32 // by key and class
	p             []float32
}

func newLearner(all []lesson, without map[*Pack]bool) *learner {
	l := &learner{ids: map[string]int32{}}
	classes := map[analyzer.Reason]int{}
	packs := map[string]map[*Pack]bool{}
	for _, x := range all {
		if without[x.pack] {
			continue
		}
		if _, ok := classes[x.reason]; !ok {
			classes[x.reason] = len(l.reasons)
			l.reasons = append(l.reasons, x.reason)
		}
		for _, k := range x.keys {
			if packs[k] == nil {
				packs[k] = map[*Pack]bool{}
			}
			if packs[k][x.pack] = true; len(packs[k]) == learnPacks {
				if _, ok := l.ids[k]; !ok {
					l.ids[k] = int32(len(l.ids))
				}
			}
		}
	}
	for _, x := range all {
		if without[x.pack] {
			continue
		}
		var ids []int32
		for _, k := range x.keys {
			if id, ok := l.ids[k]; ok {
				ids = append(ids, id)
			}
		}
		l.keys, l.class = append(l.keys, ids), append(l.class, classes[x.reason])
	}
	l.weights = make([]float32, len(l.ids)*len(l.reasons))
	l.past = make([]float32, len(l.weights))
	l.p = make([]float32, len(l.reasons))
	return l
}

// step moves the weights of one lesson's keys towards its reason.
func (l *learner) step(i int) {
	k := len(l.reasons)
	clear(l.p)
	scale := float32(1 / math.Sqrt(float64(max(len(l.keys[i]), 1))))
	for _, id := range l.keys[i] {
		for c, w := range l.weights[int(id)*k : int(id)*k+k] {
			l.p[c] += w * scale
		}
	}
	top, total := slices.Max(l.p), float32(0)
	for c, v := range l.p {
		l.p[c] = float32(math.Exp(float64(v - top)))
		total += l.p[c]
	}
	for c := range l.p {
		l.p[c] /= total
	}
	l.p[l.class[i]]--
	for _, id := range l.keys[i] {
		ws, past := l.weights[int(id)*k:int(id)*k+k], l.past[int(id)*k:int(id)*k+k]
		for c := range ws {
			d := l.p[c]*scale + learnDecay*ws[c]
			past[c] += d * d
			ws[c] -= learnRate * d / float32(math.Sqrt(float64(past[c]+0.01)))
		}
	}
}

// wording rounds the weights and leaves out those that round to nothing.
func (l *learner) wording() *wording {
	w := &wording{reasons: l.reasons, keys: map[string]int32{}}
	k := len(l.reasons)
	for _, key := range slices.Sorted(maps.Keys(l.ids)) {
		id := int(l.ids[key])
		var ws []weight
		for c, v := range l.weights[id*k : id*k+k] {
			if n := math.Round(float64(v) / weightUnit); n != 0 {
				ws = append(ws, weight{uint8(c), float32(n * weightUnit)})
			}
		}
		if len(ws) > 0 {
			w.keys[key] = int32(len(w.weights))
			w.weights = append(w.weights, ws)
		}
	}
	return w
}

// String writes w as parseWording reads it.
func (w *wording) String() string {
	var b strings.Builder
	for i, r := range w.reasons {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(cmp.Or(string(r), noReason))
	}
	b.WriteByte('\n')
	for _, key := range slices.Sorted(maps.Keys(w.keys)) {
		b.WriteString(key)
		b.WriteByte('\t')
		for _, x := range w.weights[w.keys[key]] {
			fmt.Fprintf(&b, "%c%.0f", 'A'+x.class, x.by/weightUnit)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestWordingIsLearned checks that the shipped weights are what `make learn`
// writes in form, and writes them with UPDATE=1.
func TestWordingIsLearned(t *testing.T) {
	if os.Getenv("UPDATE") != "" {
		w := learn(lessons(load(t)), nil)
		if err := os.WriteFile("wording.txt", []byte(w.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d keys, %d reasons", len(w.keys), len(w.reasons))
		return
	}
	w, err := parseWording(shippedWording)
	if err != nil {
		t.Fatal(err)
	}
	if w.String() != shippedWording {
		t.Error("wording.txt does not read as it was written; run make learn")
	}
	if things, signs := bits.Len64(uint64(aCustom)), bits.Len64(uint64(filler)); len(thingNames) != things || len(signNames) != signs {
		t.Errorf("%d names of %d things, %d of %d signs", len(thingNames), things, len(signNames), signs)
	}
}
