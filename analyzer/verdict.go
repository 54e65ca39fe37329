package analyzer

import "slices"

// conclude weighs every cause that may print the complaint's reasons.
func (sc *scene) conclude(c *complaint) *conclusion {
	k := &conclusion{verdict: Ambiguous, complaints: []*complaint{c}}
	if r := sc.muffled(c); r != nil {
		info := sc.shown(r).Info()
		k.cause, k.verdict, k.results, k.candidates = &info, Confirmed, []*ProbeResult{r}, []Cause{info.ID}
		return k
	}
	type rated struct {
		cause  *CauseInfo
		points int
	}
	var open []rated
	for i := range causes {
		info := &causes[i]
		if !info.about(c) {
			continue
		}
		proof := sc.proof(info, c)
		// An instance that does not start cannot be probed: the sound one that
		// was is another.
		if !sc.provenAtSigner(info, proof) && c.reasons[StartupEmptyCritical] == 0 && sc.refuted(info.ID, c.service, c.onset()) {
			k.refuted = append(k.refuted, string(info.ID))
			continue
		}
		against := c.first(info.against)
		verdict, facts := c.verdict(info, proof, against)
		if better(verdict, k) {
			k.cause, k.verdict, k.results, k.proof = info, verdict, proof, facts
		}
		if against == nil || verdict == Confirmed {
			open = append(open, rated{info, c.points(info)})
		}
	}
	slices.SortStableFunc(open, func(a, b rated) int { return b.points - a.points })
	for _, r := range open {
		k.candidates = append(k.candidates, r.cause.ID)
	}
	if k.verdict == Ambiguous {
		info := c.family.unknown.Info()
		info.Level = c.level()
		k.cause = &info
	} else {
		k.candidates = front(k.candidates, k.cause.ID)
	}
	return k
}

// better reports whether a verdict outdoes what k holds; of equals, the one
// that comes first in the catalogue stays.
func better(v Verdict, k *conclusion) bool {
	return sureness(v) > sureness(k.verdict)
}

func sureness(v Verdict) int { return slices.Index([]Verdict{Ambiguous, Probable, Confirmed}, v) }

// first is the first of the facts that holds, or nil.
func (c *complaint) first(facts []*fact) *fact {
	for _, f := range facts {
		if c.holds(f) {
			return f
		}
	}
	return nil
}

// verdict is decided by what evidence is present, never by wording.
func (c *complaint) verdict(info *CauseInfo, proof []*ProbeResult, against *fact) (Verdict, []*fact) {
	// That all is as it should be is no explanation of what should not be.
	harmless := info.Level == LevelInfo && against != nil
	if len(proof) > 0 && !harmless || info.observed {
		return Confirmed, nil
	}
	if against != nil || c.scene.awaits(info, c) {
		return Ambiguous, nil
	}
	for _, alternative := range info.needs {
		if !slices.ContainsFunc(alternative, func(f *fact) bool { return !c.holds(f) }) {
			return Probable, alternative
		}
	}
	return Ambiguous, nil
}

// points orders candidates: what supports a cause, and what of an alternative
// holds already.
func (c *complaint) points(info *CauseInfo) int {
	n, best := 0, 0
	for _, f := range info.supports {
		if c.holds(f) {
			n++
		}
	}
	for _, alternative := range info.needs {
		k := 0
		for _, f := range alternative {
			if c.holds(f) {
				k++
			}
		}
		best = max(best, k)
	}
	return n + best
}
