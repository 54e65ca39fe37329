package analyzer

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// scene is one key domain in one environment: all that a diagnosis looks at
// together. Services, complaints, changes and probe results of another scene
// say nothing here.
type scene struct {
	ledger     *Ledger
	cfg        DiagnosisConfig
	name, env  string
	domain     *KeyDomain // nil when none is declared
	services   []Service
	complaints []*complaint
	byFamily   map[*family][]*complaint
	small      map[*family][]*complaint // see opened
	verify     []Service                // see verifiers
	changes    []*Change                // the earliest first
	index      map[string][]*Change     // see of
	histories  map[string][]versionEvent
	peers      map[peersKey]peers
	members    map[string]bool // names of verifiers and signers, see member
	mintedBy   []string        // see signers
	secrets    map[string]int  // how many services mount a secret as their key
	told       bool            // secrets are counted
	mentions   map[string]bool // every secret that a revision mounts
	results    []*ProbeResult
	concluded  []*conclusion
	affected   map[*conclusion][]string // services that a conclusion explains
	now        time.Time
	starts     bool // the log export tells of starts and deploys at all
}

// scenes sorts what is known by key domain and environment.
func (l *Ledger) scenes(cfg DiagnosisConfig) []*scene {
	type key struct{ name, env string }
	byKey := map[key]*scene{}
	var out []*scene
	in := func(name string, domain *KeyDomain, s Service) *scene {
		k := key{name, s.Environment}
		if byKey[k] == nil {
			byKey[k] = &scene{ledger: l, cfg: cfg, name: name, env: s.Environment, domain: domain, now: l.watermark}
			out = append(out, byKey[k])
		}
		return byKey[k]
	}
	at := func(s Service) *scene {
		name, domain := cfg.domain(s)
		return in(name, domain, s)
	}
	for s := range l.window.services {
		sc := at(s)
		sc.services = append(sc.services, s)
	}
	for i := range cfg.Probes {
		r := &cfg.Probes[i]
		s := cfg.probed(r)
		sc := (*scene)(nil)
		if d := cfg.named(r.Domain, s.Environment); d != nil && s.Name == "" {
			sc = in(d.Name, d, s) // of the domain as a whole
		} else {
			sc = at(s)
		}
		sc.results = append(sc.results, r)
	}
	for _, c := range l.known() {
		for _, sc := range out {
			if sc.env == c.Service.Environment || c.Service.Environment == "" {
				sc.changes = append(sc.changes, c)
				sc.starts = sc.starts || c.Kind == InstanceStarted || c.Kind == RevisionDeployed
			}
		}
	}
	slices.SortFunc(out, func(a, b *scene) int { return cmp.Or(cmp.Compare(a.env, b.env), cmp.Compare(a.name, b.name)) })
	for _, sc := range out {
		slices.SortFunc(sc.services, compareService)
		slices.SortFunc(sc.results, compareResult)
	}
	return out
}

// named returns the key domain of this name in an environment, or nil.
func (c DiagnosisConfig) named(name, environment string) *KeyDomain {
	for i := range c.KeyDomains {
		if d := &c.KeyDomains[i]; d.Name == name && (d.Environment == environment || d.Environment == "") {
			return d
		}
	}
	return nil
}

// probed is the service that stands for a probe result: its own, or the key
// domain's environment when it concerns the domain as a whole.
func (c DiagnosisConfig) probed(r *ProbeResult) Service {
	s := r.Service
	if s.Environment == "" {
		for i := range c.KeyDomains {
			if d := &c.KeyDomains[i]; d.Name == r.Domain && (s.Name == "" || d.member(s.Name) != nil) {
				s.Environment = d.Environment
			}
		}
	}
	return s
}

func compareResult(a, b *ProbeResult) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Probe, b.Probe), cmp.Compare(a.Target, b.Target), compareService(a.Service, b.Service), cmp.Compare(a.Cause, b.Cause))
}

// member returns the declared service of this name, or nil.
func (d *KeyDomain) member(name string) *Member {
	for i := range d.Services {
		if d.Services[i].Name == name {
			return &d.Services[i]
		}
	}
	return nil
}

// shortName is the last part of a resource name, versions left out.
func shortName(resource string) string {
	resource, _, _ = strings.Cut(resource, "/versions/")
	return resource[strings.LastIndexByte(resource, '/')+1:]
}

// concerns reports whether a change is one of the service itself.
func (c *Change) concerns(s Service) bool { return c.Target == s.Name || c.Service == s }

// of lists the changes of one service, the earliest first.
func (sc *scene) of(s Service) []*Change {
	if sc.index == nil {
		sc.index = map[string][]*Change{}
		for _, c := range sc.changes {
			sc.index[c.Target] = append(sc.index[c.Target], c)
			if c.Service.Name != c.Target {
				sc.index[c.Service.Name] = append(sc.index[c.Service.Name], c)
			}
		}
	}
	return sc.index[s.Name]
}

// lastOf is last among the changes of one service.
func (sc *scene) lastOf(s Service, from, until time.Time, keep func(*Change) bool, kinds ...ChangeKind) *Change {
	return last(sc.of(s), from, until, keep, kinds...)
}

// shares reports whether a secret's change may matter to the services of the
// scene: the declared secret, else one that some revision mounts, else any
// while no mounts are known.
func (sc *scene) shares(c *Change) bool {
	if sc.domain != nil && sc.domain.Secret != "" {
		return shortName(sc.domain.Secret) == shortName(c.Target)
	}
	sc.countMounts()
	return len(sc.mentions) == 0 || sc.mentions[shortName(c.Target)]
}

// countMounts sums up, once, which secrets the revisions mount.
func (sc *scene) countMounts() {
	if sc.told {
		return
	}
	sc.told, sc.secrets, sc.mentions = true, map[string]int{}, map[string]bool{}
	for _, s := range sc.services {
		list, _ := sc.mounts(s, sc.now.Add(time.Second))
		for _, m := range list {
			sc.mentions[m.secret] = true
		}
		keys, _ := sc.keyMounts(s, sc.now.Add(time.Second))
		for _, m := range keys {
			sc.secrets[m.secret]++
		}
	}
}

// verifiers are the services that are known to look at tokens: declared ones,
// else those that refused one for whatever reason.
func (sc *scene) verifiers() []Service {
	if sc.verify == nil {
		sc.verify = []Service{}
		for _, s := range sc.services {
			if sc.domain != nil && sc.domain.member(s.Name) != nil || sc.ledger.window.verifies(s) {
				sc.verify = append(sc.verify, s)
			}
		}
	}
	return sc.verify
}

// verifies reports whether a service ever told of a token's content.
func (w *Window) verifies(s Service) bool {
	sr := w.services[s]
	return sr != nil && (w.reasons(s) || sr.success)
}

// reasons reports whether a service ever said why it refused a token.
func (w *Window) reasons(s Service) bool {
	sr := w.services[s]
	if sr == nil {
		return false
	}
	for r := range sr.reasons {
		switch r {
		case Unspecified, MissingToken, LoginFailed, RateLimited, PlatformIAMDenied, TokenInLog, UpstreamAuthUnavailable:
		default:
			return true
		}
	}
	return false
}
