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

// A mount is one reference of a revision to a secret: an environment variable
// or a file.
type mount struct {
	name    string // of the variable or the path
	secret  string
	version string // a number, latest or an alias
	volume  bool   // a file, not a variable
}

// VolumePrefix stands before the name of a volume in [MountsDetail].
const VolumePrefix = "volume/"

// MountsDetail is the key of Change.Details under which a deploy lists the
// secret references of the revision, as NAME=SECRET@VERSION, separated by
// blanks: variables by name, volumes as volume/NAME. A revision that refers
// to no secret has a dash.
const MountsDetail = "mounts"

func mountsOf(c *Change) []mount {
	var out []mount
	for _, f := range strings.Fields(c.Details[MountsDetail]) {
		name, ref, ok := strings.Cut(f, "=")
		if !ok {
			continue
		}
		secret, version, _ := strings.Cut(ref, "@")
		out = append(out, mount{name, shortName(secret), version, strings.HasPrefix(name, VolumePrefix)})
	}
	return out
}

// mounts are the secret references of a service's revision that served at t,
// and whether any deploy entry told them.
func (sc *scene) mounts(s Service, t time.Time) (list []mount, seen bool) {
	if d := sc.manifest(s, t); d != nil {
		return mountsOf(d), true
	}
	return nil, false
}

// manifest is the latest deploy of a service before t that lists secret
// references, or nil.
func (sc *scene) manifest(s Service, t time.Time) *Change {
	return sc.lastOf(s, time.Time{}, t, func(x *Change) bool { return x.Details[MountsDetail] != "" }, RevisionDeployed)
}

// mounted are the secret references of the complaint's service when it began.
func (c *complaint) mounted() (list []mount, seen bool) {
	c.on(c.scene.manifest(c.service, c.horizon()))
	return c.scene.keyMounts(c.service, c.horizon())
}

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
		if slices.Contains(chain, m.name) || len(chain) == 0 && isKeyName(m) {
			list = append(list, m)
		}
	}
	// The strongest of a declared chain comes first: it is the one in use.
	slices.SortStableFunc(list, func(a, b mount) int { return cmp.Compare(slices.Index(chain, a.name), slices.Index(chain, b.name)) })
	return list, seen
}

// isKeyName reports whether a variable or volume looks like one that holds the
// key in use; keys of before or for another purpose are none.
func isKeyName(m mount) bool {
	name := strings.ToUpper(m.name)
	for _, other := range []string{"PREVIOUS", "OLD", "NEXT", "REFRESH", "ISSUER", "AUDIENCE", "COOKIE", "WEBHOOK"} {
		if strings.Contains(name, other) {
			return false
		}
	}
	for _, key := range []string{"JWT", "TOKEN_SECRET", "TOKEN_KEY", "SIGNING_KEY", "SIGNING_SECRET", "AUTH_SECRET"} {
		if strings.Contains(name, key) {
			return true
		}
	}
	return m.volume && strings.Contains(strings.ToUpper(m.secret), "JWT")
}

var factSeveralVariables = &fact{"several_variables", signalChange, func(c *complaint) (answer, string) {
	list, seen := c.mounted()
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
	sc.countMounts()
	n := maps.Clone(sc.secrets)
	own, _ := sc.keyMounts(but, sc.now.Add(time.Second))
	for _, m := range own {
		if n[m.secret]--; n[m.secret] <= 0 {
			delete(n, m.secret)
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
	list, seen := c.mounted()
	want := c.scene.peersMount(c.service)
	if d := c.scene.domain; d != nil && d.Secret != "" {
		want = shortName(d.Secret)
	}
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
	list, _ := c.mounted()
	switch e := c.scene.bearsOther(list[0].secret, c.service.Environment); e {
	case "":
		return no, ""
	case anyOther:
		return yes, fmt.Sprintf("secret %s bears the name of another environment", list[0].secret)
	default:
		return yes, fmt.Sprintf("secret %s bears the name of environment %s", list[0].secret, e)
	}
}}

const anyOther = "another"

// bearsOther returns the environment whose name a secret bears, if it is
// another one than env; anyOther when no service of it is known.
func (sc *scene) bearsOther(secret, env string) string {
	words := strings.FieldsFunc(strings.ToLower(secret), func(r rune) bool { return r == '-' || r == '_' || r == '.' })
	for _, e := range sc.ledger.environments() {
		if e != env && slices.Contains(words, e) {
			return e
		}
	}
	if env == "" {
		return ""
	}
	for _, e := range []string{"production", "prod", "staging", "stage", "development", "dev", "test", "qa"} {
		if slices.Contains(words, e) && !strings.HasPrefix(env, e) && !strings.HasPrefix(e, env) {
			return anyOther
		}
	}
	return ""
}

var factPinned = &fact{"pinned_version", signalChange, func(c *complaint) (answer, string) {
	r, _ := c.rotation()
	list, seen := c.mounted()
	if c.on(r) == nil || !seen {
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
	list, seen := c.mounted()
	if !seen {
		return unknown, ""
	}
	if len(list) == 0 {
		return no, ""
	}
	return yes, fmt.Sprintf("the platform's manifest of the revision does map %s from secret %s", list[0].name, list[0].secret)
}}

var factNotMounted = negate(factMounted, "variable_not_mounted", "the platform's manifest of the revision maps no variable to a JWT secret")
