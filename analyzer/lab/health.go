package lab

import (
	"crypto"
	"net/http"

	"github.com/why401/why401/analyzer/healthjwt"
)

// healthHandler is the instance's /health/jwt: the real handler, over what
// the instance holds in memory. Nil: it serves none.
func (in *instance) healthHandler() http.Handler {
	if in.svc.spec.NoHealth || !in.verifies() {
		return nil
	}
	h, err := healthjwt.New(healthjwt.Config{
		Pepper: healthjwt.NewSecret(in.p.pepper), Held: in.held, Algorithms: []string{in.set.Algorithm}, Issuer: in.set.Issuer,
		Audiences: []string{in.set.Audience}, Leeway: in.set.Leeway, Instance: in.id[:12], Now: in.now, PerMinute: 10_000,
	})
	if err != nil {
		in.p.fail(err)
		return nil
	}
	return h
}

// held is what the instance uses now.
func (in *instance) held() []healthjwt.Held {
	if in.svc.spec.Publishes || in.set.Keys != "" {
		return in.heldKeys()
	}
	ring := in.keyring()
	current := healthjwt.Held{Name: ring.source, Value: healthjwt.NewSecret(ring.sign), Source: "env", Loaded: ring.loaded}
	for _, name := range in.set.Chain {
		v := healthjwt.Variable{Name: name, State: healthjwt.Absent}
		switch value, set := ring.chain[name]; {
		case !set:
		case name == ring.source:
			v.State = healthjwt.Wins
		case value == "":
			v.State = healthjwt.Empty
		case value == ring.chain[ring.source]:
			v.State = healthjwt.Same
		default:
			v.State = healthjwt.Differs
		}
		current.Chain = append(current.Chain, v)
	}
	if i := in.variable(ring.source); i != nil && i.File {
		current.Source = "file"
		current.Again = func() (healthjwt.Secret, error) {
			payload, err := in.p.store.peek(in.p.secretName(i.Secret), 0)
			return healthjwt.NewSecret(in.set.decoded(payload)), err
		}
	}
	out := []healthjwt.Held{current}
	for _, accepted := range ring.accept[min(1, len(ring.accept)):] {
		out = append(out, healthjwt.Held{Name: "previous", Value: healthjwt.NewSecret(accepted), Source: "env", Role: healthjwt.RolePrevious, Loaded: ring.loaded})
	}
	return out
}

func (in *instance) heldKeys() []healthjwt.Held {
	var keys map[string]crypto.PublicKey
	if in.svc.spec.Publishes {
		keys = in.svc.keys.public()
	} else {
		in.mu.Lock()
		defer in.mu.Unlock()
		if in.set.Warmup > 0 && in.copy.tried.IsZero() && in.p.clock.Now().Sub(in.born) >= in.set.Warmup {
			in.fetch(&in.copy) // it warmed up, and nobody has asked for a key yet
		}
		keys = in.copy.keys
	}
	var out []healthjwt.Held
	for _, kid := range sortedKeys(keys) {
		out = append(out, healthjwt.Held{Name: kid, Public: keys[kid], Source: "jwks", Loaded: in.copy.fetched})
	}
	return out
}

// variable finds a variable of the instance's revision.
func (in *instance) variable(name string) *EnvVar {
	for i := range in.vars {
		if in.vars[i].Name == name {
			return &in.vars[i]
		}
	}
	return nil
}
