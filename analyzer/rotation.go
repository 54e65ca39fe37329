package analyzer

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Rotation follows one key domain from an old version of its secret to a new
// one, by what instances of its services were seen to hold, and says when the
// old version may go without refusing a user. It only ever concludes from what
// was seen: an instance that it lost sight of counts as it was last seen until
// enough was seen of its service to be sure that it is gone. It is not safe
// for concurrent use.
type Rotation struct {
	Domain  string    `json:"domain"`
	Old     string    `json:"old"`
	New     string    `json:"new"`
	Started time.Time `json:"started"` // when the new version came

	// Lifetime is the longest life of a token that was seen in the domain; the
	// declared one counts too.
	Lifetime time.Duration `json:"lifetime"`
	// Instances are by service and by the name that they give themselves.
	Instances map[string]map[string]*Instance `json:"instances"`
	// Deploys are the latest of each service. Until its instances are of it,
	// what they hold says nothing of what the next ones will.
	Deploys map[string]time.Time `json:"deploys,omitempty"`
	// Drained is the latest moment at which an instance may have signed with
	// the old version that signs with it no more.
	Drained time.Time `json:"drained,omitzero"`
	// Expires is the latest expiry of a token that is known to be signed with
	// the old version, from a log line that told it.
	Expires time.Time `json:"expires,omitzero"`
}

// Instance is what was last seen of one instance of a service.
type Instance struct {
	Seen    time.Time `json:"seen"`
	Signs   string    `json:"signs,omitempty"`
	Accepts []string  `json:"accepts"`
	Since   time.Time `json:"since,omitzero"` // of the process, or of its value when that is newer
	Others  int       `json:"others"`         // sightings of its service since it was last seen
}

// Sighting is what one instance of a service held at a time.
type Sighting struct {
	At       time.Time
	Service  string
	Instance string
	Signs    string    // version that new tokens are signed with; empty: it signs none
	Accepts  []string  // versions that it verifies with
	Started  time.Time // of the process; zero: not told
	Loaded   time.Time // when it began to use the value that it signs with; zero: not told
}

// NewRotation begins to follow a rotation.
func NewRotation(domain, old, new string, started time.Time) *Rotation {
	return &Rotation{Domain: domain, Old: old, New: new, Started: started, Instances: map[string]map[string]*Instance{}, Deploys: map[string]time.Time{}}
}

// firstLoad is how soon after its start a process reads its secret: one that
// read it later had another before.
const firstLoad = time.Minute

// See takes one sighting. Sightings may come in any order of services, but in
// order of time for each instance.
func (r *Rotation) See(s Sighting) {
	all := r.Instances[s.Service]
	if all == nil {
		all = map[string]*Instance{}
		r.Instances[s.Service] = all
	}
	for name, other := range all {
		if name != s.Instance {
			other.Others++
		}
	}
	before := all[s.Instance]
	if s.Signs != "" && s.Signs != r.Old {
		r.drain(s, before)
	}
	all[s.Instance] = &Instance{Seen: s.At, Signs: s.Signs, Accepts: slices.Clone(s.Accepts), Since: later(s.Started, s.Loaded)}
}

// Deploy notes a deploy or a change of configuration of a service.
func (r *Rotation) Deploy(service string, at time.Time) {
	r.Deploys[service] = later(r.Deploys[service], at)
}

// drain notes until when an instance that signs with the old version no more
// may have done so.
func (r *Rotation) drain(s Sighting, before *Instance) {
	if before != nil && before.Signs != r.Old {
		return // known already
	}
	fresh := !s.Started.IsZero() && !s.Loaded.IsZero() && s.Loaded.Sub(s.Started) < firstLoad
	switch {
	case before == nil && fresh:
		return // it never signed with another
	case !s.Loaded.IsZero() && !s.Loaded.After(s.At):
		r.Drained = later(r.Drained, s.Loaded)
	default:
		r.Drained = later(r.Drained, s.At)
	}
}

// Token notes that a token signed with a version lives until expires, and for
// lifetime in all; either may be zero.
func (r *Rotation) Token(version string, lifetime time.Duration, expires time.Time) {
	r.Lifetime = max(r.Lifetime, lifetime)
	if version == r.Old {
		r.Expires = later(r.Expires, expires)
	}
}

// An instance that is not seen while its service is, so often and for so long,
// is gone: one of five that is alive is missed thirty times in a row in one of
// eight hundred cases.
const (
	goneAfter  = 5 * time.Minute
	goneOthers = 30
)

// rollOut is how long a deploy may take to reach all instances. Later it did
// not concern them.
const rollOut = time.Hour

// settle takes instances that are gone out of the count. They may have signed
// until they were given up.
func (r *Rotation) settle(now time.Time) {
	for _, all := range r.Instances {
		for name, i := range all {
			if now.Sub(i.Seen) < goneAfter || i.Others < goneOthers {
				continue
			}
			if i.Signs == r.Old {
				r.Drained = later(r.Drained, i.Seen.Add(goneAfter))
			}
			delete(all, name)
		}
	}
}

// Phase is how far a rotation is.
type Phase string

// The phases, in order.
const (
	PhaseDistribute Phase = "distribute" // verifiers learn to accept the new version
	PhaseSwitch     Phase = "switch"     // signers go over to it
	PhaseDrain      Phase = "drain"      // the last tokens of the old one run out
	PhaseRetire     Phase = "retire"     // the old one may go
)

// Adoption is how far one service is.
type Adoption struct {
	Service   string    `json:"service"`
	Signs     bool      `json:"signs"`
	Instances int       `json:"instances"`
	Accepting int       `json:"accepting"` // instances that verify with the new version
	Signing   int       `json:"signing"`   // instances that sign with it
	Seen      time.Time `json:"seen,omitzero"`
}

// Readiness says whether the old version may go.
type Readiness struct {
	Phase     Phase      `json:"phase"`
	MayRetire bool       `json:"may_retire"`
	At        time.Time  `json:"at,omitzero"` // when it may, as things stand; zero while something is missing
	Missing   []string   `json:"missing"`     // what keeps it, for a person
	Services  []Adoption `json:"services"`
}

// Ready says at now whether the old version may go. every is the time between
// two rounds of sightings: what was not seen within three of them is unknown.
func (r *Rotation) Ready(now time.Time, d *KeyDomain, every time.Duration) Readiness {
	r.settle(now)
	out := Readiness{Phase: PhaseRetire, Missing: []string{}}
	miss := func(p Phase, format string, args ...any) {
		order := []Phase{PhaseDistribute, PhaseSwitch, PhaseDrain, PhaseRetire}
		if slices.Index(order, p) < slices.Index(order, out.Phase) {
			out.Phase = p
		}
		out.Missing = append(out.Missing, fmt.Sprintf(format, args...))
	}
	for _, m := range d.Services {
		a := r.adoption(m, now, every, miss)
		out.Services = append(out.Services, a)
	}
	if len(d.Services) == 0 {
		miss(PhaseDistribute, "no services are declared for %s: list them under key_domains.services, else nobody knows who must be seen", d.Name)
	}
	lifetime := max(r.Lifetime, d.TokenTTL)
	if lifetime == 0 {
		miss(PhaseDrain, "how long a token lives is not known: declare token_ttl")
	}
	if len(out.Missing) > 0 {
		return out
	}
	out.At = now
	if !r.Drained.IsZero() {
		out.At = r.Drained.Add(lifetime + d.Leeway)
	}
	if !r.Expires.IsZero() {
		out.At = later(out.At, r.Expires.Add(d.Leeway))
	}
	if now.Before(out.At) {
		miss(PhaseDrain, "tokens that %s signed may live until %s", r.Old, out.At.UTC().Format("2006-01-02 15:04:05Z"))
		return out
	}
	out.MayRetire = true
	return out
}

// adoption sums up one service and tells what is missing of it.
func (r *Rotation) adoption(m Member, now time.Time, every time.Duration, miss func(Phase, string, ...any)) Adoption {
	a := Adoption{Service: m.Name, Signs: m.Signs}
	all := r.Instances[m.Name]
	stale, laggards := []string{}, []string{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		i := all[name]
		a.Instances++
		a.Seen = later(a.Seen, i.Seen)
		if slices.Contains(i.Accepts, r.New) {
			a.Accepting++
		} else {
			stale = append(stale, name)
		}
		switch {
		case i.Signs == r.New:
			a.Signing++
		case m.Signs:
			laggards = append(laggards, name)
		}
		if i.Signs == r.Old && !m.Signs {
			laggards = append(laggards, name)
		}
	}
	switch {
	case a.Instances == 0:
		miss(PhaseDistribute, "%s was never seen: its secret cannot be looked at, or it does not run", m.Name)
	case now.Sub(a.Seen) > 3*every:
		miss(PhaseDistribute, "%s was last seen at %s: what it holds since is not known", m.Name, a.Seen.UTC().Format("2006-01-02 15:04:05Z"))
	}
	if at := r.Deploys[m.Name]; now.Sub(at) < rollOut {
		old := 0
		for _, i := range all {
			if i.Since.Before(at) {
				old++
			}
		}
		if old > 0 {
			miss(PhaseDistribute, "%s was deployed at %s, and %d of %d instances run since before: what the others will hold is not known", m.Name, at.UTC().Format("2006-01-02 15:04:05Z"), old, a.Instances)
		}
	}
	if len(stale) > 0 {
		miss(PhaseDistribute, "%d of %d instances of %s do not accept version %s: %s", len(stale), a.Instances, m.Name, r.New, some(stale))
	}
	if len(laggards) > 0 {
		miss(PhaseSwitch, "%d of %d instances of %s do not sign with version %s: %s", len(laggards), a.Instances, m.Name, r.New, some(laggards))
	}
	return a
}

// some names a few of many.
func some(names []string) string {
	const few = 3
	out := ""
	for i, n := range names[:min(len(names), few)] {
		if i > 0 {
			out += ", "
		}
		out += cmp.Or(n, "without a name")
	}
	if n := len(names) - few; n > 0 {
		out += fmt.Sprintf(" and %d more", n)
	}
	return out
}
