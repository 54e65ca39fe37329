package lab

import (
	"slices"
	"time"

	"github.com/why401/why401/analyzer"
)

// Scenario is a platform, its traffic, a timeline of what is done to it, and
// what a good analyzer should say in the end. It is plain data: the yaml
// names are those of a scenario file, and SCENARIOS.md tells how to write one.
type Scenario struct {
	Name     string        `yaml:"name"`     // of the file, without .yaml
	About    string        `yaml:"about"`    // one line for a list
	Cases    []string      `yaml:"cases"`    // what it stands for: inference cases (3, 8), silent failures (S2), confounders (c7), mix
	Platform string        `yaml:"platform"` // a stock platform that the rest is laid over; empty: all is in this file
	Duration time.Duration `yaml:"duration"` // virtual
	Projects []Project     `yaml:"projects"` // the first is the default of services and secrets
	Secrets  []SecretSpec  `yaml:"secrets"`
	Services []ServiceSpec `yaml:"services"`
	Traffic  Traffic       `yaml:"traffic"`
	Timeline []Step        `yaml:"timeline"`
	Overlap  time.Duration `yaml:"overlap"` // declared: how long two versions of a secret may be in use
	Logs     Delivery      `yaml:"logs"`
	Vary     Variation     `yaml:"vary"`
	Probes   ProbePlan     `yaml:"probes"`
	// Expect is what a good analyzer should find. None: the scenario is
	// healthy as far as configuration goes, whatever its timeline does.
	Expect []Expect `yaml:"expect"`
	// Also are causes that are true as well and need not be told: somebody
	// who forges tokens while a service drifts.
	Also     []analyzer.Cause `yaml:"also"`
	Variants []Variant        `yaml:"variants"` // the same with less to see

	// Undeclared: the analyzer is told of no key domain. A variant sets it.
	Undeclared bool
}

// Project is a Google Cloud project: one environment.
type Project struct {
	ID          string `yaml:"id"`
	Number      string `yaml:"number"`
	Region      string `yaml:"region"`
	Environment string `yaml:"environment"` // also the env label of its services
	DataRead    bool   `yaml:"data_read"`   // Secret Manager's DATA_READ audit log is on; off by default, as at Google
	AuditIP     string `yaml:"operator_ip"` // callerIp of administrators; default 198.51.100.7
}

// SecretSpec is a secret that has one version before the scenario begins.
type SecretSpec struct {
	Name    string    `yaml:"name"`
	Project string    `yaml:"project"`
	Value   ValueForm `yaml:"value"`  // random by default
	Before  ValueForm `yaml:"before"` // of a version before that one; empty: there is none
}

// EnvVar is an environment variable of a revision: a literal Value, or a
// version of a Secret that the platform resolves when an instance starts.
type EnvVar struct {
	Name    string `yaml:"name"`
	Value   string `yaml:"value"`
	Secret  string `yaml:"secret"`
	Version string `yaml:"version"` // a number or latest, the default
	File    bool   `yaml:"file"`    // mounted as a file of this name, which follows the secret; a service reads it anew every Reread
	Empty   bool   `yaml:"empty"`   // set, to nothing
}

// Traffic is who calls what. All rates are per virtual time.
type Traffic struct {
	Users     int           `yaml:"users"`
	Rate      float64       `yaml:"rate"` // calls per second of all users together, Poisson
	Calls     []Call        `yaml:"calls"`
	Issuer    string        `yaml:"issuer"`    // the service where users log in
	Health    time.Duration `yaml:"health"`    // the /healthz of every service that anybody may invoke is called this often, without a token
	Sleepy    float64       `yaml:"sleepy"`    // share of tokens that their user lets expire: the ordinary 401
	Anonymous float64       `yaml:"anonymous"` // share of calls without any token
	Through   string        `yaml:"through"`   // the gateway that users' calls go through; empty: none
	Lacking   float64       `yaml:"lacking"`   // share of users without the role that some services want
	BadLogin  float64       `yaml:"bad_login"` // share of logins with a wrong password
	Jobs      []Job         `yaml:"jobs"`      // machines
	Clients   []Client      `yaml:"clients"`   // callers that are no ordinary users
	Operator  string        `yaml:"operator"`  // who acts on the timeline; default a person
	Deployer  string        `yaml:"deployer"`  // who deploys; default a CI service account
}

// Call is one kind of user request.
type Call struct {
	Service string `yaml:"service"`
	Method  string `yaml:"method"` // GET or POST on the service's API, or WS for its WebSocket
	Weight  int    `yaml:"weight"`
}

// Job is a machine that calls a service of the platform regularly, showing
// the identity token of its service account.
type Job struct {
	Name    string        `yaml:"name"`
	Service string        `yaml:"service"`
	Account string        `yaml:"account"`
	Every   time.Duration `yaml:"every"`
}

// Until returns the scenario cut, or prolonged, to a duration: steps that
// would come later are left out.
func (sc Scenario) Until(d time.Duration) Scenario {
	sc.Duration = d
	sc.Timeline = slices.DeleteFunc(slices.Clone(sc.Timeline), func(s Step) bool { return s.At > d })
	return sc
}
