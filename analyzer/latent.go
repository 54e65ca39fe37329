package analyzer

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What deploys and a secret's history let see before anybody is refused: a
// service that still holds the value of before a rotation, and revisions of
// one key domain that take their key from different places.

// latent returns a conclusion for each cause that is seen so. The verdict is
// probable: when it began and what changed speak for it, no probe has looked.
func (sc *scene) latent() []*conclusion {
	var out []*conclusion
	add := func(cause Cause, level Level, at time.Time, h Holding, words ...string) {
		s := Service{h.Service, h.Environment}
		if sc.complainsOfKey(s, at) || sc.refuted(cause, s, at) || sc.probedSince(s, at) {
			return // what users meet, or a probe, says more
		}
		i := slices.IndexFunc(out, func(k *conclusion) bool { return k.cause.ID == cause })
		if i < 0 {
			info := cause.Info()
			info.Level = level
			out = append(out, &conclusion{cause: &info, verdict: Probable, at: at})
			i = len(out) - 1
		}
		k := out[i]
		k.services = append(k.services, s.Name)
		if at.Before(k.at) {
			k.at = at
		}
		k.lines = append(k.lines, words...)
		k.rests = append(k.rests, h.Evidence...)
	}
	held := sc.holdings()
	sc.latentStale(held, add)
	sc.latentDrift(add)
	return out
}

// probedSince reports whether a probe knows by now which key a service holds,
// or is about to: what it finds wrong is told in its own words.
func (sc *scene) probedSince(s Service, t time.Time) bool {
	latest := time.Time{}
	for _, r := range sc.results {
		if r.Service.Name != s.Name || !r.about(s) || r.Status == StatusUnknown || !slices.Contains(ofKeys, r.Probe) {
			continue
		}
		if r.tells() && r.At.After(t) {
			return true
		}
		latest = later(latest, r.At)
	}
	return !latest.IsZero() && !latest.After(t) && sc.now.Sub(t) < patience
}

type latentFunc func(cause Cause, level Level, at time.Time, h Holding, words ...string)

// complainsOfKey reports whether a service refuses tokens for its key since t.
func (sc *scene) complainsOfKey(s Service, t time.Time) bool {
	return slices.ContainsFunc(sc.complaints, func(c *complaint) bool {
		return c.service == s && !c.end().Before(t) && (slices.Contains(c.family.reasons, BadSignature) || slices.Contains(c.family.reasons, KeyNotFound))
	})
}

// latentStale: a rotation that some services took up and others did not.
func (sc *scene) latentStale(held []Holding, add latentFunc) {
	overlap := sc.cfg.Near
	if sc.domain != nil && sc.domain.Overlap > 0 {
		overlap = sc.domain.Overlap
	}
	taken, evidence := map[string][]string{}, map[string][]string{}
	for _, o := range held {
		if o.took {
			taken[o.Secret] = append(taken[o.Secret], o.Service)
			evidence[o.Secret] = append(evidence[o.Secret], o.Evidence[:min(len(o.Evidence), maxEvidence-min(maxEvidence, len(evidence[o.Secret])))]...)
		}
	}
	for _, h := range held {
		if !h.behind || !h.sure {
			continue
		}
		_, by := newestAt(sc.history(h.Secret), sc.now)
		if by == nil {
			continue
		}
		took, others := taken[h.Secret], evidence[h.Secret]
		if len(took) == 0 {
			continue // nobody took it up: nothing differs yet
		}
		h.Evidence = append(slices.Clone(h.Evidence), others...)
		cause, level, words := Cause("key.stale_cache"), LevelWarning, slices.Clone(h.Why)
		words = append(words, fmt.Sprintf("so %s holds version %s, and %s version %s: it will fail when the signers switch, or with the next partial restart", h.Service, strings.Join(h.Versions, ", "), list(took), h.Newest))
		switch until := by.At.Add(overlap); {
		case !sc.now.After(until):
			cause, level = "rotation.in_progress", LevelInfo
			words = append(words, "the overlap of the rotation lasts until "+clock(until))
		case isPinned(h):
			cause = "rotation.incomplete"
		}
		add(cause, level, by.At, h, words...)
	}
}

// maxEvidence bounds what is listed of those that took a rotation up.
const maxEvidence = 20

func isPinned(h Holding) bool { return len(h.Why) > 0 && strings.Contains(h.Why[0], " at version ") }

// source is where a service takes its key from.
type keySource struct {
	service Service
	mount   mount
	deploy  *Change
}

// latentDrift: the revisions of one key domain take their key from
// different secrets or pin different versions.
func (sc *scene) latentDrift(add latentFunc) {
	groups := map[string][]keySource{} // by variable, unless the domain is declared
	for _, s := range sc.services {
		if sc.domain != nil && len(sc.domain.Services) > 0 && sc.domain.member(s.Name) == nil {
			continue
		}
		list, seen := sc.keyMounts(s, sc.now.Add(time.Second))
		if !seen || len(list) == 0 {
			continue
		}
		group := list[0].name
		if sc.domain != nil {
			group = ""
		}
		groups[group] = append(groups[group], keySource{s, list[0], sc.manifest(s, sc.now.Add(time.Second))})
	}
	for _, group := range slices.Sorted(maps.Keys(groups)) {
		sources := groups[group]
		want, agreed := common(sources, func(k keySource) string { return k.mount.secret })
		if sc.domain != nil && sc.domain.Secret != "" {
			want, agreed = shortName(sc.domain.Secret), true
		}
		if !agreed {
			continue
		}
		for _, k := range sources {
			h := Holding{Service: k.service.Name, Environment: k.service.Environment, Evidence: []string{k.deploy.ref()}}
			if k.mount.secret != want && sc.takes(k.service, want) {
				add("env.precedence_conflict", LevelWarning, k.deploy.At, h, fmt.Sprintf("the revision of %s deployed at %s sets several variables that may hold the key: %s from %s beside one from %s, which its peers of the key domain use",
					k.service.Name, clock(k.deploy.At), k.mount.name, k.mount.secret, want))
				continue
			}
			if k.mount.secret != want {
				cause := Cause("key.cross_service_drift")
				if sc.bearsOther(k.mount.secret, k.service.Environment) != "" {
					cause = "key.wrong_environment"
				}
				add(cause, LevelWarning, k.deploy.At, h, fmt.Sprintf("the revision of %s deployed at %s takes %s from secret %s, its peers of the key domain from %s: tokens of one will not verify at the other",
					k.service.Name, clock(k.deploy.At), k.mount.name, k.mount.secret, want))
				continue
			}
			sc.latentPin(k, sources, h, add)
		}
	}
}

// takes reports whether the revision of a service takes a key from a secret.
func (sc *scene) takes(s Service, secret string) bool {
	list, _ := sc.keyMounts(s, sc.now.Add(time.Second))
	return slices.ContainsFunc(list, func(m mount) bool { return m.secret == secret })
}

// latentPin: of two that pin versions of one secret, the lower is behind.
func (sc *scene) latentPin(k keySource, sources []keySource, h Holding, add latentFunc) {
	mine, err := strconv.Atoi(k.mount.version)
	if h, ok := sc.holding(k.service, k.mount); err != nil || ok && h.Newest != "" {
		return // latentStale knows more
	}
	for _, o := range sources {
		if theirs, err := strconv.Atoi(o.mount.version); err == nil && o.mount.secret == k.mount.secret && theirs > mine {
			h.Evidence = append(h.Evidence, o.deploy.ref())
			add("rotation.incomplete", LevelWarning, later(k.deploy.At, o.deploy.At), h, fmt.Sprintf("the revision of %s pins version %d of %s, that of %s version %d: tokens of one will not verify at the other", k.service.Name, mine, k.mount.secret, o.service.Name, theirs))
			return
		}
	}
}

// common is the value that most share; agreed when at least two do and more
// than half of all.
func common(sources []keySource, of func(keySource) string) (value string, agreed bool) {
	n := map[string]int{}
	for _, s := range sources {
		n[of(s)]++
	}
	best := 0
	for v, k := range n {
		if k > best || k == best && v < value {
			value, best = v, k
		}
	}
	return value, best >= 2 && 2*best > len(sources)
}

// factHoldsOld: by its starts, the service holds an older version than others.
var factHoldsOld = &fact{"holds_old", signalChange, func(c *complaint) (answer, string) {
	list, _ := c.mounted()
	for _, m := range list {
		h, ok := c.scene.holding(c.service, m)
		if !ok {
			continue
		}
		for _, e := range h.Evidence {
			c.cite(rest{e, true})
		}
		if h.sure && h.behind && !isPinned(h) {
			return yes, fmt.Sprintf("by its starts it holds version %s of %s, the newest is %s", strings.Join(h.Versions, ", "), h.Secret, h.Newest)
		}
		return no, ""
	}
	return unknown, ""
}}

// silence is how long a service's log must be still before that is told.
const silence = 10 * time.Minute

// silent finds the services whose entries stopped while others went on. Idle
// services are silent too: only a probe that they answer tells the two apart.
func (sc *scene) silent() map[Service]time.Time {
	out := map[Service]time.Time{}
	now := minute(sc.now.UnixNano())
	edge := now - int64(silence/time.Minute)
	others := false
	for _, s := range sc.services {
		sr := sc.ledger.window.services[s]
		others = others || sr != nil && sr.last >= now-2 && now-sr.first > int64(silence/time.Minute)
	}
	if !others {
		return out
	}
	for _, s := range sc.services {
		sr := sc.ledger.window.services[s]
		if sr == nil || sr.last > edge || sr.last-sr.first < 4 || strings.HasSuffix(s.Name, ".googleapis.com") {
			continue
		}
		seen := int64(0)
		for m := sr.last - 30; m <= sr.last; m++ {
			if t := sr.minutes[m]; t != nil {
				seen += t.seen
			}
		}
		minutes := min(31, sr.last-sr.first+1)
		if seen*(now-sr.last) >= 50*minutes { // that many entries are missing
			out[s] = time.Unix(sr.last*60+59, 0).UTC()
		}
	}
	return out
}

// gapsInPipeline concludes that the log of a service is cut when a probe finds
// the service answering.
func (sc *scene) gapsInPipeline() []*conclusion {
	var out []*conclusion
	info := Cause("meta.pipeline_gap").Info()
	for s, since := range sc.silent() {
		i := slices.IndexFunc(sc.results, func(r *ProbeResult) bool {
			return r.Service.Name == s.Name && r.Service.Environment == s.Environment && r.Status != StatusUnknown && r.At.After(since.Add(2*time.Minute))
		})
		if i < 0 {
			unsure := info
			unsure.Level = LevelInfo
			out = append(out, &conclusion{cause: &unsure, verdict: Ambiguous, at: since, services: []string{s.Name}, lines: []string{
				fmt.Sprintf("the last entry of %s came at %s, while other services of the environment went on: it is idle, or its log is cut", s.Name, clock(since)),
			}})
			continue
		}
		r := sc.results[i]
		out = append(out, &conclusion{cause: &info, verdict: Confirmed, at: since, services: []string{s.Name}, rests: []string{r.ref()}, lines: []string{
			fmt.Sprintf("the last entry of %s came at %s, while other services of the environment went on", s.Name, clock(since)),
			fmt.Sprintf("probe %s at %s found it answering", r.Probe, clock(r.At)),
		}})
	}
	slices.SortFunc(out, func(a, b *conclusion) int { return cmp.Compare(a.services[0], b.services[0]) })
	return out
}

// ref names a probe result among what a verdict rests on.
func (r *ProbeResult) ref() string {
	return fmt.Sprintf("probe %s %s %s", r.Probe, r.Target, r.At.UTC().Format(time.RFC3339Nano))
}
