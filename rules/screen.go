package rules

// Weights of patterns in the screen. A rule's own literal lets an entry
// through by itself; of the generic layer's words it takes a subject (token,
// signature, secret) and a complaint (invalid, expired, missing).
const (
	weighNothing   uint8 = 0
	weighSubject   uint8 = 1
	weighComplaint uint8 = 2
	weighEnough    uint8 = 3
)

// Screen reports whether a payload text may matter. It folds while it reads,
// does not allocate, and stops at the first text that is enough.
func (s *Set) Screen(text []byte) bool {
	a := s.words
	state, weight := int32(0), uint8(0)
	space := true
	for i := 0; i < len(text); i++ {
		c := foldTable[text[i]]
		if c == foldSpace {
			if space {
				continue
			}
			space = true
		} else if c == foldSkip {
			continue
		} else {
			space = c == '\n'
			if c == 0xE2 && typographic(text[i:]) {
				c = '\''
				i += 2
			}
		}
		if state = a.step(state, a.class[c]); state < 0 {
			state = -state
			if weight |= s.weight[state]; weight == weighEnough {
				return true
			}
		}
	}
	return false
}
