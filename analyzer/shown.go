package analyzer

import (
	"slices"
	"time"
)

// shown is the cause that a probe result shows, given what deploys and the
// service itself tell: that a service has no secret is one thing when the
// platform maps one for it, another when it says that it makes do with a
// default or a key of its own.
func (sc *scene) shown(r *ProbeResult) Cause {
	s := r.Service
	if s.Name == "" || r.Cause != "key.secret_missing" && r.Cause != "key.cross_service_drift" && r.Cause != "key.too_short" {
		return r.Cause
	}
	says := sc.configurationTexts(s, r.At)
	if a, _ := mention(says, "", generated); a == yes && r.Cause != "key.too_short" {
		return "key.per_process_random"
	}
	if a, _ := mention(says, "", fallback); a == yes {
		return "env.fallback_used"
	}
	if list, _ := sc.keyMounts(s, r.At); r.Cause == "key.secret_missing" && len(list) > 0 {
		return "startup.env_not_loaded"
	}
	return r.Cause
}

// configurationTexts are what a service said of its own secret since its last
// start before t.
func (sc *scene) configurationTexts(s Service, t time.Time) []string {
	since := t.Add(-sc.cfg.Near)
	if b := sc.lastOf(s, t.Add(-adoption), t, nil, InstanceStarted, RevisionDeployed); b != nil {
		since = b.At
	}
	since = since.Add(-time.Minute)
	var texts []string
	for _, r := range configurationReasons {
		for _, x := range sc.ledger.Exemplars(s, r, since.Unix()/3600, t.Unix()/3600+1) {
			if !x.At.Before(since) {
				texts = append(texts, x.Excerpt)
			}
		}
	}
	return slices.Clip(texts)
}

// inOverlap is the cause that a probe result shows before anybody is refused:
// within the declared overlap of a rotation a service may hold the version of
// before.
func (sc *scene) inOverlap(r *ProbeResult) Cause {
	cause := sc.shown(r)
	if cause != "key.stale_cache" && cause != "rotation.incomplete" || sc.domain == nil || sc.domain.Overlap == 0 {
		return cause
	}
	if x := sc.last(r.At.Add(-sc.domain.Overlap), r.At, sc.shares, SecretVersionAdded, SecretRotated); x != nil && !x.isFirst() {
		return "rotation.in_progress"
	}
	return cause
}
