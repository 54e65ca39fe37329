package rules

import (
	_ "embed"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/why401/why401/analyzer"
)

// The grammar (meaning.go) reads what it has steps for. How else libraries
// word a reason is learned from the packs: each word, each pair of neighbours
// and each thing with a sign in one clause has a weight for each reason, and
// the sum of a text's weights tells how likely each is. The weights
// (wording.txt) come from the packs' texts, examples and near misses by
// `make learn`; a word that only one pack has gets none, so that what is
// learned is usage, not a library.

// wording holds the weights, class by class of each key.
type wording struct {
	reasons []analyzer.Reason // the classes; "" is none
	keys    map[string]int32
	weights [][]weight
}

type weight struct {
	class uint8
	by    float32
}

//go:embed wording.txt
var shippedWording string

var ourWording = sync.OnceValue(func() *wording {
	w, err := parseWording(shippedWording)
	if err != nil {
		panic(err) // the file is part of the program, and a test reads it
	}
	return w
})

// weightUnit is what 1 in wording.txt stands for.
const weightUnit = .5

// parseWording reads a line with the reasons, then one line a key: the key, a
// tab, and for each reason that it speaks for or against the reason's letter
// (A for the first) and the weight: A3C-2.
func parseWording(text string) (*wording, error) {
	head, rest, _ := strings.Cut(text, "\n")
	w := &wording{keys: make(map[string]int32, strings.Count(rest, "\n"))}
	for name := range strings.FieldsSeq(head) {
		r := analyzer.Reason(name)
		if name == noReason {
			r = ""
		} else if !r.Known() {
			return nil, fmt.Errorf("wording: wanted a reason, found %q", name)
		}
		w.reasons = append(w.reasons, r)
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(rest, "\n"), "\n") {
		key, list, _ := strings.Cut(line, "\t")
		ws := make([]weight, 0, len(list)/2)
		for list != "" {
			end := 1
			for end < len(list) && list[end] < 'A' {
				end++
			}
			class := int(list[0]) - 'A'
			v, err := strconv.Atoi(list[1:end])
			if err != nil || class < 0 || class >= len(w.reasons) {
				return nil, fmt.Errorf("wording: wanted a letter and a weight, found %q for %q", list[:end], key)
			}
			ws = append(ws, weight{uint8(class), float32(v) * weightUnit})
			list = list[end:]
		}
		w.keys[key] = int32(len(w.weights))
		w.weights = append(w.weights, ws)
	}
	return w, nil
}

const noReason = "none"

// hearing is the likeliest reason of a line, how likely it is, and in which part
// the line stands.
type hearing struct {
	reason analyzer.Reason
	p      float32
	part   int
}

// hear weighs one line.
func (w *wording) hear(l line) hearing {
	if len(w.reasons) == 0 {
		return hearing{}
	}
	var room [256]int32
	ids := room[:0]
	l.wordings(func(key []byte) {
		if id, ok := w.keys[string(key)]; ok {
			ids = append(ids, id)
		}
	})
	slices.Sort(ids)
	ids = slices.Compact(ids)
	var sums [64]float32
	for _, id := range ids {
		for _, k := range w.weights[id] {
			sums[k.class] += k.by
		}
	}
	return w.likeliest(sums[:len(w.reasons)], len(ids))
}

// likeliest turns the sums of n keys into a share of 1. A long text has more
// keys, not more certainty: hence the root.
func (w *wording) likeliest(sums []float32, n int) hearing {
	best, total := 0, 0.0
	for k, v := range sums {
		if v > sums[best] {
			best = k
		}
	}
	scale := 1 / math.Sqrt(float64(max(n, 1)))
	for _, v := range sums {
		total += math.Exp(float64(v-sums[best]) * scale)
	}
	return hearing{reason: w.reasons[best], p: float32(1 / total)}
}

// How likely a reason must be by its wording to be taken where the grammar
// finds none, and to go before what the grammar found.
const (
	likely = 0.4
	sure   = 0.8
)

// commonplace reasons are worded as in logs of any trade. Where nothing of an
// entry is ours, they must be sure.
var commonplace = map[analyzer.Reason]bool{
	analyzer.MalformedToken: true, analyzer.MalformedKey: true, analyzer.InvalidClaim: true, analyzer.ConfigInvalid: true,
	analyzer.UpstreamAuthUnavailable: true, analyzer.IssuerDiscoveryFailed: true, analyzer.SessionExpired: true,
}

// tells reports whether a hearing names a reason.
func (g hearing) tells() bool { return g.reason != "" && g.reason != analyzer.Unspecified }

// weighed is v or what the wording says instead, in an entry that speaks of
// near.
func (v verdict) weighed(g hearing, near thing) verdict {
	need := float32(likely)
	if near&ours == 0 && commonplace[g.reason] {
		need = sure
	}
	switch {
	case v.strength == definite && g.p < sure, g.p < need, !g.tells():
		return v
	case g.p >= sure:
		return verdict{reason: g.reason, strength: definite, part: g.part}
	}
	return verdict{reason: g.reason, strength: loose, part: g.part}
}

// complaints are the signs of which one must stand in a line that is heard.
const complaints = complain | expired | tooLate | tooEarly | inFuture | tooOld | inactive | revoked | replayed | isNone | required | tooShort | tooLong | limited | several | holdsNo | unset

// hears reports whether a line speaks of something, complains, and is not of
// another trade.
func (s sense) hears() bool {
	return s.things != 0 && s.signs&complaints != 0 && s.signs&(trade|elsewhere) == 0
}

// heardWords bounds the words of a line that are weighed.
const heardWords = 60

// wordings gives emit every key of a line; emit must not keep it. A key may
// come more than once.
func (l *line) wordings(emit func(key []byte)) {
	var f folded
	f.fold(l.text)
	var key []byte
	give := func(parts ...string) {
		key = key[:0]
		for _, p := range parts {
			key = append(key, p...)
		}
		emit(key)
	}
	words := heard(f.b)
	before := "^"
	for _, w := range words {
		give(w)
		give(before, " ", w)
		if len(w) > 6 {
			give(w[:5], "*")
		}
		before = w
	}
	give(before, " $")
	if len(words) < 4 {
		give("|short")
	}
	give("|always")
	if n := len(l.clauses); n > 1 {
		f.fold(l.clauses[n-1].text)
		for _, w := range heard(f.b) {
			give("last|", w)
		}
	}
	for _, got := range l.senses {
		for t := got.things; t != 0; t &= t - 1 {
			a := thingNames[bits.TrailingZeros64(uint64(t))]
			give("|", a)
			for g := got.signs &^ filler; g != 0; g &= g - 1 {
				give("|", a, "|", signNames[bits.TrailingZeros64(uint64(g))])
			}
		}
		for g := got.signs; g != 0; g &= g - 1 {
			give("||", signNames[bits.TrailingZeros64(uint64(g))])
		}
	}
}

// heard cuts a folded line into its words. Those with digits say nothing, but
// for the names of algorithms and forms.
func heard(b []byte) []string {
	words := strings.FieldsFunc(string(b), func(c rune) bool { return !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c > 127) })
	words = slices.DeleteFunc(words, func(w string) bool {
		return strings.ContainsAny(w, "0123456789") && !slices.ContainsFunc(digitWords, func(head string) bool { return strings.HasPrefix(w, head) })
	})
	return words[:min(len(words), heardWords)]
}

// digitWords are how words begin whose digits belong to them.
var digitWords = []string{"hs", "rs", "es", "x5", "base64", "oauth2"}

// Names of the things and signs, in their order: keys of wording.txt.
var (
	thingNames = strings.Fields("token jwt auth signature algorithm key crypto kid jwks secret issuer audience subject nonce state claim time exp nbf iat age type kind hash header scheme form datatype " +
		"crit binding encrypted discovery scope session login user config certificate introspection csrf document keys shape refresh jwk std store custom")
	signNames = strings.Fields("expired too-late too-early in-future too-old inactive revoked replayed none unsupported lacking required not-found unknown differs expects too-short too-long fetching broken " +
		"negated fails check-failed denied limited several holds-no unset either other-trade elsewhere unlike success hypothesis filler")
)
