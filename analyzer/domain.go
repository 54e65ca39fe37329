package analyzer

import (
	"fmt"
	"slices"
	"time"

	"github.com/why401/why401/analyzer/conf"
)

// KeyDomain is a set of services that share one JWT secret or one issuer, and
// what is declared to hold for all of them. Findings, probe results and
// changes meet here; an incident belongs to exactly one.
type KeyDomain struct {
	Name        string        `yaml:"name"`
	Environment string        `yaml:"environment"` // empty: any
	Secret      string        `yaml:"secret"`      // see ParseSecretRef: jwt-main, projects/P/secrets/S, env:NAME, file:PATH; empty: none
	Algorithms  []string      `yaml:"algorithms"`  // what verifiers must accept, RFC 7518 section 3.1 names; empty: not declared
	Issuer      string        `yaml:"issuer"`      // the iss that verifiers must want, to the letter; empty: not declared
	Audiences   []string      `yaml:"audiences"`
	JWKS        string        `yaml:"jwks"`      // https URL of the key set; empty for a shared secret
	Discovery   string        `yaml:"discovery"` // https URL of the OpenID configuration; empty: none
	Leeway      time.Duration `yaml:"leeway"`    // clock tolerance that verifiers must share; 0: not declared
	TokenTTL    time.Duration `yaml:"token_ttl"` // longest life of a token; 0: not declared
	Overlap     time.Duration `yaml:"overlap"`   // how long two versions may be in use after a rotation; 0: not declared
	MaxAge      time.Duration `yaml:"max_age"`   // age at which a secret must be rotated; 0: no policy
	Services    []Member      `yaml:"services"`  // empty: all of the environment
}

// Member is one service of a key domain, as it may be looked at from outside.
type Member struct {
	Name string `yaml:"name"`
	URL  string `yaml:"url"` // base URL, such as https://orders.example.com; empty: it cannot be probed
	// Health is the path of the /health/jwt handler; empty means /health/jwt,
	// "none" that the service has none.
	Health string `yaml:"health"`
	// Env is the declared precedence of the variables that name the secret,
	// the strongest first, such as JWT_SECRET_STAGING, JWT_SECRET_KEY.
	Env []string `yaml:"env"`
	// Canary is a path that needs a token and changes nothing; empty: no
	// canary is sent.
	Canary string `yaml:"canary"`
	Signs  bool   `yaml:"signs"` // it mints tokens
	// Mint is a path that gives a fresh token of nobody to whoever asks, with
	// GET or, written as "POST /path", with POST; empty: no token is fetched.
	Mint string `yaml:"mint"`
}

// Validate returns what is missing or contradicts itself.
func (d KeyDomain) Validate() []conf.FieldError {
	var problems []conf.FieldError
	if d.Name == "" {
		problems = append(problems, conf.FieldError{Path: "name", Msg: "wanted a name for the key domain, found none", Hint: "name it after its secret or issuer, such as jwt-main"})
	}
	if d.Secret != "" {
		if _, err := ParseSecretRef(d.Secret); err != nil {
			problems = append(problems, conf.FieldError{Path: "secret", Msg: err.Error(), Hint: "write projects/PROJECT/secrets/NAME as Secret Manager shows it"})
		}
	}
	if d.Overlap > 0 && d.TokenTTL > 0 && d.Overlap < d.TokenTTL {
		problems = append(problems, conf.FieldError{Path: "overlap", Msg: fmt.Sprintf("wanted at least token_ttl (%s), found %s: tokens signed before a rotation would outlive it", d.TokenTTL, d.Overlap), Hint: "accept both versions until the last old token has expired"})
	}
	for i, m := range d.Services {
		if m.Name == "" {
			problems = append(problems, conf.FieldError{Path: fmt.Sprintf("services[%d].name", i), Msg: "wanted the service's name, found none", Hint: "use the name that its log entries carry (service_name, container_name, …)"})
		}
	}
	return problems
}

// Has reports whether s belongs to the domain.
func (d *KeyDomain) Has(s Service) bool {
	return (d.Environment == "" || d.Environment == s.Environment) &&
		(len(d.Services) == 0 || slices.ContainsFunc(d.Services, func(m Member) bool { return m.Name == s.Name }))
}
