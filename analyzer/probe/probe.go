// Package probe looks at services from outside: it finds a wrong secret, a
// shadowed variable or a missing key before the first user is refused.
//
// A [Probe] is one active check of one key domain. Each kind has a file of its
// own and a line in the map of kinds; [Build] makes the probes of a domain, a
// [Scheduler] runs them: each once an interval, at a random moment of it, a
// few at a time, and the targets that do not answer less and less often.
//
// The package promises: only configured addresses are asked, through a
// [Guard] that connects to no address of the machine or the network around it
// unless told so; secrets are compared, never moved, and no result holds one;
// a probe that could not look says unknown, never ok; every result explains
// itself in a sentence.
package probe

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/healthjwt"
)

// Probe is one active check. Check returns what it saw, at least one result,
// before ctx ends; what could not be seen is a result with status unknown, not
// an error. It is not called again before it has returned.
type Probe interface {
	Check(ctx context.Context) []analyzer.ProbeResult
}

// Target is a probe with its place in the schedule.
type Target struct {
	Kind   string // the key in the map of kinds
	Domain string // name of the key domain
	Name   string // what is looked at: a service, a secret, a host, or the domain
	Every  time.Duration
	Probe  Probe
}

// Deps is what the kinds build their probes from.
type Deps struct {
	Config  Config
	Domains []analyzer.KeyDomain // all of them: some checks compare domains
	Guard   *Guard               // the only way out to services
	// Reference reads the values that services may hold. Nil: none can be
	// read, and what needs them says unknown.
	Reference Reference
	// Pepper is shared with the services' /health/jwt handlers. Nil: no
	// fingerprint can be asked for, and what needs one says unknown.
	Pepper *healthjwt.Pepper
	// Classifier reads what services answer; nil: only the standardized part
	// of an answer is understood.
	Classifier analyzer.Classifier
	Traces     *Traces // of canaries, by which their log lines are known; nil: responses only
	// Changed is told of changes that probes saw, each once. It may be nil,
	// and is called from several goroutines.
	Changed func(analyzer.Change)
	// Sighted is told what each instance that answered holds. It may be nil,
	// and is called from several goroutines.
	Sighted func(domain analyzer.KeyDomain, s analyzer.Sighting)
	Past    []analyzer.Change // what Changed was told in earlier runs, oldest first

	once   sync.Once
	rounds *rounds // the answers of /health/jwt, shared by the kinds
}

// Reference reads the versions of a key domain's secret and the other values
// that its services may hold by mistake. It reads only what the configuration
// names. The order says what is liked best: the newest version of the own
// environment first.
type Reference interface {
	Candidates(ctx context.Context, domain analyzer.KeyDomain) ([]Candidate, error)
}

// changed tells of a change, when somebody listens.
func (d *Deps) changed(c analyzer.Change) {
	if d.Changed != nil {
		d.Changed(c)
	}
}

// sighted tells what an instance holds, when somebody listens. Its times are
// put right by how far its clock is from ours.
func (d *Deps) sighted(domain analyzer.KeyDomain, h *held) {
	if d.Sighted == nil || !h.told() || len(h.accepts) == 0 || h.at == nil {
		return
	}
	e := h.answer.Extension
	s := analyzer.Sighting{At: h.at.Got, Service: h.member.Name, Instance: e.Instance, Accepts: h.accepts}
	if ahead := e.Now.Sub(h.at.Got); !e.Now.IsZero() {
		if !e.Started.IsZero() {
			s.Started = e.Started.Add(-ahead)
		}
		if !h.state.Loaded.IsZero() {
			s.Loaded = h.state.Loaded.Add(-ahead)
		}
	}
	if h.member.Signs && h.named && h.match.Word == "" && h.match.Mutation == "" {
		s.Signs = h.match.Version
	}
	d.Sighted(domain, s)
}

// builder makes the targets of one kind for a key domain: none when the
// domain declares nothing that the kind could look at.
type builder func(domain analyzer.KeyDomain, d *Deps) ([]Target, error)

// kinds are the kinds of probe, by the word that results, the configuration
// and metrics carry. Nobody changes the map at run time.
var kinds = map[string]builder{
	"alignment":      newAlignment,
	"canary":         newCanary,
	"clock":          newClock,
	"fingerprint":    newFingerprint,
	"jwks":           newJWKS,
	"mint":           newMint,
	"negative":       newNegative,
	"oidc":           newOIDC,
	"precedence":     newPrecedence,
	"redis_login":    newRedisLogin,
	"replicas":       newReplicas,
	"secret":         newSecret,
	"secret_manager": newSecretManager,
}

// Kinds returns the names of all kinds, sorted.
func Kinds() []string { return slices.Sorted(maps.Keys(kinds)) }

// Build makes the targets of every kind that the configuration leaves on, for
// every domain of d. Its error holds all problems.
func Build(d *Deps) ([]Target, error) {
	var out []Target
	var errs []error
	for _, domain := range d.Domains {
		for _, kind := range Kinds() {
			if slices.Contains(d.Config.Off, kind) {
				continue
			}
			ts, err := kinds[kind](domain, d)
			if err != nil {
				errs = append(errs, fmt.Errorf("build %s probe of key domain %s: %w", kind, domain.Name, err))
			}
			for _, t := range ts {
				t.Kind, t.Domain = kind, domain.Name
				if slices.Contains(healthKinds, kind) {
					t.Probe = weighed{t.Probe, d, domain}
				}
				if t.Every <= 0 {
					t.Every = d.Config.every(kind)
				}
				out = append(out, t)
			}
		}
	}
	return out, errors.Join(errs...)
}

// check runs a target's probe and completes its results.
func (t *Target) check(ctx context.Context, timeout time.Duration) []analyzer.ProbeResult {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	began := time.Now()
	results := t.Probe.Check(ctx)
	if len(results) == 0 {
		results = []analyzer.ProbeResult{{Status: analyzer.StatusUnknown, Detail: "the probe came back without an answer"}}
	}
	for i := range results {
		r := &results[i]
		r.Probe, r.Domain = t.Kind, t.Domain
		if r.Target == "" {
			r.Target = t.Name
		}
		if r.At.IsZero() {
			r.At = began
		}
		if r.Took == 0 {
			r.Took = time.Since(began)
		}
	}
	return results
}
