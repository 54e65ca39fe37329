package analyzer

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// DiagnosisConfig says when failures are worth an incident, and what is known
// beside the logs.
type DiagnosisConfig struct {
	MinCount   int64         // failures of one family before anything opens; 0 means 5
	MinShare   float64       // refused share (lower bound of its 95 % interval) where a denominator exists; 0 means 0.01
	Quiet      time.Duration // an incident without failures for so long is resolved; 0 means 15 minutes
	Near       time.Duration // how far a change may lie before the onset it is weighed for; 0 means 15 minutes
	KeyDomains []KeyDomain
	// Probes are the latest results, one for each probe, target and service.
	Probes []ProbeResult
}

func (c DiagnosisConfig) defaults() DiagnosisConfig {
	if c.MinCount <= 0 {
		c.MinCount = 5
	}
	if c.MinShare <= 0 {
		c.MinShare = 0.01
	}
	if c.Quiet <= 0 {
		c.Quiet = 15 * time.Minute
	}
	if c.Near <= 0 {
		c.Near = 15 * time.Minute
	}
	return c
}

// domain names the key domain of a service: as configured, else one for each
// environment.
func (c DiagnosisConfig) domain(s Service) (string, *KeyDomain) {
	for i := range c.KeyDomains {
		if c.KeyDomains[i].Has(s) {
			return c.KeyDomains[i].Name, &c.KeyDomains[i]
		}
	}
	return s.Environment, nil
}

// finding of the diagnosis: what one complaint, or one probe result, comes
// down to.
type conclusion struct {
	cause      *CauseInfo
	verdict    Verdict
	complaints []*complaint
	results    []*ProbeResult // that speak for the cause
	proof      []*fact        // the facts that made it probable
	candidates []Cause
	refuted    []string // causes that a probe rules out
	// What was concluded from changes alone has neither complaints nor
	// results.
	at       time.Time
	services []string
	lines    []string // what speaks for it
	rests    []string // see told
}

// Diagnose puts findings, populations, changes and probe results of each key
// domain side by side and names the cause, or says what is missing. It is a
// function of what is known: the same knowledge gives the same incidents.
func (l *Ledger) Diagnose(cfg DiagnosisConfig) []Incident {
	return diagnose(l.scenes(cfg.defaults()))
}

func diagnose(scenes []*scene) []Incident {
	out := []Incident{}
	for _, sc := range scenes {
		for _, s := range sc.services {
			sc.complaints = append(sc.complaints, sc.complaintsOf(s)...)
		}
		sc.complaints = sc.opened(sc.complaints)
		slices.SortFunc(sc.complaints, compareComplaint)
		sc.byFamily = map[*family][]*complaint{}
		for _, c := range sc.complaints {
			sc.byFamily[c.family] = append(sc.byFamily[c.family], c)
		}
		sc.conclusions()
	}
	relays(scenes)
	for _, sc := range scenes {
		for _, k := range sc.concluded {
			out = append(out, sc.incident(k, sc.affected[k]))
		}
	}
	slices.SortStableFunc(out, func(a, b Incident) int {
		return cmp.Or(severityRank(b.Severity)-severityRank(a.Severity), sureness(b.Verdict)-sureness(a.Verdict), strings.Compare(a.ID, b.ID))
	})
	return out
}

func severityRank(l Level) int {
	return slices.Index([]Level{LevelInfo, LevelWarning, LevelError, LevelCritical}, l)
}

// conclusions concludes for every complaint and every telling probe result,
// puts equal causes together and lets consequences follow their cause.
func (sc *scene) conclusions() {
	var all []*conclusion
	used := map[*ProbeResult]bool{}
	for _, c := range sc.complaints {
		k := sc.conclude(c)
		for _, r := range k.results {
			used[r] = true
		}
		all = append(all, k)
	}
	for _, r := range sc.results {
		if r.tells() && !used[r] && !sc.refuted(sc.shown(r), r.Service, r.At) {
			info := sc.inOverlap(r).Info()
			all = append(all, &conclusion{cause: &info, verdict: Confirmed, results: []*ProbeResult{r}, complaints: sc.ownComplaints(&info, all)})
		}
	}
	all = append(all, sc.latent()...)
	all = append(all, sc.gapsInPipeline()...)
	all = merge(all)
	for _, k := range all {
		k.complaints = append(k.complaints, sc.joined(k)...)
	}
	sc.affected = sc.follow(&all)
	sc.concluded = all
}

// ownComplaints are those of a cause whose reasons make no complaint by
// themselves, such as refused logins: once a probe has shown the cause, they
// are its effect. Of several results of one cause the first has them.
func (sc *scene) ownComplaints(info *CauseInfo, all []*conclusion) []*complaint {
	if info.says == "" || slices.ContainsFunc(all, func(k *conclusion) bool { return k.cause.ID == info.ID }) {
		return nil
	}
	f := &family{name: string(info.ID), reasons: info.Reasons, unknown: info.ID, says: info.says, level: info.Level}
	var out []*complaint
	for _, s := range sc.services {
		if sr := sc.ledger.window.services[s]; sr != nil {
			if c := sc.complaint(s, sr, f); c != nil && !c.small {
				out = append(out, c)
			}
		}
	}
	return out
}

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
		if better(verdict, info, k) {
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

// better reports whether a verdict for info outdoes what k holds; of equals,
// the one that comes first in the catalogue stays.
func better(v Verdict, info *CauseInfo, k *conclusion) bool {
	return sureness(v) > sureness(k.verdict)
}

func sureness(v Verdict) int { return slices.Index([]Verdict{Ambiguous, Probable, Confirmed}, v) }

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
