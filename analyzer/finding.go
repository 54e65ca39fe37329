package analyzer

// Outcome is one authentication decision.
type Outcome uint8

// The outcomes. OutcomeNone means that the entry tells of no decision.
const (
	OutcomeNone Outcome = iota
	OutcomeAccepted
	OutcomeRefused
)

// String returns the word of the classify contract: none, accepted, refused.
func (o Outcome) String() string {
	switch o {
	case OutcomeAccepted:
		return "accepted"
	case OutcomeRefused:
		return "refused"
	}
	return "none"
}

// Match tells how a finding was reached.
type Match string

// MatchExact: a rule of a pack knows this text. MatchGeneric: the generic
// layer read its structure.
const (
	MatchExact   Match = "exact"
	MatchGeneric Match = "generic"
)

// Classification is all that a Classifier can say of one entry.
type Classification struct {
	Outcome  Outcome
	Reasons  []Reason // primary first; empty when the entry carries no finding
	Rule     string   // pack/rule of the primary reason
	Library  string   // who printed the text, when the rule knows
	Match    Match
	Captures map[string]string // kid, alg, iss, aud, expected, actual, delta, env, secret, host, …; redacted
	Text     string            // the part of the entry that says so; redacted
	Change   *Change           // nil unless the entry tells of a change
	// Stack tells whether the entry is part of a traceback that was cut into
	// many entries.
	Stack StackPart
	// Unmatched is true when the text looks like an authentication failure
	// and no rule claims it.
	Unmatched bool
}

// StackPart is the part that an entry plays in a traceback of many entries.
type StackPart uint8

// The parts. A traceback often follows a line that tells the same failure;
// its end then counts once with that line, never twice.
const (
	StackNone  StackPart = iota
	StackStart           // "Traceback (most recent call last):" and its like
	StackEnd             // the bare line that names the exception
)

// Primary returns the first reason, or "" when there is none.
func (c *Classification) Primary() Reason {
	if len(c.Reasons) == 0 {
		return ""
	}
	return c.Reasons[0]
}

// Classifier says what an entry means. Package rules implements it.
type Classifier interface {
	// Screen reports whether a payload text may carry a finding, an outcome
	// or a change. It runs on every entry with a payload, must not allocate
	// and may only err towards true.
	Screen(text []byte) bool
	// Classify reads a whole entry. It is safe for concurrent use.
	Classify(e *Entry) Classification
}
