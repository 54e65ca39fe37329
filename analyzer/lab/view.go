package lab

import (
	"time"

	"github.com/why401/why401/analyzer"
)

// View is a running platform as an operator sees it from outside. It is valid
// until Run returns.
type View struct{ p *platform }

// Now is the virtual time.
func (v *View) Now() time.Time { return v.p.clock.Now() }

// Store is the platform's Secret Manager.
func (v *View) Store() *SecretStore { return v.p.store }

// Truth is what the servers have decided so far.
func (v *View) Truth() []Count { return v.p.tally.sorted() }

// Pepper is what the services' /health/jwt handlers share with the analyzer.
func (v *View) Pepper() []byte { return v.p.pepper }

// Domains are the key domains that an operator would declare, with the
// addresses at which services answer to [View.Dial].
func (v *View) Domains() []analyzer.KeyDomain {
	list := v.p.scenario.Domains()
	for i := range list {
		for j := range list[i].Services {
			m := &list[i].Services[j]
			if s := v.p.services[m.Name]; s.spec.RunsOn != GKE {
				m.URL = v.p.addressOf(s)
			}
		}
		if s := v.p.services[list[i].Name]; s != nil && s.spec.Publishes {
			list[i].JWKS = v.p.addressOf(s) + "/.well-known/jwks.json"
			list[i].Discovery = v.p.addressOf(s) + "/.well-known/openid-configuration"
		}
	}
	return list
}

// Domains are the key domains that an operator of the platform would declare:
// one for each secret that services of one environment take at the start, and
// one for each issuer that publishes keys.
func (sc Scenario) Domains() []analyzer.KeyDomain {
	var out []analyzer.KeyDomain
	if sc.Undeclared {
		return nil
	}
	sc = sc.complete()
	for i := range sc.Services {
		s := &sc.Services[i]
		d := sc.domainOf(&out, s)
		if d == nil {
			continue
		}
		if s.Mints {
			d.TokenTTL = max(d.TokenTTL, s.TokenTTL)
		}
		m := analyzer.Member{Name: s.Name, Env: s.Chain, Canary: "/v1/" + s.Name, Signs: s.Mints}
		if s.NoHealth {
			m.Health = "none"
		}
		d.Services = append(d.Services, m)
	}
	return out
}

// domainOf finds or makes the key domain of a service; nil for a service that
// verifies nothing.
func (sc *Scenario) domainOf(list *[]analyzer.KeyDomain, s *ServiceSpec) *analyzer.KeyDomain {
	d := analyzer.KeyDomain{Environment: sc.project(s.Project).Environment, Algorithms: []string{s.Algorithm}, Issuer: s.Issuer,
		Audiences: []string{s.Audience}, Overlap: sc.Overlap}
	switch secret := s.declaredSecret(); {
	case s.Publishes:
		d.Name = s.Name
	case s.Keys != "":
		d.Name = s.Keys
	case secret != "":
		d.Name, d.Secret = secret, "projects/"+sc.secretHome(secret, s).ID+"/secrets/"+secret
	default:
		return nil
	}
	for i := range *list {
		if have := &(*list)[i]; have.Name == d.Name && have.Environment == d.Environment {
			return have
		}
	}
	*list = append(*list, d)
	return &(*list)[len(*list)-1]
}

// secretHome is the project of a secret that a service names.
func (sc *Scenario) secretHome(name string, s *ServiceSpec) Project {
	for _, spec := range sc.Secrets {
		if spec.Name == name && spec.Project != "" {
			return sc.project(spec.Project)
		}
	}
	return sc.project(s.Project)
}

// declaredSecret is the secret that the service's first revision signs or
// verifies with.
func (s *ServiceSpec) declaredSecret() string {
	for _, name := range s.Chain {
		for _, v := range s.Env {
			if v.Name == name && v.Secret != "" {
				return v.Secret
			}
		}
	}
	return ""
}

// project finds a project by id or number; the first one is the default.
func (sc *Scenario) project(id string) Project {
	for _, project := range sc.Projects {
		if id == project.ID || id == project.Number {
			return project
		}
	}
	return sc.Projects[0]
}
