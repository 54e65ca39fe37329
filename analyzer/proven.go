package analyzer

import (
	"slices"
	"time"
)

// What probe results say of causes: which they show, rule out, or would show.

// tells reports whether a result shows a cause by itself. Unknown never does.
func (r *ProbeResult) tells() bool {
	return r.Cause != "" && (r.Status == StatusFail || r.Status == StatusWarn)
}

// about reports whether a result is of a service or of its whole domain.
func (r *ProbeResult) about(s Service) bool {
	return r.Service.Name == "" || r.Service.Name == s.Name && (r.Service.Environment == "" || r.Service.Environment == s.Environment)
}

// refuted reports whether the latest result that speaks of the cause at s
// rules it out.
func (sc *scene) refuted(cause Cause, s Service, since time.Time) bool {
	for i := len(sc.results) - 1; i >= 0; i-- {
		r := sc.results[i]
		if !r.about(s) || r.Status == StatusUnknown || r.At.Before(since) {
			continue
		}
		if r.tells() && sc.shown(r) == cause {
			return false
		}
		if slices.Contains(r.Refutes, cause) {
			return true
		}
	}
	return false
}

// proof are the probe results that only the cause predicts, seen shortly
// before the complaint, while it stood or since. That all is as it should be
// must have been seen since it began.
func (sc *scene) proof(info *CauseInfo, c *complaint) []*ProbeResult {
	var out []*ProbeResult
	since := c.onset().Add(-sc.cfg.Quiet)
	if info.Level == LevelInfo {
		since = c.horizon()
	}
	for _, r := range sc.results {
		if r.tells() && sc.shown(r) == info.ID && (r.about(c.service) || info.shared && sc.signs(r.Service)) && !r.At.Before(since) {
			out = append(out, r)
		}
	}
	return out
}

// signs reports whether a service mints tokens of the key domain.
func (sc *scene) signs(s Service) bool { return s.Name != "" && slices.Contains(sc.signers(), s.Name) }

// provenAtSigner reports whether a probe found the fault at a signer: that a
// verifier is set up as declared says nothing against it then.
func (sc *scene) provenAtSigner(info *CauseInfo, proof []*ProbeResult) bool {
	return info.shared && slices.ContainsFunc(proof, func(r *ProbeResult) bool { return sc.signs(r.Service) })
}

// patience is how old the latest look of a probe may be for another one to be
// worth waiting for.
const patience = 10 * time.Minute

// awaits reports whether a probe that would see the cause looks at the service
// from time to time, and has not since the complaint began.
func (sc *scene) awaits(info *CauseInfo, c *complaint) bool {
	if len(info.waits) == 0 {
		return false
	}
	latest := time.Time{}
	for _, r := range sc.results {
		if r.Status != StatusUnknown && r.about(c.service) && slices.Contains(info.waits, r.Probe) {
			latest = later(latest, r.At)
		}
	}
	return !latest.IsZero() && latest.Before(c.began()) && sc.now.Sub(latest) < patience
}

// muffled finds the fault of the service's own key that a probe saw while
// regular callers are refused for want of a token: many services treat a token
// that does not verify as none, and say so.
func (sc *scene) muffled(c *complaint) *ProbeResult {
	if c.family.unknown != "form.missing" || !c.holds(factAcceptedFell) {
		return nil
	}
	for _, r := range sc.results {
		if r.tells() && r.Service.Name != "" && r.about(c.service) && !r.At.Before(c.onset().Add(-sc.cfg.Quiet)) && sc.shown(r).verifies() {
			return r
		}
	}
	return nil
}

// verifies reports whether a cause makes a service refuse signatures.
func (c Cause) verifies() bool {
	info := c.Info()
	return info.Level != LevelInfo && slices.Contains(info.Reasons, BadSignature)
}
