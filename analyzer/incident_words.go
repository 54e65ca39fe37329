package analyzer

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// What an incident tells a person: what speaks for and against it, what to do,
// and the sentence that sums it up.

// evidence lists what speaks for and against, the proof first.
func (sc *scene) evidence(in *Incident, k *conclusion) {
	for _, r := range k.results {
		in.For = append(in.For, fmt.Sprintf("probe %s: %s", r.Probe, r.Detail))
	}
	in.For = append(in.For, k.lines...)
	shown := k.complaints[:min(len(k.complaints), maxWeighed)]
	speak := slices.Concat(k.proof, k.cause.supports)
	if k.verdict == Ambiguous {
		speak = append(speak, factRotation, factDeploy, factPeersSound, factSeveral, factOneClient, factStrangers, factSomeInstances)
	}
	in.For = append(in.For, spoken(shown, speak)...)
	in.Against = append(in.Against, spoken(shown, slices.Concat(k.cause.against, k.cause.doubts))...)
	for _, c := range shown[:min(len(shown), 1)] {
		in.Against = append(in.Against, sc.coincidences(c, k)...)
	}
	if len(k.refuted) > 0 {
		words := "probes rule out " + strings.Join(slices.Compact(slices.Sorted(slices.Values(k.refuted))), ", ")
		if k.verdict == Ambiguous {
			in.Against = append(in.Against, words) // some of its candidates
		} else {
			in.For = append(in.For, words) // its rivals
		}
	}
	if len(k.complaints) == 0 && !strings.HasPrefix(string(k.cause.ID), "meta.") {
		in.Against = append(in.Against, "no user was seen to be refused for it yet")
	}
}

// spoken are the words of the facts that hold. Of several services, the words
// that are not of all name the service that they are of.
func spoken(complaints []*complaint, facts []*fact) []string {
	var out []string
	of := map[string][]string{}
	for _, f := range facts {
		if f == factSeveral && len(complaints) > 1 {
			continue // the list of services says so
		}
		for _, c := range complaints {
			t := c.tell(f)
			if t.answer != yes || t.words == "" || slices.Contains(of[t.words], c.service.Name) {
				continue
			}
			if of[t.words] == nil {
				out = append(out, t.words)
			}
			of[t.words] = append(of[t.words], c.service.Name)
		}
	}
	for i, words := range out {
		if n := len(of[words]); n < len(complaints) {
			out[i] = list(of[words]) + ": " + words
		}
	}
	return out
}

// coincidencesShown is how many changes are listed that have no part.
const coincidencesShown = 3

// coincidences are the changes near the onset that have no part in the cause,
// the closest ones.
func (sc *scene) coincidences(c *complaint, k *conclusion) []string {
	if k.verdict == Ambiguous || k.cause.Level == LevelInfo {
		return nil
	}
	rotation, taken := c.rotation()
	var part []rest // the changes that have a part
	for _, f := range slices.Concat(k.proof, k.cause.supports) {
		part = append(part, c.tell(f).rests...)
	}
	var near []*Change
	for _, ch := range sc.changes {
		if ch == rotation || ch == taken || slices.Contains(part, rest{ch.ref(), true}) || slices.Contains(part, rest{ch.ref(), false}) || ch.concerns(c.service) || ch.isFirst() || !ch.made() ||
			!ch.At.After(c.onset().Add(-sc.cfg.Near)) || ch.At.After(c.horizon()) {
			continue
		}
		if rotation != nil && ch.Kind == RevisionDeployed && ch.At.After(rotation.At) && slices.ContainsFunc(sc.verifiers(), func(s Service) bool { return ch.concerns(s) }) {
			continue // it takes up the rotation
		}
		near = append(near, ch)
	}
	var out []string
	for _, ch := range near[max(0, len(near)-coincidencesShown):] {
		out = append(out, ch.told()+" is close in time; nothing else ties it to this")
	}
	if n := len(near) - coincidencesShown; n > 0 {
		out = append(out, fmt.Sprintf("%d earlier changes are close in time as well", n))
	}
	return out
}

// made reports whether a change is something that somebody did, rather than
// what followed or what a probe made out.
func (c *Change) made() bool {
	switch c.Kind {
	case InstanceStarted, SecretAccessed, SecretLoaded, KeySetRefreshed, ValueChanged, DriftBegan, DriftEnded:
		return false
	}
	return true
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
	if len(k.complaints) == 0 {
		return who + ": " + k.cause.Means + " (" + string(in.Cause) + "); nobody was refused for it yet"
	}
	says := k.complaints[0].family.says
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
