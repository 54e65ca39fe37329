package rules

import "slices"

// stays is what a word keeps inside a longer one: the token of "token type" is
// one, the key of "secret key" and the user of "user claims" are not.
const stays = aToken | isJWT | aClaim | anIssuer | anAudience | aSubject | anAlgorithm | aKeyID

// span is one word of the vocabulary in a text.
type span struct {
	lo, hi int
	sense
}

// senseOf collects what the words of a text mean, and how many words it holds
// that mean nothing here. A word inside a longer one of the same kind says
// nothing of its own: "not yet valid" is no "not", "json web token" no "json".
func (s *Set) senseOf(text string) (got sense, strange int) {
	var f folded
	f.fold(text)
	var room [96]hit
	var spanRoom [64]span
	spans := spanRoom[:0]
	for _, h := range s.words.scan(f.b, room[:0]) {
		p := &s.patterns[h.pattern]
		if p.word == (sense{}) && p.stem == (sense{}) {
			continue
		}
		lo, hi := int(h.end)-len(p.literal), int(h.end)
		if !edge(f.b, lo) || p.literal[0] <= '9' && lo > 0 && f.b[lo-1] == '.' { // 5.429 s is no 429
			continue
		}
		if p.word != (sense{}) && edge(f.b, hi) {
			spans = append(spans, span{lo, hi, p.word})
		}
		if p.stem != (sense{}) {
			for hi < len(f.b) && wordByte(f.b[hi]) {
				hi++
			}
			spans = append(spans, span{lo, hi, p.stem})
		}
	}
	known := make([]bool, len(f.b))
	first, sign := -1, -1
	for i, sp := range spans {
		things, signs := ^thing(0), true
		for j, o := range spans {
			if i != j && o.lo <= sp.lo && sp.hi <= o.hi && o.hi-o.lo > sp.hi-sp.lo {
				if o.things != 0 {
					things = stays
				}
				signs = signs && o.signs == 0
				sp.signs &^= otherTrade | elsewhere // a discovery document is no document
			}
		}
		sp.things &= things
		if sp.things&(aToken|isJWT) == aToken && qualified(f.b, sp.lo, spans) {
			sp.things = 0
		}
		if sp.things != 0 && (first < 0 || sp.lo < first) {
			first, got.lead = sp.lo, sp.things
		}
		if signs && sp.signs&^filler != 0 && (sign < 0 || sp.lo < sign) {
			sign = sp.lo
		}
		got.things |= sp.things
		if signs {
			got.signs |= sp.signs
		}
		for k := sp.lo; k < sp.hi; k++ {
			known[k] = true
		}
	}
	if sign >= 0 && sign < first {
		got.lead = 0
	}
	for i := 0; i < len(f.b); i++ {
		if f.b[i] >= 'a' && f.b[i] <= 'z' && !known[i] && (i == 0 || !wordByte(f.b[i-1])) {
			strange++
		}
	}
	return got, strange
}

// qualified reports whether the word before lo makes it another thing: a
// parking token, a gift token. Words of the vocabulary do not.
func qualified(b []byte, lo int, spans []span) bool {
	if lo < 2 || b[lo-1] != ' ' {
		return false
	}
	end := lo - 1
	start := end
	for start > 0 && b[start-1] >= 'a' && b[start-1] <= 'z' {
		start--
	}
	if start == end || start > 0 && wordByte(b[start-1]) {
		return false
	}
	return !slices.ContainsFunc(spans, func(s span) bool { return s.lo <= start && end <= s.hi })
}
