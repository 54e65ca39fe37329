package web

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/why401/why401/analyzer"
)

// Lane is what one secret was, or one service held, over time.
type lane struct {
	Name        string
	Environment string
	Secret      bool // the secret's own versions, not a holder's
	Spans       []holding
}

// Now is what the lane is at its end.
func (l lane) Now() holding { return l.Spans[len(l.Spans)-1] }

// holding is a version held from Since on.
type holding struct {
	Version string // "2", "before 2", or what a probe says
	Since   time.Time
	Until   time.Time // zero: still
	How     string    // who says so
	Seen    bool      // a probe looked; else it follows from starts and versions
	Behind  bool      // a newer version of the secret was there
}

// seenHolding is what a probe saw a service hold.
type seenHolding struct {
	what  string
	since time.Time
	probe string
}

// heldSince remembers across updates since when a service holds what it does.
type heldSince struct {
	mu sync.Mutex
	m  map[analyzer.Service][]seenHolding
}

// maxHoldings bounds the memory of one service.
const maxHoldings = 50

// holdsFact is the key of ProbeResult.Facts under which probes name what a
// service holds, such as "version 3 of jwt-main with a trailing newline".
const holdsFact = "holds"

func (h *heldSince) follow(probes []analyzer.ProbeResult) map[analyzer.Service][]seenHolding {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.m == nil {
		h.m = map[analyzer.Service][]seenHolding{}
	}
	for _, r := range probes {
		what := r.Facts[holdsFact]
		if what == "" || r.Service.Name == "" {
			continue
		}
		list := h.m[r.Service]
		if n := len(list); n > 0 && (list[n-1].what == what || !r.At.After(list[n-1].since)) {
			continue
		}
		list = append(list, seenHolding{what, r.At, r.Probe})
		h.m[r.Service] = slices.Clone(list[max(0, len(list)-maxHoldings):])
	}
	return maps.Clone(h.m)
}

// lanes are the rotation timeline: each secret that changed, and each service
// that is known to hold one.
func lanes(r *analyzer.Report, held map[analyzer.Service][]seenHolding) []lane {
	var out []lane
	for _, s := range secretsOf(r.Changes) {
		out = append(out, s.lane())
		for _, svc := range s.holders(r.Changes, held) {
			if l, ok := s.holder(svc, r, held[svc]); ok {
				out = append(out, l)
			}
		}
	}
	return out
}

// secretLife are the versions of one secret, the earliest first.
type secretLife struct {
	name, env string
	project   string
	versions  []analyzer.Change
}

func secretsOf(changes []analyzer.Change) []*secretLife {
	byName := map[[2]string]*secretLife{}
	for _, c := range changes {
		switch c.Kind {
		case analyzer.SecretVersionAdded, analyzer.SecretVersionEnabled, analyzer.SecretVersionDisabled, analyzer.SecretVersionDestroyed:
		default:
			continue
		}
		k := [2]string{c.Target, c.Project}
		if byName[k] == nil {
			byName[k] = &secretLife{name: c.Target, env: c.Service.Environment, project: c.Project}
		}
		byName[k].versions = append(byName[k].versions, c)
	}
	return slices.SortedFunc(maps.Values(byName), func(a, b *secretLife) int {
		return cmp.Or(cmp.Compare(a.env, b.env), cmp.Compare(a.name, b.name))
	})
}

// current is the newest usable version at t, "before N" when only later ones
// are known.
func (s *secretLife) current(t time.Time) string {
	now, first := "", ""
	for _, v := range s.versions {
		if v.Kind == analyzer.SecretVersionDisabled || v.Kind == analyzer.SecretVersionDestroyed {
			continue
		}
		if first == "" {
			first = v.Version
		}
		if !v.At.After(t) {
			now = v.Version
		}
	}
	switch {
	case now != "":
		return now
	case first != "":
		return "before " + first
	}
	return "unknown"
}

func (s *secretLife) lane() lane {
	l := lane{Name: s.name, Environment: s.env, Secret: true}
	l.add(holding{Version: s.current(s.versions[0].At.Add(-time.Nanosecond)), How: "before the first change that was seen"})
	for _, v := range s.versions {
		how := strings.ReplaceAll(strings.TrimPrefix(string(v.Kind), "secret_version_"), "_", " ")
		if v.By != "" {
			how += " by " + v.By
		}
		switch v.Kind {
		case analyzer.SecretVersionAdded, analyzer.SecretVersionEnabled:
			l.add(holding{Version: v.Version, Since: v.At, How: how})
		default:
			l.add(holding{Version: l.Now().Version, Since: v.At, How: fmt.Sprintf("version %s %s", v.Version, how)})
		}
	}
	return l
}

// add ends the span before and begins a new one.
func (l *lane) add(h holding) {
	if n := len(l.Spans); n > 0 {
		l.Spans[n-1].Until = h.Since
	}
	l.Spans = append(l.Spans, h)
}

// holders are the services that loaded a secret in the secret's project, and
// those that a probe saw hold this one.
func (s *secretLife) holders(changes []analyzer.Change, held map[analyzer.Service][]seenHolding) []analyzer.Service {
	found := map[analyzer.Service]bool{}
	for _, c := range changes {
		if c.Service.Name == "" || s.project != "" && c.Project != "" && c.Project != s.project {
			continue
		}
		if c.Kind == analyzer.SecretLoaded || c.Kind == analyzer.RevisionDeployed && s.mounted(&c) != "" {
			svc := c.Service
			if c.Kind == analyzer.RevisionDeployed {
				svc.Name = c.Target
			}
			found[svc] = true
		}
	}
	for svc, list := range held {
		if strings.Contains(list[len(list)-1].what, s.name) {
			found[svc] = true
		}
	}
	return slices.SortedFunc(maps.Keys(found), func(a, b analyzer.Service) int {
		return cmp.Or(cmp.Compare(a.Environment, b.Environment), cmp.Compare(a.Name, b.Name))
	})
}

// mounted is the version of the secret that a deploy mounts first: a number
// when it is pinned, "latest", or "" when it mounts none.
func (s *secretLife) mounted(c *analyzer.Change) string {
	for _, f := range strings.Fields(c.Details[analyzer.MountsDetail]) {
		_, ref, _ := strings.Cut(f, "=")
		if name, version, ok := strings.Cut(ref, "@"); ok && name == s.name {
			return version
		}
	}
	return ""
}

// whole matches a value that is held as it is; whatever follows the
// environment says how it was changed.
var whole = regexp.MustCompile(`^version (\d+)(?: of \S+)?(?: \([^()]*\))?$`)

// holder tells what a service held: what probes saw, and before that what it
// must have loaded at its starts.
func (s *secretLife) holder(svc analyzer.Service, r *analyzer.Report, seen []seenHolding) (lane, bool) {
	l := lane{Name: svc.Name, Environment: svc.Environment}
	pinned := ""
	for i := range r.Changes {
		c := &r.Changes[i]
		if c.Target != svc.Name && c.Service != svc || len(seen) > 0 && !c.At.Before(seen[0].since) {
			continue
		}
		switch c.Kind {
		case analyzer.RevisionDeployed:
			if v := s.mounted(c); v != "" {
				pinned = v
			}
			continue
		case analyzer.InstanceStarted, analyzer.SecretLoaded:
		default:
			continue
		}
		version, how := s.current(c.At), "current when an instance started"
		if pinned != "" && pinned != "latest" {
			version, how = pinned, "pinned by the revision"
		}
		if n := len(l.Spans); n == 0 || l.Spans[n-1].Version != version {
			l.add(holding{Version: version, Since: c.At, How: how})
		}
	}
	for _, h := range seen {
		version := h.what
		if m := whole.FindStringSubmatch(h.what); m != nil {
			version = m[1]
		}
		if n := len(l.Spans); n > 0 && l.Spans[n-1].Version == version {
			l.Spans[n-1].Seen, l.Spans[n-1].How = true, "seen by the "+h.probe+" probe"
			continue
		}
		l.add(holding{Version: version, Since: h.since, How: "seen by the " + h.probe + " probe: holds " + h.what, Seen: true})
	}
	if len(l.Spans) == 0 {
		return l, false
	}
	last := &l.Spans[len(l.Spans)-1]
	last.Behind = last.Version != s.current(r.Span.To)
	if last.Behind && !last.Seen {
		last.How += "; no start was seen since version " + s.current(r.Span.To) + " came"
	}
	return l, true
}
