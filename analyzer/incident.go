package analyzer

import (
	"fmt"
	"slices"

	"github.com/zeebo/xxh3"
)

// incident puts a conclusion into words.
func (sc *scene) incident(k *conclusion, affected []string) Incident {
	in := Incident{
		Cause: k.cause.ID, Verdict: k.verdict, Candidates: slices.Clone(k.candidates), KeyDomain: sc.name, Environment: sc.env, Severity: k.cause.Level,
		For: []string{}, Against: []string{}, Services: []string{}, Do: []string{},
	}
	if in.Candidates == nil {
		in.Candidates = []Cause{in.Cause}
	}
	sc.whenAndWho(&in, k)
	for _, name := range affected {
		if !slices.Contains(in.Services, name) {
			in.Services = append(in.Services, name)
			in.For = append(in.For, name+" is affected: its failures began with these")
		}
	}
	sc.evidence(&in, k)
	in.Evidence = sc.weighed(k)
	sc.severity(&in, k)
	slices.Sort(in.Services)
	if k.verdict != Confirmed && len(k.complaints) > 0 {
		in.NextProbe = k.complaints[0].family.probe(in.Services)
	} else if k.verdict != Confirmed {
		in.NextProbe = familyOf(BadSignature).probe(in.Services)
		if k.cause.ID == "meta.pipeline_gap" {
			in.NextProbe = "fingerprint of " + list(in.Services) + ": does it answer?" + byValidate
		}
	}
	in.Do = sc.steps(k, in.Services)
	in.ID = sc.id(k, in.Services)
	in.Summary = in.summary(k)
	return in
}

// id names an incident by what does not change while it is understood better:
// the complaint that it began with, in its key domain. A fault that nobody has
// met yet has only its cause.
func (sc *scene) id(k *conclusion, services []string) string {
	what := string(k.cause.ID)
	if len(k.complaints) > 0 {
		first := k.complaints[0]
		for _, c := range k.complaints {
			if c.from < first.from || c.from == first.from && c.began().Before(first.began()) {
				first = c
			}
		}
		what = first.family.name + "\x00" + first.service.Name
	} else if len(services) > 0 {
		what += "\x00" + services[0]
	}
	return fmt.Sprintf("%012x", xxh3.HashString(what+"\x00"+sc.name+"\x00"+sc.env)>>16)
}

// whenAndWho fills in times, counts and services.
func (sc *scene) whenAndWho(in *Incident, k *conclusion) {
	quiet, more := true, int64(0)
	for i, c := range k.complaints {
		if i == 0 || c.onset().Before(in.Opened) {
			in.Opened = c.onset()
		}
		if c.end().After(in.LastSeen) {
			in.LastSeen = c.end()
		}
		quiet = quiet && c.quiet
		in.Count += c.count
		in.Rate, in.Baseline = max(in.Rate, c.share), max(in.Baseline, c.baseline)
		if !slices.Contains(in.Services, c.service.Name) {
			in.Services = append(in.Services, c.service.Name)
		}
		for _, r := range c.family.reasons {
			if n := c.reasons[r]; n > 0 && i >= maxWeighed {
				more += n
			} else if n > 0 {
				in.For = append(in.For, fmt.Sprintf("%s: %d × %s since %s (%s of its decisions)", c.service.Name, n, r, clock(c.onset()), percent(c.share)))
			}
			if len(in.Exemplars) < maxExemplars {
				in.Exemplars = append(in.Exemplars, c.exemplars(r)...)
			}
		}
	}
	if more > 0 {
		in.For = append(in.For, fmt.Sprintf("%d more services: %d failures of the same sort", len(k.complaints)-maxWeighed, more))
	}
	for _, r := range k.results {
		if in.Opened.IsZero() || len(k.complaints) == 0 && r.At.Before(in.Opened) {
			in.Opened = r.At.UTC()
		}
		if r.At.After(in.LastSeen) {
			in.LastSeen = r.At.UTC()
		}
		if name := r.Service.Name; name != "" && !slices.Contains(in.Services, name) {
			in.Services = append(in.Services, name)
		}
	}
	for _, name := range k.services {
		if !slices.Contains(in.Services, name) {
			in.Services = append(in.Services, name)
		}
	}
	if in.Opened.IsZero() {
		in.Opened = k.at.UTC()
	}
	if in.LastSeen.IsZero() {
		in.LastSeen = sc.now.UTC()
	}
	if quiet && len(k.complaints) > 0 && (len(k.results) == 0 || sc.cleared(k)) {
		at := in.LastSeen
		in.Resolved = &at
	}
	in.Exemplars = in.Exemplars[:min(len(in.Exemplars), maxExemplars)]
}

// maxExemplars is how many entries an incident shows.
const maxExemplars = 5

// cleared reports whether the probes that showed the cause were followed by
// sound ones.
func (sc *scene) cleared(k *conclusion) bool {
	for _, r := range k.results {
		if !slices.ContainsFunc(sc.results, func(x *ProbeResult) bool {
			return x.Probe == r.Probe && x.Target == r.Target && x.Service == r.Service && x.At.After(r.At) && x.Status == StatusOK
		}) {
			return false
		}
	}
	return true
}

// severity is the cause's own, less when few are hit or nobody yet.
func (sc *scene) severity(in *Incident, k *conclusion) {
	silent := len(k.complaints) == 0
	warned := silent && len(k.results) > 0 && !slices.ContainsFunc(k.results, func(r *ProbeResult) bool { return r.Status == StatusFail })
	if warned && severityRank(in.Severity) > severityRank(LevelWarning) {
		in.Severity = LevelWarning
	}
	if k.verdict != Ambiguous {
		return
	}
	oneClient, ordinary := len(k.complaints) > 0, len(k.complaints) > 0
	for _, c := range k.complaints {
		if c.small {
			continue
		}
		oneClient = oneClient && c.holds(factOneClient)
		ordinary = ordinary && c.family.unknown == "meta.unclassified" && c.holds(factSteady)
	}
	if oneClient || ordinary {
		in.Severity = LevelInfo
	}
}
