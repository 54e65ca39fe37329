package analyzer

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// adoption is how long after a rotation a service may still take it up by a
// restart or a deploy, so that the rotation comes to light only then.
const adoption = 24 * time.Hour

// last returns the latest change of the given kinds in (from, until] for
// which keep holds, or nil.
func (sc *scene) last(from, until time.Time, keep func(*Change) bool, kinds ...ChangeKind) *Change {
	for i := len(sc.changes) - 1; i >= 0; i-- {
		c := sc.changes[i]
		if c.At.After(from) && !c.At.After(until) && slices.Contains(kinds, c.Kind) && (keep == nil || keep(c)) {
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
	r := sc.last(c.onset().Add(-adoption), c.horizon(), sc.shares, SecretVersionAdded, SecretVersionEnabled, SecretRotated, ValueChanged, JWKSKeyAdded)
	if r == nil {
		return nil, nil
	}
	t := sc.last(later(r.At, near), c.horizon(), func(x *Change) bool { return !x.concerns(c.service) }, InstanceStarted, RevisionDeployed, SecretLoaded, KeySetRefreshed)
	if r.At.Before(near) && t == nil {
		return nil, nil
	}
	return r, t
}

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
	words := fmt.Sprintf("%s %s of %s at %s, %s before the first failure", r.Kind, r.Version, r.Target, r.At.UTC().Format("15:04:05"), max(0, c.onset().Sub(r.At)).Round(time.Second))
	if taken != nil {
		words += fmt.Sprintf("; %s took it up at %s", taken.who(), taken.At.UTC().Format("15:04:05"))
	}
	return yes, words
}}

var factNoRotation = negate(factRotation, "no_rotation_before", "no change of the shared key came before")

// startSince is the first start or deploy of the complaint's service after t
// and before its onset.
func (c *complaint) startSince(t time.Time) *Change {
	return c.scene.last(t, c.horizon(), func(x *Change) bool { return x.concerns(c.service) }, InstanceStarted, RevisionDeployed, SecretLoaded)
}

var factOlderThanRotation = &fact{"older_than_rotation", signalTime, func(c *complaint) (answer, string) {
	r, _ := c.rotation()
	switch {
	case r == nil:
		return unknown, ""
	case c.startSince(r.At) != nil:
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
	d := c.deploy()
	if d == nil {
		return no, ""
	}
	return yes, fmt.Sprintf("%s of %s at %s came just before", d.Kind, d.Target, d.At.UTC().Format("15:04:05"))
}}

// deploy is the deploy or configuration change of the service itself just
// before the onset.
func (c *complaint) deploy() *Change {
	return c.scene.last(c.onset().Add(-c.scene.cfg.Near), c.horizon(), func(x *Change) bool { return x.concerns(c.service) }, RevisionDeployed, ConfigEdited)
}

var factDeployElsewhere = &fact{"signer_deployed_before", signalChange, func(c *complaint) (answer, string) {
	signers := c.scene.signers()
	if len(signers) == 0 {
		return unknown, ""
	}
	d := c.scene.last(c.onset().Add(-c.scene.cfg.Near), c.horizon(), func(x *Change) bool { return slices.Contains(signers, x.Target) && !x.concerns(c.service) }, RevisionDeployed, ConfigEdited)
	if d == nil {
		return no, ""
	}
	return yes, fmt.Sprintf("%s of %s, which signs tokens, at %s came just before", d.Kind, d.Target, d.At.UTC().Format("15:04:05"))
}}

// signers are the services that are declared to mint tokens.
func (sc *scene) signers() []string {
	var out []string
	if sc.domain != nil {
		for _, m := range sc.domain.Services {
			if m.Signs {
				out = append(out, m.Name)
			}
		}
	}
	return out
}

var factStart = &fact{"start_before", signalTime, func(c *complaint) (answer, string) {
	s := c.scene.last(c.onset().Add(-2*time.Minute), c.horizon(), func(x *Change) bool { return x.concerns(c.service) }, InstanceStarted, RevisionDeployed)
	if s == nil {
		return no, ""
	}
	return yes, fmt.Sprintf("it began with a start of the service at %s", s.At.UTC().Format("15:04:05"))
}}

var factVersionGone = &fact{"version_gone", signalChange, func(c *complaint) (answer, string) {
	v := c.scene.last(c.onset().Add(-adoption), c.horizon(), c.scene.shares, SecretVersionDisabled, SecretVersionDestroyed)
	if v == nil {
		return no, ""
	}
	return yes, fmt.Sprintf("%s %s of %s at %s", v.Kind, v.Version, v.Target, v.At.UTC().Format("15:04:05"))
}}

var factPolicy = &fact{"policy_changed", signalChange, func(c *complaint) (answer, string) {
	p := c.scene.last(c.onset().Add(-adoption), c.horizon(), nil, PolicyChanged)
	if p == nil {
		return no, ""
	}
	return yes, fmt.Sprintf("the IAM policy of %s changed at %s", p.Target, p.At.UTC().Format("15:04:05"))
}}

var factKeyAdded = &fact{"key_added", signalChange, func(c *complaint) (answer, string) {
	k := c.scene.last(c.onset().Add(-adoption), c.horizon(), nil, JWKSKeyAdded)
	if k == nil {
		return no, ""
	}
	return yes, fmt.Sprintf("key %s was added to the key set at %s", k.Version, k.At.UTC().Format("15:04:05"))
}}

var factKeyRemoved = &fact{"key_removed", signalChange, func(c *complaint) (answer, string) {
	kids := c.population(DimKeyID)
	k := c.scene.last(c.onset().Add(-adoption), c.horizon(), func(x *Change) bool { return len(kids) == 0 || kids[x.Version] > 0 }, JWKSKeyRemoved)
	if k == nil {
		return no, ""
	}
	return yes, fmt.Sprintf("key %s was removed from the key set at %s", k.Version, k.At.UTC().Format("15:04:05"))
}}

// A service whose revision mounts several variables of the secret's chain, or
// another secret than its peers, is told by the deploy entries alone.

// keyMounts are the mounts that may hold the domain's secret: those of the
// declared chain, else those whose variable looks like a JWT key's.
func (sc *scene) keyMounts(s Service, t time.Time) (list []mount, seen bool) {
	all, seen := sc.mounts(s, t)
	var chain []string
	if sc.domain != nil {
		if m := sc.domain.member(s.Name); m != nil {
			chain = m.Env
		}
	}
	for _, m := range all {
		name := strings.ToUpper(m.name)
		if slices.Contains(chain, m.name) || len(chain) == 0 && (strings.Contains(name, "JWT") || strings.Contains(name, "TOKEN_SECRET") || strings.Contains(name, "SIGNING_KEY")) {
			if !strings.Contains(name, "PREVIOUS") && !strings.Contains(name, "OLD") {
				list = append(list, m)
			}
		}
	}
	return list, seen
}

var factSeveralVariables = &fact{"several_variables", signalChange, func(c *complaint) (answer, string) {
	list, seen := c.scene.keyMounts(c.service, c.horizon())
	if !seen {
		return unknown, ""
	}
	for _, m := range list {
		if m.secret != list[0].secret || m.version != list[0].version {
			return yes, fmt.Sprintf("its revision sets %s from %s and %s from %s: one of them wins", list[0].name, list[0].secret, m.name, m.secret)
		}
	}
	return no, ""
}}

// peersMount is the secret that most other services of the scene mount.
func (sc *scene) peersMount(but Service) string {
	n := map[string]int{}
	for _, s := range sc.services {
		if s == but {
			continue
		}
		list, _ := sc.keyMounts(s, sc.now.Add(time.Second))
		for _, m := range list {
			n[m.secret]++
		}
	}
	best := ""
	for name, k := range n {
		if best == "" || k > n[best] || k == n[best] && name < best {
			best = name
		}
	}
	return best
}

var factOtherSecret = &fact{"mounts_other_secret", signalChange, func(c *complaint) (answer, string) {
	list, seen := c.scene.keyMounts(c.service, c.horizon())
	want := c.scene.peersMount(c.service)
	if !seen || want == "" || len(list) == 0 {
		return unknown, ""
	}
	for _, m := range list {
		if m.secret == want {
			return no, ""
		}
	}
	return yes, fmt.Sprintf("its revision takes %s from secret %s, its peers from %s", list[0].name, list[0].secret, want)
}}

var factOtherEnvironment = &fact{"mounts_other_environment", signalChange, func(c *complaint) (answer, string) {
	if c.tell(factOtherSecret).answer != yes {
		return c.tell(factOtherSecret).answer, ""
	}
	list, _ := c.scene.keyMounts(c.service, c.horizon())
	for _, s := range c.scene.ledger.window.Services() {
		if e := s.Environment; e != c.service.Environment && e != "" && strings.Contains(list[0].secret, e) {
			return yes, fmt.Sprintf("secret %s bears the name of environment %s", list[0].secret, e)
		}
	}
	for _, e := range []string{"production", "prod", "staging", "development", "dev", "test"} {
		if !strings.HasPrefix(c.service.Environment, e) && slices.Contains(strings.FieldsFunc(list[0].secret, func(r rune) bool { return r == '-' || r == '_' }), e) {
			return yes, fmt.Sprintf("secret %s bears the name of another environment", list[0].secret)
		}
	}
	return no, ""
}}

var factPinned = &fact{"pinned_version", signalChange, func(c *complaint) (answer, string) {
	r, _ := c.rotation()
	list, seen := c.scene.keyMounts(c.service, c.horizon())
	if r == nil || !seen {
		return unknown, ""
	}
	for _, m := range list {
		pinned, err := strconv.Atoi(m.version)
		now, bad := strconv.Atoi(r.Version)
		if err == nil && bad == nil && m.secret == shortName(r.Target) && pinned < now {
			return yes, fmt.Sprintf("its revision pins version %d of %s, the newest is %d", pinned, m.secret, now)
		}
	}
	return no, ""
}}

var factMounted = &fact{"variable_mounted", signalChange, func(c *complaint) (answer, string) {
	list, seen := c.scene.keyMounts(c.service, c.horizon())
	if !seen {
		return unknown, ""
	}
	if len(list) == 0 {
		return no, ""
	}
	return yes, fmt.Sprintf("the platform's manifest of the revision does map %s from secret %s", list[0].name, list[0].secret)
}}

var factNotMounted = negate(factMounted, "variable_not_mounted", "the platform's manifest of the revision maps no variable to a JWT secret")

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
	if r == nil || c.scene.domain == nil || c.scene.domain.Overlap == 0 {
		return unknown, ""
	}
	until := r.At.Add(c.scene.domain.Overlap)
	if c.end().After(until) {
		return no, ""
	}
	return yes, "the declared overlap of the rotation lasts until " + clock(until)
}}

var factPastOverlap = negate(factWithinOverlap, "past_overlap", "the declared overlap of the rotation is over")
