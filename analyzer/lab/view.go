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

// Domains are the key domains that an operator of the platform would declare.
func (v *View) Domains() []analyzer.KeyDomain { return v.p.scenario.Domains() }

// Domains are the key domains that an operator of the platform would declare:
// one for each secret that services of one environment take at the start.
func (sc Scenario) Domains() []analyzer.KeyDomain {
	var out []analyzer.KeyDomain
	if sc.Undeclared {
		return nil
	}
	for i := range sc.Services {
		s := &sc.Services[i]
		secret := s.declaredSecret()
		if secret == "" {
			continue
		}
		project := sc.project(s.Project)
		d := domainOf(&out, secret, project.Environment)
		d.TokenTTL = max(d.TokenTTL, s.TokenTTL)
		d.Services = append(d.Services, analyzer.Member{Name: s.Name, Env: s.Chain, Canary: "/v1/" + s.Name, Signs: s.Mints})
	}
	return out
}

func domainOf(list *[]analyzer.KeyDomain, secret, environment string) *analyzer.KeyDomain {
	for i := range *list {
		if d := &(*list)[i]; d.Secret == secret && d.Environment == environment {
			return d
		}
	}
	*list = append(*list, analyzer.KeyDomain{Name: secret, Environment: environment, Secret: secret,
		Algorithms: []string{"HS256"}, Issuer: tokenIssuer, Audiences: []string{tokenAudience}})
	return &(*list)[len(*list)-1]
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
