package analyzer

import (
	"fmt"
	"slices"
	"strings"
	"time"

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

// evidence lists what speaks for and against, the proof first.
func (sc *scene) evidence(in *Incident, k *conclusion) {
	for _, r := range k.results {
		in.For = append(in.For, fmt.Sprintf("probe %s: %s", r.Probe, r.Detail))
	}
	in.For = append(in.For, k.lines...)
	said := map[string]bool{}
	say := func(to *[]string, words string) {
		if words != "" && !said[words] {
			said[words] = true
			*to = append(*to, words)
		}
	}
	for _, c := range k.complaints[:min(len(k.complaints), maxWeighed)] {
		for _, f := range slices.Concat(k.proof, k.cause.supports) {
			if t := c.tell(f); t.answer == yes {
				say(&in.For, t.words)
			}
		}
		if k.verdict == Ambiguous {
			for _, f := range []*fact{factRotation, factDeploy, factPeersSound, factSeveral, factOneClient, factStrangers, factSomeInstances} {
				if t := c.tell(f); t.answer == yes {
					say(&in.For, t.words)
				}
			}
		}
		for _, f := range slices.Concat(k.cause.against, k.cause.doubts) {
			if t := c.tell(f); t.answer == yes {
				say(&in.Against, t.words)
			}
		}
		sc.coincidences(c, k, func(words string) { say(&in.Against, words) })
	}
	for _, w := range k.refuted {
		say(&in.Against, w)
	}
	if len(k.complaints) == 0 && !strings.HasPrefix(string(k.cause.ID), "meta.") {
		say(&in.Against, "no user was seen to be refused for it yet")
	}
}

// coincidences are the changes near the onset that have no part in the cause.
func (sc *scene) coincidences(c *complaint, k *conclusion, say func(string)) {
	rotation, taken := c.rotation()
	for _, ch := range sc.changes {
		if ch == rotation || ch == taken || ch.Kind == InstanceStarted || ch.Kind == SecretAccessed || ch.Kind == SecretLoaded || ch.Kind == KeySetRefreshed || ch.concerns(c.service) ||
			!ch.At.After(c.onset().Add(-sc.cfg.Near)) || ch.At.After(c.horizon()) || k.verdict == Ambiguous {
			continue
		}
		if rotation != nil && ch.Kind == RevisionDeployed && ch.At.After(rotation.At) && slices.ContainsFunc(sc.verifiers(), func(s Service) bool { return ch.concerns(s) }) {
			continue // it takes up the rotation
		}
		say(ch.told() + " is close in time; nothing else ties it to this")
	}
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

// steps are the cause's, in order, with names filled in.
func (sc *scene) steps(k *conclusion, services []string) []string {
	secret := "the secret"
	if sc.domain != nil && sc.domain.Secret != "" {
		secret = "secret " + shortName(sc.domain.Secret)
	}
	for _, c := range k.complaints {
		if r, _ := c.rotation(); r != nil && r.Target != "" && (sc.domain == nil || sc.domain.Secret == "") {
			secret = "secret " + r.Target
		}
	}
	fill := strings.NewReplacer("{services}", list(services), "{secret}", secret, oldAlive, sc.until(k))
	do := k.cause.Do
	if k.verdict == Ambiguous {
		do = nil
		for _, c := range k.candidates[:min(len(k.candidates), 3)] {
			info := c.Info()
			if len(info.Do) > 0 {
				do = append(do, fmt.Sprintf("if %s: %s", c, info.Do[0]))
			}
		}
		if len(k.complaints) > 0 {
			do = append([]string{"first, to tell them apart: " + k.complaints[0].family.probe(services)}, do...)
		}
	}
	out := []string{}
	for _, s := range do {
		out = append(out, fill.Replace(s))
	}
	return out
}

// oldAlive stands in the steps of the catalogue for the time that until tells.
const oldAlive = "until no token signed with it is alive"

// until says when the version of before a rotation may go: when the last token
// that was signed with it has expired.
func (sc *scene) until(k *conclusion) string {
	moved := time.Time{}
	who := ""
	for _, c := range k.complaints {
		r, _ := c.rotation()
		if r == nil {
			continue
		}
		for _, name := range sc.signers() {
			x := last(sc.index[name], r.At, sc.now, nil, InstanceStarted, RevisionDeployed, SecretLoaded)
			if x != nil && x.At.After(moved) {
				moved, who = x.At, name
			}
		}
	}
	switch ttl := time.Duration(0); {
	case who == "":
		return oldAlive
	case sc.domain != nil && sc.domain.TokenTTL > 0:
		ttl = sc.domain.TokenTTL
		return fmt.Sprintf("until %s: %s signs with the new one since %s, and tokens live for %s", clock(moved.Add(ttl)), who, clock(moved), ttl)
	}
	return fmt.Sprintf("until the longest token lifetime has passed since %s, when %s took the new one up", clock(moved), who)
}

// plural makes a family's verb agree with several services.
var plural = strings.NewReplacer("refuses ", "refuse ", "has no", "have no", "holds a", "hold a", "is shielded", "are shielded", "writes ", "write ", "cannot verify", "cannot verify",
	"it does not have", "they do not have", "is called", "are called", "meets ", "meet ", "its identity", "their identity", "the service runs", "the services run")

// summary is one sentence that a tired person understands.
func (in *Incident) summary(k *conclusion) string {
	who := strings.Join(in.Services[:min(len(in.Services), 4)], ", ")
	if n := len(in.Services) - 4; n > 0 {
		who += fmt.Sprintf(" and %d more", n)
	}
	if who == "" {
		who = in.KeyDomain
	}
	if k.cause.ID == "meta.pipeline_gap" {
		if in.Verdict == Ambiguous {
			return "nothing is logged by " + who + " any more: it is idle, or its log is cut; its rates are unknown"
		}
		return "nothing is logged by " + who + " any more, which answers all the same; its rates are unknown"
	}
	says := "would refuse users"
	if len(k.complaints) > 0 {
		says = k.complaints[0].family.says
	} else {
		return who + ": " + k.cause.Means + " (" + string(in.Cause) + "); nobody was refused for it yet"
	}
	if len(in.Services) > 1 {
		says = plural.Replace(says)
	}
	s := who + " " + says
	switch {
	case in.Verdict != Ambiguous:
		return fmt.Sprintf("%s; %s cause: %s (%s)", s, in.Verdict, k.cause.Means, in.Cause)
	case len(in.Candidates) > 1:
		return fmt.Sprintf("%s; what was seen cannot tell which of %d causes it is", s, len(in.Candidates))
	}
	return s
}
