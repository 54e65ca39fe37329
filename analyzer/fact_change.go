package analyzer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// adoption is how long after a rotation a service may still take it up by a
// restart or a deploy, so that the rotation comes to light only then.
const adoption = 24 * time.Hour

// last returns the latest change of the given kinds in (from, until] for
// which keep holds, or nil.
func (sc *scene) last(from, until time.Time, keep func(*Change) bool, kinds ...ChangeKind) *Change {
	return last(sc.changes, from, until, keep, kinds...)
}

func last(list []*Change, from, until time.Time, keep func(*Change) bool, kinds ...ChangeKind) *Change {
	end, _ := slices.BinarySearchFunc(list, until, func(c *Change, t time.Time) int {
		if c.At.After(t) {
			return 1
		}
		return -1
	})
	for i := end - 1; i >= 0 && list[i].At.After(from); i-- {
		if c := list[i]; slices.Contains(kinds, c.Kind) && (keep == nil || keep(c)) {
			return c
		}
	}
	return nil
}

// horizon is the end of the minute in which the failures began: a change in
// that minute may have come before them.
func (c *complaint) horizon() time.Time { return c.onset().Add(time.Minute) }

// rotation is the change of the shared key that the onset may follow from: it
// came just before, or another service took it up just before.
func (c *complaint) rotation() (rotation, taken *Change) {
	sc, near := c.scene, c.onset().Add(-c.scene.cfg.Near)
	r := sc.last(c.onset().Add(-adoption), c.horizon(), func(x *Change) bool { return sc.shares(x) && !x.isFirst() }, SecretVersionAdded, SecretVersionEnabled, SecretRotated, ValueChanged, JWKSKeyAdded)
	if r == nil {
		return nil, nil
	}
	t := sc.last(later(r.At, near), c.horizon(), func(x *Change) bool { return !x.concerns(c.service) }, InstanceStarted, RevisionDeployed, SecretLoaded, KeySetRefreshed)
	if r.At.Before(near) && t == nil {
		return nil, nil
	}
	return r, t
}

// isFirst reports whether a change makes a secret's first version, or was there
// when a probe first looked: there is nothing that a service could still hold
// of before.
func (c *Change) isFirst() bool {
	return c.Kind == SecretVersionAdded && c.Version == "1" || c.Details[atStartDetail] != ""
}

// atStartDetail is the key of Change.Details that marks what was there when a
// probe first looked.
const atStartDetail = "at_start"

// who is the service that a start, a deploy or a loaded secret is of.
func (c *Change) who() string { return cmp.Or(c.Service.Name, c.Target) }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

var factRotation = &fact{"rotation_before", signalChange, func(c *complaint) (answer, string) {
	r, taken := c.rotation()
	if r == nil {
		return no, ""
	}
	c.on(r)
	if r.At.Before(c.onset().Add(-c.scene.cfg.Near)) {
		c.on(taken)
	}
	words := fmt.Sprintf("%s %s of %s at %s, %s before the first failure", r.Kind, r.Version, r.Target, r.At.UTC().Format("15:04:05"), max(0, c.onset().Sub(r.At)).Round(time.Second))
	if taken != nil {
		words += fmt.Sprintf("; %s took it up at %s", taken.who(), taken.At.UTC().Format("15:04:05"))
	}
	return yes, words
}}

var factSecretRotation = &fact{"secret_rotation_before", signalChange, func(c *complaint) (answer, string) {
	if r, _ := c.rotation(); r != nil && r.ofKeySet() {
		return no, ""
	}
	t := c.tell(factRotation)
	return t.answer, t.words
}}

var factNoRotation = negate(factRotation, "no_rotation_before", "no change of the shared key came before")

// own are the changes of the complaint's service.
func (c *complaint) own() []*Change { return c.scene.of(c.service) }

// startSince is the first start or deploy of the complaint's service after t
// and before its onset.
func (c *complaint) startSince(t time.Time) *Change {
	return c.scene.lastOf(c.service, t, c.horizon(), nil, InstanceStarted, RevisionDeployed, SecretLoaded)
}

var factOlderThanRotation = &fact{"older_than_rotation", signalTime, func(c *complaint) (answer, string) {
	r, _ := c.rotation()
	switch {
	case c.on(r) == nil:
		return unknown, ""
	case c.on(c.startSince(r.At)) != nil:
		return no, ""
	case !c.seenBefore(r.At):
		return unknown, ""
	case !c.scene.starts:
		return yes, "the service ran before the change, and no start of it was seen since (the log export tells of no starts at all, so this is weak)"
	}
	return yes, "no start or deploy of " + c.service.Name + " was seen between the change and the first failure: it may hold the value of before"
}}

var factStartedAfterRotation = negate(factOlderThanRotation, "started_after_rotation", "the service started after the change of the key, and fails all the same")

// seenBefore reports whether the service logged anything before t.
func (c *complaint) seenBefore(t time.Time) bool {
	sr := c.scene.ledger.window.services[c.service]
	return sr != nil && time.Unix(sr.first*60, 0).Before(t)
}

var factDeploy = &fact{"deploy_before", signalChange, func(c *complaint) (answer, string) {
	d := c.seek(c.own(), c.onset().Add(-c.scene.cfg.Near), c.horizon(), nil, RevisionDeployed, ConfigEdited)
	if d == nil {
		return no, ""
	}
	return yes, fmt.Sprintf("%s of %s at %s came just before", d.Kind, d.Target, d.At.UTC().Format("15:04:05"))
}}

var factDeployElsewhere = &fact{"signer_deployed_before", signalChange, func(c *complaint) (answer, string) {
	signers := c.scene.signers()
	if len(signers) == 0 {
		return unknown, ""
	}
	d := c.seek(c.scene.changes, c.onset().Add(-c.scene.cfg.Near), c.horizon(), func(x *Change) bool { return slices.Contains(signers, x.Target) && !x.concerns(c.service) }, RevisionDeployed, ConfigEdited)
	if d == nil {
		return no, ""
	}
	return yes, fmt.Sprintf("%s of %s, which signs tokens, at %s came just before", d.Kind, d.Target, d.At.UTC().Format("15:04:05"))
}}

var factNoSignerDeploy = negate(factDeployElsewhere, "no_signer_deployed_before", "no service that signs tokens was deployed before")

// signers are the services that are declared to mint tokens; while none is,
// those where people log in.
func (sc *scene) signers() []string {
	if sc.mintedBy != nil {
		return sc.mintedBy
	}
	out := []string{}
	if sc.domain != nil {
		for _, m := range sc.domain.Services {
			if m.Signs {
				out = append(out, m.Name)
			}
		}
	}
	for _, s := range sc.services {
		if sr := sc.ledger.window.services[s]; len(out) == 0 && sr != nil && sr.reasons[LoginFailed] {
			out = append(out, s.Name)
		}
	}
	sc.mintedBy = out
	return out
}

// factDeployNear: somebody who mints or verifies tokens of the key domain was
// deployed just before, be it the service itself or one that calls it.
var factDeployNear = &fact{"deploy_in_domain", signalChange, func(c *complaint) (answer, string) {
	d := c.seek(c.scene.changes, c.onset().Add(-c.scene.cfg.Near), c.horizon(), c.scene.member, RevisionDeployed, ConfigEdited)
	if d == nil {
		return no, ""
	}
	return yes, fmt.Sprintf("%s came just before", d.told())
}}

// member reports whether a change is of a service that mints or verifies
// tokens of the key domain.
func (sc *scene) member(x *Change) bool {
	if sc.members == nil {
		sc.members = map[string]bool{}
		for _, s := range sc.verifiers() {
			sc.members[s.Name] = true
		}
		for _, name := range sc.signers() {
			sc.members[name] = true
		}
	}
	return sc.members[x.Target] || sc.members[x.Service.Name] && x.Kind != SecretVersionAdded
}

// factDeployInFront: something that looks at no tokens itself, such as a
// gateway, was deployed just before.
var factDeployInFront = &fact{"deploy_in_front", signalChange, func(c *complaint) (answer, string) {
	d := c.seek(c.scene.changes, c.onset().Add(-c.scene.cfg.Near), c.horizon(), func(x *Change) bool { return !c.scene.member(x) && x.Target != "" && !x.concerns(c.service) }, RevisionDeployed, ConfigEdited)
	if d == nil {
		return no, ""
	}
	return yes, fmt.Sprintf("%s, which may stand in front, came just before", d.told())
}}

// factRestartOnly: the process began anew with the configuration of before.
var factRestartOnly = &fact{"restart_only", signalChange, func(c *complaint) (answer, string) {
	near := c.onset().Add(-c.scene.cfg.Near)
	s := c.seek(c.own(), c.onset().Add(-2*time.Minute), c.horizon(), nil, InstanceStarted)
	if s == nil || c.scene.lastOf(c.service, near, c.horizon(), nil, RevisionDeployed, ConfigEdited) != nil {
		return no, ""
	}
	return yes, "it began with a start of the service at " + s.At.UTC().Format(time.TimeOnly) + ", without a deploy"
}}

// factByHand: a person made the version, not automation.
var factByHand = &fact{"version_by_hand", signalChange, func(c *complaint) (answer, string) {
	r, _ := c.rotation()
	if c.on(r) == nil || r.By == "" {
		return unknown, ""
	}
	return when(strings.HasPrefix(r.By, "person"), func() string {
		return fmt.Sprintf("version %s of %s was added by a person's hand", r.Version, r.Target)
	})
}}

var factStart = &fact{"start_before", signalTime, func(c *complaint) (answer, string) {
	s := c.seek(c.own(), c.onset().Add(-2*time.Minute), c.horizon(), nil, InstanceStarted, RevisionDeployed)
	if s == nil {
		return no, ""
	}
	return yes, fmt.Sprintf("it began with a start of the service at %s", s.At.UTC().Format("15:04:05"))
}}

var factVersionGone = &fact{"version_gone", signalChange, func(c *complaint) (answer, string) {
	v := c.seek(c.scene.changes, c.onset().Add(-adoption), c.horizon(), c.scene.shares, SecretVersionDisabled, SecretVersionDestroyed)
	if v == nil {
		return no, ""
	}
	return yes, fmt.Sprintf("%s %s of %s at %s", v.Kind, v.Version, v.Target, v.At.UTC().Format("15:04:05"))
}}

var factPolicy = &fact{"policy_changed", signalChange, func(c *complaint) (answer, string) {
	p := c.seek(c.scene.changes, c.onset().Add(-adoption), c.horizon(), nil, PolicyChanged)
	if p == nil {
		return no, ""
	}
	return yes, fmt.Sprintf("the IAM policy of %s changed at %s", p.Target, p.At.UTC().Format("15:04:05"))
}}

var factQuietWorld = &fact{"no_change_before", signalChange, func(c *complaint) (answer, string) {
	if !c.scene.starts && len(c.scene.changes) == 0 {
		return unknown, ""
	}
	sc := c.scene
	if sc.last(c.onset().Add(-sc.cfg.Near), c.horizon(), func(x *Change) bool { return x.concerns(c.service) || sc.shares(x) }, SecretVersionAdded, SecretVersionEnabled,
		SecretRotated, ValueChanged, RevisionDeployed, ConfigEdited, SecretVersionDisabled, SecretVersionDestroyed, JWKSKeyAdded, JWKSKeyRemoved) != nil {
		return no, ""
	}
	return yes, "neither the service nor its key changed before it began"
}}

var factWithinOverlap = &fact{"within_overlap", signalTime, func(c *complaint) (answer, string) {
	r, _ := c.rotation()
	if c.on(r) == nil || c.scene.domain == nil || c.scene.domain.Overlap == 0 {
		return unknown, ""
	}
	until := r.At.Add(c.scene.domain.Overlap)
	if c.end().After(until) {
		return no, ""
	}
	return yes, "the declared overlap of the rotation lasts until " + clock(until)
}}

var factPastOverlap = negate(factWithinOverlap, "past_overlap", "the declared overlap of the rotation is over")
