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
