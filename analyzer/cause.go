package analyzer

import "slices"

// CauseInfo is what is known of a cause: one entry of the catalogue. Adding a
// cause is adding an entry and a story that tests it.
type CauseInfo struct {
	ID    Cause
	Means string // one clause: what is wrong
	Level Level  // of its incidents
	// Reasons are what entries say when it stands. A cause without reasons
	// is silent: only a probe sees it.
	Reasons []Reason
	// Confirmed by: what a probe sees that only this cause predicts.
	Confirms string
	// Explains are the causes whose incidents are its consequences, at any
	// service of the key domain; ExplainsHere those at its own services.
	Explains, ExplainsHere []Cause
	// Do are the steps to take, in order. {services} and {secret} are
	// replaced.
	Do []string

	// needs are alternatives; all facts of one of them together make the
	// cause probable. They rest on at least two kinds of evidence.
	needs [][]*fact
	// supports move it up among the candidates.
	supports []*fact
	// against rule it out, whatever else speaks for it, until a probe says
	// otherwise.
	against []*fact
	// doubts speak against it without ruling it out.
	doubts []*fact
	// says is what services do whose entries carry Reasons, where these belong
	// to no family: they make no complaint before a probe has shown the cause.
	says string
	// observed: the entry itself is the proof, not a sign of it.
	observed bool
	// waits are the kinds of probe that would see it: where they look, what
	// the log lets suppose is not told as probable before they did.
	waits []string
	// shared: the fault lies with what several services use, such as the one
	// who mints their tokens: what a probe finds there is the proof wherever
	// tokens are refused, and undecided complaints that it may explain are its.
	shared bool
}

// causes are in order of precedence: of two that are equally sure the earlier
// one is the diagnosis (the platform's gate before a missing secret, material
// before rotation, rotation before time, the client last).
var causes = slices.Concat(platformCauses, secretCauses, keyCauses, rotationCauses, driftCauses, keySetCauses, timeCauses, claimCauses, clientCauses, formCauses, metaCauses)

// Causes returns the catalogue of causes, in order of precedence.
func Causes() []CauseInfo { return slices.Clone(causes) }

// Info returns the catalogue's entry for c. A cause that the catalogue does
// not know, such as one that a probe of another domain names, gets one that
// says no more than that.
func (c Cause) Info() CauseInfo {
	if i := c.rank(); i < len(causes) {
		return causes[i]
	}
	return CauseInfo{ID: c, Means: string(c), Level: LevelError}
}

// rank is the place of a cause in the order of precedence.
func (c Cause) rank() int {
	if i := slices.IndexFunc(causes, func(k CauseInfo) bool { return k.ID == c }); i >= 0 {
		return i
	}
	return len(causes)
}

// about reports whether the cause may print what the complaint is of.
func (k *CauseInfo) about(c *complaint) bool {
	return slices.ContainsFunc(k.Reasons, func(r Reason) bool { return c.reasons[r] > 0 })
}
