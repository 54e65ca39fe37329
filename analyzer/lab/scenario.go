package lab

import (
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
	Logs     Delivery      `yaml:"logs"`
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
	Value   ValueForm `yaml:"value"` // random by default
}

// EnvVar is an environment variable of a revision: a literal Value, or a
// version of a Secret that the platform resolves when an instance starts.
type EnvVar struct {
	Name    string `yaml:"name"`
	Value   string `yaml:"value"`
	Secret  string `yaml:"secret"`
	Version string `yaml:"version"` // a number or latest, the default
}

// LogStyle is how a service writes its lines.
type LogStyle string

// LogText: plain lines on stderr, which carry neither severity nor trace.
// LogJSON: structured lines on stdout, with severity and trace.
const (
	LogText LogStyle = "text"
	LogJSON LogStyle = "json"
)

// ServiceSpec describes a Cloud Run service. Its API is /v1/NAME.
type ServiceSpec struct {
	Name      string   `yaml:"name"`
	Project   string   `yaml:"project"`
	Instances int      `yaml:"instances"` // at least 1
	Logs      LogStyle `yaml:"logs"`      // text by default
	Env       []EnvVar `yaml:"env"`
	// Chain names the variables that may hold the signing secret, the first
	// set one wins. A service without a chain verifies no tokens.
	Chain []string `yaml:"chain"`
	// Accept names variables whose values are accepted in verification
	// beside the chain's: the previous secret, during a rotation.
	Accept []string `yaml:"accept"`
	// Reread is how often the secret is fetched anew, as from a mounted
	// volume. 0: an instance keeps for life what it read when it started.
	Reread    time.Duration `yaml:"reread"`
	Mints     bool          `yaml:"mints"`     // serves POST /login and /refresh
	TokenTTL  time.Duration `yaml:"token_ttl"` // of what it mints; default 5 minutes
	Calls     string        `yaml:"calls"`     // a POST to the API calls this service with the caller's token
	WebSocket bool          `yaml:"websocket"` // serves GET /ws, with 403 on a bad token
	// Invokers are the service accounts that may call the service; Cloud
	// Run itself refuses everybody else. None: everybody may.
	Invokers []string `yaml:"invokers"`
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
	BadLogin  float64       `yaml:"bad_login"` // share of logins with a wrong password
	Jobs      []Job         `yaml:"jobs"`      // machines
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

// Verb is what a step does.
type Verb string

// The verbs of a timeline, and what their Target is.
const (
	AddVersion     Verb = "add_version"     // secret: a new value, of the form Value
	EnableVersion  Verb = "enable_version"  // secret, Version
	DisableVersion Verb = "disable_version" // secret, Version
	DestroyVersion Verb = "destroy_version" // secret, Version
	Deploy         Verb = "deploy"          // service: a new revision, with Env laid over its variables
	Restart        Verb = "restart"         // service: new instances of the same revision
	Scale          Verb = "scale"           // service: to Count instances; new ones read their secrets now, the oldest go first
	LoseIdentity   Verb = "lose_identity"   // job: calls without its identity token from now on
)

// Verbs are all verbs.
var verbs = []Verb{AddVersion, EnableVersion, DisableVersion, DestroyVersion, Deploy, Restart, Scale, LoseIdentity}

// Step is one line of a timeline.
type Step struct {
	At      time.Duration `yaml:"at"`
	Do      Verb          `yaml:"do"`
	Target  string        `yaml:"target"`
	Version string        `yaml:"version"`
	Value   ValueForm     `yaml:"value"`
	Count   int           `yaml:"count"`
	Env     []EnvVar      `yaml:"env"` // an EnvVar with neither Value nor Secret removes the variable
	Note    string        `yaml:"note"`
	Decoy   bool          `yaml:"decoy"` // has nothing to do with any fault
}
