package analyzer

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Holding says which version of a secret a service holds, as far as deploys,
// starts and the secret's own history tell. On Cloud Run a variable is read
// when an instance starts, and never again.
type Holding struct {
	Service     string   `json:"service"`
	Environment string   `json:"environment,omitempty"`
	Secret      string   `json:"secret"`
	Variable    string   `json:"variable"`           // or volume/NAME
	Versions    []string `json:"versions"`           // one; two while instances from before and after a change run; none: it cannot be told
	Newest      string   `json:"newest"`             // of the secret
	Why         []string `json:"why"`                // the evidence, in order of time
	Evidence    []string `json:"evidence,omitempty"` // the changes that it was read from
	sure        bool     // each version was seen to be read or can be no other
	behind      bool     // no instance of it can hold the newest version
	took        bool     // every instance of it holds the newest version
}

// versionEvent is one step in the life of a secret.
type versionEvent struct {
	at      time.Time
	version string
	gone    bool
	change  *Change
}

// history is a secret's versions in order of time.
func (sc *scene) history(secret string) []versionEvent {
	if sc.histories == nil {
		sc.histories = map[string][]versionEvent{}
		for _, c := range sc.changes {
			name := shortName(c.Target)
			switch c.Kind {
			case SecretVersionAdded, SecretVersionEnabled, SecretRotated, ValueChanged:
				sc.histories[name] = append(sc.histories[name], versionEvent{c.At, c.Version, false, c})
			case SecretVersionDisabled, SecretVersionDestroyed:
				sc.histories[name] = append(sc.histories[name], versionEvent{c.At, c.Version, true, c})
			}
		}
	}
	return sc.histories[secret]
}

// before names the version that was the newest until the first step of a
// history.
func before(h []versionEvent) string {
	if len(h) == 0 {
		return ""
	}
	if n, err := strconv.Atoi(h[0].version); err == nil && !h[0].gone && n > 1 {
		return strconv.Itoa(n - 1)
	}
	if h[0].gone {
		return h[0].version
	}
	return "the one of before"
}

// newestAt is the version that latest named at t.
func newestAt(h []versionEvent, t time.Time) (version string, by *Change) {
	alive := []string{before(h)}
	for _, e := range h {
		if e.at.After(t) {
			break
		}
		alive = slices.DeleteFunc(alive, func(v string) bool { return v == e.version })
		if !e.gone {
			alive = append(alive, e.version)
			slices.SortStableFunc(alive, compareVersion)
			by = e.change
		}
	}
	if len(alive) == 0 {
		return "", by
	}
	return alive[len(alive)-1], by
}

// compareVersion orders version numbers; what is no number comes first.
func compareVersion(a, b string) int {
	x, _ := strconv.Atoi(a)
	y, _ := strconv.Atoi(b)
	return cmp.Compare(x, y)
}

// beginnings are the starts and deploys of a service up to t, one for those
// that follow each other within two minutes.
func (sc *scene) beginnings(s Service, t time.Time) []*Change {
	var out []*Change
	for _, c := range sc.of(s) {
		if c.At.After(t) || !c.concerns(s) || c.Kind != InstanceStarted && c.Kind != RevisionDeployed {
			continue
		}
		if n := len(out); n > 0 && c.Kind == InstanceStarted && out[n-1].Kind == RevisionDeployed && c.At.Sub(out[n-1].At) < 2*time.Minute {
			continue // the deploy's own start
		}
		out = append(out, c)
	}
	return out
}

// holdings say what every service of the scene holds of the secrets that its
// revision takes.
func (sc *scene) holdings() []Holding {
	var out []Holding
	for _, s := range sc.services {
		list, _ := sc.keyMounts(s, sc.now.Add(time.Second))
		for _, m := range list {
			if h, ok := sc.holding(s, m); ok {
				out = append(out, h)
			}
		}
	}
	return out
}

// holding weighs one mount of a service; ok is false when nothing is known
// about versions at all.
func (sc *scene) holding(s Service, m mount) (Holding, bool) {
	h := sc.history(m.secret)
	newest, by := newestAt(h, sc.now)
	out := Holding{Service: s.Name, Environment: s.Environment, Secret: m.secret, Variable: m.name, Versions: []string{}, Newest: newest}
	manifest := sc.manifest(s, sc.now.Add(time.Second))
	note := func(c *Change, format string, args ...any) {
		if c != nil && !slices.Contains(out.Evidence, c.ref()) {
			out.Evidence = append(out.Evidence, c.ref())
		}
		out.Why = append(out.Why, fmt.Sprintf(format, args...))
	}
	how := "the variable " + m.name
	if m.volume {
		how = "the volume " + strings.TrimPrefix(m.name, VolumePrefix)
	}
	if _, err := strconv.Atoi(m.version); err == nil {
		out.Versions, out.sure = []string{m.version}, true
		note(manifest, "%s takes %s from %s at version %s, by the revision deployed at %s", s.Name, how, m.secret, m.version, clock(manifest.At))
		if out.behind = newest != "" && compareVersion(m.version, newest) < 0; by != nil {
			note(by, "%s is the newest version since %s", newest, clock(by.At))
		}
		out.took = newest != "" && m.version == newest
		return out, true
	}
	if len(h) == 0 {
		return out, false
	}
	note(manifest, "%s takes %s from %s at %s, by the revision deployed at %s", s.Name, how, m.secret, m.version, clock(manifest.At))
	switch {
	case m.volume:
		sc.fromVolume(&out, by, note)
	default:
		sc.fromVariable(&out, s, h, note)
	}
	sc.loaded(&out, s, m.secret, note)
	out.took = len(out.Versions) == 1 && out.Versions[0] == newest
	out.behind = len(out.Versions) > 0 && !slices.Contains(out.Versions, newest)
	return out, true
}

// fromVariable follows the starts of a service through a secret's history.
func (sc *scene) fromVariable(out *Holding, s Service, h []versionEvent, note func(*Change, string, ...any)) {
	begins := sc.beginnings(s, sc.now)
	for i, b := range begins {
		if b.Kind == RevisionDeployed {
			out.Versions = nil // its instances replace those of before
		}
		v, _ := newestAt(h, b.At)
		if !slices.Contains(out.Versions, v) {
			out.Versions = append(out.Versions, v)
		}
		if next := i + 1; next == len(begins) || begins[next].Kind == RevisionDeployed || !sameNewest(h, b.At, begins[next].At) {
			note(b, "%s at %s, when version %s was the newest", begun(b), clock(b.At), v)
		}
	}
	for _, e := range h {
		word := "was added"
		if e.gone {
			word = "was disabled or destroyed"
		}
		note(e.change, "version %s %s at %s", cmp.Or(e.version, "of unknown number"), word, clock(e.at))
	}
	slices.SortStableFunc(out.Versions, compareVersion)
	if n := len(begins); n == 0 {
		out.Versions = []string{}
		note(nil, "no start of %s was seen", s.Name)
	}
	out.sure = len(out.Versions) == 1
}

func sameNewest(h []versionEvent, a, b time.Time) bool {
	x, _ := newestAt(h, a)
	y, _ := newestAt(h, b)
	return x == y
}

// fromVolume: a mounted file follows the secret, within about two minutes; a
// process that read it once does not.
func (sc *scene) fromVolume(out *Holding, by *Change, note func(*Change, string, ...any)) {
	out.Versions, out.sure = []string{out.Newest}, false
	if by != nil {
		note(by, "version %s is the newest since %s; a mounted file follows within about two minutes, a process that has read it before may not", out.Newest, clock(by.At))
	}
}

// loaded takes the service's own word for what it read last.
func (sc *scene) loaded(out *Holding, s Service, secret string, note func(*Change, string, ...any)) {
	c := sc.lastOf(s, time.Time{}, sc.now, func(x *Change) bool {
		return x.Service == s && x.Version != "" && shortName(x.Target) == secret
	}, SecretLoaded)
	if c == nil {
		return
	}
	if b := sc.beginnings(s, sc.now); len(b) > 0 && b[len(b)-1].At.After(c.At.Add(time.Minute)) {
		return // an instance began after it
	}
	out.Versions, out.sure = []string{c.Version}, true
	note(c, "%s itself said at %s that it loaded version %s", s.Name, clock(c.At), c.Version)
}

func begun(c *Change) string {
	if c.Kind == RevisionDeployed {
		return "a revision was deployed"
	}
	return "an instance started"
}

// factMixedStarts: instances from before and after a change of the key run
// side by side.
var factMixedStarts = &fact{"mixed_starts", signalChange, func(c *complaint) (answer, string) {
	r, _ := c.rotation()
	if r == nil {
		return unknown, ""
	}
	list, _ := c.mounted()
	for _, m := range list {
		if h, ok := c.scene.holding(c.service, m); ok && len(h.Versions) > 1 {
			c.on(r)
			return yes, fmt.Sprintf("instances that started before and after the change run side by side: they hold versions %s of %s", strings.Join(h.Versions, " and "), m.secret)
		}
	}
	return no, ""
}}
